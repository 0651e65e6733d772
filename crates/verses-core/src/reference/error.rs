//! What is wrong with a reference: where, why, and what to write instead.

use std::fmt;
use std::ops::Range;

/// Class of a [`PassageError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PassageErrorKind {
    /// Nothing but spaces and separators.
    Empty,
    /// More than [`MAX_INPUT_BYTES`](super::MAX_INPUT_BYTES).
    TooLong,
    /// A number where a book was expected.
    NoBook,
    /// A name that is no book.
    UnknownBook,
    /// A name that may be several books.
    AmbiguousBook,
    /// A book without chapter.
    NoChapter,
    /// The book does not have that chapter.
    NoSuchChapter,
    /// The chapter does not have that verse.
    NoSuchVerse,
    /// A number is missing, as in "John 3:".
    MissingNumber,
    /// A range that ends before it begins.
    Backwards,
    /// A range without end, as in "5ff".
    OpenEnded,
    /// A number that may be a chapter or a verse.
    AmbiguousNumber,
    /// Something that does not belong there.
    Unexpected,
    /// Several passages where one was expected.
    Several,
}

/// Why a text is no passage. The message names the part at fault and says what to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassageError {
    kind: PassageErrorKind,
    message: String,
    suggestion: Option<String>,
    span: Option<Range<usize>>,
}

impl PassageError {
    pub(super) fn new(kind: PassageErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), suggestion: None, span: None }
    }

    pub(super) fn at(mut self, span: Range<usize>) -> Self {
        self.span = Some(span);
        self
    }

    pub(super) fn suggest(mut self, suggestion: Option<String>) -> Self {
        self.suggestion = suggestion;
        self
    }

    /// Its class.
    #[must_use]
    pub fn kind(&self) -> PassageErrorKind {
        self.kind
    }

    /// Where the part at fault stands, in bytes of the input; `None` when it is the whole.
    #[must_use]
    pub fn span(&self) -> Option<Range<usize>> {
        self.span.clone()
    }

    /// What may have been meant: a reference, or the name of a book.
    #[must_use]
    pub fn suggestion(&self) -> Option<&str> {
        self.suggestion.as_deref()
    }

    /// Never: the same text stays wrong.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        false
    }
}

impl fmt::Display for PassageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "; did you mean {suggestion}?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for PassageError {}
