//! The layout's steps. Each leads from one version to the next and is never changed once released. Opening runs those
//! that are missing in the one transaction that the browser gives for it: all or none.

use std::collections::BTreeMap;

use js_sys::Array;
use verses_core::CardEventKind;
use verses_store::StoreError;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{IdbDatabase, IdbIndexParameters, IdbKeyRange, IdbObjectStore, IdbObjectStoreParameters, IdbTransaction};

use crate::answer::answer;
use crate::events::primary_key;
use crate::js::Row;
use crate::layout::{
    BY_CREATION, BY_ENTITY, BY_ID, BY_OPERATION, BY_PHASE, BY_STATUS, CARDS, COUNTS, DUE, EVENTS, JOURNAL, META,
    PAYLOADS, PROFILES, QUEUE, REVIEW_DAYS, REVIEWS, SCHEMA_VERSION, STATE, UNSENT, UNVERIFIED, VERSES,
};
use crate::rows::{self, Counts};
use crate::{fault, keys};

/// Rows read at a time: enough to be quick, few enough to let the page draw in between.
const CHUNK: u32 = 500;

/// Brings a database from version `found` to the present one, within the transaction of its upgrade.
pub(crate) async fn to_present(
    database: &IdbDatabase,
    transaction: &IdbTransaction,
    found: u32,
) -> Result<(), StoreError> {
    for step in found..SCHEMA_VERSION {
        match step {
            0 => first_layout(database)?,
            1 => {
                payloads_apart(database, transaction).await?;
                days_of_reviews(transaction).await?;
            }
            _ => return Err(StoreError::Backend(format!("no step leads from schema {step}"))),
        }
    }
    Ok(())
}

/// Version 1: every table, the payload of an operation in its row of the queue.
fn first_layout(database: &IdbDatabase) -> Result<(), StoreError> {
    create(database, STATE, &[])?;
    let verses = create(database, VERSES, &["owner", "id"])?;
    index(&verses, BY_CREATION, &["owner", "created", "id"], false)?;
    index(&verses, UNVERIFIED, &["owner", "unverified", "id"], false)?;
    let cards = create(database, CARDS, &["owner", "id"])?;
    index(&cards, DUE, &["owner", "due", "id"], false)?;
    index(&cards, BY_PHASE, &["owner", "phase", "id"], false)?;
    let events = create(database, EVENTS, &["owner", "verse", "at", "id"])?;
    index(&events, BY_OPERATION, &["owner", "id"], true)?;
    index(&events, UNSENT, &["owner", "unsent", "id"], false)?;
    index(&events, REVIEWS, &["owner", "review", "id"], false)?;
    create(database, PROFILES, &[])?;
    let queue = create(database, QUEUE, &["position"])?;
    index(&queue, BY_ID, &["id"], true)?;
    index(&queue, BY_STATUS, &["owner", "status", "position"], false)?;
    index(&queue, BY_ENTITY, &["owner", "entity", "position"], false)?;
    create(database, JOURNAL, &["position"])?;
    create(database, META, &[])?;
    Ok(())
}

/// Version 2: payloads in a table of their own, and counts of the queue beside it.
async fn payloads_apart(database: &IdbDatabase, transaction: &IdbTransaction) -> Result<(), StoreError> {
    let payloads = create(database, PAYLOADS, &["id"])?;
    let counts = create(database, COUNTS, &["owner"])?;
    let queue = transaction.object_store(QUEUE).map_err(thrown)?;
    let mut counted: BTreeMap<String, Counts> = BTreeMap::new();
    let mut last = f64::NEG_INFINITY;
    loop {
        let found = answer(queue.get_all_with_key_and_limit(&keys::after(last)?, CHUNK)).await?;
        let found: Array = found.unchecked_into();
        for row in found.iter().map(JsCast::unchecked_into::<Row>) {
            last = row.position().ok_or_else(|| fault::corrupt("a row of the queue", "it has no position"))?;
            let (meta, _) = rows::queued(&row)?;
            let payload = Row::empty();
            payload.set_id(&meta.id);
            payload.set_version(row.version().map(|version| version as u32));
            payload.set_body(&row.data().ok_or_else(|| fault::corrupt("a row of the queue", "it has no payload"))?);
            payloads.put(&payload).map_err(thrown)?;
            row.set_version(None);
            row.set_data(None);
            queue.put(&row).map_err(thrown)?;
            counted.entry(meta.user_id.clone()).or_default().add(&meta);
        }
        if found.length() < CHUNK {
            break;
        }
    }
    for (owner, counted) in &counted {
        let row = rows::counts_row(owner, counted)?;
        counts.put(&row).map_err(thrown)?;
    }
    Ok(())
}

/// Version 2 as well: reviews are found by their day.
async fn days_of_reviews(transaction: &IdbTransaction) -> Result<(), StoreError> {
    let events = transaction.object_store(EVENTS).map_err(thrown)?;
    index(&events, REVIEW_DAYS, &["owner", "day"], false)?;
    let mut range = JsValue::UNDEFINED;
    loop {
        let found = answer(events.get_all_with_key_and_limit(&range, CHUNK)).await?;
        let found: Array = found.unchecked_into();
        for row in found.iter().map(JsCast::unchecked_into::<Row>) {
            let place = primary_key(&row).ok_or_else(|| fault::corrupt("an event", "it has no key"))?;
            range = IdbKeyRange::lower_bound_with_open(&place, true).map_err(thrown)?.into();
            let stored = rows::event(&row)?;
            if matches!(stored.event.kind, CardEventKind::Reviewed { .. }) {
                row.set_day(rows::day(stored.event.local_date));
                events.put(&row).map_err(thrown)?;
            }
        }
        if found.length() < CHUNK {
            return Ok(());
        }
    }
}

/// An object store whose rows carry their key in these properties; without any, keys are given beside the rows.
fn create(database: &IdbDatabase, name: &str, key: &[&str]) -> Result<IdbObjectStore, StoreError> {
    let parameters = IdbObjectStoreParameters::new();
    match key {
        [] => {}
        [one] => parameters.set_key_path(&(*one).into()),
        many => parameters.set_key_path(&path(many)),
    }
    database.create_object_store_with_optional_parameters(name, &parameters).map_err(thrown)
}

fn index(store: &IdbObjectStore, name: &str, key: &[&str], unique: bool) -> Result<(), StoreError> {
    let parameters = IdbIndexParameters::new();
    parameters.set_unique(unique);
    let path = if let [one] = key { (*one).into() } else { path(key) };
    store.create_index_with_str_sequence_and_optional_parameters(name, &path, &parameters).map_err(thrown)?;
    Ok(())
}

fn path(properties: &[&str]) -> JsValue {
    properties.iter().map(|property| JsValue::from_str(property)).collect::<Array>().into()
}

// By value, as `map_err` hands it over.
#[expect(clippy::needless_pass_by_value)]
fn thrown(thrown: JsValue) -> StoreError {
    fault::from_js(&thrown)
}
