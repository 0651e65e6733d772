//! The pure part of a batch's transaction: replays are answered from the ledger, the others applied one after the other
//! to the same state, each with its own outcome. What is valid and what it does, the domain says.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde::de::DeserializeOwned;
use verses_core::{
    ApplyContext, CardEvent, CreateVerse, Effect, Operation, OperationId, OperationKind, Profile, Rejection,
    RejectionCode, TextLookup, UnixMillis, UserState, Verse, VerseId,
};
use verses_protocol::{
    CardData, CorrectedStamp, CreateData, LookupData, ProfileData, ProfileView, TextSource, UserCard,
};

use super::digest::next_chain;
use super::replay;
use crate::storage::{Decision, LedgerEntry, Loaded, StorageError, Wanted, Writes};

/// An operation with everything that had to be known before the transaction.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    /// Where it stood in the request.
    pub(super) position: usize,
    pub(super) id: OperationId,
    pub(super) operation: Operation,
    pub(super) content_hash: [u8; 32],
    /// For a creation: the text, and where it came from.
    pub(super) text: TextLookup,
    pub(super) source: Option<TextSource>,
    /// Whether the database may keep that text.
    pub(super) may_store: bool,
    /// For a creation: what the user wrote.
    pub(super) typed: Option<String>,
    /// The verse it is about.
    pub(super) verse_id: Option<VerseId>,
}

/// A batch ready to be decided.
#[derive(Debug)]
pub(super) struct BatchDecision {
    pub(super) now: UnixMillis,
    pub(super) operations: Vec<Prepared>,
}

/// What came of a batch.
#[derive(Debug)]
pub(super) struct Decided {
    /// By position in the request.
    pub(super) outcomes: Vec<(usize, Outcome)>,
    /// Whether anything new is in the ledger.
    pub(super) changed: bool,
}

/// What came of one operation.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every one is the large variant, and none lives long")]
pub(super) enum Outcome {
    Applied(Data),
    /// It was in the ledger; its answer as stored.
    Replayed {
        kind: OperationKind,
        outcome: String,
    },
    Refused(Rejection),
}

/// The data of an answer.
#[derive(Debug, Clone)]
pub(super) enum Data {
    Lookup(LookupData),
    Create(CreateData),
    Card(CardData),
    Profile(ProfileData),
}

impl Data {
    /// The first answer of an operation that came again.
    pub(super) fn read_back(kind: OperationKind, outcome: &str) -> Result<Self, StorageError> {
        fn read<T: DeserializeOwned>(outcome: &str) -> Result<T, StorageError> {
            serde_json::from_str(outcome)
                .map_err(|error| StorageError::Failed(format!("a stored answer cannot be read: {error}")))
        }
        Ok(match kind {
            OperationKind::CreateVerse => Self::Create(CreateData { duplicate: true, ..read(outcome)? }),
            OperationKind::UpdateProfile => Self::Profile(ProfileData { duplicate: true, ..read(outcome)? }),
            OperationKind::RecordReview
            | OperationKind::ArchiveVerse
            | OperationKind::RestoreVerse
            | OperationKind::SetPhase => Self::Card(CardData { duplicate: true, ..read(outcome)? }),
        })
    }

    /// As it goes into the ledger: without a text of the shared catalogue, which is stored once for all.
    fn to_stored(&self) -> String {
        fn write<T: Serialize>(data: &T) -> String {
            // These types have no map with keys that are not texts, and write to memory: serde_json cannot fail.
            serde_json::to_string(data).unwrap_or_default()
        }
        match self {
            Self::Create(data) if data.verse.is_verified => {
                let verse = Verse { text: String::new(), ..data.verse.clone() };
                write(&CreateData { verse, ..data.clone() })
            }
            Self::Create(data) => write(data),
            Self::Card(data) => write(data),
            Self::Profile(data) => write(data),
            Self::Lookup(data) => write(data),
        }
    }
}

impl BatchDecision {
    /// What the transaction must load.
    pub(super) fn wanted(&self) -> Wanted {
        let creations = self.operations.iter().filter(|prepared| prepared.typed.is_some());
        Wanted {
            operations: self.operations.iter().map(|prepared| prepared.id.clone()).collect(),
            cards: self.operations.iter().filter_map(|prepared| prepared.verse_id).collect(),
            verses: creations.filter_map(|prepared| prepared.verse_id).collect(),
            profile: verses_core::needs_profile(self.operations.iter().map(|prepared| &prepared.operation), self.now),
        }
    }
}

impl Decision for BatchDecision {
    type Answer = Decided;

    fn wants_events(&self, loaded: &Loaded) -> BTreeSet<VerseId> {
        let new = self.operations.iter().filter(|prepared| !loaded.ledger.contains_key(&prepared.id));
        let operations = new.map(|prepared| (&prepared.id, &prepared.operation));
        let cards = loaded.cards.iter().map(|(id, card)| (*id, card.clone())).collect();
        let state = UserState { cards, ..UserState::default() };
        verses_core::needs_events(&state, operations, self.now).into_iter().collect()
    }

    fn decide(&self, mut loaded: Loaded, events: BTreeMap<VerseId, Vec<CardEvent>>) -> (Writes, Decided) {
        let mut operations = self.operations.clone();
        date_as_in_catalogue(&mut operations, &loaded);
        // A text of the catalogue that this user never added is not the user's: what others added must make no
        // difference to what happens here.
        loaded.verses.retain(|id, verse| !verse.is_verified || loaded.cards.contains_key(id));
        let own_before = loaded.verses.values().filter(|verse| !verse.is_verified).map(|verse| verse.id).collect();
        let mut run = Run {
            now: self.now,
            own_before,
            seq: loaded.last_seq,
            chain: loaded.last_chain,
            profile_before: loaded.profile.clone(),
            state: UserState {
                cards: loaded.cards.into_iter().collect(),
                verses: loaded.verses.into_iter().collect(),
                events: events.into_iter().collect(),
                profile: loaded.profile,
            },
            writes: Writes::default(),
            touched: BTreeSet::new(),
        };
        let mut outcomes = Vec::with_capacity(operations.len());
        for prepared in operations {
            let position = prepared.position;
            let outcome = match loaded.ledger.get(&prepared.id) {
                Some(entry) => answer_again(entry, &prepared),
                None => run.apply(prepared).map_or_else(Outcome::Refused, Outcome::Applied),
            };
            outcomes.push((position, outcome));
        }
        let writes = run.finish();
        let changed = !writes.ledger.is_empty();
        (writes, Decided { outcomes, changed })
    }
}

/// A text that is in the catalogue already has been there since then, whoever supplied it now.
fn date_as_in_catalogue(operations: &mut [Prepared], loaded: &Loaded) {
    for prepared in operations {
        if let TextLookup::Found(verse) = &mut prepared.text
            && let Some(known) = loaded.verses.get(&verse.id).filter(|known| known.is_verified)
        {
            (verse.created_at, verse.updated_at) = (known.created_at, known.updated_at);
        }
    }
}

fn answer_again(entry: &LedgerEntry, prepared: &Prepared) -> Outcome {
    if replay::is_same(entry, &prepared.content_hash, &prepared.operation) {
        return Outcome::Replayed { kind: entry.kind, outcome: entry.outcome.clone() };
    }
    let message = format!("id: {} was used before for another operation: give this one an id of its own", prepared.id);
    Outcome::Refused(Rejection { code: RejectionCode::OperationIdReused, message })
}

/// A batch being applied.
struct Run {
    now: UnixMillis,
    seq: u64,
    chain: crate::storage::Chain,
    profile_before: Profile,
    /// Verses whose text was the user's own.
    own_before: BTreeSet<VerseId>,
    state: UserState,
    writes: Writes,
    touched: BTreeSet<VerseId>,
}

impl Run {
    fn apply(&mut self, prepared: Prepared) -> Result<Data, Rejection> {
        let context = ApplyContext { operation_id: &prepared.id, now: self.now, text: &prepared.text };
        let effect = verses_core::apply(&mut self.state, &context, &prepared.operation)?;
        let data = self.answer(&prepared, &effect)?;
        self.keep_verse(&prepared, &effect);
        self.seq += 1;
        self.chain = next_chain(&self.chain, &prepared.id, &prepared.content_hash, self.now);
        let kind = prepared.operation.kind();
        let accepted = self.accepted(prepared.operation, &effect);
        self.writes.ledger.push(LedgerEntry {
            kind,
            content_hash: prepared.content_hash,
            seq: self.seq,
            chain: self.chain,
            // As in `to_stored`: this cannot fail.
            operation: serde_json::to_string(&accepted).unwrap_or_default(),
            verse_id: effect.verse_id,
            outcome: data.to_stored(),
            accepted_at: self.now,
            operation_id: prepared.id,
        });
        self.touched.extend(effect.verse_id);
        self.writes.events.extend(effect.event);
        Ok(data)
    }

    fn answer(&self, prepared: &Prepared, effect: &Effect) -> Result<Data, Rejection> {
        if prepared.operation.kind() == OperationKind::UpdateProfile {
            let profile = ProfileView::from(&self.state.profile);
            return Ok(Data::Profile(ProfileData { profile, duplicate: false, corrected: corrected(effect) }));
        }
        let card = effect.verse_id.and_then(|id| self.state.cards.get(&id)).ok_or_else(no_card)?;
        let user_card = UserCard::from(card);
        let corrected = corrected(effect);
        let Some(typed) = &prepared.typed else {
            return Ok(Data::Card(CardData { user_card, duplicate: false, corrected }));
        };
        let verse = self.state.verses.get(&card.verse_id).ok_or_else(no_card)?.clone();
        Ok(Data::Create(CreateData {
            found_via_alias: typed.trim() != verse.reference,
            source: prepared.source.filter(|_| verse.is_verified),
            verse,
            user_card,
            duplicate: effect.duplicate,
            corrected,
        }))
    }

    /// Puts a creation's verse where it belongs: the user's own, or the shared catalogue.
    fn keep_verse(&mut self, prepared: &Prepared, effect: &Effect) {
        let created = effect.verse_id.filter(|_| prepared.typed.is_some());
        let Some(verse) = created.and_then(|id| self.state.verses.get(&id)) else {
            return;
        };
        self.writes.own_verses.retain(|other| other.id != verse.id);
        if !verse.is_verified {
            self.writes.own_verses.push(verse.clone());
            return;
        }
        if self.own_before.remove(&verse.id) {
            self.writes.dropped_own_verses.push(verse.id);
        }
        if !self.writes.catalogue.iter().any(|other| other.id == verse.id) {
            let text = if prepared.may_store { verse.text.clone() } else { String::new() };
            self.writes.catalogue.push(Verse { text, ..verse.clone() });
        }
    }

    /// The operation as everybody folds it: with the accepted stamp and, for a creation, the canonical reference.
    fn accepted(&self, operation: Operation, effect: &Effect) -> Operation {
        let occurred_at = effect.occurred_at;
        let local_date = effect.event.as_ref().map(|event| event.local_date);
        match operation {
            Operation::CreateVerse(create) => {
                let verse = effect.verse_id.and_then(|id| self.state.verses.get(&id));
                Operation::CreateVerse(CreateVerse {
                    reference: verse.map_or(create.reference, |verse| verse.reference.clone()),
                    translation: verse.map(|verse| verse.translation.clone()).or(create.translation),
                    text: verse.filter(|verse| !verse.is_verified).map(|verse| verse.text.clone()),
                    occurred_at: Some(occurred_at),
                    local_date: local_date.or(create.local_date),
                })
            }
            Operation::RecordReview(mut review) => {
                review.occurred_at = occurred_at;
                review.local_date = local_date.unwrap_or(review.local_date);
                Operation::RecordReview(review)
            }
            Operation::ArchiveVerse(mut action) => {
                action.occurred_at = occurred_at;
                action.local_date = local_date.unwrap_or(action.local_date);
                Operation::ArchiveVerse(action)
            }
            Operation::RestoreVerse(mut action) => {
                action.occurred_at = occurred_at;
                action.local_date = local_date.unwrap_or(action.local_date);
                Operation::RestoreVerse(action)
            }
            Operation::SetPhase(mut set) => {
                set.occurred_at = occurred_at;
                set.local_date = local_date.unwrap_or(set.local_date);
                Operation::SetPhase(set)
            }
            Operation::UpdateProfile(mut update) => {
                update.occurred_at = occurred_at;
                Operation::UpdateProfile(update)
            }
        }
    }

    fn finish(mut self) -> Writes {
        self.writes.cards = self.touched.iter().filter_map(|id| self.state.cards.remove(id)).collect();
        self.writes.profile = Some(self.state.profile).filter(|profile| *profile != self.profile_before);
        self.writes
    }
}

fn corrected(effect: &Effect) -> Option<CorrectedStamp> {
    // A profile has no local date; the one of UTC stands for it.
    let utc = || verses_core::utc_date(effect.occurred_at);
    let local_date = effect.event.as_ref().map_or_else(utc, |event| event.local_date).to_string();
    effect.clock_corrected.then_some(CorrectedStamp { occurred_at: effect.occurred_at, local_date })
}

/// `apply` answers an accepted operation on a card with that card in the state, so this is never sent.
fn no_card() -> Rejection {
    let message = "the verse of this operation has no card".to_owned();
    Rejection { code: RejectionCode::UnknownVerse, message }
}
