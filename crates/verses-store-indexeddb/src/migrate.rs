//! The layout's steps. Each leads from one version to the next and is never changed once released. Opening runs those
//! that are missing in the one transaction that the browser gives for it: all or none. What they make is said as data to
//! `js/indexeddb.js`; what becomes of the rows of an older layout is done here.

use verses_store::StoreError;

use crate::connect::Transaction;
use crate::layout::{COUNTS, PAYLOADS, QUEUE};
use crate::rows::{self, Counts};
use crate::text::{Answers, COLUMNS, Requests};
use crate::{events, keys};

/// Rows read at a time: enough to be quick, few enough to let the page draw in between.
const CHUNK: usize = 500;

/// Version 1: every table, the payload of an operation in its row of the queue.
const FIRST_LAYOUT: &str = r#"{
"stores":[["state",null],["verses",["owner","id"]],["verse_cards",["owner","id"]],
["card_events",["owner","verse","at","id"]],["user_profiles",null],["sync_queue","position"],
["sync_journal","position"],["meta",null]],
"indexes":[["verses","by_creation",["owner","created","id"]],["verses","unverified",["owner","unverified","id"]],
["verse_cards","due",["owner","due","id"]],["verse_cards","by_phase",["owner","phase","id"]],
["card_events","by_operation",["owner","id"],"unique"],["card_events","unsent",["owner","unsent","id"]],
["card_events","reviews",["owner","review","id"]],["sync_queue","by_id","id","unique"],
["sync_queue","by_status",["owner","status","position"]],["sync_queue","by_entity",["owner","entity","position"]]]}"#;

/// Version 2: payloads in a table of their own, and counts of the queue beside it. Reviews are found by their day.
const SECOND_LAYOUT: &str = r#"{
"stores":[["sync_payloads","id"],["sync_queue_counts","owner"]],
"indexes":[["card_events","review_days",["owner","day"]]]}"#;

/// What `js/indexeddb.js` must know: the steps, what it answers of a row, and how channels are named.
pub(crate) fn layout() -> String {
    let parts =
        [r#"{"channel":"verses-store/","columns":"#, COLUMNS, r#","steps":["#, FIRST_LAYOUT, ",", SECOND_LAYOUT, "]}"];
    parts.concat()
}

/// Brings rows of the first layout, the only older one, up to the present one, and ends the transaction of its upgrade.
pub(crate) async fn rows(transaction: &Transaction) -> Result<(), StoreError> {
    events::rewrite(transaction, None).await?;
    payloads_apart(transaction).await
}

async fn payloads_apart(transaction: &Transaction) -> Result<(), StoreError> {
    let mut counted: Vec<(String, Counts)> = Vec::new();
    let mut range = keys::ALL.to_owned();
    loop {
        let asked = Requests::limited("getAll", QUEUE, "", &range, CHUNK as u32);
        let text = transaction.ask(asked).await?;
        let mut requests = Requests::default();
        let mut found = 0;
        for row in Answers::of(&text).rows() {
            found += 1;
            range = keys::after(row.position);
            let meta = rows::queued_meta(&row)?;
            let version = rows::version(&row)?;
            requests.put(PAYLOADS, &rows::payload_row(&meta.id, version, row.data));
            requests.put(QUEUE, &rows::queue_row_with(row.body, &meta));
            rows::counts_of(&mut counted, &meta.user_id).add(&meta);
        }
        if found < CHUNK {
            for (owner, counts) in &counted {
                requests.put(COUNTS, &rows::counts_row(owner, counts));
            }
            return transaction.finish(requests).await.map(|_| ());
        }
        transaction.ask(requests).await?;
    }
}
