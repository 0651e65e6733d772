//! Changes of the queue within one commit: the rows concerned are read at once, changed in memory, and written at once.

use std::collections::{BTreeMap, BTreeSet};

use batchsync::{JournalEntry, QueueChange, QueuePosition, QueuedMeta};
use verses_store::{NewQueuedOperation, PAYLOAD_VERSION, QueuedOperation, StoreChange, StoreError};

use crate::fault;
use crate::layout::{BY_ID, COUNTS, JOURNAL, PAYLOADS, QUEUE};
use crate::rows::{self, Counts, State};
use crate::writer::{Hope, Writer};

/// Requests issued before their answers are waited for.
const READS_PER_PAUSE: usize = 200;

/// What a commit does to the queue.
#[derive(Default)]
pub(crate) struct Queue {
    /// Rows named by the changes at hand, there or not.
    rows: BTreeMap<String, Entry>,
    counts: Option<BTreeMap<String, Counts>>,
    counts_changed: BTreeSet<String>,
    settled: Vec<JournalEntry>,
    settled_any: bool,
    positions: Vec<QueuePosition>,
}

/// A row named by a change.
#[derive(Default)]
struct Entry {
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
    /// Reads what the changes need. An operation only enqueued is not looked for: its row fails to be added if it is there.
    pub(crate) async fn load(&mut self, writer: &Writer, changes: &[StoreChange]) -> Result<(), StoreError> {
        self.rows.clear();
        let ids: BTreeSet<&str> = changes.iter().filter_map(named).collect();
        if ids.is_empty() && !changes.iter().any(|change| matches!(change, StoreChange::Enqueue(_))) {
            return Ok(());
        }
        self.load_counts(writer).await?;
        let index = writer.store(QUEUE)?.index(BY_ID).map_err(|thrown| fault::from_js(&thrown))?;
        let ids: Vec<&str> = ids.into_iter().collect();
        for some in ids.chunks(READS_PER_PAUSE) {
            let asked = some.iter().map(|id| index.get(&(*id).into())).collect::<Result<Vec<_>, _>>();
            let found = writer.ask_all(asked.map_err(|thrown| fault::from_js(&thrown))?).await?;
            for (id, value) in some.iter().zip(found) {
                self.rows.insert((*id).to_owned(), Entry::read(value)?);
            }
        }
        Ok(())
    }

    pub(crate) async fn load_counts(&mut self, writer: &Writer) -> Result<(), StoreError> {
        if self.counts.is_none() {
            let found = writer.ask(writer.store(COUNTS)?.get_all()).await?;
            self.counts = Some(rows::each(found, rows::counts)?.into_iter().collect());
        }
        Ok(())
    }

    pub(crate) fn enqueue(&mut self, new: NewQueuedOperation, state: &mut State) -> Result<(), StoreError> {
        new.check()?;
        let QueuedOperation { mut meta, local_ref, payload_version, data } = new.operation;
        let data = rows::json(&data)?;
        let entry = self.rows.entry(meta.id.clone()).or_default();
        if entry.row.is_some() {
            return Err(StoreError::DuplicateOperation(meta.id));
        }
        state.last_position += 1;
        meta.position = state.last_position;
        self.positions.push(meta.position);
        entry.payload = Some((payload_version, data));
        self.put(Queued { meta, local_ref });
        Ok(())
    }

    pub(crate) fn replace_payload(&mut self, id: &str, data: String, payload_bytes: u32) {
        let Some(mut row) = self.take(id) else { return };
        row.meta.payload_bytes = payload_bytes;
        if let Some(entry) = self.rows.get_mut(id) {
            entry.payload = Some((PAYLOAD_VERSION, data));
        }
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

    /// Writes what the changes made of the rows, and the journal.
    pub(crate) async fn write(&mut self, writer: &Writer, state: &mut State) -> Result<(), StoreError> {
        let mut changed: Vec<_> = std::mem::take(&mut self.rows).into_iter().filter(|(_, it)| it.changed).collect();
        // A row leaves its place before another could want the same id.
        for (id, entry) in &changed {
            let Some(stored_at) = entry.stored_at else { continue };
            if entry.row.as_ref().is_none_or(|row| row.meta.position != stored_at) {
                writer.delete(QUEUE, &(stored_at as f64).into()).await?;
            }
            if entry.row.is_none() {
                writer.delete(PAYLOADS, &id.as_str().into()).await?;
            }
        }
        changed.sort_unstable_by_key(|(_, entry)| entry.row.as_ref().map(|row| row.meta.position));
        for (id, entry) in changed {
            let Some(Queued { meta, local_ref }) = entry.row else { continue };
            let row = rows::queue_row(&meta, &local_ref)?;
            if entry.stored_at.is_some() {
                writer.put(QUEUE, &row).await?;
            } else {
                writer.add_hoping(QUEUE, &row, Hope::Operation(id.clone())).await?;
            }
            if let Some((version, data)) = entry.payload {
                writer.put(PAYLOADS, &rows::payload_row(&id, version, &data)).await?;
            }
        }
        for entry in std::mem::take(&mut self.settled) {
            state.last_entry += 1;
            self.settled_any = true;
            writer.put(JOURNAL, &rows::journal_row(state.last_entry, &entry)?).await?;
        }
        Ok(())
    }

    pub(crate) async fn write_counts(&mut self, writer: &Writer) -> Result<(), StoreError> {
        for owner in std::mem::take(&mut self.counts_changed) {
            match self.counts.as_ref().and_then(|counts| counts.get(&owner)).filter(|counts| !counts.is_empty()) {
                Some(counts) => writer.put(COUNTS, &rows::counts_row(&owner, counts)?).await?,
                None => writer.delete(COUNTS, &owner.into()).await?,
            }
        }
        Ok(())
    }

    /// All rows of one owner became another's.
    pub(crate) fn move_counts(&mut self, from: &str, to: &str) {
        let moved = self.counts.as_mut().and_then(|counts| counts.remove(from)).unwrap_or_default();
        let kept = self.counts_of(to);
        kept.waiting += moved.waiting;
        kept.failed += moved.failed;
        kept.bytes += moved.bytes;
        self.counts_changed.insert(from.to_owned());
    }

    /// All rows of one owner are gone.
    pub(crate) fn forget_counts(&mut self, owner: &str) {
        *self.counts_of(owner) = Counts::default();
    }

    /// Whether the journal grew.
    pub(crate) fn settled_any(&self) -> bool {
        self.settled_any
    }

    /// Where operations were enqueued.
    pub(crate) fn positions(&mut self) -> Vec<QueuePosition> {
        std::mem::take(&mut self.positions)
    }

    fn take(&mut self, id: &str) -> Option<Queued> {
        let entry = self.rows.get_mut(id)?;
        let row = entry.row.take()?;
        entry.changed = true;
        self.counts_of(&row.meta.user_id).take(&row.meta);
        Some(row)
    }

    fn put(&mut self, row: Queued) {
        self.counts_of(&row.meta.user_id).add(&row.meta);
        let entry = self.rows.entry(row.meta.id.clone()).or_default();
        entry.changed = true;
        entry.row = Some(row);
    }

    /// Whoever asks for them changes them.
    fn counts_of(&mut self, owner: &str) -> &mut Counts {
        self.counts_changed.insert(owner.to_owned());
        self.counts.get_or_insert_default().entry(owner.to_owned()).or_default()
    }
}

impl Entry {
    fn read(value: wasm_bindgen::JsValue) -> Result<Self, StoreError> {
        let Some(row) = rows::as_row(value) else { return Ok(Self::default()) };
        let (meta, local_ref) = rows::queued(&row)?;
        Ok(Self { stored_at: Some(meta.position), row: Some(Queued { meta, local_ref }), ..Self::default() })
    }
}
