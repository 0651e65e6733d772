//! Properties of the domain over generated input. The functions they call are also what the fuzz targets run.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod passages;

use proptest::prelude::*;

/// Pieces of references, of which most orders make no sense and some do.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => prop::sample::select(&[
            "John", "Jn", "1", "2", "I", "II", "Jude", "Ps", "Psalms", "Song of Songs", "Gen", "Rev", "Cor", "Kings",
            "Obad", "the", "v", "vv", "chapter", "ff", "f", "a", "b", "end", "and", "to", "NIV", "KJV", "(", ")",
        ][..]).prop_map(str::to_owned),
        8 => prop::sample::select(&[":", ".", "-", "–", "—", ",", ";", "\n", " ", " ", "\u{a0}", "\u{200b}", "/"][..])
            .prop_map(str::to_owned),
        6 => (0u32..180).prop_map(|number| number.to_string()),
        1 => any::<u64>().prop_map(|number| number.to_string()),
        1 => Just("３".to_owned()),
    ];
    prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_parses_to_what_reads_back(text in any::<String>()) {
        passages::a_text_parses_to_what_reads_back(&text);
    }

    #[test]
    fn pieces_of_references_parse_to_what_reads_back(text in pieces()) {
        passages::a_text_parses_to_what_reads_back(&text);
    }
}

#[test]
fn what_fuzzing_starts_from_parses_to_what_reads_back() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/passages");
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(!files.is_empty(), "no inputs in {folder}");
    for file in files {
        passages::a_text_parses_to_what_reads_back(&String::from_utf8_lossy(&std::fs::read(file).unwrap()));
    }
}
