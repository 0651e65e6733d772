//! Any text as a cursor, and real cursors with bytes changed.
#![no_main]
#![allow(dead_code, reason = "the properties of several targets are in one file")]

#[path = "../../crates/verses-server/tests/properties/batches.rs"]
mod batches;
#[path = "../../crates/verses-server/tests/properties/cursors.rs"]
mod cursors;
#[path = "../../crates/verses-server/tests/properties/requests.rs"]
mod requests;

libfuzzer_sys::fuzz_target!(|input: &[u8]| cursors::a_cursor_is_our_own_or_refused(input));
