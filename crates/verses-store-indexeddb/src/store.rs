//! `IndexedDbStore`: the handle, and who is told of commits. The requests are in `read`, `read_queue` and `write`.

use std::future::Future;
use std::rc::Rc;

use batchsync::{JournalEntry, OperationId as QueueId, QueuePosition, QueuedMeta};
use jiff::civil::Date;
use verses_core::{Card, Phase, Profile, UnixMillis, Verse, VerseId};
use verses_store::{
    CardCounts, Committed, Listener, LocalStore, Owner, QueueTotals, QueuedOperation, ReviewDays, Revision,
    StoreChange, StoreError, StoredEvent, Subscription,
};

use crate::connect::Connection;
use crate::listeners::Listeners;
use crate::{read, read_queue, write};

/// The database of the application, where nothing asks for another one.
pub const DEFAULT_NAME: &str = "verses";

/// A local store in a database of the browser. Cloning gives another handle to the same one; the connection is closed with
/// the last.
///
/// Pages and workers of one origin may have one database open at once, each with a store of its own. Every commit is on
/// the disk when it returns, and its revision is told to the listeners of all of them.
#[derive(Clone)]
pub struct IndexedDbStore {
    inner: Rc<Inner>,
}

struct Inner {
    connection: Connection,
    listeners: Listeners,
}

impl std::fmt::Debug for IndexedDbStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IndexedDbStore").field("name", &self.name()).finish_non_exhaustive()
    }
}

impl IndexedDbStore {
    /// Opens the database `name` of this origin, usually [`DEFAULT_NAME`], and makes it if it is not there. Brings an older
    /// layout up to date: all steps or none. Other pages that have it open with an older layout are asked to let go.
    ///
    /// Later calls open it again when the browser, or a page that needed to change the layout, closed the connection.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] if a later release wrote it, [`StoreError::Busy`] if another page does not let go of it
    /// within five seconds (trying again helps once it is closed), [`StoreError::Full`] without room,
    /// [`StoreError::Backend`] if the browser has no IndexedDB for this page or cannot open it.
    pub async fn open(name: &str) -> Result<Self, StoreError> {
        let listeners = Listeners::default();
        let connection = Connection::new(name, &listeners);
        connection.open().await?;
        Ok(Self { inner: Rc::new(Inner { connection, listeners }) })
    }

    /// The name of the database.
    #[must_use]
    pub fn name(&self) -> &str {
        self.inner.connection.name()
    }

    fn connection(&self) -> &Connection {
        &self.inner.connection
    }

    /// Listeners are told before the caller: whoever waits for the commit finds them told.
    fn tell(&self, revision: Revision) {
        self.inner.connection.tell(revision);
        self.inner.listeners.tell(revision);
    }
}

impl LocalStore for IndexedDbStore {
    fn revision(&self) -> impl Future<Output = Result<Revision, StoreError>> {
        read::revision(self.connection())
    }

    async fn commit(&self, base: Option<Revision>, changes: Vec<StoreChange>) -> Result<Committed, StoreError> {
        let writes = !changes.is_empty();
        let committed = write::commit(self.connection(), base, changes).await?;
        if writes {
            self.tell(committed.revision);
        }
        Ok(committed)
    }

    fn verse(&self, owner: &str, id: VerseId) -> impl Future<Output = Result<Option<Verse>, StoreError>> {
        read::verse(self.connection(), owner, id)
    }

    fn verses(&self, owner: &str) -> impl Future<Output = Result<Vec<Verse>, StoreError>> {
        read::verses(self.connection(), owner)
    }

    fn verses_of(&self, owner: &str, ids: &[VerseId]) -> impl Future<Output = Result<Vec<Verse>, StoreError>> {
        read::verses_of(self.connection(), owner, ids)
    }

    fn unverified_verses(&self, owner: &str, limit: u32) -> impl Future<Output = Result<Vec<Verse>, StoreError>> {
        read::unverified_verses(self.connection(), owner, limit)
    }

    async fn mark_verses_verified(&self, owner: &str, ids: &[VerseId], now: UnixMillis) -> Result<u64, StoreError> {
        let (changed, revision) = write::mark_verses_verified(self.connection(), owner, ids, now).await?;
        if let Some(revision) = revision {
            self.tell(revision);
        }
        Ok(changed)
    }

    fn card(&self, owner: &str, id: VerseId) -> impl Future<Output = Result<Option<Card>, StoreError>> {
        read::card(self.connection(), owner, id)
    }

    fn cards_of(&self, owner: &str, ids: &[VerseId]) -> impl Future<Output = Result<Vec<Card>, StoreError>> {
        read::cards_of(self.connection(), owner, ids)
    }

    fn review_days(&self, owner: &str, today: Date) -> impl Future<Output = Result<ReviewDays, StoreError>> {
        read::review_days(self.connection(), owner, today)
    }

    fn cards(&self, owner: &str) -> impl Future<Output = Result<Vec<Card>, StoreError>> {
        read::cards(self.connection(), owner)
    }

    fn due_cards(&self, owner: &str, date: Date) -> impl Future<Output = Result<Vec<Card>, StoreError>> {
        read::due_cards(self.connection(), owner, date)
    }

    fn card_counts(&self, owner: &str, today: Date) -> impl Future<Output = Result<CardCounts, StoreError>> {
        read::card_counts(self.connection(), owner, today)
    }

    fn cards_by_phase(&self, owner: &str, phase: Phase) -> impl Future<Output = Result<Vec<Card>, StoreError>> {
        read::cards_by_phase(self.connection(), owner, phase)
    }

    fn events(&self, owner: &str, id: VerseId) -> impl Future<Output = Result<Vec<StoredEvent>, StoreError>> {
        read::events_of(self.connection(), owner, &[id])
    }

    fn events_of(&self, owner: &str, ids: &[VerseId]) -> impl Future<Output = Result<Vec<StoredEvent>, StoreError>> {
        read::events_of(self.connection(), owner, ids)
    }

    fn events_without_seq(&self, owner: &str) -> impl Future<Output = Result<Vec<StoredEvent>, StoreError>> {
        read::events_without_seq(self.connection(), owner)
    }

    fn review_logs(&self, owner: &str, limit: u32) -> impl Future<Output = Result<Vec<StoredEvent>, StoreError>> {
        read::review_logs(self.connection(), owner, limit)
    }

    fn profile(&self, owner: &str) -> impl Future<Output = Result<Profile, StoreError>> {
        read::profile(self.connection(), owner)
    }

    fn queue_metas(
        &self,
        after: Option<QueuePosition>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<QueuedMeta>, StoreError>> {
        read_queue::queue_metas(self.connection(), after, limit)
    }

    fn queued(&self, ids: &[QueueId]) -> impl Future<Output = Result<Vec<QueuedOperation>, StoreError>> {
        read_queue::queued(self.connection(), ids)
    }

    fn queued_for_entity(
        &self,
        owner: &str,
        entity: &str,
    ) -> impl Future<Output = Result<Vec<QueuedMeta>, StoreError>> {
        read_queue::queued_for_entity(self.connection(), owner, entity)
    }

    fn queue_of(
        &self,
        owner: &str,
        failed_only: bool,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<QueuedOperation>, StoreError>> {
        read_queue::queue_of(self.connection(), owner, failed_only, limit)
    }

    fn queue_totals(&self, owner: &str) -> impl Future<Output = Result<QueueTotals, StoreError>> {
        read_queue::queue_totals(self.connection(), owner)
    }

    fn queue_owners(&self) -> impl Future<Output = Result<Vec<(Owner, QueueTotals)>, StoreError>> {
        read_queue::queue_owners(self.connection())
    }

    fn journal(&self, limit: u32) -> impl Future<Output = Result<Vec<JournalEntry>, StoreError>> {
        read_queue::journal(self.connection(), limit)
    }

    fn meta(&self, key: &str) -> impl Future<Output = Result<Option<String>, StoreError>> {
        read::meta(self.connection(), key)
    }

    fn subscribe(&self, listener: Box<dyn Listener>) -> Subscription {
        self.inner.listeners.subscribe(listener)
    }
}
