//! Whether a new operation may be queued, and whether it may be folded into one that waits.
//!
//! Both questions are answered from a few numbers, so a process that has not loaded the engine can ask them too.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::config::BatchConfig;
use crate::operation::{EntityKey, OperationId, OperationStatus, OwnerId, QueuedMeta};

/// How full a queue is. Failed operations count: they take room until the user deals with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct QueueTotals {
    /// Operations.
    pub len: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
}

/// The queue has no room. Nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum QueueFull {
    /// Too many operations.
    #[error(
        "the queue holds {len} operations and takes at most {max}; sync, or settle failed operations, then try again"
    )]
    Operations {
        /// How many it holds.
        len: u64,
        /// How many it takes (`max_queue_len`).
        max: u64,
    },
    /// Too many bytes.
    #[error(
        "the queue holds {bytes} bytes, {more} more do not fit in {max}; sync, or settle failed operations, then try again"
    )]
    Bytes {
        /// How many it holds.
        bytes: u64,
        /// How many were to be added.
        more: u64,
        /// How many it takes (`max_queue_bytes`).
        max: u64,
    },
}

impl QueueFull {
    /// Always true: there is room again once something was sent or discarded.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        true
    }
}

/// What is known of an operation before it is queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOperation {
    /// Its kind.
    pub kind: String,
    /// Who makes it.
    pub user_id: OwnerId,
    /// What it is about.
    pub entity: EntityKey,
    /// What it depends on.
    pub depends_on: Option<OperationId>,
    /// Bytes of its payload.
    pub payload_bytes: u32,
}

/// Leave to queue an operation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Admission {
    /// The waiting operation it may be folded into: rewrite that one's payload and tell the engine with `edited`.
    /// Queueing it as a new row is always right too.
    pub coalesce_into: Option<OperationId>,
}

/// Checks the limits of a queue for one more operation of `payload_bytes`.
///
/// # Errors
/// `QueueFull` names the limit that is reached.
pub fn check_room(config: &BatchConfig, totals: QueueTotals, payload_bytes: u32) -> Result<(), QueueFull> {
    if totals.len >= config.max_queue_len {
        return Err(QueueFull::Operations { len: totals.len, max: config.max_queue_len });
    }
    let more = u64::from(payload_bytes);
    if totals.bytes.saturating_add(more) > config.max_queue_bytes {
        return Err(QueueFull::Bytes { bytes: totals.bytes, more, max: config.max_queue_bytes });
    }
    Ok(())
}

/// Whether `new` may be folded into `waiting`, the latest operation of the same entity in the queue.
///
/// Only kinds the configuration names, only while nothing of it may have reached the server.
#[must_use]
pub fn may_coalesce(config: &BatchConfig, waiting: &QueuedMeta, new: &NewOperation) -> bool {
    config.coalesces(&new.kind)
        && waiting.kind == new.kind
        && waiting.user_id == new.user_id
        && waiting.entity == new.entity
        && waiting.status == OperationStatus::Pending
        && !waiting.ever_sent
        && (new.depends_on.is_none() || new.depends_on == waiting.depends_on)
}
