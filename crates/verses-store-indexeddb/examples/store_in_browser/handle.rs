//! A store as the page's script sees it, for the cases that only a browser has.

use jiff::civil::date;
use js_sys::Function;
use verses_store::conformance::{ANNA, operation_id, queued};
use verses_store::{CardCounts, LocalStore, PAYLOAD_VERSION, Revision, Subscription};
use verses_store_indexeddb::{IndexedDbStore, SCHEMA_VERSION};
use wasm_bindgen::prelude::*;

use crate::rows::{added, old_card, reviewed, shown, whole_groups};

/// A store and what listens to it.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Handle {
    store: IndexedDbStore,
    subscriptions: Vec<Subscription>,
}

/// The schema of this release.
#[wasm_bindgen]
#[must_use]
pub fn schema_version() -> u32 {
    SCHEMA_VERSION
}

/// The queue's row of the `n`th operation as the first layout had it: `[id, owner, entity, body, payload version, payload]`.
///
/// # Errors
/// None in practice: our own types have JSON.
#[wasm_bindgen]
pub fn first_layout_row(n: u32, position: f64) -> Result<Vec<JsValue>, JsError> {
    let mut row = queued(ANNA, n);
    row.meta.position = position as i64;
    let body = serde_json::json!({ "meta": row.meta, "local_ref": row.local_ref }).to_string();
    let data = serde_json::to_string(&row.data)?;
    Ok(vec![
        row.meta.id.into(),
        row.meta.user_id.into(),
        row.meta.entity.into(),
        body.into(),
        PAYLOAD_VERSION.into(),
        data.into(),
    ])
}

#[wasm_bindgen]
impl Handle {
    /// Opens a store.
    ///
    /// # Errors
    /// The store's.
    pub async fn open(name: String) -> Result<Self, JsError> {
        let store = IndexedDbStore::open(&name).await.map_err(shown)?;
        Ok(Self { store, subscriptions: Vec::new() })
    }

    /// The present revision.
    ///
    /// # Errors
    /// The store's.
    pub async fn revision(&self) -> Result<f64, JsError> {
        Ok(self.store.revision().await.map_err(shown)?.0 as f64)
    }

    /// Adds the verses from number `from` on, in one commit; the revision after it.
    ///
    /// # Errors
    /// The store's.
    pub async fn add(&self, from: u32, count: u32, base: Option<f64>) -> Result<f64, JsError> {
        let changes = (from..from + count).flat_map(added).collect();
        let committed = self.store.commit(base.map(|base| Revision(base as u64)), changes).await.map_err(shown)?;
        Ok(committed.revision.0 as f64)
    }

    /// One review, in one commit.
    ///
    /// # Errors
    /// The store's.
    pub async fn review(&self, n: u32) -> Result<f64, JsError> {
        Ok(self.store.commit(None, reviewed(n).to_vec()).await.map_err(shown)?.revision.0 as f64)
    }

    /// Writes cards with so many events each.
    ///
    /// # Errors
    /// The store's.
    pub async fn fill_cards(&self, from: u32, count: u32, events: u32) -> Result<(), JsError> {
        let changes = (from..from + count).flat_map(|n| old_card(n, events)).collect();
        self.store.commit(None, changes).await.map_err(shown)?;
        Ok(())
    }

    /// Enqueues operations without anything else.
    ///
    /// # Errors
    /// The store's.
    pub async fn fill_queue(&self, from: u32, count: u32) -> Result<(), JsError> {
        let changes = (from..from + count).map(|n| verses_store::conformance::enqueue(ANNA, n)).collect();
        self.store.commit(None, changes).await.map_err(shown)?;
        Ok(())
    }

    /// How many cards are due in the first `days` days, of a hundred.
    ///
    /// # Errors
    /// The store's.
    pub async fn due(&self, days: i32) -> Result<u32, JsError> {
        let day = date(2025, 1, 1).saturating_add(jiff::Span::new().days(days - 1));
        Ok(self.store.due_cards(ANNA, day).await.map_err(shown)?.len() as u32)
    }

    /// Whether counting cards in the index gives what counting the cards gives, on the first `days` days.
    ///
    /// # Errors
    /// The store's, and one that names the difference.
    pub async fn check_counts(&self, days: i32) -> Result<(), JsError> {
        let cards = self.store.cards(ANNA).await.map_err(shown)?;
        for day in 0..days {
            let today = date(2025, 1, 1).saturating_add(jiff::Span::new().days(day));
            let (found, expected) = (self.store.card_counts(ANNA, today).await, CardCounts::of(&cards, today));
            if found.as_ref() != Ok(&expected) {
                return Err(JsError::new(&format!("on {today} {found:?} instead of {expected:?}")));
            }
        }
        Ok(())
    }

    /// How many rows of the queue there are, read without payloads.
    ///
    /// # Errors
    /// The store's.
    pub async fn metas(&self) -> Result<u32, JsError> {
        Ok(self.store.queue_metas(None, u32::MAX).await.map_err(shown)?.len() as u32)
    }

    /// Whether every operation of `0..count` waits in the queue as it was made, and how many there are.
    ///
    /// # Errors
    /// The store's, and one that names what is missing.
    pub async fn check_queue(&self, count: u32) -> Result<u32, JsError> {
        let ids: Vec<String> = (0..count).map(|n| operation_id(n).into_string()).collect();
        let rows = self.store.queued(&ids).await.map_err(shown)?;
        for (n, row) in (0..).zip(&rows) {
            let mut expected = queued(ANNA, n);
            expected.meta.position = row.meta.position;
            if *row != expected {
                return Err(JsError::new(&format!("operation {n} is now {row:?}")));
            }
        }
        let totals = self.store.queue_totals(ANNA).await.map_err(shown)?;
        let bytes: u64 = rows.iter().map(|row| u64::from(row.meta.payload_bytes)).sum();
        if (totals.waiting, totals.bytes) != (rows.len() as u64, bytes) {
            return Err(JsError::new(&format!("{} rows are counted as {totals:?}", rows.len())));
        }
        Ok(rows.len() as u32)
    }

    /// Numbers of the commits of `size` verses that are there whole; fails if one is there in part.
    ///
    /// # Errors
    /// The store's, and one that names what is there in part.
    pub async fn whole(&self, size: u32) -> Result<Vec<u32>, JsError> {
        whole_groups(&self.store, size).await
    }

    /// Calls `listener` with the revision after each commit.
    pub fn subscribe(&mut self, listener: Function) {
        let call = move |revision: Revision| {
            let _returned = listener.call1(&JsValue::UNDEFINED, &(revision.0 as f64).into());
        };
        self.subscriptions.push(self.store.subscribe(Box::new(call)));
    }
}
