//! The texts in the binary: unpacking, and cutting them into books.

use std::io::Read;
use std::sync::OnceLock;

use verses_core::{Book, Passage, Place};

use crate::error::CorpusError;
use crate::translation::{Translation, TranslationInfo, known, verses};

/// One translation, unpacked.
#[derive(Debug)]
pub struct Corpus(Translation);

impl Corpus {
    /// The text of a translation, by its name in whatever case; unpacked on first use.
    ///
    /// # Errors
    /// [`CorpusError::UnknownTranslation`], [`CorpusError::Damaged`].
    pub fn load(translation: &str) -> Result<&'static Self, CorpusError> {
        static KJV: OnceLock<Result<Corpus, CorpusError>> = OnceLock::new();
        static WEB: OnceLock<Result<Corpus, CorpusError>> = OnceLock::new();
        let info = known(translation)?;
        let loaded = match info.name {
            "KJV" => KJV.get_or_init(|| Self::unpack(info, include_bytes!("../assets/kjv.zst"))),
            "WEB" => WEB.get_or_init(|| Self::unpack(info, include_bytes!("../assets/web.zst"))),
            _ => return Err(CorpusError::UnknownTranslation { name: translation.to_owned() }),
        };
        loaded.as_ref().map_err(Clone::clone)
    }

    fn unpack(info: &'static TranslationInfo, packed: &[u8]) -> Result<Self, CorpusError> {
        let damaged = |reason: String| CorpusError::Damaged { translation: info.name, reason };
        let mut text = String::new();
        let mut decoder = ruzstd::decoding::StreamingDecoder::new(packed).map_err(|e| damaged(e.to_string()))?;
        decoder.read_to_string(&mut text).map_err(|e| damaged(e.to_string()))?;
        let mut all = Translation::new(info);
        let mut lines = text.split_inclusive('\n');
        for book in Book::all() {
            let piece = lines.by_ref().take(verses(book)).collect();
            all.insert(book, piece).map_err(|e| damaged(e.to_string()))?;
        }
        match lines.count() {
            0 => Ok(Self(all)),
            more => Err(damaged(format!("{more} verses too many"))),
        }
    }

    /// Which translation it is.
    #[must_use]
    pub fn info(&self) -> &'static TranslationInfo {
        self.0.info
    }

    /// A whole book: a verse on each line, an empty line where this translation does not have the verse.
    #[must_use]
    pub fn book_text(&self, book: Book) -> &str {
        // All books are there since it was unpacked.
        self.0.book_text(book).unwrap_or_default()
    }

    /// The words of one verse; `None` if this translation does not have it.
    #[must_use]
    pub fn verse_text(&self, place: Place) -> Option<&str> {
        self.0.verse_text(place)
    }

    /// The words of a passage, verses parted by a space.
    ///
    /// # Errors
    /// [`CorpusError::NotInTranslation`] names the first verse this translation does not have.
    pub fn passage_text(&self, passage: &Passage) -> Result<String, CorpusError> {
        self.0.passage_text(passage)
    }
}
