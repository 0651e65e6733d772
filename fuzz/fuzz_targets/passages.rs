//! Any text to the passage parser.
#![no_main]

#[path = "../../crates/verses-core/tests/properties/passages.rs"]
mod passages;

libfuzzer_sys::fuzz_target!(|text: &str| passages::a_text_parses_to_what_reads_back(text));
