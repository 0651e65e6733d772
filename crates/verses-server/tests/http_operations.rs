//! Operations over HTTP against the real server: batches, single calls, changes, limits and what stands beside them.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

#[path = "common/http.rs"]
mod http;

use http::{ALICE, BOB, CHANGES, LIMITS, OPERATIONS, batch, config, send, start, start_with, token};
use serde_json::{Value, json};
use verses_server::ServerConfig;

/// Written as the original project's own check of its batch end point sends it.
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

/// 2026-03-02T12:00:00Z.
const NOON: i64 = 1_772_452_800_000;

fn codes(answer: &Value) -> Vec<String> {
    let results = answer["results"].as_array().unwrap();
    results.iter().map(|r| r["code"].as_str().unwrap_or("ok").to_owned()).collect()
}

#[tokio::test]
async fn the_documented_batch_gets_an_answer_for_each_operation() {
    let server = start().await;
    let answer = server.post_bytes(&token(ALICE), LEVEL_4).await.ok();
    assert_eq!(answer["batchId"], "test-batch-123");
    assert_eq!(answer["results"][0]["id"], "op-1");
    assert_eq!(answer["results"][1]["id"], "op-2");
    assert_eq!(answer["results"].as_array().unwrap().len(), 2);
    assert_eq!(codes(&answer), ["ok", "ok"]);
    // There is no book "Test", but the text came with it: a verse of the user's own.
    assert_eq!(answer["results"][0]["data"]["verse"]["text"], "Test verse");
    let text = answer["results"][1]["data"]["verse"]["text"].as_str().unwrap();
    assert!(text.contains("God so loved the world"), "{text}");
    assert_eq!(answer["summary"], json!({ "total": 2, "successful": 2, "failed": 0 }));
    server.stop().await;
}

#[tokio::test]
async fn a_batch_sent_again_changes_nothing_and_says_so() {
    let server = start().await;
    let body = batch(&json!([{ "id": "c", "type": "create", "data": { "reference": "John 3:16" } }]));
    let first = server.post_as(ALICE, &body).await.ok();
    let again = server.post_as(ALICE, &body).await.ok();
    assert_ne!(first["results"][0]["data"]["duplicate"], true);
    assert_eq!(again["results"][0]["data"]["duplicate"], true);
    assert_eq!(first["results"][0]["data"]["verse"], again["results"][0]["data"]["verse"]);
    let changes = server.get_as(ALICE, CHANGES).await.ok();
    assert_eq!(
        changes["changes"].as_array().unwrap().iter().filter(|c| c["data"]["reference"] == "John 3:16").count(),
        1
    );
    server.stop().await;
}

#[tokio::test]
async fn single_calls_take_both_forms_and_tell_why_they_refuse() {
    let server = start().await;
    let flat = server.post_as(ALICE, &json!({ "operation": "create", "reference": "John 3:16" })).await.ok();
    let verse = flat["verse"]["id"].as_str().unwrap().to_owned();
    let data = json!({ "operation": "create", "id": "x", "data": { "reference": "Psalm 23:1" } });
    assert!(server.post_as(ALICE, &data).await.ok()["verse"]["id"].is_string());
    let looked = server.post_as(ALICE, &json!({ "operation": "lookup", "reference": "jn 3:16" })).await.ok();
    assert_eq!(looked["verse"]["id"], verse.as_str());
    let review = json!({ "operation": "record_review", "data": { "verseId": verse, "wasSuccessful": true, "occurredAt": NOON, "localDate": "2026-03-02" } });
    server.post_as(ALICE, &review).await.ok();
    let unknown = "00000000-0000-4000-8000-0000000000ff";
    for (body, code) in [
        (json!({ "operation": "create", "reference": "Test 1:1" }), "invalid_reference"),
        (json!({ "operation": "create" }), "validation_failed"),
        (json!({ "operation": "create", "reference": 7 }), "validation_failed"),
        (
            json!({ "operation": "record_review", "data": { "verseId": unknown, "wasSuccessful": true, "occurredAt": NOON, "localDate": "2026-03-02" } }),
            "unknown_verse",
        ),
        (json!({ "operation": "fly" }), "unknown_operation"),
        (json!({ "operation": "create", "id": "x", "data": { "reference": "John 1:1" } }), "operation_id_reused"),
    ] {
        assert_eq!(server.post_as(ALICE, &body).await.problem(422), code, "{body}");
    }
    let numbered = json!({ "operation": "create", "id": 7, "reference": "John 3:16" });
    assert_eq!(server.post_as(ALICE, &numbered).await.problem(400), "malformed_request");
    assert_eq!(server.post_as(ALICE, &json!({ "reference": "John 3:16" })).await.problem(400), "malformed_request");
    server.stop().await;
}

#[tokio::test]
async fn a_user_id_in_the_body_is_not_believed() {
    let server = start().await;
    let forged = json!({ "operation": "batch", "batchId": "b", "userId": BOB, "user_id": BOB, "operations": [
        { "id": "1", "type": "create", "userId": BOB, "data": { "reference": "John 3:16", "userId": BOB, "user_id": BOB } }] });
    assert_eq!(codes(&server.post_as(ALICE, &forged).await.ok()), ["ok"]);
    let flat = json!({ "operation": "create", "reference": "Psalm 23:1", "userId": BOB });
    server.post_as(ALICE, &flat).await.ok();
    assert_eq!(server.get_as(BOB, CHANGES).await.ok()["changes"], json!([]));
    assert!(!server.get_as(ALICE, CHANGES).await.ok()["changes"].as_array().unwrap().is_empty());
    server.stop().await;
}

#[tokio::test]
async fn changes_come_in_pages_and_a_cursor_goes_on_where_it_ended() {
    let server = start().await;
    let operations: Vec<Value> = (1..=5)
        .map(|n| json!({ "id": n.to_string(), "type": "create", "data": { "reference": format!("John 3:{n}") } }))
        .collect();
    server.post_as(ALICE, &batch(&json!(operations))).await.ok();
    let all = server.get_as(ALICE, CHANGES).await.ok();
    let (mut paged, mut cursor) = (Vec::new(), String::new());
    for _ in 0..100 {
        let page = server.get_as(ALICE, &format!("{CHANGES}?limit=2&cursor={cursor}")).await.ok();
        let changes = page["changes"].as_array().unwrap().clone();
        assert!(changes.len() <= 2);
        paged.extend(changes);
        cursor = page["cursor"].as_str().unwrap().to_owned();
        if page["hasMore"] == false {
            break;
        }
    }
    assert_eq!(Value::Array(paged), all["changes"]);
    let end = server.get_as(ALICE, &format!("{CHANGES}?cursor={cursor}")).await.ok();
    assert_eq!((&end["changes"], &end["hasMore"]), (&json!([]), &json!(false)));
    for (query, code) in [
        ("cursor=nonsense", "invalid_cursor"),
        ("limit=many", "malformed_request"),
        ("limit=1&limit=2", "malformed_request"),
    ] {
        assert_eq!(server.get_as(ALICE, &format!("{CHANGES}?{query}")).await.problem(400), code, "{query}");
    }
    server.stop().await;
}

#[tokio::test]
async fn limits_are_told_and_not_sent_again_while_they_stay() {
    let server = start().await;
    let first = server.get(LIMITS).await;
    assert_eq!(first.ok()["maxOperations"], config().max_operations);
    let tag = first.header("etag").to_owned();
    let again = send(server.request("GET", LIMITS).header("if-none-match", &tag)).await;
    assert_eq!((again.status.as_u16(), again.bytes.len()), (304, 0));
    assert_eq!(again.header("etag"), tag);
    let other = send(server.request("GET", LIMITS).header("if-none-match", "\"other\"")).await;
    assert_eq!(other.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_one_operation_fails_it_alone() {
    let server = start().await;
    let body = batch(&json!([
        { "id": "1", "type": "fly", "data": {} },
        { "id": "2", "type": "create", "data": { "reference": ["John 3:16"] } },
        { "id": "3", "type": "create", "data": 7 },
        { "id": "4", "type": "create" },
        { "id": "5", "type": "create", "data": { "reference": "John 3:16" } },
    ]));
    let answer = server.post_as(ALICE, &body).await.ok();
    assert_eq!(
        codes(&answer),
        ["unknown_operation", "validation_failed", "validation_failed", "validation_failed", "ok"]
    );
    assert_eq!(answer["summary"], json!({ "total": 5, "successful": 1, "failed": 4 }));
    server.stop().await;
}

#[tokio::test]
async fn ids_must_differ_and_operations_be_few_enough() {
    let server = start_with(ServerConfig { max_operations: 2, operations_per_minute: 3, ..config() }).await;
    let lookup = |id: &str| json!({ "id": id, "type": "lookup", "data": { "reference": "John 3:16" } });
    let twice = server.post_as(BOB, &batch(&json!([lookup("1"), lookup("1")]))).await;
    assert_eq!(twice.problem(400), "duplicate_operation_id");
    let many = server.post_as(ALICE, &batch(&json!([lookup("1"), lookup("2"), lookup("3")]))).await;
    assert_eq!(many.problem(413), "too_many_operations");
    assert_eq!(many.json()["maxOperations"], 2);
    // What was refused for its size is not counted: the client may split it at once.
    assert_eq!(codes(&server.post_as(ALICE, &batch(&json!([lookup("1"), lookup("2")]))).await.ok()), ["ok", "ok"]);
    assert_eq!(codes(&server.post_as(ALICE, &batch(&json!([lookup("3")]))).await.ok()), ["ok"]);
    server.stop().await;
}

#[tokio::test]
async fn the_server_tells_how_it_is_and_what_it_counted() {
    let server = start().await;
    assert_eq!(server.get("/health").await.ok()["status"], "ok");
    assert_eq!(server.get("/ready").await.ok()["status"], "ready");
    server.post_bytes(&token(ALICE), LEVEL_4).await.ok();
    let metrics = server.metrics().await;
    assert!(metrics.contains(r#"verses_operations_total{kind="lookup",outcome="applied"} 1"#), "{metrics}");
    assert!(metrics.contains(r#"verses_operations_total{kind="create_verse",outcome="applied"} 1"#), "{metrics}");
    assert!(metrics.contains(r#"route="/functions/v1/verse-operations",status="200"} 1"#), "{metrics}");
    assert_eq!(server.get("/").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn the_description_names_every_route_and_only_routes() {
    let server = start().await;
    let mut document = server.get("/openapi.json").await.ok();
    let paths = document["paths"].as_object().unwrap().clone();
    for (path, methods) in &paths {
        for method in methods.as_object().unwrap().keys() {
            let path = path.replace("{translation}", "kjv").replace("{piece}", "1.txt");
            let answer = server.request(&method.to_uppercase(), &path).send().await.unwrap();
            assert!(![404, 405].contains(&answer.status().as_u16()), "{method} {path}");
        }
    }
    // Every path that the router's source names, but for the greeting and what has a listener of its own.
    let sources = [include_str!("../src/http/mod.rs"), include_str!("../src/http/auth_routes.rs")].concat();
    let named = sources.split(".route(\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    for path in named
        .chain([OPERATIONS, CHANGES, LIMITS, http::EVENTS, "/functions/v1/verse-account"])
        .filter(|p| !["/", "/metrics"].contains(p))
    {
        assert!(paths.contains_key(path), "{path} is not described");
    }
    document["info"]["version"] = "[version]".into();
    insta::assert_json_snapshot!("openapi", document);
    server.stop().await;
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_problems_too() {
    let server = start().await;
    assert_eq!(server.get("/nowhere").await.problem(404), "not_found");
    for (method, path, allowed) in [("GET", OPERATIONS, "POST"), ("POST", CHANGES, "GET"), ("DELETE", "/health", "GET")]
    {
        let answer = send(server.request(method, path)).await;
        assert_eq!(answer.problem(405), "method_not_allowed", "{method} {path}");
        let allow = answer.header("allow");
        assert!(allow.contains(allowed) && !allow.contains(method), "{method} {path}: {allow}");
    }
    server.stop().await;
}

#[tokio::test]
async fn verses_survive_a_restart_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("verses.db").display());
    let sqlite = || ServerConfig { database_url: url.clone(), ..config() };
    let server = start_with(sqlite()).await;
    let body = batch(&json!([{ "id": "c", "type": "create", "data": { "reference": "John 3:16" } }]));
    server.post_as(ALICE, &body).await.ok();
    let before = server.get_as(ALICE, CHANGES).await.ok();
    server.stop().await;
    let server = start_with(sqlite()).await;
    let after = server.get_as(ALICE, CHANGES).await.ok();
    assert_eq!((&before["changes"], &before["cursor"]), (&after["changes"], &after["cursor"]));
    assert_eq!(server.post_as(ALICE, &body).await.ok()["results"][0]["data"]["duplicate"], true);
    server.stop().await;
}

#[tokio::test]
async fn an_operation_without_a_usable_type_fails_alone() {
    let server = start().await;
    let good = json!({ "id": "3", "type": "lookup", "data": { "reference": "John 3:16" } });
    let answer = server.post_as(ALICE, &batch(&json!([{ "id": "1" }, { "id": "2", "type": 7 }, good]))).await.ok();
    assert_eq!(answer["summary"], json!({ "total": 3, "successful": 1, "failed": 2 }));
    for index in [0, 1] {
        assert_eq!(answer["results"][index]["code"], "unknown_operation", "{answer}");
    }
    server.stop().await;
}
