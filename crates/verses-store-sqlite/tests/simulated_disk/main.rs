//! The store on a disk that loses power, fills up and fails. The disk is `verses-crashfs`; the store is the real one, as
//! the application opens it. Damaged files are in `faults.rs`: they need no disk but their own bytes.
#![allow(clippy::unwrap_used, reason = "also the helpers are tests, and stop by failing")]

mod faults;
mod power;
mod work;
