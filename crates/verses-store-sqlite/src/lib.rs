//! `LocalStore` on SQLite: one file per home, opened by any number of processes, each commit durable when it returns.
//!
//! What to write is decided by `verses-client`. Here are the file, its schema steps, the SQL, and the lock that says
//! which process syncs.
//!
//! A store runs two threads, one that writes and one that reads; futures wait for them and need no particular runtime.
//! Questions answered by a few pages of the file are answered on the caller's thread.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod fault;
mod lock;
mod migrate;
mod open;
mod read;
mod rows;
mod store;
mod worker;
mod write;

pub use lock::HomeLock;
pub use migrate::SCHEMA_VERSION;
pub use store::SqliteStore;
