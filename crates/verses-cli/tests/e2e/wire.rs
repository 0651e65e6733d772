//! What the server answers to requests that no Verses client made: the documented `curl` call, and bodies that are
//! wrong in every way. Each operation is answered on its own wherever that can be done.

use std::io::Read;

use serde_json::{Value, json};

use crate::common::{Server, post, request};

const PATH: &str = "/functions/v1/verse-operations";

/// The documented batch: a creation of a passage that no corpus has, with a text, and a lookup.
const LEVEL_4: &str = r#"{
    "operation": "batch",
    "batchId": "test-batch-123",
    "operations": [
      {
        "id": "op-1",
        "type": "create",
        "data": {"reference": "Test 1:1", "text": "Test verse"}
      },
      {
        "id": "op-2",
        "type": "lookup",
        "data": {"reference": "John 3:16"}
      }
    ]
  }"#;

/// Checks the answer to [`LEVEL_4`].
#[track_caller]
fn assert_answers_each(answer: &Value) {
    assert_eq!(answer["batchId"], "test-batch-123", "{answer}");
    let results = answer["results"].as_array().unwrap();
    let ids: Vec<&str> = results.iter().map(|r| r["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["op-1", "op-2"], "{answer}");
    assert!(results.iter().all(|r| r["success"] == true), "{answer}");
    assert_eq!(results[0]["data"]["verse"]["text"], "Test verse");
    assert!(results[1]["data"]["verse"]["text"].as_str().unwrap().starts_with("For God so loved"), "{answer}");
    assert_eq!(answer["summary"], json!({ "total": 2, "successful": 2, "failed": 0 }));
}

/// A `create` that is right, with this id.
fn create(id: &str, reference: &str) -> Value {
    json!({ "id": id, "type": "create_verse", "data": {
        "reference": reference, "translation": "KJV", "occurredAt": 1_700_000_000_000_i64, "localDate": "2023-11-14" } })
}

fn batch(operations: &[Value]) -> Vec<u8> {
    json!({ "operation": "batch", "batchId": "b", "operations": operations }).to_string().into_bytes()
}

#[test]
fn the_documented_call_is_answered_operation_by_operation() {
    let server = Server::start();
    let token = server.token("ann");
    let answer = post(&server.url, PATH, Some(&token), LEVEL_4.as_bytes());
    assert_eq!(answer.status(), 200);
    assert_answers_each(&answer.json());
    // Sent again, as a shell user does: nothing is applied twice.
    assert_answers_each(&post(&server.url, PATH, Some(&token), LEVEL_4.as_bytes()).json());
    assert_eq!(server.count("verse_cards"), 1);
}

#[test]
fn the_documented_call_works_with_curl() {
    let server = Server::start();
    let token = server.token("ben");
    let bearer = format!("Authorization: Bearer {token}");
    let url = format!("{}{PATH}", server.url);
    let args = ["-sS", "-X", "POST", &url, "-H", &bearer, "-H", "Content-Type: application/json", "-d", LEVEL_4];
    match std::process::Command::new("curl").args(args).output() {
        Ok(output) => assert_answers_each(&serde_json::from_slice(&output.stdout).unwrap()),
        Err(error) => eprintln!("skipped: no curl on this machine ({error})"),
    }
}

#[test]
fn one_malformed_operation_fails_alone() {
    let server = Server::start();
    let token = server.token("cem");
    let bad = [
        ("unknown_operation", json!({ "id": "x", "type": "drop_tables", "data": {} })),
        ("invalid_reference", create("x", "Hezekiah 1:1")),
        ("validation_failed", json!({ "id": "x", "type": "create_verse", "data": { "reference": 7 } })),
        ("validation_failed", json!({ "id": "x", "type": "create_verse", "data": "text" })),
        ("validation_failed", json!({ "id": "x", "type": "record_review", "data": { "verseId": "no uuid" } })),
    ];
    for (index, (code, operation)) in bad.into_iter().enumerate() {
        let good = create(&format!("good-{index}"), &format!("Psalm 119:{}", index + 1));
        let answer = post(&server.url, PATH, Some(&token), &batch(&[operation.clone(), good]));
        assert_eq!(answer.status(), 200, "{operation}");
        let results = answer.json()["results"].clone();
        assert_eq!(
            (&results[0]["success"], &results[0]["code"]),
            (&json!(false), &json!(code)),
            "{operation}: {results}"
        );
        assert!(results[0]["error"].as_str().is_some_and(|e| e.len() > 10), "{results}");
        assert_eq!(results[1]["success"], true, "{results}");
    }
    assert_eq!(server.count("verse_cards"), 5);
}

#[test]
fn requests_that_cannot_be_answered_by_operation_are_refused_as_a_whole() {
    let server = Server::start_with(&["--max-operations", "500"]);
    let token = server.token("dee");
    let many: Vec<Value> = (0..501).map(|i| create(&i.to_string(), "John 3:16")).collect();
    let deep = format!(r#"{{"operation":"batch","batchId":"b","operations":{}{}}}"#, "[".repeat(500), "]".repeat(500));
    let large = format!(r#"{{"operation":"batch","batchId":"{}","operations":[]}}"#, "x".repeat(6 << 20));
    let cases: [(u16, &str, Vec<u8>); 9] = [
        (400, "malformed_request", b"{".to_vec()),
        (400, "malformed_request", b"".to_vec()),
        (400, "malformed_request", b"[1,2]".to_vec()),
        (400, "malformed_request", br#"{"operation":"batch","batchId":7,"operations":{}}"#.to_vec()),
        (400, "malformed_request", br#"{"operation":"batch","batchId":"b","operations":[7]}"#.to_vec()),
        (400, "duplicate_operation_id", batch(&[create("a", "John 3:16"), create("a", "John 3:17")])),
        (400, "too_deep", deep.into_bytes()),
        (413, "too_many_operations", batch(&many)),
        (413, "body_too_large", large.into_bytes()),
    ];
    for (status, code, body) in cases {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        let answer = post(&server.url, PATH, Some(&token), &body);
        assert_eq!(answer.status(), status, "{shown}: {}", String::from_utf8_lossy(&answer.body));
        assert!(answer.header("content-type").unwrap().starts_with("application/problem+json"), "{shown}");
        let problem = answer.json();
        assert_eq!(problem["code"], code, "{shown}: {problem}");
        assert!(problem["detail"].as_str().is_some_and(|d| !d.is_empty()), "{problem}");
    }
    assert_eq!(server.count("sync_operations"), 0);
}

#[test]
fn a_small_body_that_unpacks_to_a_huge_one_is_refused() {
    let server = Server::start();
    let token = server.token("eve");
    let body = zstd::stream::encode_all(std::io::repeat(b' ').take(200 << 20), 3).unwrap();
    let bearer = format!("Bearer {token}");
    let headers =
        [("content-type", "application/json"), ("content-encoding", "zstd"), ("authorization", bearer.as_str())];
    assert_eq!(request("POST", &server.url, PATH, &headers, &body).status(), 413);
    let unknown =
        [("content-type", "application/json"), ("content-encoding", "lzma"), ("authorization", bearer.as_str())];
    assert_eq!(request("POST", &server.url, PATH, &unknown, b"{}").status(), 415);
}

#[test]
fn callers_without_a_good_token_are_refused() {
    let server = Server::start();
    let token = server.token("fay");
    let forged = format!("{}x", &token[..token.len() - 6]);
    let other_server = Server::start().token("fay");
    for bad in [None, Some("nonsense"), Some(forged.as_str()), Some(other_server.as_str())] {
        let answer = post(&server.url, PATH, bad, LEVEL_4.as_bytes());
        assert_eq!((answer.status(), answer.json()["code"].as_str()), (401, Some("invalid_token")), "{bad:?}");
    }
    assert_eq!(request("GET", &server.url, PATH, &[], b"").status(), 405);
    assert_eq!(request("GET", &server.url, "/nowhere", &[], b"").status(), 404);
}

#[test]
fn stamps_from_a_clock_that_is_far_off_are_corrected_and_kept_in_order() {
    let server = Server::start();
    let token = server.token("gil");
    let mut ahead = create("ahead", "John 3:16");
    ahead["data"]["occurredAt"] = json!(32_503_680_000_000_i64);
    ahead["data"]["localDate"] = json!("3000-01-01");
    let results = post(&server.url, PATH, Some(&token), &batch(&[ahead])).json()["results"].clone();
    assert_eq!(results[0]["success"], true, "{results}");
    let corrected = results[0]["data"]["corrected"]["occurredAt"].as_i64().expect("a corrected stamp");
    assert!(corrected < 32_503_680_000_000, "{results}");
    let due = results[0]["data"]["userCard"]["nextDueDate"].as_str().unwrap();
    assert!(due < "2999", "the card is due in the user's life: {results}");
}

#[test]
fn the_server_says_that_it_lives_and_what_it_can_do() {
    let server = Server::start();
    for path in ["/health", "/ready", "/openapi.json"] {
        assert_eq!(request("GET", &server.url, path, &[], b"").status(), 200, "{path}");
    }
}

#[test]
fn a_server_that_is_told_to_stop_ends_well_and_keeps_what_it_has() {
    let mut server = Server::start();
    let device = server.device("hal");
    device.add(&crate::common::TEN);
    device.ok(&["sync"]);
    assert_eq!(server.terminate(), 0);
    server.restart();
    let second = server.second_device("hal");
    second.ok(&["sync"]);
    assert_eq!(crate::common::len(&second.json(&["list"])), 10);
}
