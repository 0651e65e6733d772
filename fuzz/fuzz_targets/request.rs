//! Any bytes to the decoder of batches, and what it reads to the service.
#![no_main]
#![allow(dead_code, reason = "the properties of several targets are in one file")]

#[path = "../../crates/verses-server/tests/properties/batches.rs"]
mod batches;
#[path = "../../crates/verses-server/tests/properties/requests.rs"]
mod requests;

libfuzzer_sys::fuzz_target!(|body: &[u8]| requests::a_body_is_answered_once(body));
