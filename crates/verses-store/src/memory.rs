//! `LocalStore` in memory: every future completes at its first poll. How changes are applied is in `memory::state`;
//! nothing here survives the process.

mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use batchsync::{JournalEntry, OperationId as QueueId, QueuePosition, QueuedMeta};
use jiff::civil::Date;
use verses_core::{Card, Phase, Profile, UnixMillis, Verse, VerseId};

use self::state::{OwnerRows, State};
use crate::{
    Committed, Listener, LocalStore, Owner, QueueTotals, QueuedOperation, Revision, StoreChange, StoreError,
    StoredEvent, Subscription,
};

/// A local store in memory, for tests, the simulator and trials. Cloning gives another handle to the same one.
///
/// A commit is in effect, whole, when its future completes; there is no moment at which half of it can be seen. What a
/// device finds after losing power is therefore a [`fork`](Self::fork) taken at that moment.
#[derive(Clone, Default)]
pub struct MemoryStore {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    state: State,
    fault: Option<StoreError>,
    listeners: BTreeMap<u64, Arc<dyn Listener>>,
    next_listener: u64,
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStore").field("revision", &self.lock().state.revision).finish_non_exhaustive()
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An independent copy of everything committed so far, without subscriptions and without the fault of
    /// [`fail_commits`](Self::fail_commits): what a device finds when it starts again after a crash now.
    #[must_use]
    // Listeners are not `Send` in the browser, where there is one thread.
    #[cfg_attr(target_arch = "wasm32", expect(clippy::arc_with_non_send_sync))]
    pub fn fork(&self) -> Self {
        let state = self.lock().state.clone();
        Self { shared: Arc::new(Mutex::new(Shared { state, ..Shared::default() })) }
    }

    /// Makes every commit fail with `fault`, writing nothing, until called with `None`. For tests of full disks and the like.
    pub fn fail_commits(&self, fault: Option<StoreError>) {
        self.lock().fault = fault;
    }

    /// A panic elsewhere while the lock was held cannot have left half a commit: applying never fails once checked.
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.lock().state)
    }

    /// Reads of an owner that has no rows see an empty set.
    fn read_owner<T>(&self, owner: &str, read: impl FnOnce(&OwnerRows) -> T) -> T {
        match self.lock().state.owners.get(owner) {
            Some(rows) => read(rows),
            None => read(&OwnerRows::default()),
        }
    }

    /// Runs `write`, then tells the listeners if the revision moved. Listeners run outside the lock: they may read.
    fn write<T>(&self, write: impl FnOnce(&mut State) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let (done, revision, listeners) = {
            let mut shared = self.lock();
            if let Some(fault) = &shared.fault {
                return Err(fault.clone());
            }
            let before = shared.state.revision;
            let done = write(&mut shared.state)?;
            let revision = shared.state.revision;
            let moved = revision != before;
            (done, revision, if moved { shared.listeners.values().cloned().collect() } else { Vec::new() })
        };
        for listener in listeners {
            listener(revision);
        }
        Ok(done)
    }
}

fn limited<T>(rows: impl Iterator<Item = T>, limit: u32) -> Vec<T> {
    rows.take(limit as usize).collect()
}

impl LocalStore for MemoryStore {
    async fn revision(&self) -> Result<Revision, StoreError> {
        Ok(self.read(|state| state.revision))
    }

    async fn commit(&self, base: Option<Revision>, changes: Vec<StoreChange>) -> Result<Committed, StoreError> {
        self.write(|state| state.commit(base, changes))
    }

    async fn verse(&self, owner: &str, id: VerseId) -> Result<Option<Verse>, StoreError> {
        Ok(self.read_owner(owner, |rows| rows.verses.get(&id).cloned()))
    }

    async fn verses(&self, owner: &str) -> Result<Vec<Verse>, StoreError> {
        Ok(self.read_owner(owner, |rows| rows.verses_by_creation(|_| true)))
    }

    async fn verses_of(&self, owner: &str, ids: &[VerseId]) -> Result<Vec<Verse>, StoreError> {
        Ok(self.read_owner(owner, |rows| ids.iter().filter_map(|id| rows.verses.get(id)).cloned().collect()))
    }

    async fn unverified_verses(&self, owner: &str, limit: u32) -> Result<Vec<Verse>, StoreError> {
        Ok(self.read_owner(owner, |rows| {
            let mut verses = rows.verses_by_creation(|verse| !verse.is_verified);
            verses.truncate(limit as usize);
            verses
        }))
    }

    async fn mark_verses_verified(&self, owner: &str, ids: &[VerseId], now: UnixMillis) -> Result<u64, StoreError> {
        self.write(|state| Ok(state.mark_verses_verified(owner, ids, now)))
    }

    async fn card(&self, owner: &str, id: VerseId) -> Result<Option<Card>, StoreError> {
        Ok(self.read_owner(owner, |rows| rows.cards.get(&id).cloned()))
    }

    async fn cards(&self, owner: &str) -> Result<Vec<Card>, StoreError> {
        Ok(self.read_owner(owner, |rows| rows.cards.values().cloned().collect()))
    }

    async fn due_cards(&self, owner: &str, date: Date) -> Result<Vec<Card>, StoreError> {
        Ok(self.read_owner(owner, |rows| {
            let due = rows.cards.values().filter(|card| !card.archived && card.next_due_date <= date);
            let mut due: Vec<_> = due.cloned().collect();
            due.sort_by_key(|card| (card.next_due_date, card.verse_id));
            due
        }))
    }

    async fn cards_by_phase(&self, owner: &str, phase: Phase) -> Result<Vec<Card>, StoreError> {
        Ok(self.read_owner(owner, |rows| {
            rows.cards.values().filter(|card| !card.archived && card.current_phase == phase).cloned().collect()
        }))
    }

    async fn events(&self, owner: &str, id: VerseId) -> Result<Vec<StoredEvent>, StoreError> {
        Ok(self.read_owner(owner, |rows| rows.events_of(id)))
    }

    async fn events_of(&self, owner: &str, ids: &[VerseId]) -> Result<Vec<StoredEvent>, StoreError> {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        Ok(self.read_owner(owner, |rows| ids.iter().flat_map(|id| rows.events_of(*id)).collect()))
    }

    async fn events_without_seq(&self, owner: &str) -> Result<Vec<StoredEvent>, StoreError> {
        Ok(self.read_owner(owner, |rows| rows.events_in_order(|stored| stored.seq.is_none())))
    }

    async fn review_logs(&self, owner: &str, limit: u32) -> Result<Vec<StoredEvent>, StoreError> {
        Ok(self.read_owner(owner, |rows| {
            let reviews = rows.events_in_order(state::is_review);
            limited(reviews.into_iter().rev(), limit)
        }))
    }

    async fn profile(&self, owner: &str) -> Result<Profile, StoreError> {
        Ok(self.read_owner(owner, |rows| rows.profile.clone().unwrap_or_default()))
    }

    async fn queue_metas(&self, after: Option<QueuePosition>, limit: u32) -> Result<Vec<QueuedMeta>, StoreError> {
        Ok(self.read(|state| limited(state.queue.after(after).map(|row| row.meta.clone()), limit)))
    }

    async fn queued(&self, ids: &[QueueId]) -> Result<Vec<QueuedOperation>, StoreError> {
        Ok(self.read(|state| ids.iter().filter_map(|id| state.queue.get(id)).cloned().collect()))
    }

    async fn queued_for_entity(&self, owner: &str, entity: &str) -> Result<Vec<QueuedMeta>, StoreError> {
        Ok(self.read(|state| {
            let rows = state.queue.of(owner).filter(|row| row.meta.entity == entity);
            rows.map(|row| row.meta.clone()).collect()
        }))
    }

    async fn queue_of(&self, owner: &str, failed_only: bool, limit: u32) -> Result<Vec<QueuedOperation>, StoreError> {
        Ok(self.read(|state| {
            let rows = state.queue.of(owner).filter(|row| !failed_only || state::is_failed(row));
            limited(rows.cloned(), limit)
        }))
    }

    async fn queue_totals(&self, owner: &str) -> Result<QueueTotals, StoreError> {
        Ok(self.read(|state| state.queue.totals(owner)))
    }

    async fn queue_owners(&self) -> Result<Vec<(Owner, QueueTotals)>, StoreError> {
        Ok(self.read(|state| state.queue.owners().map(|owner| (owner.clone(), state.queue.totals(owner))).collect()))
    }

    async fn journal(&self, limit: u32) -> Result<Vec<JournalEntry>, StoreError> {
        Ok(self.read(|state| limited(state.journal.iter().rev().cloned(), limit)))
    }

    async fn meta(&self, key: &str) -> Result<Option<String>, StoreError> {
        Ok(self.read(|state| state.meta.get(key).cloned()))
    }

    fn subscribe(&self, listener: Box<dyn Listener>) -> Subscription {
        let mut shared = self.lock();
        let id = shared.next_listener;
        shared.next_listener += 1;
        shared.listeners.insert(id, Arc::from(listener));
        drop(shared);
        let store = self.clone();
        Subscription::new(move || {
            let removed = store.lock().listeners.remove(&id);
            // Dropped outside the lock: it may hold another subscription.
            drop(removed);
        })
    }
}
