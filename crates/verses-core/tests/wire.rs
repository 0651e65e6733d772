//! The shapes in which operations travel and are stored: they are read by servers and devices of other versions, so
//! every one of them is written down here.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use jiff::civil::date;
use serde_json::{Value, json};
use uuid::Uuid;
use verses_core::{
    CardAction, CardEvent, CardEventKind, CreateVerse, Effect, Operation, OperationId, OperationKind, Phase,
    RecordReview, ReferenceDisplayMode, SetPhase, Slot, UnixMillis, UpdateProfile, Verse, VerseId,
};

const VERSE: VerseId = VerseId(Uuid::from_u128(0x1111_1111_1111_1111_1111_1111_1111_1111));
const VERSE_TEXT: &str = "11111111-1111-1111-1111-111111111111";
const AT: UnixMillis = UnixMillis(1_772_366_400_000);

/// Each operation with its JSON.
fn shapes() -> Vec<(Operation, Value)> {
    let (verse_id, occurred_at, local_date) = (VERSE, AT, date(2026, 3, 1));
    let action = CardAction { verse_id, occurred_at, local_date };
    let stamp = |extra: Value| {
        let mut data = json!({"verseId": VERSE_TEXT, "occurredAt": AT.0, "localDate": "2026-03-01"});
        data.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        data
    };
    let biweekly = Slot { day_of_week: Some(7), week_parity: Some(0), day_of_month: None };
    let monthly = Slot { day_of_month: Some(28), ..Slot::default() };
    vec![
        (
            Operation::CreateVerse(CreateVerse { reference: "John 3:16".into(), ..CreateVerse::default() }),
            json!({"type": "create_verse", "data": {"reference": "John 3:16"}}),
        ),
        (
            Operation::CreateVerse(CreateVerse {
                reference: "Test 1:1".into(),
                translation: Some("KJV".into()),
                text: Some("Test verse".into()),
                occurred_at: Some(AT),
                local_date: Some(local_date),
            }),
            json!({"type": "create_verse", "data": {"reference": "Test 1:1", "translation": "KJV", "text": "Test verse",
                "occurredAt": AT.0, "localDate": "2026-03-01"}}),
        ),
        (
            Operation::RecordReview(RecordReview {
                verse_id,
                was_successful: true,
                occurred_at,
                local_date,
                review_time_seconds: Some(9),
                slot: Some(biweekly),
            }),
            json!({"type": "record_review", "data": stamp(json!({"wasSuccessful": true, "reviewTimeSeconds": 9,
                "slot": {"dayOfWeek": 7, "weekParity": 0}}))}),
        ),
        (
            Operation::UpdateProfile(UpdateProfile {
                occurred_at,
                full_name: Some("Anna".into()),
                preferred_translation: Some("WEB".into()),
                reference_display_mode: Some(ReferenceDisplayMode::First),
                timezone: Some("Europe/Berlin".into()),
            }),
            json!({"type": "update_profile", "data": {"occurredAt": AT.0, "fullName": "Anna", "preferredTranslation": "WEB",
                "referenceDisplayMode": "first", "timezone": "Europe/Berlin"}}),
        ),
        (Operation::ArchiveVerse(action.clone()), json!({"type": "archive_verse", "data": stamp(json!({}))})),
        (Operation::RestoreVerse(action), json!({"type": "restore_verse", "data": stamp(json!({}))})),
        (
            Operation::SetPhase(SetPhase {
                verse_id,
                phase: Phase::Monthly,
                occurred_at,
                local_date,
                slot: Some(monthly),
            }),
            json!({"type": "set_phase", "data": stamp(json!({"phase": "monthly", "slot": {"dayOfMonth": 28}}))}),
        ),
    ]
}

#[test]
fn operations_have_these_shapes_both_ways() {
    for (operation, shape) in shapes() {
        assert_eq!(serde_json::to_value(&operation).unwrap(), shape);
        assert_eq!(serde_json::from_value::<Operation>(shape).unwrap(), operation);
    }
    let covered: Vec<OperationKind> = shapes().iter().map(|(operation, _)| operation.kind()).collect();
    assert!(OperationKind::ALL.iter().all(|kind| covered.contains(kind)), "every kind has its shape here");
}

#[test]
fn short_names_mean_the_same_operations() {
    for (short, long) in [("create", "create_verse"), ("review", "record_review")] {
        assert_eq!(OperationKind::from_name(short), OperationKind::from_name(long));
        let (operation, mut shape) = shapes().into_iter().find(|(_, shape)| shape["type"] == long).unwrap();
        shape["type"] = json!(short);
        assert_eq!(serde_json::from_value::<Operation>(shape).unwrap(), operation);
    }
}

#[test]
fn kinds_have_one_name_everywhere() {
    for kind in OperationKind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), json!(kind.as_str()));
        assert_eq!(OperationKind::from_name(kind.as_str()), Some(kind));
    }
    assert_eq!(OperationKind::from_name("delete_everything"), None);
}

#[test]
fn unknown_fields_are_ignored_and_missing_or_wrong_ones_are_refused() {
    let review = &shapes()[2].1;
    let mut more = review.clone();
    more["data"]["userId"] = json!("somebody else");
    assert_eq!(serde_json::from_value::<Operation>(more).unwrap(), shapes()[2].0);
    for field in ["verseId", "wasSuccessful", "occurredAt", "localDate"] {
        let mut less = review.clone();
        less["data"].as_object_mut().unwrap().remove(field);
        let error = serde_json::from_value::<Operation>(less).unwrap_err().to_string();
        assert!(error.contains(field), "{error}");
        let mut wrong = review.clone();
        wrong["data"][field] = json!({"nested": []});
        assert!(serde_json::from_value::<Operation>(wrong).is_err(), "{field}");
    }
    for (field, value) in [("localDate", json!("2026-02-30")), ("verseId", json!("11111")), ("occurredAt", json!(1.5))]
    {
        let mut wrong = review.clone();
        wrong["data"][field] = value;
        assert!(serde_json::from_value::<Operation>(wrong).is_err(), "{field}");
    }
}

#[test]
fn verses_events_and_effects_have_these_shapes() {
    let verse = Verse {
        id: VERSE,
        reference: "John 3:16".into(),
        osis: "John.3.16".into(),
        text: "For God".into(),
        translation: "KJV".into(),
        is_verified: true,
        created_at: AT,
        updated_at: AT,
    };
    let shape = json!({"id": VERSE_TEXT, "reference": "John 3:16", "osis": "John.3.16", "text": "For God", "translation": "KJV",
        "isVerified": true, "createdAt": AT.0, "updatedAt": AT.0});
    assert_eq!(serde_json::to_value(&verse).unwrap(), shape);
    let event = CardEvent {
        operation_id: OperationId::new("op-1").unwrap(),
        verse_id: VERSE,
        occurred_at: AT,
        local_date: date(2026, 3, 1),
        kind: CardEventKind::Reviewed { was_successful: false, review_time_seconds: None, slot: None },
    };
    let shape = json!({"operationId": "op-1", "verseId": VERSE_TEXT, "occurredAt": AT.0, "localDate": "2026-03-01",
        "event": "reviewed", "wasSuccessful": false});
    assert_eq!(serde_json::to_value(&event).unwrap(), shape);
    assert_eq!(serde_json::from_value::<CardEvent>(shape).unwrap(), event);
    let effect =
        Effect { event: None, verse_id: Some(VERSE), duplicate: true, clock_corrected: false, occurred_at: AT };
    let shape =
        json!({"event": null, "verseId": VERSE_TEXT, "duplicate": true, "clockCorrected": false, "occurredAt": AT.0});
    assert_eq!(serde_json::to_value(&effect).unwrap(), shape);
}

#[test]
fn an_operation_id_is_any_text_of_1_to_128_bytes() {
    for good in ["1", "op-1", "ä", &"x".repeat(128)] {
        assert_eq!(serde_json::from_value::<OperationId>(json!(good)).unwrap().as_str(), good);
    }
    for bad in ["", "\0", "op\0-1", &"x".repeat(129), &"ä".repeat(65)] {
        assert!(serde_json::from_value::<OperationId>(json!(bad)).is_err(), "{} bytes", bad.len());
    }
}
