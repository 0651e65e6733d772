//! The `verses` binary.
fn main() {}
