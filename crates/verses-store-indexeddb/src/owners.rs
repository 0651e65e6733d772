//! Changes of all rows of an owner: adopting a guest's, forgetting one, forgetting what the server had. They go through the
//! tables in chunks, so that no number of rows fills the memory or holds up the page.

use js_sys::Array;
use verses_store::StoreError;
use wasm_bindgen::{JsCast, JsValue};

use crate::events::primary_key;
use crate::fault::{self, corrupt};
use crate::js::Row;
use crate::keys;
use crate::layout::{BY_STATUS, CARDS, EVENTS, JOURNAL, PAYLOADS, PROFILES, QUEUE, VERSES};
use crate::write::Commit;
use crate::writer::{Hope, Writer};

/// Rows read at a time.
const CHUNK: u32 = 500;

/// Rows that the other owner has already stay as they are there, and the moved duplicates are dropped.
pub(crate) async fn move_rows(commit: &mut Commit, from: &str, to: &str) -> Result<(), StoreError> {
    let writer = &commit.writer;
    for store in [VERSES, CARDS, EVENTS] {
        move_table(writer, store, from, to).await?;
    }
    let profiles = writer.store(PROFILES)?;
    let moved = writer.ask(profiles.get(&from.into())).await?;
    if let Some(profile) = moved.as_string() {
        let kept = writer.ask(profiles.get_key(&to.into())).await?;
        if kept.is_undefined() {
            writer.put_at(PROFILES, to, &profile).await?;
        }
        writer.delete(PROFILES, &from.into()).await?;
    }
    commit.queue.load_counts(writer).await?;
    while let Some(rows) = queue_chunk(writer, from).await? {
        for row in rows {
            row.set_owner(to);
            writer.put(QUEUE, &row).await?;
        }
    }
    commit.queue.move_counts(from, to);
    rename_in_journal(writer, from, to).await
}

/// The journal keeps what was sent, without a name.
pub(crate) async fn forget(commit: &mut Commit, owner: &str) -> Result<(), StoreError> {
    let writer = &commit.writer;
    for store in [VERSES, CARDS, EVENTS] {
        writer.delete(store, &keys::starting_with([owner.into()])?).await?;
    }
    writer.delete(PROFILES, &owner.into()).await?;
    commit.queue.load_counts(writer).await?;
    while let Some(rows) = queue_chunk(writer, owner).await? {
        for row in rows {
            let (position, id) =
                row.position().zip(row.id()).ok_or_else(|| corrupt("the queue", "a row has no key"))?;
            writer.delete(QUEUE, &position.into()).await?;
            writer.delete(PAYLOADS, &id.into()).await?;
        }
    }
    commit.queue.forget_counts(owner);
    rename_in_journal(writer, owner, "").await
}

/// Every event of the owner counts as unknown to the server.
pub(crate) async fn forget_seqs(writer: &Writer, owner: &str) -> Result<(), StoreError> {
    let events = writer.store(EVENTS)?;
    let mut range = keys::starting_with([owner.into()])?;
    loop {
        let found = rows_of(writer.ask(events.get_all_with_key_and_limit(&range, CHUNK)).await?)?;
        let Some(last) = found.last() else { return Ok(()) };
        let last = primary_key(last).ok_or_else(|| corrupt("an event", "it has no key"))?;
        range = keys::starting_with_after([owner.into()], &last)?;
        for row in found.iter().filter(|row| row.seq().is_some()) {
            row.set_seq(None);
            row.set_unsent(row.at());
            writer.put(EVENTS, row).await?;
        }
    }
}

async fn move_table(writer: &Writer, store: &'static str, from: &str, to: &str) -> Result<(), StoreError> {
    let range = keys::starting_with([from.into()])?;
    let rows = writer.store(store)?;
    loop {
        let found = rows_of(writer.ask(rows.get_all_with_key_and_limit(&range, CHUNK)).await?)?;
        if found.is_empty() {
            return Ok(());
        }
        for row in found {
            let key = if store == EVENTS { primary_key(&row) } else { two_part_key(&row) };
            let key = key.ok_or_else(|| corrupt(store, "a row has no key"))?;
            writer.delete(store, &key).await?;
            row.set_owner(to);
            writer.add_hoping(store, &row, Hope::Row).await?;
        }
    }
}

fn two_part_key(row: &Row) -> Option<JsValue> {
    Some(keys::key([row.owner()?.into(), row.id()?.into()]))
}

/// Some rows of an owner's queue; they must leave it before the next are asked for.
async fn queue_chunk(writer: &Writer, owner: &str) -> Result<Option<Vec<Row>>, StoreError> {
    let index = writer.store(QUEUE)?.index(BY_STATUS).map_err(|thrown| fault::from_js(&thrown))?;
    let range = keys::starting_with([owner.into()])?;
    let found = rows_of(writer.ask(index.get_all_with_key_and_limit(&range, CHUNK)).await?)?;
    Ok((!found.is_empty()).then_some(found))
}

async fn rename_in_journal(writer: &Writer, from: &str, to: &str) -> Result<(), StoreError> {
    let found = rows_of(writer.ask(writer.store(JOURNAL)?.get_all()).await?)?;
    for row in found.iter().filter(|row| row.owner().as_deref() == Some(from)) {
        row.set_owner(to);
        writer.put(JOURNAL, row).await?;
    }
    Ok(())
}

fn rows_of(found: JsValue) -> Result<Vec<Row>, StoreError> {
    let found: Array = found.dyn_into().map_err(|other| fault::from_js(&other))?;
    Ok(found.iter().map(JsCast::unchecked_into).collect())
}
