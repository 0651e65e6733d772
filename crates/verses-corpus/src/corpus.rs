//! The texts: unpacking, and the words of a passage.

use std::io::Read;
use std::sync::OnceLock;

use verses_core::{Book, Passage, Place};

/// Verses of the King James versification.
const VERSES: usize = 31_102;

/// A translation that is in the binary.
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

/// The translations in the binary.
#[must_use]
pub fn translations() -> &'static [TranslationInfo] {
    &TRANSLATIONS
}

/// Why there is no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CorpusError {
    /// The translation is not in the binary.
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
}

impl CorpusError {
    /// Never: what is in the binary stays as it is.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        false
    }
}

/// One translation, unpacked.
#[derive(Debug)]
pub struct Corpus {
    info: &'static TranslationInfo,
    text: String,
    /// Where each verse begins in `text`; one more than there are verses.
    starts: Vec<u32>,
}

impl Corpus {
    /// The text of a translation, by its name in whatever case; unpacked on first use.
    ///
    /// # Errors
    /// [`CorpusError::UnknownTranslation`], [`CorpusError::Damaged`].
    pub fn load(translation: &str) -> Result<&'static Self, CorpusError> {
        static KJV: OnceLock<Result<Corpus, CorpusError>> = OnceLock::new();
        static WEB: OnceLock<Result<Corpus, CorpusError>> = OnceLock::new();
        let loaded = match translation.to_ascii_uppercase().as_str() {
            "KJV" => KJV.get_or_init(|| Self::unpack(&TRANSLATIONS[0], include_bytes!("../assets/kjv.zst"))),
            "WEB" => WEB.get_or_init(|| Self::unpack(&TRANSLATIONS[1], include_bytes!("../assets/web.zst"))),
            _ => return Err(CorpusError::UnknownTranslation { name: translation.to_owned() }),
        };
        loaded.as_ref().map_err(Clone::clone)
    }

    fn unpack(info: &'static TranslationInfo, packed: &[u8]) -> Result<Self, CorpusError> {
        let damaged = |reason: String| CorpusError::Damaged { translation: info.name, reason };
        let mut text = String::new();
        let mut decoder = ruzstd::decoding::StreamingDecoder::new(packed).map_err(|e| damaged(e.to_string()))?;
        decoder.read_to_string(&mut text).map_err(|e| damaged(e.to_string()))?;
        let ends = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1);
        let starts: Vec<u32> = std::iter::once(0).chain(ends).filter_map(|at| u32::try_from(at).ok()).collect();
        if starts.len() != VERSES + 1 {
            return Err(damaged(format!("{} verses", starts.len().saturating_sub(1))));
        }
        Ok(Self { info, text, starts })
    }

    /// Which translation it is.
    #[must_use]
    pub fn info(&self) -> &'static TranslationInfo {
        self.info
    }

    /// The words of one verse; `None` if this translation does not have it.
    #[must_use]
    pub fn verse_text(&self, place: Place) -> Option<&str> {
        let index = position(place)?;
        let (start, end) = (*self.starts.get(index)?, *self.starts.get(index + 1)?);
        let line = self.text.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)?.trim_end_matches('\n');
        (!line.is_empty()).then_some(line)
    }

    /// The words of a passage, verses parted by a space.
    ///
    /// # Errors
    /// [`CorpusError::NotInTranslation`] names the first verse this translation does not have.
    pub fn passage_text(&self, passage: &Passage) -> Result<String, CorpusError> {
        let mut words = String::new();
        for place in passage.verses() {
            let missing = || CorpusError::NotInTranslation {
                translation: self.info.name,
                verse: format!("{} {}:{}", place.book.name(), place.chapter, place.verse),
            };
            let line = self.verse_text(place).ok_or_else(missing)?;
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(line);
        }
        Ok(words)
    }
}

/// Position of a verse among all, from 0; `None` for one that does not exist.
fn position(place: Place) -> Option<usize> {
    if place.verse == 0 || place.verse > place.book.verses(place.chapter) {
        return None;
    }
    let chapter = |book: Book, until: u8| (1..until).map(|c| usize::from(book.verses(c))).sum::<usize>();
    let books: usize = Book::all().take_while(|b| *b < place.book).map(|b| chapter(b, b.chapters() + 1)).sum();
    Some(books + chapter(place.book, place.chapter) + usize::from(place.verse) - 1)
}
