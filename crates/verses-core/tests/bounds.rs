//! Values at and just beyond their bounds, and small functions whose answers others keep or show.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use jiff::civil::{Date, date};
use verses_core::display::{first_letters, typed_answer};
use verses_core::{
    ApplyContext, Book, CardEvent, CardEventKind, CreateVerse, EventKey, MAX_CARD_VERSES, MAX_FUTURE_MS,
    MAX_REFERENCE_BYTES, MAX_REVIEW_SECONDS, MAX_TEXT_BYTES, Operation, OperationId, Profile, RecordReview,
    ReferenceDisplayMode, Rejection, RejectionCode, TextLookup, UnixMillis, UpdateProfile, UserState, Verse, VerseId,
    apply, fold_step, needs_events, parse_passage, parse_passages, sorts_before_last, translation_name,
    verse_id_of_create,
};

const DAY: i64 = 86_400_000;
/// 2026-03-01 12:00 UTC.
const NOW: i64 = 1_772_366_400_000;

fn today() -> Date {
    date(2026, 3, 1)
}

fn id(text: &str) -> OperationId {
    OperationId::new(text).unwrap()
}

fn key(at: i64, operation: &str) -> EventKey {
    EventKey { occurred_at: UnixMillis(at), operation_id: id(operation) }
}

fn create(reference: &str, text: Option<&str>, at: i64) -> CreateVerse {
    CreateVerse {
        reference: reference.into(),
        text: text.map(str::to_owned),
        occurred_at: Some(UnixMillis(at)),
        local_date: Some(today()),
        ..CreateVerse::default()
    }
}

fn words(text: &str, is_verified: bool) -> TextLookup {
    TextLookup::Found(Verse {
        id: VerseId::of_private_text("not used"),
        reference: "not used".into(),
        osis: "not used".into(),
        text: text.into(),
        translation: "not used".into(),
        is_verified,
        created_at: UnixMillis(NOW - 9),
        updated_at: UnixMillis(NOW - 8),
    })
}

/// Creates a verse; gives it as it is known then.
fn created(
    state: &mut UserState,
    operation: &str,
    create: &CreateVerse,
    text: &TextLookup,
) -> Result<Verse, Rejection> {
    let operation_id = id(operation);
    let context = ApplyContext { operation_id: &operation_id, now: UnixMillis(NOW), text };
    let effect = apply(state, &context, &Operation::CreateVerse(create.clone()))?;
    Ok(state.verses[&effect.verse_id.unwrap()].clone())
}

fn creates(reference: &str, text: Option<&str>) -> Result<Verse, RejectionCode> {
    let created = created(&mut UserState::default(), "a", &create(reference, text, NOW), &words("words", true));
    created.map_err(|rejection| rejection.code)
}

#[test]
fn the_bounds_are_those_the_documents_name() {
    assert_eq!(MAX_FUTURE_MS, 300_000, "five minutes");
    assert_eq!((MAX_TEXT_BYTES, MAX_REFERENCE_BYTES), (32_768, 500));
    assert_eq!((MAX_CARD_VERSES, MAX_REVIEW_SECONDS), (500, 86_400));
}

#[test]
fn a_list_of_64_kibibytes_is_read_and_a_longer_one_is_not() {
    assert_eq!(verses_core::MAX_INPUT_BYTES, 65_536);
    for (bytes, read) in [(65_536, true), (65_537, false)] {
        let list = format!("John 3:16{}", " ".repeat(bytes - 9));
        assert_eq!(parse_passages(&list).is_ok(), read, "{bytes}");
    }
}

#[test]
fn a_reference_of_500_bytes_is_taken_and_one_of_501_is_not() {
    assert!(creates(&"x".repeat(500), Some("mine")).is_ok());
    assert_eq!(creates(&"x".repeat(501), Some("mine")), Err(RejectionCode::InvalidReference));
}

#[test]
fn a_card_holds_500_verses_and_not_501() {
    for (reference, verses, taken) in [("Genesis 1:1-20:4", 500, true), ("Genesis 1:1-20:5", 501, false)] {
        assert_eq!(parse_passage(reference).unwrap().verse_count(), verses);
        assert_eq!(creates(reference, None).is_ok(), taken, "{reference}");
    }
}

/// A typed passage whose name has exactly `bytes`, though what is typed is shorter.
fn named_in(bytes: usize) -> String {
    (1..30)
        .find_map(|first| {
            let mut typed = format!("Ps{first}:1");
            (first + 1..=150).find_map(|chapter| {
                typed.push_str(&format!(",{chapter}:1"));
                // Its name is a few bytes longer: "Psalms 1:1" for "Ps1:1".
                let close = (bytes - 8..bytes).contains(&typed.len());
                (close && parse_passage(&typed).unwrap().to_string().len() == bytes).then(|| typed.clone())
            })
        })
        .unwrap()
}

#[test]
fn the_name_of_a_passage_may_have_500_bytes_like_what_is_typed() {
    for (bytes, taken) in [(500, true), (501, false)] {
        let typed = named_in(bytes);
        assert!(typed.len() < bytes);
        let created = creates(&typed, None);
        assert_eq!(created.is_ok(), taken, "{bytes}: {created:?}");
        if !taken {
            assert_eq!(created, Err(RejectionCode::ValidationFailed));
        }
    }
}

#[test]
fn verified_words_give_way_to_newer_verified_words_only() {
    let cases = [(true, true, "new"), (true, false, "old"), (false, true, "new"), (false, false, "new")];
    for (known, found, expected) in cases {
        let mut state = UserState::default();
        let first = created(&mut state, "a", &create("John 3:16", None, NOW - DAY), &words("old", known)).unwrap();
        let second = created(&mut state, "b", &create("John 3:16", None, NOW), &words("new", found)).unwrap();
        assert_eq!(second.text, expected, "verified: {known}, then {found}");
        assert_eq!(second.created_at, first.created_at);
    }
}

#[test]
fn a_verse_that_waited_for_its_words_is_as_old_as_its_first_creation() {
    let mut state = UserState::default();
    let waiting = created(&mut state, "a", &create("John 3:16", None, NOW - DAY), &TextLookup::NotAsked).unwrap();
    assert_eq!((waiting.text.as_str(), waiting.created_at), ("", UnixMillis(NOW - DAY)));
    let own = created(&mut state, "b", &create("John 3:16", Some("mine"), NOW), &TextLookup::NotAsked).unwrap();
    assert_eq!((own.text.as_str(), own.created_at), ("mine", UnixMillis(NOW - DAY)));
}

#[test]
fn private_texts_are_told_apart_by_their_names_whatever_their_case_and_spaces() {
    let of = |reference: &str| {
        let create = create(reference, Some("mine"), NOW);
        let named = verse_id_of_create(&create, &Profile::default());
        let verse = creates(reference, Some("mine")).unwrap();
        assert_eq!(verse.id, named, "{reference}");
        named
    };
    assert_eq!(of("My  Prayer"), of("my prayer"));
    assert_ne!(of("My prayer"), of("My hymn"));
}

#[test]
fn the_history_of_a_card_is_not_asked_for_when_its_last_operation_comes_again() {
    let mut state = UserState::default();
    let verse = created(&mut state, "a", &create("John 3:16", None, NOW - DAY), &words("w", true)).unwrap();
    let review = |at| {
        Operation::RecordReview(RecordReview {
            verse_id: verse.id,
            was_successful: true,
            occurred_at: UnixMillis(at),
            local_date: today(),
            review_time_seconds: None,
            slot: None,
        })
    };
    for (operation, at, needed) in [("a", NOW - DAY, false), ("b", NOW - DAY, false), ("0", NOW - DAY, true)] {
        let asked = needs_events(&state, [(&id(operation), &review(at))], UnixMillis(NOW));
        assert_eq!(asked.contains(&verse.id), needed, "{operation}");
    }
}

#[test]
fn a_hint_keeps_the_first_letter_of_a_word_and_drops_what_follows_an_apostrophe() {
    for (text, hint) in
        [("Don't look back", "D l b"), ("the LORD’s day", "t L d"), ("'tis so, and so", "' s, a s"), ("", "")]
    {
        assert_eq!(first_letters(text), hint, "{text}");
    }
}

#[test]
fn ligatures_may_be_typed_as_two_letters() {
    for (text, typed) in [("Phœbe", "phoebe"), ("ŒUVRE", "oeuvre"), ("Cæsar", "caesar"), ("ÆON", "aeon")] {
        assert_eq!(typed_answer(text, typed).percent(), 100, "{text}");
    }
}

#[test]
fn a_code_is_called_the_same_everywhere() {
    use RejectionCode::*;
    let codes = [
        (ValidationFailed, "validation_failed"),
        (InvalidReference, "invalid_reference"),
        (TextRequired, "text_required"),
        (UnknownVerse, "unknown_verse"),
        (UnknownOperation, "unknown_operation"),
        (OperationIdReused, "operation_id_reused"),
        (ProviderUnavailable, "provider_unavailable"),
    ];
    for (code, name) in codes {
        assert_eq!(code.as_str(), name);
        assert_eq!(serde_json::to_value(code).unwrap(), name);
        assert_eq!(code.is_retryable(), code == ProviderUnavailable);
    }
}

#[test]
fn an_operation_id_gives_back_its_text() {
    let given = id("op-1");
    assert_eq!((given.to_string().as_str(), given.as_str()), ("op-1", "op-1"));
    assert_eq!(given.into_string(), "op-1");
}

fn named(name: &str) -> UpdateProfile {
    UpdateProfile { full_name: Some(name.into()), ..UpdateProfile::default() }
}

#[test]
fn an_update_that_comes_again_does_not_count_again() {
    let mut profile = Profile::default();
    profile.merge(&key(NOW, "a"), &named("Ada"));
    profile.merge(&key(NOW, "a"), &named("Bea"));
    assert_eq!(profile.full_name.value.as_deref(), Some("Ada"), "one id stands for one content");
    profile.merge(&key(NOW, "b"), &named("Bea"));
    assert_eq!(profile.full_name.value.as_deref(), Some("Bea"), "the greater id, at the same time");
}

#[test]
fn two_profiles_become_one_field_by_field_by_the_later_update() {
    let mut guest = Profile::default();
    guest.merge(&key(NOW, "g1"), &named("Guest"));
    guest.merge(&key(NOW + 5, "g2"), &UpdateProfile { timezone: Some("UTC".into()), ..UpdateProfile::default() });
    let mut own = Profile::default();
    let translation = UpdateProfile { preferred_translation: Some("web".into()), ..UpdateProfile::default() };
    own.merge(&key(NOW + 1, "o1"), &named("Ada"));
    own.merge(&key(NOW + 2, "o2"), &translation);
    let mode = UpdateProfile { reference_display_mode: Some(ReferenceDisplayMode::Blank), ..UpdateProfile::default() };
    own.merge(&key(NOW + 3, "o3"), &mode);
    for (mut into, from) in [(own.clone(), guest.clone()), (guest, own)] {
        into.merge_profile(&from);
        assert_eq!(into.full_name.value.as_deref(), Some("Ada"), "the later of the two");
        assert_eq!(into.timezone.value.as_deref(), Some("UTC"), "only one has it");
        assert_eq!(into.preferred_translation.value.as_deref(), Some("WEB"));
        assert_eq!(into.reference_display_mode.value, Some(ReferenceDisplayMode::Blank));
        assert_eq!(into.updated_at, Some(UnixMillis(NOW + 5)));
        let again = into.clone();
        into.merge_profile(&from);
        assert_eq!(into, again, "a second time changes nothing");
    }
}

#[test]
fn a_translation_has_a_name_of_1_to_16_characters_and_a_refusal_shows_the_beginning_of_a_longer_one() {
    assert_eq!(translation_name(" kjv-1611 ").unwrap(), "KJV-1611");
    assert_eq!(translation_name("ABCDEFGHIJKLMNOP").unwrap(), "ABCDEFGHIJKLMNOP");
    for typed in ["", "  ", "ABCDEFGHIJKLMNOPQ", "K_V"] {
        assert_eq!(translation_name(typed).unwrap_err().code, RejectionCode::ValidationFailed, "{typed:?}");
    }
    let refusal = translation_name("abcdefghijklmnopqrstuvwxyz").unwrap_err();
    assert!(refusal.message.contains("\"abcdefghijklmnopq\""), "{}", refusal.message);
}

fn reviewed(operation: &str, day: i64) -> CardEvent {
    let kind = CardEventKind::Reviewed { was_successful: true, review_time_seconds: None, slot: None };
    let local_date = today().checked_add(jiff::Span::new().days(day)).unwrap();
    let occurred_at = UnixMillis(NOW + day * DAY);
    CardEvent { operation_id: id(operation), verse_id: VerseId::of_private_text("x"), occurred_at, local_date, kind }
}

#[test]
fn a_card_remembers_the_last_three_dates_with_a_review() {
    let mut card = None;
    for day in 0..5_i8 {
        let next = fold_step(card, &reviewed(&format!("r-{day}"), day.into()));
        let first = (day - 2).max(0) + 1;
        let expected: Vec<Date> = (first..=day + 1).map(|day| date(2026, 3, day)).collect();
        assert_eq!(next.fold.review_dates, expected, "after {} reviews", day + 1);
        card = Some(next);
    }
}

#[test]
fn an_event_that_comes_again_does_not_sort_before_itself() {
    let card = fold_step(None, &reviewed("b", 1));
    for (operation, day, before) in [("b", 1, false), ("a", 1, true), ("c", 1, false), ("z", 0, true)] {
        assert_eq!(sorts_before_last(&card, &reviewed(operation, day)), before, "{operation}");
    }
}

#[test]
fn after_each_book_comes_the_next_and_after_the_last_none() {
    let books: Vec<Book> = Book::all().collect();
    for pair in books.windows(2) {
        assert_eq!(pair[0].next(), Some(pair[1]));
    }
    assert_eq!(books.last().and_then(|book| book.next()), None);
}
