//! What goes between the engine and its driver: steps to take, requests to send, answers, and what follows from them.
//!
//! Plain data. The engine makes steps and settlements, the driver makes responses.

use crate::config::ServerLimits;
use crate::fault::FaultClass;
use crate::operation::{Failure, Millis, OperationId, OwnerId, QueueChange};
use crate::quality::NetworkQuality;

/// The id of one request, in the form of a UUID. It is for tracing; the operation ids are the idempotency keys.
pub type RequestId = String;

/// What the driver must do next.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "a step that is not taken stalls the queue"]
pub enum Step {
    /// Persist `changes` in one transaction, then send the request. Poll again at once: another may fit beside it.
    Send(SendRequest),
    /// Persist the changes in one transaction, then poll again.
    Persist(Settlement),
    /// Nothing to do before `until`, or before something happens if that is `None`.
    Wait {
        /// The one next wake-up.
        until: Option<Millis>,
        /// What is waited for.
        reason: WaitReason,
    },
}

/// What the engine waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitReason {
    /// Nothing is queued that could be sent.
    Idle,
    /// The batch is not full and its time is not over.
    Collecting,
    /// Requests are under way.
    InFlight,
    /// A backoff after a fault.
    Backoff,
    /// The server asked to wait.
    RetryAfter,
    /// There is no network; it is tried again at the wake-up.
    Offline,
    /// Nobody is signed in, or the session was refused.
    Session,
    /// The server no longer speaks to this version; it is asked again at the wake-up.
    Upgrade,
}

/// How a request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendMode {
    /// To the batch endpoint.
    Batch,
    /// One operation, by itself.
    Individual,
    /// To the batch endpoint, to see whether it takes batches again. Sent like `Batch`.
    Probe,
}

impl SendMode {
    /// Whether it goes to the batch endpoint.
    #[must_use]
    pub fn uses_batch_endpoint(self) -> bool {
        self != Self::Individual
    }
}

/// A request to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendRequest {
    /// Give it back with the response or the failure. Also the batch id on the wire.
    pub request_id: RequestId,
    /// Whose operations these are: send them with this owner's token only.
    pub owner: OwnerId,
    /// Where to send them.
    pub mode: SendMode,
    /// The operations, in the order they must stand in the request.
    pub operations: Vec<OperationId>,
    /// The most uncompressed bytes of the request.
    pub max_request_bytes: u64,
    /// Until when the claim holds without progress.
    pub lease_until: Millis,
    /// The claims: one transaction, before sending.
    pub changes: Vec<QueueChange>,
}

/// The answer to a request that the server processed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Response {
    /// One per operation, in any order.
    pub results: Vec<OperationResult>,
    /// Bytes sent, as they were on the wire; 0 when unknown.
    pub bytes_sent: u64,
    /// Bytes received; 0 when unknown.
    pub bytes_received: u64,
    /// From the first byte out to the last byte in, in milliseconds; 0 when unknown.
    pub elapsed_ms: u64,
    /// A round trip without payload, if the transport measured one, in milliseconds.
    pub rtt_ms: Option<u64>,
    /// What the server says it took, in milliseconds.
    pub server_ms: Option<u64>,
    /// `Retry-After` on a successful answer, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// Limits the server told.
    pub limits: Option<ServerLimits>,
}

/// What became of one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationResult {
    /// Which one.
    pub id: OperationId,
    /// How it went.
    pub outcome: OperationOutcome,
}

/// What the server says of one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationOutcome {
    /// Applied now.
    Applied,
    /// Applied before, or its effect was there already. A success.
    Duplicate,
    /// Examined and refused for good.
    Rejected {
        /// Machine-readable.
        code: String,
        /// For people.
        message: String,
    },
    /// Not this account's to do.
    Forbidden {
        /// Machine-readable.
        code: String,
        /// For people.
        message: String,
    },
    /// Too large for the server.
    TooLarge {
        /// Machine-readable.
        code: String,
        /// For people.
        message: String,
    },
    /// Not now; a fault of its own that may pass.
    Retry {
        /// Machine-readable.
        code: String,
        /// For people.
        message: String,
        /// How long to leave it alone, in milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// What it depends on is not there.
    DependencyMissing {
        /// Machine-readable.
        code: String,
        /// For people.
        message: String,
    },
}

/// What follows from an event. Write `changes` in one transaction, with the application's own writes for `results`,
/// before the next `poll`.
#[derive(Debug, Clone, PartialEq, Default)]
#[must_use = "the changes must be persisted"]
pub struct Settlement {
    /// For the store.
    pub changes: Vec<QueueChange>,
    /// What became of each operation concerned.
    pub results: Vec<SettledOperation>,
    /// Things an application may want to show or act on.
    pub events: Vec<Event>,
    /// The sum of a request, when one ended.
    pub summary: Option<BatchSyncSummary>,
}

impl Settlement {
    /// Whether nothing follows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.results.is_empty() && self.events.is_empty() && self.summary.is_none()
    }
}

/// What became of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledOperation {
    /// Which one.
    pub id: OperationId,
    /// How it stands now.
    pub outcome: SettledOutcome,
}

/// How an operation stands after an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettledOutcome {
    /// Done: applied now.
    Applied,
    /// Done: had been applied.
    Duplicate,
    /// In the inbox.
    Failed(Failure),
    /// Waits again. `own_fault`: whether this used up a retry.
    Pending {
        /// Not sent before this time, if it has a wait of its own.
        not_before: Option<Millis>,
        /// Whether it counted against `max_retries`.
        own_fault: bool,
    },
    /// Left the queue because the user discarded it.
    Discarded,
}

/// The sum of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BatchSyncSummary {
    /// Operations in the request.
    pub total: u32,
    /// Done, duplicates included.
    pub successful: u32,
    /// Not done: refused, to be retried, unanswered.
    pub failed: u32,
    /// Of those, how many the network or the server kept from being answered.
    pub network_errors: u32,
    /// Of those, how many the server examined and refused.
    pub validation_errors: u32,
    /// Duplicates among the successful.
    pub duplicates: u32,
    /// From sending to settling, in milliseconds.
    pub processing_time_ms: u64,
}

/// Something an application may want to show or act on.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The server refused the session of `owner`: get a new token and call `set_session`. Told once per refusal.
    Reauthenticate {
        /// Whose session.
        owner: OwnerId,
    },
    /// The server no longer speaks to this version. The queue rests, nothing is lost.
    UpgradeRequired,
    /// A request failed as a whole.
    RequestFailed {
        /// Which one.
        request_id: RequestId,
        /// The class of the fault.
        class: FaultClass,
        /// When it is tried again at the earliest, if that is known.
        retry_at: Option<Millis>,
    },
    /// The batch endpoint is refused; operations go out individually until it is tried again.
    BatchEndpointLost {
        /// When it is tried again.
        probe_at: Millis,
    },
    /// The batch endpoint takes batches again.
    BatchEndpointRestored,
    /// A request was refused as too large: no more than this is sent until the ceiling is forgotten.
    CeilingLearned {
        /// Operations.
        operations: u32,
        /// Uncompressed bytes.
        bytes: u64,
    },
    /// There is no network.
    WentOffline,
    /// There is a network again.
    CameOnline,
    /// The network's class changed.
    QualityChanged(NetworkQuality),
}
