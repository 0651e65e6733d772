//! The device's store: the product's store in memory, behind a wrapper in which others may run between any two calls,
//! the processes may die before or after a commit, and the disk may be full.

use batchsync::{JournalEntry, OperationId as QueueId, QueuePosition, QueuedMeta};
use jiff::civil::Date;
use verses_core::{Card, Phase, Profile, UnixMillis, Verse, VerseId};
use verses_store::{
    Committed, Listener, LocalStore, MemoryStore, Owner, QueueTotals, QueuedOperation, Revision, StoreChange,
    StoreError, StoredEvent, Subscription,
};

use super::{Shared, lock};
use crate::broken;
use crate::checks::Seen;
use crate::stats::FaultKind;

/// A handle to a device's store.
#[derive(Clone)]
pub(crate) struct SimStore {
    pub(crate) world: Shared,
    pub(crate) device: usize,
}

impl SimStore {
    fn inner(&self) -> MemoryStore {
        lock(&self.world.devices[self.device].store).clone()
    }

    /// Every call comes through here: others may run first, and it may be the last.
    async fn call(&self, kind: u64) {
        let world = &self.world;
        world.kernel.event(10 + kind, self.device as u64);
        let dies = {
            let mut state = lock(&world.devices[self.device].state);
            match &mut state.dies_in_calls {
                Some(calls) => {
                    *calls = calls.saturating_sub(1);
                    *calls == 0
                }
                None => false,
            }
        };
        if dies {
            world.fault(FaultKind::KillInCall);
            world.kill(self.device);
            std::future::pending::<()>().await;
        }
        if world.kernel.chance(world.params.interleave) {
            let ms = if world.kernel.chance(100) { world.kernel.below(50) } else { 0 };
            world.kernel.sleep(ms).await;
        }
    }

    fn disk_is_full(&self) -> bool {
        let until = lock(&self.world.devices[self.device].state).full_until_ms;
        self.world.kernel.now_ms() < until
    }

    /// An older release names the first row that it cannot read.
    fn readable(&self, rows: Vec<QueuedOperation>) -> Result<Vec<QueuedOperation>, StoreError> {
        let state = lock(&self.world.devices[self.device].state);
        if state.old_release_until_ms <= self.world.kernel.now_ms() {
            return Ok(rows);
        }
        match rows.iter().find(|row| state.unreadable.contains(&row.meta.id)) {
            Some(row) => {
                let (id, known) = (row.meta.id.clone(), verses_store::PAYLOAD_VERSION);
                drop(state);
                self.world.fault(FaultKind::OldRelease);
                Err(StoreError::NewerPayload { id, found: known + 1, known })
            }
            None => Ok(rows),
        }
    }

    async fn commit_now(&self, base: Option<Revision>, changes: Vec<StoreChange>) -> Result<Committed, StoreError> {
        let inner = self.inner();
        let before = broken::commit_may_be_lost(&self.world).then(|| inner.fork());
        let committed = inner.commit(base, changes.clone()).await;
        let world = &self.world;
        match &committed {
            Ok(done) => {
                lock(&world.stats).commits += 1;
                *lock(&world.devices[self.device].before) = before;
                world.kernel.event(40, done.revision.0);
                world.seen(&Seen::Committed { device: self.device, changes: &changes, store: &inner });
            }
            Err(StoreError::Conflict) => world.fault(FaultKind::Conflict),
            Err(_) => {}
        }
        committed
    }
}

/// Reads are the product's, one call each.
macro_rules! reads {
    ($($kind:literal $name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {$(
        async fn $name(&self, $($argument: $type),*) -> Result<$answer, StoreError> {
            self.call($kind).await;
            self.inner().$name($($argument),*).await
        }
    )*};
}

impl LocalStore for SimStore {
    async fn commit(&self, base: Option<Revision>, changes: Vec<StoreChange>) -> Result<Committed, StoreError> {
        self.call(1).await;
        if self.disk_is_full() && !changes.is_empty() {
            self.world.fault(FaultKind::DiskFull);
            return Err(StoreError::Full("no space is left".into()));
        }
        let changes = match broken::split_commit(&self.world, changes) {
            (changes, None) => changes,
            (first, Some(rest)) => {
                self.commit_now(base, first).await?;
                self.call(2).await;
                self.world.kernel.sleep(20).await;
                return self.commit_now(None, rest).await;
            }
        };
        let committed = self.commit_now(base, changes).await;
        self.call(3).await;
        committed
    }

    async fn mark_verses_verified(&self, owner: &str, ids: &[VerseId], now: UnixMillis) -> Result<u64, StoreError> {
        self.call(4).await;
        self.inner().mark_verses_verified(owner, ids, now).await
    }

    async fn events(&self, owner: &str, id: VerseId) -> Result<Vec<StoredEvent>, StoreError> {
        self.call(5).await;
        self.inner().events(owner, id).await
    }

    async fn events_of(&self, owner: &str, ids: &[VerseId]) -> Result<Vec<StoredEvent>, StoreError> {
        self.call(6).await;
        self.inner().events_of(owner, ids).await
    }

    async fn events_without_seq(&self, owner: &str) -> Result<Vec<StoredEvent>, StoreError> {
        self.call(7).await;
        Ok(broken::read_lost_events(&self.world, self.inner().events_without_seq(owner).await?))
    }

    async fn queued(&self, ids: &[QueueId]) -> Result<Vec<QueuedOperation>, StoreError> {
        self.call(8).await;
        self.readable(broken::read_queued(&self.world, self.device, self.inner().queued(ids).await?))
    }

    async fn queue_of(&self, owner: &str, failed_only: bool, limit: u32) -> Result<Vec<QueuedOperation>, StoreError> {
        self.call(21).await;
        self.readable(self.inner().queue_of(owner, failed_only, limit).await?)
    }

    async fn queue_metas(&self, after: Option<QueuePosition>, limit: u32) -> Result<Vec<QueuedMeta>, StoreError> {
        self.call(9).await;
        Ok(broken::read_metas(&self.world, self.device, self.inner().queue_metas(after, limit).await?))
    }

    reads! {
        10 revision() -> Revision;
        11 verse(owner: &str, id: VerseId) -> Option<Verse>;
        12 verses(owner: &str) -> Vec<Verse>;
        13 unverified_verses(owner: &str, limit: u32) -> Vec<Verse>;
        14 card(owner: &str, id: VerseId) -> Option<Card>;
        15 cards(owner: &str) -> Vec<Card>;
        16 due_cards(owner: &str, date: Date) -> Vec<Card>;
        17 cards_by_phase(owner: &str, phase: Phase) -> Vec<Card>;
        18 review_logs(owner: &str, limit: u32) -> Vec<StoredEvent>;
        19 profile(owner: &str) -> Profile;
        20 queued_for_entity(owner: &str, entity: &str) -> Vec<QueuedMeta>;
        22 queue_totals(owner: &str) -> QueueTotals;
        23 queue_owners() -> Vec<(Owner, QueueTotals)>;
        24 journal(limit: u32) -> Vec<JournalEntry>;
        25 meta(key: &str) -> Option<String>;
        26 verses_of(owner: &str, ids: &[VerseId]) -> Vec<Verse>;
    }

    fn subscribe(&self, listener: Box<dyn Listener>) -> Subscription {
        self.inner().subscribe(listener)
    }
}
