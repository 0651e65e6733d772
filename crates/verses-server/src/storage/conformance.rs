//! What every storage must do, as tests any backend can run: `storage_conformance!(open)` makes one test of each.
//! For tests only; a violated rule panics.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use jiff::civil::{Date, date};
use uuid::Uuid;
use verses_core::{
    Card, CardEvent, CardEventKind, EventKey, FoldState, OperationId, OperationKind, Phase, Profile,
    ReferenceDisplayMode, Slot, UnixMillis, Verse, VerseId,
};

use super::{Chain, Decision, LedgerEntry, Loaded, Storage, StorageError, UserId, Wanted, Writes};

/// Makes one `#[tokio::test]` per rule; the argument makes a fresh, empty storage (with whatever must outlive it).
#[macro_export]
macro_rules! storage_conformance {
    ($open:expr; $($rule:ident),+ $(,)?) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $rule() {
            let (storage, _guard) = ($open)();
            $crate::storage::conformance::$rule(storage).await;
        })+
    };
    ($open:expr) => {
        $crate::storage_conformance!($open;
            an_unknown_user_has_nothing,
            what_is_written_is_read_back,
            only_what_is_wanted_is_loaded,
            many_rows_are_written_and_read,
            a_refused_transaction_leaves_nothing,
            a_panicking_decision_leaves_nothing_and_the_storage_works_on,
            an_operation_id_is_in_a_ledger_once,
            sequence_numbers_have_no_gap_with_concurrent_writers,
            users_with_the_same_ids_do_not_see_each_other,
            the_ledger_comes_in_pages,
            the_feed_proves_its_position,
            the_catalogue_is_shared_and_never_overwritten,
            the_users_own_text_comes_before_the_catalogue,
            events_are_loaded_only_when_wanted_and_in_order,
            a_card_written_again_replaces_the_first,
            the_epoch_stays_the_same,
            an_erased_user_is_gone_and_stays_gone,
        );
    };
}

/// A user for tests.
#[must_use]
pub fn user(number: u128) -> UserId {
    Uuid::from_u128(0xA11CE << 64 | number)
}

/// A verse id for tests.
#[must_use]
pub fn verse_id(number: u128) -> VerseId {
    VerseId(Uuid::from_u128(0xBE11 << 64 | number))
}

/// A verse for tests.
#[must_use]
pub fn verse(number: u128, text: &str) -> Verse {
    Verse {
        id: verse_id(number),
        reference: format!("Ps {number}:1"),
        osis: format!("Ps.{number}.1"),
        text: text.into(),
        translation: "KJV".into(),
        is_verified: true,
        created_at: UnixMillis(5),
        updated_at: UnixMillis(6),
    }
}

/// An event for tests.
#[must_use]
pub fn event(id: &str, verse: u128, at: i64, kind: CardEventKind) -> CardEvent {
    CardEvent {
        operation_id: operation_id(id),
        verse_id: verse_id(verse),
        occurred_at: UnixMillis(at),
        local_date: DAY,
        kind,
    }
}

/// A card for tests.
#[must_use]
pub fn card(verse: u128, progress: u32) -> Card {
    Card {
        verse_id: verse_id(verse),
        current_phase: Phase::Biweekly,
        phase_progress_count: progress,
        current_streak: 3,
        best_streak: 9,
        last_reviewed_at: Some(UnixMillis(77)),
        next_due_date: DAY,
        assigned_day_of_week: Some(7),
        assigned_week_parity: Some(0),
        assigned_day_of_month: None,
        archived: true,
        created_at: UnixMillis(1),
        updated_at: UnixMillis(77),
        fold: FoldState {
            last_event: EventKey { occurred_at: UnixMillis(77), operation_id: operation_id("last") },
            review_dates: vec![DAY, DAY],
        },
    }
}

/// A ledger entry for tests.
#[must_use]
pub fn entry(id: &str, seq: u64) -> LedgerEntry {
    LedgerEntry {
        operation_id: operation_id(id),
        kind: OperationKind::CreateVerse,
        content_hash: [7; 32],
        seq,
        chain: [u8::try_from(seq % 251).unwrap_or_default() + 1; 16],
        operation: format!(r#"{{"type":"create_verse","data":{{"reference":"{id}"}}}}"#),
        verse_id: Some(verse_id(u128::from(seq))),
        outcome: r#"{"text":"it’s \"quoted\"\n"}"#.into(),
        accepted_at: UnixMillis(1_000 + seq.cast_signed()),
    }
}

const DAY: Date = date(2026, 3, 1);

fn operation_id(text: &str) -> OperationId {
    OperationId::new(text).expect("ids of tests are short")
}

fn wanted(operations: &[&str], verses: impl IntoIterator<Item = u128>) -> Wanted {
    let verses: BTreeSet<_> = verses.into_iter().map(verse_id).collect();
    Wanted {
        operations: operations.iter().map(|id| operation_id(id)).collect(),
        cards: verses.clone(),
        verses,
        profile: true,
    }
}

/// A decision of a closure; events of `events` are wanted.
struct Decide<F> {
    events: BTreeSet<VerseId>,
    decide: F,
}

impl<F, A> Decision for Decide<F>
where
    F: Fn(Loaded, BTreeMap<VerseId, Vec<CardEvent>>) -> (Writes, A) + Send + Sync + 'static,
    A: Send + 'static,
{
    type Answer = A;

    fn wants_events(&self, _: &Loaded) -> BTreeSet<VerseId> {
        self.events.clone()
    }

    fn decide(&self, loaded: Loaded, events: BTreeMap<VerseId, Vec<CardEvent>>) -> (Writes, A) {
        (self.decide)(loaded, events)
    }
}

/// Writes without looking.
///
/// # Errors
/// Those of the storage.
pub async fn write<S: Storage>(storage: &S, user: UserId, writes: Writes) -> Result<(), StorageError> {
    let decision = Decide { events: BTreeSet::new(), decide: move |_, _| (writes.clone(), ()) };
    storage.transact(user, Wanted::default(), decision).await
}

/// Appends one operation with an event, at the next sequence number, and answers it.
async fn append<S: Storage>(storage: &S, user: UserId, id: String) -> Result<u64, StorageError> {
    let decide = move |loaded: Loaded, _| {
        let seq = loaded.last_seq + 1;
        let writes = Writes {
            ledger: vec![entry(&id, seq)],
            events: vec![event(&id, 1, seq.cast_signed(), CardEventKind::Created)],
            ..Writes::default()
        };
        (writes, seq)
    };
    storage.transact(user, Wanted::default(), Decide { events: BTreeSet::new(), decide }).await
}

pub async fn an_unknown_user_has_nothing<S: Storage>(storage: S) {
    let loaded = storage.read(user(1), wanted(&["a"], [1])).await.expect("reads");
    assert_eq!(loaded, Loaded::default());
    let page = storage.ledger_after(user(1), 0, 10).await.expect("reads");
    assert_eq!((page.entries.len(), page.has_more, page.chain_at, page.last_seq), (0, false, None, 0));
    assert!(storage.events_of(user(1), verse_id(1)).await.expect("reads").is_empty());
    assert_eq!(storage.everything(user(1)).await.expect("reads"), Loaded::default());
    storage.ping().await.expect("answers");
}

pub async fn what_is_written_is_read_back<S: Storage>(storage: S) {
    let mut profile = Profile::default();
    profile.full_name.value = Some("Zoë \"Q\"".into());
    profile.reference_display_mode.value = Some(ReferenceDisplayMode::First);
    profile.timezone.set_by = Some(EventKey { occurred_at: UnixMillis(3), operation_id: operation_id("p") });
    profile.updated_at = Some(UnixMillis(3));
    let slot = Some(Slot { day_of_week: Some(1), week_parity: None, day_of_month: Some(28) });
    let kinds = [
        CardEventKind::Created,
        CardEventKind::Reviewed { was_successful: true, review_time_seconds: Some(31), slot },
        CardEventKind::Reviewed { was_successful: false, review_time_seconds: None, slot: None },
        CardEventKind::Archived,
        CardEventKind::Restored,
        CardEventKind::PhaseSet { phase: Phase::Monthly, slot },
        CardEventKind::PhaseSet { phase: Phase::Daily, slot: None },
    ];
    let events: Vec<_> = (1..).zip(kinds).map(|(at, kind)| event(&format!("e{at}"), 1, at, kind)).collect();
    let own = Verse { is_verified: false, osis: String::new(), ..verse(2, "mine") };
    let writes = Writes {
        ledger: vec![entry("a", 1), LedgerEntry { verse_id: None, ..entry("b", 2) }],
        events: events.clone(),
        cards: vec![card(1, 4), Card { last_reviewed_at: None, archived: false, ..card(2, 0) }],
        own_verses: vec![own.clone()],
        dropped_own_verses: Vec::new(),
        catalogue: vec![verse(1, "shared\u{2028} text")],
        profile: Some(profile.clone()),
    };
    write(&storage, user(1), writes.clone()).await.expect("writes");
    let loaded = storage.read(user(1), wanted(&["a", "b", "c"], [1, 2, 3])).await.expect("reads");
    assert_eq!(loaded.last_seq, 2);
    assert_eq!(loaded.last_chain, writes.ledger[1].chain);
    assert_eq!(loaded.ledger.into_values().collect::<Vec<_>>(), writes.ledger);
    assert_eq!(loaded.cards.into_values().collect::<Vec<_>>(), writes.cards);
    assert_eq!(loaded.verses.into_values().collect::<Vec<_>>(), [verse(1, "shared\u{2028} text"), own]);
    assert_eq!(loaded.profile, profile);
    assert_eq!(storage.events_of(user(1), verse_id(1)).await.expect("reads"), events);
    let everything = storage.everything(user(1)).await.expect("reads");
    assert_eq!((everything.cards.len(), everything.verses.len(), everything.profile), (2, 2, profile));
}

pub async fn only_what_is_wanted_is_loaded<S: Storage>(storage: S) {
    let mut profile = Profile::default();
    profile.full_name.value = Some("A".into());
    let writes = Writes {
        ledger: vec![entry("a", 1)],
        cards: vec![card(1, 0), card(2, 0)],
        catalogue: vec![verse(1, "x"), verse(2, "y")],
        profile: Some(profile),
        ..Writes::default()
    };
    write(&storage, user(1), writes).await.expect("writes");
    let wanted = Wanted { cards: BTreeSet::from([verse_id(2)]), ..Wanted::default() };
    let loaded = storage.read(user(1), wanted).await.expect("reads");
    assert_eq!(loaded.cards.keys().copied().collect::<Vec<_>>(), [verse_id(2)]);
    assert_eq!((loaded.ledger.len(), loaded.verses.len(), loaded.profile), (0, 0, Profile::default()));
}

pub async fn many_rows_are_written_and_read<S: Storage>(storage: S) {
    let mut seq = 0;
    for count in [1_u64, 15, 16, 17, 128, 129, 1024, 1025, 2500] {
        let ids: Vec<_> = (seq + 1..=seq + count).collect();
        let id = |seq: &u64| format!("op-{seq}");
        let writes = Writes {
            ledger: ids.iter().map(|seq| entry(&id(seq), *seq)).collect(),
            events: ids.iter().map(|seq| event(&id(seq), u128::from(*seq), 1, CardEventKind::Created)).collect(),
            cards: ids.iter().map(|seq| card(u128::from(*seq), 1)).collect(),
            own_verses: ids.iter().map(|seq| verse(u128::from(*seq), "own")).collect(),
            dropped_own_verses: Vec::new(),
            catalogue: ids.iter().map(|seq| verse(u128::from(*seq), "shared")).collect(),
            profile: None,
        };
        write(&storage, user(1), writes).await.expect("writes");
        let texts: Vec<_> = ids.iter().map(id).collect();
        let texts: Vec<_> = texts.iter().map(String::as_str).collect();
        let wanted = wanted(&texts, ids.iter().map(|seq| u128::from(*seq)));
        let loaded = storage.read(user(1), wanted).await.expect("reads");
        let lengths = (loaded.ledger.len(), loaded.cards.len(), loaded.verses.len());
        let count = ids.len();
        assert_eq!(lengths, (count, count, count));
        seq = loaded.last_seq;
        assert_eq!(Some(&seq), ids.last());
    }
}

pub async fn a_refused_transaction_leaves_nothing<S: Storage>(storage: S) {
    write(&storage, user(1), Writes { ledger: vec![entry("a", 1)], ..Writes::default() }).await.expect("writes");
    let everything = Writes {
        // 3 where 2 is next: a hole in the history.
        ledger: vec![entry("b", 3)],
        events: vec![event("b", 1, 1, CardEventKind::Created)],
        cards: vec![card(1, 1)],
        own_verses: vec![verse(1, "own")],
        dropped_own_verses: Vec::new(),
        catalogue: vec![verse(2, "shared")],
        profile: Some(Profile { updated_at: Some(UnixMillis(1)), ..Profile::default() }),
    };
    let repeated = Writes { ledger: vec![entry("b", 2), entry("a", 3)], ..everything.clone() };
    for writes in [everything, repeated] {
        let error = write(&storage, user(1), writes).await.expect_err("refused");
        assert!(matches!(error, StorageError::Failed(_)), "{error:?}");
        let loaded = storage.read(user(1), wanted(&["b"], [1, 2])).await.expect("reads");
        assert_eq!((loaded.last_seq, loaded.ledger.len(), loaded.cards.len(), loaded.verses.len()), (1, 0, 0, 0));
        assert_eq!(loaded.profile, Profile::default());
        assert!(storage.events_of(user(1), verse_id(1)).await.expect("reads").is_empty());
        assert!(storage.catalogue(BTreeSet::from([verse_id(2)])).await.expect("reads").is_empty());
    }
}

pub async fn a_panicking_decision_leaves_nothing_and_the_storage_works_on<S: Storage>(storage: S) {
    let decide = |_: Loaded, _: BTreeMap<VerseId, Vec<CardEvent>>| -> (Writes, ()) { panic!("on purpose") };
    let broken = storage.clone();
    let panicking = tokio::spawn(async move {
        broken.transact(user(1), Wanted::default(), Decide { events: BTreeSet::new(), decide }).await
    });
    // A backend may let the panic through to its caller or answer with an error.
    assert!(!matches!(panicking.await, Ok(Ok(()))));
    assert_eq!(append(&storage, user(1), "a".into()).await, Ok(1));
}

pub async fn an_operation_id_is_in_a_ledger_once<S: Storage>(storage: S) {
    assert_eq!(append(&storage, user(1), "a".into()).await, Ok(1));
    append(&storage, user(1), "a".into()).await.expect_err("refused");
    assert_eq!(append(&storage, user(2), "a".into()).await, Ok(1));
    assert_eq!(append(&storage, user(1), "b".into()).await, Ok(2));
}

pub async fn sequence_numbers_have_no_gap_with_concurrent_writers<S: Storage>(storage: S) {
    let tasks = (0..200_u64).map(|number| {
        let storage = storage.clone();
        tokio::spawn(async move { append(&storage, user(u128::from(number % 4)), format!("op-{number}")).await })
    });
    // A reader with a cursor walks along meanwhile and must see every change once, in order.
    let reader = tokio::spawn({
        let storage = storage.clone();
        async move {
            let mut seen = Vec::new();
            while seen.len() < 50 {
                let after = seen.last().copied().unwrap_or_default();
                let page = storage.ledger_after(user(0), after, 7).await.expect("reads");
                seen.extend(page.entries.iter().map(|entry| entry.seq));
                tokio::task::yield_now().await;
            }
            seen
        }
    });
    for written in join_all(tasks.collect::<Vec<_>>()).await {
        written.expect("does not panic").expect("writes");
    }
    for number in 0..4 {
        let page = storage.ledger_after(user(number), 0, 1_000).await.expect("reads");
        let found: Vec<_> = page.entries.iter().map(|entry| entry.seq).collect();
        assert_eq!(found, (1..=50).collect::<Vec<_>>());
        assert_eq!(page.last_seq, 50);
    }
    assert_eq!(reader.await.expect("does not panic"), (1..=50).collect::<Vec<_>>());
}

pub async fn users_with_the_same_ids_do_not_see_each_other<S: Storage>(storage: S) {
    for (number, name) in [(1, "first"), (2, "second")] {
        let mut profile = Profile::default();
        profile.full_name.value = Some(name.into());
        let writes = Writes {
            ledger: vec![LedgerEntry { outcome: format!("{name:?}"), ..entry("same", 1) }],
            events: vec![event("same", 1, i64::from(number), CardEventKind::Created)],
            cards: vec![card(1, number)],
            own_verses: vec![verse(1, name)],
            profile: Some(profile),
            ..Writes::default()
        };
        write(&storage, user(u128::from(number)), writes).await.expect("writes");
    }
    for (number, name) in [(1, "first"), (2, "second")] {
        let who = user(u128::from(number));
        let loaded = storage.read(who, wanted(&["same"], [1])).await.expect("reads");
        assert_eq!(loaded.ledger[&operation_id("same")].outcome, format!("{name:?}"));
        assert_eq!(loaded.cards[&verse_id(1)].phase_progress_count, number);
        assert_eq!(loaded.verses[&verse_id(1)].text, name);
        assert_eq!(loaded.profile.full_name.value.as_deref(), Some(name));
        let events = storage.events_of(who, verse_id(1)).await.expect("reads");
        assert_eq!(events.iter().map(|event| event.occurred_at.0).collect::<Vec<_>>(), [i64::from(number)]);
        let page = storage.ledger_after(who, 0, 10).await.expect("reads");
        assert_eq!(page.entries.len(), 1);
        assert_eq!(page.entries[0].verse.as_ref().map(|verse| verse.text.as_str()), Some(name));
        assert_eq!(storage.everything(who).await.expect("reads").cards.len(), 1);
    }
    let stranger = storage.read(user(3), wanted(&["same"], [1])).await.expect("reads");
    assert_eq!(stranger, Loaded::default());
}

pub async fn the_ledger_comes_in_pages<S: Storage>(storage: S) {
    for number in 0..5 {
        append(&storage, user(1), format!("op-{number}")).await.expect("writes");
    }
    let mut after = 0;
    let mut pages = Vec::new();
    loop {
        let page = storage.ledger_after(user(1), after, 2).await.expect("reads");
        after = page.entries.last().map_or(after, |entry| entry.seq);
        pages.push(page.entries.iter().map(|entry| entry.seq).collect::<Vec<_>>());
        if !page.has_more {
            break;
        }
    }
    assert_eq!(pages, [vec![1, 2], vec![3, 4], vec![5]]);
    let exact = storage.ledger_after(user(1), 3, 2).await.expect("reads");
    assert_eq!((exact.entries.len(), exact.has_more), (2, false), "nothing follows an exact last page");
    let beyond = storage.ledger_after(user(1), u64::MAX, 2).await.expect("reads");
    assert_eq!((beyond.entries.len(), beyond.has_more, beyond.chain_at, beyond.last_seq), (0, false, None, 5));
}

pub async fn the_feed_proves_its_position<S: Storage>(storage: S) {
    for number in 0..3 {
        append(&storage, user(1), format!("op-{number}")).await.expect("writes");
    }
    let chain_at = |after| {
        let storage = storage.clone();
        async move { storage.ledger_after(user(1), after, 10).await.expect("reads").chain_at }
    };
    let chain: Chain = entry("x", 2).chain;
    assert_eq!(chain_at(0).await, None);
    assert_eq!(chain_at(2).await, Some(chain));
    assert_eq!(chain_at(4).await, None);
    let page = storage.ledger_after(user(1), 1, 1).await.expect("reads");
    assert_eq!(page.entries[0].chain, chain);
    assert_eq!(page.entries[0].operation, entry("op-1", 2).operation);
}

pub async fn the_catalogue_is_shared_and_never_overwritten<S: Storage>(storage: S) {
    let first = Writes { catalogue: vec![verse(1, "first"), verse(2, "")], ..Writes::default() };
    let second = Writes { catalogue: vec![verse(1, "second"), verse(2, "later")], ..Writes::default() };
    let third = Writes { catalogue: vec![verse(1, ""), verse(2, "")], ..Writes::default() };
    let own = Writes { own_verses: vec![verse(1, "own")], ..Writes::default() };
    for (who, writes) in [(1, first), (2, second), (3, third), (4, own)] {
        write(&storage, user(who), writes).await.expect("writes");
    }
    let ids = BTreeSet::from([verse_id(1), verse_id(2), verse_id(3)]);
    let found = storage.catalogue(ids).await.expect("reads");
    let texts: Vec<_> = found.values().map(|verse| verse.text.as_str()).collect();
    assert_eq!(texts, ["first", "later"], "a text is filled in once and stays");
    let stranger = storage.read(user(9), wanted(&[], [1])).await.expect("reads");
    assert_eq!(stranger.verses[&verse_id(1)].text, "first");
}

pub async fn the_users_own_text_comes_before_the_catalogue<S: Storage>(storage: S) {
    let writes = Writes {
        ledger: vec![entry("a", 1)],
        catalogue: vec![verse(1, "shared")],
        own_verses: vec![verse(1, "own")],
        cards: vec![card(1, 0)],
        ..Writes::default()
    };
    write(&storage, user(1), writes).await.expect("writes");
    let loaded = storage.read(user(1), wanted(&[], [1])).await.expect("reads");
    assert_eq!(loaded.verses[&verse_id(1)].text, "own");
    let everything = storage.everything(user(1)).await.expect("reads");
    assert_eq!(everything.verses[&verse_id(1)].text, "own");
    let page = storage.ledger_after(user(1), 0, 1).await.expect("reads");
    assert_eq!(page.entries[0].verse.as_ref().map(|verse| verse.text.as_str()), Some("own"));
    let again = Writes { own_verses: vec![verse(1, "own, corrected")], ..Writes::default() };
    write(&storage, user(1), again).await.expect("writes");
    let loaded = storage.read(user(1), wanted(&[], [1])).await.expect("reads");
    assert_eq!(loaded.verses[&verse_id(1)].text, "own, corrected");
    let other = Writes { own_verses: vec![verse(1, "of another")], ..Writes::default() };
    write(&storage, user(2), other).await.expect("writes");
    let dropped = Writes { dropped_own_verses: vec![verse_id(1), verse_id(7)], ..Writes::default() };
    write(&storage, user(1), dropped).await.expect("writes");
    for (who, text) in [(1, "shared"), (2, "of another")] {
        let loaded = storage.read(user(who), wanted(&[], [1])).await.expect("reads");
        assert_eq!(loaded.verses[&verse_id(1)].text, text);
    }
}

pub async fn events_are_loaded_only_when_wanted_and_in_order<S: Storage>(storage: S) {
    let ids = [("b", 1, 20), ("a", 1, 20), ("c", 1, 10), ("d", 2, 5)];
    let events = ids.map(|(id, verse, at)| event(id, verse, at, CardEventKind::Archived)).to_vec();
    write(&storage, user(1), Writes { events, ..Writes::default() }).await.expect("writes");
    for wants in [vec![], vec![1], vec![1, 2, 3]] {
        let wants: BTreeSet<_> = wants.into_iter().map(verse_id).collect();
        let decide = |_, events: BTreeMap<VerseId, Vec<CardEvent>>| (Writes::default(), events);
        let decision = Decide { events: wants.clone(), decide };
        let events = storage.transact(user(1), Wanted::default(), decision).await.expect("reads");
        assert_eq!(events.keys().copied().collect::<BTreeSet<_>>(), wants, "an entry for each, even if it is empty");
        if let Some(events) = events.get(&verse_id(1)) {
            let order: Vec<_> = events.iter().map(|event| event.operation_id.as_str()).collect();
            assert_eq!(order, ["c", "a", "b"], "by time, then by operation");
        }
    }
}

pub async fn a_card_written_again_replaces_the_first<S: Storage>(storage: S) {
    for progress in [1, 2] {
        write(&storage, user(1), Writes { cards: vec![card(1, progress)], ..Writes::default() }).await.expect("writes");
    }
    let changed = Card { current_phase: Phase::Monthly, assigned_day_of_month: Some(9), archived: false, ..card(1, 7) };
    write(&storage, user(1), Writes { cards: vec![changed.clone()], ..Writes::default() }).await.expect("writes");
    let loaded = storage.read(user(1), wanted(&[], [1])).await.expect("reads");
    assert_eq!(loaded.cards[&verse_id(1)], changed);
}

pub async fn the_epoch_stays_the_same<S: Storage>(storage: S) {
    let epoch = storage.epoch().await.expect("reads");
    append(&storage, user(1), "a".into()).await.expect("writes");
    assert_eq!(storage.epoch().await, Ok(epoch));
    assert_eq!(storage.clone().epoch().await, Ok(epoch));
}

pub async fn an_erased_user_is_gone_and_stays_gone<S: Storage>(storage: S) {
    for number in [1, 2] {
        let writes = Writes {
            ledger: vec![entry("a", 1)],
            events: vec![event("a", 1, 1, CardEventKind::Created)],
            cards: vec![card(1, 1)],
            own_verses: vec![verse(1, "own")],
            catalogue: vec![verse(2, "shared")],
            profile: Some(Profile { updated_at: Some(UnixMillis(1)), ..Profile::default() }),
            ..Writes::default()
        };
        write(&storage, user(number), writes).await.expect("writes");
    }
    storage.erase(user(1), UnixMillis(9)).await.expect("erases");
    storage.erase(user(1), UnixMillis(10)).await.expect("and again");
    storage.erase(user(3), UnixMillis(9)).await.expect("also a user that nobody knows");
    for number in [1, 3] {
        let who = user(number);
        assert_eq!(storage.read(who, wanted(&["a"], [1])).await, Err(StorageError::Erased));
        assert_eq!(storage.everything(who).await, Err(StorageError::Erased));
        assert_eq!(storage.ledger_after(who, 0, 10).await, Err(StorageError::Erased));
        assert_eq!(storage.events_of(who, verse_id(1)).await, Err(StorageError::Erased));
        assert_eq!(append(&storage, who, "b".into()).await, Err(StorageError::Erased));
    }
    let other = storage.everything(user(2)).await.expect("reads");
    assert_eq!((other.cards.len(), other.verses.len(), other.last_seq), (1, 1, 1));
    let shared = storage.catalogue(BTreeSet::from([verse_id(2)])).await.expect("reads");
    assert_eq!(shared.len(), 1, "what is shared is nobody's");
}
