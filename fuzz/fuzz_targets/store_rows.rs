//! A device's store in which values were changed by somebody else.
#![no_main]
#![allow(dead_code, unused_imports, reason = "what the tests of the client share is used in part")]

#[path = "../../crates/verses-client/tests/common/mod.rs"]
mod common;
#[path = "../../crates/verses-client/tests/properties/stores.rs"]
mod stores;

libfuzzer_sys::fuzz_target!(|input: &[u8]| stores::a_damaged_store_is_read_or_refused(input));
