//! Changes of the queue within one commit: the rows concerned are read at once, changed in memory, and written at once.

use batchsync::{JournalEntry, QueueChange, QueuePosition, QueuedMeta};
use verses_store::{NewQueuedOperation, PAYLOAD_VERSION, QueuedOperation, StoreChange, StoreError};

use crate::keys;
use crate::layout::{BY_ID, COUNTS, JOURNAL, PAYLOADS, QUEUE};
use crate::rows::{self, Counts, State};
use crate::text::{Answers, Requests};
use crate::write::is_of_whole_owner;

/// What a commit does to the queue.
#[derive(Default)]
pub(crate) struct Queue {
    /// Rows named by the changes at hand, there or not.
    rows: Vec<Entry>,
    /// Places in `rows`, in the order of their ids: finding one must not mean to look at all.
    by_id: Vec<u32>,
    /// How many of `rows` have been written.
    written: usize,
    /// Of all owners.
    pub(crate) counts: Vec<(String, Counts)>,
    counts_changed: Vec<String>,
    settled: Vec<JournalEntry>,
    /// Whether the journal grew.
    pub(crate) settled_any: bool,
    /// Where operations were enqueued.
    pub(crate) positions: Vec<QueuePosition>,
}

/// A row named by a change.
#[derive(Default)]
struct Entry {
    id: String,
    /// Where it stands in the database.
    stored_at: Option<QueuePosition>,
    row: Option<Queued>,
    /// Version and JSON, if it must be written.
    payload: Option<(u32, String)>,
    changed: bool,
}

struct Queued {
    meta: QueuedMeta,
    local_ref: String,
}

/// The row a change reads before it changes it.
fn named(change: &StoreChange) -> Option<&str> {
    match change {
        StoreChange::ReplacePayload { id, .. } | StoreChange::MoveToEnd { id } => Some(id),
        StoreChange::Queue(
            QueueChange::SetStatus { id, .. }
            | QueueChange::Renew { id, .. }
            | QueueChange::Complete { id, .. }
            | QueueChange::Discard { id, .. },
        ) => Some(id),
        _ => None,
    }
}

impl Queue {
    /// Notes what the next changes need; whether that is anything. An operation only enqueued is not looked for: its row
    /// fails to be added if it is there.
    pub(crate) fn needs(&mut self, changes: &[StoreChange]) -> bool {
        self.rows.clear();
        self.by_id.clear();
        self.written = 0;
        for id in changes.iter().take_while(|change| !is_of_whole_owner(change)).filter_map(named) {
            self.entry(id);
        }
        !self.rows.is_empty()
    }

    pub(crate) fn rows_asked_for(&self) -> Requests {
        let mut asked = Requests::default();
        for entry in &self.rows {
            asked.add("get", QUEUE, BY_ID, &[&keys::text(&entry.id)]);
        }
        asked
    }

    /// Takes the answers to `rows_asked_for`.
    pub(crate) fn read(&mut self, text: &str) -> Result<(), StoreError> {
        let mut answers = Answers::of(text);
        for entry in &mut self.rows {
            if let Some(row) = answers.row() {
                let (meta, local_ref) = rows::queued(&row)?;
                entry.stored_at = Some(meta.position);
                entry.row = Some(Queued { meta, local_ref });
            }
        }
        Ok(())
    }

    pub(crate) fn enqueue(&mut self, new: NewQueuedOperation, state: &mut State) -> Result<(), StoreError> {
        new.check()?;
        let QueuedOperation { mut meta, local_ref, payload_version, data } = new.operation;
        let data = rows::json(&data);
        let entry = self.entry(&meta.id);
        if entry.row.is_some() {
            return Err(StoreError::DuplicateOperation(meta.id));
        }
        state.last_position += 1;
        meta.position = state.last_position;
        entry.payload = Some((payload_version, data));
        self.positions.push(meta.position);
        self.put(Queued { meta, local_ref });
        Ok(())
    }

    pub(crate) fn replace_payload(&mut self, id: &str, data: String, payload_bytes: u32) {
        let Some(mut row) = self.take(id) else { return };
        row.meta.payload_bytes = payload_bytes;
        self.entry(id).payload = Some((PAYLOAD_VERSION, data));
        self.put(row);
    }

    pub(crate) fn move_to_end(&mut self, id: &str, state: &mut State) {
        let Some(mut row) = self.take(id) else { return };
        state.last_position += 1;
        row.meta.position = state.last_position;
        self.put(row);
    }

    pub(crate) fn apply(&mut self, change: QueueChange) {
        match change {
            QueueChange::SetStatus { id, status, retry_count, ever_sent } => {
                let Some(mut row) = self.take(&id) else { return };
                row.meta.status = status;
                row.meta.retry_count = retry_count;
                row.meta.ever_sent = ever_sent;
                self.put(row);
            }
            QueueChange::Renew { id, queued_at } => {
                let Some(mut row) = self.take(&id) else { return };
                row.meta.queued_at = queued_at;
                self.put(row);
            }
            // The outcome of a row that has left already leaves no second entry.
            QueueChange::Complete { id, entry } | QueueChange::Discard { id, entry } => {
                if self.take(&id).is_some() {
                    self.settled.push(entry);
                }
            }
        }
    }

    /// Writes what the changes made of one more row, or `None` if all are written. An operation that is hoped to be new is
    /// given with the number of its request.
    #[expect(clippy::option_option, reason = "none left, none hoped to be new")]
    pub(crate) fn write_one(&mut self, requests: &mut Requests) -> Result<Option<Option<(usize, String)>>, StoreError> {
        if self.written == 0 {
            self.leave_places(requests);
        }
        let Some(entry) = self.rows.get_mut(self.written) else { return Ok(None) };
        self.written += 1;
        let Some(Queued { meta, local_ref }) = entry.row.as_ref().filter(|_| entry.changed) else {
            return Ok(Some(None));
        };
        let row = rows::queue_row(meta, local_ref);
        let number = requests.len();
        requests.add(if entry.stored_at.is_some() { "put" } else { "add?" }, QUEUE, "", &[&row]);
        if let Some((version, data)) = &entry.payload {
            requests.put(PAYLOADS, &rows::payload_row(&entry.id, *version, data));
        }
        Ok(Some(entry.stored_at.is_none().then(|| (number, std::mem::take(&mut entry.id)))))
    }

    /// A row leaves its place before another could want the same id.
    fn leave_places(&self, requests: &mut Requests) {
        for entry in self.rows.iter().filter(|entry| entry.changed) {
            let Some(stored_at) = entry.stored_at else { continue };
            if entry.row.as_ref().is_none_or(|row| row.meta.position != stored_at) {
                requests.delete(QUEUE, &keys::number(stored_at));
            }
            if entry.row.is_none() {
                requests.delete(PAYLOADS, &keys::text(&entry.id));
            }
        }
    }

    /// Writes what has left the queue.
    pub(crate) fn write_journal(&mut self, requests: &mut Requests, state: &mut State) -> Result<(), StoreError> {
        for entry in std::mem::take(&mut self.settled) {
            state.last_entry += 1;
            self.settled_any = true;
            requests.put(JOURNAL, &rows::journal_row(state.last_entry, &entry));
        }
        Ok(())
    }

    pub(crate) fn write_counts(&mut self, requests: &mut Requests) -> Result<(), StoreError> {
        for owner in std::mem::take(&mut self.counts_changed) {
            let counts = rows::counts_of(&mut self.counts, &owner);
            if counts.is_empty() {
                requests.delete(COUNTS, &keys::text(&owner));
            } else {
                requests.put(COUNTS, &rows::counts_row(&owner, counts));
            }
        }
        Ok(())
    }

    /// All rows of one owner became another's.
    pub(crate) fn move_counts(&mut self, from: &str, to: &str) {
        let moved = std::mem::take(self.counts_of(from));
        let kept = self.counts_of(to);
        kept.waiting += moved.waiting;
        kept.failed += moved.failed;
        kept.bytes += moved.bytes;
    }

    /// All rows of one owner are gone.
    pub(crate) fn forget_counts(&mut self, owner: &str) {
        *self.counts_of(owner) = Counts::default();
    }

    fn take(&mut self, id: &str) -> Option<Queued> {
        let entry = self.entry(id);
        let row = entry.row.take()?;
        entry.changed = true;
        self.counts_of(&row.meta.user_id).take(&row.meta);
        Some(row)
    }

    fn put(&mut self, row: Queued) {
        self.counts_of(&row.meta.user_id).add(&row.meta);
        let entry = self.entry(&row.meta.id);
        entry.changed = true;
        entry.row = Some(row);
    }

    /// The row of this id, made if it was not named so far.
    #[inline(never)]
    fn entry(&mut self, id: &str) -> &mut Entry {
        let found = self.by_id.binary_search_by(|place| self.rows[*place as usize].id.as_str().cmp(id));
        let place = match found {
            Ok(order) => self.by_id[order] as usize,
            Err(order) => {
                self.by_id.insert(order, self.rows.len() as u32);
                self.rows.push(Entry { id: id.to_owned(), ..Entry::default() });
                self.rows.len() - 1
            }
        };
        &mut self.rows[place]
    }

    /// Whoever asks for them changes them.
    fn counts_of(&mut self, owner: &str) -> &mut Counts {
        if !self.counts_changed.iter().any(|changed| changed == owner) {
            self.counts_changed.push(owner.to_owned());
        }
        rows::counts_of(&mut self.counts, owner)
    }
}
