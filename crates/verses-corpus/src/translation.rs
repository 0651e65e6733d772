//! One translation, book by book: the words of a verse and of a passage. Where the books come from is in `corpus` and
//! `pieces`.

use litemap::LiteMap;
use verses_core::{Book, Passage, Place};

use crate::error::CorpusError;

/// A translation that comes with Verses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TranslationInfo {
    /// Name as it is written in requests: "KJV".
    pub name: &'static str,
    /// Title for people.
    pub title: &'static str,
    /// Where it stands in law, to be shown with it.
    pub licence: &'static str,
}

static TRANSLATIONS: [TranslationInfo; 2] = [
    TranslationInfo {
        name: "KJV",
        title: "King James Version",
        licence: "Public domain (in the United Kingdom printing is under Crown letters patent)",
    },
    TranslationInfo {
        name: "WEB",
        title: "World English Bible",
        licence: "Public domain; the name is a trademark of eBible.org and stands for the unchanged words",
    },
];

/// The translations that come with Verses.
#[must_use]
pub fn translations() -> &'static [TranslationInfo] {
    &TRANSLATIONS
}

/// The translation of this name, in whatever case.
pub(crate) fn known(name: &str) -> Result<&'static TranslationInfo, CorpusError> {
    let found = TRANSLATIONS.iter().find(|info| info.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| CorpusError::UnknownTranslation { name: name.to_owned() })
}

/// The places of a book, in order.
fn places(book: Book) -> impl Iterator<Item = Place> {
    let of = move |chapter| (1..=book.verses(chapter)).map(move |verse| Place { book, chapter, verse });
    (1..=book.chapters()).flat_map(of)
}

/// Verses of a book.
pub(crate) fn verses(book: Book) -> usize {
    places(book).count()
}

/// A book: a line for each verse, empty where the translation does not have it.
#[derive(Debug, Clone)]
struct BookText {
    text: String,
    /// Where each line ends in `text`.
    ends: Vec<usize>,
}

impl BookText {
    fn line(&self, index: usize) -> Option<&str> {
        let begin = match index.checked_sub(1) {
            None => 0,
            Some(before) => self.ends.get(before)? + 1,
        };
        self.text.get(begin..*self.ends.get(index)?)
    }
}

/// The books there are of a translation.
#[derive(Debug, Clone)]
pub(crate) struct Translation {
    pub(crate) info: &'static TranslationInfo,
    books: LiteMap<Book, BookText>,
}

impl Translation {
    pub(crate) fn new(info: &'static TranslationInfo) -> Self {
        Self { info, books: LiteMap::new() }
    }

    /// Puts in a book, instead of what there was of it.
    pub(crate) fn insert(&mut self, book: Book, text: String) -> Result<(), CorpusError> {
        let ends: Vec<usize> = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect();
        let (lines, expected) = (ends.len(), verses(book));
        if lines != expected || !text.ends_with('\n') {
            return Err(CorpusError::WrongPiece { translation: self.info.name, book, lines, expected });
        }
        self.books.insert(book, BookText { text, ends });
        Ok(())
    }

    pub(crate) fn has(&self, book: Book) -> bool {
        self.books.contains_key(&book)
    }

    /// The whole book, a verse on each line.
    #[cfg(feature = "embedded")]
    pub(crate) fn book_text(&self, book: Book) -> Option<&str> {
        self.books.get(&book).map(|known| known.text.as_str())
    }

    pub(crate) fn verse_text(&self, place: Place) -> Option<&str> {
        if place.verse == 0 || place.verse > place.book.verses(place.chapter) {
            return None;
        }
        let before: usize = (1..place.chapter).map(|chapter| usize::from(place.book.verses(chapter))).sum();
        let line = self.books.get(&place.book)?.line(before + usize::from(place.verse) - 1)?;
        (!line.is_empty()).then_some(line)
    }

    /// The books of a passage that are not there, in their order.
    pub(crate) fn missing(&self, passage: &Passage) -> Vec<Book> {
        let mut books: Vec<Book> = passage.verses().map(|place| place.book).filter(|book| !self.has(*book)).collect();
        books.sort_unstable();
        books.dedup();
        books
    }

    pub(crate) fn passage_text(&self, passage: &Passage) -> Result<String, CorpusError> {
        let translation = self.info.name;
        let books = self.missing(passage);
        if !books.is_empty() {
            return Err(CorpusError::NotLoaded { translation, books });
        }
        let mut words = String::new();
        for place in passage.verses() {
            let verse = || format!("{} {}:{}", place.book.name(), place.chapter, place.verse);
            let missing = || CorpusError::NotInTranslation { translation, verse: verse() };
            let line = self.verse_text(place).ok_or_else(missing)?;
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(line);
        }
        Ok(words)
    }
}
