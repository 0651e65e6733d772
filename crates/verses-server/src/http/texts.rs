//! `/texts/1`: the public-domain texts, book by book, for devices that keep them. They never change under this path.

use std::io::Write;
use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use verses_core::Book;
use verses_corpus::{Corpus, CorpusError, book_of_number, translations};
use verses_protocol::ErrorCode;

use super::AppState;
use super::problem::Refusal;
use crate::web::{Asset, Coding};

/// Books of a translation.
const BOOKS: u8 = 66;

/// The pieces that somebody has asked for, compressed once, and the list of all.
#[derive(Debug)]
pub(super) struct Pieces {
    /// Translation by translation, book by book.
    books: Vec<OnceLock<Result<Asset, CorpusError>>>,
    index: OnceLock<Result<Asset, CorpusError>>,
}

impl Pieces {
    pub(super) fn new() -> Self {
        let number = translations().len() * usize::from(BOOKS);
        Self { books: std::iter::repeat_with(OnceLock::new).take(number).collect(), index: OnceLock::new() }
    }
}

/// `GET /texts/1/index.json`
pub(super) async fn index<S: Send + Sync + 'static>(
    State(state): State<Arc<AppState<S>>>,
    asked: HeaderMap,
) -> Result<Response, Refusal> {
    made(state, |pieces| Some(pieces.index.get_or_init(list))).await.map(|asset| asset.answer(&asked))
}

/// `GET /texts/1/{translation}/{piece}`
pub(super) async fn piece<S: Send + Sync + 'static>(
    State(state): State<Arc<AppState<S>>>,
    path: Result<Path<(String, String)>, PathRejection>,
    asked: HeaderMap,
) -> Result<Response, Refusal> {
    let found = path.ok().and_then(|Path((translation, piece))| named(&translation, &piece));
    let (translation, number, book) = found.ok_or_else(|| {
        let names: Vec<String> = translations().iter().map(|info| info.name.to_lowercase()).collect();
        let text = format!(
            "there is no such text: translations are {}, books 1.txt to {BOOKS}.txt, as in /texts/1/kjv/43.txt; see \
             /texts/1/index.json",
            names.join(" and ")
        );
        Refusal::new(ErrorCode::NotFound, text)
    })?;
    let asset = made(state, move |pieces| {
        let name = translations().get(translation)?.name;
        let slot = pieces.books.get(translation * usize::from(BOOKS) + usize::from(number) - 1)?;
        Some(slot.get_or_init(|| pack(name, book)))
    });
    asset.await.map(|asset| asset.answer(&asked))
}

/// What a path names: the place of a translation, and a book with its number. Each has one name only.
fn named(translation: &str, piece: &str) -> Option<(usize, u8, Book)> {
    let translation = translations().iter().position(|info| info.name.to_lowercase() == translation)?;
    let digits = piece.strip_suffix(".txt")?;
    let number = digits.parse::<u8>().ok().filter(|number| number.to_string() == digits)?;
    Some((translation, number, book_of_number(number)?))
}

/// Something of the texts. Unpacking and compressing take a while, once: others are answered meanwhile.
async fn made<S: Send + Sync + 'static>(
    state: Arc<AppState<S>>,
    make: impl FnOnce(&Pieces) -> Option<&Result<Asset, CorpusError>> + Send + 'static,
) -> Result<Asset, Refusal> {
    let made = tokio::task::spawn_blocking(move || make(&state.pieces).cloned()).await;
    match made {
        Ok(Some(Ok(asset))) => Ok(asset),
        other => {
            tracing::error!(?other, "a text could not be given");
            Err(Refusal::new(ErrorCode::Internal, "the server made a mistake: try again"))
        }
    }
}

fn pack(translation: &str, book: Book) -> Result<Asset, CorpusError> {
    let text = Corpus::load(translation)?.book_text(book);
    let asset = Asset::lasting("text/plain; charset=utf-8", Bytes::from_static(text.as_bytes()));
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    // Writing into memory does not fail; without this form the text goes out plain.
    match packer.write_all(text.as_bytes()).and_then(|()| packer.finish()) {
        Ok(packed) => Ok(asset.with(Coding::Gzip, packed.into())),
        Err(_) => Ok(asset),
    }
}

fn list() -> Result<Asset, CorpusError> {
    let mut all = Vec::new();
    for info in translations() {
        let corpus = Corpus::load(info.name)?;
        let bytes: Vec<usize> = Book::all().map(|book| corpus.book_text(book).len()).collect();
        all.push(json!({
            "name": info.name, "title": info.title, "licence": info.licence, "books": BOOKS, "bytes": bytes,
        }));
    }
    let list: Value = json!({ "translations": all });
    Ok(Asset::changing("application/json", list.to_string().into()))
}
