//! Verse texts and where they come from: the texts in the binary first, then providers further away. What is done with
//! a text, and what the database keeps of it, is the service's matter.

mod cache;
mod corpus;
mod esv;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use verses_core::Passage;
use verses_protocol::TextSource;

use self::corpus::Corpus;
pub use self::esv::{EsvClient, EsvConfig, EsvConfigError};

/// Verses of the longest passage a text is given for. The longest chapter has 176.
pub const MAX_PASSAGE_VERSES: u32 = 500;

/// A passage in a translation: what a provider is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassageRequest {
    /// The passage.
    pub passage: Passage,
    /// For people, canonical: "John 3:16".
    pub reference: String,
    /// Canonical key: "John.3.16".
    pub osis: String,
    /// "ESV", in capitals.
    pub translation: String,
}

impl PassageRequest {
    /// Asks for a passage in a translation.
    #[must_use]
    pub fn new(passage: Passage, translation: String) -> Self {
        Self { reference: passage.to_string(), osis: passage.osis(), passage, translation }
    }

    /// How much of which book it is; None if it goes from one book into another.
    pub(crate) fn extent(&self) -> Option<Extent> {
        let mut places = self.passage.verses();
        let book = places.next()?.book;
        if places.any(|place| place.book != book) {
            return None;
        }
        let verses_in_book = (1..=book.chapters()).map(|chapter| u32::from(book.verses(chapter))).sum();
        Some(Extent { book: book.osis().to_owned(), verses: self.passage.verse_count(), verses_in_book })
    }
}

/// How much of which book a passage is: publishers bind their permissions to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extent {
    /// OSIS code of the book.
    pub(crate) book: String,
    /// Verses of the passage.
    pub(crate) verses: u32,
    /// Verses of the whole book.
    pub(crate) verses_in_book: u32,
}

/// Why there is no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// The provider answered that it does not have the passage, or may not give it.
    #[error("{0}")]
    Unavailable(String),
    /// The provider did not answer, or not usefully; worth trying again.
    #[error("{0}")]
    Failed(String),
}

/// The future of a provider's answer.
pub type TextFuture<'a> = Pin<Box<dyn Future<Output = Result<String, TextError>> + Send + 'a>>;

/// Somebody who has texts. Its futures end within a limit of time of their own.
pub trait TextProvider: fmt::Debug + Send + Sync {
    /// Translations it has, in capitals.
    fn translations(&self) -> Vec<String>;

    /// What the answers call it.
    fn source(&self) -> TextSource;

    /// Whether its texts may be kept in the database. If not, only the reference is kept, and the text is asked for
    /// again when it is needed.
    fn may_store(&self) -> bool;

    /// The text of a passage.
    fn fetch<'a>(&'a self, passage: &'a PassageRequest) -> TextFuture<'a>;
}

/// A text with its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundText {
    /// The words.
    pub text: String,
    /// Who had it.
    pub source: TextSource,
    /// Whether it may be kept in the database.
    pub may_store: bool,
}

/// All providers of a server, in the order they are asked.
#[derive(Debug, Clone)]
pub struct Texts {
    providers: Vec<Arc<dyn TextProvider>>,
}

impl Texts {
    /// Only the texts in the binary.
    #[must_use]
    pub fn corpus() -> Self {
        Self { providers: vec![Arc::new(Corpus)] }
    }

    /// Nothing at all; users supply their texts.
    #[must_use]
    pub fn none() -> Self {
        Self { providers: Vec::new() }
    }

    /// Adds a provider, asked after those before it.
    #[must_use]
    pub fn with(mut self, provider: Arc<dyn TextProvider>) -> Self {
        self.providers.push(provider);
        self
    }

    /// Translations somebody has, in the order of the providers.
    #[must_use]
    pub fn translations(&self) -> Vec<String> {
        let mut all = Vec::new();
        for translation in self.providers.iter().flat_map(|provider| provider.translations()) {
            if !all.contains(&translation) {
                all.push(translation);
            }
        }
        all
    }

    /// Whether somebody has the translation.
    #[must_use]
    pub fn serves(&self, translation: &str) -> bool {
        self.provider(translation).is_some()
    }

    /// The provider of a translation.
    #[must_use]
    pub fn provider(&self, translation: &str) -> Option<&dyn TextProvider> {
        let of = |provider: &&Arc<dyn TextProvider>| provider.translations().iter().any(|name| name == translation);
        self.providers.iter().find(of).map(AsRef::as_ref)
    }

    /// Asks the provider of the passage's translation.
    ///
    /// # Errors
    /// [`TextError::Unavailable`] when nobody has the translation or the passage, saying what there is;
    /// [`TextError::Failed`] when the provider did not answer.
    pub async fn fetch(&self, passage: &PassageRequest) -> Result<FoundText, TextError> {
        let verses = passage.passage.verse_count();
        if verses > MAX_PASSAGE_VERSES {
            let reference = &passage.reference;
            return Err(TextError::Unavailable(format!(
                "{reference} has {verses} verses and a text is given for at most {MAX_PASSAGE_VERSES} at once: split it"
            )));
        }
        let Some(provider) = self.provider(&passage.translation) else {
            return Err(TextError::Unavailable(self.no_translation(&passage.translation)));
        };
        let text = provider.fetch(passage).await?;
        Ok(FoundText { text, source: provider.source(), may_store: provider.may_store() })
    }

    /// What to tell a user who wants a translation nobody has.
    #[must_use]
    pub fn no_translation(&self, translation: &str) -> String {
        let shown: String = translation.chars().take(20).collect();
        match self.translations().as_slice() {
            [] => format!("no text of {shown} is available here: supply the text yourself"),
            known => {
                format!("no text of {shown} is available here: use {}, or supply the text yourself", known.join(" or "))
            }
        }
    }
}
