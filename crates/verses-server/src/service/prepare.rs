//! What a batch must know before its transaction: which translation a creation means, and the text for it. Outside
//! calls happen here, several at once, each with its provider's limit of time; no transaction waits for them.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt};
use verses_core::{
    ApplyContext, CreateVerse, DEFAULT_TRANSLATION, Operation, TextLookup, UnixMillis, UserState, Verse, VerseId,
};
use verses_protocol::TextSource;

use super::decide::{BatchDecision, Prepared};
use super::decode::ToApply;
use super::target::{self, Target};
use super::{Service, ServiceError};
use crate::storage::{Storage, UserId, Wanted};
use crate::texts::{PassageRequest, TextError};

/// Texts asked for at the same time, for one batch.
const TEXTS_AT_ONCE: usize = 8;

/// A text that was looked up for a creation.
#[derive(Debug, Clone)]
struct LookedUp {
    text: TextLookup,
    source: Option<TextSource>,
    may_store: bool,
}

impl LookedUp {
    fn not_asked() -> Self {
        Self { text: TextLookup::NotAsked, source: None, may_store: true }
    }
}

/// What a creation aims at: the passage in the translation it names or, if it names none, in each of those that may be
/// meant, best first.
#[derive(Debug)]
struct Aim {
    targets: Vec<(String, Target)>,
}

impl<S: Storage> Service<S> {
    pub(super) async fn prepare(
        &self,
        user: UserId,
        now: UnixMillis,
        operations: Vec<(usize, ToApply)>,
    ) -> Result<BatchDecision, ServiceError> {
        let aims = self.aims(user, now, &operations).await?;
        let texts = self.texts_for(now, &aims).await?;
        let prepare = |(position, ToApply { id, mut operation, content_hash })| {
            let mut prepared = LookedUp::not_asked();
            let (mut typed, mut verse_id) = (None, target::verse_of(&operation));
            if let Operation::CreateVerse(create) = &mut operation {
                typed = Some(create.reference.clone());
                if let Some(aim) = aims.get(&position) {
                    let (translation, target, looked_up) = choose(aim, &texts);
                    create.translation = Some(translation);
                    verse_id = Some(target);
                    prepared = looked_up;
                }
            }
            let LookedUp { text, source, may_store } = prepared;
            Prepared { position, id, operation, content_hash, text, source, may_store, typed, verse_id }
        };
        Ok(BatchDecision { now, operations: operations.into_iter().map(prepare).collect() })
    }

    /// What each creation that is not in the ledger yet aims at, by position.
    async fn aims(
        &self,
        user: UserId,
        now: UnixMillis,
        operations: &[(usize, ToApply)],
    ) -> Result<BTreeMap<usize, Aim>, ServiceError> {
        if !operations.iter().any(|(_, sent)| matches!(sent.operation, Operation::CreateVerse(_))) {
            return Ok(BTreeMap::new());
        }
        let of_kind =
            |operation: &Operation| matches!(operation, Operation::CreateVerse(_) | Operation::UpdateProfile(_));
        let ids = operations.iter().filter(|(_, sent)| of_kind(&sent.operation)).map(|(_, sent)| sent.id.clone());
        let wanted = Wanted { operations: ids.collect(), profile: true, ..Wanted::default() };
        let known = self.storage.read(user, wanted).await?;
        let mut state = UserState { profile: known.profile, ..UserState::default() };
        let mut aims = BTreeMap::new();
        for (position, sent) in operations.iter().filter(|(_, sent)| !known.ledger.contains_key(&sent.id)) {
            match &sent.operation {
                // A preference set earlier in the same batch counts already, unless it is refused or out of date.
                Operation::UpdateProfile(_) => {
                    let context = ApplyContext { operation_id: &sent.id, now, text: &TextLookup::NotAsked };
                    drop(verses_core::apply(&mut state, &context, &sent.operation));
                }
                Operation::CreateVerse(create) => {
                    let preferred = state.profile.preferred_translation.value.as_deref();
                    aims.insert(*position, aim(create, preferred));
                }
                _ => {}
            }
        }
        Ok(aims)
    }

    /// The texts of all targets that need one, each looked up once: in the database where nobody nearer has it, then
    /// at its provider.
    async fn texts_for(
        &self,
        now: UnixMillis,
        aims: &BTreeMap<usize, Aim>,
    ) -> Result<BTreeMap<VerseId, LookedUp>, ServiceError> {
        let targets = aims.values().flat_map(|aim| &aim.targets);
        let requests: BTreeMap<VerseId, &PassageRequest> =
            targets.filter_map(|(_, target)| Some((target.id, target.request.as_ref()?))).collect();
        let in_database: BTreeSet<VerseId> =
            requests.iter().filter(|(_, request)| self.may_be_in_database(request)).map(|(id, _)| *id).collect();
        let mut known = BTreeMap::new();
        if !in_database.is_empty() {
            known = self.storage.catalogue(in_database).await?;
            known.retain(|_, verse| !verse.text.is_empty());
        }
        let look_up = |(id, request): (VerseId, PassageRequest)| {
            let known = known.get(&id).cloned();
            async move { (id, self.look_up(now, id, &request, known).await) }
        };
        let requests: Vec<_> = requests.into_iter().map(|(id, request)| look_up((id, request.clone()))).collect();
        Ok(stream::iter(requests).buffer_unordered(TEXTS_AT_ONCE).collect().await)
    }

    /// Texts in the binary are nearer than the database, and some may not be stored at all.
    fn may_be_in_database(&self, request: &PassageRequest) -> bool {
        self.texts
            .provider(&request.translation)
            .is_none_or(|provider| provider.may_store() && provider.source() != TextSource::Corpus)
    }

    async fn look_up(&self, now: UnixMillis, id: VerseId, request: &PassageRequest, known: Option<Verse>) -> LookedUp {
        if let Some(verse) = known {
            let source = Some(TextSource::Database);
            return LookedUp { text: TextLookup::Found(verse), source, may_store: true };
        }
        match self.texts.fetch(request).await {
            Ok(found) => LookedUp {
                text: TextLookup::Found(target::verse(id, request, found.text, now)),
                source: Some(found.source),
                may_store: found.may_store,
            },
            Err(TextError::Unavailable(message)) => {
                LookedUp { text: TextLookup::Unavailable { message }, ..LookedUp::not_asked() }
            }
            Err(TextError::Failed(message)) => {
                LookedUp { text: TextLookup::Failed { message }, ..LookedUp::not_asked() }
            }
        }
    }
}

fn aim(create: &CreateVerse, preferred: Option<&str>) -> Aim {
    let with_text = create.text.as_ref().is_some_and(|text| !text.trim().is_empty());
    let translations = match (&create.translation, preferred) {
        (Some(named), _) => vec![named.as_str()],
        (None, Some(preferred)) if with_text || preferred == DEFAULT_TRANSLATION => vec![preferred],
        (None, Some(preferred)) => vec![preferred, DEFAULT_TRANSLATION],
        (None, None) => vec![DEFAULT_TRANSLATION],
    };
    let target = |translation: &str| {
        let mut target = target::of(&create.reference, translation);
        if with_text {
            target.request = None;
        }
        (target.translation.clone(), target)
    };
    Aim { targets: translations.into_iter().map(target).collect() }
}

/// The first target whose text is not known to be unavailable; the first of all if every one is. A provider that fails
/// does not change the translation: the operation is to be sent again.
fn choose(aim: &Aim, texts: &BTreeMap<VerseId, LookedUp>) -> (String, VerseId, LookedUp) {
    let mut all = aim.targets.iter().map(|(translation, target)| {
        let text = texts.get(&target.id).filter(|_| target.request.is_some());
        (translation.clone(), target.id, text.cloned().unwrap_or_else(LookedUp::not_asked))
    });
    let first = all.next();
    let available = |found: &(String, VerseId, LookedUp)| !matches!(found.2.text, TextLookup::Unavailable { .. });
    let chosen = first.iter().find(|found| available(found)).cloned().or_else(|| all.find(available)).or(first);
    // An aim has at least one target: see `aim`.
    chosen.unwrap_or_else(|| (DEFAULT_TRANSLATION.to_owned(), VerseId(uuid::Uuid::nil()), LookedUp::not_asked()))
}
