//! Cases about transactions: atomicity, revisions, conflicts, listeners, `meta`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::civil::date;
use verses_core::Phase;

use super::{ANNA, card, enqueue, event, operation_id, profile, reviewed, verse, verse_id};
use crate::{Committed, LocalStore, QueueTotals, Revision, StoreChange, StoreError, meta_key};

fn put_meta(key: &str, value: &str) -> StoreChange {
    StoreChange::PutMeta { key: key.to_owned(), value: value.to_owned() }
}

/// One change of each table.
fn a_bit_of_everything(n: u32) -> Vec<StoreChange> {
    let owner = || ANNA.to_owned();
    vec![
        StoreChange::PutVerse { owner: owner(), verse: verse(n) },
        StoreChange::PutCard { owner: owner(), card: card(n, Phase::Daily, date(2025, 6, 16)) },
        StoreChange::PutEvent { owner: owner(), event: event(n, n, 0, reviewed()), seq: None },
        StoreChange::PutProfile { owner: owner(), profile: profile(n) },
        put_meta(meta_key::LAST_OCCURRED_AT, "17"),
        enqueue(ANNA, n),
    ]
}

async fn assert_nothing_of(store: &impl LocalStore, n: u32) {
    assert_eq!(store.verse(ANNA, verse_id(n)).await, Ok(None));
    assert_eq!(store.card(ANNA, verse_id(n)).await, Ok(None));
    assert_eq!(store.events(ANNA, verse_id(n)).await, Ok(vec![]));
    assert_eq!(store.queued(&[operation_id(n).into_string()]).await, Ok(vec![]));
}

/// Case.
pub async fn a_new_store_is_empty_at_revision_zero(store: impl LocalStore) {
    assert_eq!(store.revision().await, Ok(Revision(0)));
    assert_eq!(store.verses(ANNA).await, Ok(vec![]));
    assert_eq!(store.cards(ANNA).await, Ok(vec![]));
    assert_eq!(store.queue_metas(None, 10).await, Ok(vec![]));
    assert_eq!(store.queue_owners().await, Ok(vec![]));
    assert_eq!(store.queue_totals(ANNA).await, Ok(QueueTotals::default()));
    assert_eq!(store.journal(10).await, Ok(vec![]));
    assert_eq!(store.meta(meta_key::SESSION).await, Ok(None));
}

/// Case.
pub async fn a_commit_writes_everything_and_raises_the_revision_by_one(store: impl LocalStore) {
    let before = store.revision().await.expect("a revision");
    let committed = store.commit(Some(before), a_bit_of_everything(1)).await.expect("a commit");
    assert_eq!(committed.revision, Revision(before.0 + 1));
    assert_eq!(committed.positions.len(), 1);
    assert_eq!(store.revision().await, Ok(committed.revision));
    assert_eq!(store.verse(ANNA, verse_id(1)).await, Ok(Some(verse(1))));
    assert_eq!(store.card(ANNA, verse_id(1)).await, Ok(Some(card(1, Phase::Daily, date(2025, 6, 16)))));
    assert_eq!(store.events(ANNA, verse_id(1)).await.expect("events").len(), 1);
    assert_eq!(store.profile(ANNA).await, Ok(profile(1)));
    assert_eq!(store.meta(meta_key::LAST_OCCURRED_AT).await, Ok(Some("17".to_owned())));
    assert_eq!(store.queued(&[operation_id(1).into_string()]).await.expect("rows").len(), 1);
}

/// Case.
pub async fn a_commit_that_fails_in_the_middle_writes_nothing(store: impl LocalStore) {
    let base = store.commit(None, vec![enqueue(ANNA, 9)]).await.expect("a commit").revision;
    let mut changes = a_bit_of_everything(1);
    changes.push(enqueue(ANNA, 9));
    changes.extend(a_bit_of_everything(2));
    let refused = store.commit(Some(base), changes).await;
    assert_eq!(refused, Err(StoreError::DuplicateOperation(operation_id(9).into_string())));
    assert_nothing_of(&store, 1).await;
    assert_nothing_of(&store, 2).await;
    assert_eq!(store.meta(meta_key::LAST_OCCURRED_AT).await, Ok(None));
    assert_eq!(store.profile(ANNA).await, Ok(verses_core::Profile::default()));
    assert_eq!(store.revision().await, Ok(base));
    assert_eq!(store.queue_totals(ANNA).await.expect("totals").waiting, 1);
    store.commit(Some(base), a_bit_of_everything(1)).await.expect("the store works on");
}

/// Case.
pub async fn a_commit_on_an_old_revision_is_a_conflict_and_writes_nothing(store: impl LocalStore) {
    let old = store.revision().await.expect("a revision");
    let present = store.commit(None, vec![put_meta("a", "1")]).await.expect("a commit").revision;
    assert_eq!(store.commit(Some(old), a_bit_of_everything(1)).await, Err(StoreError::Conflict));
    assert_eq!(store.commit(Some(Revision(present.0 + 1)), vec![put_meta("a", "2")]).await, Err(StoreError::Conflict));
    assert_nothing_of(&store, 1).await;
    assert_eq!(store.revision().await, Ok(present));
    store.commit(Some(present), a_bit_of_everything(1)).await.expect("reading again helps");
}

/// Case.
pub async fn a_commit_without_changes_writes_nothing(store: impl LocalStore) {
    let present = store.commit(None, vec![put_meta("a", "1")]).await.expect("a commit").revision;
    let nothing = Committed { revision: present, positions: vec![] };
    assert_eq!(store.commit(Some(present), vec![]).await, Ok(nothing.clone()));
    assert_eq!(store.commit(None, vec![]).await, Ok(nothing));
    assert_eq!(store.commit(Some(Revision(0)), vec![]).await, Err(StoreError::Conflict));
    assert_eq!(store.revision().await, Ok(present));
}

/// Case.
pub async fn changes_of_one_commit_apply_in_the_order_given(store: impl LocalStore) {
    let owner = || ANNA.to_owned();
    let changes = vec![
        StoreChange::PutVerse { owner: owner(), verse: verse(1) },
        StoreChange::DeleteVerse { owner: owner(), verse_id: verse_id(1) },
        StoreChange::DeleteVerse { owner: owner(), verse_id: verse_id(2) },
        StoreChange::PutVerse { owner: owner(), verse: verse(2) },
        put_meta("a", "1"),
        put_meta("a", "2"),
    ];
    store.commit(None, changes).await.expect("a commit");
    assert_eq!(store.verses(ANNA).await, Ok(vec![verse(2)]));
    assert_eq!(store.meta("a").await, Ok(Some("2".to_owned())));
}

/// Case.
pub async fn clones_are_handles_to_the_same_store(store: impl LocalStore) {
    let other = store.clone();
    let committed = other.commit(None, a_bit_of_everything(1)).await.expect("a commit");
    assert_eq!(store.revision().await, Ok(committed.revision));
    assert_eq!(store.verses(ANNA).await, Ok(vec![verse(1)]));
}

/// Case.
pub async fn racing_commits_on_one_revision_let_exactly_one_through(store: impl LocalStore) {
    let base = store.revision().await.expect("a revision");
    let other = store.clone();
    let first = store.commit(Some(base), vec![enqueue(ANNA, 1)]);
    let second = other.commit(Some(base), vec![enqueue(ANNA, 2)]);
    let (second, first) = (second.await, first.await);
    assert!(second.is_ok() && first == Err(StoreError::Conflict), "{first:?} {second:?}");
    assert_eq!(store.queue_totals(ANNA).await.expect("totals").waiting, 1);
}

/// Case.
pub async fn listeners_hear_of_each_commit_once_and_not_after_the_subscription_ends(store: impl LocalStore) {
    let heard = Arc::new(AtomicU64::new(0));
    let last = Arc::new(AtomicU64::new(0));
    let (count, newest) = (heard.clone(), last.clone());
    let subscription = store.subscribe(Box::new(move |revision: Revision| {
        count.fetch_add(1, Ordering::SeqCst);
        newest.store(revision.0, Ordering::SeqCst);
    }));
    let handle = store.clone();
    let revision = handle.commit(None, a_bit_of_everything(1)).await.expect("a commit").revision;
    assert_eq!((heard.load(Ordering::SeqCst), last.load(Ordering::SeqCst)), (1, revision.0));
    let _refused = store.commit(None, vec![enqueue(ANNA, 1)]).await.expect_err("a duplicate");
    store.commit(None, vec![]).await.expect("an empty commit");
    store.mark_verses_verified(ANNA, &[verse_id(8)], verse(8).created_at).await.expect("nothing to mark");
    assert_eq!(heard.load(Ordering::SeqCst), 1, "nothing was written");
    store.mark_verses_verified(ANNA, &[verse_id(1)], verse(1).created_at).await.expect("a commit");
    assert_eq!(heard.load(Ordering::SeqCst), 2);
    drop(subscription);
    store.commit(None, vec![enqueue(ANNA, 3)]).await.expect("a commit");
    assert_eq!(heard.load(Ordering::SeqCst), 2);
}

/// Case.
pub async fn meta_values_are_set_replaced_and_removed(store: impl LocalStore) {
    let key = meta_key::cursor(ANNA);
    store.commit(None, vec![put_meta(&key, "\"c1\""), put_meta("other", "1")]).await.expect("a commit");
    store.commit(None, vec![put_meta(&key, "\"c2\"")]).await.expect("a commit");
    assert_eq!(store.meta(&key).await, Ok(Some("\"c2\"".to_owned())));
    store.commit(None, vec![StoreChange::DeleteMeta { key: key.clone() }]).await.expect("a commit");
    store.commit(None, vec![StoreChange::DeleteMeta { key: key.clone() }]).await.expect("removing nothing");
    assert_eq!(store.meta(&key).await, Ok(None));
    assert_eq!(store.meta("other").await, Ok(Some("1".to_owned())));
}
