//! Properties of the client over generated input. The functions they call are also what the fuzz targets run.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod answers;
#[path = "../common/mod.rs"]
mod common;
mod stores;

use proptest::prelude::*;

/// Every committed input of a fuzz target.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = format!("{}/../../fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let inputs: Vec<_> = files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
    assert!(!inputs.is_empty(), "no inputs in {folder}");
    inputs
}

proptest! {
    #[test]
    fn whatever_is_answered_no_operation_is_lost(choices in prop::collection::vec(any::<u8>(), 0..120)) {
        answers::no_answer_loses_an_operation(&choices);
    }

    #[test]
    fn changed_lines_of_an_exported_queue_read_back_or_are_passed_over(
        damage in prop::collection::vec((any::<usize>(), any::<u8>()), 0..6),
    ) {
        let mut lines = corpus("queue_export").concat();
        for (place, byte) in damage {
            let place = place % lines.len();
            lines[place] = byte;
        }
        stores::exported_operations_read_back(&lines);
    }
}

proptest! {
    // Each case writes a file.
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_store_with_changed_values_is_read_or_refused(choices in prop::collection::vec(any::<u8>(), 0..40)) {
        stores::a_damaged_store_is_read_or_refused(&choices);
    }
}

#[test]
fn what_fuzzing_starts_from_keeps_the_properties() {
    for choices in corpus("answers") {
        answers::no_answer_loses_an_operation(&choices);
    }
    for lines in corpus("queue_export") {
        stores::exported_operations_read_back(&lines);
    }
    for choices in corpus("store_rows") {
        stores::a_damaged_store_is_read_or_refused(&choices);
    }
}
