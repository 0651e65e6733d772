//! Stamps of clocks that were wrong: whatever is corrected, what was done keeps its order. The plain rule of one stamp is
//! tested in `apply`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use jiff::civil::date;
use proptest::prelude::*;
use verses_core::{
    ApplyContext, CreateVerse, EARLIEST_STAMP, MAX_FUTURE_MS, Operation, OperationId, RecordReview, TextLookup,
    UnixMillis, UpdateProfile, UserState, VerseId, apply,
};

const NOW: UnixMillis = UnixMillis(1_772_438_400_000);

fn run(state: &mut UserState, id: &str, operation: &Operation) -> UnixMillis {
    let operation_id = OperationId::new(id.to_owned()).unwrap();
    let context = ApplyContext { operation_id: &operation_id, now: NOW, text: &TextLookup::NotAsked };
    apply(state, &context, operation).unwrap().occurred_at
}

fn with_card(at: UnixMillis) -> (UserState, VerseId) {
    let mut state = UserState::default();
    let create = CreateVerse {
        reference: "John 3:16".into(),
        translation: Some("KJV".into()),
        text: Some("For God so loved the world".into()),
        occurred_at: Some(at),
        ..CreateVerse::default()
    };
    run(&mut state, "create", &Operation::CreateVerse(create));
    let verse = *state.cards.keys().next().unwrap();
    (state, verse)
}

fn review(verse_id: VerseId, at: i64) -> Operation {
    Operation::RecordReview(RecordReview {
        verse_id,
        was_successful: true,
        occurred_at: UnixMillis(at),
        local_date: date(2026, 3, 2),
        review_time_seconds: None,
        slot: None,
    })
}

fn far_ahead() -> impl Strategy<Value = i64> {
    prop_oneof![NOW.0 + MAX_FUTURE_MS + 1..i64::MAX / 2, i64::MIN / 2..EARLIEST_STAMP.0]
}

proptest! {
    #[test]
    fn corrected_stamps_of_one_card_rise_in_the_order_given(
        claimed in prop::collection::vec((far_ahead(), "[a-z]{1,8}"), 1..12),
    ) {
        let (mut state, verse) = with_card(NOW);
        let mut last = UnixMillis(NOW.0);
        for (number, (at, id)) in claimed.into_iter().enumerate() {
            // Ids in no order at all: they must not decide.
            let got = run(&mut state, &format!("{id}{number}"), &review(verse, at));
            prop_assert!(got > last, "{got:?} after {last:?}");
            prop_assert!(got.0 <= NOW.0 + MAX_FUTURE_MS);
            last = got;
        }
    }

    #[test]
    fn corrected_stamps_of_the_profile_rise_so_that_the_last_name_stays(
        claimed in prop::collection::vec((far_ahead(), "[a-z]{1,8}"), 1..12),
    ) {
        let mut state = UserState::default();
        let mut name = String::new();
        for (number, (at, id)) in claimed.into_iter().enumerate() {
            name = format!("Name {number}");
            let update = UpdateProfile {
                occurred_at: UnixMillis(at),
                full_name: Some(name.clone()),
                ..UpdateProfile::default()
            };
            run(&mut state, &format!("{id}{number}"), &Operation::UpdateProfile(update));
        }
        prop_assert_eq!(state.profile.full_name.value, Some(name));
    }
}

#[test]
fn a_corrected_stamp_does_not_follow_one_that_lies_too_far_ahead() {
    let at_the_limit = UnixMillis(NOW.0 + MAX_FUTURE_MS);
    let (mut state, verse) = with_card(at_the_limit);
    // Right after it would be implausible itself: it counts as now, and the card is folded from its events.
    assert_eq!(run(&mut state, "r", &review(verse, i64::MAX)), NOW);
    let (mut state, verse) = with_card(UnixMillis(NOW.0 + MAX_FUTURE_MS - 1));
    assert_eq!(run(&mut state, "r", &review(verse, i64::MAX)), at_the_limit);
}
