//! Columns that every SQL backend writes alike: names of phases and kinds, values kept as JSON. Statements are theirs.

use serde::Serialize;
use serde::de::DeserializeOwned;
use verses_core::{CardEventKind, OperationId, Phase, Slot};

use super::StorageError;

/// What a card event is, column by column.
#[derive(Debug, Default)]
pub(super) struct EventColumns {
    pub(super) name: &'static str,
    pub(super) was_successful: Option<bool>,
    pub(super) review_time_seconds: Option<u32>,
    pub(super) phase: Option<&'static str>,
    /// JSON.
    pub(super) slot: Option<String>,
}

pub(super) fn event_columns(kind: &CardEventKind) -> Result<EventColumns, StorageError> {
    let slot = |slot: &Option<Slot>| slot.as_ref().map(to_json).transpose();
    Ok(match kind {
        CardEventKind::Created => EventColumns { name: "created", ..EventColumns::default() },
        CardEventKind::Archived => EventColumns { name: "archived", ..EventColumns::default() },
        CardEventKind::Restored => EventColumns { name: "restored", ..EventColumns::default() },
        CardEventKind::Reviewed { was_successful, review_time_seconds, slot: at } => EventColumns {
            name: "reviewed",
            was_successful: Some(*was_successful),
            review_time_seconds: *review_time_seconds,
            slot: slot(at)?,
            ..EventColumns::default()
        },
        CardEventKind::PhaseSet { phase, slot: at } => EventColumns {
            name: "phase_set",
            phase: Some(phase_name(*phase)),
            slot: slot(at)?,
            ..EventColumns::default()
        },
    })
}

/// The event again, from what its columns hold.
pub(super) fn event_kind(
    name: &str,
    was_successful: Option<bool>,
    review_time_seconds: Option<u32>,
    phase: Option<&str>,
    slot: Option<&str>,
) -> Result<CardEventKind, StorageError> {
    let slot = slot.map(|text| from_json(text, "slot")).transpose()?;
    Ok(match name {
        "created" => CardEventKind::Created,
        "archived" => CardEventKind::Archived,
        "restored" => CardEventKind::Restored,
        "reviewed" => {
            let was_successful = was_successful.ok_or_else(|| damaged("a review without its result"))?;
            CardEventKind::Reviewed { was_successful, review_time_seconds, slot }
        }
        "phase_set" => {
            let phase = phase.ok_or_else(|| damaged("a change of phase without a phase"))?;
            CardEventKind::PhaseSet { phase: named(phase, phase_of)?, slot }
        }
        other => return Err(damaged(&format!("event {other:?}"))),
    })
}

pub(super) fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Daily => "daily",
        Phase::Weekly => "weekly",
        Phase::Biweekly => "biweekly",
        Phase::Monthly => "monthly",
    }
}

pub(super) fn phase_of(name: &str) -> Option<Phase> {
    match name {
        "daily" => Some(Phase::Daily),
        "weekly" => Some(Phase::Weekly),
        "biweekly" => Some(Phase::Biweekly),
        "monthly" => Some(Phase::Monthly),
        _ => None,
    }
}

/// The value of a name in a column.
pub(super) fn named<T>(text: &str, of: fn(&str) -> Option<T>) -> Result<T, StorageError> {
    of(text).ok_or_else(|| damaged(&format!("name {text:?}")))
}

pub(super) fn operation_id(text: String) -> Result<OperationId, StorageError> {
    OperationId::new(text).map_err(|error| damaged(&error.to_string()))
}

pub(super) fn from_json<T: DeserializeOwned>(text: &str, what: &str) -> Result<T, StorageError> {
    serde_json::from_str(text).map_err(|error| damaged(&format!("{what}: {error}")))
}

pub(super) fn to_json<T: Serialize>(value: &T) -> Result<String, StorageError> {
    serde_json::to_string(value).map_err(|error| StorageError::Failed(error.to_string()))
}

/// The sequence numbers of the ledger must go on where the history ends.
pub(super) fn check_sequence(last_seq: u64, writes: &super::Writes) -> Result<(), StorageError> {
    for (entry, expected) in writes.ledger.iter().zip(last_seq + 1..) {
        if entry.seq != expected {
            let text = format!("sequence number {} written where {expected} is next", entry.seq);
            return Err(StorageError::Failed(text));
        }
    }
    Ok(())
}

pub(super) fn damaged(what: &str) -> StorageError {
    StorageError::Failed(format!("a stored row cannot be read ({what}): it is damaged or of a newer version"))
}
