//! Cases about verses, cards, events, profiles and who owns them.

use batchsync::JournalOutcome;
use jiff::civil::date;
use verses_core::{CardEvent, CardEventKind, Phase, Profile, UnixMillis, Verse};

use super::{
    ANNA, BEN, EPOCH, card, enqueue, event, every_event_kind, failed, journal_entry, operation_id, profile, queued,
    reviewed, verse, verse_id,
};
use crate::{GUEST, LocalStore, QueueTotals, ReviewDays, StoreChange, StoredEvent};

fn put_verse(owner: &str, verse: Verse) -> StoreChange {
    StoreChange::PutVerse { owner: owner.to_owned(), verse }
}

fn put_card(owner: &str, card: verses_core::Card) -> StoreChange {
    StoreChange::PutCard { owner: owner.to_owned(), card }
}

fn put_event(owner: &str, event: CardEvent, seq: Option<u64>) -> StoreChange {
    StoreChange::PutEvent { owner: owner.to_owned(), event, seq }
}

fn stored(event: CardEvent, seq: Option<u64>) -> StoredEvent {
    StoredEvent { event, seq }
}

fn ids(events: &[StoredEvent]) -> Vec<&str> {
    events.iter().map(|stored| stored.event.operation_id.as_str()).collect()
}

/// Case.
pub async fn verses_come_by_creation_and_can_be_replaced_and_removed(store: impl LocalStore) {
    let twin = Verse { created_at: verse(2).created_at, ..verse(4) };
    let mut tied = [verse(2), twin];
    tied.sort_by_key(|verse| verse.id);
    let [first, second] = tied;
    let changes = vec![put_verse(ANNA, verse(3)), put_verse(ANNA, second.clone()), put_verse(ANNA, first.clone())];
    store.commit(None, changes).await.expect("a commit");
    assert_eq!(store.verses(ANNA).await, Ok(vec![first.clone(), second.clone(), verse(3)]));
    let edited = Verse { text: String::new(), osis: String::new(), is_verified: true, ..verse(3) };
    let delete = StoreChange::DeleteVerse { owner: ANNA.to_owned(), verse_id: first.id };
    store.commit(None, vec![put_verse(ANNA, edited.clone()), delete.clone()]).await.expect("a commit");
    store.commit(None, vec![delete]).await.expect("removing nothing");
    assert_eq!(store.verses(ANNA).await, Ok(vec![second, edited.clone()]));
    assert_eq!(store.verse(ANNA, edited.id).await, Ok(Some(edited)));
}

/// Case.
pub async fn verses_asked_for_by_id_come_in_the_order_asked_for(store: impl LocalStore) {
    let mut changes: Vec<_> = (1..=5).map(|n| put_verse(ANNA, verse(n))).collect();
    changes.push(put_verse(BEN, verse(6)));
    store.commit(None, changes).await.expect("a commit");
    let asked = [verse_id(4), verse_id(6), verse_id(1), verse_id(99), verse_id(4), verse_id(2)];
    let expected = [4, 1, 4, 2].map(verse).to_vec();
    assert_eq!(store.verses_of(ANNA, &asked).await, Ok(expected), "another owner's are not found");
    assert_eq!(store.verses_of(ANNA, &[]).await, Ok(vec![]));
    assert_eq!(store.verses_of(GUEST, &asked).await, Ok(vec![]));
}

/// Case.
pub async fn unverified_verses_come_oldest_first_up_to_the_limit(store: impl LocalStore) {
    let mut changes: Vec<_> = (0..60).rev().map(|n| put_verse(ANNA, verse(n))).collect();
    changes.push(put_verse(ANNA, Verse { is_verified: true, ..verse(1) }));
    changes.push(put_verse(BEN, verse(100)));
    store.commit(None, changes).await.expect("a commit");
    let usual = store.unverified_verses(ANNA, crate::DEFAULT_UNVERIFIED_LIMIT).await.expect("verses");
    let expected: Vec<_> = (0..=50).filter(|n| *n != 1).map(verse).collect();
    assert_eq!(usual.len(), 50);
    assert_eq!(usual, expected);
    assert_eq!(store.unverified_verses(ANNA, 1_000).await.expect("verses").len(), 59);
    assert_eq!(store.unverified_verses(ANNA, 0).await, Ok(vec![]));
}

/// Case.
pub async fn marking_verses_verified_changes_all_of_them_in_one_transaction(store: impl LocalStore) {
    let done = Verse { is_verified: true, ..verse(3) };
    let changes = vec![
        put_verse(ANNA, verse(1)),
        put_verse(ANNA, verse(2)),
        put_verse(ANNA, done.clone()),
        put_verse(BEN, verse(1)),
    ];
    let before = store.commit(None, changes).await.expect("a commit").revision;
    let now = UnixMillis(EPOCH + 9_999);
    let ids = [verse_id(1), verse_id(2), verse_id(3), verse_id(77), verse_id(1)];
    assert_eq!(store.mark_verses_verified(ANNA, &ids, now).await, Ok(2));
    assert_eq!(store.revision().await.expect("a revision").0, before.0 + 1);
    let marked = |n| Verse { is_verified: true, updated_at: now, ..verse(n) };
    assert_eq!(store.verses(ANNA).await, Ok(vec![marked(1), marked(2), done]));
    assert_eq!(store.verses(BEN).await, Ok(vec![verse(1)]));
    assert_eq!(store.unverified_verses(ANNA, 50).await, Ok(vec![]));
    assert_eq!(store.mark_verses_verified(ANNA, &ids, now).await, Ok(0));
    assert_eq!(store.revision().await.expect("a revision").0, before.0 + 1);
}

/// Case.
pub async fn cards_are_stored_whole_and_can_be_replaced_and_removed(store: impl LocalStore) {
    let phases = [Phase::Daily, Phase::Weekly, Phase::Biweekly, Phase::Monthly];
    let mut cards: Vec<_> = (0..4).map(|n| card(n, phases[n as usize], date(2025, 6, 1))).collect();
    store.commit(None, cards.iter().cloned().map(|card| put_card(ANNA, card)).collect()).await.expect("a commit");
    cards[2].archived = true;
    cards[2].fold.review_dates.clear();
    cards[2].next_due_date = date(9999, 12, 31);
    cards[2].created_at = UnixMillis(-1);
    let gone = cards.remove(0);
    let delete = StoreChange::DeleteCard { owner: ANNA.to_owned(), verse_id: gone.verse_id };
    store.commit(None, vec![put_card(ANNA, cards[1].clone()), delete.clone()]).await.expect("a commit");
    store.commit(None, vec![delete]).await.expect("removing nothing");
    cards.sort_by_key(|card| card.verse_id);
    assert_eq!(store.cards(ANNA).await, Ok(cards.clone()));
    assert_eq!(store.card(ANNA, cards[0].verse_id).await, Ok(Some(cards[0].clone())));
    assert_eq!(store.card(ANNA, gone.verse_id).await, Ok(None));
}

/// Case.
pub async fn due_cards_are_those_not_archived_and_due_by_the_date_in_order(store: impl LocalStore) {
    let on = |n, day| card(n, Phase::Daily, date(2025, 6, day));
    let mut archived = on(4, 1);
    archived.archived = true;
    let changes = vec![
        put_card(ANNA, on(1, 16)),
        put_card(ANNA, on(2, 15)),
        put_card(ANNA, on(3, 15)),
        put_card(ANNA, archived.clone()),
        put_card(ANNA, on(5, 17)),
        put_card(ANNA, card(6, Phase::Monthly, date(2024, 12, 31))),
        put_card(BEN, on(7, 1)),
    ];
    store.commit(None, changes).await.expect("a commit");
    let mut expected = vec![card(6, Phase::Monthly, date(2024, 12, 31)), on(2, 15), on(3, 15), on(1, 16)];
    expected.sort_by_key(|card| (card.next_due_date, card.verse_id));
    assert_eq!(store.due_cards(ANNA, date(2025, 6, 16)).await, Ok(expected.clone()));
    assert_eq!(store.due_cards(ANNA, date(2024, 12, 30)).await, Ok(vec![]));
    archived.archived = false;
    let mut reviewed = on(2, 30);
    reviewed.archived = false;
    store.commit(None, vec![put_card(ANNA, archived.clone()), put_card(ANNA, reviewed)]).await.expect("a commit");
    expected.retain(|card| card.verse_id != verse_id(2));
    expected.insert(1, archived);
    assert_eq!(store.due_cards(ANNA, date(2025, 6, 16)).await, Ok(expected));
}

/// Case.
pub async fn cards_by_phase_leave_out_other_phases_and_archived_ones(store: impl LocalStore) {
    let due = date(2025, 6, 16);
    let archived = verses_core::Card { archived: true, ..card(3, Phase::Weekly, due) };
    let changes = vec![
        put_card(ANNA, card(1, Phase::Weekly, due)),
        put_card(ANNA, card(2, Phase::Weekly, due)),
        put_card(ANNA, archived),
        put_card(ANNA, card(4, Phase::Daily, due)),
        put_card(BEN, card(5, Phase::Weekly, due)),
    ];
    store.commit(None, changes).await.expect("a commit");
    let mut expected = vec![card(1, Phase::Weekly, due), card(2, Phase::Weekly, due)];
    expected.sort_by_key(|card| card.verse_id);
    assert_eq!(store.cards_by_phase(ANNA, Phase::Weekly).await, Ok(expected));
    assert_eq!(store.cards_by_phase(ANNA, Phase::Monthly).await, Ok(vec![]));
    store.commit(None, vec![put_card(ANNA, card(4, Phase::Monthly, due))]).await.expect("a commit");
    assert_eq!(store.cards_by_phase(ANNA, Phase::Monthly).await, Ok(vec![card(4, Phase::Monthly, due)]));
    assert_eq!(store.cards_by_phase(ANNA, Phase::Daily).await, Ok(vec![]));
}

/// Case.
pub async fn events_of_a_card_come_in_the_order_of_the_fold(store: impl LocalStore) {
    let kinds = every_event_kind();
    let mut expected: Vec<_> =
        (0_u32..).zip(&kinds).map(|(n, kind)| event(n, 1, i64::from(n) / 2, kind.clone())).collect();
    let mut changes: Vec<_> = expected.iter().rev().map(|event| put_event(ANNA, event.clone(), None)).collect();
    changes.push(put_event(ANNA, event(50, 2, 0, reviewed()), Some(3)));
    store.commit(None, changes).await.expect("a commit");
    let events = store.events(ANNA, verse_id(1)).await.expect("events");
    assert_eq!(events, expected.iter().map(|event| stored(event.clone(), None)).collect::<Vec<_>>());
    let delete = StoreChange::DeleteEvent { owner: ANNA.to_owned(), operation_id: operation_id(2) };
    store.commit(None, vec![delete.clone()]).await.expect("a commit");
    store.commit(None, vec![delete]).await.expect("removing nothing");
    expected.remove(2);
    let events = store.events(ANNA, verse_id(1)).await.expect("events");
    assert_eq!(events, expected.into_iter().map(|event| stored(event, None)).collect::<Vec<_>>());
}

/// Case.
pub async fn events_of_many_cards_come_by_verse_then_fold(store: impl LocalStore) {
    let changes = (0..12).map(|n| put_event(ANNA, event(n, n % 4, i64::from(20 - n), reviewed()), None)).collect();
    store.commit(None, changes).await.expect("a commit");
    let asked = [verse_id(3), verse_id(0), verse_id(99), verse_id(2), verse_id(0)];
    let events = store.events_of(ANNA, &asked).await.expect("events");
    let mut expected = events.clone();
    expected.sort_by_key(|stored| (stored.event.verse_id, stored.event.key()));
    assert_eq!(ids(&events), ids(&expected));
    assert_eq!(events.len(), 9);
    assert!(events.iter().all(|stored| stored.event.verse_id != verse_id(1)));
    assert_eq!(store.events_of(ANNA, &[]).await, Ok(vec![]));
}

/// Case.
pub async fn an_event_put_again_replaces_the_old_one_and_never_loses_its_place_on_the_server(store: impl LocalStore) {
    let first = event(1, 1, 5, reviewed());
    let other = event(2, 1, 6, CardEventKind::Created);
    let changes = vec![put_event(ANNA, first.clone(), None), put_event(ANNA, other.clone(), None)];
    store.commit(None, changes).await.expect("a commit");
    assert_eq!(store.events_without_seq(ANNA).await.expect("events").len(), 2);
    store.commit(None, vec![put_event(ANNA, first.clone(), Some(41))]).await.expect("a commit");
    store.commit(None, vec![put_event(ANNA, first.clone(), None)]).await.expect("a commit");
    let expected = vec![stored(first.clone(), Some(41)), stored(other.clone(), None)];
    assert_eq!(store.events(ANNA, verse_id(1)).await, Ok(expected));
    assert_eq!(store.events_without_seq(ANNA).await, Ok(vec![stored(other.clone(), None)]));
    let moved = event(1, 3, 7, CardEventKind::Archived);
    store.commit(None, vec![put_event(ANNA, moved.clone(), Some(42))]).await.expect("a commit");
    assert_eq!(store.events(ANNA, verse_id(1)).await, Ok(vec![stored(other, None)]));
    assert_eq!(store.events(ANNA, verse_id(3)).await, Ok(vec![stored(moved, Some(42))]));
}

/// Case.
pub async fn forgetting_places_on_the_server_concerns_one_owner(store: impl LocalStore) {
    let changes = vec![
        put_event(ANNA, event(1, 1, 9, reviewed()), Some(1)),
        put_event(ANNA, event(2, 2, 3, reviewed()), Some(2)),
        put_event(BEN, event(3, 1, 0, reviewed()), Some(1)),
    ];
    store.commit(None, changes).await.expect("a commit");
    assert_eq!(store.events_without_seq(ANNA).await, Ok(vec![]));
    store.commit(None, vec![StoreChange::ForgetSeqs { owner: ANNA.to_owned() }]).await.expect("a commit");
    let expected = vec![stored(event(2, 2, 3, reviewed()), None), stored(event(1, 1, 9, reviewed()), None)];
    assert_eq!(store.events_without_seq(ANNA).await, Ok(expected));
    assert_eq!(store.events_without_seq(BEN).await, Ok(vec![]));
}

/// Case.
pub async fn what_follows_an_event_put_again_in_one_commit_finds_it_in_its_new_place(store: impl LocalStore) {
    let first = |owner, seq| put_event(owner, event(1, 1, 0, reviewed()), seq);
    let again = |owner| put_event(owner, event(1, 1, 5, reviewed()), None);
    let moved = |seq| vec![stored(event(1, 1, 5, reviewed()), seq)];

    store.commit(None, vec![first(ANNA, Some(4))]).await.expect("a commit");
    let forget = StoreChange::ForgetSeqs { owner: ANNA.to_owned() };
    store.commit(None, vec![again(ANNA), forget]).await.expect("a commit");
    assert_eq!(store.events(ANNA, verse_id(1)).await, Ok(moved(None)));

    store.commit(None, vec![first(GUEST, Some(4))]).await.expect("a commit");
    let adopt = StoreChange::MoveOwner { from: GUEST.to_owned(), to: BEN.to_owned() };
    store.commit(None, vec![again(GUEST), adopt]).await.expect("a commit");
    assert_eq!(store.events(GUEST, verse_id(1)).await, Ok(vec![]));
    assert_eq!(store.events(BEN, verse_id(1)).await, Ok(moved(Some(4))));

    store.commit(None, vec![first(BEN, None)]).await.expect("a commit");
    let delete = StoreChange::DeleteEvent { owner: BEN.to_owned(), operation_id: operation_id(1) };
    store.commit(None, vec![again(BEN), delete]).await.expect("a commit");
    assert_eq!(store.events(BEN, verse_id(1)).await, Ok(vec![]));
}

/// Case.
pub async fn review_logs_are_the_reviews_newest_first(store: impl LocalStore) {
    let mut changes: Vec<_> = (0_u32..)
        .zip(every_event_kind())
        .map(|(n, kind)| put_event(ANNA, event(n, n, i64::from(n), kind), None))
        .collect();
    changes.push(put_event(BEN, event(30, 1, 30, reviewed()), None));
    changes.push(put_event(ANNA, event(31, 9, 3, reviewed()), Some(8)));
    store.commit(None, changes).await.expect("a commit");
    let logs = store.review_logs(ANNA, 50).await.expect("logs");
    let expected = [31, 3, 2, 1].map(operation_id);
    assert_eq!(ids(&logs), expected.iter().map(verses_core::OperationId::as_str).collect::<Vec<_>>());
    assert_eq!(store.review_logs(ANNA, 2).await.expect("logs"), logs[..2]);
}

/// Case.
pub async fn a_profile_is_stored_whole_and_default_without_one(store: impl LocalStore) {
    assert_eq!(store.profile(ANNA).await, Ok(Profile::default()));
    for n in [1, 2] {
        let change = StoreChange::PutProfile { owner: ANNA.to_owned(), profile: profile(n) };
        store.commit(None, vec![change]).await.expect("a commit");
        assert_eq!(store.profile(ANNA).await, Ok(profile(n)));
    }
    assert_eq!(store.profile(BEN).await, Ok(Profile::default()));
}

/// Case.
pub async fn owners_do_not_see_each_others_rows(store: impl LocalStore) {
    let mut theirs = verse(1);
    theirs.text = "another text".to_owned();
    let due = date(2025, 6, 16);
    let changes = vec![
        put_verse(ANNA, verse(1)),
        put_verse(BEN, theirs.clone()),
        put_card(ANNA, card(1, Phase::Daily, due)),
        put_card(BEN, card(1, Phase::Weekly, due)),
        put_event(ANNA, event(1, 1, 0, reviewed()), None),
        put_event(BEN, event(1, 1, 1, CardEventKind::Created), Some(4)),
        enqueue(ANNA, 1),
        enqueue(BEN, 2),
    ];
    store.commit(None, changes).await.expect("a commit");
    assert_eq!(store.verse(ANNA, verse_id(1)).await, Ok(Some(verse(1))));
    assert_eq!(store.verse(BEN, verse_id(1)).await, Ok(Some(theirs)));
    assert_eq!(store.card(BEN, verse_id(1)).await.expect("a card").expect("one").current_phase, Phase::Weekly);
    assert_eq!(store.events(ANNA, verse_id(1)).await, Ok(vec![stored(event(1, 1, 0, reviewed()), None)]));
    let theirs = vec![stored(event(1, 1, 1, CardEventKind::Created), Some(4))];
    assert_eq!(store.events(BEN, verse_id(1)).await, Ok(theirs.clone()));
    let delete = |operation_id| StoreChange::DeleteEvent { owner: ANNA.to_owned(), operation_id };
    store.commit(None, vec![delete(operation_id(1))]).await.expect("a commit");
    assert_eq!(store.events(BEN, verse_id(1)).await, Ok(theirs));
    assert_eq!(store.queue_of(BEN, false, 9).await.expect("rows").len(), 1);
    assert_eq!(store.verses(GUEST).await, Ok(vec![]));
}

/// Case.
pub async fn a_guest_is_adopted_with_everything_and_duplicates_stay_as_they_are(store: impl LocalStore) {
    let due = date(2025, 6, 16);
    let mut own_verse = verse(1);
    own_verse.is_verified = true;
    let changes = vec![
        put_verse(GUEST, verse(1)),
        put_verse(GUEST, verse(2)),
        put_card(GUEST, card(1, Phase::Daily, due)),
        put_card(GUEST, card(2, Phase::Daily, due)),
        put_event(GUEST, event(1, 1, 0, reviewed()), None),
        put_event(GUEST, event(2, 2, 1, reviewed()), None),
        StoreChange::PutProfile { owner: GUEST.to_owned(), profile: profile(7) },
        put_verse(ANNA, own_verse.clone()),
        put_card(ANNA, card(1, Phase::Weekly, due)),
        put_event(ANNA, event(1, 1, 0, reviewed()), Some(5)),
        put_verse(BEN, verse(3)),
        enqueue(GUEST, 1),
        enqueue(GUEST, 2),
        enqueue(GUEST, 3),
        enqueue(ANNA, 4),
        super::queue::fail(2, &failed(batchsync::FailureReason::Rejected)),
        super::queue::complete(3, journal_entry(GUEST, 3, JournalOutcome::Applied)),
    ];
    store.commit(None, changes).await.expect("a commit");
    let adopt = StoreChange::MoveOwner { from: GUEST.to_owned(), to: ANNA.to_owned() };
    store.commit(None, vec![adopt.clone()]).await.expect("adoption");
    store.commit(None, vec![adopt]).await.expect("adopting nothing");
    assert_eq!(store.verses(ANNA).await, Ok(vec![own_verse, verse(2)]));
    assert_eq!(store.card(ANNA, verse_id(1)).await, Ok(Some(card(1, Phase::Weekly, due))));
    assert_eq!(store.card(ANNA, verse_id(2)).await, Ok(Some(card(2, Phase::Daily, due))));
    assert_eq!(store.events(ANNA, verse_id(1)).await, Ok(vec![stored(event(1, 1, 0, reviewed()), Some(5))]));
    assert_eq!(store.events_without_seq(ANNA).await, Ok(vec![stored(event(2, 2, 1, reviewed()), None)]));
    assert_eq!(store.profile(ANNA).await, Ok(profile(7)));
    let totals = QueueTotals { waiting: 2, failed: 1, bytes: 307, oldest_queued_at: Some(EPOCH + 1) };
    assert_eq!(store.queue_owners().await, Ok(vec![(ANNA.to_owned(), totals)]));
    let rows = store.queue_of(ANNA, false, 9).await.expect("rows");
    assert_eq!(rows.iter().map(|row| row.meta.position).collect::<Vec<_>>(), [1, 2, 4]);
    assert!(rows.iter().all(|row| row.meta.user_id == ANNA));
    assert_eq!(rows[0].data, queued(ANNA, 1).data);
    assert_eq!(store.journal(9).await, Ok(vec![journal_entry(ANNA, 3, JournalOutcome::Applied)]));
    assert_eq!(store.verses(GUEST).await, Ok(vec![]));
    assert_eq!(store.cards(GUEST).await, Ok(vec![]));
    assert_eq!(store.events_of(GUEST, &[verse_id(1), verse_id(2)]).await, Ok(vec![]));
    assert_eq!(store.profile(GUEST).await, Ok(Profile::default()));
    assert_eq!(store.verses(BEN).await, Ok(vec![verse(3)]));
}

/// Case.
pub async fn a_forgotten_owner_leaves_nothing_and_others_keep_everything(store: impl LocalStore) {
    let due = date(2025, 6, 16);
    let of = |owner: &str, n: u32| {
        vec![
            put_verse(owner, verse(n)),
            put_card(owner, card(n, Phase::Daily, due)),
            put_event(owner, event(n, n, 0, reviewed()), Some(u64::from(n))),
            StoreChange::PutProfile { owner: owner.to_owned(), profile: profile(n) },
            enqueue(owner, n),
            enqueue(owner, n + 1),
            enqueue(owner, n + 2),
            super::queue::fail(n + 1, &failed(batchsync::FailureReason::Rejected)),
            super::queue::complete(n + 2, journal_entry(owner, n + 2, JournalOutcome::Applied)),
        ]
    };
    store.commit(None, [of(ANNA, 1), of(BEN, 11)].concat()).await.expect("a commit");
    let forget = StoreChange::ForgetOwner { owner: ANNA.to_owned() };
    store.commit(None, vec![forget.clone()]).await.expect("forgetting");
    store.commit(None, vec![forget]).await.expect("forgetting nobody");
    assert_eq!(store.verses(ANNA).await, Ok(vec![]));
    assert_eq!(store.cards(ANNA).await, Ok(vec![]));
    assert_eq!(store.events(ANNA, verse_id(1)).await, Ok(vec![]));
    assert_eq!(store.profile(ANNA).await, Ok(Profile::default()));
    assert_eq!(store.queue_totals(ANNA).await, Ok(QueueTotals::default()));
    assert_eq!(store.queue_of(ANNA, false, 9).await, Ok(vec![]));
    assert_eq!(store.verses(BEN).await, Ok(vec![verse(11)]));
    assert_eq!(store.cards(BEN).await, Ok(vec![card(11, Phase::Daily, due)]));
    assert_eq!(store.events(BEN, verse_id(11)).await, Ok(vec![stored(event(11, 11, 0, reviewed()), Some(11))]));
    assert_eq!(store.profile(BEN).await, Ok(profile(11)));
    assert_eq!(
        store.queue_owners().await.expect("owners").into_iter().map(|(owner, _)| owner).collect::<Vec<_>>(),
        [BEN]
    );
    let mut owners: Vec<_> = store.journal(9).await.expect("entries").into_iter().map(|e| e.user_id).collect();
    owners.sort();
    assert_eq!(owners, ["", BEN]);
    store.commit(None, vec![enqueue(ANNA, 1)]).await.expect("the same id can be queued again");
}

/// Case.
pub async fn moving_an_owner_to_itself_changes_nothing(store: impl LocalStore) {
    let change = StoreChange::PutProfile { owner: ANNA.to_owned(), profile: profile(1) };
    store.commit(None, vec![put_verse(ANNA, verse(1)), enqueue(ANNA, 1), change]).await.expect("a commit");
    let move_owner = StoreChange::MoveOwner { from: ANNA.to_owned(), to: ANNA.to_owned() };
    store.commit(None, vec![move_owner]).await.expect("a commit");
    assert_eq!(store.verses(ANNA).await, Ok(vec![verse(1)]));
    assert_eq!(store.profile(ANNA).await, Ok(profile(1)));
    assert_eq!(store.queue_totals(ANNA).await.expect("totals").waiting, 1);
}

/// Case.
pub async fn cards_are_found_by_their_ids_in_the_order_asked_for(store: impl LocalStore) {
    let due = date(2025, 6, 16);
    let put = |n| StoreChange::PutCard { owner: ANNA.to_owned(), card: card(n, Phase::Daily, due) };
    store.commit(None, vec![put(1), put(2), put(3)]).await.expect("a commit");
    let wanted = [verse_id(3), verse_id(9), verse_id(1)];
    let found = store.cards_of(ANNA, &wanted).await.expect("cards");
    assert_eq!(found, vec![card(3, Phase::Daily, due), card(1, Phase::Daily, due)]);
    assert_eq!(store.cards_of(BEN, &wanted).await, Ok(vec![]));
    assert_eq!(store.cards_of(ANNA, &[]).await, Ok(vec![]));
}

/// Case.
pub async fn days_with_reviews_are_counted_up_to_the_first_without(store: impl LocalStore) {
    let review = |n: u32, day: i8, owner: &str| {
        let mut event = event(n, n, i64::from(n), reviewed());
        event.local_date = date(2025, 6, day);
        StoreChange::PutEvent { owner: owner.to_owned(), event, seq: None }
    };
    let today = date(2025, 6, 16);
    assert_eq!(store.review_days(ANNA, today).await, Ok(ReviewDays::default()));
    let days = [(1, 13), (2, 14), (3, 15), (4, 15), (5, 11)];
    store.commit(None, days.map(|(n, day)| review(n, day, ANNA)).to_vec()).await.expect("a commit");
    assert_eq!(store.review_days(ANNA, today).await, Ok(ReviewDays { of_today: 0, in_a_row: 3 }));
    store.commit(None, vec![review(6, 16, ANNA), review(7, 16, ANNA), review(8, 17, ANNA)]).await.expect("a commit");
    assert_eq!(store.review_days(ANNA, today).await, Ok(ReviewDays { of_today: 2, in_a_row: 4 }));
    assert_eq!(store.review_days(ANNA, date(2025, 6, 20)).await, Ok(ReviewDays::default()));
    assert_eq!(store.review_days(BEN, today).await, Ok(ReviewDays::default()));
}
