//! The storage trait: what the server needs of a database, and nothing of what it decides.
//!
//! A backend runs one transaction around a [`Decision`] that it knows nothing of: lock the user's row, load what is
//! wanted, ask, write the answer in bulk, commit. The number of statements does not depend on the size of a batch.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;

use verses_core::{Card, CardEvent, OperationId, OperationKind, Profile, UnixMillis, Verse, VerseId};

mod columns;
#[doc(hidden)]
pub mod conformance;
pub mod memory;
pub mod postgres;
pub mod sqlite;

/// Id of a user: the `sub` of a verified token, a UUID.
pub type UserId = uuid::Uuid;

/// Digest of a user's history up to one entry of the ledger: it follows from the digest before it and the entry, so
/// that two histories have the same digest at a position only if they are the same up to there. All zero at the start.
pub type Chain = [u8; 16];

/// What a run of operations touches, named before the transaction begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Ids to look up in the ledger.
    pub operations: Vec<OperationId>,
    /// Cards of the user.
    pub cards: BTreeSet<VerseId>,
    /// Verses with their texts: the user's own first, else the shared catalogue's.
    pub verses: BTreeSet<VerseId>,
    /// Whether the profile is needed.
    pub profile: bool,
}

/// What a backend loaded under the user's lock.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Loaded {
    /// The last sequence number the user has been given; 0 before the first.
    pub last_seq: u64,
    /// The digest of the history up to there.
    pub last_chain: Chain,
    /// Ledger entries of the wanted operations that exist.
    pub ledger: BTreeMap<OperationId, LedgerEntry>,
    /// Wanted cards that exist.
    pub cards: BTreeMap<VerseId, Card>,
    /// Wanted verses that exist: the user's own first, else the shared catalogue's.
    pub verses: BTreeMap<VerseId, Verse>,
    /// The profile; default when the user has none.
    pub profile: Profile,
}

/// An accepted operation in the ledger: replays are answered from it, and the feed of changes is its order by `seq`.
#[derive(Debug, Clone, PartialEq)]
pub struct LedgerEntry {
    /// The operation.
    pub operation_id: OperationId,
    /// Its kind.
    pub kind: OperationKind,
    /// SHA-256 of the content as sent, so that an id reused with other content is noticed.
    pub content_hash: [u8; 32],
    /// Position in the user's history: rising, without gaps.
    pub seq: u64,
    /// Digest of the history up to and with this entry.
    pub chain: Chain,
    /// The operation as accepted, in JSON (`{"type","data"}`), with its corrected stamp and canonical reference.
    pub operation: String,
    /// The verse it touched.
    pub verse_id: Option<VerseId>,
    /// The answer's `data`, in JSON, given again to a replay.
    pub outcome: String,
    /// When the server accepted it.
    pub accepted_at: UnixMillis,
}

/// What is written at the end of a transaction, all of it or nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Writes {
    /// New ledger entries; their `seq` run from `last_seq + 1` on.
    pub ledger: Vec<LedgerEntry>,
    /// New events.
    pub events: Vec<CardEvent>,
    /// Cards, new or changed.
    pub cards: Vec<Card>,
    /// The user's own verses, new or changed.
    pub own_verses: Vec<Verse>,
    /// Verses whose text is no longer the user's own, because a provider's took its place.
    pub dropped_own_verses: Vec<VerseId>,
    /// Verses for the shared catalogue, from a provider. A verse that is there already stays as it is, unless it has
    /// no text there and has one here.
    pub catalogue: Vec<Verse>,
    /// The profile, if it changed.
    pub profile: Option<Profile>,
}

/// The pure part of a transaction. A backend may begin again and ask a second time, when the database gave a transaction up.
pub trait Decision: Send + Sync + 'static {
    /// What the caller gets back.
    type Answer: Send + 'static;

    /// Which cards must have all their events loaded, because a new event sorts before their last one.
    fn wants_events(&self, loaded: &Loaded) -> BTreeSet<VerseId>;

    /// Decides everything from what was loaded.
    fn decide(&self, loaded: Loaded, events: BTreeMap<VerseId, Vec<CardEvent>>) -> (Writes, Self::Answer);
}

impl Writes {
    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What the feed of changes tells of a ledger entry.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedEntry {
    /// The operation.
    pub operation_id: OperationId,
    /// Position in the user's history.
    pub seq: u64,
    /// Digest of the history up to and with this entry.
    pub chain: Chain,
    /// The operation as accepted, in JSON.
    pub operation: String,
    /// For a creation: the verse, the user's own first, else the shared catalogue's.
    pub verse: Option<Verse>,
}

/// A page of the ledger.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LedgerPage {
    /// Entries after the asked-for position, by `seq`.
    pub entries: Vec<FeedEntry>,
    /// Whether more follow.
    pub has_more: bool,
    /// The digest at the asked-for position, if there is an entry: it proves that a cursor is of this history.
    pub chain_at: Option<Chain>,
    /// The last sequence number the user has been given.
    pub last_seq: u64,
}

/// A database that did not do its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    /// It did not answer, was locked or overloaded; nothing was written. Worth trying again.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// It answered with something that must not be: a bug, a full disk or a damaged file. Nothing was written.
    #[error("the database failed: {0}")]
    Failed(String),
    /// Everything of this user was deleted at the user's wish. Nothing was written.
    #[error("the account was deleted")]
    Erased,
}

impl StorageError {
    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// What another server of the same database says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Poke {
    /// A user's history has grown.
    User(UserId),
    /// Somebody's may have: something that was said was missed.
    Everyone,
}

/// Called with what other servers say. It must not block.
pub type Heard = Arc<dyn Fn(Poke) + Send + Sync>;

/// Connections to a database that requests share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// Open ones.
    pub open: usize,
    /// Those of them that nobody uses.
    pub idle: usize,
    /// Requests that wait for one.
    pub waiting: usize,
}

/// What the server needs of a database. Cloning gives another handle to the same one.
///
/// Rules every backend keeps, checked by [`conformance`]: a transaction's writes become visible together or not at
/// all, and its answer is given only after they are durable; transactions of one user run one after another, so that
/// `last_seq` never repeats and has no gap; no user sees or changes the rows of another, except the shared catalogue.
pub trait Storage: Clone + Send + Sync + 'static {
    /// One transaction: lock the user, load, decide, write, commit.
    fn transact<D: Decision>(
        &self,
        user: UserId,
        wanted: Wanted,
        decision: D,
    ) -> impl Future<Output = Result<D::Answer, StorageError>> + Send;

    /// Reads without a lock: one consistent snapshot.
    fn read(&self, user: UserId, wanted: Wanted) -> impl Future<Output = Result<Loaded, StorageError>> + Send;

    /// Texts of the shared catalogue that are there.
    fn catalogue(
        &self,
        ids: BTreeSet<VerseId>,
    ) -> impl Future<Output = Result<BTreeMap<VerseId, Verse>, StorageError>> + Send;

    /// The user's ledger after `after`, at most `limit` entries.
    fn ledger_after(
        &self,
        user: UserId,
        after: u64,
        limit: u32,
    ) -> impl Future<Output = Result<LedgerPage, StorageError>> + Send;

    /// Events of one card, in the order of the fold.
    fn events_of(
        &self,
        user: UserId,
        verse: VerseId,
    ) -> impl Future<Output = Result<Vec<CardEvent>, StorageError>> + Send;

    /// Every card of the user with its verse, and the profile.
    fn everything(&self, user: UserId) -> impl Future<Output = Result<Loaded, StorageError>> + Send;

    /// Deletes everything of the user, for good. From then on every call for this user is answered with
    /// [`StorageError::Erased`], but for this one: a second time there is nothing to do. A mark is left that holds the
    /// user's id and `now`: otherwise the next device to sync would bring everything back.
    fn erase(&self, user: UserId, now: UnixMillis) -> impl Future<Output = Result<(), StorageError>> + Send;

    /// The id of this database's history: made once, when it was created. Part of every cursor.
    fn epoch(&self) -> impl Future<Output = Result<uuid::Uuid, StorageError>> + Send;

    /// Whether the database answers now.
    fn ping(&self) -> impl Future<Output = Result<(), StorageError>> + Send;

    /// How the connections to the database are used now; None where there are none to share.
    fn pool(&self) -> Option<Pool> {
        None
    }

    /// Calls `heard` from now on with what other servers of this database [`announce`](Self::announce). A database that
    /// only one process serves has nothing to say.
    fn listen(&self, heard: Heard) {
        drop(heard);
    }

    /// Tells the other servers of this database, soon, that a user's history has grown. A hint: it may be lost. Never
    /// blocks.
    fn announce(&self, user: UserId) {
        let _nobody_else = user;
    }
}
