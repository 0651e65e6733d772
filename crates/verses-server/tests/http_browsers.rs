//! What browsers look at: CORS on every kind of answer for every kind of origin, and headers for safety.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

#[path = "common/http.rs"]
mod http;

use std::collections::{BTreeMap, BTreeSet};

use http::{ALICE, Answer, CHANGES, LIMITS, OPERATIONS, Server, batch, config, send, start, start_over, token};
use serde_json::json;
use verses_core::{CardEvent, UnixMillis, Verse, VerseId};
use verses_server::ServerConfig;
use verses_server::storage::{Decision, LedgerPage, Loaded, Storage, StorageError, UserId, Wanted};

const ALLOWED: [&str; 3] = ["https://app.example", "http://localhost:5173", "capacitor://localhost"];
const OTHERS: [&str; 9] = [
    "https://evil.example",
    "https://app.example.evil.example",
    "https://evil-app.example",
    "http://app.example",
    "https://app.example:8443",
    "https://APP.example",
    "https://app.example/",
    "https://evil.example https://app.example",
    "null",
];

/// A database that is down, and a bug in one of its calls.
#[derive(Debug, Clone)]
struct Broken;

fn down<T>() -> Result<T, StorageError> {
    Err(StorageError::Unavailable("it is down".into()))
}

impl Storage for Broken {
    async fn transact<D: Decision>(&self, _: UserId, _: Wanted, _: D) -> Result<D::Answer, StorageError> {
        down()
    }

    async fn read(&self, _: UserId, _: Wanted) -> Result<Loaded, StorageError> {
        down()
    }

    async fn catalogue(&self, _: BTreeSet<VerseId>) -> Result<BTreeMap<VerseId, Verse>, StorageError> {
        down()
    }

    async fn ledger_after(&self, _: UserId, _: u64, _: u32) -> Result<LedgerPage, StorageError> {
        panic!("a bug")
    }

    async fn events_of(&self, _: UserId, _: VerseId) -> Result<Vec<CardEvent>, StorageError> {
        down()
    }

    async fn everything(&self, _: UserId) -> Result<Loaded, StorageError> {
        down()
    }

    async fn erase(&self, _: UserId, _: UnixMillis) -> Result<(), StorageError> {
        down()
    }

    async fn epoch(&self) -> Result<uuid::Uuid, StorageError> {
        Ok(uuid::Uuid::from_u128(1))
    }

    async fn ping(&self) -> Result<(), StorageError> {
        down()
    }
}

/// One answer of each status that pages may meet, with the status.
async fn answers(server: &Server, broken: &Server, origin: &str) -> Vec<(u16, Answer)> {
    let ask = |server: &Server, method: &str, path: &str| server.request(method, path).header("origin", origin);
    let post = || ask(server, "POST", OPERATIONS).bearer_auth(token(ALICE));
    let many: serde_json::Value =
        (0..4).map(|n| json!({ "id": n.to_string(), "type": "lookup", "data": {} })).collect();
    let create = batch(&json!([{ "id": "1", "type": "create", "data": { "reference": "John 3:16" } }]));
    let requests = [
        (200, ask(server, "GET", LIMITS)),
        (200, ask(server, "HEAD", LIMITS)),
        (204, ask(server, "OPTIONS", OPERATIONS)),
        (400, post().body("nonsense")),
        (400, ask(server, "POST", "/auth/v1/token?grant_type=password").body("{}")),
        (401, ask(server, "GET", CHANGES)),
        (401, ask(server, "GET", "/auth/v1/user")),
        (404, ask(server, "GET", "/nowhere")),
        (405, ask(server, "PUT", CHANGES)),
        (413, post().body(" ".repeat(30_000))),
        (413, post().body(batch(&many).to_string())),
        (415, post().header("content-encoding", "br").body("{}")),
        (422, post().body(json!({ "operation": "nonsense", "data": {} }).to_string())),
        (426, post().header("verses-protocol", "99").body("{}")),
        (429, post().body(batch(&json!([{ "id": "1" , "type": "a" }, { "id": "2", "type": "a" }])).to_string())),
        (500, ask(broken, "GET", CHANGES).bearer_auth(token(ALICE))),
        (503, ask(broken, "GET", "/ready")),
        (503, ask(broken, "POST", OPERATIONS).bearer_auth(token(ALICE)).body(create.to_string())),
    ];
    let mut answers = Vec::new();
    for (status, request) in requests {
        let answer = send(request).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        answers.push((status, answer));
    }
    answers
}

fn limits() -> ServerConfig {
    ServerConfig {
        allowed_origins: ALLOWED.map(str::to_owned).to_vec(),
        max_request_bytes: 20_000,
        max_wire_bytes: 20_000,
        max_operations: 3,
        operations_per_minute: 2,
        ..config()
    }
}

#[tokio::test]
async fn every_answer_can_be_read_from_the_listed_origins_and_from_no_other() {
    let broken = start_over(ServerConfig { operations_per_minute: 1_000, ..limits() }, Broken).await;
    for origin in ALLOWED.iter().chain(&OTHERS) {
        // The allowance is used up again for each.
        let server = http::start_with(limits()).await;
        server.post_as(ALICE, &batch(&json!([{ "id": "0", "type": "a" }]))).await.ok();
        for (status, answer) in answers(&server, &broken, origin).await {
            let allowed = answer.headers.get("access-control-allow-origin").map(|v| v.to_str().unwrap());
            let expected = ALLOWED.contains(origin).then_some(*origin);
            assert_eq!(allowed, expected, "{status} for {origin}");
            assert!(answer.headers.get_all("vary").iter().any(|v| v == "Origin"), "{status} for {origin}");
            assert!(!answer.headers.contains_key("access-control-allow-credentials"), "{status} for {origin}");
            assert_eq!(
                answer.headers.get_all("access-control-allow-origin").iter().count(),
                usize::from(expected.is_some())
            );
        }
        server.stop().await;
    }
    broken.stop().await;
}

#[tokio::test]
async fn every_answer_is_safe_to_show_and_tells_its_reader_what_went_wrong() {
    let broken = start_over(ServerConfig { allowed_origins: vec!["*".into()], ..limits() }, Broken).await;
    let server = http::start_with(ServerConfig { allowed_origins: vec!["*".into()], ..limits() }).await;
    server.post_as(ALICE, &batch(&json!([{ "id": "0", "type": "a" }]))).await.ok();
    for (status, answer) in answers(&server, &broken, "https://any.example").await {
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{status}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            (
                "content-security-policy",
                "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            ),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), value, "{status}");
        }
        assert_eq!(answer.header("strict-transport-security"), "", "only where there is TLS");
        if status >= 400 {
            assert!(answer.header("access-control-expose-headers").contains("retry-after"), "{status}");
            assert_eq!(answer.header("cache-control"), "no-store", "{status}");
            assert!(answer.json().is_object(), "{status}");
        }
        if matches!(status, 429 | 503) {
            assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1, "{status}");
        }
    }
    server.stop().await;
    broken.stop().await;
}

#[tokio::test]
async fn a_server_at_fault_says_nothing_of_its_inside() {
    let broken = start_over(config(), Broken).await;
    let body = batch(&json!([{ "id": "1", "type": "create", "data": { "reference": "John 3:16" } }]));
    let failed = broken.post_as(ALICE, &body).await;
    assert_eq!(failed.problem(503), "unavailable");
    assert!(!failed.text().contains("it is down"), "{}", failed.text());
    let crashed = broken.get_as(ALICE, CHANGES).await;
    assert_eq!(crashed.problem(500), "internal");
    assert!(!crashed.text().contains("a bug"), "{}", crashed.text());
    broken.stop().await;
}

#[tokio::test]
async fn a_path_with_marks_of_a_page_comes_back_as_json() {
    let server = start().await;
    let answer = server.get("/%3Cscript%3Ealert(1)%3C/script%3E").await;
    assert_eq!(answer.problem(404), "not_found");
    let long = server.get(&format!("/{}", "y".repeat(20_000))).await;
    assert_eq!(long.problem(404), "not_found");
    assert!(long.bytes.len() < 2_000, "what was asked is not sent back whole");
    server.stop().await;
}
