//! Texts for lookups on the device: translations in pieces, a book each, fetched and kept by the browser, taken into memory
//! when a passage needs them.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use verses_client::{OfflineTexts, Platform, Transport};
use verses_core::{Book, Passage, TextLookup, UnixMillis, Verse, quoted, sorted};
use verses_corpus::{Pieces, TranslationInfo, number_of_book, translations};
use verses_json::{json_read, json_write};
use verses_store::LocalStore;

use crate::app::App;
use crate::wire::{EngineError, Event};

/// Something on its way.
pub type Coming<A> = Pin<Box<dyn Future<Output = A>>>;

/// Where pieces come from: what the browser keeps, else the server. Books are named by their numbers, from 1.
pub trait PieceSource {
    /// The piece of a translation for a book; `None` where it is neither kept nor to be had now.
    fn piece(&self, translation: &str, book: u8) -> Coming<Option<String>>;
    /// Has the piece kept; whether it is.
    fn keep(&self, translation: &str, book: u8) -> Coming<bool>;
    /// How many pieces are kept, and how many bytes the whole translation has, 0 if that is not known.
    fn kept(&self, translation: &str) -> Coming<(u8, u64)>;
}

/// Number of pieces of a translation: the books.
const PIECES: u8 = 66;

/// The pieces in memory.
#[derive(Debug, Default)]
pub struct PieceTexts(Mutex<Pieces>);

impl PieceTexts {
    fn with<A>(&self, look: impl FnOnce(&mut Pieces) -> A) -> A {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The words of a passage, if they are in memory.
    pub(crate) fn words(&self, translation: &str, passage: &Passage) -> Option<String> {
        self.with(|pieces| pieces.passage_text(translation, passage).ok())
    }
}

impl OfflineTexts for PieceTexts {
    fn find(&self, translation: &str, passage: &Passage, now: UnixMillis) -> TextLookup {
        match self.with(|pieces| pieces.passage_text(translation, passage)) {
            Ok(text) => TextLookup::Found(Verse {
                id: passage.verse_id(translation),
                reference: passage.to_string(),
                osis: passage.osis(),
                text,
                translation: translation.to_owned(),
                // Only the server verifies.
                is_verified: false,
                created_at: now,
                updated_at: now,
            }),
            Err(error) => TextLookup::Unavailable { message: error.to_string() },
        }
    }
}

/// How much of a translation is on this device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextState {
    translation: String,
    title: String,
    licence: String,
    pieces: u8,
    have: u8,
    bytes: u64,
    loading: bool,
}

json_write! { TextState {
    translation: "translation",
    title: "title",
    licence: "licence",
    pieces: "pieces",
    have: "have",
    bytes: "bytes",
    loading: "loading",
} }

/// Arguments of `loadTexts`.
#[derive(Debug)]
pub(crate) struct Wanted {
    translation: String,
}

json_read! { Wanted { translation: "translation" } }

fn is_known(translation: &str) -> bool {
    translations().iter().any(|info| info.name == translation)
}

impl<S: LocalStore, T: Transport, P: Platform> App<S, T, P> {
    /// Takes into memory what these passages need, as far as it is to be had.
    pub(crate) async fn fetch_books(&self, translation: &str, passages: &[&Passage]) {
        if !is_known(translation) {
            return;
        }
        let books = sorted(passages.iter().flat_map(|passage| passage.verses()).map(|place| place.book));
        for book in books {
            if !self.fetch_book(translation, book).await {
                // Without a network each further one would only take its time.
                return;
            }
        }
    }

    async fn fetch_book(&self, translation: &str, book: Book) -> bool {
        if self.texts.with(|pieces| pieces.has(translation, book)) {
            return true;
        }
        let Some(text) = self.pieces.piece(translation, number_of_book(book)).await else { return false };
        self.texts.with(|pieces| pieces.insert(translation, book, text)).is_ok()
    }

    pub(crate) async fn text_states(&self) -> Vec<TextState> {
        let mut states = Vec::new();
        for info in translations() {
            let (have, bytes) = self.pieces.kept(info.name).await;
            states.push(TextState::new(info, have, bytes));
        }
        states
    }

    /// Has all of a translation kept, telling how far it is. It goes on where it ended the last time.
    pub(crate) async fn load_texts(&self, wanted: Wanted) -> Result<TextState, EngineError> {
        let info = translations().iter().find(|info| info.name == wanted.translation);
        let unknown =
            || EngineError::new("unknown_translation", format!("there is no text {}", quoted(&wanted.translation)));
        let info = info.ok_or_else(unknown)?;
        let (_, bytes) = self.pieces.kept(info.name).await;
        for have in 1..=PIECES {
            let kept = self.pieces.keep(info.name, have).await;
            let so_far = if kept { have } else { have - 1 };
            let state = TextState { loading: kept && have < PIECES, ..TextState::new(info, so_far, bytes) };
            (self.tell)(&Event::Texts { state });
            if !kept {
                let message = "Not all of the text could be fetched. It goes on from here next time.";
                return Err(EngineError { retryable: true, ..EngineError::new("network", message) });
            }
        }
        Ok(TextState::new(info, PIECES, bytes))
    }
}

impl TextState {
    fn new(info: &TranslationInfo, have: u8, bytes: u64) -> Self {
        Self {
            translation: info.name.to_owned(),
            title: info.title.to_owned(),
            licence: info.licence.to_owned(),
            pieces: PIECES,
            have,
            bytes,
            loading: false,
        }
    }
}
