//! Public-domain Bible text (KJV, WEB), compressed into the binary, and the starter packs.
//!
//! Text only: what a reference means is `verses-core`'s. Unpacked once, on first use.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod corpus;
mod packs;

pub use corpus::{Corpus, CorpusError, TranslationInfo, translations};
pub use packs::{StarterItem, StarterPack, starter_packs};
