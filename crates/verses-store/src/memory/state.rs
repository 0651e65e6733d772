//! The rows of the in-memory store and how changes are applied to them. Locking and listeners are in `memory`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;

use batchsync::{JournalEntry, OperationId as QueueId, OperationStatus, QueueChange, QueuePosition};
use verses_core::{Card, CardEvent, CardEventKind, EventKey, OperationId, Profile, UnixMillis, Verse, VerseId};

use crate::{
    Committed, JOURNAL_LIMIT, NewQueuedOperation, Owner, PAYLOAD_VERSION, QueueTotals, QueuedOperation, Revision,
    StoreChange, StoreError, StoredEvent,
};

pub(super) fn is_review(stored: &StoredEvent) -> bool {
    matches!(stored.event.kind, CardEventKind::Reviewed { .. })
}

pub(super) fn is_failed(row: &QueuedOperation) -> bool {
    matches!(row.meta.status, OperationStatus::Failed(_))
}

/// Everything the store holds.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    pub(super) revision: Revision,
    pub(super) owners: BTreeMap<Owner, OwnerRows>,
    pub(super) queue: Queue,
    /// Oldest first.
    pub(super) journal: VecDeque<JournalEntry>,
    pub(super) meta: BTreeMap<String, String>,
}

impl State {
    pub(super) fn commit(
        &mut self,
        base: Option<Revision>,
        changes: Vec<StoreChange>,
    ) -> Result<Committed, StoreError> {
        if base.is_some_and(|base| base != self.revision) {
            return Err(StoreError::Conflict);
        }
        self.check(&changes)?;
        if changes.is_empty() {
            return Ok(Committed { revision: self.revision, positions: Vec::new() });
        }
        let positions = changes.into_iter().filter_map(|change| self.apply(change)).collect();
        while self.journal.len() > JOURNAL_LIMIT as usize {
            self.journal.pop_front();
        }
        self.revision.0 += 1;
        Ok(Committed { revision: self.revision, positions })
    }

    /// Finds what would fail before anything is written, so that applying cannot stop half-way.
    fn check(&self, changes: &[StoreChange]) -> Result<(), StoreError> {
        let mut queued: BTreeMap<&str, bool> = BTreeMap::new();
        for change in changes {
            match change {
                StoreChange::Enqueue(new) => {
                    new.check()?;
                    let id = new.operation.meta.id.as_str();
                    let already = queued.insert(id, true).unwrap_or_else(|| self.queue.get(id).is_some());
                    if already {
                        return Err(StoreError::DuplicateOperation(id.to_owned()));
                    }
                }
                StoreChange::Queue(QueueChange::Complete { id, .. } | QueueChange::Discard { id, .. }) => {
                    queued.insert(id, false);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn rows(&mut self, owner: Owner) -> &mut OwnerRows {
        self.owners.entry(owner).or_default()
    }

    /// Applies one change; the position of the operation if it was an enqueue.
    fn apply(&mut self, change: StoreChange) -> Option<QueuePosition> {
        match change {
            StoreChange::PutVerse { owner, verse } => {
                self.rows(owner).verses.insert(verse.id, verse);
            }
            StoreChange::DeleteVerse { owner, verse_id } => {
                self.rows(owner).verses.remove(&verse_id);
            }
            StoreChange::PutCard { owner, card } => {
                self.rows(owner).cards.insert(card.verse_id, card);
            }
            StoreChange::DeleteCard { owner, verse_id } => {
                self.rows(owner).cards.remove(&verse_id);
            }
            StoreChange::PutEvent { owner, event, seq } => self.rows(owner).put_event(event, seq),
            StoreChange::DeleteEvent { owner, operation_id } => self.rows(owner).delete_event(&operation_id),
            StoreChange::ForgetSeqs { owner } => {
                self.rows(owner).events.values_mut().for_each(|stored| stored.seq = None);
            }
            StoreChange::PutProfile { owner, profile } => self.rows(owner).profile = Some(profile),
            StoreChange::Enqueue(new) => return Some(self.queue.push(*new)),
            StoreChange::ReplacePayload { id, data, payload_bytes } => self.queue.update(&id, |row| {
                row.data = *data;
                row.payload_version = PAYLOAD_VERSION;
                row.meta.payload_bytes = payload_bytes;
            }),
            StoreChange::MoveToEnd { id } => self.queue.move_to_end(&id),
            StoreChange::Queue(change) => self.apply_to_queue(change),
            StoreChange::MoveOwner { from, to } => self.move_owner(&from, &to),
            StoreChange::ForgetOwner { owner } => self.forget_owner(&owner),
            StoreChange::PutMeta { key, value } => {
                self.meta.insert(key, value);
            }
            StoreChange::DeleteMeta { key } => {
                self.meta.remove(&key);
            }
        }
        None
    }

    fn apply_to_queue(&mut self, change: QueueChange) {
        match change {
            QueueChange::SetStatus { id, status, retry_count, ever_sent } => self.queue.update(&id, |row| {
                row.meta.status = status;
                row.meta.retry_count = retry_count;
                row.meta.ever_sent = ever_sent;
            }),
            QueueChange::Renew { id, queued_at } => self.queue.update(&id, |row| row.meta.queued_at = queued_at),
            QueueChange::Complete { id, entry } | QueueChange::Discard { id, entry } => {
                if self.queue.remove(&id).is_some() {
                    self.journal.push_back(entry);
                }
            }
        }
    }

    fn move_owner(&mut self, from: &str, to: &str) {
        if from == to {
            return;
        }
        if let Some(moved) = self.owners.remove(from) {
            self.rows(to.to_owned()).adopt(moved);
        }
        self.queue.move_owner(from, to);
        for entry in self.journal.iter_mut().filter(|entry| entry.user_id == from) {
            to.clone_into(&mut entry.user_id);
        }
    }

    fn forget_owner(&mut self, owner: &str) {
        self.owners.remove(owner);
        self.queue.forget_owner(owner);
        for entry in self.journal.iter_mut().filter(|entry| entry.user_id == owner) {
            entry.user_id.clear();
        }
    }

    pub(super) fn mark_verses_verified(&mut self, owner: &str, ids: &[VerseId], now: UnixMillis) -> u64 {
        let Some(rows) = self.owners.get_mut(owner) else { return 0 };
        let mut changed = 0;
        for id in ids {
            if let Some(verse) = rows.verses.get_mut(id).filter(|verse| !verse.is_verified) {
                verse.is_verified = true;
                verse.updated_at = now;
                changed += 1;
            }
        }
        self.revision.0 += u64::from(changed > 0);
        changed
    }
}

/// Rows of one owner, but for the queue.
#[derive(Debug, Clone, Default)]
pub(super) struct OwnerRows {
    pub(super) verses: BTreeMap<VerseId, Verse>,
    pub(super) cards: BTreeMap<VerseId, Card>,
    pub(super) events: BTreeMap<OperationId, StoredEvent>,
    /// Events of each verse in the order of the fold.
    order: BTreeMap<VerseId, BTreeSet<EventKey>>,
    pub(super) profile: Option<Profile>,
}

impl OwnerRows {
    pub(super) fn verses_by_creation(&self, wanted: impl Fn(&Verse) -> bool) -> Vec<Verse> {
        let mut verses: Vec<_> = self.verses.values().filter(|verse| wanted(verse)).cloned().collect();
        verses.sort_by_key(|verse| (verse.created_at, verse.id));
        verses
    }

    /// Events of one verse in the order of the fold.
    pub(super) fn events_of(&self, id: VerseId) -> Vec<StoredEvent> {
        let in_order = self.order.get(&id).into_iter().flatten();
        in_order.filter_map(|key| self.events.get(&key.operation_id)).cloned().collect()
    }

    /// Events in the order of the fold, of whatever verse.
    pub(super) fn events_in_order(&self, wanted: impl Fn(&StoredEvent) -> bool) -> Vec<StoredEvent> {
        let mut events: Vec<_> = self.events.values().filter(|stored| wanted(stored)).cloned().collect();
        events.sort_by_key(|stored| stored.event.key());
        events
    }

    fn put_event(&mut self, event: CardEvent, seq: Option<u64>) {
        let known = self.events.get(&event.operation_id).and_then(|stored| stored.seq);
        self.delete_event(&event.operation_id);
        self.order.entry(event.verse_id).or_default().insert(event.key());
        self.events.insert(event.operation_id.clone(), StoredEvent { event, seq: seq.or(known) });
    }

    fn delete_event(&mut self, id: &OperationId) {
        let Some(stored) = self.events.remove(id) else { return };
        if let Some(keys) = self.order.get_mut(&stored.event.verse_id) {
            keys.remove(&stored.event.key());
        }
    }

    /// Takes over the rows of another owner; what is here already stays as it is.
    fn adopt(&mut self, moved: Self) {
        for (id, verse) in moved.verses {
            self.verses.entry(id).or_insert(verse);
        }
        for (id, card) in moved.cards {
            self.cards.entry(id).or_insert(card);
        }
        for (id, stored) in moved.events {
            if !self.events.contains_key(&id) {
                self.put_event(stored.event, stored.seq);
            }
        }
        self.profile = self.profile.take().or(moved.profile);
    }
}

/// The queue of all owners.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue {
    rows: BTreeMap<QueuePosition, QueuedOperation>,
    ids: BTreeMap<QueueId, QueuePosition>,
    by_owner: BTreeMap<Owner, OwnerQueue>,
    last_position: QueuePosition,
}

/// Positions and counts of one owner, kept beside the rows so that totals do not walk them.
#[derive(Debug, Clone, Default)]
struct OwnerQueue {
    waiting: BTreeSet<QueuePosition>,
    failed: BTreeSet<QueuePosition>,
    bytes: u64,
}

impl Queue {
    pub(super) fn get(&self, id: &str) -> Option<&QueuedOperation> {
        self.rows.get(self.ids.get(id)?)
    }

    pub(super) fn after(&self, after: Option<QueuePosition>) -> impl Iterator<Item = &QueuedOperation> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.rows.range((from, Bound::Unbounded)).map(|(_, row)| row)
    }

    /// Rows of one owner by position.
    pub(super) fn of(&self, owner: &str) -> impl Iterator<Item = &QueuedOperation> {
        let positions: BTreeSet<_> = match self.by_owner.get(owner) {
            Some(owned) => owned.waiting.union(&owned.failed).copied().collect(),
            None => BTreeSet::new(),
        };
        positions.into_iter().filter_map(|position| self.rows.get(&position))
    }

    pub(super) fn owners(&self) -> impl Iterator<Item = &Owner> {
        self.by_owner.keys()
    }

    pub(super) fn totals(&self, owner: &str) -> QueueTotals {
        let Some(owned) = self.by_owner.get(owner) else { return QueueTotals::default() };
        let oldest = owned.waiting.first().and_then(|position| self.rows.get(position));
        QueueTotals {
            waiting: owned.waiting.len() as u64,
            failed: owned.failed.len() as u64,
            bytes: owned.bytes,
            oldest_queued_at: oldest.map(|row| row.meta.queued_at),
        }
    }

    fn push(&mut self, new: NewQueuedOperation) -> QueuePosition {
        let mut row = new.operation;
        self.last_position += 1;
        row.meta.position = self.last_position;
        self.insert(row);
        self.last_position
    }

    fn move_to_end(&mut self, id: &str) {
        if let Some(mut row) = self.remove(id) {
            self.last_position += 1;
            row.meta.position = self.last_position;
            self.insert(row);
        }
    }

    fn insert(&mut self, row: QueuedOperation) {
        let position = row.meta.position;
        let owned = self.by_owner.entry(row.meta.user_id.clone()).or_default();
        owned.bytes += u64::from(row.meta.payload_bytes);
        let set = if is_failed(&row) { &mut owned.failed } else { &mut owned.waiting };
        set.insert(position);
        self.ids.insert(row.meta.id.clone(), position);
        self.rows.insert(position, row);
    }

    fn remove(&mut self, id: &str) -> Option<QueuedOperation> {
        let position = self.ids.remove(id)?;
        let row = self.rows.remove(&position)?;
        if let Some(owned) = self.by_owner.get_mut(&row.meta.user_id) {
            owned.waiting.remove(&position);
            owned.failed.remove(&position);
            owned.bytes -= u64::from(row.meta.payload_bytes);
            if owned.waiting.is_empty() && owned.failed.is_empty() {
                self.by_owner.remove(&row.meta.user_id);
            }
        }
        Some(row)
    }

    /// Changes a row in place; nothing happens if it is not queued.
    fn update(&mut self, id: &str, update: impl FnOnce(&mut QueuedOperation)) {
        if let Some(mut row) = self.remove(id) {
            update(&mut row);
            self.insert(row);
        }
    }

    fn forget_owner(&mut self, owner: &str) {
        let ids: Vec<QueueId> = self.of(owner).map(|row| row.meta.id.clone()).collect();
        for id in ids {
            self.remove(&id);
        }
    }

    fn move_owner(&mut self, from: &str, to: &str) {
        let ids: Vec<QueueId> = self.of(from).map(|row| row.meta.id.clone()).collect();
        for id in ids {
            self.update(&id, |row| to.clone_into(&mut row.meta.user_id));
        }
    }
}
