//! Writing events. An event is told by its operation, and stands where its verse and time put it: one that comes again may
//! have to leave another place. That is seldom, so a row is written at once and put right if it finds another.

use std::collections::BTreeSet;

use verses_core::CardEvent;
use verses_store::StoreError;
use wasm_bindgen::JsValue;

use crate::fault::corrupt;
use crate::js::Row;
use crate::layout::{BY_OPERATION, EVENTS};
use crate::writer::{Hope, Writer};
use crate::{fault, keys, rows};

/// Events written since the last time all were known to be in place.
#[derive(Default)]
pub(crate) struct Events {
    written: BTreeSet<(String, String)>,
}

impl Events {
    pub(crate) async fn put(
        &mut self,
        writer: &Writer,
        owner: &str,
        event: &CardEvent,
        seq: Option<u64>,
    ) -> Result<(), StoreError> {
        let name = (owner.to_owned(), event.operation_id.as_str().to_owned());
        if self.written.contains(&name) {
            self.settle(writer).await?;
        }
        self.written.insert(name);
        let row = rows::event_row(owner, event, seq)?;
        if seq.is_some() {
            // Replaces the same event in its place; in another place it collides.
            writer.put_hoping(EVENTS, &row, Hope::Event(row.clone())).await
        } else {
            // The one that is there may have a place in the server's history, which must not be lost.
            writer.add_hoping(EVENTS, &row, Hope::Event(row.clone())).await
        }
    }

    pub(crate) async fn delete(&mut self, writer: &Writer, owner: &str, id: &str) -> Result<(), StoreError> {
        if !self.written.is_empty() {
            self.settle(writer).await?;
        }
        let index = writer.store(EVENTS)?.index(BY_OPERATION).map_err(|thrown| fault::from_js(&thrown))?;
        let found = writer.ask(index.get_key(&keys::key([owner.into(), id.into()]))).await?;
        if found.is_undefined() { Ok(()) } else { writer.delete(EVENTS, &found).await }
    }

    /// Waits until every event written is in its place.
    pub(crate) async fn settle(&mut self, writer: &Writer) -> Result<(), StoreError> {
        if self.written.is_empty() {
            return Ok(());
        }
        self.written.clear();
        for row in writer.settle().await? {
            replace(writer, &row).await?;
        }
        Ok(())
    }
}

async fn replace(writer: &Writer, row: &Row) -> Result<(), StoreError> {
    let index = writer.store(EVENTS)?.index(BY_OPERATION).map_err(|thrown| fault::from_js(&thrown))?;
    let (owner, id) = (row.owner().unwrap_or_default(), row.id().unwrap_or_default());
    let found = writer.ask(index.get(&keys::key([owner.into(), id.as_str().into()]))).await?;
    if let Some(old) = rows::as_row(found) {
        if row.seq().is_none() && old.seq().is_some() {
            row.set_seq(old.seq());
            row.set_unsent(None);
        }
        let place = primary_key(&old).ok_or_else(|| corrupt(format!("event {id}"), "it has no key"))?;
        writer.delete(EVENTS, &place).await?;
    }
    writer.put(EVENTS, row).await
}

/// The key of an event's row.
pub(crate) fn primary_key(row: &Row) -> Option<JsValue> {
    Some(keys::key([row.owner()?.into(), row.verse()?.into(), row.at()?.into(), row.id()?.into()]))
}
