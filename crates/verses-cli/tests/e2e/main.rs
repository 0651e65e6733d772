//! End-to-end tests of the real `verses` binary: real processes, a real server on SQLite, real files. One binary, so
//! that it is linked once. Every module says which situations it covers; `common` holds what they share.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop where it stands")]

mod account;
mod bad_input;
#[path = "../common/mod.rs"]
mod common;
mod contract;
mod delivery;
mod failures;
mod keys;
mod postgres;
mod processes;
mod recovery;
mod serving;
mod wire;
