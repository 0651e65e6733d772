//! Each type beside its serde derive: the same text is written, the same is read, and the same is refused. Documents begin
//! as samples of the type and are damaged in ways that happen: fields gone, twice, under another name, of another type.

mod samples;

use std::fmt::Debug;

use proptest::prelude::*;
use proptest::sample::Index;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use verses_json::{FromJson, JsonError, ToJson, read, to_text};

/// What can be done to a document.
#[derive(Debug, Clone)]
enum Damage {
    Remove(Index),
    Replace(Index, Value),
    Rename(Index, Index),
    Add(Index, String, Value),
    Twice(Index, Value),
}

/// A field written twice cannot be held by a tree of serde_json: its name gets this mark until the text is made.
const AGAIN: &str = "\u{1}";

fn other_values() -> impl Strategy<Value = Value> {
    let known = samples::leaves();
    let odd = vec![
        json!(null),
        json!(true),
        json!(false),
        json!(-1),
        json!(300),
        json!(70_000),
        json!(4_294_967_296_u64),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(1.5),
        json!(-0.0),
        json!(127),
        json!(-129),
        json!(""),
        json!("\u{0}"),
        json!("nonsense"),
        json!("a".repeat(129)),
        json!("\"\\\n\u{1f}é😀"),
        json!("2026-02-30"),
        json!("2026-2-3"),
        json!("+012026-01-01"),
        json!("0192f0c1-0000-7000-8000-00000000000"),
        json!("0192F0C1000070008000000000000001"),
        json!("{0192f0c1-0000-7000-8000-000000000001}"),
        json!("urn:uuid:0192f0c1-0000-7000-8000-000000000001"),
        json!({"unknown": 1}),
        json!({}),
        json!([null]),
    ];
    prop_oneof![prop::sample::select(known), prop::sample::select(odd), any::<String>().prop_map(Value::from)]
}

fn damage() -> impl Strategy<Value = Vec<Damage>> {
    let at = any::<Index>;
    let one = prop_oneof![
        at().prop_map(Damage::Remove),
        (at(), other_values()).prop_map(|(at, value)| Damage::Replace(at, value)),
        (at(), other_values()).prop_map(|(at, value)| Damage::Replace(at, value)),
        (at(), at()).prop_map(|(at, name)| Damage::Rename(at, name)),
        (at(), "[a-z]{1,3}", other_values()).prop_map(|(at, name, value)| Damage::Add(at, name, value)),
        (at(), other_values()).prop_map(|(at, value)| Damage::Twice(at, value)),
    ];
    prop::collection::vec(one, 0..4)
}

/// Paths to all fields of objects, however deep.
fn fields(value: &Value, path: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(entries) => {
            for (name, inner) in entries {
                found.push((path.to_owned(), name.clone()));
                fields(inner, &format!("{path}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (at, inner) in items.iter().enumerate() {
                fields(inner, &format!("{path}/{at}"), found);
            }
        }
        _ => {}
    }
}

fn apply(document: &mut Value, damage: Damage) {
    let mut found = Vec::new();
    fields(document, "", &mut found);
    if found.is_empty() {
        return;
    }
    let pick = |at: Index| found[at.index(found.len())].clone();
    let object = |document: &mut Value, path: &str, change: &dyn Fn(&mut Map<String, Value>)| {
        if let Some(Value::Object(entries)) = document.pointer_mut(path) {
            change(entries);
        }
    };
    match damage {
        Damage::Remove(at) => {
            let (path, name) = pick(at);
            object(document, &path, &|entries| drop(entries.remove(&name)));
        }
        Damage::Replace(at, value) => {
            let (path, name) = pick(at);
            object(document, &path, &|entries| drop(entries.insert(name.clone(), value.clone())));
        }
        Damage::Rename(at, other) => {
            let ((path, name), (_, other)) = (pick(at), pick(other));
            object(document, &path, &|entries| {
                let value = entries.remove(&name).unwrap_or_default();
                entries.insert(other.clone(), value);
            });
        }
        Damage::Add(at, name, value) => {
            let (path, _) = pick(at);
            object(document, &path, &|entries| drop(entries.insert(name.clone(), value.clone())));
        }
        Damage::Twice(at, value) => {
            let (path, name) = pick(at);
            object(document, &path, &|entries| drop(entries.insert(format!("{name}{AGAIN}"), value.clone())));
        }
    }
}

/// Where an object stands serde reads an array too, field by field; and where one of several names stands, an object with
/// that name. Nobody writes such documents, and they are refused here.
fn is_leniency_of_serde(text: &str, refused: &JsonError) -> bool {
    let document: Value = serde_json::from_str(text).expect("serde has read it");
    let mut at_fault = vec![&document];
    for name in refused.path().split('.').filter(|name| !name.is_empty()) {
        // Errors do not say which element of a list it is.
        let elements = at_fault.into_iter().flat_map(|value| match value {
            Value::Array(elements) => elements.iter().collect(),
            other => vec![other],
        });
        at_fault = elements.filter_map(|value| value.get(name)).collect();
    }
    let wants_object = refused.to_string().ends_with("expected an object");
    at_fault.iter().any(|value| if wants_object { value.is_array() } else { value.is_object() })
}

fn agree<T: Serialize + DeserializeOwned + FromJson + ToJson + PartialEq + Debug>(text: &str) {
    match (serde_json::from_str::<T>(text), read::<T>(text.as_bytes())) {
        (Ok(theirs), Ok(ours)) => {
            assert_eq!(ours, theirs, "{text}");
            let written = to_text(&ours);
            assert_eq!(written, serde_json::to_string(&theirs).expect("it is written"), "{text}");
            assert_eq!(read::<T>(written.as_bytes()).expect("it is read again"), ours, "{written}");
        }
        (Err(_), Err(_)) => {}
        (Ok(_), Err(refused)) if is_leniency_of_serde(text, &refused) => {}
        (theirs, ours) => panic!("{text}\nserde: {theirs:?}\nours: {ours:?}"),
    }
}

macro_rules! shapes {
    ($($test:ident: $type:ty;)*) => { $(
        proptest! {
            #![proptest_config(ProptestConfig::with_cases(1_000))]
            #[test]
            fn $test(at: Index, damage in damage()) {
                let samples = samples::$test();
                for sample in &samples {
                    assert!(serde_json::from_value::<$type>(sample.clone()).is_ok(), "{sample}");
                    agree::<$type>(&sample.to_string());
                }
                let mut document = samples[at.index(samples.len())].clone();
                for one in damage {
                    apply(&mut document, one);
                }
                agree::<$type>(&document.to_string().replace("\\u0001\":", "\":"));
            }
        }
    )* };
}

shapes! {
    a_verse_has_the_shape_of_its_derive: verses_core::Verse;
    a_card_has_the_shape_of_its_derive: verses_core::Card;
    an_event_has_the_shape_of_its_derive: verses_core::CardEvent;
    a_profile_has_the_shape_of_its_derive: verses_core::Profile;
    a_slot_has_the_shape_of_its_derive: verses_core::Slot;
    an_operation_has_the_shape_of_its_derive: verses_core::Operation;
    a_queued_operation_has_the_shape_of_its_derive: batchsync::QueuedOperation<verses_core::Operation>;
    a_journal_entry_has_the_shape_of_its_derive: batchsync::JournalEntry;
    a_page_of_changes_has_the_shape_of_its_derive: verses_protocol::ChangesResponse;
    a_problem_has_the_shape_of_its_derive: verses_protocol::Problem;
    limits_have_the_shape_of_their_derive: verses_protocol::Limits;
    counts_of_a_batch_have_the_shape_of_their_derive: verses_protocol::BatchSummary;
    a_corrected_stamp_has_the_shape_of_its_derive: verses_protocol::CorrectedStamp;
    a_lookup_has_the_shape_of_its_derive: verses_protocol::LookupData;
    a_session_has_the_shape_of_its_derive: verses_protocol::auth::SessionTokens;
    a_refresh_has_the_shape_of_its_derive: verses_protocol::auth::RefreshGrant;
    a_deletion_has_the_shape_of_its_derive: verses_protocol::DeleteAccount;
    the_answer_to_a_deletion_has_the_shape_of_its_derive: verses_protocol::AccountDeleted;
}

#[test]
fn every_name_of_an_error_is_read_and_an_unknown_one_too() {
    for name in samples::leaves().iter().filter_map(Value::as_str).chain(["of_the_future", "daily", ""]) {
        agree::<verses_protocol::ErrorCode>(&json!(name).to_string());
        agree::<verses_core::Phase>(&json!(name).to_string());
        agree::<verses_core::ReferenceDisplayMode>(&json!(name).to_string());
        agree::<verses_protocol::TextSource>(&json!(name).to_string());
    }
    agree::<verses_protocol::ErrorCode>("1");
    agree::<verses_protocol::ErrorCode>("null");
    for code in serde_json::from_value::<Vec<verses_protocol::ErrorCode>>(samples::error_codes()).expect("codes") {
        assert_eq!(to_text(&code), serde_json::to_string(&code).expect("a code"));
        assert_eq!(to_text(&code), format!("{:?}", code.as_str()));
    }
}

#[test]
fn an_array_in_place_of_an_object_is_refused_though_serde_reads_it() {
    let event = json!({
        "event": "reviewed", "localDate": "2026-03-10", "occurredAt": 99, "operationId": "op-1", "slot": [null],
        "verseId": "0192f0c1-0000-7000-8000-000000000001", "wasSuccessful": true,
    });
    assert!(serde_json::from_value::<verses_core::CardEvent>(event.clone()).is_ok());
    let refused = read::<verses_core::CardEvent>(event.to_string().as_bytes()).unwrap_err();
    assert_eq!(refused.to_string(), "slot: expected an object");
    assert!(is_leniency_of_serde(&event.to_string(), &refused));
    assert!(!is_leniency_of_serde(&event.to_string(), &JsonError::expected("a number").within("occurredAt")));
}

#[test]
fn an_error_names_the_field_at_fault() {
    let mut card = samples::a_card_has_the_shape_of_its_derive().remove(0);
    let mut fault = |path: &str, value: Value| {
        let before = card.pointer(path).cloned().expect("a field");
        *card.pointer_mut(path).expect("a field") = value;
        let error = read::<verses_core::Card>(card.to_string().as_bytes()).unwrap_err();
        *card.pointer_mut(path).expect("a field") = before;
        error.to_string()
    };
    assert_eq!(fault("/bestStreak", json!(-1)), "bestStreak: expected a number in its range");
    assert_eq!(fault("/bestStreak", json!("1")), "bestStreak: expected a whole number");
    assert_eq!(
        fault("/fold/lastEvent/occurred_at", json!(null)),
        "fold.lastEvent.occurred_at: expected a whole number"
    );
    assert_eq!(fault("/fold/lastEvent", json!({})), "fold.lastEvent.occurred_at: the field is missing");
    assert_eq!(fault("/nextDueDate", json!("soon")), "nextDueDate: expected a date such as 2026-03-31");
    let twice = read::<verses_json_example::Pair>(br#"{"a":1,"a":2}"#).unwrap_err();
    assert_eq!(twice.to_string(), "a: the field is there twice");
}

mod verses_json_example {
    #[derive(Debug)]
    pub(super) struct Pair {
        _a: u8,
    }

    verses_json::json_read! { Pair { _a: "a" } }
}
