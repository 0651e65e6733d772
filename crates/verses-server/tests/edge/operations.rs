//! Lookups, single operations, batches, changes, limits; paths and methods that do not exist.

use reqwest::Method;
use serde_json::{Value, json};
use verses_protocol::{CHANGES_PATH, LIMITS_PATH, OPERATIONS_PATH};

use super::{Server, batch, read, text};

/// The body of the source's own example, to the letter.
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

#[tokio::test]
async fn the_example_of_the_source_is_answered_operation_by_operation() {
    let server = Server::start().await;
    let token = server.token().await;
    for repeated in [false, true] {
        let answer = read(server.post(OPERATIONS_PATH, LEVEL_4).bearer_auth(&token)).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
        let body = answer.json();
        assert_eq!(body["batchId"], "test-batch-123");
        assert_eq!(body["summary"], json!({ "total": 2, "successful": 2, "failed": 0 }));
        let [first, second] = body["results"].as_array().unwrap().as_slice() else { panic!("{body}") };
        assert_eq!((&first["id"], &second["id"]), (&json!("op-1"), &json!("op-2")));
        assert_eq!(first["data"]["verse"]["text"], "Test verse");
        assert_eq!(first["data"]["duplicate"], repeated, "sent again it is a duplicate");
        assert!(text(&second["data"]["verse"]["text"]).starts_with("For God so loved"), "{second}");
    }
}

#[tokio::test]
async fn a_single_operation_is_answered_like_one_of_a_batch() {
    let server = Server::start().await;
    let token = server.token().await;
    let created = server.operations(&token, &json!({ "operation": "create", "id": "a", "reference": "jn 3:16" })).await;
    assert_eq!(created.status, 200);
    let created = created.json();
    assert_eq!((&created["verse"]["reference"], &created["foundViaAlias"]), (&json!("John 3:16"), &json!(true)));
    let again = batch(&json!([{ "id": "a", "type": "create_verse", "data": { "reference": "jn 3:16" } }]));
    let again = server.operations(&token, &again).await.json();
    assert_eq!(again["results"][0]["data"]["duplicate"], true, "the same operation in a batch: {again}");
    let verse = &created["verse"]["id"];
    let now = created["userCard"]["createdAt"].as_i64().unwrap();
    let review = json!({ "operation": "review", "id": "r", "data": { "verseId": verse, "wasSuccessful": true,
        "occurredAt": now, "localDate": created["userCard"]["nextDueDate"] } });
    let reviewed = server.operations(&token, &review).await;
    assert_eq!((reviewed.status, &reviewed.json()["userCard"]["currentStreak"]), (200, &json!(1)));
    let found = server.operations(&token, &json!({ "operation": "lookup", "reference": "John 3:16" })).await.json();
    assert_eq!(found["userCard"]["currentStreak"], 1);
}

#[tokio::test]
async fn a_refused_single_operation_says_why_in_its_code() {
    let server = Server::start().await;
    let token = server.token().await;
    let verse = uuid::Uuid::from_u128(1);
    let review = json!({ "verseId": verse, "wasSuccessful": true, "occurredAt": 1_700_000_000_000i64, "localDate": "2023-11-14" });
    for (body, code) in [
        (json!({ "operation": "create", "reference": "Hezekiah 3:16" }), "invalid_reference"),
        (json!({ "operation": "create", "reference": "John 3:99" }), "invalid_reference"),
        (json!({ "operation": "create", "reference": "John 3:16", "translation": "NIV" }), "text_required"),
        (json!({ "operation": "record_review", "data": review }), "unknown_verse"),
        (json!({ "operation": "record_review", "data": { "verseId": 7 } }), "validation_failed"),
        (
            json!({ "operation": "update_profile", "data": { "occurredAt": 1, "timezone": "Mars/Base" } }),
            "validation_failed",
        ),
        (json!({ "operation": "fly", "data": {} }), "unknown_operation"),
    ] {
        let problem = server.operations(&token, &body).await.refused(422, code);
        assert_eq!(problem["retryable"], false, "{problem}");
    }
}

#[tokio::test]
async fn one_bad_operation_fails_alone() {
    let server = Server::start().await;
    let token = server.token().await;
    let body = batch(&json!([
        { "id": "1", "type": "create", "data": { "reference": "John 3:16" } },
        { "id": "2", "type": "create", "data": { "reference": 7 } },
        { "id": "3", "type": "fly", "data": {} },
        { "id": "4", "type": "create" },
        { "id": "5", "type": "create", "data": { "reference": "Ps 23", "userId": "somebody-else", "unknown": [] } },
    ]));
    let answer = server.operations(&token, &body).await;
    let body = answer.json();
    assert_eq!((answer.status, &body["summary"]), (200, &json!({ "total": 5, "successful": 2, "failed": 3 })));
    let good: Vec<bool> = body["results"].as_array().unwrap().iter().map(|r| r["success"].as_bool().unwrap()).collect();
    assert_eq!(good, [true, false, false, false, true]);
    assert_eq!(body["results"][2]["code"], "unknown_operation");
}

#[tokio::test]
async fn a_batch_that_cannot_be_processed_as_a_whole_changes_nothing() {
    let server = Server::with(verses_server::ServerConfig { max_operations: 2, ..super::config() }).await;
    let token = server.token().await;
    let create = |id: &str| json!({ "id": id, "type": "create", "data": { "reference": "John 3:16" } });
    let twice = batch(&json!([create("a"), create("a")]));
    server.operations(&token, &twice).await.refused(400, "duplicate_operation_id");
    let many = batch(&json!([create("a"), create("b"), create("c")]));
    let problem = server.operations(&token, &many).await.refused(413, "too_many_operations");
    assert_eq!(problem["maxOperations"], 2);
    for body in
        [json!({ "operation": "batch" }), json!({ "operation": "batch", "batchId": "b", "operations": 7 }), json!({})]
    {
        server.operations(&token, &body).await.refused(400, "malformed_request");
    }
    let changes = read(server.request(Method::GET, CHANGES_PATH).bearer_auth(&token)).await.json();
    assert_eq!(changes["changes"], json!([]));
}

#[tokio::test]
async fn the_user_is_the_tokens_whatever_the_body_says() {
    let server = Server::start().await;
    let (mallory, victim) = (server.sign_up().await, server.sign_up().await);
    let id = &victim["user"]["id"];
    let forged = json!({ "operation": "batch", "batchId": "b", "userId": id, "user_id": id, "operations": [
        { "id": "x", "type": "create", "userId": id, "data": { "reference": "John 3:16", "userId": id, "user_id": id, "owner": id } } ] });
    assert_eq!(server.operations(&text(&mallory["access_token"]), &forged).await.status, 200);
    let seen = |token: String| read(server.request(Method::GET, CHANGES_PATH).bearer_auth(token));
    assert_eq!(seen(text(&victim["access_token"])).await.json()["changes"], json!([]));
    assert_eq!(seen(text(&mallory["access_token"])).await.json()["changes"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn changes_come_in_pages_from_a_cursor() {
    let server = Server::start().await;
    let token = server.token().await;
    let operations: Vec<Value> = (1..=5)
        .map(|n| json!({ "id": format!("o{n}"), "type": "create", "data": { "reference": format!("Ps {n}") } }))
        .collect();
    server.operations(&token, &batch(&json!(operations))).await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("{CHANGES_PATH}?limit=2&cursor={cursor}");
        let page = read(server.request(Method::GET, &path).bearer_auth(&token)).await.json();
        seen.extend(page["changes"].as_array().unwrap().iter().map(|c| text(&c["id"])));
        cursor = text(&page["cursor"]);
        if page["hasMore"] == false {
            break;
        }
    }
    assert_eq!(seen, ["o1", "o2", "o3", "o4", "o5"]);
    for bad in ["x", "%00", "AAAA"] {
        let path = format!("{CHANGES_PATH}?cursor={bad}");
        read(server.request(Method::GET, &path).bearer_auth(&token)).await.refused(400, "invalid_cursor");
    }
    read(server.request(Method::GET, &format!("{CHANGES_PATH}?limit=many")).bearer_auth(&token))
        .await
        .refused(400, "malformed_request");
}

#[tokio::test]
async fn what_the_server_says_of_itself() {
    let server = Server::start().await;
    let get = |path: &'static str| read(server.request(Method::GET, path));
    for path in ["/", "/health", "/ready", "/openapi.json"] {
        assert_eq!(get(path).await.status, 200, "{path}");
    }
    let limits = get(LIMITS_PATH).await;
    assert_eq!(limits.json()["translations"], json!(["KJV", "WEB"]));
    let tag = limits.header("etag").to_owned();
    let again = read(server.request(Method::GET, LIMITS_PATH).header("if-none-match", tag)).await;
    assert_eq!((again.status, again.bytes.len()), (304, 0));
    let token = server.token().await;
    server.operations(&token, &batch(&json!([{ "id": "a", "type": "lookup", "data": { "reference": "Ps 1" } }]))).await;
    let metrics = String::from_utf8(get("/metrics").await.bytes).unwrap();
    assert!(metrics.contains("verses_operations_total{kind=\"lookup\",outcome=\"applied\"} 1"), "{metrics}");
    assert!(!metrics.contains(&token), "no token in the metrics");
}

#[tokio::test]
async fn the_description_names_every_route_and_only_those() {
    let server = Server::start().await;
    let document = read(server.request(Method::GET, "/openapi.json")).await.json();
    insta::assert_json_snapshot!(document, { ".info.version" => "[version]" });
    let methods = [("get", Method::GET), ("post", Method::POST), ("put", Method::PUT)];
    for (path, item) in document["paths"].as_object().unwrap() {
        for (name, method) in &methods {
            let status = read(server.request(method.clone(), path)).await.status;
            assert_eq!(status != 405, item.get(name).is_some(), "{name} {path}: {status}");
            assert_ne!(status, 404, "{name} {path}");
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let server = Server::start().await;
    for path in ["/nothing", "/functions/v1/other", "/rest/v1/verses", "/auth/v1/otp", "/../etc/passwd", "/%2e%2e/x"] {
        read(server.request(Method::GET, path)).await.refused(404, "not_found");
    }
    let wrong = read(server.request(Method::DELETE, OPERATIONS_PATH)).await;
    wrong.refused(405, "method_not_allowed");
    assert_eq!(wrong.header("allow"), "POST, OPTIONS");
}
