//! Translations put together from pieces: the same words as in the binary, and every other text is refused.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use verses_core::{Book, Passage, Place, parse_passage};
use verses_corpus::{Corpus, CorpusError, Pieces, book_of_number, number_of_book, starter_packs, translations};

fn passage(reference: &str) -> Passage {
    parse_passage(reference).unwrap()
}

fn book(alias: &str) -> Book {
    Book::from_alias(alias).unwrap()
}

/// All pieces of both translations.
fn complete() -> Pieces {
    let mut pieces = Pieces::new();
    for info in translations() {
        let corpus = Corpus::load(info.name).unwrap();
        for book in Book::all() {
            assert!(!pieces.has(info.name, book));
            pieces.insert(&info.name.to_lowercase(), book, corpus.book_text(book)).unwrap();
            assert!(pieces.has(info.name, book));
        }
    }
    pieces
}

#[test]
fn every_verse_reads_the_same_from_pieces() {
    let pieces = complete();
    for info in translations() {
        let corpus = Corpus::load(info.name).unwrap();
        for book in Book::all() {
            for chapter in 0..=book.chapters() + 1 {
                for verse in 0..=book.verses(chapter) + 1 {
                    let place = Place { book, chapter, verse };
                    assert_eq!(pieces.verse_text(info.name, place), corpus.verse_text(place), "{place:?}");
                }
            }
        }
    }
}

#[test]
fn passages_read_the_same_from_pieces() {
    let pieces = complete();
    let starters = starter_packs().iter().flat_map(|pack| pack.items.iter().map(|item| item.osis.as_str()));
    for reference in starters.chain(["Ps 119", "Gen 1:1", "Rev 22:21", "Mal 4:6-Matt 1:1", "Acts 8:36-38", "Jude"]) {
        for info in translations() {
            let wanted = Corpus::load(info.name).unwrap().passage_text(&passage(reference));
            assert_eq!(pieces.passage_text(info.name, &passage(reference)), wanted, "{reference} in {}", info.name);
        }
    }
}

#[test]
fn a_passage_says_which_books_it_waits_for() {
    let (mut pieces, kjv) = (Pieces::default(), Corpus::load("KJV").unwrap());
    let over = passage("Mal 4:6-Matt 1:1");
    let both = vec![book("malachi"), book("matthew")];
    assert_eq!(pieces.missing("KJV", &over).unwrap(), both);
    let error = pieces.passage_text("KJV", &over).unwrap_err();
    assert_eq!(error, CorpusError::NotLoaded { translation: "KJV", books: both.clone() });
    assert!(error.is_retryable() && error.to_string().contains("of KJV: Malachi, Matthew;"), "{error}");
    pieces.insert("KJV", both[0], kjv.book_text(both[0])).unwrap();
    assert_eq!(pieces.missing("KJV", &over).unwrap(), both[1..]);
    // Of the other translation there is still nothing.
    assert!(matches!(pieces.passage_text("WEB", &over), Err(CorpusError::NotLoaded { books, .. }) if books == both));
    pieces.insert("KJV", both[1], kjv.book_text(both[1])).unwrap();
    assert_eq!(pieces.passage_text("KJV", &over), kjv.passage_text(&over));
}

#[test]
fn another_text_is_refused_and_changes_nothing() {
    let mut pieces = Pieces::new();
    let (jude, text) = (book("jude"), Corpus::load("KJV").unwrap().book_text(book("jude")));
    pieces.insert("KJV", jude, text).unwrap();
    let page = "<!doctype html>\n<p>Sign in to this network</p>\n".to_owned();
    for wrong in [page, String::new(), format!("{text}\n"), text.trim_end().to_owned(), format!("{text}x")] {
        let error = pieces.insert("KJV", jude, wrong).unwrap_err();
        assert!(matches!(error, CorpusError::WrongPiece { expected: 25, .. }) && error.is_retryable(), "{error}");
        assert!(error.to_string().contains("Jude"), "{error}");
        assert!(pieces.passage_text("KJV", &passage("Jude 1")).unwrap().starts_with("Jude, the servant"));
    }
    let error = pieces.insert("NIV", jude, text).unwrap_err();
    assert!(matches!(error, CorpusError::UnknownTranslation { .. }) && !error.is_retryable(), "{error}");
    assert!(!pieces.has("NIV", jude));
}

#[test]
fn books_have_the_numbers_of_the_canon() {
    let numbers: Vec<u8> = Book::all().map(number_of_book).collect();
    assert_eq!(numbers, (1..=66).collect::<Vec<u8>>());
    assert!(Book::all().all(|book| book_of_number(number_of_book(book)) == Some(book)));
    assert_eq!((book_of_number(0), book_of_number(67), book_of_number(255)), (None, None, None));
}
