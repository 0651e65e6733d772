//! The schedule: how a card moves through its phases, when it is due, and that the fold gives the same card whatever the
//! order of arrival. Dates in time zones are in `dates.rs`, operations in `apply.rs`.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use jiff::Span;
use jiff::civil::{Date, date};
use proptest::prelude::*;
use uuid::Uuid;
use verses_core::{
    Card, CardEvent, CardEventKind, OperationId, Phase, Slot, UnixMillis, VerseId, due_cards, fold, fold_step,
    least_loaded_slot, reviews_needed, slots, sorts_before_last,
};

const DAY: i64 = 86_400_000;
/// 2026-03-01 12:00 UTC, a Sunday.
const NOON: i64 = 1_772_366_400_000;
const VERSE: VerseId = VerseId(Uuid::from_u128(7));

// What another implementation of FNV-1a gives for verse 0x1234 and the phase's number.
const WEEKLY: i8 = 3;
const BIWEEKLY: (i8, i8) = (7, 1);
const MONTHLY: i8 = 25;

fn first_day() -> Date {
    date(2026, 3, 1)
}

fn on(day: i64) -> Date {
    first_day().checked_add(Span::new().days(day)).unwrap()
}

fn event(id: &str, day: i64, kind: CardEventKind) -> CardEvent {
    let operation_id = OperationId::new(id).unwrap();
    CardEvent { operation_id, verse_id: VERSE, occurred_at: UnixMillis(NOON + day * DAY), local_date: on(day), kind }
}

fn reviewed(was_successful: bool, slot: Option<Slot>) -> CardEventKind {
    CardEventKind::Reviewed { was_successful, review_time_seconds: None, slot }
}

fn weekly_on(day: i8) -> Slot {
    Slot { day_of_week: Some(day), ..Slot::default() }
}

/// A card and its history, built up in order.
struct History {
    card: Card,
    next_id: u32,
}

impl History {
    fn new() -> Self {
        Self { card: fold_step(None, &event("0000", 0, CardEventKind::Created)), next_id: 1 }
    }

    fn then(&mut self, day: i64, kind: CardEventKind) -> &Card {
        let event = event(&format!("{:04}", self.next_id), day, kind);
        self.next_id += 1;
        self.card = fold_step(Some(self.card.clone()), &event);
        &self.card
    }

    fn passed(&mut self, day: i64) -> &Card {
        self.then(day, reviewed(true, None))
    }

    /// Successful reviews on successive days from `day` on.
    fn passed_daily(&mut self, from: i64, times: i64) -> &Card {
        (from..from + times).for_each(|day| drop(self.passed(day).clone()));
        &self.card
    }
}

#[test]
fn a_new_card_is_daily_and_due_on_its_first_day() {
    let card = History::new().card;
    assert_eq!((card.current_phase, card.next_due_date, card.archived), (Phase::Daily, on(0), false));
    assert_eq!((card.phase_progress_count, card.current_streak, card.best_streak), (0, 0, 0));
    assert_eq!((card.last_reviewed_at, card.created_at), (None, UnixMillis(NOON)));
}

#[test]
fn phases_last_14_then_4_then_4_reviews_and_monthly_never_ends() {
    let mut history = History::new();
    assert_eq!(history.passed_daily(0, 13).current_phase, Phase::Daily);
    assert_eq!(history.card.phase_progress_count, 13);
    let card = history.passed(13);
    assert_eq!((card.current_phase, card.phase_progress_count), (Phase::Weekly, 0));
    assert_eq!(history.passed_daily(14, 3).current_phase, Phase::Weekly);
    assert_eq!(history.passed(17).current_phase, Phase::Biweekly);
    assert_eq!(history.passed_daily(18, 3).current_phase, Phase::Biweekly);
    assert_eq!(history.passed(21).current_phase, Phase::Monthly);
    let card = history.passed_daily(22, 60);
    assert_eq!((card.current_phase, card.phase_progress_count, card.current_streak), (Phase::Monthly, 60, 82));
}

#[test]
fn only_the_first_review_of_a_date_counts_and_only_if_it_succeeds() {
    for (name, reviews, progress, streak, best) in [
        ("two successes on one date", vec![(0, true), (0, true)], 1, 1, 1),
        ("a failure first", vec![(0, false), (0, true)], 0, 0, 0),
        ("a failure after a success", vec![(0, true), (0, false)], 1, 0, 1),
        ("a failure, then the next day", vec![(0, false), (1, true)], 1, 1, 1),
        ("a failure breaks the streak, not the progress", vec![(0, true), (1, true), (2, false), (3, true)], 3, 1, 2),
        ("a second failure of a date", vec![(0, true), (1, false), (1, false)], 1, 0, 1),
    ] {
        let mut history = History::new();
        for (day, was_successful) in reviews {
            history.then(day, reviewed(was_successful, None));
        }
        let card = &history.card;
        assert_eq!(
            (card.phase_progress_count, card.current_streak, card.best_streak),
            (progress, streak, best),
            "{name}"
        );
    }
}

#[test]
fn every_review_of_a_daily_card_makes_it_due_the_next_day() {
    for (first, second) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut history = History::new();
        history.then(5, reviewed(first, None));
        assert_eq!(history.then(5, reviewed(second, None)).next_due_date, on(6));
    }
}

#[test]
fn a_review_for_travellers_counts_by_local_date_across_the_date_line() {
    // Reviewed on the 10th in Auckland, and a few hours later on the 9th in Honolulu: two dates, both counted, and the
    // third review on either date does not count.
    let mut history = History::new();
    for (hours, day, progress) in [(0, 9, 1), (5, 8, 2), (6, 9, 2), (7, 8, 2)] {
        let id = format!("{hours:04}");
        let at = UnixMillis(NOON + 9 * DAY + hours * 3_600_000);
        let review = CardEvent { occurred_at: at, ..event(&id, day, reviewed(true, None)) };
        history.card = fold_step(Some(history.card.clone()), &review);
        assert_eq!(history.card.phase_progress_count, progress, "after {hours} hours");
    }
}

#[test]
fn a_proposed_slot_is_taken_when_the_phase_advances_and_not_before() {
    let mut history = History::new();
    assert_eq!(history.then(0, reviewed(true, Some(weekly_on(3)))).assigned_day_of_week, None);
    history.passed_daily(1, 12);
    let card = history.then(13, reviewed(true, Some(weekly_on(3))));
    // Day 13 is Saturday the 14th; the next Tuesday is the 17th.
    assert_eq!((card.assigned_day_of_week, card.next_due_date), (Some(3), date(2026, 3, 17)));
}

#[test]
fn without_a_fitting_proposal_the_slot_follows_from_the_verse() {
    let wrong = [None, Some(Slot::default()), Some(weekly_on(0)), Some(weekly_on(8)), Some(monthly_on(5))];
    let assigned = wrong.map(|slot| {
        let mut history = History::new();
        history.passed_daily(0, 13);
        history.then(13, reviewed(true, slot)).assigned_day_of_week
    });
    assert_eq!(assigned, [assigned[0]; 5]);
    assert!(assigned[0].is_some_and(|day| (1..=7).contains(&day)));
}

fn monthly_on(day: i8) -> Slot {
    Slot { day_of_month: Some(day), ..Slot::default() }
}

#[test]
fn slots_from_a_verse_never_change() {
    // Two devices without a proposal must agree, today and after an update.
    let slot = |phase| slots::hashed(VerseId(Uuid::from_u128(0x1234)), phase);
    assert_eq!(slot(Phase::Daily), Slot::default());
    assert_eq!(slot(Phase::Weekly), weekly_on(WEEKLY));
    let biweekly = Slot { day_of_week: Some(BIWEEKLY.0), week_parity: Some(BIWEEKLY.1), day_of_month: None };
    assert_eq!(slot(Phase::Biweekly), biweekly);
    assert_eq!(slot(Phase::Monthly), monthly_on(MONTHLY));
}

#[test]
fn next_dates_follow_the_slot() {
    let biweekly = |day, parity| Slot { day_of_week: Some(day), week_parity: Some(parity), day_of_month: None };
    for (phase, slot, reviewed_on, due) in [
        // 2026-03-01 is a Sunday.
        (Phase::Weekly, weekly_on(1), date(2026, 3, 1), date(2026, 3, 8)),
        (Phase::Weekly, weekly_on(7), date(2026, 3, 1), date(2026, 3, 7)),
        (Phase::Weekly, weekly_on(2), date(2026, 12, 31), date(2027, 1, 4)),
        (Phase::Monthly, monthly_on(28), date(2026, 2, 28), date(2026, 3, 28)),
        (Phase::Monthly, monthly_on(1), date(2026, 12, 1), date(2027, 1, 1)),
        (Phase::Monthly, monthly_on(28), date(2024, 2, 27), date(2024, 2, 28)),
        (Phase::Biweekly, biweekly(5, 0), date(1970, 1, 1), date(1970, 1, 15)),
        (Phase::Biweekly, biweekly(5, 1), date(1970, 1, 1), date(1970, 1, 8)),
        (Phase::Biweekly, biweekly(1, 1), date(1970, 1, 1), date(1970, 1, 4)),
    ] {
        let from = reviewed_on.tomorrow().unwrap();
        assert_eq!(slots::first_match(phase, Some(slot), from), due, "{phase:?} {slot:?} after {reviewed_on}");
    }
}

#[test]
fn weeks_begin_on_sunday_and_are_counted_from_the_one_of_the_epoch() {
    for (day, parity) in [
        (date(1969, 12, 27), 1),
        (date(1969, 12, 28), 0),
        (date(1970, 1, 1), 0),
        (date(1970, 1, 3), 0),
        (date(1970, 1, 4), 1),
        (date(1970, 1, 11), 0),
    ] {
        assert_eq!(slots::week_parity(day), parity, "{day}");
    }
    assert_eq!((slots::day_of_week(date(2026, 3, 1)), slots::day_of_week(date(2026, 3, 7))), (1, 7));
}

#[test]
fn archiving_takes_a_card_out_of_the_due_list_and_restoring_starts_it_anew() {
    let mut history = History::new();
    history.passed_daily(0, 5);
    let archived = history.then(6, CardEventKind::Archived).clone();
    assert!(archived.archived && due_cards([&archived], on(30)).is_empty());
    assert_eq!((archived.phase_progress_count, archived.current_streak), (5, 5));
    for bring_back in [CardEventKind::Restored, CardEventKind::Created] {
        let card = fold_step(Some(archived.clone()), &event("9999", 20, bring_back));
        assert_eq!((card.archived, card.current_phase, card.next_due_date), (false, Phase::Daily, on(20)));
        assert_eq!((card.phase_progress_count, card.current_streak, card.best_streak), (0, 0, 5));
        assert_eq!(card.created_at, UnixMillis(NOON));
    }
}

#[test]
fn restoring_or_creating_a_live_card_changes_nothing_but_its_date_of_change() {
    let mut history = History::new();
    let before = history.passed_daily(0, 5).clone();
    for again in [CardEventKind::Restored, CardEventKind::Created] {
        let event = event("9999", 9, again);
        let fold = verses_core::FoldState { last_event: event.key(), ..before.fold.clone() };
        let expected = Card { updated_at: event.occurred_at, fold, ..before.clone() };
        assert_eq!(fold_step(Some(before.clone()), &event), expected);
    }
}

#[test]
fn setting_the_phase_restarts_progress_and_streak_and_keeps_the_best() {
    let mut history = History::new();
    history.passed_daily(0, 5);
    let set = CardEventKind::PhaseSet { phase: Phase::Monthly, slot: Some(monthly_on(10)) };
    let card = history.then(9, set);
    assert_eq!(
        (card.current_phase, card.assigned_day_of_month, card.assigned_day_of_week),
        (Phase::Monthly, Some(10), None)
    );
    assert_eq!((card.phase_progress_count, card.current_streak, card.best_streak), (0, 0, 5));
    // Due on the first matching date from the day on which it was set: that day, the 10th.
    assert_eq!(card.next_due_date, date(2026, 3, 10));
    let card = history.then(10, CardEventKind::PhaseSet { phase: Phase::Daily, slot: None });
    assert_eq!((card.current_phase, card.assigned_day_of_month, card.next_due_date), (Phase::Daily, None, on(10)));
}

#[test]
fn an_overdue_card_stays_due_until_it_is_reviewed() {
    let mut history = History::new();
    assert_eq!(due_cards([&history.card], on(-1)).len(), 0);
    for day in [0, 1, 40, 400] {
        assert_eq!(due_cards([&history.card], on(day)).len(), 1, "day {day}");
    }
    history.then(400, reviewed(false, None));
    assert_eq!(due_cards([&history.card], on(400)).len(), 0);
    assert_eq!(due_cards([&history.card], on(401)).len(), 1);
}

#[test]
fn due_cards_come_by_date_then_by_verse() {
    let card = |verse: u128, due| Card {
        verse_id: VerseId(Uuid::from_u128(verse)),
        next_due_date: due,
        ..History::new().card
    };
    let cards = [card(3, on(1)), card(2, on(1)), card(9, on(0)), card(1, on(2))];
    let due: Vec<u128> = due_cards(&cards, on(1)).iter().map(|c| c.verse_id.0.as_u128()).collect();
    assert_eq!(due, [9, 2, 3]);
}

#[test]
fn the_least_loaded_slot_is_the_first_with_the_fewest_live_cards_of_the_phase() {
    let weekly = |day, archived| Card {
        current_phase: Phase::Weekly,
        assigned_day_of_week: Some(day),
        archived,
        ..History::new().card
    };
    assert_eq!(least_loaded_slot([], Phase::Weekly), weekly_on(1));
    assert_eq!(least_loaded_slot(&[weekly(1, false), weekly(2, true)], Phase::Weekly), weekly_on(2));
    let full: Vec<Card> = (1..=7).map(|day| weekly(day, false)).chain([weekly(1, false)]).collect();
    assert_eq!(least_loaded_slot(&full, Phase::Weekly), weekly_on(2));
    assert_eq!(least_loaded_slot(&full, Phase::Monthly), monthly_on(1));
    assert_eq!(least_loaded_slot(&full, Phase::Daily), Slot::default());
}

#[test]
fn a_card_without_events_does_not_exist_and_one_event_counts_once() {
    assert_eq!(fold(VERSE, []), None);
    let (created, review) = (event("a", 0, CardEventKind::Created), event("b", 1, reviewed(true, None)));
    let moved = CardEvent { occurred_at: UnixMillis(NOON + 5 * DAY), local_date: on(5), ..review.clone() };
    let once = fold(VERSE, [created.clone(), review.clone()]);
    assert_eq!(fold(VERSE, [review.clone(), created.clone(), review, moved]), once);
    let other = CardEvent { verse_id: VerseId(Uuid::from_u128(8)), ..created };
    assert_eq!(fold(VERSE, [other]), None, "events of other cards are no matter of this one");
}

/// Events as `apply` lets them through: local dates at most one day off the UTC date. Many at the same instant, so that
/// the operation id decides.
fn history() -> impl Strategy<Value = Vec<CardEvent>> {
    let kind = prop_oneof![
        6 => (any::<bool>(), slot()).prop_map(|(was_successful, slot)| reviewed(was_successful, slot)),
        1 => Just(CardEventKind::Created),
        1 => Just(CardEventKind::Archived),
        1 => Just(CardEventKind::Restored),
        1 => (phase(), slot()).prop_map(|(phase, slot)| CardEventKind::PhaseSet { phase, slot }),
    ];
    prop::collection::vec((0i64..60, 0i64..4, -1i64..=1, kind), 1..60).prop_map(|events| {
        let numbered = events.into_iter().enumerate();
        numbered
            .map(|(number, (day, quarter, offset, kind))| CardEvent {
                occurred_at: UnixMillis(NOON + day * DAY + quarter * DAY / 4 - DAY / 2),
                local_date: on(day + offset),
                ..event(&format!("op-{}", (number * 7_919) % 1_000), day, kind)
            })
            .collect()
    })
}

fn phase() -> impl Strategy<Value = Phase> {
    prop_oneof![Just(Phase::Daily), Just(Phase::Weekly), Just(Phase::Biweekly), Just(Phase::Monthly)]
}

fn slot() -> impl Strategy<Value = Option<Slot>> {
    let part = |high: i8| prop::option::of(0..=high);
    prop::option::of((part(8), part(2), part(30)).prop_map(|(day_of_week, week_parity, day_of_month)| Slot {
        day_of_week,
        week_parity,
        day_of_month,
    }))
}

/// Folds events as they arrive: one step where they come in order, anew where they do not.
fn as_they_arrive(events: &[CardEvent]) -> Option<Card> {
    let mut known: Vec<CardEvent> = Vec::new();
    let mut card: Option<Card> = None;
    for event in events {
        known.push(event.clone());
        card = match card {
            Some(card) if sorts_before_last(&card, event) => fold(VERSE, known.clone()),
            card => Some(fold_step(card, event)),
        };
    }
    card
}

proptest! {
    #[test]
    fn any_order_of_arrival_gives_the_card_folded_in_order(
        (events, shuffled) in history().prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle()))
    ) {
        let in_order = fold(VERSE, events);
        prop_assert_eq!(fold(VERSE, shuffled.clone()), in_order.clone());
        prop_assert_eq!(as_they_arrive(&shuffled), in_order);
    }

    #[test]
    fn every_step_keeps_the_card_sound(events in history()) {
        let mut events = events;
        events.sort_by_key(CardEvent::key);
        let mut card: Option<Card> = None;
        let mut counted = 0;
        for event in &events {
            let before = card.clone();
            let after = fold_step(card, event);
            let (best, due) = before.as_ref().map_or((0, event.local_date), |b| (b.best_streak, b.next_due_date));
            prop_assert!(after.best_streak >= best, "the best streak never falls");
            prop_assert!(after.current_streak <= after.best_streak);
            prop_assert!(reviews_needed(after.current_phase).is_none_or(|needed| after.phase_progress_count < needed));
            if let CardEventKind::Reviewed { was_successful, .. } = event.kind {
                prop_assert!(after.next_due_date > event.local_date);
                let gap = event.local_date.until(after.next_due_date).unwrap().get_days();
                prop_assert!(gap <= 31, "due again within a month");
                counted += u32::from(was_successful);
            } else if matches!(event.kind, CardEventKind::Archived) {
                prop_assert_eq!(after.next_due_date, due);
            }
            prop_assert!(after.best_streak <= counted, "no streak without reviews");
            prop_assert_eq!(&after.fold.last_event, &event.key());
            prop_assert!(after.fold.review_dates.len() <= verses_core::REMEMBERED_REVIEW_DATES);
            let slot = Slot {
                day_of_week: after.assigned_day_of_week,
                week_parity: after.assigned_week_parity,
                day_of_month: after.assigned_day_of_month,
            };
            prop_assert_eq!(slots::fitting(after.current_phase, Some(slot)), Some(slot), "the slot fits the phase");
            card = Some(after);
        }
    }

    #[test]
    fn remembering_three_dates_is_as_good_as_remembering_all(events in history()) {
        // Another way to count: every date ever, in a set.
        let mut events = events;
        events.sort_by_key(CardEvent::key);
        let mut dates = std::collections::BTreeSet::new();
        let mut card: Option<Card> = None;
        for event in &events {
            let streak = card.as_ref().map_or(0, |c| c.current_streak);
            let after = fold_step(card, event);
            if let CardEventKind::Reviewed { was_successful, .. } = event.kind {
                let first = dates.insert(event.local_date);
                let expected = match (was_successful, first) { (false, _) => 0, (true, true) => streak + 1, (true, false) => streak };
                prop_assert_eq!(after.current_streak, expected);
            }
            card = Some(after);
        }
    }

    #[test]
    fn a_card_survives_its_journey_through_json(events in history()) {
        let card = fold(VERSE, events).unwrap();
        let json = serde_json::to_string(&card).unwrap();
        prop_assert_eq!(serde_json::from_str::<Card>(&json).unwrap(), card);
    }
}
