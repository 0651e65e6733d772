//! Between rows and the domain's types. A row is the properties that keys are made of, and JSON of the rest in `body`.

use batchsync::{JournalEntry, OperationStatus, QueuePosition, QueuedMeta};
use jiff::civil::Date;
use verses_core::{Card, CardEvent, CardEventKind, Phase, Verse};
use verses_json::{FromJson, ToJson, json_object, json_read, json_write};
use verses_store::{PAYLOAD_VERSION, QueuedOperation, StoreError, StoredEvent};
use wasm_bindgen::{JsCast, JsValue};

use crate::fault::{self, corrupt};
use crate::js::Row;

/// Waiting rows have one of the first two.
pub(crate) const PENDING: u32 = 0;
pub(crate) const PROCESSING: u32 = 1;
pub(crate) const FAILED: u32 = 2;

/// The largest number up to which JavaScript counts without gaps.
const MAX_EXACT: u64 = (1 << 53) - 1;

/// The counters of the store.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub(crate) revision: u64,
    /// The last position given out in the queue.
    pub(crate) last_position: QueuePosition,
    /// The last number given out in the journal.
    pub(crate) last_entry: u32,
}

json_object! { State { revision: "revision", last_position: "last_position", last_entry: "last_entry" } }

/// Counts of one owner's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) waiting: u64,
    pub(crate) failed: u64,
    pub(crate) bytes: u64,
}

json_object! { Counts { waiting: "waiting", failed: "failed", bytes: "bytes" } }

impl Counts {
    pub(crate) fn add(&mut self, meta: &QueuedMeta) {
        *self.of_status(&meta.status) += 1;
        self.bytes += u64::from(meta.payload_bytes);
    }

    /// Damaged counts stop at nothing; they never make a commit fail.
    pub(crate) fn take(&mut self, meta: &QueuedMeta) {
        let count = self.of_status(&meta.status);
        *count = count.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(u64::from(meta.payload_bytes));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting + self.failed == 0
    }

    fn of_status(&mut self, status: &OperationStatus) -> &mut u64 {
        if matches!(status, OperationStatus::Failed(_)) { &mut self.failed } else { &mut self.waiting }
    }
}

/// What the queue's `body` holds. The owner is in the row's own property: it can change without the rest.
struct QueueBody {
    meta: QueuedMeta,
    local_ref: String,
}

json_read! { QueueBody { meta: "meta", local_ref: "local_ref" } }

/// The same, to be written.
struct NewQueueBody<'a> {
    meta: &'a QueuedMeta,
    local_ref: &'a str,
}

json_write! { NewQueueBody<'_> { meta: "meta", local_ref: "local_ref" } }

/// Writing JSON of our own types fails for none of their values.
pub(crate) fn json(value: &dyn ToJson) -> Result<String, StoreError> {
    Ok(verses_json::to_text(value))
}

/// Reads JSON that was kept without a row around it.
pub(crate) fn from_text<T: FromJson>(value: &JsValue, what: &str) -> Result<T, StoreError> {
    let text = value.as_string().ok_or_else(|| corrupt(what, "it is no text"))?;
    verses_json::read(text.as_bytes()).map_err(|error| corrupt(what, error))
}

fn body<T: FromJson>(row: &Row, what: &str) -> Result<T, StoreError> {
    let text = row.body().ok_or_else(|| corrupt(what, "it has no body"))?;
    verses_json::read(text.as_bytes())
        .map_err(|error| corrupt(format!("{what} {}", row.id().unwrap_or_default()), error))
}

/// The row a value is.
pub(crate) fn as_row(value: JsValue) -> Option<Row> {
    value.is_object().then(|| value.unchecked_into())
}

fn new_row(owner: &str, id: &str, body: &dyn ToJson) -> Result<Row, StoreError> {
    let row = Row::empty();
    row.set_owner(owner);
    row.set_id(id);
    row.set_body(&json(body)?);
    Ok(row)
}

pub(crate) fn verse_row(owner: &str, verse: &Verse) -> Result<Row, StoreError> {
    let row = new_row(owner, &verse.id.to_string(), verse)?;
    row.set_created(verse.created_at.0 as f64);
    if !verse.is_verified {
        row.set_unverified(verse.created_at.0 as f64);
    }
    Ok(row)
}

pub(crate) fn verse(row: &Row) -> Result<Verse, StoreError> {
    body(row, "verse")
}

pub(crate) fn card_row(owner: &str, card: &Card) -> Result<Row, StoreError> {
    let row = new_row(owner, &card.verse_id.to_string(), card)?;
    if !card.archived {
        row.set_due(day(card.next_due_date));
        row.set_phase(phase_code(card.current_phase));
    }
    Ok(row)
}

pub(crate) fn card(row: &Row) -> Result<Card, StoreError> {
    body(row, "card")
}

/// Rises with the date, for every year that a date can have.
pub(crate) fn day(date: Date) -> f64 {
    f64::from(i32::from(date.year()) * 10_000 + i32::from(date.month()) * 100 + i32::from(date.day()))
}

pub(crate) fn phase_code(phase: Phase) -> u32 {
    match phase {
        Phase::Daily => 0,
        Phase::Weekly => 1,
        Phase::Biweekly => 2,
        Phase::Monthly => 3,
    }
}

pub(crate) fn event_row(owner: &str, event: &CardEvent, seq: Option<u64>) -> Result<Row, StoreError> {
    let row = new_row(owner, event.operation_id.as_str(), event)?;
    row.set_verse(&event.verse_id.to_string());
    let at = event.occurred_at.0 as f64;
    row.set_at(at);
    match seq {
        Some(seq) if seq > MAX_EXACT => {
            return Err(StoreError::Backend(format!("no server counts to {seq}: its answer is not taken over")));
        }
        Some(seq) => row.set_seq(Some(seq as f64)),
        None => row.set_unsent(Some(at)),
    }
    if matches!(event.kind, CardEventKind::Reviewed { .. }) {
        row.set_review(-at);
        row.set_day(day(event.local_date));
    }
    Ok(row)
}

pub(crate) fn event(row: &Row) -> Result<StoredEvent, StoreError> {
    Ok(StoredEvent { event: body(row, "event")?, seq: row.seq().map(|seq| seq as u64) })
}

pub(crate) fn status_code(status: &OperationStatus) -> u32 {
    match status {
        OperationStatus::Pending => PENDING,
        OperationStatus::Processing { .. } => PROCESSING,
        OperationStatus::Failed(_) => FAILED,
    }
}

pub(crate) fn queue_row(meta: &QueuedMeta, local_ref: &str) -> Result<Row, StoreError> {
    let body = NewQueueBody { meta, local_ref };
    let row = new_row(&meta.user_id, &meta.id, &body)?;
    row.set_position(meta.position as f64);
    row.set_status(status_code(&meta.status));
    row.set_entity(&meta.entity);
    Ok(row)
}

/// A row of the queue with its `local_ref`.
pub(crate) fn queued(row: &Row) -> Result<(QueuedMeta, String), StoreError> {
    let QueueBody { mut meta, local_ref } = body(row, "operation")?;
    meta.user_id = row.owner().ok_or_else(|| corrupt(format!("operation {}", meta.id), "it has no owner"))?;
    Ok((meta, local_ref))
}

pub(crate) fn payload_row(id: &str, version: u32, data: &str) -> Row {
    let row = Row::empty();
    row.set_id(id);
    row.set_version(Some(version));
    row.set_body(data);
    row
}

/// A row of the queue with its payload.
pub(crate) fn operation(row: &Row, payload: Option<&Row>) -> Result<QueuedOperation, StoreError> {
    let (meta, local_ref) = queued(row)?;
    let missing = || corrupt(format!("operation {}", meta.id), "its payload is missing");
    let payload = payload.ok_or_else(missing)?;
    let payload_version = payload.version().ok_or_else(missing)? as u32;
    let data = payload.body().ok_or_else(missing)?;
    // Version 1 is the only one so far; an older one would be turned into the present shape here.
    match verses_json::read(data.as_bytes()) {
        Ok(data) => Ok(QueuedOperation { meta, local_ref, payload_version, data }),
        Err(_) if payload_version > PAYLOAD_VERSION => {
            Err(StoreError::NewerPayload { id: meta.id, found: payload_version, known: PAYLOAD_VERSION })
        }
        Err(error) => Err(corrupt(format!("payload of operation {}", meta.id), error)),
    }
}

pub(crate) fn counts_row(owner: &str, counts: &Counts) -> Result<Row, StoreError> {
    let row = Row::empty();
    row.set_owner(owner);
    row.set_body(&json(counts)?);
    Ok(row)
}

pub(crate) fn counts(row: &Row) -> Result<(String, Counts), StoreError> {
    let owner = row.owner().ok_or_else(|| corrupt("counts of the queue", "they have no owner"))?;
    Ok((owner, body(row, "counts of the queue")?))
}

/// `number` rises with every entry; the key falls, so that the newest entry comes first.
pub(crate) fn journal_row(number: u32, entry: &JournalEntry) -> Result<Row, StoreError> {
    let row = new_row(&entry.user_id, &entry.operation_id, entry)?;
    row.set_position(-f64::from(number));
    Ok(row)
}

pub(crate) fn journal_entry(row: &Row) -> Result<JournalEntry, StoreError> {
    let mut entry: JournalEntry = body(row, "journal of operation")?;
    entry.user_id = row.owner().ok_or_else(|| corrupt("an entry of the journal", "it has no owner"))?;
    Ok(entry)
}

/// Values of the array that `getAll` gave.
pub(crate) fn each<T>(found: JsValue, row: impl Fn(&Row) -> Result<T, StoreError>) -> Result<Vec<T>, StoreError> {
    let found: js_sys::Array = found.dyn_into().map_err(|other| fault::from_js(&other))?;
    found.iter().map(|value| row(&value.unchecked_into())).collect()
}
