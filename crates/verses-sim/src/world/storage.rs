//! The server's database: the product's storage in memory, behind a wrapper in which a transaction waits for its turn and
//! for its disk, so that processes overlap, and die before or after a commit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use uuid::Uuid;
use verses_core::{CardEvent, UnixMillis, Verse, VerseId};
use verses_server::storage::memory::MemoryStorage;
use verses_server::storage::sqlite::SqliteStorage;
use verses_server::storage::{Decision, LedgerPage, Loaded, Storage, StorageError, UserId, Wanted, Writes};

use super::{Shared, World, lock};
use crate::broken::{self, Broken};
use crate::checks::Seen;

/// The database, shared by all server processes. A restore puts another one in its place.
pub(crate) type Database = Arc<Mutex<Inner>>;

/// The product's storage underneath: in memory, or SQLite's.
#[derive(Clone)]
pub(crate) enum Inner {
    Memory(MemoryStorage),
    Sqlite(SqliteStorage),
}

impl Inner {
    /// A copy as a backup has it; SQLite's is not copied here.
    pub(crate) fn backup(&self) -> Option<MemoryStorage> {
        match self {
            Self::Memory(storage) => Some(storage.backup()),
            Self::Sqlite(_) => None,
        }
    }
}

/// The same call on whichever it is.
macro_rules! either {
    ($inner:expr, $storage:ident => $call:expr) => {
        match $inner {
            Self::Memory($storage) => $call,
            Self::Sqlite($storage) => $call,
        }
    };
}

impl Storage for Inner {
    async fn transact<D: Decision>(
        &self,
        user: UserId,
        wanted: Wanted,
        decision: D,
    ) -> Result<D::Answer, StorageError> {
        either!(self, storage => storage.transact(user, wanted, decision).await)
    }

    async fn read(&self, user: UserId, wanted: Wanted) -> Result<Loaded, StorageError> {
        either!(self, storage => storage.read(user, wanted).await)
    }

    async fn catalogue(&self, ids: BTreeSet<VerseId>) -> Result<BTreeMap<VerseId, Verse>, StorageError> {
        either!(self, storage => storage.catalogue(ids).await)
    }

    async fn ledger_after(&self, user: UserId, after: u64, limit: u32) -> Result<LedgerPage, StorageError> {
        either!(self, storage => storage.ledger_after(user, after, limit).await)
    }

    async fn events_of(&self, user: UserId, verse: VerseId) -> Result<Vec<CardEvent>, StorageError> {
        either!(self, storage => storage.events_of(user, verse).await)
    }

    async fn everything(&self, user: UserId) -> Result<Loaded, StorageError> {
        either!(self, storage => storage.everything(user).await)
    }

    async fn erase(&self, user: UserId, now: UnixMillis) -> Result<(), StorageError> {
        either!(self, storage => storage.erase(user, now).await)
    }

    async fn epoch(&self) -> Result<Uuid, StorageError> {
        either!(self, storage => storage.epoch().await)
    }

    async fn ping(&self) -> Result<(), StorageError> {
        either!(self, storage => storage.ping().await)
    }
}

/// A server process's handle to the database.
#[derive(Clone)]
pub(crate) struct SimStorage {
    pub(crate) world: Shared,
    pub(crate) database: Database,
    pub(crate) instance: usize,
}

/// A decision, and beside its answer what it wrote.
struct Watched<D> {
    inner: D,
    broken: Option<Broken>,
}

impl<D: Decision> Decision for Watched<D> {
    type Answer = (D::Answer, Writes, usize);

    fn wants_events(&self, loaded: &Loaded) -> BTreeSet<VerseId> {
        self.inner.wants_events(loaded)
    }

    fn decide(&self, loaded: Loaded, mut events: BTreeMap<VerseId, Vec<CardEvent>>) -> (Writes, Self::Answer) {
        if self.broken == Some(Broken::NoRefold) {
            events.values_mut().for_each(|of_card| of_card.truncate(1));
        }
        let known = loaded.ledger.clone();
        let loaded = broken::loaded(self.broken, loaded);
        let (writes, answer) = self.inner.decide(loaded, events);
        let writes = broken::writes(self.broken, &known, writes);
        (writes.clone(), (answer, writes, known.len()))
    }
}

impl SimStorage {
    fn inner(&self) -> Inner {
        lock(&self.database).clone()
    }

    async fn turn(&self, kind: u64) {
        let world = &self.world;
        world.kernel.event(60 + kind, 0);
        if world.edge().is_some() {
            // The router works a request to its end: nothing may wait for virtual time in between.
            return;
        }
        let dies = {
            let mut server = lock(&world.server);
            match &mut server.dies_in_calls {
                Some((calls, ms)) => {
                    *calls = calls.saturating_sub(1);
                    if *calls == 0 { Some(*ms) } else { None }
                }
                None => None,
            }
        };
        if let Some(ms) = dies {
            lock(&world.server).dies_in_calls = None;
            World::crash(world, self.instance, ms);
            std::future::pending::<()>().await;
        }
        let longest = world.params.server.database_ms;
        if longest > 0 && world.kernel.chance(600) {
            let ms = world.kernel.below(longest + 1);
            world.kernel.sleep(ms).await;
        }
    }
}

impl Storage for SimStorage {
    async fn transact<D: Decision>(
        &self,
        user: UserId,
        wanted: Wanted,
        decision: D,
    ) -> Result<D::Answer, StorageError> {
        self.turn(1).await;
        let watched = Watched { inner: decision, broken: self.world.broken };
        let (answer, writes, repeated) = self.inner().transact(user, wanted, watched).await?;
        lock(&self.world.stats).repeated += repeated as u64;
        self.world.seen(&Seen::Accepted { user, writes: &writes });
        self.turn(2).await;
        Ok(answer)
    }

    async fn read(&self, user: UserId, wanted: Wanted) -> Result<Loaded, StorageError> {
        self.turn(3).await;
        self.inner().read(user, wanted).await
    }

    async fn catalogue(&self, ids: BTreeSet<VerseId>) -> Result<BTreeMap<VerseId, Verse>, StorageError> {
        self.turn(4).await;
        self.inner().catalogue(ids).await
    }

    async fn ledger_after(&self, user: UserId, after: u64, limit: u32) -> Result<LedgerPage, StorageError> {
        self.turn(5).await;
        let page = self.inner().ledger_after(user, after, limit).await?;
        Ok(broken::ledger_page(&self.world, page))
    }

    async fn events_of(&self, user: UserId, verse: VerseId) -> Result<Vec<CardEvent>, StorageError> {
        self.inner().events_of(user, verse).await
    }

    async fn everything(&self, user: UserId) -> Result<Loaded, StorageError> {
        self.inner().everything(user).await
    }

    async fn erase(&self, user: UserId, now: UnixMillis) -> Result<(), StorageError> {
        self.inner().erase(user, now).await
    }

    async fn epoch(&self) -> Result<Uuid, StorageError> {
        self.inner().epoch().await
    }

    async fn ping(&self) -> Result<(), StorageError> {
        Ok(())
    }
}
