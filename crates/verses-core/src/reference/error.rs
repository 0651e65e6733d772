//! Why a text is no passage. Every error names the part at fault and says what to do.

/// Why a text is no passage. `part` is the piece of the input at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PassageError {
    /// Nothing was typed.
    #[error("the reference is empty: type a passage, e.g. John 3:16")]
    Empty,
    /// More than anyone types.
    #[error("the reference has {bytes} bytes: at most {max} are read at once")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// No book has this name.
    #[error("{part:?} is no book of the Bible{}", suggested(suggestion))]
    UnknownBook {
        /// The word.
        part: String,
        /// A book whose name is near.
        suggestion: Option<&'static str>,
    },
    /// There are several books of this name.
    #[error("{part:?} may be several books: say which, e.g. {example}")]
    AmbiguousBook {
        /// The word.
        part: String,
        /// One of them.
        example: &'static str,
    },
    /// A book without a chapter.
    #[error("{book} is a whole book: name a chapter, e.g. {book} 1")]
    WholeBook {
        /// The book.
        book: &'static str,
    },
    /// No such chapter.
    #[error("{book} has {chapters} {}, not {chapter}", plural(*chapters, "chapter"))]
    NoSuchChapter {
        /// The book.
        book: &'static str,
        /// Its chapters.
        chapters: u8,
        /// What was asked for.
        chapter: u32,
    },
    /// No such verse.
    #[error("{book} {chapter} has {verses} {}, not {verse}", plural(*verses, "verse"))]
    NoSuchVerse {
        /// The book.
        book: &'static str,
        /// The chapter.
        chapter: u8,
        /// Its verses.
        verses: u8,
        /// What was asked for.
        verse: u32,
    },
    /// A range that ends before it begins.
    #[error("{part:?} ends before it begins: write the smaller number first")]
    Backwards {
        /// The range.
        part: String,
    },
    /// Something that has no place in a reference.
    #[error("{part:?} is not understood: write it like John 3:16 or Rom 8:28-30; Ps 23")]
    Unexpected {
        /// What.
        part: String,
    },
    /// "f" and "ff" do not say where a passage ends.
    #[error("{part:?} does not say where the passage ends: write the last verse, e.g. Prov 3:5-6")]
    OpenEnd {
        /// What.
        part: String,
    },
    /// Several passages where one was asked for.
    #[error("{count} passages were given where one is needed: {first} and others")]
    Several {
        /// How many.
        count: usize,
        /// The first of them.
        first: String,
    },
}

impl PassageError {
    /// Never: the same text stays what it is.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        false
    }
}

fn suggested(suggestion: &Option<&'static str>) -> String {
    suggestion.map_or_else(|| ": write it like John 3:16".to_owned(), |book| format!(": did you mean {book}?"))
}

fn plural(n: u8, word: &str) -> String {
    if n == 1 { word.to_owned() } else { format!("{word}s") }
}
