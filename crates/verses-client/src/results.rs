//! What calls of the data service give back. Names follow the source: `DualWriteResult`, `BatchDualWriteResult`.

use serde::Serialize;

use crate::error::ClientError;

/// Result of one action written on the device now and on the server later.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DualWriteResult<L, R = ()> {
    /// What the action became on this device.
    pub local: Option<L>,
    /// What the server made of it, once it was asked.
    pub remote: Option<R>,
    /// What went wrong, on either side.
    pub errors: Vec<DualWriteError>,
    /// Whether the local write is durable.
    pub success: bool,
    /// Whether the effect was there before.
    pub is_duplicate: bool,
    /// What was there before, if it is a duplicate.
    pub existing: Option<L>,
    /// The queued operation's id; empty when nothing was queued.
    pub operation_id: String,
}

impl<L, R> DualWriteResult<L, R> {
    /// A durable local write, queued for the server.
    pub fn queued(local: L, operation_id: String) -> Self {
        Self {
            local: Some(local),
            remote: None,
            errors: Vec::new(),
            success: true,
            is_duplicate: false,
            existing: None,
            operation_id,
        }
    }

    /// The effect was there before; nothing was queued.
    pub fn duplicate(existing: L) -> Self {
        Self {
            local: None,
            remote: None,
            errors: Vec::new(),
            success: true,
            is_duplicate: true,
            existing: Some(existing),
            operation_id: String::new(),
        }
    }

    /// Nothing was written.
    pub fn failed(error: &ClientError) -> Self {
        Self {
            local: None,
            remote: None,
            errors: vec![DualWriteError::from(error)],
            success: false,
            is_duplicate: false,
            existing: None,
            operation_id: String::new(),
        }
    }
}

/// One thing that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DualWriteError {
    /// Stable code.
    pub code: String,
    /// Text for people.
    pub message: String,
    /// Whether trying again may help.
    pub retryable: bool,
}

impl From<&ClientError> for DualWriteError {
    fn from(error: &ClientError) -> Self {
        Self { code: error.code().to_owned(), message: error.to_string(), retryable: error.is_retryable() }
    }
}

/// Result of one request that carried operations, or of all requests of one run. The source's `BatchSyncResult`.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchDualWriteResult {
    /// The request's id; for a run of several requests, the last one's.
    pub batch_id: String,
    /// Every operation that was settled, in the order of settling.
    pub operations: Vec<BatchOperationResult>,
    /// Counts.
    pub summary: BatchRunSummary,
    /// From the first request to the last answer, milliseconds.
    pub processing_time_ms: u64,
}

impl BatchDualWriteResult {
    /// Both runs as one; `total` is what the later run leaves.
    #[must_use]
    pub fn joined(mut self, later: Self) -> Self {
        self.operations.extend(later.operations);
        let (a, b) = (self.summary, later.summary);
        let waiting = b.total.saturating_sub(b.successful + b.failed);
        self.summary = BatchRunSummary {
            total: a.successful + a.failed + b.successful + b.failed + waiting,
            successful: a.successful + b.successful,
            failed: a.failed + b.failed,
            network_errors: a.network_errors + b.network_errors,
            validation_errors: a.validation_errors + b.validation_errors,
            requests: a.requests + b.requests,
            bytes_sent: a.bytes_sent + b.bytes_sent,
            bytes_received: a.bytes_received + b.bytes_received,
        };
        if !later.batch_id.is_empty() {
            self.batch_id = later.batch_id;
        }
        self.processing_time_ms += later.processing_time_ms;
        self
    }
}

/// How one operation of a run fared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchOperationResult {
    /// The local record it wrote.
    pub local_id: String,
    /// Its id.
    pub operation_id: String,
    /// Its kind.
    pub operation: String,
    /// Whether the server applied it, now or before.
    pub success: bool,
    /// Whether it had been applied before.
    pub is_duplicate: bool,
    /// Why not.
    pub errors: Vec<DualWriteError>,
}

/// Counts of a run. `successful + failed` is what was settled; the rest of `total` still waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchRunSummary {
    /// Operations sent or waiting.
    pub total: u64,
    /// Applied.
    pub successful: u64,
    /// In the inbox.
    pub failed: u64,
    /// Requests lost to the network.
    pub network_errors: u64,
    /// Operations the server refused.
    pub validation_errors: u64,
    /// Requests that carried operations.
    pub requests: u64,
    /// Bytes of bodies sent.
    pub bytes_sent: u64,
    /// Bytes of bodies received.
    pub bytes_received: u64,
}

/// Result of pulling.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PullResult {
    /// Changes taken over.
    pub changes: u64,
    /// Pages asked for.
    pub pages: u64,
    /// Whether the server had started a new history.
    pub was_reset: bool,
    /// Operations offered again because the server had lost them.
    pub offered_again: u64,
}

/// Result of [`sync`](crate::SyncEngine::sync): both directions. Has the source's `toRemote` and `fromRemote`.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncResult {
    /// What was sent.
    pub to_remote: BatchDualWriteResult,
    /// What came.
    pub from_remote: PullResult,
}
