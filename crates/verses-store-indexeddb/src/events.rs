//! Going through all events, and their order. Writing single ones is in `write`.

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
            let (owner, verse, id) = (plain(row.owner), plain(row.verse), plain(row.id));
            let place = [Part::Text(&owner), Part::Text(&verse), Part::Json(row.at), Part::Text(&id)];
            range = match unknown_of {
                Some(_) => keys::of_owner_after(&owner, &place),
                None => keys::after(&keys::key(&place)),
            };
            let StoredEvent { event, seq } = rows::event(&row)?;
            let concerned = if unknown_of.is_some() { seq.is_some() } else { rows::is_review(&event) };
            if concerned {
                let kept = seq.filter(|_| unknown_of.is_none());
                requests.put(EVENTS, &rows::event_row_with(row.body, &owner, &event, kept)?);
            }
        }
        transaction.ask(requests).await?;
        if found < CHUNK {
            return Ok(());
        }
    }
}

/// The browser compares texts by UTF-16 units, the fold by code points. Sorting what is sorted costs next to nothing.
pub(crate) fn sort_for_the_fold(events: &mut [StoredEvent]) {
    events.sort_unstable_by(|a, b| {
        let by_time = a.event.occurred_at.cmp(&b.event.occurred_at);
        by_time.then_with(|| a.event.operation_id.as_str().cmp(b.event.operation_id.as_str()))
    });
}
