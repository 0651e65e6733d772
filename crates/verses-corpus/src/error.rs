//! Why there is no text, and what to do about it.

use verses_core::Book;

/// Why there is no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CorpusError {
    /// The translation does not come with Verses.
    #[error(
        "{name} is not among the texts that come with Verses (KJV, WEB): supply your own text, or choose one of these"
    )]
    UnknownTranslation {
        /// What was asked for.
        name: String,
    },
    /// This translation does not have this verse.
    #[error("{translation} does not have {verse}: choose another translation, or supply your own text")]
    NotInTranslation {
        /// The translation.
        translation: &'static str,
        /// The verse.
        verse: String,
    },
    /// The data in the binary is damaged.
    #[error("the text of {translation} in this program is damaged ({reason}): install it again")]
    Damaged {
        /// The translation.
        translation: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Books that a passage needs have not been put in yet.
    #[error("not on this device yet, of {translation}: {}; fetch it and try again", names(books))]
    NotLoaded {
        /// The translation.
        translation: &'static str,
        /// Which books, in their order.
        books: Vec<Book>,
    },
    /// What was put in as the text of a book is something else.
    #[error(
        "this is not the text of {} in {translation}: it has {lines} lines and the book has {expected} verses, each on \
         a line that ends; fetch it again",
        book.name()
    )]
    WrongPiece {
        /// The translation.
        translation: &'static str,
        /// The book.
        book: Book,
        /// Lines that end in it.
        lines: usize,
        /// Verses of the book.
        expected: usize,
    },
}

impl CorpusError {
    /// Whether it can go well once the text has been fetched. What is in the binary stays as it is.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NotLoaded { .. } | Self::WrongPiece { .. } => true,
            Self::UnknownTranslation { .. } | Self::NotInTranslation { .. } | Self::Damaged { .. } => false,
        }
    }
}

fn names(books: &[Book]) -> String {
    books.iter().map(|book| book.name()).collect::<Vec<_>>().join(", ")
}
