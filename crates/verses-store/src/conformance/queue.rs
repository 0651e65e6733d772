//! Cases about the queue and the journal.

use batchsync::{FailureReason, JournalEntry, JournalOutcome, OperationStatus, QueueChange};

use super::{
    ANNA, BEN, EPOCH, enqueue, enqueue_row, every_status, failed, journal_entry, operation_id, processing, queued,
    review,
};
use crate::{JOURNAL_LIMIT, LocalStore, QueueTotals, QueuedOperation, StoreChange, StoreError};

fn id(n: u32) -> String {
    operation_id(n).into_string()
}

fn set_status(n: u32, status: OperationStatus, retry_count: u32, ever_sent: bool) -> StoreChange {
    StoreChange::Queue(QueueChange::SetStatus { id: id(n), status, retry_count, ever_sent })
}

pub(super) fn fail(n: u32, status: &OperationStatus) -> StoreChange {
    set_status(n, status.clone(), 3, true)
}

pub(super) fn complete(n: u32, entry: JournalEntry) -> StoreChange {
    StoreChange::Queue(QueueChange::Complete { id: id(n), entry })
}

/// The row as the store must give it back.
fn at(position: i64, mut row: QueuedOperation) -> QueuedOperation {
    row.meta.position = position;
    row
}

/// Case.
pub async fn positions_rise_and_are_never_used_again(store: impl LocalStore) {
    let committed = store.commit(None, (1..=3).map(|n| enqueue(ANNA, n)).collect()).await.expect("a commit");
    let mut last = 0;
    for position in &committed.positions {
        assert!(*position > last);
        last = *position;
    }
    let leave = (1..=3).map(|n| complete(n, journal_entry(ANNA, n, JournalOutcome::Applied))).collect();
    store.commit(None, leave).await.expect("a commit");
    let again = store.commit(None, vec![enqueue(BEN, 4), enqueue(ANNA, 5)]).await.expect("a commit");
    assert_eq!(again.positions.len(), 2);
    assert!(again.positions[0] > last && again.positions[1] > again.positions[0]);
    store.commit(None, vec![enqueue(BEN, 4)]).await.expect_err("a duplicate");
    let after_failure = store.commit(None, vec![enqueue(BEN, 6)]).await.expect("a commit");
    assert!(after_failure.positions[0] > again.positions[1]);
}

/// Case.
pub async fn an_operation_comes_back_as_it_was_enqueued(store: impl LocalStore) {
    let mut row = queued(ANNA, 1);
    row.meta.depends_on = Some(id(7));
    row.meta.retry_count = 2;
    row.meta.ever_sent = true;
    row.meta.position = 4_711;
    row.local_ref = "card/'x'".to_owned();
    let committed = store.commit(None, vec![enqueue_row(row.clone())]).await.expect("a commit");
    let row = at(committed.positions[0], row);
    assert_eq!(store.queued(&[id(1)]).await, Ok(vec![row.clone()]));
    assert_eq!(store.queue_metas(None, 5).await, Ok(vec![row.meta]));
}

/// Case.
pub async fn an_id_queued_already_is_refused_whoever_owns_it(store: impl LocalStore) {
    store.commit(None, vec![enqueue(ANNA, 1)]).await.expect("a commit");
    let duplicate = Err(StoreError::DuplicateOperation(id(1)));
    assert_eq!(store.commit(None, vec![enqueue(ANNA, 1)]).await, duplicate);
    assert_eq!(store.commit(None, vec![enqueue(BEN, 1)]).await, duplicate);
    let twice = store.commit(None, vec![enqueue(ANNA, 2), enqueue(ANNA, 2)]).await;
    assert_eq!(twice, Err(StoreError::DuplicateOperation(id(2))));
    assert_eq!(store.queue_metas(None, 5).await.expect("metas").len(), 1);
}

/// Case.
pub async fn an_id_that_left_the_queue_may_come_again(store: impl LocalStore) {
    let leave = || complete(1, journal_entry(ANNA, 1, JournalOutcome::Applied));
    store.commit(None, vec![enqueue(ANNA, 1), leave(), enqueue(ANNA, 1)]).await.expect("a commit");
    assert_eq!(store.queue_totals(ANNA).await.expect("totals").waiting, 1);
    store.commit(None, vec![leave()]).await.expect("a commit");
    store.commit(None, vec![enqueue(ANNA, 1)]).await.expect("offering it to a restored server again");
    assert_eq!(store.journal(5).await.expect("entries").len(), 2);
}

/// Case.
pub async fn only_pending_operations_are_enqueued(store: impl LocalStore) {
    let mut row = queued(ANNA, 1);
    row.meta.status = processing();
    assert!(matches!(store.commit(None, vec![enqueue_row(row)]).await, Err(StoreError::Backend(_))));
    assert_eq!(store.queue_metas(None, 5).await, Ok(vec![]));
}

/// Case.
pub async fn every_status_is_stored_whole(store: impl LocalStore) {
    for (n, status) in (1..).zip(every_status()) {
        let committed = store.commit(None, vec![enqueue(ANNA, n)]).await.expect("a commit");
        store.commit(None, vec![set_status(n, status.clone(), n, n % 2 == 0)]).await.expect("a commit");
        let mut row = at(committed.positions[0], queued(ANNA, n));
        row.meta.status = status;
        row.meta.retry_count = n;
        row.meta.ever_sent = n % 2 == 0;
        assert_eq!(store.queued(&[id(n)]).await, Ok(vec![row.clone()]));
        assert_eq!(store.queued_for_entity(ANNA, &row.meta.entity).await, Ok(vec![row.meta]));
    }
    store.commit(None, vec![set_status(2, OperationStatus::Pending, 0, true)]).await.expect("a commit");
    assert_eq!(store.queued(&[id(2)]).await.expect("rows")[0].meta.status, OperationStatus::Pending);
}

/// Case.
pub async fn a_row_moved_to_the_end_comes_last_and_stays_as_it_is(store: impl LocalStore) {
    let committed = store.commit(None, (1..=3).map(|n| enqueue(ANNA, n)).collect()).await.expect("a commit");
    let to_end = |n: u32| StoreChange::MoveToEnd { id: id(n) };
    store.commit(None, vec![to_end(1), to_end(9), enqueue(BEN, 4), to_end(2)]).await.expect("a commit");
    let metas = store.queue_metas(None, 10).await.expect("rows");
    let order: Vec<&str> = metas.iter().map(|meta| meta.id.as_str()).collect();
    assert_eq!(order, [id(3), id(1), id(4), id(2)]);
    assert!(metas[1].position > committed.positions[2], "a position is never used again");
    assert_eq!(store.queued(&[id(1)]).await, Ok(vec![at(metas[1].position, queued(ANNA, 1))]));
    assert_eq!(store.queue_totals(ANNA).await.expect("totals").waiting, 3);
    let next = store.commit(None, vec![enqueue(ANNA, 5)]).await.expect("a commit");
    assert!(next.positions[0] > metas[3].position);
}

/// Case.
pub async fn a_renewed_row_counts_its_age_anew(store: impl LocalStore) {
    let committed = store.commit(None, vec![enqueue(ANNA, 1), enqueue(ANNA, 2)]).await.expect("a commit");
    let renew = |n: u32| StoreChange::Queue(QueueChange::Renew { id: id(n), queued_at: EPOCH + 77 });
    store.commit(None, vec![renew(1), renew(9)]).await.expect("a commit");
    let mut row = at(committed.positions[0], queued(ANNA, 1));
    row.meta.queued_at = EPOCH + 77;
    assert_eq!(store.queued(&[id(1)]).await, Ok(vec![row]), "the rest of the row stays");
    assert_eq!(store.queued(&[id(2)]).await, Ok(vec![at(committed.positions[1], queued(ANNA, 2))]));
    assert_eq!(store.queue_totals(ANNA).await.expect("totals").oldest_queued_at, Some(EPOCH + 77));
}

/// Case.
pub async fn claims_of_many_rows_are_one_commit(store: impl LocalStore) {
    let base = store.commit(None, (1..=9).map(|n| enqueue(ANNA, n)).collect()).await.expect("a commit").revision;
    let claims = (1..=5).map(|n| set_status(n, processing(), 0, true)).collect();
    let claimed = store.commit(Some(base), claims).await.expect("a commit");
    assert_eq!(claimed.revision.0, base.0 + 1);
    let other = (1..=5).map(|n| set_status(n, processing(), 0, true)).collect();
    assert_eq!(store.commit(Some(base), other).await, Err(StoreError::Conflict), "a second claim must read again");
    let metas = store.queue_metas(None, 20).await.expect("metas");
    assert_eq!(metas.iter().filter(|meta| meta.status == processing()).count(), 5);
    assert_eq!(metas.iter().filter(|meta| meta.status == OperationStatus::Pending).count(), 4);
    assert!(metas[..5].iter().all(|meta| meta.ever_sent));
}

/// Case.
pub async fn a_completed_operation_moves_to_the_journal(store: impl LocalStore) {
    store.commit(None, vec![enqueue(ANNA, 1), enqueue(BEN, 2)]).await.expect("a commit");
    let (first, second) =
        (journal_entry(ANNA, 1, JournalOutcome::Applied), journal_entry(BEN, 2, JournalOutcome::Duplicate));
    store.commit(None, vec![complete(1, first.clone()), complete(2, second.clone())]).await.expect("a commit");
    assert_eq!(store.queue_metas(None, 5).await, Ok(vec![]));
    assert_eq!(store.queue_owners().await, Ok(vec![]));
    assert_eq!(store.journal(5).await, Ok(vec![second.clone(), first]));
    assert_eq!(store.journal(1).await, Ok(vec![second]));
}

/// Case.
pub async fn a_discarded_operation_moves_to_the_journal(store: impl LocalStore) {
    let mut entry = journal_entry(ANNA, 1, JournalOutcome::Discarded);
    entry.batch_id = String::new();
    store.commit(None, vec![enqueue(ANNA, 1), fail(1, &failed(FailureReason::Rejected))]).await.expect("a commit");
    let discard = StoreChange::Queue(QueueChange::Discard { id: id(1), entry: entry.clone() });
    store.commit(None, vec![discard]).await.expect("a commit");
    assert_eq!(store.queue_totals(ANNA).await, Ok(QueueTotals::default()));
    assert_eq!(store.journal(5).await, Ok(vec![entry]));
}

/// Case.
pub async fn changes_of_rows_not_queued_change_nothing(store: impl LocalStore) {
    store.commit(None, vec![enqueue(ANNA, 1)]).await.expect("a commit");
    let before = store.queue_of(ANNA, false, 9).await;
    let changes = vec![
        set_status(5, processing(), 1, true),
        complete(5, journal_entry(ANNA, 5, JournalOutcome::Applied)),
        StoreChange::Queue(QueueChange::Discard {
            id: id(6),
            entry: journal_entry(ANNA, 6, JournalOutcome::Discarded),
        }),
        StoreChange::ReplacePayload { id: id(5), data: Box::new(review(5, false)), payload_bytes: 9 },
    ];
    store.commit(None, changes).await.expect("a commit");
    assert_eq!(store.queue_of(ANNA, false, 9).await, before);
    assert_eq!(store.journal(5).await, Ok(vec![]));
    assert_eq!(store.queue_totals(ANNA).await.expect("totals").bytes, 101);
}

/// Case.
pub async fn the_journal_keeps_the_newest_entries(store: impl LocalStore) {
    let beyond = 25;
    let entry = |n| journal_entry(ANNA, n, JournalOutcome::Applied);
    for from in [0, JOURNAL_LIMIT] {
        let numbers = from..from + if from == 0 { JOURNAL_LIMIT } else { beyond };
        let mut changes: Vec<_> = numbers.clone().map(|n| enqueue(ANNA, n)).collect();
        changes.extend(numbers.map(|n| complete(n, entry(n))));
        store.commit(None, changes).await.expect("a commit");
    }
    let journal = store.journal(u32::MAX).await.expect("entries");
    assert_eq!(journal.len(), JOURNAL_LIMIT as usize);
    assert_eq!(journal.first(), Some(&entry(JOURNAL_LIMIT + beyond - 1)));
    assert_eq!(journal.last(), Some(&entry(beyond)));
}

/// Case.
pub async fn a_replaced_payload_keeps_everything_else(store: impl LocalStore) {
    store.commit(None, vec![enqueue(ANNA, 1), enqueue(ANNA, 2)]).await.expect("a commit");
    let status = failed(FailureReason::Rejected);
    let replace = StoreChange::ReplacePayload { id: id(1), data: Box::new(review(1, false)), payload_bytes: 500 };
    store.commit(None, vec![fail(1, &status), replace]).await.expect("a commit");
    let row = store.queued(&[id(1)]).await.expect("rows").remove(0);
    let mut expected = at(row.meta.position, queued(ANNA, 1));
    expected.data = review(1, false);
    expected.meta.payload_bytes = 500;
    expected.meta.status = status;
    expected.meta.retry_count = 3;
    expected.meta.ever_sent = true;
    assert_eq!(row, expected);
    assert_eq!(store.queue_totals(ANNA).await.expect("totals").bytes, 500 + 102);
}

/// Case.
pub async fn metas_come_in_pages_by_position(store: impl LocalStore) {
    let owner = |n| if n % 3 == 0 { BEN } else { ANNA };
    store.commit(None, (0..25).map(|n| enqueue(owner(n), n)).collect()).await.expect("a commit");
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = store.queue_metas(after, 10).await.expect("a page");
        assert!(page.len() <= 10);
        let Some(last) = page.last() else { break };
        after = Some(last.position);
        all.extend(page);
    }
    assert_eq!(all, store.queue_metas(None, 1_000).await.expect("metas"));
    let expected: Vec<_> = (0..25).map(|n| (id(n), owner(n).to_owned())).collect();
    assert_eq!(all.into_iter().map(|meta| (meta.id, meta.user_id)).collect::<Vec<_>>(), expected);
}

/// Case.
pub async fn queued_rows_come_in_the_order_asked_for(store: impl LocalStore) {
    store.commit(None, (1..=4).map(|n| enqueue(ANNA, n)).collect()).await.expect("a commit");
    let rows = store.queued(&[id(3), id(77), id(1), id(4)]).await.expect("rows");
    assert_eq!(rows.into_iter().map(|row| row.meta.id).collect::<Vec<_>>(), [id(3), id(1), id(4)]);
    assert_eq!(store.queued(&[]).await, Ok(vec![]));
}

/// Case.
pub async fn rows_about_an_entity_are_those_of_the_owner(store: impl LocalStore) {
    let about = |owner, n| {
        let mut row = queued(owner, n);
        row.meta.entity = "card/1".to_owned();
        enqueue_row(row)
    };
    let changes = vec![about(ANNA, 5), enqueue(ANNA, 6), about(BEN, 7), about(ANNA, 3)];
    store.commit(None, changes).await.expect("a commit");
    let metas = store.queued_for_entity(ANNA, "card/1").await.expect("metas");
    assert_eq!(metas.into_iter().map(|meta| meta.id).collect::<Vec<_>>(), [id(5), id(3)]);
    assert_eq!(store.queued_for_entity(ANNA, "card/2").await, Ok(vec![]));
}

/// Case.
pub async fn the_queue_of_an_owner_can_be_narrowed_to_failed_rows(store: impl LocalStore) {
    let mut changes: Vec<_> = (1..=6).map(|n| enqueue(if n == 4 { BEN } else { ANNA }, n)).collect();
    changes.extend([5, 2].map(|n| fail(n, &failed(FailureReason::Expired))));
    changes.push(set_status(3, processing(), 0, true));
    store.commit(None, changes).await.expect("a commit");
    let numbers = |rows: Vec<QueuedOperation>| rows.into_iter().map(|row| row.meta.id).collect::<Vec<_>>();
    let all = store.queue_of(ANNA, false, 99).await.expect("rows");
    assert_eq!(numbers(all.clone()), [1, 2, 3, 5, 6].map(id));
    assert_eq!(numbers(store.queue_of(ANNA, true, 99).await.expect("rows")), [2, 5].map(id));
    assert_eq!(store.queue_of(ANNA, false, 2).await.expect("rows"), all[..2]);
    assert_eq!(store.queue_of(ANNA, true, 1).await.expect("rows"), all[1..2]);
}

/// Case.
pub async fn totals_follow_every_change_of_the_queue(store: impl LocalStore) {
    let expect = async |waiting, failed, bytes, oldest: Option<u32>| {
        let totals = QueueTotals { waiting, failed, bytes, oldest_queued_at: oldest.map(|n| EPOCH + i64::from(n)) };
        assert_eq!(store.queue_totals(ANNA).await, Ok(totals));
    };
    let ben = QueueTotals { waiting: 1, failed: 0, bytes: 109, oldest_queued_at: Some(EPOCH + 9) };
    store.commit(None, [1, 2, 3].map(|n| enqueue(ANNA, n)).to_vec()).await.expect("a commit");
    store.commit(None, vec![enqueue(BEN, 9)]).await.expect("a commit");
    expect(3, 0, 306, Some(1)).await;
    store.commit(None, vec![set_status(1, processing(), 0, true)]).await.expect("a commit");
    expect(3, 0, 306, Some(1)).await;
    store.commit(None, vec![fail(1, &failed(FailureReason::TooLarge))]).await.expect("a commit");
    expect(2, 1, 306, Some(2)).await;
    let replace = StoreChange::ReplacePayload { id: id(3), data: Box::new(review(3, false)), payload_bytes: 3 };
    store.commit(None, vec![replace]).await.expect("a commit");
    expect(2, 1, 206, Some(2)).await;
    let two = journal_entry(ANNA, 2, JournalOutcome::Applied);
    store.commit(None, vec![complete(2, two)]).await.expect("a commit");
    expect(1, 1, 104, Some(3)).await;
    store.commit(None, vec![set_status(1, OperationStatus::Pending, 0, true)]).await.expect("a commit");
    expect(2, 0, 104, Some(1)).await;
    assert_eq!(store.queue_owners().await.expect("owners").len(), 2);
    assert_eq!(store.queue_totals(BEN).await, Ok(ben));
}
