//! `LocalStore` on SQLite: one file per home, opened by any number of processes, each commit durable when it returns.
//!
//! What to write is decided by `verses-client`. Here are the file, its schema steps, the SQL, and the lock that says
//! which process syncs; and, for a file that is damaged, the copy set aside and what can still be read of its queue.
//!
//! A store runs two threads, one that writes and one that reads; futures wait for them and need no particular runtime.
//! Questions answered by a few pages of the file are answered on the caller's thread.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod aside;
mod fault;
mod lock;
mod log;
mod migrate;
mod open;
mod read;
mod rows;
mod salvage;
mod store;
mod worker;
mod write;

pub use aside::set_aside;
pub use lock::HomeLock;
pub use migrate::SCHEMA_VERSION;
pub use salvage::{SalvagedQueue, salvage_queue};
pub use store::SqliteStore;
