//! The SQLite storage on a disk that loses power, fills up and fails. The disk is `verses-crashfs`; the storage is the real
//! one, with its threads, migrations and shared commits, and the accounts in the same file.
#![allow(clippy::unwrap_used, reason = "also the helpers are tests, and stop by failing")]

mod faults;
mod power;
mod work;
