//! Data out and in: everything on this device about the present owner as one JSON text, and passages from such a text.

use verses_client::{CardWithVerse, Platform, Transport};
use verses_core::{CardEvent, PRIVATE_TRANSLATION, Phase, Profile, parse_passage};
use verses_json::{json_read, json_write};
use verses_store::{LocalStore, QueuedOperation};

use crate::adding::{Added, WantedVerse};
use crate::app::App;
use crate::wire::EngineError;

/// What an export calls itself.
const FORMAT: &str = "verses-export";
/// Version of its shape.
const VERSION: u32 = 1;

#[derive(Debug)]
struct Export {
    format: &'static str,
    version: u32,
    exported_at: i64,
    profile: Profile,
    passages: Vec<ExportedPassage>,
    /// What waits to be sent, and what failed.
    queue: Vec<QueuedOperation>,
}

json_write! { Export {
    format: "format",
    version: "version",
    exported_at: "exportedAt",
    profile: "profile",
    passages: "passages",
    queue: "queue",
} }

#[derive(Debug)]
struct ExportedPassage {
    reference: String,
    translation: String,
    text: String,
    verified: bool,
    phase: Phase,
    archived: bool,
    events: Vec<CardEvent>,
}

json_write! { ExportedPassage {
    reference: "reference",
    translation: "translation",
    text: "text",
    verified: "verified",
    phase: "phase",
    archived: "archived",
    events: "events",
} }

/// What is taken of an export.
#[derive(Debug)]
struct Import {
    format: String,
    version: u32,
    passages: Vec<ImportedPassage>,
}

json_read! { Import { format: "format", version: "version", passages: "passages" } }

#[derive(Debug)]
struct ImportedPassage {
    reference: String,
    translation: String,
    text: String,
    /// Whether the words are those of the server's source.
    verified: bool,
    phase: Phase,
    archived: bool,
}

json_read! { ImportedPassage {
    reference: "reference",
    translation: "translation",
    text: "text" or(String::new()),
    verified: "verified" or(true),
    phase: "phase",
    archived: "archived" or(false),
} }

/// Arguments of `importData`.
#[derive(Debug)]
pub(crate) struct Given {
    data: String,
}

json_read! { Given { data: "data" } }

/// What an import did.
#[derive(Debug, Default)]
pub(crate) struct Imported {
    added: usize,
    duplicates: usize,
    /// Cards whose phase was set to the one in the file.
    phases: usize,
    failed: Vec<Added>,
}

json_write! { Imported { added: "added", duplicates: "duplicates", phases: "phases", failed: "failed" } }

impl<S: LocalStore, T: Transport, P: Platform> App<S, T, P> {
    pub(crate) async fn export_data(&self) -> Result<String, EngineError> {
        let service = self.service();
        let owner = service.owner().await?;
        let cards = service.library().await?;
        let ids: Vec<_> = cards.iter().map(|entry| entry.card.verse_id).collect();
        let mut events = service.store().events_of(&owner, &ids).await?;
        events.sort_by_key(|stored| stored.event.verse_id);
        let passages = cards.into_iter().map(|CardWithVerse { card, verse }| {
            let from = events.partition_point(|stored| stored.event.verse_id < card.verse_id);
            let own = events[from..].iter().take_while(|stored| stored.event.verse_id == card.verse_id);
            let (reference, translation, text, verified) =
                verse.map_or_else(Default::default, |it| (it.reference, it.translation, it.text, it.is_verified));
            let (phase, archived) = (card.current_phase, card.archived);
            let events = own.map(|stored| stored.event.clone()).collect();
            ExportedPassage { reference, translation, text, verified, phase, archived, events }
        });
        let export = Export {
            format: FORMAT,
            version: VERSION,
            exported_at: service.platform().now_ms(),
            profile: service.profile().await?,
            passages: passages.collect(),
            queue: service.store().queue_of(&owner, false, u32::MAX).await?,
        };
        Ok(verses_json::to_text(&export))
    }

    /// Adds the passages of an export and sets their phases. The history of reviews stays with the account it was made in:
    /// reviews of another day cannot be made again.
    pub(crate) async fn import_data(&self, given: Given) -> Result<Imported, EngineError> {
        let import: Import = verses_json::read(given.data.trim_start_matches('\u{feff}').as_bytes())
            .map_err(|e| EngineError::new("not_an_export", format!("This is no file that Verses has saved ({e}).")))?;
        if import.format != FORMAT || import.version > VERSION {
            let message = "This file was saved by a newer version, or is none of Verses. Update the app and try again.";
            return Err(EngineError::new("not_an_export", message));
        }
        let mut wanted = Vec::with_capacity(import.passages.len());
        for passage in &import.passages {
            let is_private = passage.translation == PRIVATE_TRANSLATION;
            wanted.push(WantedVerse {
                reference: passage.reference.clone(),
                translation: (!is_private).then(|| passage.translation.clone()),
                text: (is_private || self.are_own_words(passage).await).then(|| passage.text.clone()),
            });
        }
        let results = self.add_all(wanted).await?;
        let mut imported = Imported::default();
        for (passage, mut result) in import.passages.iter().zip(results) {
            match result.outcome {
                "added" => imported.added += 1,
                "duplicate" => imported.duplicates += 1,
                _ => {}
            }
            match self.bring_to_phase(passage, &result).await {
                Ok(is_set) => imported.phases += usize::from(is_set),
                // The rest of the file is taken in all the same; reading it again goes on with what is missing.
                Err(error) => result.fail(error),
            }
            if result.outcome == "failed" {
                imported.failed.push(result);
            }
        }
        Ok(imported)
    }

    /// Words that no source has are the user's, also under a reference that is known.
    async fn are_own_words(&self, passage: &ImportedPassage) -> bool {
        if passage.verified || passage.text.is_empty() {
            return false;
        }
        let Ok(place) = parse_passage(&passage.reference) else { return true };
        self.fetch_books(&passage.translation, &[&place]).await;
        self.texts.words(&passage.translation, &place).is_none_or(|words| words != passage.text)
    }

    /// Sets the phase of a card that has just been added, or has not been reviewed since; and archives it if it was new. Gives
    /// whether the phase was set.
    async fn bring_to_phase(&self, passage: &ImportedPassage, result: &Added) -> Result<bool, EngineError> {
        let Some(card) = &result.card else { return Ok(false) };
        let service = self.service();
        let is_untouched = card.last_reviewed_at.is_none() && !card.archived;
        let sets_phase = is_untouched && card.phase != passage.phase;
        if sets_phase {
            service.set_phase(card.verse_id, passage.phase).await?;
        }
        if passage.archived && result.outcome == "added" {
            service.archive(card.verse_id, true).await?;
        }
        Ok(sets_phase)
    }
}
