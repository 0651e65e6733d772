//! The questions about the queue and the journal. Payloads are read only where they are asked for.

use batchsync::{JournalEntry, QueuePosition, QueuedMeta};
use verses_store::{Owner, QueueTotals, QueuedOperation, StoreError};

use crate::connect::{Connection, Question};
use crate::keys::{self, Part};
use crate::layout::{BY_ENTITY, BY_ID, BY_STATUS, COUNTS, JOURNAL, PAYLOADS, QUEUE};
use crate::rows::{self, Counts, FAILED, PENDING, PROCESSING};
use crate::text::{Answers, Requests, Row};

/// Rows read at a time, so that a long queue does not hold up the page.
const CHUNK: u32 = 500;

/// The object stores of whole rows, and of counts with what they are counts of.
const WITH_PAYLOADS: &str = "sync_queue,sync_payloads";
const WITH_COUNTS: &str = "sync_queue,sync_queue_counts";

pub(crate) async fn queue_metas(
    connection: &Connection,
    after: Option<QueuePosition>,
    limit: u32,
) -> Result<Vec<QueuedMeta>, StoreError> {
    let reader = connection.reader(QUEUE);
    let mut metas: Vec<QueuedMeta> = Vec::new();
    let mut range = after.map_or_else(|| keys::ALL.to_owned(), |position| keys::after(&keys::number(position)));
    loop {
        let chunk = CHUNK.min(limit - metas.len() as u32);
        if chunk == 0 {
            return Ok(metas);
        }
        let text = reader.ask(Requests::limited("getAll", QUEUE, "", &range, chunk)).await?;
        let mut found = rows::queued_metas(Answers::of(&text))?;
        let complete = (found.len() as u32) < chunk;
        metas.append(&mut found);
        match metas.last() {
            Some(last) if !complete => range = keys::after(&keys::number(last.position)),
            _ => return Ok(metas),
        }
    }
}

pub(crate) fn queued(connection: &Connection, ids: &[String]) -> Question<Vec<QueuedOperation>> {
    let mut asked = Requests::default();
    for id in ids {
        let key = keys::text(id);
        asked.add("get", QUEUE, BY_ID, &[&key]);
        asked.add("get", PAYLOADS, "", &[&key]);
    }
    connection.ask(WITH_PAYLOADS, asked, |mut answers| {
        let mut operations = Vec::new();
        while !answers.is_over() {
            let (row, payload) = (answers.row(), answers.row());
            if let Some(row) = row {
                operations.push(rows::operation(&row, &payload.unwrap_or_default())?);
            }
        }
        Ok(operations)
    })
}

pub(crate) fn queued_for_entity(connection: &Connection, owner: &str, entity: &str) -> Question<Vec<QueuedMeta>> {
    let range = keys::starting_with(&[Part::Text(owner), Part::Text(entity)]);
    connection.ask(QUEUE, Requests::one("getAll", QUEUE, BY_ENTITY, &[&range]), rows::queued_metas)
}

pub(crate) async fn queue_of(
    connection: &Connection,
    owner: &str,
    failed_only: bool,
    limit: u32,
) -> Result<Vec<QueuedOperation>, StoreError> {
    // The browser takes a limit of 0 for none.
    if limit == 0 {
        return Ok(Vec::new());
    }
    let reader = connection.reader(WITH_PAYLOADS);
    let statuses: &[i64] = if failed_only { &[FAILED] } else { &[PENDING, PROCESSING, FAILED] };
    let mut asked = Requests::default();
    for status in statuses {
        let range = of_status(owner, *status);
        asked.add("getAll", QUEUE, BY_STATUS, &[&range, &limit.to_string()]);
    }
    let text = reader.ask(asked).await?;
    let mut found: Vec<(i64, Row<'_>)> = Vec::new();
    for row in Answers::of(&text).all_rows() {
        found.push((row.position.parse().unwrap_or_default(), row));
    }
    found.sort_unstable_by_key(|(position, _)| *position);
    found.truncate(limit as usize);
    let mut asked = Requests::default();
    for (_, row) in &found {
        asked.add("get", PAYLOADS, "", &[&keys::text(&crate::text::plain(row.id))]);
    }
    let payloads = reader.ask(asked).await?;
    let mut payloads = Answers::of(&payloads);
    let mut operations = Vec::with_capacity(found.len());
    for (_, row) in found {
        operations.push(rows::operation(&row, &payloads.row().unwrap_or_default())?);
    }
    Ok(operations)
}

pub(crate) fn queue_totals(connection: &Connection, owner: &str) -> Question<QueueTotals> {
    let mut asked = Requests::one("get", COUNTS, "", &[&keys::text(owner)]);
    ask_for_oldest(&mut asked, owner);
    connection.ask(WITH_COUNTS, asked, |mut answers| match answers.row() {
        Some(row) => totals(rows::counts(&row)?.1, &mut answers),
        None => Ok(QueueTotals::default()),
    })
}

pub(crate) async fn queue_owners(connection: &Connection) -> Result<Vec<(Owner, QueueTotals)>, StoreError> {
    let reader = connection.reader(WITH_COUNTS);
    let text = reader.ask(Requests::one("getAll", COUNTS, "", &[keys::ALL])).await?;
    let mut counts = rows::each(Answers::of(&text).all_rows(), rows::counts)?;
    counts.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    let mut asked = Requests::default();
    for (owner, _) in &counts {
        ask_for_oldest(&mut asked, owner);
    }
    let text = reader.ask(asked).await?;
    let mut answers = Answers::of(&text);
    let mut owners = Vec::with_capacity(counts.len());
    for (owner, counts) in counts {
        owners.push((owner, totals(counts, &mut answers)?));
    }
    Ok(owners)
}

fn of_status(owner: &str, status: i64) -> String {
    keys::starting_with(&[Part::Text(owner), Part::Number(status)])
}

/// The oldest is the first row of a waiting status: two steps in the index, however long the queue.
fn ask_for_oldest(asked: &mut Requests, owner: &str) {
    for status in [PENDING, PROCESSING] {
        asked.add("get", QUEUE, BY_STATUS, &[&of_status(owner, status)]);
    }
}

/// Counts, with the answers to `ask_for_oldest`.
fn totals(counts: Counts, answers: &mut Answers<'_>) -> Result<QueueTotals, StoreError> {
    let mut oldest: Option<QueuedMeta> = None;
    for row in [answers.row(), answers.row()].into_iter().flatten() {
        let meta = rows::queued_meta(&row)?;
        if oldest.as_ref().is_none_or(|oldest| meta.position < oldest.position) {
            oldest = Some(meta);
        }
    }
    let Counts { waiting, failed, bytes } = counts;
    Ok(QueueTotals { waiting, failed, bytes, oldest_queued_at: oldest.map(|meta| meta.queued_at) })
}

pub(crate) fn journal(connection: &Connection, limit: u32) -> Question<Vec<JournalEntry>> {
    let asked = Requests::limited("getAll", JOURNAL, "", keys::ALL, limit);
    connection.ask(JOURNAL, asked, |answers| rows::each(answers.all_rows(), rows::journal_entry))
}
