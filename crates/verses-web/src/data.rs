//! Data out and in: everything on this device about the present owner as one JSON text, and passages from such a text.

use verses_client::{CardWithVerse, Platform, Transport};
use verses_core::{CardEvent, PRIVATE_TRANSLATION, Phase, Profile};
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
    phase: Phase,
    archived: bool,
    events: Vec<CardEvent>,
}

json_write! { ExportedPassage {
    reference: "reference",
    translation: "translation",
    text: "text",
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
    phase: Phase,
    archived: bool,
}

json_read! { ImportedPassage {
    reference: "reference",
    translation: "translation",
    text: "text" or(String::new()),
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
            let (reference, translation, text) =
                verse.map_or_else(Default::default, |verse| (verse.reference, verse.translation, verse.text));
            let events = own.map(|stored| stored.event.clone()).collect();
            ExportedPassage { reference, translation, text, phase: card.current_phase, archived: card.archived, events }
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
        let wanted = |passage: &ImportedPassage| {
            let own = passage.translation == PRIVATE_TRANSLATION;
            WantedVerse {
                reference: passage.reference.clone(),
                translation: (!own).then(|| passage.translation.clone()),
                text: own.then(|| passage.text.clone()),
            }
        };
        let results = self.add_all(import.passages.iter().map(wanted).collect()).await?;
        let mut imported = Imported::default();
        for (passage, result) in import.passages.iter().zip(results) {
            match (result.outcome, result.verse_id()) {
                ("added", Some(id)) => {
                    imported.added += 1;
                    if passage.phase != Phase::Daily {
                        self.service().set_phase(id, passage.phase).await?;
                        imported.phases += 1;
                    }
                    if passage.archived {
                        self.service().archive(id, true).await?;
                    }
                }
                ("duplicate", _) => imported.duplicates += 1,
                _ => imported.failed.push(result),
            }
        }
        Ok(imported)
    }
}
