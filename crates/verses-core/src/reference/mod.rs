//! Passage references: books, versification, the parser, canonical forms. `docs/passages.md` says what is accepted and why.

mod books;
mod error;
mod names;
mod parse;
mod passage;
mod tokens;

pub use books::Book;
pub use error::{PassageError, PassageErrorKind};
pub use parse::{MAX_INPUT_BYTES, parse_passage, parse_passages};
pub use passage::{Passage, Place};
