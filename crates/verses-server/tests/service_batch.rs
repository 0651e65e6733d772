//! Batches: each operation on its own, exactly once, whatever comes again, too late, in pieces or malformed.

mod common;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use common::*;
use serde_json::{Value, json};
use verses_core::UnixMillis;
use verses_protocol::{BatchRequest, BatchSummary, ErrorCode, Limits};
use verses_server::service::{Service, ServiceError};
use verses_server::storage::Storage;
use verses_server::storage::memory::MemoryStorage;
use verses_server::storage::sqlite::SqliteStorage;
use verses_server::texts::Texts;

#[tokio::test]
async fn the_call_of_the_requirements_is_answered_operation_by_operation() {
    let call = r#"{"operation": "batch", "batchId": "test-batch-123", "operations": [
        {"id": "op-1", "type": "create", "data": {"reference": "Test 1:1", "text": "Test verse"}},
        {"id": "op-2", "type": "lookup", "data": {"reference": "John 3:16"}}]}"#;
    let call: BatchRequest = serde_json::from_str(call).expect("valid");
    let response = service().batch(USER, NOW, call).await.expect("answers");
    assert_eq!(response.batch_id, "test-batch-123");
    assert_eq!(response.summary, BatchSummary { total: 2, successful: 2, failed: 0 });
    let created = data(&response.results[0]);
    assert_eq!((&created["verse"]["text"], &created["verse"]["isVerified"]), (&json!("Test verse"), &json!(false)));
    assert_eq!(created["userCard"]["currentPhase"], "daily");
    let found = data(&response.results[1]);
    assert!(found["verse"]["text"].as_str().is_some_and(|text| text.starts_with("For God so loved the world")));
    assert_eq!((&found["userCard"], &found["source"]), (&Value::Null, &json!("corpus")));
}

#[tokio::test]
async fn one_invalid_operation_among_ten_fails_alone() {
    let service = service();
    let verse = john_3_16(&service).await;
    let mut operations: Vec<_> = (0..10).map(|n| review(&format!("op-{n}"), &verse, 9 - n, true)).collect();
    operations[4].data["wasSuccessful"] = json!("yes");
    let response = send(&service, operations).await;
    assert_eq!(response.summary, BatchSummary { total: 10, successful: 9, failed: 1 });
    for (number, result) in response.results.iter().enumerate() {
        assert_eq!(result.id, format!("op-{number}"), "in request order");
        assert_eq!(result.success, number != 4);
    }
    assert_eq!(code(&response.results[4]), "validation_failed");
    assert!(response.results[4].error.as_ref().is_some_and(|text| text.contains("wasSuccessful")));
    assert_eq!(data(&response.results[9])["userCard"]["phaseProgressCount"], 9);
}

#[tokio::test]
async fn every_malformed_operation_is_answered_with_what_is_wrong() {
    let service = service();
    let verse = john_3_16(&service).await;
    let good = review("x", &verse, 1, true).data;
    let with = |name: &str, value: Value| {
        let mut data = good.clone();
        data[name] = value;
        data
    };
    let cases = [
        ("a", "delete_all", json!({}), "unknown_operation", "delete_all"),
        ("b", "record_review", with("localDate", json!("yesterday")), "validation_failed", "localDate"),
        ("c", "record_review", with("verseId", json!("no uuid")), "validation_failed", "verseId"),
        ("d", "create", json!({"reference": 3}), "validation_failed", "reference"),
        ("e", "create", Value::Null, "validation_failed", "data"),
        ("f", "create", json!({"reference": "Hezekiah 3:16"}), "invalid_reference", "Hezekiah"),
        ("g", "create", json!({"reference": "John 99:1"}), "invalid_reference", "John"),
        ("h", "create", json!({"reference": ""}), "invalid_reference", ""),
        ("i", "create", json!({"reference": "John 3:16", "translation": "NASB"}), "text_required", "KJV"),
        ("j", "update_profile", json!({"occurredAt": NOON, "timezone": "Mars/Olympus"}), "validation_failed", "Mars"),
        ("k", "record_review", with("verseId", json!(uuid::Uuid::nil())), "unknown_verse", ""),
        ("", "record_review", good.clone(), "validation_failed", "id"),
        (&"x".repeat(129), "record_review", good.clone(), "validation_failed", "128"),
    ];
    let sent = cases.iter().map(|(id, kind, data, ..)| operation(id, kind, data.clone())).collect();
    let response = send(&service, sent).await;
    for (result, (id, kind, data, expected, named)) in response.results.iter().zip(&cases) {
        assert_eq!(&result.id, id);
        assert_eq!(&code(result), expected, "{kind} {data}: {result:?}");
        assert!(result.error.as_ref().is_some_and(|text| text.contains(named)), "{kind} {data}: {result:?}");
    }
    assert_eq!(response.summary.failed as usize, cases.len());
}

#[tokio::test]
async fn a_repetition_gets_the_first_answer_and_changes_nothing() {
    let service = service();
    let verse = john_3_16(&service).await;
    let at = json!({"verseId": verse, "occurredAt": NOON - 1, "localDate": TODAY});
    let mut set = at.clone();
    set["phase"] = json!("weekly");
    let operations = vec![
        create("create-psalm", "ps 23"),
        review("review", &verse, 2, true),
        operation("profile", "update_profile", json!({"occurredAt": NOON, "fullName": "Ada"})),
        operation("archive", "archive_verse", at.clone()),
        operation("restore", "restore_verse", at),
        operation("phase", "set_phase", set),
    ];
    let first = send(&service, operations.clone()).await;
    assert_eq!(first.summary.failed, 0, "{:?}", first.results);
    let before = state(&service).await;
    // Later work must not leak into the answers of a repetition.
    send(&service, vec![review("later", &verse, 0, true)]).await;
    let after = state(&service).await;
    assert_ne!(before, after);
    for _ in 0..2 {
        let again = service.batch(USER, UnixMillis(NOON + DAY), request(operations.clone())).await.expect("answers");
        for (first, again) in first.results.iter().zip(&again.results) {
            let mut expected = data(first).clone();
            expected["duplicate"] = json!(true);
            assert_eq!(data(again), &expected);
        }
        assert_eq!(state(&service).await, after);
    }
}

#[tokio::test]
async fn the_alias_of_a_type_and_the_order_of_members_make_no_other_content() {
    let service = service();
    let verse = john_3_16(&service).await;
    let mut first = review("review", &verse, 1, true);
    send_one(&service, first.clone()).await;
    first.kind = "review".into();
    let text = serde_json::to_string(&first.data).expect("JSON");
    first.data = serde_json::from_str(&text.replace("{\"", "{ \"")).expect("JSON");
    assert_eq!(data(&send_one(&service, first).await)["duplicate"], true);
}

#[tokio::test]
async fn an_id_used_again_with_other_content_is_refused_and_the_first_stands() {
    let service = service();
    let verse = john_3_16(&service).await;
    send_one(&service, review("same", &verse, 1, true)).await;
    let before = state(&service).await;
    for other in [review("same", &verse, 1, false), create("same", "Ps 23")] {
        assert_eq!(code(&send_one(&service, other).await), "operation_id_reused");
    }
    assert_eq!(state(&service).await, before);
}

#[tokio::test]
async fn the_id_of_a_refused_operation_may_be_used_for_its_correction() {
    let service = service();
    let refused = operation("op", "create", json!({"reference": "John 3:16", "translation": "NASB"}));
    assert_eq!(code(&send_one(&service, refused).await), "text_required");
    let corrected = json!({"reference": "John 3:16", "translation": "NASB", "text": "My own copy of it."});
    let result = send_one(&service, operation("op", "create", corrected)).await;
    assert_eq!((&data(&result)["duplicate"], &data(&result)["source"]), (&json!(false), &Value::Null));
}

#[tokio::test]
async fn a_faulty_envelope_is_refused_as_a_whole_and_nothing_takes_effect() {
    let limits = Limits { max_operations: 2, ..Limits::default() };
    let service = Service::new(MemoryStorage::new(), Texts::corpus(), limits);
    let one = || create("a", "John 3:16");
    let cases = [
        (request(vec![one(), create("b", "Ps 23"), create("c", "Ps 24")]), ErrorCode::TooManyOperations, "2"),
        (request(vec![one(), create("a", "Ps 23")]), ErrorCode::DuplicateOperationId, "\"a\""),
        (BatchRequest { batch_id: String::new(), ..request(vec![one()]) }, ErrorCode::ValidationFailed, "batchId"),
        (BatchRequest { batch_id: "x".repeat(129), ..request(vec![one()]) }, ErrorCode::ValidationFailed, "129"),
        (BatchRequest { cursor: Some("nonsense".into()), ..request(vec![one()]) }, ErrorCode::InvalidCursor, "cursor"),
    ];
    for (request, code, named) in cases {
        let error = service.batch(USER, NOW, request).await.expect_err("refused");
        assert_eq!(error.code(), code);
        assert!(!error.is_retryable() && error.to_string().contains(named), "{error}");
    }
    assert_eq!(service.storage().ledger_after(USER, 0, 10).await.expect("reads").last_seq, 0);
}

#[tokio::test]
async fn an_empty_batch_is_answered_empty() {
    let response = send(&service(), Vec::new()).await;
    assert_eq!((response.results.len(), response.summary), (0, BatchSummary::default()));
}

#[tokio::test]
async fn within_a_batch_later_operations_build_on_earlier_ones() {
    let service = service();
    let verse = john_3_16(&self::service()).await;
    let response = send(&service, vec![create("c", "Jn 3:16"), review("r", &verse, 1, true)]).await;
    assert_eq!(data(&response.results[0])["verse"]["id"], json!(verse));
    assert_eq!(data(&response.results[1])["userCard"]["phaseProgressCount"], 1);

    let service = self::service();
    let response = send(&service, vec![create("c", "Jn 3:99"), review("r", &verse, 1, true)]).await;
    assert_eq!(code(&response.results[0]), "invalid_reference");
    assert_eq!(code(&response.results[1]), "unknown_verse");
    let response = send(&service, vec![review("r", &verse, 1, true), create("c", "Jn 3:16")]).await;
    assert_eq!(code(&response.results[0]), "unknown_verse", "the order of the request counts");
    assert!(response.results[1].success);
}

#[tokio::test]
async fn lookups_in_a_batch_see_what_the_batch_did() {
    let lookup = operation("l", "lookup", json!({"reference": "1 cor 13:4-7"}));
    let response = send(&service(), vec![lookup, create("c", "1 Corinthians 13:4-7")]).await;
    let found = data(&response.results[0]);
    assert_eq!(found["userCard"], data(&response.results[1])["userCard"]);
    assert_eq!(found["foundViaAlias"], true);
}

#[tokio::test]
async fn batch_individual_and_mixed_delivery_end_in_the_same_state() {
    let verse = john_3_16(&service()).await;
    let operations = || {
        vec![
            create("c1", "John 3:16"),
            create("c2", "ps 23"),
            review("r1", &verse, 5, true),
            review("r2", &verse, 4, true),
            operation("p", "update_profile", json!({"occurredAt": NOON, "timezone": "Europe/Berlin"})),
            review("r3", &verse, 3, false),
            review("r4", &verse, 2, true),
        ]
    };
    let (batch, single, mixed) = (service(), service(), service());
    send(&batch, operations()).await;
    for operation in operations() {
        send_one(&single, operation).await;
    }
    send(&mixed, operations()[..4].to_vec()).await;
    for operation in &operations()[2..6] {
        send_one(&mixed, operation.clone()).await;
    }
    send(&mixed, operations()).await;
    assert_eq!(state(&batch).await, state(&single).await);
    assert_eq!(state(&batch).await, state(&mixed).await);
}

#[tokio::test]
async fn reviews_that_arrive_late_end_in_the_same_card_as_in_order() {
    let (ordered, shuffled, in_one) = (service(), service(), service());
    let verse = john_3_16(&ordered).await;
    john_3_16(&shuffled).await;
    john_3_16(&in_one).await;
    let reviews: Vec<_> = (0..8).map(|n| review(&format!("r{n}"), &verse, 8 - n, n != 3)).collect();
    for review in &reviews {
        send_one(&ordered, review.clone()).await;
    }
    let mut late = Vec::new();
    for position in [5, 0, 7, 2, 6, 1, 4, 3] {
        send_one(&shuffled, reviews[position].clone()).await;
        late.push(reviews[position].clone());
    }
    send(&in_one, late).await;
    assert_eq!(state(&ordered).await["cards"], state(&shuffled).await["cards"]);
    assert_eq!(state(&ordered).await["cards"], state(&in_one).await["cards"]);
}

#[tokio::test]
async fn a_clock_that_is_far_ahead_is_corrected_and_the_answer_says_so() {
    let service = service();
    let verse = john_3_16(&service).await;
    let mut ahead = review("ahead", &verse, 0, true);
    ahead.data["occurredAt"] = json!(NOON + 400 * DAY);
    ahead.data["localDate"] = json!("2027-04-06");
    let result = send_one(&service, ahead.clone()).await;
    let corrected = &data(&result)["corrected"];
    let at = corrected["occurredAt"].as_i64().expect("corrected");
    assert!((at - NOON).abs() <= DAY, "{corrected}");
    let page = service.changes(USER, NOW, None, None).await.expect("reads");
    let change = serde_json::to_value(page.changes.last().expect("a change")).expect("JSON");
    assert_eq!(change["data"]["occurredAt"], json!(at), "everybody folds the corrected stamp");
    assert_eq!(change["data"]["localDate"], corrected["localDate"]);
    let again = send_one(&service, ahead).await;
    assert_eq!(&data(&again)["corrected"], corrected);
}

#[tokio::test]
async fn a_user_id_in_the_data_is_ignored_and_users_do_not_meet() {
    let service = service();
    let mut sent = create("same-id", "John 3:16");
    sent.data["userId"] = json!(OTHER);
    sent.data["user_id"] = json!(OTHER);
    let verse = data(&send_one(&service, sent).await)["verse"]["id"].as_str().expect("an id").to_owned();
    assert_eq!(service.storage().ledger_after(OTHER, 0, 10).await.expect("reads").last_seq, 0);

    let of_other = service.operation(OTHER, NOW, review("other", &verse, 1, true)).await.expect("answers");
    assert_eq!(code(&of_other), "unknown_verse", "a verse id that is known does not open another's card");
    let of_other = service.operation(OTHER, NOW, create("same-id", "John 3:16")).await.expect("answers");
    assert_eq!(data(&of_other)["duplicate"], false, "ledgers are per user");
}

#[tokio::test]
async fn a_private_text_is_seen_by_its_user_only() {
    let service = service();
    let own = operation("own", "create", json!({"reference": "John 3:16", "text": "My wording", "translation": "KJV"}));
    let created = send_one(&service, own).await;
    assert_eq!(data(&created)["verse"]["text"], "My wording");
    let of_other = service.lookup(OTHER, NOW, look("John 3:16", Some("KJV"))).await.expect("answers");
    assert!(of_other.verse.is_some_and(|verse| verse.text.starts_with("For God") && verse.is_verified));
    let page = service.changes(USER, NOW, None, None).await.expect("reads");
    let change = serde_json::to_value(&page.changes[0]).expect("JSON");
    assert_eq!((&change["data"]["text"], &change["verse"]["text"]), (&json!("My wording"), &json!("My wording")));
}

#[tokio::test]
async fn a_create_without_time_counts_as_made_when_the_server_got_it() {
    let service = service();
    send_one(&service, operation("c", "create", json!({"reference": "jn 3:16"}))).await;
    let page = service.changes(USER, NOW, None, None).await.expect("reads");
    let change = serde_json::to_value(&page.changes[0]).expect("JSON");
    assert_eq!(change["type"], "create_verse");
    assert_eq!(change["data"]["occurredAt"], NOON);
    assert!(change["data"]["localDate"].is_string());
    assert_eq!((&change["data"]["reference"], &change["data"]["translation"]), (&json!("John 3:16"), &json!("KJV")));
    assert_eq!(change["data"].get("text"), None, "a provider's text is not the operation's");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_batch_sent_many_times_at_once_is_applied_once() {
    let home = tempfile::tempdir().expect("a directory");
    let storage = SqliteStorage::open(&home.path().join("verses.db")).expect("opens");
    let service = Service::new(storage, Texts::corpus(), Limits::default());
    let verse = john_3_16(&service).await;
    let operations: Vec<_> = (0..20).map(|n| review(&format!("r{n}"), &verse, 20 - n, true)).collect();
    let senders = (0..8).map(|_| {
        let (service, request) = (service.clone(), request(operations.clone()));
        tokio::spawn(async move { service.batch(USER, NOW, request).await.expect("answers") })
    });
    let mut fresh = 0;
    for sender in senders.collect::<Vec<_>>() {
        let response = sender.await.expect("does not panic");
        assert_eq!(response.summary.successful, 20);
        fresh += response.results.iter().filter(|result| data(result).get("duplicate").is_none()).count();
    }
    assert_eq!(fresh, 20, "each operation was new exactly once");
    assert_eq!(service.storage().ledger_after(USER, 0, 100).await.expect("reads").last_seq, 21);
}

#[tokio::test]
async fn sqlite_and_memory_answer_the_same() {
    let home = tempfile::tempdir().expect("a directory");
    let storage = SqliteStorage::open(&home.path().join("verses.db")).expect("opens");
    let (sqlite, memory) = (Service::new(storage, Texts::corpus(), Limits::default()), service());
    let verse = john_3_16(&service()).await;
    let operations = vec![
        create("c", "jn 3:16"),
        create("d", "Jude 3"),
        review("r1", &verse, 3, true),
        review("r0", &verse, 5, true),
        operation("p", "update_profile", json!({"occurredAt": NOON, "fullName": "Ada"})),
        create("bad", "John 99"),
    ];
    for _ in 0..2 {
        assert_eq!(send(&sqlite, operations.clone()).await, send(&memory, operations.clone()).await);
    }
    assert_eq!(state(&sqlite).await, state(&memory).await);
    let (a, b) = (sqlite.export(USER, NOW).await.expect("exports"), memory.export(USER, NOW).await.expect("exports"));
    assert_eq!(a.history, b.history);
}

#[tokio::test]
async fn the_observer_hears_of_new_changes_only() {
    let heard = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&heard);
    let service = service().with_observer(Arc::new(move |user| {
        assert_eq!(user, USER);
        count.fetch_add(1, Ordering::SeqCst);
    }));
    let operations = vec![create("a", "John 3:16"), create("b", "Ps 23")];
    send(&service, operations.clone()).await;
    send(&service, operations).await;
    send(&service, vec![create("c", "John 99")]).await;
    send(&service, vec![operation("l", "lookup", json!({"reference": "John 3:16"}))]).await;
    assert_eq!(heard.load(Ordering::SeqCst), 1);
}

#[test]
fn on_the_memory_storage_a_batch_completes_at_the_first_poll() {
    let service = service();
    let future = pin!(service.batch(USER, NOW, request(vec![create("a", "John 3:16")])));
    let mut future = future;
    let Poll::Ready(response) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("it waited for a runtime");
    };
    assert_eq!(response.expect("answers").summary.successful, 1);
}

#[tokio::test]
async fn when_the_database_is_gone_the_request_fails_as_a_whole_and_may_be_sent_again() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("verses.db");
    let service = Service::new(SqliteStorage::open(&path).expect("opens"), Texts::corpus(), Limits::default());
    send_one(&service, create("a", "John 3:16")).await;
    let direct = rusqlite::Connection::open(&path).expect("opens");
    direct.execute_batch("DROP TABLE card_events").expect("breaks it");
    let error = service.batch(USER, NOW, request(vec![create("b", "Ps 23")])).await.expect_err("fails");
    assert!(matches!(error, ServiceError::Storage(_)) && error.is_retryable(), "{error:?}");
    assert_eq!(service.storage().ledger_after(USER, 0, 10).await.expect("reads").last_seq, 1);
}

#[test]
fn the_futures_may_be_moved_between_threads() {
    fn is_send<T: Send>(_: T) {}
    let service = service();
    is_send(service.batch(USER, NOW, request(Vec::new())));
    is_send(service.operation(USER, NOW, create("a", "John 3:16")));
    is_send(service.lookup(USER, NOW, look("John 3:16", None)));
    is_send(service.changes(USER, NOW, None, None));
    is_send(service.export(USER, NOW));
}
