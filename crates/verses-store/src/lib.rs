//! The `LocalStore` trait of Verses, its in-memory implementation and the conformance suite every implementation passes.
//!
//! What to write is decided by `verses-client`; how, by the implementations.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod change;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod error;
mod memory;
mod platform;
mod store;

pub use change::{GUEST, JOURNAL_LIMIT, NewQueuedOperation, Owner, PAYLOAD_VERSION, QueuedOperation, StoreChange};
pub use error::StoreError;
pub use memory::MemoryStore;
pub use platform::{MaybeSend, MaybeSendSync};
pub use store::{
    CardCounts, Committed, DEFAULT_UNVERIFIED_LIMIT, Listener, LocalStore, QueueTotals, ReviewDays, Revision,
    StoredEvent, Subscription, meta_key,
};
