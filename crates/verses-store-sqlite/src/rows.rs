//! Between rows and the domain's types: codes of enumerations, and which column holds what. The statements are in `read` and `write`.

use batchsync::{JournalEntry, JournalOutcome, OperationStatus, QueuedMeta};
use jiff::civil::Date;
use rusqlite::Row;
use rusqlite::types::ValueRef;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;
use verses_core::{Card, CardEvent, CardEventKind, OperationId, Phase, Slot, UnixMillis, Verse, VerseId};
use verses_store::{PAYLOAD_VERSION, QueuedOperation, StoreError, StoredEvent};

use crate::fault::Fault;

pub(crate) const VERSE_COLUMNS: &str =
    "verse_id, reference, osis, text, translation, is_verified, created_at, updated_at";
pub(crate) const CARD_COLUMNS: &str = "verse_id, current_phase, phase_progress_count, current_streak, best_streak, \
    last_reviewed_at, next_due_date, assigned_day_of_week, assigned_week_parity, assigned_day_of_month, archived, \
    created_at, updated_at, fold";
pub(crate) const EVENT_COLUMNS: &str = "operation_id, verse_id, occurred_at, local_date, kind, was_successful, \
    review_time_seconds, phase, slot, seq";
pub(crate) const META_COLUMNS: &str = "position, id, kind, user_id, entity, depends_on, payload_bytes, queued_at, \
    retry_count, ever_sent, status, status_detail";
/// Follow [`META_COLUMNS`].
pub(crate) const REST_COLUMNS: &str = "local_ref, payload_version, data, checksum";
pub(crate) const JOURNAL_COLUMNS: &str = "operation_id, user_id, kind, batch_id, outcome, payload_bytes, at";

/// Waiting rows have one of the first two.
pub(crate) const PENDING: i64 = 0;
pub(crate) const PROCESSING: i64 = 1;
pub(crate) const FAILED: i64 = 2;

pub(crate) const CREATED: i64 = 0;
pub(crate) const REVIEWED: i64 = 1;
pub(crate) const ARCHIVED: i64 = 2;
pub(crate) const RESTORED: i64 = 3;
pub(crate) const PHASE_SET: i64 = 4;

pub(crate) fn phase_code(phase: Phase) -> i64 {
    match phase {
        Phase::Daily => 0,
        Phase::Weekly => 1,
        Phase::Biweekly => 2,
        Phase::Monthly => 3,
    }
}

fn phase(code: i64) -> Option<Phase> {
    [Phase::Daily, Phase::Weekly, Phase::Biweekly, Phase::Monthly].into_iter().find(|phase| phase_code(*phase) == code)
}

pub(crate) fn status_code(status: &OperationStatus) -> i64 {
    match status {
        OperationStatus::Pending => PENDING,
        OperationStatus::Processing { .. } => PROCESSING,
        OperationStatus::Failed(_) => FAILED,
    }
}

/// The column `status_detail`: nothing for the pending, who are the many.
pub(crate) fn status_detail(status: &OperationStatus) -> Result<Option<String>, Fault> {
    match status {
        OperationStatus::Pending => Ok(None),
        _ => json(status).map(Some),
    }
}

pub(crate) fn outcome_code(outcome: &JournalOutcome) -> i64 {
    match outcome {
        JournalOutcome::Applied => 0,
        JournalOutcome::Duplicate => 1,
        JournalOutcome::Discarded => 2,
    }
}

/// Tells a row of the queue from what a failing disk made of it: covers all that is sent, and all that decides when. The
/// owner, the status and the count of attempts change without the rest, and are not in it.
pub(crate) struct Checked<'r> {
    pub(crate) id: &'r str,
    pub(crate) kind: &'r str,
    pub(crate) entity: &'r str,
    pub(crate) depends_on: Option<&'r str>,
    pub(crate) local_ref: &'r str,
    pub(crate) data: &'r str,
}

impl Checked<'_> {
    pub(crate) fn sum(&self) -> i64 {
        let Self { id, kind, entity, depends_on, local_ref, data } = self;
        let mut hasher = crc32fast::Hasher::new();
        for part in [id, kind, entity, depends_on.as_ref().unwrap_or(&""), local_ref, data] {
            hasher.update(part.as_bytes());
            hasher.update(&[0]);
        }
        hasher.finalize().into()
    }
}

/// Writing JSON of our own types fails for none of their values; if it ever did, the commit fails and nothing is written.
pub(crate) fn json(value: &impl Serialize) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|error| Fault::Store(StoreError::Backend(format!("no JSON: {error}"))))
}

pub(crate) fn from_json<T: DeserializeOwned>(text: &str, row: impl Fn() -> String) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|error| Fault::row(row(), error))
}

fn text(row: &Row<'_>, column: usize) -> Result<String, Fault> {
    Ok(row.get(column)?)
}

fn optional_text(row: &Row<'_>, column: usize) -> Result<Option<String>, Fault> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        _ => text(row, column).map(Some),
    }
}

fn millis(row: &Row<'_>, column: usize) -> Result<UnixMillis, Fault> {
    Ok(UnixMillis(row.get(column)?))
}

fn verse_id(row: &Row<'_>, column: usize) -> Result<VerseId, Fault> {
    let text = row.get_ref(column)?.as_str().map_err(|error| Fault::row("a verse id", error))?;
    Uuid::parse_str(text).map(VerseId).map_err(|error| Fault::row(format!("verse id \"{text}\""), error))
}

fn date(row: &Row<'_>, column: usize) -> Result<Date, Fault> {
    let text = row.get_ref(column)?.as_str().map_err(|error| Fault::row("a date", error))?;
    text.parse().map_err(|error| Fault::row(format!("date \"{text}\""), error))
}

/// [`VERSE_COLUMNS`].
pub(crate) fn verse(row: &Row<'_>) -> Result<Verse, Fault> {
    Ok(Verse {
        id: verse_id(row, 0)?,
        reference: text(row, 1)?,
        osis: text(row, 2)?,
        text: text(row, 3)?,
        translation: text(row, 4)?,
        is_verified: row.get(5)?,
        created_at: millis(row, 6)?,
        updated_at: millis(row, 7)?,
    })
}

/// [`CARD_COLUMNS`].
pub(crate) fn card(row: &Row<'_>) -> Result<Card, Fault> {
    let verse_id = verse_id(row, 0)?;
    let name = || format!("card {verse_id}");
    let code = row.get(1)?;
    let current_phase = phase(code).ok_or_else(|| Fault::row(name(), format!("no phase has the code {code}")))?;
    Ok(Card {
        verse_id,
        current_phase,
        phase_progress_count: row.get(2)?,
        current_streak: row.get(3)?,
        best_streak: row.get(4)?,
        last_reviewed_at: row.get::<_, Option<i64>>(5)?.map(UnixMillis),
        next_due_date: date(row, 6)?,
        assigned_day_of_week: row.get(7)?,
        assigned_week_parity: row.get(8)?,
        assigned_day_of_month: row.get(9)?,
        archived: row.get(10)?,
        created_at: millis(row, 11)?,
        updated_at: millis(row, 12)?,
        fold: from_json(&text(row, 13)?, name)?,
    })
}

/// [`EVENT_COLUMNS`].
pub(crate) fn event(row: &Row<'_>) -> Result<StoredEvent, Fault> {
    let id = text(row, 0)?;
    let kind = event_kind(row, &id)?;
    let operation_id = OperationId::new(id).map_err(|error| Fault::row("an event", error))?;
    let event = CardEvent {
        operation_id,
        verse_id: verse_id(row, 1)?,
        occurred_at: millis(row, 2)?,
        local_date: date(row, 3)?,
        kind,
    };
    Ok(StoredEvent { event, seq: row.get::<_, Option<i64>>(9)?.map(i64::cast_unsigned) })
}

fn event_kind(row: &Row<'_>, id: &str) -> Result<CardEventKind, Fault> {
    let wrong = |reason: String| Fault::row(format!("event {id}"), reason);
    let slot = match row.get::<_, Option<String>>(8)? {
        Some(text) => Some(from_json::<Slot>(&text, || format!("slot of event {id}"))?),
        None => None,
    };
    match row.get(4)? {
        CREATED => Ok(CardEventKind::Created),
        REVIEWED => Ok(CardEventKind::Reviewed { was_successful: row.get(5)?, review_time_seconds: row.get(6)?, slot }),
        ARCHIVED => Ok(CardEventKind::Archived),
        RESTORED => Ok(CardEventKind::Restored),
        PHASE_SET => {
            let code: i64 = row.get(7)?;
            let phase = phase(code).ok_or_else(|| wrong(format!("no phase has the code {code}")))?;
            Ok(CardEventKind::PhaseSet { phase, slot })
        }
        code => Err(wrong(format!("no kind of event has the code {code}"))),
    }
}

/// [`META_COLUMNS`].
pub(crate) fn queued_meta(row: &Row<'_>) -> Result<QueuedMeta, Fault> {
    let id = text(row, 1)?;
    let status = match (row.get(10)?, optional_text(row, 11)?) {
        (PENDING, _) => OperationStatus::Pending,
        (PROCESSING | FAILED, Some(detail)) => from_json(&detail, || format!("status of operation {id}"))?,
        (code, _) => return Err(Fault::row(format!("operation {id}"), format!("no status has the code {code}"))),
    };
    Ok(QueuedMeta {
        position: row.get(0)?,
        id,
        kind: text(row, 2)?,
        user_id: text(row, 3)?,
        entity: text(row, 4)?,
        depends_on: optional_text(row, 5)?,
        payload_bytes: row.get(6)?,
        queued_at: row.get(7)?,
        retry_count: row.get(8)?,
        ever_sent: row.get(9)?,
        status,
    })
}

/// [`META_COLUMNS`] and [`REST_COLUMNS`].
pub(crate) fn queued(row: &Row<'_>) -> Result<QueuedOperation, Fault> {
    let meta = queued_meta(row)?;
    let payload_version: u32 = row.get(13)?;
    let data = text(row, 14)?;
    let local_ref = text(row, 12)?;
    // A letter or a digit that a disk changed makes another operation, and nobody else would notice.
    let saved: Option<i64> = row.get(15)?;
    let QueuedMeta { id, kind, entity, depends_on, .. } = &meta;
    let found = Checked { id, kind, entity, depends_on: depends_on.as_deref(), local_ref: &local_ref, data: &data };
    if saved.is_some_and(|saved| saved != found.sum()) {
        return Err(Fault::row(format!("operation {id}"), "this is not what was saved"));
    }
    // Version 1 is the only one so far; an older one would be turned into the present shape here.
    let data = match serde_json::from_str(&data) {
        Ok(data) => data,
        Err(_) if payload_version > PAYLOAD_VERSION => {
            let newer = StoreError::NewerPayload { id: meta.id, found: payload_version, known: PAYLOAD_VERSION };
            return Err(newer.into());
        }
        Err(error) => return Err(Fault::row(format!("payload of operation {}", meta.id), error)),
    };
    Ok(QueuedOperation { meta, local_ref, payload_version, data })
}

/// [`JOURNAL_COLUMNS`].
pub(crate) fn journal_entry(row: &Row<'_>) -> Result<JournalEntry, Fault> {
    let operation_id = text(row, 0)?;
    let outcome = match row.get(4)? {
        0 => JournalOutcome::Applied,
        1 => JournalOutcome::Duplicate,
        2 => JournalOutcome::Discarded,
        code => {
            let reason = format!("no outcome has the code {code}");
            return Err(Fault::row(format!("journal of operation {operation_id}"), reason));
        }
    };
    Ok(JournalEntry {
        operation_id,
        user_id: text(row, 1)?,
        kind: text(row, 2)?,
        batch_id: text(row, 3)?,
        outcome,
        payload_bytes: row.get(5)?,
        at: row.get(6)?,
    })
}
