//! What can be written to a local store. Changes handed over together are one transaction.

use batchsync::{OperationId as QueueId, OperationStatus, QueueChange};
use serde::{Deserialize, Serialize};
use verses_core::{Card, CardEvent, Operation, OperationId, Profile, Verse, VerseId};

use crate::StoreError;

/// Who local rows belong to: a user's id, or [`GUEST`].
pub type Owner = String;

/// Owner of everything done before signing up or in.
pub const GUEST: &str = "guest";

/// Version of the payloads written to the queue by this release.
pub const PAYLOAD_VERSION: u32 = 1;

/// Entries the journal keeps, of all owners together; the oldest are dropped in the transaction that goes beyond.
pub const JOURNAL_LIMIT: u32 = 2_000;

/// A row of the queue as this application keeps it.
pub type QueuedOperation = batchsync::QueuedOperation<Operation>;

/// An operation on its way into the queue; the store gives it its position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewQueuedOperation {
    /// All of the row; `meta.position` is ignored and `meta.status` must be pending.
    pub operation: QueuedOperation,
}

impl NewQueuedOperation {
    /// What every store checks before it writes.
    ///
    /// # Errors
    /// [`StoreError::Backend`] if the operation is not pending: a fault of the caller.
    pub fn check(&self) -> Result<(), StoreError> {
        let meta = &self.operation.meta;
        if meta.status == OperationStatus::Pending {
            return Ok(());
        }
        Err(StoreError::Backend(format!("operation {} must be pending when it is enqueued", meta.id)))
    }
}

/// One change. A store applies changes in the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreChange {
    /// Inserts or replaces a verse of an owner.
    PutVerse {
        /// Whose.
        owner: Owner,
        /// The verse.
        verse: Verse,
    },
    /// Removes a verse; nothing happens if there is none.
    DeleteVerse {
        /// Whose.
        owner: Owner,
        /// Which.
        verse_id: VerseId,
    },
    /// Inserts or replaces a card.
    PutCard {
        /// Whose.
        owner: Owner,
        /// The card.
        card: Card,
    },
    /// Removes a card; nothing happens if there is none.
    DeleteCard {
        /// Whose.
        owner: Owner,
        /// Which.
        verse_id: VerseId,
    },
    /// Inserts or replaces an event by its operation id.
    PutEvent {
        /// Whose.
        owner: Owner,
        /// The event.
        event: CardEvent,
        /// Its place in the server's history, once the server has it. `None` never erases a known place.
        seq: Option<u64>,
    },
    /// Removes an event; nothing happens if there is none.
    DeleteEvent {
        /// Whose.
        owner: Owner,
        /// Which.
        operation_id: OperationId,
    },
    /// Forgets which events the server has: it started a new history, and tells again what it knows.
    ForgetSeqs {
        /// Whose.
        owner: Owner,
    },
    /// Inserts or replaces the profile.
    PutProfile {
        /// Whose.
        owner: Owner,
        /// The profile.
        profile: Profile,
    },
    /// Appends to the queue. Fails with [`StoreError::DuplicateOperation`](crate::StoreError) if the id is queued already.
    Enqueue(Box<NewQueuedOperation>),
    /// Replaces the payload of a queued operation (folding profile updates, editing a failed one). The row gets the
    /// present [`PAYLOAD_VERSION`]. Nothing happens if it is not queued (any more).
    ReplacePayload {
        /// Which row.
        id: QueueId,
        /// The new payload; entity and dependency stay.
        data: Box<Operation>,
        /// Its encoded size in bytes.
        payload_bytes: u32,
    },
    /// Gives a queued operation a new position, after all others. Nothing happens if it is not queued (any more).
    MoveToEnd {
        /// Which row.
        id: QueueId,
    },
    /// A change decided by the engine. Naming a row that is not queued (any more) changes nothing.
    Queue(QueueChange),
    /// Moves all rows of one owner to another in every table but `meta`, queue and journal included; rows the other has already are kept as they are there,
    /// and the moved duplicates are dropped. Cards must be folded again by the caller in the same transaction.
    MoveOwner {
        /// From whom.
        from: Owner,
        /// To whom.
        to: Owner,
    },
    /// Removes all rows of one owner from every table but `meta`, the queue included: what waits there is lost. The
    /// journal keeps what was sent, without a name: its entries get an empty owner.
    ForgetOwner {
        /// Whose.
        owner: Owner,
    },
    /// Sets a value in `meta`.
    PutMeta {
        /// Which, see [`meta_key`](crate::meta_key).
        key: String,
        /// JSON text.
        value: String,
    },
    /// Removes a value from `meta`.
    DeleteMeta {
        /// Which.
        key: String,
    },
}
