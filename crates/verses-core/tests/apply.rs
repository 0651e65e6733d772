//! `apply`: what it accepts, what it refuses and why, what it corrects, and that any order of arrival ends in the fold.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use jiff::Span;
use jiff::civil::{Date, date};
use litemap::LiteMap;
use proptest::prelude::*;
use verses_core::{
    ApplyContext, CardAction, CreateVerse, EARLIEST_STAMP, Effect, MAX_CARD_VERSES, MAX_FULL_NAME_BYTES, MAX_FUTURE_MS,
    MAX_REFERENCE_BYTES, MAX_REVIEW_SECONDS, MAX_TEXT_BYTES, Operation, OperationId, PRIVATE_TRANSLATION, Phase,
    RecordReview, Rejection, RejectionCode as Code, SetPhase, Slot, TextLookup, UnixMillis, UpdateProfile, UserState,
    Verse, VerseId, apply, fold, needs_events, needs_profile, parse_passage, verse_id_of_create,
};

const DAY: i64 = 86_400_000;
/// 2026-03-01 12:00 UTC.
const NOW: UnixMillis = UnixMillis(1_772_366_400_000);

fn today() -> Date {
    date(2026, 3, 1)
}

fn days(date: Date, days: i64) -> Date {
    date.checked_add(Span::new().days(days)).unwrap()
}

fn id(text: &str) -> OperationId {
    OperationId::new(text).unwrap()
}

fn found(words: &str) -> TextLookup {
    TextLookup::Found(Verse {
        id: VerseId::of_private_text("not used"),
        reference: "not used".into(),
        osis: "not used".into(),
        text: words.into(),
        translation: "not used".into(),
        is_verified: true,
        created_at: UnixMillis(NOW.0 - 9),
        updated_at: UnixMillis(NOW.0 - 8),
    })
}

fn run(
    state: &mut UserState,
    operation_id: &str,
    text: &TextLookup,
    operation: &Operation,
) -> Result<Effect, Rejection> {
    let before = state.clone();
    let result = apply(state, &ApplyContext { operation_id: &id(operation_id), now: NOW, text }, operation);
    if result.is_err() {
        assert_eq!(*state, before, "a refusal changes nothing");
    }
    result
}

fn create(reference: &str) -> CreateVerse {
    CreateVerse {
        reference: reference.into(),
        occurred_at: Some(NOW),
        local_date: Some(today()),
        ..CreateVerse::default()
    }
}

fn with_text(reference: &str, text: &str) -> Operation {
    Operation::CreateVerse(CreateVerse { text: Some(text.into()), ..create(reference) })
}

fn john() -> VerseId {
    parse_passage("John 3:16").unwrap().verse_id("KJV")
}

fn review(verse_id: VerseId, day: i64, was_successful: bool) -> RecordReview {
    RecordReview {
        verse_id,
        was_successful,
        occurred_at: UnixMillis(NOW.0 + day * DAY),
        local_date: days(today(), day),
        review_time_seconds: Some(12),
        slot: None,
    }
}

fn action() -> CardAction {
    CardAction { verse_id: john(), occurred_at: NOW, local_date: today() }
}

fn set_phase(phase: Phase, slot: Option<Slot>) -> Operation {
    Operation::SetPhase(SetPhase { verse_id: john(), phase, occurred_at: NOW, local_date: today(), slot })
}

/// A state with the card of John 3:16, created ten days ago.
fn with_john() -> UserState {
    let mut state = UserState::default();
    let created = CreateVerse {
        occurred_at: Some(UnixMillis(NOW.0 - 10 * DAY)),
        local_date: Some(days(today(), -10)),
        ..create("John 3:16")
    };
    run(&mut state, "created", &found("For God so loved"), &Operation::CreateVerse(created)).unwrap();
    state
}

#[test]
fn a_creation_makes_a_verse_and_a_card_from_what_was_typed() {
    let mut state = UserState::default();
    let operation = CreateVerse { translation: Some(" kjv ".into()), ..create("jn 3:16") };
    let effect = run(&mut state, "a", &found("For God so loved"), &Operation::CreateVerse(operation)).unwrap();
    assert_eq!((effect.verse_id, effect.duplicate, effect.clock_corrected), (Some(john()), false, false));
    let verse = &state.verses[&john()];
    let shown = (verse.reference.as_str(), verse.osis.as_str(), verse.translation.as_str(), verse.text.as_str());
    assert_eq!(shown, ("John 3:16", "John.3.16", "KJV", "For God so loved"));
    assert!(verse.is_verified && verse.id == john());
    assert_eq!((verse.created_at, verse.updated_at), (UnixMillis(NOW.0 - 9), UnixMillis(NOW.0 - 8)));
    assert_eq!(state.cards[&john()].next_due_date, today());
    assert_eq!(fold(john(), effect.event), state.cards.get(&john()).cloned());
}

#[test]
fn the_translation_is_the_one_named_else_the_preferred_else_the_default() {
    for (named, preferred, expected) in
        [(Some("web"), Some("ESV"), "WEB"), (None, Some("esv"), "ESV"), (None, None, "KJV")]
    {
        let mut state = UserState::default();
        if let Some(preferred) = preferred {
            let update =
                UpdateProfile { occurred_at: NOW, preferred_translation: Some(preferred.into()), ..Default::default() };
            run(&mut state, "p", &TextLookup::NotAsked, &Operation::UpdateProfile(update)).unwrap();
        }
        let operation = CreateVerse { translation: named.map(str::to_owned), ..create("John 3:16") };
        let meant = verse_id_of_create(&operation, &state.profile);
        let effect = run(&mut state, "a", &TextLookup::NotAsked, &Operation::CreateVerse(operation)).unwrap();
        assert_eq!(effect.verse_id, Some(meant));
        assert_eq!(state.verses[&meant].translation, expected);
    }
}

#[test]
fn a_text_that_is_no_passage_is_private() {
    let mut state = UserState::default();
    let effect = run(&mut state, "a", &TextLookup::NotAsked, &with_text(" Test  1:1 ", " Test verse ")).unwrap();
    let verse = &state.verses[&effect.verse_id.unwrap()];
    assert_eq!((verse.reference.as_str(), verse.text.as_str(), verse.osis.as_str()), ("Test 1:1", "Test verse", ""));
    assert_eq!((verse.translation.as_str(), verse.is_verified), (PRIVATE_TRANSLATION, false));
    let again = run(&mut state, "b", &TextLookup::NotAsked, &with_text("TEST 1:1", "Other words")).unwrap();
    assert_eq!((again.verse_id, again.duplicate), (effect.verse_id, true), "spaces and case make no other text");
}

#[test]
fn a_text_of_ones_own_for_a_passage_has_the_passages_id_and_is_not_verified() {
    let mut state = UserState::default();
    let effect = run(&mut state, "a", &TextLookup::NotAsked, &with_text("John 3:16", "My words")).unwrap();
    assert_eq!(effect.verse_id, Some(john()));
    assert_eq!((state.verses[&john()].text.as_str(), state.verses[&john()].is_verified), ("My words", false));
}

#[test]
fn words_are_replaced_only_by_better_ones() {
    let own = || with_text("John 3:16", "My words");
    let plain = || Operation::CreateVerse(create("John 3:16"));
    let (none, verified) = (TextLookup::NotAsked, found("Verified"));
    for (name, first, then, words, is_verified) in [
        ("own text does not replace a verified one", (plain(), &verified), (own(), &none), "Verified", true),
        (
            "own text does not replace own text of a live card",
            (with_text("John 3:16", "First"), &none),
            (own(), &none),
            "First",
            false,
        ),
        ("own text fills in what was missing", (plain(), &none), (own(), &none), "My words", false),
        ("a verified text replaces own text when asked for", (own(), &none), (plain(), &verified), "Verified", true),
        ("no text replaces nothing", (own(), &none), (plain(), &none), "My words", false),
    ] {
        let mut state = UserState::default();
        run(&mut state, "a", first.1, &first.0).unwrap();
        let effect = run(&mut state, "b", then.1, &then.0).unwrap();
        let verse = &state.verses[&john()];
        assert!(effect.duplicate, "{name}");
        assert_eq!((verse.text.as_str(), verse.is_verified), (words, is_verified), "{name}");
    }
}

#[test]
fn a_provider_that_fails_is_no_matter_for_a_verse_whose_words_are_known() {
    for text in [TextLookup::Failed { message: "down".into() }, TextLookup::Unavailable { message: "no".into() }] {
        let mut state = with_john();
        let effect = run(&mut state, "b", &text, &Operation::CreateVerse(create("John 3:16"))).unwrap();
        assert!(effect.duplicate && state.verses[&john()].text == "For God so loved");
    }
}

#[test]
fn on_a_device_without_the_text_the_verse_waits_for_its_words() {
    let mut state = UserState::default();
    run(&mut state, "a", &TextLookup::NotAsked, &Operation::CreateVerse(create("John 3:16"))).unwrap();
    assert_eq!((state.verses[&john()].text.as_str(), state.verses[&john()].is_verified), ("", false));
}

#[test]
fn a_second_creation_is_a_duplicate_and_one_of_an_archived_card_restores_it() {
    let mut state = with_john();
    let effect = run(&mut state, "again", &found("x"), &Operation::CreateVerse(create("John 3:16"))).unwrap();
    assert!(effect.duplicate && effect.event.is_some(), "its fact is kept: the fold of all facts needs it");
    run(&mut state, "b", &TextLookup::NotAsked, &Operation::ArchiveVerse(action())).unwrap();
    let later = CreateVerse { occurred_at: Some(UnixMillis(NOW.0 + 1)), ..create("John 3:16") };
    let effect = run(&mut state, "c", &found("x"), &Operation::CreateVerse(later)).unwrap();
    assert!(!effect.duplicate && !state.cards[&john()].archived);
}

#[test]
fn a_creation_from_before_the_archiving_does_not_bring_a_card_back() {
    let mut state = with_john();
    run(&mut state, "b", &TextLookup::NotAsked, &Operation::ArchiveVerse(action())).unwrap();
    let earlier = CreateVerse {
        occurred_at: Some(UnixMillis(NOW.0 - DAY)),
        local_date: Some(days(today(), -1)),
        ..create("John 3:16")
    };
    let effect = run(&mut state, "c", &found("x"), &Operation::CreateVerse(earlier)).unwrap();
    assert!(effect.duplicate && state.cards[&john()].archived);
}

/// An operation, the text found for it, and the refusal: its code and what the message must say.
type Refused = (Operation, TextLookup, Code, &'static str);

fn refused_creations() -> Vec<Refused> {
    let none = || TextLookup::NotAsked;
    let named = |translation: &str| {
        Operation::CreateVerse(CreateVerse { translation: Some(translation.into()), ..create("John 3:16") })
    };
    let plain = |reference: &str| Operation::CreateVerse(create(reference));
    vec![
        (plain("Galations 5:22"), none(), Code::InvalidReference, "did you mean Galatians?"),
        (plain(""), none(), Code::InvalidReference, "John 3:16"),
        (plain("John 3:16; Ps 23"), none(), Code::InvalidReference, "one at a time"),
        (plain(&"x".repeat(MAX_REFERENCE_BYTES + 1)), none(), Code::InvalidReference, "shorten"),
        (with_text("Test 1:1", "  "), none(), Code::InvalidReference, "Test"),
        (with_text(" ", "words"), none(), Code::InvalidReference, "reference"),
        (with_text("a\0b", "words"), none(), Code::InvalidReference, "control"),
        (with_text("John 3:16", &"x".repeat(MAX_TEXT_BYTES + 1)), none(), Code::ValidationFailed, "text"),
        (with_text("John 3:16", "a\0b"), none(), Code::ValidationFailed, "text"),
        (named(""), none(), Code::ValidationFailed, "translation"),
        (named("K J V"), none(), Code::ValidationFailed, "translation"),
        (named("ABCDEFGHIJKLMNOPQ"), none(), Code::ValidationFailed, "translation"),
        (named("Lüther"), none(), Code::ValidationFailed, "translation"),
        (plain("Genesis 1-50"), found("x"), Code::TextRequired, "500"),
        (
            plain("John 3:16"),
            TextLookup::Unavailable { message: "ask elsewhere".into() },
            Code::TextRequired,
            "ask elsewhere",
        ),
        (
            plain("John 3:16"),
            TextLookup::Failed { message: "try again".into() },
            Code::ProviderUnavailable,
            "try again",
        ),
    ]
}

fn refused_actions() -> Vec<Refused> {
    let unknown = VerseId::of_private_text("unknown");
    let of_unknown = CardAction { verse_id: unknown, ..action() };
    let none = || TextLookup::NotAsked;
    let slot = |day, parity, of_month| Some(Slot { day_of_week: day, week_parity: parity, day_of_month: of_month });
    let with_slot = |slot| Operation::RecordReview(RecordReview { slot, ..review(john(), 0, true) });
    let too_long = RecordReview { review_time_seconds: Some(MAX_REVIEW_SECONDS + 1), ..review(john(), 0, true) };
    let phase_of_unknown =
        SetPhase { verse_id: unknown, phase: Phase::Daily, occurred_at: NOW, local_date: today(), slot: None };
    vec![
        (Operation::RecordReview(review(unknown, 0, true)), none(), Code::UnknownVerse, "create it first"),
        (Operation::ArchiveVerse(of_unknown.clone()), none(), Code::UnknownVerse, "create it first"),
        (Operation::RestoreVerse(of_unknown), none(), Code::UnknownVerse, "create it first"),
        (Operation::SetPhase(phase_of_unknown), none(), Code::UnknownVerse, "create it first"),
        (Operation::RecordReview(too_long), none(), Code::ValidationFailed, "reviewTimeSeconds"),
        (with_slot(slot(Some(0), None, None)), none(), Code::ValidationFailed, "slot.dayOfWeek"),
        (with_slot(slot(Some(8), None, None)), none(), Code::ValidationFailed, "slot.dayOfWeek"),
        (with_slot(slot(None, Some(2), None)), none(), Code::ValidationFailed, "slot.weekParity"),
        (with_slot(slot(None, Some(-1), None)), none(), Code::ValidationFailed, "slot.weekParity"),
        (set_phase(Phase::Monthly, slot(None, None, Some(29))), none(), Code::ValidationFailed, "slot.dayOfMonth"),
        (set_phase(Phase::Monthly, slot(None, None, Some(0))), none(), Code::ValidationFailed, "slot.dayOfMonth"),
    ]
}

fn refused_profiles() -> Vec<Refused> {
    let update = |change: fn(&mut UpdateProfile)| {
        let mut update = UpdateProfile { occurred_at: NOW, ..UpdateProfile::default() };
        change(&mut update);
        Operation::UpdateProfile(update)
    };
    let none = || TextLookup::NotAsked;
    vec![
        (
            update(|u| u.full_name = Some("x".repeat(MAX_FULL_NAME_BYTES + 1))),
            none(),
            Code::ValidationFailed,
            "fullName",
        ),
        (update(|u| u.full_name = Some("a\nb".into())), none(), Code::ValidationFailed, "fullName"),
        (update(|u| u.timezone = Some("Mars/Base".into())), none(), Code::ValidationFailed, "timezone"),
        (
            update(|u| u.preferred_translation = Some("!".into())),
            none(),
            Code::ValidationFailed,
            "preferredTranslation",
        ),
    ]
}

#[test]
fn every_refusal_has_its_code_names_the_fault_and_changes_nothing() {
    for (operation, text, code, says) in [refused_creations(), refused_actions(), refused_profiles()].concat() {
        let mut state = with_john();
        state.verses.clear();
        state.cards.retain(|_, _| !matches!(operation, Operation::CreateVerse(_)));
        let rejection = run(&mut state, "x", &text, &operation).expect_err(says);
        assert_eq!(rejection.code, code, "{operation:?}: {rejection}");
        assert!(rejection.message.contains(says), "{operation:?}: {rejection}");
        assert!(rejection.message.len() < 300, "a message does not repeat whatever was sent: {rejection}");
        assert_eq!(rejection.code.is_retryable(), code == Code::ProviderUnavailable);
    }
}

#[test]
fn values_at_the_limits_are_accepted() {
    let mut state = with_john();
    let text = "x".repeat(MAX_TEXT_BYTES);
    run(&mut state, "a", &TextLookup::NotAsked, &with_text("Mine", &text)).unwrap();
    let long = RecordReview { review_time_seconds: Some(MAX_REVIEW_SECONDS), ..review(john(), 0, true) };
    run(&mut state, "b", &TextLookup::NotAsked, &Operation::RecordReview(long)).unwrap();
    let whole = parse_passage("Romans 1-16").unwrap();
    assert!(whole.verse_count() <= MAX_CARD_VERSES);
    run(&mut state, "c", &found("x"), &Operation::CreateVerse(create("Romans 1-16"))).unwrap();
    let name =
        UpdateProfile { occurred_at: NOW, full_name: Some("n".repeat(MAX_FULL_NAME_BYTES)), ..Default::default() };
    run(&mut state, "d", &TextLookup::NotAsked, &Operation::UpdateProfile(name)).unwrap();
}

#[test]
fn what_apply_names_a_verse_it_also_accepts() {
    // The canonical name travels to other devices and may come back as a creation.
    let list: Vec<String> = (1..=50).map(|verse| (verse * 2).to_string()).collect();
    let typed = format!("ps119:{}", list.join(","));
    let mut state = UserState::default();
    let effect = run(&mut state, "a", &found("x"), &Operation::CreateVerse(create(&typed))).unwrap();
    let verse = state.verses[&effect.verse_id.unwrap()].clone();
    let back = create(&verse.reference);
    assert_eq!(verse_id_of_create(&back, &state.profile), verse.id);
    assert!(run(&mut state, "b", &found("x"), &Operation::CreateVerse(back)).unwrap().duplicate);
}

#[test]
fn an_implausible_stamp_counts_as_now_and_nothing_is_lost() {
    for (claimed, corrected) in [
        (NOW.0 + MAX_FUTURE_MS, false),
        (NOW.0 + MAX_FUTURE_MS + 1, true),
        (i64::MAX, true),
        (EARLIEST_STAMP.0, false),
        (EARLIEST_STAMP.0 - 1, true),
        (0, true),
        (i64::MIN, true),
    ] {
        let mut state = with_john();
        let at = UnixMillis(claimed);
        let local_date = if corrected { date(2031, 7, 1) } else { verses_core::utc_date(at) };
        let operation =
            Operation::RecordReview(RecordReview { occurred_at: at, local_date, ..review(john(), 0, true) });
        let effect = run(&mut state, "r", &TextLookup::NotAsked, &operation).unwrap();
        assert_eq!(effect.clock_corrected, corrected, "{claimed}");
        assert_eq!(effect.occurred_at, if corrected { NOW } else { at }, "{claimed}");
        assert!(state.cards[&john()].next_due_date <= days(today(), 3), "a wrong clock pushes no card years away");
        assert_eq!(state.cards[&john()].phase_progress_count, 1);
    }
}

#[test]
fn a_date_that_is_wrong_everywhere_becomes_the_one_of_the_profiles_zone_or_the_nearest() {
    for (zone, claimed, expected) in [
        (None, date(2026, 3, 9), date(2026, 3, 2)),
        (None, date(2020, 1, 1), date(2026, 2, 28)),
        (Some("Pacific/Kiritimati"), date(2020, 1, 1), date(2026, 3, 2)),
        (Some("Europe/Berlin"), date(2030, 1, 1), date(2026, 3, 1)),
        (Some("Europe/Berlin"), date(2026, 3, 2), date(2026, 3, 2)),
        (None, date(2026, 2, 28), date(2026, 2, 28)),
    ] {
        let mut state = with_john();
        state.profile.timezone.value = zone.map(str::to_owned);
        let operation = Operation::RecordReview(RecordReview { local_date: claimed, ..review(john(), 0, true) });
        let effect = run(&mut state, "r", &TextLookup::NotAsked, &operation).unwrap();
        assert_eq!(effect.event.unwrap().local_date, expected, "{zone:?} {claimed}");
        // The device is told, so that it folds the same.
        assert_eq!(effect.clock_corrected, claimed != expected, "{zone:?} {claimed}");
    }
}

#[test]
fn a_creation_without_time_and_date_happens_now_and_is_due_wherever_the_user_is() {
    let mut state = UserState::default();
    let bare = CreateVerse { reference: "John 3:16".into(), ..CreateVerse::default() };
    let effect = run(&mut state, "a", &found("x"), &Operation::CreateVerse(bare)).unwrap();
    assert_eq!((effect.occurred_at, effect.clock_corrected), (NOW, false));
    assert_eq!(state.cards[&john()].next_due_date, verses_core::earliest_local_date(NOW));
}

#[test]
fn profile_fields_merge_each_by_its_own_last_update() {
    let update = |at: i64, full_name: Option<&str>, translation: Option<&str>| {
        Operation::UpdateProfile(UpdateProfile {
            occurred_at: UnixMillis(NOW.0 + at),
            full_name: full_name.map(str::to_owned),
            preferred_translation: translation.map(str::to_owned),
            ..UpdateProfile::default()
        })
    };
    let updates = [
        ("a", update(-30, Some(" Anna "), Some("web"))),
        ("b", update(-20, None, Some("kjv"))),
        ("c", update(-20, Some("Anne"), None)),
        ("d", update(-20, Some("Ann"), None)),
    ];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        let mut state = UserState::default();
        for at in order {
            run(&mut state, updates[at].0, &TextLookup::NotAsked, &updates[at].1).unwrap();
        }
        let profile = &state.profile;
        assert_eq!(profile.full_name.value.as_deref(), Some("Ann"), "of one instant the later id wins");
        assert_eq!(profile.preferred_translation.value.as_deref(), Some("KJV"));
        assert_eq!(profile.updated_at, Some(UnixMillis(NOW.0 - 20)));
        // The feed merges the update as it was sent: the same profile comes of it.
        let mut from_feed = verses_core::Profile::default();
        for (operation_id, operation) in &updates {
            let Operation::UpdateProfile(update) = operation else { unreachable!() };
            let key = verses_core::EventKey { occurred_at: update.occurred_at, operation_id: id(operation_id) };
            from_feed.merge(&key, update);
        }
        assert_eq!(from_feed, *profile);
    }
}

#[test]
fn without_the_history_an_earlier_event_is_refused_for_now_and_the_card_is_safe() {
    let mut state = with_john();
    state.events.clear();
    let earlier = Operation::RecordReview(RecordReview {
        occurred_at: UnixMillis(NOW.0 - 20 * DAY),
        local_date: days(today(), -20),
        ..review(john(), 0, true)
    });
    let rejection = run(&mut state, "r", &TextLookup::NotAsked, &earlier).unwrap_err();
    assert!(rejection.code.is_retryable(), "{rejection}");
    // One in order needs no history, and does not begin an incomplete one.
    run(&mut state, "s", &TextLookup::NotAsked, &Operation::RecordReview(review(john(), -1, true))).unwrap();
    run(&mut state, "r", &TextLookup::NotAsked, &earlier).unwrap_err();
    let operation_id = id("r");
    assert_eq!(needs_events(&state, [(&operation_id, &earlier)], NOW), [john()]);
}

#[test]
fn events_are_needed_only_where_something_may_sort_before_the_last() {
    let mut state = with_john();
    state.events.clear();
    let at = |day| Operation::RecordReview(review(john(), day, true));
    let (a, b, c) = (id("a"), id("b"), id("c"));
    let needed = |operations: Vec<(&OperationId, &Operation)>| !needs_events(&state, operations, NOW).is_empty();
    assert!(!needed(vec![(&a, &at(-3)), (&b, &at(-2)), (&c, &at(-1))]), "in order");
    assert!(needed(vec![(&a, &at(-2)), (&b, &at(-3))]), "the second sorts before the first");
    assert!(needed(vec![(&a, &at(-11))]), "before the creation");
    assert!(needed(vec![(&b, &at(-2)), (&a, &at(-2))]), "of one instant the id decides");
    assert!(!needed(vec![(&a, &at(900)), (&b, &at(901))]), "the second, corrected too, follows the first");
    assert!(!needed(vec![(&b, &at(900)), (&a, &at(901))]), "and does so whatever its id");
    assert!(
        needed(vec![(&a, &at(0)), (&b, &at(900)), (&c, &at(0))]),
        "the third sorts before the second, which follows the first"
    );
    let preferred = UpdateProfile { occurred_at: NOW, preferred_translation: Some("kjv".into()), ..Default::default() };
    let mut in_web = state.clone();
    in_web.profile.preferred_translation.value = Some("WEB".into());
    let early = CreateVerse { occurred_at: Some(UnixMillis(NOW.0 - 11 * DAY)), ..create("John 3:16") };
    let run = [(&a, &Operation::UpdateProfile(preferred)), (&b, &Operation::CreateVerse(early))];
    assert_eq!(needs_events(&in_web, run, NOW), [john()], "a preference set in the same run counts");
}

#[test]
fn the_profile_is_needed_for_itself_for_creations_and_where_a_date_may_be_corrected() {
    let at = |day: i64, local_date| RecordReview { local_date, ..review(john(), day, true) };
    let needed = |review| needs_profile([&Operation::RecordReview(review)], NOW);
    assert!(!needed(at(0, today())) && !needed(at(-9, days(today(), -9))), "nothing is corrected");
    assert!(needed(at(0, days(today(), 3))), "the date is nowhere on Earth");
    assert!(needed(at(900, days(today(), 900))), "the stamp is too far ahead");
    let two = [Operation::RecordReview(at(0, today())), Operation::CreateVerse(create("John 3:16"))];
    assert!(needs_profile(&two, NOW), "one is enough");
    assert!(needs_profile([&Operation::UpdateProfile(UpdateProfile { occurred_at: NOW, ..Default::default() })], NOW));
}

/// Operations of two devices on two verses, on these days from now. Those of later days have their stamps corrected.
fn operations(stamped: std::ops::Range<i64>) -> impl Strategy<Value = Vec<(OperationId, Operation)>> {
    let verses = ["John 3:16", "Psalm 23"];
    let kind = (0u8..6, 0usize..2, stamped, -1i64..=1, any::<bool>());
    prop::collection::vec(kind, 1..40).prop_map(move |kinds| {
        let mut all: Vec<(OperationId, Operation)> = Vec::new();
        for (number, (kind, verse, day, offset, flag)) in kinds.into_iter().enumerate() {
            let verse_id = parse_passage(verses[verse]).unwrap().verse_id("KJV");
            let (occurred_at, local_date) = (UnixMillis(NOW.0 + day * DAY), days(today(), day + offset));
            let operation = match kind {
                0 => Operation::CreateVerse(CreateVerse {
                    occurred_at: Some(occurred_at),
                    local_date: Some(local_date),
                    ..create(verses[verse])
                }),
                1 if flag => Operation::ArchiveVerse(CardAction { verse_id, occurred_at, local_date }),
                1 => Operation::RestoreVerse(CardAction { verse_id, occurred_at, local_date }),
                2 => Operation::SetPhase(SetPhase {
                    verse_id,
                    phase: Phase::Weekly,
                    occurred_at,
                    local_date,
                    slot: None,
                }),
                _ => Operation::RecordReview(RecordReview { occurred_at, local_date, ..review(verse_id, 0, flag) }),
            };
            all.push((id(&format!("{:03}", (number * 37) % 101)), operation));
        }
        all
    })
}

/// A server: keeps events and cards, loads only what `needs_events` asks for, applies runs of a few operations.
#[derive(Default)]
struct Kept {
    events: LiteMap<VerseId, Vec<verses_core::CardEvent>>,
    cards: LiteMap<VerseId, verses_core::Card>,
    verses: LiteMap<VerseId, Verse>,
}

impl Kept {
    /// With both verses, so that every operation is accepted whatever comes first.
    fn with_both() -> Self {
        let creation = |reference| (id(&format!("0 {reference}")), Operation::CreateVerse(create(reference)));
        let mut kept = Self::default();
        kept.take(&["John 3:16", "Psalm 23"].map(creation));
        kept
    }

    fn take(&mut self, operations: &[(OperationId, Operation)]) {
        let mut state = UserState { cards: self.cards.clone(), verses: self.verses.clone(), ..UserState::default() };
        let needed = needs_events(&state, operations.iter().map(|(id, operation)| (id, operation)), NOW);
        for verse_id in needed {
            if let Some(events) = self.events.get(&verse_id) {
                state.events.insert(verse_id, events.clone());
            }
        }
        for (operation_id, operation) in operations {
            let context = ApplyContext { operation_id, now: NOW, text: &TextLookup::NotAsked };
            let effect = apply(&mut state, &context, operation).unwrap();
            let event = effect.event.unwrap();
            self.events.entry(event.verse_id).or_default().push(event);
        }
        (self.cards, self.verses) = (state.cards, state.verses);
    }
}

proptest! {
    #[test]
    fn any_order_and_any_batches_end_in_the_fold_of_all_events(
        // No stamp is corrected: that follows what was there before.
        (operations, shuffled) in operations(-30..1).prop_flat_map(|o| (Just(o.clone()), Just(o).prop_shuffle())),
        batch in 1usize..7,
    ) {
        let (mut one, mut other) = (Kept::with_both(), Kept::with_both());
        one.take(&operations);
        shuffled.chunks(batch).for_each(|run| other.take(run));
        prop_assert_eq!(&one.cards, &other.cards);
        for (verse_id, card) in &one.cards {
            prop_assert_eq!(fold(*verse_id, one.events[verse_id].clone()), Some(card.clone()));
        }
    }

    #[test]
    fn what_is_asked_for_is_enough_whatever_stamps_are_corrected(operations in operations(-3..4), batch in 1usize..7) {
        let mut kept = Kept::with_both();
        operations.chunks(batch).for_each(|run| kept.take(run));
        for (verse_id, card) in &kept.cards {
            prop_assert_eq!(fold(*verse_id, kept.events[verse_id].clone()), Some(card.clone()));
        }
    }

    #[test]
    fn what_does_not_need_the_profile_is_the_same_whatever_is_in_it(operations in operations(-3..4)) {
        let kept = Kept::with_both();
        let here = UserState { cards: kept.cards, verses: kept.verses, events: kept.events, ..UserState::default() };
        let mut there = here.clone();
        there.profile.timezone.value = Some("Pacific/Kiritimati".to_owned());
        there.profile.preferred_translation.value = Some("WEB".to_owned());
        let mut here = here;
        for (operation_id, operation) in operations.iter().filter(|(_, operation)| !needs_profile([operation], NOW)) {
            let context = ApplyContext { operation_id, now: NOW, text: &TextLookup::NotAsked };
            prop_assert_eq!(apply(&mut here, &context, operation), apply(&mut there, &context, operation));
        }
        prop_assert_eq!(here.cards, there.cards);
    }

    #[test]
    fn no_reference_text_or_stamp_makes_apply_panic(
        reference in any::<String>(), text in any::<Option<String>>(), translation in any::<Option<String>>(), at in any::<i64>()
    ) {
        let mut state = UserState::default();
        let operation = CreateVerse { reference, text, translation, occurred_at: Some(UnixMillis(at)), local_date: Some(Date::MAX) };
        let meant = verse_id_of_create(&operation, &state.profile);
        if let Ok(effect) = run(&mut state, "a", &TextLookup::NotAsked, &Operation::CreateVerse(operation)) {
            prop_assert_eq!(effect.verse_id, Some(meant));
        }
    }
}
