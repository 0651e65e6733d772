//! Going through all events, and their order. Writing single ones is in `write`.

use verses_core::CardEvent;
use verses_store::{StoreError, StoredEvent};

use crate::connect::{Boxed, Transaction};
use crate::keys::{self, Part};
use crate::layout::EVENTS;
use crate::rows;
use crate::text::{Answers, Requests, plain};

/// Rows read at a time.
const CHUNK: usize = 500;

/// Writes again the events of an owner that the server has, as events it does not have; or, without an owner, all reviews as
/// they are, so that they are found by what rows did not have when they were written.
pub(crate) fn rewrite<'a>(transaction: &'a Transaction, unknown_of: Option<&'a str>) -> Boxed<'a, ()> {
    Box::pin(rewritten(transaction, unknown_of))
}

async fn rewritten(transaction: &Transaction, unknown_of: Option<&str>) -> Result<(), StoreError> {
    let mut range = unknown_of.map_or_else(|| keys::ALL.to_owned(), keys::of_owner);
    loop {
        let text = transaction.ask(Requests::limited("getAll", EVENTS, "", &range, CHUNK as u32)).await?;
        let mut requests = Requests::default();
        let mut found = 0;
        for row in Answers::of(&text).rows() {
            found += 1;
            let owner = plain(row.owner);
            let StoredEvent { event, seq } = rows::event(&row)?;
            if unknown_of.is_some() {
                range = keys::of_owner_after(&owner, &place(&owner, &event, &event.verse_id.to_string()));
                if seq.is_some() {
                    requests.put(EVENTS, &rows::event_row(&owner, &event, None)?);
                }
            } else {
                range = keys::after(&keys::key(&place(&owner, &event, &event.verse_id.to_string())));
                if rows::is_review(&event) {
                    requests.put(EVENTS, &rows::event_row(&owner, &event, seq)?);
                }
            }
        }
        transaction.ask(requests).await?;
        if found < CHUNK {
            return Ok(());
        }
    }
}

/// The key of an event's row.
fn place<'a>(owner: &'a str, event: &'a CardEvent, verse: &'a str) -> [Part<'a>; 4] {
    let at = Part::Number(event.occurred_at.0);
    [Part::Text(owner), Part::Text(verse), at, Part::Text(event.operation_id.as_str())]
}

/// The browser compares texts by UTF-16 units, the fold by code points. Sorting what is sorted costs next to nothing.
pub(crate) fn sort_for_the_fold(events: &mut [StoredEvent]) {
    events.sort_unstable_by(|a, b| {
        let by_time = a.event.occurred_at.cmp(&b.event.occurred_at);
        by_time.then_with(|| a.event.operation_id.as_str().cmp(b.event.operation_id.as_str()))
    });
}
