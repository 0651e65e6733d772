//! The texts in the binary: complete, in place, and with words for every starter passage.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use verses_core::{Book, Passage, Place, parse_passage};
use verses_corpus::{Corpus, CorpusError, starter_packs, translations};

fn passage(reference: &str) -> Passage {
    parse_passage(reference).unwrap()
}

fn places() -> impl Iterator<Item = Place> {
    Book::all().flat_map(|book| {
        (1..=book.chapters())
            .flat_map(move |chapter| (1..=book.verses(chapter)).map(move |verse| Place { book, chapter, verse }))
    })
}

#[test]
fn kjv_has_every_verse_and_web_all_but_four() {
    let kjv = Corpus::load("KJV").unwrap();
    assert_eq!(places().filter(|p| kjv.verse_text(*p).is_some()).count(), 31_102);
    let web = Corpus::load("web").unwrap();
    let absent: Vec<String> = places()
        .filter(|p| web.verse_text(*p).is_none())
        .map(|p| format!("{}.{}.{}", p.book.osis(), p.chapter, p.verse))
        .collect();
    assert_eq!(absent, ["Luke.17.36", "Acts.8.37", "Acts.15.34", "Acts.24.7"]);
}

#[test]
fn verses_stand_where_they_belong() {
    for (translation, reference, begins) in [
        ("KJV", "Gen 1:1", "In the beginning God created"),
        ("KJV", "John 3:16", "For God so loved the world"),
        ("KJV", "Rev 22:21", "The grace of our Lord Jesus Christ"),
        ("WEB", "Gen 1:1", "In the beginning, God created the heavens"),
        ("WEB", "Rom 16:25", "Now to him who is able"),
        ("WEB", "Rev 22:21", "The grace of the Lord Jesus Christ"),
        ("KJV", "John 11:35", "Jesus wept."),
    ] {
        let text = Corpus::load(translation).unwrap().passage_text(&passage(reference)).unwrap();
        assert!(text.starts_with(begins), "{translation} {reference}: {text}");
    }
}

#[test]
fn a_passage_is_its_verses_in_order() {
    let kjv = Corpus::load("KJV").unwrap();
    let text = kjv.passage_text(&passage("Ps 117")).unwrap();
    assert!(text.starts_with("O praise the LORD") && text.ends_with("Praise ye the LORD."), "{text}");
    assert_eq!(text.split_whitespace().count(), 33);
}

#[test]
fn what_is_not_there_is_named() {
    let web = Corpus::load("WEB").unwrap();
    let error = web.passage_text(&passage("Acts 8:36-38")).unwrap_err();
    assert!(matches!(&error, CorpusError::NotInTranslation { verse, .. } if verse == "Acts 8:37"), "{error}");
    let error = Corpus::load("NIV").unwrap_err();
    assert!(error.to_string().contains("NIV") && error.to_string().contains("KJV"), "{error}");
}

#[test]
fn every_starter_passage_has_words_in_every_translation() {
    let items: Vec<&str> = starter_packs().iter().flat_map(|p| p.items.iter().map(|i| i.osis.as_str())).collect();
    assert_eq!((starter_packs().len(), items.len()), (12, 92));
    for info in translations() {
        let corpus = Corpus::load(info.name).unwrap();
        for item in &items {
            let text = corpus.passage_text(&passage(item)).unwrap();
            assert!(!text.trim().is_empty(), "{item} in {}", info.name);
        }
    }
}

#[test]
fn every_line_is_the_verse_of_its_place() {
    // Words that occur in one verse only, spread over the books: a line too many or too few would shift them.
    let kjv = Corpus::load("KJV").unwrap();
    for (word, osis) in [
        ("And I went unto the prophetess", "Isa.8.3"),
        ("Belteshazzar, master of the magicians", "Dan.4.9"),
        ("Eutychus", "Acts.20.9"),
        ("Diotrephes", "3John.1.9"),
        ("Armageddon", "Rev.16.16"),
        ("Jesus wept", "John.11.35"),
    ] {
        let name = |p: Place| format!("{}.{}.{}", p.book.osis(), p.chapter, p.verse);
        let found = places().find(|p| kjv.verse_text(*p).is_some_and(|text| text.contains(word)));
        assert_eq!(found.map(name).unwrap_or_default(), osis, "{word}");
    }
}

#[test]
fn no_verse_carries_marks_of_its_source() {
    for info in translations() {
        let corpus = Corpus::load(info.name).unwrap();
        for place in places() {
            let text = corpus.verse_text(place).unwrap_or_default();
            let clean = text == text.trim() && !text.contains(['\t', '\r', '\\', '<', '>', '{', '}', '\u{fffd}']);
            assert!(clean, "{} {place:?}: {text:?}", info.name);
        }
    }
}
