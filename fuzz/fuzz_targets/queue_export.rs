//! Lines of an exported queue, read back and queued again.
#![no_main]
#![allow(dead_code, unused_imports, reason = "what the tests of the client share is used in part")]

#[path = "../../crates/verses-client/tests/common/mod.rs"]
mod common;
#[path = "../../crates/verses-client/tests/properties/stores.rs"]
mod stores;

libfuzzer_sys::fuzz_target!(|input: &[u8]| stores::exported_operations_read_back(input));
