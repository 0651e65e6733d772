//! A disk for tests of the SQLite stores: what was not synced may be lost, written in part, or out of order when the
//! power goes. Nothing here is part of the product, and nothing here knows a table.
//!
//! [`Disk::mount`] makes a simulated disk out of an [`Image`] and puts it in the place of a folder: every connection of
//! this process that opens a file there reads and writes the simulated disk, whatever code opens it. The disk keeps a
//! [`Trace`] of all that was written, made, removed and synced. [`Replay`] walks such a trace and gives, for a power cut
//! between any two operations, an [`Image`] of what may be on the disk afterwards. A [`Fault`] makes the n-th operation
//! of a kind fail, once or from there on. A [`Campaign`] puts it together: it cuts the power after every operation of a
//! piece of work, several times in different ways, and again while a store recovers.
//!
//! All unsafe code is in `ffi`, which only translates between C and `vfs`.
#![deny(unsafe_code)]
#![deny(clippy::undocumented_unsafe_blocks)]
#![warn(missing_docs)]

mod campaign;
mod disk;
mod fault;
#[expect(unsafe_code, reason = "SQLite calls its file system through C function pointers")]
mod ffi;
mod image;
mod locks;
mod replay;
mod rng;
mod trace;
mod vfs;

pub use campaign::{Broken, Campaign, Promise, Promises, Subject, Tally};
pub use disk::Disk;
pub use fault::{Fault, FaultKind};
pub use image::Image;
pub use replay::{Metadata, Replay, Syncs};
pub use rng::Rng;
pub use trace::{Op, Trace};
