//! Public-domain Bible text (KJV, WEB), and the starter packs.
//!
//! Text only: what a reference means is `verses-core`'s. With the feature `embedded` (on by default) the texts are
//! compressed into the binary and unpacked once, on first use; without it they come book by book, as [`Pieces`].
#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[cfg(feature = "embedded")]
mod corpus;
mod error;
mod packs;
mod pieces;
mod translation;

#[cfg(feature = "embedded")]
pub use corpus::Corpus;
pub use error::CorpusError;
pub use packs::{StarterItem, StarterPack, starter_packs};
pub use pieces::{Pieces, book_of_number, number_of_book};
pub use translation::{TranslationInfo, translations};
