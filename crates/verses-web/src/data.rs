//! Data out and in: everything on this device about the present owner as one JSON text, and passages from such a text.

use serde::{Deserialize, Serialize};
use verses_client::{CardWithVerse, Platform, Transport};
use verses_core::{CardEvent, PRIVATE_TRANSLATION, Phase, Profile};
use verses_store::{LocalStore, QueuedOperation};

use crate::adding::{Added, WantedVerse};
use crate::app::App;
use crate::wire::EngineError;

/// What an export calls itself.
const FORMAT: &str = "verses-export";
/// Version of its shape.
const VERSION: u32 = 1;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Export {
    format: &'static str,
    version: u32,
    exported_at: i64,
    profile: Profile,
    passages: Vec<ExportedPassage>,
    /// What waits to be sent, and what failed.
    queue: Vec<QueuedOperation>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ExportedPassage {
    reference: String,
    translation: String,
    text: String,
    phase: Phase,
    archived: bool,
    events: Vec<CardEvent>,
}

/// What is taken of an export.
#[derive(Debug, Deserialize)]
struct Import {
    format: String,
    version: u32,
    passages: Vec<ImportedPassage>,
}

#[derive(Debug, Deserialize)]
struct ImportedPassage {
    reference: String,
    translation: String,
    #[serde(default)]
    text: String,
    phase: Phase,
    #[serde(default)]
    archived: bool,
}

/// Arguments of `importData`.
#[derive(Debug, Deserialize)]
pub(crate) struct Given {
    data: String,
}

/// What an import did.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Imported {
    added: usize,
    duplicates: usize,
    /// Cards whose phase was set to the one in the file.
    phases: usize,
    failed: Vec<Added>,
}

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
        serde_json::to_string(&export).map_err(|e| EngineError::new("unreadable", e.to_string()))
    }

    /// Adds the passages of an export and sets their phases. The history of reviews stays with the account it was made in:
    /// reviews of another day cannot be made again.
    pub(crate) async fn import_data(&self, given: Given) -> Result<Imported, EngineError> {
        let import: Import = serde_json::from_slice(given.data.trim_start_matches('\u{feff}').as_bytes())
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
