//! What holds for every text handed to the passage parser. Shared with the fuzz target `passages`.

use std::collections::BTreeSet;

use verses_core::{parse_passage, parse_passages};

/// A text is refused with a place inside of it, or its passages read back from their names and from their keys, mean
/// the same verses, and have one name and one key however they were written.
pub(crate) fn a_text_parses_to_what_reads_back(text: &str) {
    let passages = match parse_passages(text) {
        Ok(passages) => passages,
        Err(error) => {
            let inside = error.span().is_none_or(|span| text.get(span).is_some());
            assert!(inside, "{text:?}: the place {:?} is not in the text", error.span());
            assert!(!error.to_string().is_empty(), "{text:?}: an error needs words");
            return;
        }
    };
    assert!(!passages.is_empty(), "{text:?}: parsed to nothing");
    for passage in &passages {
        let (name, key) = (passage.to_string(), passage.osis());
        for written in [&name, &key] {
            let read = parse_passage(written).unwrap_or_else(|error| panic!("{text:?}: {written:?}: {error}"));
            assert_eq!(&read, passage, "{text:?}: {written:?} is another passage");
            assert_eq!((read.to_string(), read.osis()), (name.clone(), key.clone()), "{text:?}: {written:?}");
            assert_eq!(read.verse_id("KJV"), passage.verse_id("KJV"), "{text:?}: {written:?}");
        }
        assert_eq!(passage.verses().next().map(|it| it.book), Some(passage.book()), "{text:?}");
        // Of half the Bible and more every input would do the same for a long time.
        if passage.verse_count() > 2_000 {
            continue;
        }
        let verses: Vec<_> = passage.verses().collect();
        assert_eq!(verses.len(), passage.verse_count() as usize, "{text:?}");
        assert!(verses.is_sorted_by(|a, b| a < b), "{text:?}: verses in canonical order, each once");
        let ranges = passage.osis_ranges();
        let of_ranges =
            ranges.iter().map(|range| parse_passage(range).unwrap_or_else(|error| panic!("{range}: {error}")));
        let in_ranges: BTreeSet<_> = of_ranges.flat_map(|it| it.verses().collect::<Vec<_>>()).collect();
        assert!(in_ranges.iter().eq(&verses), "{text:?}: {ranges:?}");
        assert!(verses.iter().all(|it| (1..=it.book.verses(it.chapter)).contains(&it.verse)), "{text:?}");
    }
    let names: Vec<String> = passages.iter().map(ToString::to_string).collect();
    assert_eq!(parse_passages(&names.join("\n")).as_ref(), Ok(&passages), "{text:?}: one passage a line");
}
