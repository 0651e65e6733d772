//! Lookups: a reference as typed, answered with the verse, its text, and the caller's card. Nothing is written.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt};
use verses_core::{DEFAULT_TRANSLATION, Rejection, RejectionCode, UnixMillis, Verse, VerseId};
use verses_protocol::{LookupData, LookupPayload, TextSource, UserCard};

use super::target::{self, Target};
use super::{Service, ServiceError};
use crate::storage::{Loaded, Storage, UserId, Wanted};
use crate::texts::TextError;

/// Texts asked for at the same time, for one batch of lookups.
const TEXTS_AT_ONCE: usize = 8;

impl<S: Storage> Service<S> {
    /// Looks one reference up. The verse is null when nobody has a text for it.
    ///
    /// # Errors
    /// [`ServiceError::Request`] when the reference is no passage and no text of the user's own, or when the text's
    /// provider does not answer; those of the storage.
    pub async fn lookup(
        &self,
        user: UserId,
        now: UnixMillis,
        payload: LookupPayload,
    ) -> Result<LookupData, ServiceError> {
        match self.lookups(user, now, vec![payload]).await?.pop() {
            Some(Ok(found)) => Ok(found),
            Some(Err(rejection)) => Err(ServiceError::request(rejection.code.into(), rejection.message)),
            None => Err(ServiceError::request(verses_protocol::ErrorCode::Internal, "the lookup was not answered")),
        }
    }

    /// Looks several references up; the answers stand in the order of the questions.
    pub(super) async fn lookups(
        &self,
        user: UserId,
        now: UnixMillis,
        payloads: Vec<LookupPayload>,
    ) -> Result<Vec<Result<LookupData, Rejection>>, ServiceError> {
        let targets = self.lookup_targets(user, &payloads).await?;
        let ids: BTreeSet<VerseId> = targets.iter().map(|target| target.id).collect();
        let loaded = self.storage.read(user, Wanted { cards: ids.clone(), verses: ids, ..Wanted::default() }).await?;
        let loaded = &loaded;
        let asked = payloads.into_iter().zip(targets);
        let answers = asked.map(|(payload, target)| self.answer_lookup(now, payload, target, loaded));
        Ok(stream::iter(answers.collect::<Vec<_>>()).buffered(TEXTS_AT_ONCE).collect().await)
    }

    async fn lookup_targets(&self, user: UserId, payloads: &[LookupPayload]) -> Result<Vec<Target>, ServiceError> {
        let mut preferred = None;
        if payloads.iter().any(|payload| payload.translation.is_none()) {
            let loaded = self.storage.read(user, Wanted { profile: true, ..Wanted::default() }).await?;
            preferred = loaded.profile.preferred_translation.value.filter(|translation| self.texts.serves(translation));
        }
        let fallback = preferred.as_deref().unwrap_or(DEFAULT_TRANSLATION);
        let of = |payload: &LookupPayload| {
            target::of(&payload.reference, payload.translation.as_deref().unwrap_or(fallback))
        };
        Ok(payloads.iter().map(of).collect())
    }

    async fn answer_lookup(
        &self,
        now: UnixMillis,
        payload: LookupPayload,
        target: Target,
        loaded: &Loaded,
    ) -> Result<LookupData, Rejection> {
        let user_card = loaded.cards.get(&target.id).map(UserCard::from);
        let stored = loaded.verses.get(&target.id).cloned();
        let (verse, source) = match (stored, &target.request) {
            (Some(verse), _) if !verse.is_verified => (Some(verse), None),
            (Some(verse), _) if !verse.text.is_empty() => (Some(verse), Some(TextSource::Database)),
            (stored, Some(request)) => match self.texts.fetch(request).await {
                Ok(found) => {
                    let made = || target::verse(target.id, request, String::new(), now);
                    (Some(Verse { text: found.text, ..stored.unwrap_or_else(made) }), Some(found.source))
                }
                Err(TextError::Unavailable(_)) => (None, None),
                Err(TextError::Failed(message)) => {
                    return Err(Rejection { code: RejectionCode::ProviderUnavailable, message });
                }
            },
            (_, None) => return Err(target.refusal()),
        };
        let canonical = verse
            .as_ref()
            .map(|verse| &verse.reference)
            .or_else(|| target.request.as_ref().map(|request| &request.reference));
        let found_via_alias = canonical.is_some_and(|canonical| payload.reference.trim() != canonical);
        Ok(LookupData { verse, found_via_alias, user_card, source })
    }
}
