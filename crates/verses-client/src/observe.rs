//! What a face can watch while the client syncs. The client tells; drawing is the face's.

use std::sync::Arc;

use batchsync::{Event, Progress};

/// Something that happened while syncing.
#[derive(Debug, Clone)]
pub enum SyncEvent {
    /// Where things stand; told after every step.
    Progress(Progress),
    /// A request goes out.
    RequestStarted {
        /// Its id.
        request_id: String,
        /// Operations in it.
        operations: usize,
        /// Whether it is a batch.
        is_batch: bool,
    },
    /// Bytes of a request have gone out.
    RequestSent {
        /// Its id.
        request_id: String,
        /// So many bytes so far.
        sent: u64,
        /// Of so many.
        total: u64,
    },
    /// A request was answered, operation by operation. One that failed as a whole is told by the engine's event.
    RequestEnded {
        /// Its id.
        request_id: String,
        /// Operations applied.
        successful: usize,
        /// Operations not applied.
        failed: usize,
        /// How long it took, milliseconds.
        elapsed_ms: u64,
        /// Bytes of its body on the wire.
        bytes_sent: u64,
    },
    /// An operation is done: the server has applied it, now or before.
    OperationApplied {
        /// Its id.
        operation_id: String,
        /// What it was about: the local record.
        local_ref: String,
        /// Its kind.
        kind: String,
        /// Whether it had been applied before.
        is_duplicate: bool,
    },
    /// An operation went to the inbox.
    OperationFailed {
        /// Its id.
        operation_id: String,
        /// What it was about: the local record.
        local_ref: String,
        /// Its kind.
        kind: String,
        /// Why.
        message: String,
    },
    /// A page of changes was taken over.
    Pulled {
        /// Changes in it.
        changes: usize,
    },
    /// Fetching did not work; it is tried again.
    FetchFailed {
        /// Why.
        message: String,
    },
    /// Something answered that is no Verses server: most often the sign-in page of a network. The request counts as
    /// not answered.
    NotTheServer,
    /// The engine has something to say.
    Engine(Event),
}

/// Watches. Called in the middle of syncing: be quick.
#[cfg(not(target_arch = "wasm32"))]
pub type Observer = Arc<dyn Fn(&SyncEvent) + Send + Sync>;
/// Watches. Called in the middle of syncing: be quick.
#[cfg(target_arch = "wasm32")]
pub type Observer = Arc<dyn Fn(&SyncEvent)>;

/// Nobody watches.
#[must_use]
pub fn nobody() -> Observer {
    Arc::new(|_| {})
}
