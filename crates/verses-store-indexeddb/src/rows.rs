//! Between rows and the domain's types. A row is the properties that keys are made of, and JSON of the rest in `body`.

use batchsync::{JournalEntry, OperationStatus, QueuePosition, QueuedMeta};
use jiff::civil::Date;
use verses_core::{Card, CardEvent, CardEventKind, Phase, Verse};
use verses_json::{FromJson, JsonError, ToJson, json_object, json_read, json_write};
use verses_store::{PAYLOAD_VERSION, QueuedOperation, StoreError, StoredEvent};

use crate::events::sort_for_the_fold;
use crate::fault::{backend, corrupt};
use crate::text::{Answers, Row, Rows, number, plain, push_number, quote};

/// Waiting rows have one of the first two.
pub(crate) const PENDING: i64 = 0;
pub(crate) const PROCESSING: i64 = 1;
pub(crate) const FAILED: i64 = 2;

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

/// The counts of one owner among those of all, who are few.
pub(crate) fn counts_of<'a>(all: &'a mut Vec<(String, Counts)>, owner: &str) -> &'a mut Counts {
    let place = all.iter().position(|(known, _)| known == owner).unwrap_or_else(|| {
        all.push((owner.to_owned(), Counts::default()));
        all.len() - 1
    });
    &mut all[place].1
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

/// The JSON of one of our types.
pub(crate) fn json(value: &dyn ToJson) -> String {
    verses_json::to_text(value)
}

/// The counters, or those of a new database.
pub(crate) fn state(answers: &mut Answers<'_>) -> Result<State, StoreError> {
    answers.row().map_or_else(|| Ok(State::default()), |row| body(&row, "state"))
}

/// Reads what a row's `body` holds; `what` names it.
pub(crate) fn body<T: FromJson>(row: &Row<'_>, what: &str) -> Result<T, StoreError> {
    verses_json::read(row.body.as_bytes()).map_err(|error| unreadable(row, what, &error))
}

#[inline(never)]
fn unreadable(row: &Row<'_>, what: &str, error: &JsonError) -> StoreError {
    if row.body.is_empty() {
        return corrupt(what, "it has no body");
    }
    let between = if row.id.is_empty() { "" } else { " " };
    corrupt(&[what, between, row.id].concat(), &error.to_string())
}

/// A row as JSON, made property by property. Names are short because every row carries them. A property that is absent
/// keeps the row out of the indexes that name it.
struct NewRow(String);

impl NewRow {
    fn of(owner: &str, id: &str, body: &str) -> Self {
        let mut row = Self("{\"owner\":".to_owned());
        quote(&mut row.0, owner);
        row.text("id", id);
        row.text("body", body);
        row
    }

    fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        quote(&mut self.0, text);
    }

    fn number(&mut self, name: &str, number: i64) {
        self.name(name);
        push_number(&mut self.0, number);
    }

    fn name(&mut self, name: &str) {
        self.0.push_str(",\"");
        self.0.push_str(name);
        self.0.push_str("\":");
    }

    fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

pub(crate) fn verse_row(owner: &str, verse: &Verse) -> String {
    let mut row = NewRow::of(owner, &verse.id.to_string(), &json(verse));
    row.number("created", verse.created_at.0);
    if !verse.is_verified {
        row.number("unverified", verse.created_at.0);
    }
    row.end()
}

pub(crate) fn verse(row: &Row<'_>) -> Result<Verse, StoreError> {
    body(row, "verse")
}

pub(crate) fn card_row(owner: &str, card: &Card) -> String {
    let mut row = NewRow::of(owner, &card.verse_id.to_string(), &json(card));
    if !card.archived {
        row.number("due", day(card.next_due_date));
        row.number("phase", phase_code(card.current_phase));
    }
    row.end()
}

pub(crate) fn card(row: &Row<'_>) -> Result<Card, StoreError> {
    body(row, "card")
}

/// Rises with the date, for every year that a date can have.
pub(crate) fn day(date: Date) -> i64 {
    i64::from(date.year()) * 10_000 + i64::from(date.month()) * 100 + i64::from(date.day())
}

pub(crate) fn phase_code(phase: Phase) -> i64 {
    match phase {
        Phase::Daily => 0,
        Phase::Weekly => 1,
        Phase::Biweekly => 2,
        Phase::Monthly => 3,
    }
}

/// Whether it is found by its time and day.
pub(crate) fn is_review(event: &CardEvent) -> bool {
    matches!(event.kind, CardEventKind::Reviewed { .. })
}

pub(crate) fn event_row(owner: &str, event: &CardEvent, seq: Option<u64>) -> Result<String, StoreError> {
    event_row_with(&json(event), owner, event, seq)
}

/// An event whose body is there already: it stays as whoever wrote it wrote it.
pub(crate) fn event_row_with(
    body: &str,
    owner: &str,
    event: &CardEvent,
    seq: Option<u64>,
) -> Result<String, StoreError> {
    let mut row = NewRow::of(owner, event.operation_id.as_str(), body);
    row.text("verse", &event.verse_id.to_string());
    let at = event.occurred_at.0;
    row.number("at", at);
    match seq {
        Some(seq) if seq > MAX_EXACT => {
            let said = ["no server counts to ", &seq.to_string(), ": its answer is not taken over"];
            return Err(backend(&said.concat()));
        }
        Some(seq) => row.number("seq", seq as i64),
        None => row.number("unsent", at),
    }
    if is_review(event) {
        row.number("review", at.saturating_neg());
        row.number("day", day(event.local_date));
    }
    Ok(row.end())
}

pub(crate) fn event(row: &Row<'_>) -> Result<StoredEvent, StoreError> {
    Ok(StoredEvent { event: body(row, "event")?, seq: seq(row) })
}

/// An event's place in the server's history.
pub(crate) fn seq(row: &Row<'_>) -> Option<u64> {
    number(row.seq)
}

fn status_code(status: &OperationStatus) -> i64 {
    match status {
        OperationStatus::Pending => PENDING,
        OperationStatus::Processing { .. } => PROCESSING,
        OperationStatus::Failed(_) => FAILED,
    }
}

pub(crate) fn queue_row(meta: &QueuedMeta, local_ref: &str) -> String {
    queue_row_with(&json(&NewQueueBody { meta, local_ref }), meta)
}

/// A row of the queue whose body is there already: it stays as whoever wrote it wrote it.
pub(crate) fn queue_row_with(body: &str, meta: &QueuedMeta) -> String {
    let mut row = NewRow::of(&meta.user_id, &meta.id, body);
    row.number("position", meta.position);
    row.number("status", status_code(&meta.status));
    row.text("entity", &meta.entity);
    row.end()
}

/// A row of the queue with its `local_ref`.
pub(crate) fn queued(row: &Row<'_>) -> Result<(QueuedMeta, String), StoreError> {
    let QueueBody { mut meta, local_ref } = body(row, "operation")?;
    meta.user_id = plain(row.owner);
    Ok((meta, local_ref))
}

/// A row of the queue without its `local_ref`.
pub(crate) fn queued_meta(row: &Row<'_>) -> Result<QueuedMeta, StoreError> {
    Ok(queued(row)?.0)
}

pub(crate) fn payload_row(id: &str, version: u32, data: &str) -> String {
    let mut row = String::from("{\"id\":");
    quote(&mut row, id);
    let mut row = NewRow(row);
    row.number("version", i64::from(version));
    row.text("body", data);
    row.end()
}

/// The version of a payload.
pub(crate) fn version(row: &Row<'_>) -> Result<u32, StoreError> {
    let version = number(row.version).and_then(|version| u32::try_from(version).ok());
    version.ok_or_else(|| corrupt(&["operation ", row.id].concat(), "its payload is missing"))
}

/// A row of the queue with its payload, or a row without anything if that is missing.
pub(crate) fn operation(row: &Row<'_>, payload: &Row<'_>) -> Result<QueuedOperation, StoreError> {
    let (meta, local_ref) = queued(row)?;
    let payload_version = version(&Row { id: row.id, ..*payload })?;
    // Version 1 is the only one so far; an older one would be turned into the present shape here.
    match body(payload, "payload of operation") {
        Ok(data) => Ok(QueuedOperation { meta, local_ref, payload_version, data }),
        Err(_) if payload_version > PAYLOAD_VERSION => {
            Err(StoreError::NewerPayload { id: meta.id, found: payload_version, known: PAYLOAD_VERSION })
        }
        Err(error) => Err(error),
    }
}

pub(crate) fn counts_row(owner: &str, counts: &Counts) -> String {
    let mut row = String::from("{\"owner\":");
    quote(&mut row, owner);
    let mut row = NewRow(row);
    row.text("body", &json(counts));
    row.end()
}

pub(crate) fn counts(row: &Row<'_>) -> Result<(String, Counts), StoreError> {
    Ok((plain(row.owner), body(row, "counts of the queue")?))
}

/// `number` rises with every entry; the key falls, so that the newest entry comes first.
pub(crate) fn journal_row(number: u32, entry: &JournalEntry) -> String {
    let mut row = NewRow::of(&entry.user_id, &entry.operation_id, &json(entry));
    row.number("position", -i64::from(number));
    row.end()
}

pub(crate) fn journal_entry(row: &Row<'_>) -> Result<JournalEntry, StoreError> {
    let mut entry: JournalEntry = body(row, "journal of operation")?;
    entry.user_id = plain(row.owner);
    Ok(entry)
}

/// Each of these rows.
pub(crate) fn each<T>(rows: Rows<'_>, read: fn(&Row<'_>) -> Result<T, StoreError>) -> Result<Vec<T>, StoreError> {
    let mut all = Vec::new();
    for row in rows {
        all.push(read(&row)?);
    }
    Ok(all)
}

pub(crate) fn verses(answers: Answers<'_>) -> Result<Vec<Verse>, StoreError> {
    each(answers.all_rows(), verse)
}

pub(crate) fn cards(answers: Answers<'_>) -> Result<Vec<Card>, StoreError> {
    each(answers.all_rows(), card)
}

/// Each answer's events in the order of the fold.
pub(crate) fn events_by_answer(mut answers: Answers<'_>) -> Result<Vec<StoredEvent>, StoreError> {
    let mut all = Vec::new();
    while !answers.is_over() {
        let mut of_answer = events(&mut answers)?;
        sort_for_the_fold(&mut of_answer);
        all.append(&mut of_answer);
    }
    Ok(all)
}

/// The next answer's events, in its order.
pub(crate) fn events(answers: &mut Answers<'_>) -> Result<Vec<StoredEvent>, StoreError> {
    each(answers.rows(), event)
}

pub(crate) fn queued_metas(answers: Answers<'_>) -> Result<Vec<QueuedMeta>, StoreError> {
    each(answers.all_rows(), queued_meta)
}
