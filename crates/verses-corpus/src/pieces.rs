//! Translations that are put in book by book, as a server gives them. Fetching and keeping them is the caller's matter.

use verses_core::{Book, Passage, Place};

use crate::error::CorpusError;
use crate::translation::{Translation, known, translations};

/// The number of a book in the names of pieces: 1 is Genesis, 66 is Revelation.
#[must_use]
pub fn number_of_book(book: Book) -> u8 {
    let before = Book::all().take_while(|other| *other < book).count();
    u8::try_from(before + 1).unwrap_or(u8::MAX)
}

/// The book of a number, from 1 to 66.
#[must_use]
pub fn book_of_number(number: u8) -> Option<Book> {
    Book::all().nth(usize::from(number.checked_sub(1)?))
}

/// What there is of the translations so far.
#[derive(Debug, Clone)]
pub struct Pieces(Vec<Translation>);

impl Default for Pieces {
    fn default() -> Self {
        Self::new()
    }
}

impl Pieces {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self(translations().iter().map(Translation::new).collect())
    }

    /// Puts in a book of a translation (its name in whatever case): a verse on each line, an empty line where the
    /// translation does not have the verse. It takes the place of what there was.
    ///
    /// # Errors
    /// [`CorpusError::UnknownTranslation`]; [`CorpusError::WrongPiece`] when the number of lines is another, and nothing
    /// has changed.
    pub fn insert(&mut self, translation: &str, book: Book, text: impl Into<String>) -> Result<(), CorpusError> {
        let info = known(translation)?;
        let found = self.0.iter_mut().find(|known| known.info == info);
        let unknown = || CorpusError::UnknownTranslation { name: translation.to_owned() };
        found.ok_or_else(unknown)?.insert(book, text.into())
    }

    /// Whether this book of the translation is there.
    #[must_use]
    pub fn has(&self, translation: &str, book: Book) -> bool {
        self.of(translation).is_ok_and(|known| known.has(book))
    }

    /// The books of a passage that have to be put in first, in their order.
    ///
    /// # Errors
    /// [`CorpusError::UnknownTranslation`].
    pub fn missing(&self, translation: &str, passage: &Passage) -> Result<Vec<Book>, CorpusError> {
        Ok(self.of(translation)?.missing(passage))
    }

    /// The words of one verse; `None` if this translation does not have it, or its book is not there.
    #[must_use]
    pub fn verse_text(&self, translation: &str, place: Place) -> Option<&str> {
        self.of(translation).ok()?.verse_text(place)
    }

    /// The words of a passage, verses parted by a space.
    ///
    /// # Errors
    /// [`CorpusError::NotLoaded`] names the books that are not there; [`CorpusError::NotInTranslation`] names the first
    /// verse this translation does not have; [`CorpusError::UnknownTranslation`].
    pub fn passage_text(&self, translation: &str, passage: &Passage) -> Result<String, CorpusError> {
        self.of(translation)?.passage_text(passage)
    }

    fn of(&self, translation: &str) -> Result<&Translation, CorpusError> {
        let info = known(translation)?;
        let found = self.0.iter().find(|known| known.info == info);
        found.ok_or_else(|| CorpusError::UnknownTranslation { name: translation.to_owned() })
    }
}
