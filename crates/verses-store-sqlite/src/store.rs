//! `SqliteStore`: which thread does what, and who is told of commits. The statements are in `read` and `write`.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use batchsync::{JournalEntry, OperationId as QueueId, QueuePosition, QueuedMeta};
use jiff::civil::Date;
use rusqlite::Connection;
use verses_core::{Card, Phase, Profile, UnixMillis, Verse, VerseId};
use verses_store::{
    Committed, Listener, LocalStore, Owner, QueueTotals, QueuedOperation, Revision, StoreChange, StoreError,
    StoredEvent, Subscription,
};

use crate::fault::Fault;
use crate::worker::Worker;
use crate::write::{self, Written};
use crate::{migrate, open, read};

/// A local store in an SQLite file. Cloning gives another handle to the same one; the file is closed with the last.
///
/// Several processes may open one file at once. Every commit is on the disk when it returns.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: Option<PathBuf>,
    // The writer's connection closes last: the last one to close moves the log into the database.
    /// For questions answered by a few pages, on the caller's own thread: changing threads would cost more than they do.
    nearby: Option<Mutex<Connection>>,
    /// For everything else.
    reader: Option<Worker>,
    writer: Worker,
    listeners: Arc<Listeners>,
}

#[derive(Default)]
struct Listeners(Mutex<Listening>);

#[derive(Default)]
struct Listening {
    by_number: BTreeMap<u64, Arc<dyn Listener>>,
    next: u64,
}

impl std::fmt::Debug for Listeners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listeners").field("count", &self.lock().by_number.len()).finish()
    }
}

impl Listeners {
    fn lock(&self) -> MutexGuard<'_, Listening> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls them outside the lock: a listener may subscribe, or end its own subscription.
    fn tell(&self, revision: Revision) {
        let listeners: Vec<_> = self.lock().by_number.values().cloned().collect();
        for listener in listeners {
            listener(revision);
        }
    }
}

impl SqliteStore {
    /// Opens the database at `path`, and makes it, for this user alone, with its folder if it is not there. Brings an
    /// older schema up to date: all steps or none.
    ///
    /// Blocks for as long as the disk takes; nothing of the queue is read.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if the file is no database of Verses, [`StoreError::NewerSchema`] if a later release wrote
    /// it, [`StoreError::Busy`] if another process holds it for longer than five seconds, [`StoreError::Full`] without
    /// room, [`StoreError::Backend`] if the file or its folder cannot be made, read or written.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let file = path.display().to_string();
        open::create_private_file(path)?;
        open::check_header(path)?;
        open::check_log(path)?;
        let failed = |fault: Fault| fault.into_store_error(&file);
        let writer = open::connect_writer(path).map_err(failed)?;
        let reader = open::connect(path).map_err(failed)?;
        let nearby = open::connect_nearby(path).map_err(failed)?;
        open::tidy_at_close(&writer).map_err(failed)?;
        Ok(Self {
            inner: Arc::new(Inner {
                path: Some(path.to_owned()),
                nearby: Some(Mutex::new(nearby)),
                reader: Some(Worker::start("verses-store-read", &file, reader)?),
                writer: Worker::start("verses-store-write", &file, writer)?,
                listeners: Arc::default(),
            }),
        })
    }

    /// A database in memory, for tests: the same statements, nothing on disk.
    ///
    /// # Errors
    /// [`StoreError::Backend`] if no thread can be started.
    pub fn in_memory() -> Result<Self, StoreError> {
        let file = "a database in memory";
        let connect = || -> Result<Connection, Fault> {
            let mut connection = Connection::open_in_memory()?;
            open::configure(&connection)?;
            migrate::to_present(&mut connection)?;
            Ok(connection)
        };
        let connection = connect().map_err(|fault| fault.into_store_error(file))?;
        let writer = Worker::start("verses-store", file, connection)?;
        Ok(Self {
            inner: Arc::new(Inner { path: None, nearby: None, reader: None, writer, listeners: Arc::default() }),
        })
    }

    /// Reads every page of a file and compares its tables with their indexes. Takes as long as reading the file; for
    /// diagnosis, and before a copy is trusted.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] names the first faults found; the others as for [`open`](Self::open).
    pub fn check(path: &Path) -> Result<(), StoreError> {
        open::check_header(path)?;
        open::check_log(path)?;
        open::check_integrity(path).map_err(|fault| fault.into_store_error(&path.display().to_string()))
    }

    /// The database's file; `None` in memory.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.inner.path.as_deref()
    }

    /// Caps the file at about `bytes`, or at what it has already; commits beyond fail with [`StoreError::Full`]. `None`
    /// lifts the cap. Holds for this handle and its clones, and is forgotten with them.
    ///
    /// # Errors
    /// [`StoreError::Backend`] if SQLite refuses.
    pub async fn limit_size(&self, bytes: Option<u64>) -> Result<(), StoreError> {
        self.inner
            .writer
            .call(move |connection| {
                let page: u64 = connection.pragma_query_value(None, "page_size", |row| row.get::<_, u32>(0))?.into();
                let pages = bytes.map_or(u32::MAX - 1, |bytes| u32::try_from(bytes / page).unwrap_or(u32::MAX - 1));
                connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
                Ok(())
            })
            .await
    }

    /// Reading begins at once, not at the first poll.
    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> impl Future<Output = Result<T, StoreError>> + Send {
        let worker = self.inner.reader.as_ref().unwrap_or(&self.inner.writer);
        worker.call(move |connection| read(connection))
    }

    /// Reads a few pages here and now; on the reading thread if that would mean to wait for anybody.
    async fn read_nearby<T: Send + 'static>(
        &self,
        read: impl Fn(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        if let Some(nearby) = &self.inner.nearby
            && let Ok(connection) = nearby.try_lock()
            && let Ok(found) = read(&connection)
        {
            return Ok(found);
        }
        // A fault comes again there, or has passed: a lock is waited for on that thread, not on this one.
        self.read(read).await
    }

    /// Listeners are told before the caller: whoever waits for the commit finds them told.
    async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&mut Connection) -> Result<Written<T>, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let listeners = self.inner.listeners.clone();
        let work = move |connection: &mut Connection| {
            let written = write(connection)?;
            if let Some(revision) = written.revision {
                listeners.tell(revision);
            }
            Ok(written.value)
        };
        self.inner.writer.call(work).await
    }
}

impl LocalStore for SqliteStore {
    async fn revision(&self) -> Result<Revision, StoreError> {
        self.read_nearby(read::revision).await
    }

    async fn commit(&self, base: Option<Revision>, changes: Vec<StoreChange>) -> Result<Committed, StoreError> {
        self.write(move |connection| write::commit(connection, base, changes)).await
    }

    async fn verse(&self, owner: &str, id: VerseId) -> Result<Option<Verse>, StoreError> {
        let owner = owner.to_owned();
        self.read_nearby(move |connection| read::verse(connection, &owner, id)).await
    }

    async fn verses(&self, owner: &str) -> Result<Vec<Verse>, StoreError> {
        let owner = owner.to_owned();
        self.read(move |connection| read::verses(connection, &owner)).await
    }

    async fn verses_of(&self, owner: &str, ids: &[VerseId]) -> Result<Vec<Verse>, StoreError> {
        let (owner, ids) = (owner.to_owned(), ids.to_vec());
        self.read(move |connection| read::verses_of(connection, &owner, &ids)).await
    }

    async fn unverified_verses(&self, owner: &str, limit: u32) -> Result<Vec<Verse>, StoreError> {
        let owner = owner.to_owned();
        self.read(move |connection| read::unverified_verses(connection, &owner, limit)).await
    }

    async fn mark_verses_verified(&self, owner: &str, ids: &[VerseId], now: UnixMillis) -> Result<u64, StoreError> {
        let (owner, ids) = (owner.to_owned(), ids.to_vec());
        self.write(move |connection| write::mark_verses_verified(connection, &owner, &ids, now)).await
    }

    async fn card(&self, owner: &str, id: VerseId) -> Result<Option<Card>, StoreError> {
        let owner = owner.to_owned();
        self.read_nearby(move |connection| read::card(connection, &owner, id)).await
    }

    async fn cards(&self, owner: &str) -> Result<Vec<Card>, StoreError> {
        let owner = owner.to_owned();
        self.read(move |connection| read::cards(connection, &owner)).await
    }

    async fn due_cards(&self, owner: &str, date: Date) -> Result<Vec<Card>, StoreError> {
        let owner = owner.to_owned();
        self.read(move |connection| read::due_cards(connection, &owner, date)).await
    }

    async fn cards_by_phase(&self, owner: &str, phase: Phase) -> Result<Vec<Card>, StoreError> {
        let owner = owner.to_owned();
        self.read(move |connection| read::cards_by_phase(connection, &owner, phase)).await
    }

    async fn events(&self, owner: &str, id: VerseId) -> Result<Vec<StoredEvent>, StoreError> {
        self.events_of(owner, &[id]).await
    }

    async fn events_of(&self, owner: &str, ids: &[VerseId]) -> Result<Vec<StoredEvent>, StoreError> {
        let (owner, ids) = (owner.to_owned(), ids.to_vec());
        self.read(move |connection| read::events_of(connection, &owner, ids)).await
    }

    async fn events_without_seq(&self, owner: &str) -> Result<Vec<StoredEvent>, StoreError> {
        let owner = owner.to_owned();
        self.read(move |connection| read::events_without_seq(connection, &owner)).await
    }

    async fn review_logs(&self, owner: &str, limit: u32) -> Result<Vec<StoredEvent>, StoreError> {
        let owner = owner.to_owned();
        self.read(move |connection| read::review_logs(connection, &owner, limit)).await
    }

    async fn profile(&self, owner: &str) -> Result<Profile, StoreError> {
        let owner = owner.to_owned();
        self.read_nearby(move |connection| read::profile(connection, &owner)).await
    }

    /// Starts to read when called: whoever asks for the next page before working on this one waits for neither.
    fn queue_metas(
        &self,
        after: Option<QueuePosition>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<QueuedMeta>, StoreError>> + Send {
        self.read(move |connection| read::queue_metas(connection, after, limit))
    }

    async fn queued(&self, ids: &[QueueId]) -> Result<Vec<QueuedOperation>, StoreError> {
        let ids = ids.to_vec();
        self.read(move |connection| read::queued(connection, &ids)).await
    }

    async fn queued_for_entity(&self, owner: &str, entity: &str) -> Result<Vec<QueuedMeta>, StoreError> {
        let (owner, entity) = (owner.to_owned(), entity.to_owned());
        self.read(move |connection| read::queued_for_entity(connection, &owner, &entity)).await
    }

    async fn queue_of(&self, owner: &str, failed_only: bool, limit: u32) -> Result<Vec<QueuedOperation>, StoreError> {
        let owner = owner.to_owned();
        self.read(move |connection| read::queue_of(connection, &owner, failed_only, limit)).await
    }

    async fn queue_totals(&self, owner: &str) -> Result<QueueTotals, StoreError> {
        let owner = owner.to_owned();
        self.read_nearby(move |connection| read::queue_totals(connection, &owner)).await
    }

    async fn queue_owners(&self) -> Result<Vec<(Owner, QueueTotals)>, StoreError> {
        self.read(read::queue_owners).await
    }

    async fn journal(&self, limit: u32) -> Result<Vec<JournalEntry>, StoreError> {
        self.read(move |connection| read::journal(connection, limit)).await
    }

    async fn meta(&self, key: &str) -> Result<Option<String>, StoreError> {
        let key = key.to_owned();
        self.read_nearby(move |connection| read::meta(connection, &key)).await
    }

    fn subscribe(&self, listener: Box<dyn Listener>) -> Subscription {
        let number = {
            let mut listening = self.inner.listeners.lock();
            let number = listening.next;
            listening.next += 1;
            listening.by_number.insert(number, Arc::from(listener));
            number
        };
        let listeners = Arc::downgrade(&self.inner.listeners);
        Subscription::new(move || {
            let removed = listeners.upgrade().and_then(|listeners| listeners.lock().by_number.remove(&number));
            // Dropped outside the lock: it may hold the last handle to this store.
            drop(removed);
        })
    }
}
