//! The texts this binary carries, as the client's offline source. The server's providers are its own.

use verses_client::OfflineTexts;
use verses_core::{Passage, TextLookup, UnixMillis, Verse};
use verses_corpus::Corpus;

/// KJV and WEB from the binary.
#[derive(Debug, Clone, Copy, Default)]
pub struct CorpusTexts;

impl OfflineTexts for CorpusTexts {
    fn find(&self, translation: &str, passage: &Passage, now: UnixMillis) -> TextLookup {
        let text = match Corpus::load(translation).and_then(|corpus| corpus.passage_text(passage)) {
            Ok(text) => text,
            Err(error) => return TextLookup::Unavailable { message: error.to_string() },
        };
        TextLookup::Found(Verse {
            id: passage.verse_id(translation),
            reference: passage.to_string(),
            osis: passage.osis(),
            text,
            translation: translation.to_owned(),
            // Only the server verifies.
            is_verified: false,
            created_at: now,
            updated_at: now,
        })
    }
}
