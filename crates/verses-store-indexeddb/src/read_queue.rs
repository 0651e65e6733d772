//! The questions about the queue and the journal. Payloads are read only where they are asked for.

use std::rc::Rc;

use batchsync::{JournalEntry, QueuePosition, QueuedMeta};
use js_sys::Array;
use verses_store::{Owner, QueueTotals, QueuedOperation, StoreError};
use wasm_bindgen::{JsCast, JsValue};

use crate::answer::answer;
use crate::connect::Connection;
use crate::js::Row;
use crate::layout::{BY_ENTITY, BY_ID, BY_STATUS, COUNTS, JOURNAL, PAYLOADS, QUEUE};
use crate::read::{Reader, each_of};
use crate::rows::{self, Counts, FAILED, PENDING, PROCESSING};
use crate::{fault, keys};

/// Rows read at a time, so that a long queue does not hold up the page.
const CHUNK: u32 = 500;

pub(crate) async fn queue_metas(
    connection: &Rc<Connection>,
    after: Option<QueuePosition>,
    limit: u32,
) -> Result<Vec<QueuedMeta>, StoreError> {
    let reader = Reader::begin(connection, &[QUEUE]).await?;
    let queue = reader.store(QUEUE)?;
    let mut metas: Vec<QueuedMeta> = Vec::new();
    let mut after = after.map_or(f64::NEG_INFINITY, |position| position as f64);
    loop {
        let chunk = CHUNK.min(limit - metas.len() as u32);
        if chunk == 0 {
            return Ok(metas);
        }
        let found = answer(queue.get_all_with_key_and_limit(&keys::after(after)?, chunk)).await?;
        let found = rows::each(found, |row| rows::queued(row).map(|(meta, _)| meta))?;
        let complete = (found.len() as u32) < chunk;
        metas.extend(found);
        match metas.last() {
            Some(last) if !complete => after = last.position as f64,
            _ => return Ok(metas),
        }
    }
}

pub(crate) async fn queued(connection: &Rc<Connection>, ids: &[String]) -> Result<Vec<QueuedOperation>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let reader = Reader::begin(connection, &[QUEUE, PAYLOADS]).await?;
    let index = reader.index(QUEUE, BY_ID)?;
    let found = each_of(ids, |id| index.get(&id.as_str().into())).await?;
    with_payloads(&reader, found.into_iter().filter_map(rows::as_row).collect()).await
}

pub(crate) async fn queued_for_entity(
    connection: &Rc<Connection>,
    owner: &str,
    entity: &str,
) -> Result<Vec<QueuedMeta>, StoreError> {
    let reader = Reader::begin(connection, &[QUEUE]).await?;
    let range = keys::starting_with([owner.into(), entity.into()])?;
    let found = answer(reader.index(QUEUE, BY_ENTITY)?.get_all_with_key(&range)).await?;
    rows::each(found, |row| rows::queued(row).map(|(meta, _)| meta))
}

pub(crate) async fn queue_of(
    connection: &Rc<Connection>,
    owner: &str,
    failed_only: bool,
    limit: u32,
) -> Result<Vec<QueuedOperation>, StoreError> {
    // The browser takes a limit of 0 for none.
    if limit == 0 {
        return Ok(Vec::new());
    }
    let reader = Reader::begin(connection, &[QUEUE, PAYLOADS]).await?;
    let index = reader.index(QUEUE, BY_STATUS)?;
    let statuses: &[u32] = if failed_only { &[FAILED] } else { &[PENDING, PROCESSING, FAILED] };
    let ranges = statuses.iter().map(|status| keys::starting_with([owner.into(), (*status).into()]));
    let ranges = ranges.collect::<Result<Vec<_>, _>>()?;
    let mut found: Vec<Row> = Vec::new();
    for of_status in each_of(&ranges, |range| index.get_all_with_key_and_limit(range, limit)).await? {
        let of_status: Array = of_status.dyn_into().map_err(|other| fault::from_js(&other))?;
        found.extend(of_status.iter().map(JsCast::unchecked_into::<Row>));
    }
    found.sort_by(|a, b| a.position().partial_cmp(&b.position()).unwrap_or(std::cmp::Ordering::Equal));
    found.truncate(limit as usize);
    with_payloads(&reader, found).await
}

async fn with_payloads(reader: &Reader, found: Vec<Row>) -> Result<Vec<QueuedOperation>, StoreError> {
    let payloads = reader.store(PAYLOADS)?;
    let read = each_of(&found, |row| payloads.get(&row.id().unwrap_or_default().into())).await?;
    let read = read.into_iter().map(rows::as_row);
    found.iter().zip(read).map(|(row, payload)| rows::operation(row, payload.as_ref())).collect()
}

pub(crate) async fn queue_totals(connection: &Rc<Connection>, owner: &str) -> Result<QueueTotals, StoreError> {
    let reader = Reader::begin(connection, &[QUEUE, COUNTS]).await?;
    let found = answer(reader.store(COUNTS)?.get(&owner.into())).await?;
    match rows::as_row(found) {
        Some(row) => totals(&reader, owner, rows::counts(&row)?.1).await,
        None => Ok(QueueTotals::default()),
    }
}

pub(crate) async fn queue_owners(connection: &Rc<Connection>) -> Result<Vec<(Owner, QueueTotals)>, StoreError> {
    let reader = Reader::begin(connection, &[QUEUE, COUNTS]).await?;
    let mut counts = rows::each(answer(reader.store(COUNTS)?.get_all()).await?, rows::counts)?;
    counts.sort_by(|a, b| a.0.cmp(&b.0));
    let mut owners = Vec::with_capacity(counts.len());
    for (owner, counts) in counts {
        let totals = totals(&reader, &owner, counts).await?;
        owners.push((owner, totals));
    }
    Ok(owners)
}

/// The oldest is the first row of a waiting status: two steps in the index, however long the queue.
async fn totals(reader: &Reader, owner: &str, counts: Counts) -> Result<QueueTotals, StoreError> {
    let index = reader.index(QUEUE, BY_STATUS)?;
    let mut oldest: Option<QueuedMeta> = None;
    for status in [PENDING, PROCESSING] {
        let range: JsValue = keys::starting_with([owner.into(), status.into()])?;
        let found = answer(index.get(&range)).await?;
        let Some(row) = rows::as_row(found) else { continue };
        let (meta, _) = rows::queued(&row)?;
        if oldest.as_ref().is_none_or(|oldest| meta.position < oldest.position) {
            oldest = Some(meta);
        }
    }
    let Counts { waiting, failed, bytes } = counts;
    Ok(QueueTotals { waiting, failed, bytes, oldest_queued_at: oldest.map(|meta| meta.queued_at) })
}

pub(crate) async fn journal(connection: &Rc<Connection>, limit: u32) -> Result<Vec<JournalEntry>, StoreError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let reader = Reader::begin(connection, &[JOURNAL]).await?;
    let found = reader.store(JOURNAL)?.get_all_with_key_and_limit(&JsValue::UNDEFINED, limit);
    rows::each(answer(found).await?, rows::journal_entry)
}
