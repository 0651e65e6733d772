//! Taking over what the server says: results of operations and changes of other devices become writes to the local
//! store. Reads what it must, decides, and hands the writes back; committing them is the caller's.

use litemap::LiteMap;
use verses_core::{
    CardAction, CardEvent, CardEventKind, CreateVerse, EventKey, Merged, Operation, OperationId, Profile, RecordReview,
    SetPhase, UnixMillis, UpdateProfile, Verse, VerseId, date_from_text, fold, is_among, sorted,
};
use verses_protocol::{Change, CorrectedStamp};
use verses_store::{LocalStore, QueuedOperation, StoreChange, StoredEvent, meta_key};

use crate::error::ClientError;
use crate::reply::OperationReply;

/// Writes in the making for one owner.
pub(crate) struct Merge<'a, S> {
    store: &'a S,
    owner: &'a str,
    changes: Vec<StoreChange>,
    /// Events to be added or replaced, by verse and operation.
    events: LiteMap<VerseId, LiteMap<OperationId, CardEvent>>,
    profile: Option<Profile>,
    /// Something the feed has listed may have lost against a stamp that turned out to be wrong: read it again.
    reread: bool,
}

impl<'a, S: LocalStore> Merge<'a, S> {
    pub(crate) fn new(store: &'a S, owner: &'a str) -> Self {
        Self { store, owner, changes: Vec::new(), events: LiteMap::new(), profile: None, reread: false }
    }

    /// The server started a new history: forget which events it had before it tells again.
    pub(crate) fn reset(&mut self) {
        self.changes.push(StoreChange::ForgetSeqs { owner: self.owner.to_owned() });
    }

    pub(crate) fn cursor(&mut self, cursor: &str) {
        let key = meta_key::cursor(self.owner);
        self.changes.push(StoreChange::PutMeta { key, value: cursor.to_owned() });
    }

    /// Takes over accepted operations from the feed.
    pub(crate) async fn changes(&mut self, changes: &[Change]) -> Result<(), ClientError> {
        for change in changes {
            let unreadable =
                |reason: String| ClientError::NotTheServer { what: format!("a feed with a broken entry ({reason})") };
            let id = OperationId::new(change.id.clone()).map_err(|e| unreadable(e.to_string()))?;
            if let Operation::UpdateProfile(update) = &change.operation {
                let key = EventKey { occurred_at: update.occurred_at, operation_id: id };
                let mut profile = self.take_profile().await?;
                self.reread |= correct_profile(&mut profile, &key);
                profile.merge(&key, update);
                self.profile = Some(profile);
                continue;
            }
            if let Some(verse) = &change.verse {
                self.put_verse(verse.clone());
            }
            let verse_id = change.verse.as_ref().map(|v| v.id);
            if let Some(event) = CardEvent::from_operation(&id, &change.operation, verse_id) {
                self.put_event(event, Some(change.seq));
            }
        }
        Ok(())
    }

    /// Takes over the results of operations that were sent; the source's `updateLocalRecordsFromBatch`. Gives the latest
    /// of the stamps that the server corrected.
    pub(crate) async fn results(
        &mut self,
        sent: &[QueuedOperation],
        results: &[OperationReply],
    ) -> Result<Option<UnixMillis>, ClientError> {
        let mut latest = None;
        let sent: LiteMap<&str, &QueuedOperation> = sent.iter().map(|o| (o.meta.id.as_str(), o)).collect();
        for result in results.iter().filter(|r| r.success) {
            let (Some(operation), Some(data)) = (sent.get(result.id.as_str()), &result.data) else { continue };
            if let Some(verse) = &data.verse {
                self.put_verse(verse.clone());
            }
            let corrected = data.corrected.as_ref();
            latest = latest.max(corrected.map(|stamp| stamp.occurred_at));
            if let (Operation::UpdateProfile(update), Ok(operation_id)) =
                (&operation.data, OperationId::new(&*result.id))
            {
                let occurred_at = corrected.map_or(update.occurred_at, |stamp| stamp.occurred_at);
                let key = EventKey { occurred_at, operation_id };
                let mut profile = self.take_profile().await?;
                self.reread |= correct_profile(&mut profile, &key);
                // A stamp that has been corrected since may have hidden this one.
                profile.merge(&key, update);
                self.profile = Some(profile);
            } else if let Some(stamp) = corrected {
                self.restamp(operation, data.verse.as_ref().map(|v| v.id), stamp);
            }
        }
        Ok(latest)
    }

    /// The server corrected an implausible stamp: the event on this device takes the corrected one, or the card would
    /// differ from everybody else's.
    fn restamp(&mut self, sent: &QueuedOperation, verse_id: Option<VerseId>, stamp: &CorrectedStamp) {
        let Ok(id) = OperationId::new(sent.meta.id.clone()) else { return };
        let known = verse_id.or_else(|| crate::write::verse_of_entity(&sent.meta.entity));
        let Some(event) = CardEvent::from_operation(&id, &sent.data, known) else { return };
        let Some(local_date) = date_from_text(&stamp.local_date) else { return };
        self.put_event(CardEvent { occurred_at: stamp.occurred_at, local_date, ..event }, None);
    }

    fn put_verse(&mut self, verse: Verse) {
        self.changes.push(StoreChange::PutVerse { owner: self.owner.to_owned(), verse });
    }

    fn put_event(&mut self, event: CardEvent, seq: Option<u64>) {
        self.changes.push(StoreChange::PutEvent { owner: self.owner.to_owned(), event: event.clone(), seq });
        self.events.entry(event.verse_id).or_default().insert(event.operation_id.clone(), event);
    }

    async fn take_profile(&mut self) -> Result<Profile, ClientError> {
        match self.profile.take() {
            Some(profile) => Ok(profile),
            None => Ok(self.store.profile(self.owner).await?),
        }
    }

    /// Folds every touched card from the union of its events, and gives all writes.
    pub(crate) async fn finish(mut self) -> Result<Vec<StoreChange>, ClientError> {
        let ids: Vec<VerseId> = self.events.keys().copied().collect();
        for stored in self.store.events_of(self.owner, &ids).await? {
            let events = self.events.entry(stored.event.verse_id).or_default();
            events.entry(stored.event.operation_id.clone()).or_insert(stored.event);
        }
        for (verse_id, events) in std::mem::take(&mut self.events) {
            if let Some(card) = fold(verse_id, events.into_iter().map(|(_, event)| event)) {
                self.changes.push(StoreChange::PutCard { owner: self.owner.to_owned(), card });
            }
        }
        if let Some(profile) = self.profile.take() {
            self.changes.push(StoreChange::PutProfile { owner: self.owner.to_owned(), profile });
        }
        if self.reread {
            self.changes.push(StoreChange::DeleteMeta { key: meta_key::cursor(self.owner) });
        }
        Ok(self.changes)
    }
}

/// The server corrected the stamp of an update: the fields it set on this device take the corrected one, or they would
/// win against everything set until the wrong one. Whether any did.
fn correct_profile(profile: &mut Profile, key: &EventKey) -> bool {
    fn correct<T>(field: &mut Merged<T>, key: &EventKey) -> bool {
        let wrong = field.set_by.as_ref().is_some_and(|by| by.operation_id == key.operation_id && by != key);
        if wrong {
            field.set_by = Some(key.clone());
        }
        wrong
    }
    let fields = [
        correct(&mut profile.full_name, key),
        correct(&mut profile.preferred_translation, key),
        correct(&mut profile.reference_display_mode, key),
        correct(&mut profile.timezone, key),
    ];
    let set_by = [
        &profile.full_name.set_by,
        &profile.preferred_translation.set_by,
        &profile.reference_display_mode.set_by,
        &profile.timezone.set_by,
    ];
    let any = fields.contains(&true);
    if any {
        profile.updated_at = set_by.into_iter().flatten().map(|by| by.occurred_at).max();
    }
    any
}

/// Undoes the effect of operations that are given up: their events go, and each card is folded from the others. A card
/// without events goes with its verse.
pub(crate) async fn undo<S: LocalStore>(
    store: &S,
    operations: &[QueuedOperation],
) -> Result<Vec<StoreChange>, ClientError> {
    let mut by_card: LiteMap<(String, VerseId), Vec<String>> = LiteMap::new();
    let mut of_profile: LiteMap<String, Vec<String>> = LiteMap::new();
    for operation in operations {
        if matches!(operation.data, Operation::UpdateProfile(_)) {
            of_profile.entry(operation.meta.user_id.clone()).or_default().push(operation.meta.id.clone());
        }
        if let Some(verse_id) = crate::write::verse_of_entity(&operation.meta.entity) {
            let card = (operation.meta.user_id.clone(), verse_id);
            by_card.entry(card).or_default().push(operation.meta.id.clone());
        }
    }
    let mut changes = Vec::new();
    for ((owner, verse_id), gone) in by_card {
        let gone = sorted(gone);
        let events = store.events(&owner, verse_id).await?;
        // What the feed has listed is a fact: the operation had reached the server, only its answer had not come.
        let (gone, rest): (Vec<StoredEvent>, Vec<StoredEvent>) =
            events.into_iter().partition(|s| s.seq.is_none() && is_among(&gone, s.event.operation_id.as_str()));
        for StoredEvent { event, .. } in gone {
            changes.push(StoreChange::DeleteEvent { owner: owner.clone(), operation_id: event.operation_id });
        }
        match fold(verse_id, rest.into_iter().map(|s| s.event)) {
            Some(card) => changes.push(StoreChange::PutCard { owner, card }),
            None => {
                changes.push(StoreChange::DeleteCard { owner: owner.clone(), verse_id });
                changes.push(StoreChange::DeleteVerse { owner, verse_id });
            }
        }
    }
    for (owner, gone) in of_profile {
        changes.extend(undo_profile(store, owner, &sorted(gone)).await?);
    }
    Ok(changes)
}

/// What an update replaced is not kept: its fields are empty but for what other waiting updates set, and the feed is
/// read from the beginning with the next fetch, which brings what the server has.
async fn undo_profile<S: LocalStore>(
    store: &S,
    owner: String,
    gone: &[String],
) -> Result<Vec<StoreChange>, ClientError> {
    fn empty<T>(field: &mut Merged<T>, gone: &[String]) {
        if field.set_by.as_ref().is_some_and(|key| is_among(gone, key.operation_id.as_str())) {
            *field = Merged::default();
        }
    }
    let mut profile = store.profile(&owner).await?;
    empty(&mut profile.full_name, gone);
    empty(&mut profile.preferred_translation, gone);
    empty(&mut profile.reference_display_mode, gone);
    empty(&mut profile.timezone, gone);
    let waiting = store.queued_for_entity(&owner, crate::write::PROFILE_ENTITY).await?;
    let rest: Vec<String> = waiting.into_iter().map(|m| m.id).filter(|id| !is_among(gone, id)).collect();
    for row in store.queued(&rest).await? {
        if let (Operation::UpdateProfile(update), Ok(operation_id)) = (&row.data, OperationId::new(row.meta.id)) {
            profile.merge(&EventKey { occurred_at: update.occurred_at, operation_id }, update);
        }
    }
    Ok(vec![StoreChange::DeleteMeta { key: meta_key::cursor(&owner) }, StoreChange::PutProfile { owner, profile }])
}

/// An operation the server has lost: its id, its verse, itself.
pub(crate) type Lost = (String, Option<VerseId>, Operation);

/// Operations rebuilt from facts that the server has lost: events it does not list, but for the `known` ones, which it
/// has or which wait anyway.
pub(crate) fn lost_events(events: &[StoredEvent], verses: &LiteMap<VerseId, Verse>, known: &[String]) -> Vec<Lost> {
    events
        .iter()
        .filter(|s| s.seq.is_none() && !is_among(known, s.event.operation_id.as_str()))
        .filter_map(|s| {
            Some((s.event.operation_id.to_string(), Some(s.event.verse_id), operation_of(&s.event, verses)?))
        })
        .collect()
}

fn operation_of(event: &CardEvent, verses: &LiteMap<VerseId, Verse>) -> Option<Operation> {
    let (verse_id, occurred_at, local_date) = (event.verse_id, event.occurred_at, event.local_date);
    let action = CardAction { verse_id, occurred_at, local_date };
    Some(match event.kind.clone() {
        CardEventKind::Created => {
            let verse = verses.get(&verse_id)?;
            // A text of the user's own travels with the creation; the server has the others.
            let own = !verse.is_verified && !verse.text.is_empty();
            Operation::CreateVerse(CreateVerse {
                reference: verse.reference.clone(),
                translation: Some(verse.translation.clone()),
                text: own.then(|| verse.text.clone()),
                occurred_at: Some(occurred_at),
                local_date: Some(local_date),
            })
        }
        CardEventKind::Reviewed { was_successful, review_time_seconds, slot } => {
            Operation::RecordReview(RecordReview {
                verse_id,
                was_successful,
                occurred_at,
                local_date,
                review_time_seconds,
                slot,
            })
        }
        CardEventKind::Archived => Operation::ArchiveVerse(action),
        CardEventKind::Restored => Operation::RestoreVerse(action),
        CardEventKind::PhaseSet { phase, slot } => {
            Operation::SetPhase(SetPhase { verse_id, phase, occurred_at, local_date, slot })
        }
    })
}

/// Profile updates rebuilt from the fields that hold them, for those the server does not list.
pub(crate) fn lost_profile_updates(profile: &Profile, known: &[String]) -> Vec<Lost> {
    let mut updates: LiteMap<EventKey, UpdateProfile> = LiteMap::new();
    let mut field = |set_by: &Option<EventKey>, put: &dyn Fn(&mut UpdateProfile)| {
        if let Some(key) = set_by.as_ref().filter(|k| !is_among(known, k.operation_id.as_str())) {
            let update = updates.entry(key.clone()).or_default();
            update.occurred_at = key.occurred_at;
            put(update);
        }
    };
    field(&profile.full_name.set_by, &|u| u.full_name.clone_from(&profile.full_name.value));
    field(&profile.preferred_translation.set_by, &|u| {
        u.preferred_translation.clone_from(&profile.preferred_translation.value);
    });
    field(&profile.reference_display_mode.set_by, &|u| u.reference_display_mode = profile.reference_display_mode.value);
    field(&profile.timezone.set_by, &|u| u.timezone.clone_from(&profile.timezone.value));
    updates
        .into_iter()
        .map(|(key, update)| (key.operation_id.to_string(), None, Operation::UpdateProfile(update)))
        .collect()
}
