//! Sends queued offline operations in batches: a state machine without I/O. Its parts are private modules; what they
//! export is listed here.
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod admission;
mod config;
mod engine;
mod fault;
mod operation;
mod policy;
mod progress;
mod quality;
mod queue;
mod request;
mod rng;

pub use admission::{Admission, NewOperation, QueueFull, QueueTotals, check_room, may_coalesce};
pub use config::{BatchConfig, ConfigError, Delivery, ServerLimits, should_use_batch_sync};
pub use engine::{ChildPolicy, CommandError, Connectivity, Engine, Explanation, Session};
pub use fault::{FaultAction, FaultClass, FaultContext, HttpFault, Signal, SyncError, classify};
pub use operation::{
    EntityKey, Failure, FailureReason, JournalEntry, JournalOutcome, Millis, OperationId, OperationStatus, OwnerId,
    QueueChange, QueuePosition, QueuedMeta, QueuedOperation,
};
pub use policy::{Adaptive, Backlog, BatchPolicy, BatchWindow, Delivered, Fixed, Undelivered};
pub use progress::{Phase, Progress};
pub use quality::{NetworkHint, NetworkQuality, NetworkSample, estimate_network_quality};
pub use request::{
    BatchSyncSummary, Event, OperationOutcome, OperationResult, RequestId, Response, SendMode, SendRequest,
    SettledOperation, SettledOutcome, Settlement, Step, WaitReason,
};
