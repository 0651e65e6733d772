//! The parser against the answers of the best-known one: every strict case must match exactly; every difference
//! otherwise is listed with its reason.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use proptest::prelude::*;
use serde_json::Value;
use verses_core::{Book, MAX_INPUT_BYTES, Passage, PassageErrorKind, parse_passage, parse_passages};

/// Made with another implementation of RFC 9562 from the names "KJV/John.3.16" and "WEB/1Cor.13.4-1Cor.13.7,1Cor.13.13".
const ID_JOHN: &str = "e277688c-1c8a-53c4-979c-a6c4261eab0c";
const ID_CORINTHIANS: &str = "f7c14bff-4804-522b-a676-9f394d41ad55";

fn cases() -> Vec<(String, Vec<String>, bool)> {
    let fixture: Value = serde_json::from_str(include_str!("fixtures/references.json")).unwrap();
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let cases = fixture["cases"].as_array().unwrap().iter();
    cases
        .map(|c| {
            (
                text(&c["input"]),
                c["osis"].as_array().unwrap().iter().map(text).collect(),
                c["strict"].as_bool().unwrap(),
            )
        })
        .collect()
}

fn answer(input: &str) -> Vec<String> {
    parse_passages(input).map(|ps| ps.iter().flat_map(|p| p.osis_ranges()).collect()).unwrap_or_default()
}

#[test]
fn strict_cases_match_exactly() {
    let cases = cases();
    assert_eq!(cases.iter().filter(|c| c.2).count() + cases.iter().filter(|c| !c.2).count(), cases.len());
    let wrong: Vec<String> = cases
        .iter()
        .filter(|(input, osis, strict)| *strict && answer(input) != *osis)
        .map(|(input, osis, _)| {
            format!("{input:?}: want {osis:?}, got {:?} {:?}", answer(input), parse_passages(input).err())
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn the_versification_is_the_fixture() {
    let fixture: Value = serde_json::from_str(include_str!("fixtures/versification.json")).unwrap();
    let chapters = |book: &str| {
        let own = &fixture["kjv"]["chapters"][book];
        if own.is_null() { fixture["default"]["chapters"][book].clone() } else { own.clone() }
    };
    let mut total = 0;
    for book in Book::all() {
        let ours: Vec<u64> = (1..=book.chapters()).map(|c| u64::from(book.verses(c))).collect();
        assert_eq!(serde_json::json!(ours), chapters(book.osis()), "{}", book.osis());
        total += ours.iter().sum::<u64>();
    }
    assert_eq!((Book::all().count(), total), (66, 31_102));
}

/// Every non-strict case whose answer differs from the other parser's, with ours and the reason.
#[rustfmt::skip]
const DIFFERENCES: [(&str, &[&str], &str); 39] = [
    // The other parser repairs what was typed; we suggest and let the user decide.
    ("1 Thesalonians 5:17", &[], "misspelt: suggested"),
    ("Collosians 3:23", &[], "misspelt: suggested"),
    ("Deuteronmy 6:4", &[], "misspelt: suggested"),
    ("Ecclesiasties 3:1", &[], "misspelt: suggested"),
    ("Ephesains 2:8", &[], "misspelt: suggested"),
    ("Galations 5:22", &[], "misspelt: suggested"),
    ("Jerimiah 29:11", &[], "misspelt: suggested"),
    ("Mathew 28:19", &[], "misspelt: suggested"),
    ("Philipians 4:13", &[], "misspelt: suggested"),
    ("4 John 1:1", &[], "there is no such book; dropping the number would change the book"),
    // Names that mean several books.
    ("Ju 3", &[], "Judges or Jude"),
    ("Jud 3:1", &[], "Judges or Jude"),
    ("Jud 24", &[], "Judges or Jude"),
    ("Kings 1:1", &[], "1 Kings or 2 Kings"),
    // Names we know and the other parser does not.
    ("Ml 3:6", &["Mal.3.6"], "a usual abbreviation"),
    ("Canticles 1:3", &["Song.1.3"], "an older name"),
    ("Apocalypse 1:8", &["Rev.1.8"], "an older name"),
    ("Philemon", &["Phlm.1"], "a book of one chapter fits on a card"),
    ("Jude 1", &["Jude.1"], "the same verses; we name the chapter"),
    // Numbers out of range are cut to fit there and refused here: a card must hold what was meant.
    ("John 3:16-99", &[], "no such verse"),
    ("John 3:30-40", &[], "no such verse"),
    ("John 3:16000", &[], "no such verse"),
    ("3 John 15", &[], "3 John has 14 verses in the King James numbering"),
    // Half a reference.
    ("John 3:-", &[], "a number is missing"),
    ("John 3:16-", &[], "a number is missing"),
    ("John :16", &[], "no chapter"),
    ("John -3:16", &[], "no chapter"),
    ("John 3:16:18", &[], "a dash or a comma may be meant"),
    ("John 4:2-3:16", &[], "backwards"),
    // No end.
    ("Prov 3:5f", &[], "does not say where it ends"),
    ("Prov 3:5ff", &[], "does not say where it ends"),
    ("John 3:16f.", &[], "does not say where it ends"),
    ("John 3:16 et seq", &[], "does not say where it ends"),
    // May be meant in two ways.
    ("John 3:16;17", &[], "chapter 17 or verse 17"),
    ("Mt 5,3-12", &[], "chapters, or the European way to write 5:3-12"),
    // Typography.
    ("John 3:１６", &["John.3.16"], "fullwidth digits are digits"),
    ("Ｊｏｈｎ 3:16", &["John.3.16"], "fullwidth letters are letters"),
    // Running text is searched there; here a list of references is read.
    ("For God so loved the world (John 3:16), that he gave", &[], "prose"),
    ("Read John 3:16 tonight", &[], "prose"),
];

/// More prose, where the other parser picks out what looks like a reference.
const PROSE: [&str; 3] =
    ["I am 12 and is 7 ok", "Matthew 6:33 - seek first", "as it is written in Isaiah 53:5, and also v. 6"];

#[test]
fn every_other_case_matches_or_differs_for_a_reason_given() {
    let mut differing = Vec::new();
    for (input, osis, _) in cases().into_iter().filter(|c| !c.2) {
        if answer(&input) != osis {
            differing.push(input);
        }
    }
    let mut listed: Vec<&str> = DIFFERENCES.iter().map(|d| d.0).chain(PROSE).collect();
    differing.sort();
    listed.sort_unstable();
    assert_eq!(differing, listed);
    for (input, ours, reason) in DIFFERENCES {
        assert_eq!(answer(input), ours, "{input}: {reason}");
    }
    for input in PROSE {
        assert!(parse_passages(input).is_err(), "{input}");
    }
}

fn passage(text: &str) -> Passage {
    parse_passage(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn passages_have_the_usual_english_names() {
    for (typed, name, osis) in [
        ("jn 3:16", "John 3:16", "John.3.16"),
        ("1 Cor 13:4-7,13", "1 Corinthians 13:4-7,13", "1Cor.13.4-1Cor.13.7,1Cor.13.13"),
        ("Psalms 23", "Psalm 23", "Ps.23"),
        ("Ps 1-2", "Psalms 1-2", "Ps.1-Ps.2"),
        ("Gen 1:1-2:3", "Genesis 1:1-2:3", "Gen.1.1-Gen.2.3"),
        ("Jude 3", "Jude 3", "Jude.1.3"),
        ("Jude 1:1", "Jude 1:1", "Jude.1.1"),
        ("jude", "Jude 1", "Jude.1"),
        ("Gen 50:20-Exod 1:5", "Genesis 50:20-Exodus 1:5", "Gen.50.20-Exod.1.5"),
        ("Matt 1:1, 3, 5-7, 2:1", "Matthew 1:1,3,5-7,2:1", "Matt.1.1,Matt.1.3,Matt.1.5-Matt.1.7,Matt.2.1"),
        ("John 3:16, 5:1-47", "John 3:16,5:1-47", "John.3.16,John.5"),
        ("Song of Songs 2:4", "Song of Solomon 2:4", "Song.2.4"),
    ] {
        assert_eq!((passage(typed).to_string().as_str(), passage(typed).osis().as_str()), (name, osis), "{typed}");
    }
}

#[test]
fn the_same_verses_are_the_same_passage_however_they_are_typed() {
    for (one, other) in [
        ("John 3:16,17", "John 3:16-17"),
        ("John 3:17, 16", "John 3:16-17"),
        ("John 3:16-18,17-20", "John 3:16-20"),
        ("Ps 23:1-6", "Psalm 23"),
        ("Gen 1:1-2:25", "Gen 1-2"),
        ("Jude 1:1-25", "Jude"),
        ("John 3:16, John 3:18", "John 3:16,18"),
        ("IICor 5:17", "Second Corinthians 5:17"),
        ("The First Epistle of Paul the Apostle to the Corinthians 13:4", "1 Cor 13:4"),
    ] {
        let (one, other) = (passage(one), passage(other));
        assert_eq!(one, other);
        assert_eq!((one.osis(), one.verse_id("KJV")), (other.osis(), other.verse_id("KJV")));
    }
    assert_eq!(passage("John 3:16,17").osis_ranges(), ["John.3.16", "John.3.17"], "what was typed is kept");
}

#[test]
fn ids_never_change() {
    // Ids are in every database and on every device: these must stay for ever.
    assert_eq!(passage("John 3:16").verse_id("KJV").to_string(), ID_JOHN);
    assert_eq!(passage("1 Cor 13:4-7,13").verse_id("WEB").to_string(), ID_CORINTHIANS);
    assert_ne!(passage("John 3:16").verse_id("WEB").to_string(), ID_JOHN);
}

#[test]
fn passages_are_equal_and_hash_alike_if_they_mean_the_same_verses() {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
    let hash = |typed| BuildHasherDefault::<DefaultHasher>::default().hash_one(passage(typed));
    for (one, other) in
        [("John 3:36, 4:1", "John 3:36-4:1"), ("Ps 23", "Psalm 23:1-6"), ("John 3:17, 16", "John 3:16-17")]
    {
        assert_eq!(passage(one), passage(other));
        assert_eq!(hash(one), hash(other), "{one}");
    }
    assert_ne!(passage("John 3:16"), passage("John 3:17"));
    assert_ne!(hash("John 3:16"), hash("John 3:17"));
}

#[test]
fn a_comma_goes_on_and_a_semicolon_line_or_book_begins_anew() {
    for (typed, names) in [
        ("Rom 8:28; Eph 2:8-9", vec!["Romans 8:28", "Ephesians 2:8-9"]),
        ("John 3:16; 4:2", vec!["John 3:16", "John 4:2"]),
        ("Gal 2:20\nEph 2:8", vec!["Galatians 2:20", "Ephesians 2:8"]),
        ("Gen 1:1,Jn 1:1", vec!["Genesis 1:1", "John 1:1"]),
        ("John 3:16 Rom 5:8", vec!["John 3:16", "Romans 5:8"]),
        ("John 3:16 and 18", vec!["John 3:16,18"]),
        // The last chapter of a range does not begin a verse.
        ("John 3-4, verse 16", vec!["John 3-4"]),
        ("Ps 1; 23; 103", vec!["Psalm 1", "Psalm 23", "Psalm 103"]),
        ("John 3:16, John 21:1-Acts 1:5", vec!["John 3:16", "John 21:1-Acts 1:5"]),
        ("Gen 50:20-Exod 1:5, 7", vec!["Genesis 50:20-Exodus 1:5", "Exodus 1:7"]),
        (
            "1) John 3:16\n2) Ps 23 (NIV)\n• “Jude 3”\n- [Rom 8:28]",
            vec!["John 3:16", "Psalm 23", "Jude 3", "Romans 8:28"],
        ),
    ] {
        let read: Vec<String> = parse_passages(typed).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(read, names, "{typed}");
    }
}

#[test]
fn errors_name_the_part_at_fault_and_the_remedy() {
    use PassageErrorKind as E;
    for (typed, kind, part, says) in [
        ("", E::Empty, None, "John 3:16"),
        (" ;,\n", E::Empty, None, "John 3:16"),
        ("Galations 5:22", E::UnknownBook, Some("Galations"), "did you mean Galatians?"),
        ("Habbakuk 2:4", E::UnknownBook, Some("Habbakuk"), "did you mean Habakkuk?"),
        ("Rom 8:28; Hezekiah 3:16", E::UnknownBook, Some("Hezekiah"), "is no book"),
        ("5 Kings 3:1", E::UnknownBook, Some("5 Kings"), "did you mean 2 Kings?"),
        ("Cor 13:4", E::AmbiguousBook, Some("Cor"), "1 Corinthians or 2 Corinthians"),
        ("John 3:16, 99:1", E::NoSuchChapter, Some("99"), "John has 21 chapters"),
        ("Jude 2:1", E::NoSuchChapter, Some("2"), "Jude has 1 chapter,"),
        ("John 3:99", E::NoSuchVerse, Some("99"), "John 3 has 36 verses"),
        ("Obadiah 22", E::NoSuchVerse, Some("22"), "Obadiah has 21 verses"),
        ("John 3:99999999999", E::NoSuchVerse, Some("99999999999"), "36 verses"),
        ("Genesis", E::NoChapter, Some("Genesis"), "Genesis 1:1"),
        ("16", E::NoBook, Some("16"), "John 3:16"),
        ("verse 16", E::NoBook, Some("verse"), "John 3:16"),
        ("John 3:18-16", E::Backwards, Some("John 3:18-16"), "goes forward"),
        ("John 3:16-", E::MissingNumber, Some(""), "after \"John 3:16-\""),
        ("Prov 3:5f", E::OpenEnded, Some("f"), "did you mean Proverbs 3:5-6?"),
        ("John 3:16; 17", E::AmbiguousNumber, Some("17"), "did you mean John 3:17?"),
        ("Ps 23,1", E::AmbiguousNumber, Some("1"), "did you mean Psalm 23:1?"),
        ("John 3:16 !", E::Unexpected, Some("!"), "does not belong"),
        ("John 3-4 16", E::Unexpected, Some("16"), "does not belong"),
        ("John 3:16:18", E::Unexpected, Some(":"), "dash"),
    ] {
        let error = parse_passages(typed).expect_err(typed);
        assert_eq!(error.kind(), kind, "{typed}: {error}");
        assert_eq!(error.span().map(|span| &typed[span]), part, "{typed}: {error}");
        assert!(error.to_string().contains(says), "{typed}: {error}");
        assert!(!error.is_retryable());
    }
    let several = parse_passage("John 3:16; Ps 23").unwrap_err();
    assert_eq!(several.kind(), E::Several);
    let long = parse_passages(&"John 3:16;".repeat(MAX_INPUT_BYTES)).unwrap_err();
    assert_eq!(long.kind(), E::TooLong);
}

#[test]
fn a_suggestion_for_a_misspelt_book_is_its_name() {
    for (typed, name) in [("Psalsm 23", "Psalm"), ("Mathew 1:1", "Matthew"), ("Philipians 4:13", "Philippians")] {
        assert_eq!(parse_passages(typed).unwrap_err().suggestion(), Some(name));
    }
}

fn point() -> impl Strategy<Value = (Book, u8, u8)> {
    (0usize..66, any::<u8>(), any::<u8>()).prop_map(|(book, chapter, verse)| {
        let book = Book::all().nth(book).unwrap();
        let chapter = chapter % book.chapters() + 1;
        (book, chapter, verse % book.verses(chapter) + 1)
    })
}

/// A list of ranges of one book, some of them chapters, as somebody might type them.
fn typed_passage() -> impl Strategy<Value = String> {
    let range = (any::<u8>(), any::<u8>(), any::<u8>(), any::<u8>(), 0u8..4);
    (0usize..66, prop::collection::vec(range, 1..6)).prop_map(|(book, ranges)| {
        let book = Book::all().nth(book).unwrap();
        let mut parts = Vec::new();
        for (c1, v1, c2, v2, form) in ranges {
            let mut ends = [(c1, v1), (c2, v2)].map(|(c, v)| {
                let chapter = c % book.chapters() + 1;
                (chapter, v % book.verses(chapter) + 1)
            });
            ends.sort_unstable();
            let ([(c1, v1), (c2, v2)], name) = (ends, book.osis());
            parts.push(match form {
                0 => format!("{name} {c1}:{v1}"),
                1 => format!("{name} {c1}:{v1}-{c2}:{v2}"),
                2 if book.chapters() > 1 => format!("{name} {c1}-{c2}"),
                _ => format!("{name} {c1}:{v1}-{}", book.verses(c1)),
            });
        }
        parts.join(", ")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        if let Err(error) = parse_passages(&text) {
            prop_assert!(error.span().is_none_or(|span| text.get(span).is_some()), "{error:?}");
        }
    }

    #[test]
    fn no_text_like_a_reference_makes_the_parser_panic(
        parts in prop::collection::vec(prop_oneof![
            Just("John"), Just("1"), Just("Jude"), Just("II"), Just("the"), Just("v"), Just("chapter"), Just("ff"), Just("a"),
            Just(":"), Just("-"), Just(","), Just(";"), Just("."), Just("\n"), Just(" "), Just("3"), Just("16"), Just("999999"),
            Just("("), Just(")"), Just("NIV"), Just("and"), Just("to"), Just("\u{200b}"), Just("３"), Just("Ps"), Just("2 Cor"),
        ], 0..12)
    ) {
        let text = parts.concat();
        match parse_passages(&text) {
            Ok(passages) => {
                for passage in passages {
                    prop_assert_eq!(parse_passage(&passage.to_string()), Ok(passage));
                }
            }
            Err(error) => prop_assert!(error.span().is_none_or(|span| text.get(span).is_some()), "{text:?}: {error:?}"),
        }
    }

    #[test]
    fn names_and_keys_parse_back_to_the_same_passage(typed in typed_passage()) {
        let passage = passage(&typed);
        let (name, key) = (passage.to_string(), passage.osis());
        prop_assert_eq!(parse_passage(&name), Ok(passage.clone()), "{}", name);
        prop_assert_eq!(parse_passage(&key), Ok(passage.clone()), "{}", key);
        prop_assert_eq!(parse_passage(&name).unwrap().to_string(), name, "one name for one passage");
        prop_assert_eq!(passage.verses().count(), passage.verse_count() as usize);
    }

    #[test]
    fn a_range_across_books_parses_back(ends in (point(), point())) {
        let (start, end) = if ends.0 <= ends.1 { ends } else { (ends.1, ends.0) };
        let typed = format!("{} {}:{} - {} {}:{}", start.0.osis(), start.1, start.2, end.0.name(), end.1, end.2);
        let passage = passage(&typed);
        prop_assert_eq!(parse_passage(&passage.to_string()), Ok(passage.clone()));
        prop_assert_eq!(parse_passage(&passage.osis()), Ok(passage.clone()));
        let (first, last) = (passage.verses().next().unwrap(), passage.verses().last().unwrap());
        prop_assert_eq!((first.book, first.chapter, first.verse), start);
        prop_assert_eq!((last.book, last.chapter, last.verse), end);
    }
}
