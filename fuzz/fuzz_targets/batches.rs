//! Batches that follow each other, of operations that meet each other.
#![no_main]
#![allow(dead_code, reason = "the properties of several targets are in one file")]

#[path = "../../crates/verses-server/tests/properties/batches.rs"]
mod batches;
#[path = "../../crates/verses-server/tests/properties/requests.rs"]
mod requests;

libfuzzer_sys::fuzz_target!(|choices: &[u8]| requests::batches_are_answered_once(choices));
