//! Rows of the browser's own cases: groups of added verses, each with its card, event and operation.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, date};
use verses_core::{CardEventKind, OperationId, Phase, VerseId};
use verses_store::conformance::{self, ANNA};
use verses_store::{LocalStore, StoreChange, StoreError};
use wasm_bindgen::prelude::*;

fn owner() -> String {
    ANNA.to_owned()
}

/// All that adding the `n`th verse writes.
pub(crate) fn added(n: u32) -> [StoreChange; 4] {
    [
        StoreChange::PutVerse { owner: owner(), verse: conformance::verse(n) },
        StoreChange::PutCard { owner: owner(), card: conformance::card(n, Phase::Daily, due(n)) },
        StoreChange::PutEvent {
            owner: owner(),
            event: conformance::event(n, n, i64::from(n), CardEventKind::Created),
            seq: None,
        },
        conformance::enqueue(ANNA, n),
    ]
}

/// All that a review of the `n`th verse writes.
pub(crate) fn reviewed(n: u32) -> [StoreChange; 3] {
    [
        StoreChange::PutCard { owner: owner(), card: conformance::card(n, Phase::Daily, due(n)) },
        StoreChange::PutEvent {
            owner: owner(),
            event: conformance::event(n, n, i64::from(n), conformance::reviewed()),
            seq: None,
        },
        conformance::enqueue(ANNA, n),
    ]
}

/// A card and so many events of it that the server has.
pub(crate) fn old_card(n: u32, events: u32) -> Vec<StoreChange> {
    let mut changes = vec![StoreChange::PutCard { owner: owner(), card: conformance::card(n, Phase::Daily, due(n)) }];
    changes.extend((0..events).map(|k| {
        let number = n * events + k;
        let event = conformance::event(number, n, i64::from(k), conformance::reviewed());
        StoreChange::PutEvent { owner: owner(), event, seq: Some(u64::from(number)) }
    }));
    changes
}

/// Due days of a hundred days.
fn due(n: u32) -> Date {
    date(2025, 1, 1).saturating_add(jiff::Span::new().days(n % 100))
}

/// Groups of `size` numbers that are there whole.
///
/// # Errors
/// One that names what is there in part.
pub(crate) async fn whole_groups(store: &impl LocalStore, size: u32) -> Result<Vec<u32>, JsError> {
    let verses: BTreeSet<VerseId> = store.verses(ANNA).await?.into_iter().map(|verse| verse.id).collect();
    let cards: BTreeSet<VerseId> = store.cards(ANNA).await?.into_iter().map(|card| card.verse_id).collect();
    let events: BTreeSet<OperationId> =
        store.events_without_seq(ANNA).await?.into_iter().map(|stored| stored.event.operation_id).collect();
    let queued: BTreeSet<String> =
        store.queue_of(ANNA, false, u32::MAX).await?.into_iter().map(|row| row.meta.id).collect();
    let mut found: BTreeMap<u32, u32> = BTreeMap::new();
    // Refused commits leave gaps, but never more than there is.
    for n in 0..(queued.len() as u32 + size) * 2 {
        let (verse, operation) = (conformance::verse_id(n), conformance::operation_id(n));
        let parts = [
            verses.contains(&verse),
            cards.contains(&verse),
            events.contains(&operation),
            queued.contains(operation.as_str()),
        ];
        match parts {
            [true, true, true, true] => *found.entry(n / size).or_default() += 1,
            [false, false, false, false] => {}
            _ => return Err(JsError::new(&format!("of number {n} only a part is there: {parts:?}"))),
        }
    }
    if let Some((group, count)) = found.iter().find(|(_, count)| **count != size) {
        return Err(JsError::new(&format!("of commit {group} only {count} operations are there")));
    }
    let counted = found.len() as u64 * u64::from(size);
    if [verses.len(), cards.len(), events.len(), queued.len()].iter().any(|there| *there as u64 != counted) {
        return Err(JsError::new(&format!("{counted} numbers do not account for all rows")));
    }
    let totals = store.queue_totals(ANNA).await?;
    if totals.waiting != counted {
        return Err(JsError::new(&format!("{} counted where {counted} operations wait", totals.waiting)));
    }
    Ok(found.into_keys().collect())
}

/// The error as tests look at it. By value, as `map_err` hands it over.
#[expect(clippy::needless_pass_by_value)]
pub(crate) fn shown(error: StoreError) -> JsError {
    JsError::new(&format!("{error:?}"))
}
