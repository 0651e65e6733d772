//! The public-domain texts in the binary as a provider.

use std::future::ready;

use verses_corpus::{CorpusError, translations};
use verses_protocol::TextSource;

use super::{PassageRequest, TextError, TextFuture, TextProvider};

/// What `verses-corpus` has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Corpus;

impl Corpus {
    fn text(request: &PassageRequest) -> Result<String, TextError> {
        let corpus = verses_corpus::Corpus::load(&request.translation).map_err(|error| refused(&error))?;
        corpus.passage_text(&request.passage).map_err(|error| refused(&error))
    }
}

fn refused(error: &CorpusError) -> TextError {
    match error {
        CorpusError::Damaged { .. } => TextError::Failed(error.to_string()),
        _ => TextError::Unavailable(error.to_string()),
    }
}

impl TextProvider for Corpus {
    fn translations(&self) -> Vec<String> {
        translations().iter().map(|translation| translation.name.to_owned()).collect()
    }

    fn source(&self) -> TextSource {
        TextSource::Corpus
    }

    fn may_store(&self) -> bool {
        true
    }

    fn fetch<'a>(&'a self, passage: &'a PassageRequest) -> TextFuture<'a> {
        Box::pin(ready(Self::text(passage)))
    }
}
