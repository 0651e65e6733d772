//! What waits in the queue: a queued operation, its states, and the changes a store must write.
//!
//! Nothing here decides; deciding is the engine's work. Nothing here knows what a payload means.

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, on the clock the application passes in.
pub type Millis = i64;

/// The client-made id of an operation: also its idempotency key on the server. 1 to 128 bytes.
pub type OperationId = String;

/// The account an operation belongs to. It is never sent under another one.
pub type OwnerId = String;

/// The thing an operation is about. Operations of one entity are sent in the order they were made.
pub type EntityKey = String;

/// Where a row stands in the queue of one store: given by the store, rising, never reused.
pub type QueuePosition = i64;

/// Everything the engine needs to know of a queued operation, without its payload.
///
/// The payload stays in the store until a request that carries it is built, so a queue of 100,000 operations
/// costs the engine only this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedMeta {
    /// Position in the queue; first in, first out within one entity.
    pub position: QueuePosition,
    /// Idempotency key.
    pub id: OperationId,
    /// What kind of operation it is, in the application's own words ("record_review").
    pub kind: String,
    /// Who made it.
    pub user_id: OwnerId,
    /// What it is about.
    pub entity: EntityKey,
    /// The operation that must succeed before this one may be sent, if that one was still queued when this was made.
    pub depends_on: Option<OperationId>,
    /// Size of the encoded payload in bytes.
    pub payload_bytes: u32,
    /// When it was queued.
    pub queued_at: Millis,
    /// Faults of its own so far. Faults of the network are not counted.
    pub retry_count: u32,
    /// Whether it may already have reached the server. Such an operation is never edited in place or coalesced.
    pub ever_sent: bool,
    /// Where it stands.
    pub status: OperationStatus,
}

/// A queued operation with its payload, as a store keeps it. The source's `QueuedSyncOperation`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedOperation<P> {
    /// All but the payload.
    #[serde(flatten)]
    pub meta: QueuedMeta,
    /// Which local record it wrote ("card/0190…"), for the application.
    pub local_ref: String,
    /// Version of the payload's shape, so that a later release can migrate it.
    pub payload_version: u32,
    /// What is sent.
    pub data: P,
}

/// The state of a queued operation. `Completed` rows leave the queue in the transaction that writes their journal entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum OperationStatus {
    /// Waiting to be sent.
    Pending,
    /// In a request that has no answer yet. After `lease_until`, or after a restart, it is pending again.
    Processing {
        /// The request that carries it.
        batch_id: String,
        /// Until when the claim holds.
        lease_until: Millis,
    },
    /// In the inbox: waits for the user to retry, edit or discard it.
    Failed(Failure),
}

/// Why an operation is in the inbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The class of the failure.
    pub reason: FailureReason,
    /// The server's machine-readable code, or the engine's own.
    pub code: String,
    /// Text for people.
    pub message: String,
    /// When it failed.
    pub failed_at: Millis,
}

/// Classes of failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum FailureReason {
    /// The server examined it and said no.
    Rejected,
    /// The operation it depends on failed. It is freed when that one is retried or edited.
    Blocked {
        /// The operation that failed.
        parent: OperationId,
    },
    /// Too large to be sent even alone.
    TooLarge,
    /// Waited longer than `max_age_ms`.
    Expired,
    /// Failed `max_retries` times with faults of its own.
    RetriesExhausted,
    /// The server says this account may not do it.
    Forbidden,
}

impl FailureReason {
    /// The class in a word, as it is written in JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Blocked { .. } => "blocked",
            Self::TooLarge => "too_large",
            Self::Expired => "expired",
            Self::RetriesExhausted => "retries_exhausted",
            Self::Forbidden => "forbidden",
        }
    }
}

/// A change the store must write. All changes handed out together go into one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum QueueChange {
    /// Set status, retry count and `ever_sent` of a row that is in the queue.
    SetStatus {
        /// Which row.
        id: OperationId,
        /// Its new status.
        status: OperationStatus,
        /// Its new count of own faults.
        retry_count: u32,
        /// Whether it may have reached the server.
        ever_sent: bool,
    },
    /// Count the age of a row that is in the queue from another time: it left the inbox, and must not expire at once.
    Renew {
        /// Which row.
        id: OperationId,
        /// Its new `queued_at`.
        queued_at: Millis,
    },
    /// Remove a row and write its outcome to the journal. The journal is bounded: the store drops the oldest entries.
    Complete {
        /// Which row.
        id: OperationId,
        /// What the journal keeps.
        entry: JournalEntry,
    },
    /// Remove a row because the user discarded it; the journal keeps that it was discarded.
    Discard {
        /// Which row.
        id: OperationId,
        /// What the journal keeps.
        entry: JournalEntry,
    },
}

/// One line of the journal: how an operation left the queue, or that it failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// The operation.
    pub operation_id: OperationId,
    /// Its owner.
    pub user_id: OwnerId,
    /// Its kind.
    pub kind: String,
    /// The request that settled it, empty when no request did.
    pub batch_id: String,
    /// How it ended.
    pub outcome: JournalOutcome,
    /// Bytes of its payload.
    pub payload_bytes: u32,
    /// When.
    pub at: Millis,
}

/// How an operation left the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum JournalOutcome {
    /// The server applied it now.
    Applied,
    /// The server had applied it before, or its effect was there already.
    Duplicate,
    /// The user discarded it.
    Discarded,
}
