//! Answers of the server that are cut, changed, invented or lost, to the client.
#![no_main]
#![allow(dead_code, unused_imports, reason = "what the tests of the client share is used in part")]

#[path = "../../crates/verses-client/tests/common/mod.rs"]
mod common;
#[path = "../../crates/verses-client/tests/properties/answers.rs"]
mod answers;

libfuzzer_sys::fuzz_target!(|input: &[u8]| answers::no_answer_loses_an_operation(input));
