//! What the server counts, and who gets to see it.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

#[path = "common/http.rs"]
mod http;
mod postgres_common;
#[path = "common/raw.rs"]
mod raw;

use http::{ALICE, CHANGES, EVENTS, OPERATIONS, Server, batch, config, start, start_with, token};
use raw::{HEALTH, PATIENCE, head, rest, say};
use serde_json::json;
use tokio::net::TcpStream;
use verses_server::ServerConfig;

/// The number of a line: a name with its labels.
fn number(text: &str, line: &str) -> f64 {
    let found = text.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix(' ')?.parse().ok());
    found.unwrap_or_else(|| panic!("{line} is missing in\n{text}"))
}

async fn until(server: &Server, line: &str, wanted: f64) {
    let reached = async {
        while number(&server.metrics().await, line) != wanted {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("{line} never is {wanted}"));
}

#[tokio::test]
async fn operations_batches_and_the_parts_of_their_work_are_counted() {
    let server = start().await;
    let body = batch(&json!([
        { "id": "c", "type": "create", "data": { "reference": "John 3:16" } },
        { "id": "l", "type": "lookup", "data": { "reference": "John 3:17" } },
        { "id": "x", "type": "drop table verses;--", "data": {} },
    ]));
    server.post_as(ALICE, &body).await.ok();
    server.post_as(ALICE, &body).await.ok();
    server.get(CHANGES).await.problem(401);
    let text = server.metrics().await;
    for (line, count) in [
        (r#"verses_operations_total{kind="create_verse",outcome="applied"}"#, 1.0),
        (r#"verses_operations_total{kind="create_verse",outcome="duplicate"}"#, 1.0),
        (r#"verses_operations_total{kind="lookup",outcome="applied"}"#, 2.0),
        (r#"verses_operations_total{kind="unknown",outcome="rejected"}"#, 2.0),
        ("verses_batch_operations_count", 2.0),
        ("verses_batch_operations_sum", 6.0),
        (r#"verses_batch_operations_bucket{le="2"}"#, 0.0),
        (r#"verses_batch_operations_bucket{le="5"}"#, 2.0),
        (r#"verses_stage_duration_seconds_count{stage="read_body"}"#, 2.0),
        (r#"verses_stage_duration_seconds_count{stage="verify"}"#, 2.0),
        (r#"verses_stage_duration_seconds_count{stage="texts"}"#, 2.0),
        (r#"verses_stage_duration_seconds_count{stage="storage"}"#, 2.0),
        (r#"verses_stage_duration_seconds_count{stage="answer"}"#, 2.0),
        (&format!(r#"verses_http_requests_total{{route="{OPERATIONS}",status="200"}}"#), 2.0),
        (&format!(r#"verses_http_requests_total{{route="{CHANGES}",status="401"}}"#), 1.0),
        ("verses_http_requests_in_flight", 0.0),
    ] {
        assert_eq!(number(&text, line), count, "{line}");
    }
    assert!(!text.contains("drop table"), "labels are not of a caller's making");
    server.stop().await;
}

#[tokio::test]
async fn connections_streams_and_pokes_are_counted_while_they_last() {
    let server = start().await;
    assert_eq!(number(&server.metrics().await, "verses_streams_open"), 0.0, "it is there before the first");
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut stream = say(server.address, HEALTH).await;
        head(&mut stream).await;
        open.push(stream);
    }
    let events = format!("GET {EVENTS} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", token(ALICE));
    let mut listener = say(server.address, events.as_bytes()).await;
    head(&mut listener).await;
    // And the one that reads the metrics.
    until(&server, "verses_connections_open", 5.0).await;
    until(&server, "verses_streams_open", 1.0).await;
    let body = batch(&json!([{ "id": "c", "type": "create", "data": { "reference": "John 3:16" } }]));
    server.post_as(ALICE, &body).await.ok();
    until(&server, "verses_pokes_total", 1.0).await;
    drop((open, listener));
    until(&server, "verses_streams_open", 0.0).await;
    until(&server, "verses_connections_open", 2.0).await;
    server.stop().await;
}

#[tokio::test]
async fn what_limits_refuse_is_counted_by_limit() {
    let limits = ServerConfig {
        operations_per_minute: 1,
        requests_per_minute_per_address: 10,
        max_streams_per_user: 0,
        max_connections_per_address: 2,
        ..config()
    };
    let server = start_with(limits).await;
    let two = batch(&json!([{ "id": "1", "type": "a" }, { "id": "2", "type": "a" }]));
    server.post_as(ALICE, &batch(&json!([{ "id": "0", "type": "a" }]))).await.ok();
    server.post_as(ALICE, &two).await.problem(429);
    server.get_as(ALICE, EVENTS).await.problem(429);
    // Two connections: the client's, and this one; the next is closed.
    let mut second = say(server.address, HEALTH).await;
    head(&mut second).await;
    let mut third = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(rest(&mut third).await, "");
    for _ in 0..10 {
        server.get(CHANGES).await;
    }
    let text = server.metrics().await;
    for (limit, least) in [("user", 1.0), ("streams", 1.0), ("connections", 1.0), ("address", 1.0)] {
        let line = format!(r#"verses_limited_total{{limit="{limit}"}}"#);
        assert!(number(&text, &line) >= least, "{line}");
    }
    server.stop().await;
}

#[tokio::test]
async fn only_the_listener_of_the_metrics_shows_them() {
    let server = start().await;
    assert_eq!(server.get("/metrics").await.problem(404), "not_found");
    let elsewhere = |path: &str| server.client.get(format!("http://{}{path}", server.metrics));
    assert_eq!(http::send(elsewhere("/health")).await.status, 200);
    for path in [OPERATIONS, CHANGES, "/auth/v1/user", "/"] {
        assert_eq!(http::send(elsewhere(path)).await.status, 404, "{path}: there is nothing else");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_queue_of_passwords_to_hash_is_seen() {
    let server = start().await;
    let (working, waiting) =
        (r#"verses_password_hashes{state="working"}"#, r#"verses_password_hashes{state="waiting"}"#);
    let idle = server.metrics().await;
    assert_eq!((number(&idle, working), number(&idle, waiting)), (0.0, 0.0));
    let cores = std::thread::available_parallelism().unwrap().get();
    let sign_up = |n: usize| {
        let account = json!({ "email": format!("user{n}@example.org"), "password": "a good password" });
        let server = &server;
        async move { server.auth("POST", "/signup", "", &account).await.ok() }
    };
    let all = futures_util::future::join_all((0..cores * 8).map(sign_up));
    let seen = async {
        loop {
            let text = server.metrics().await;
            let (working, waiting) = (number(&text, working), number(&text, waiting));
            assert!(working <= cores as f64, "{working} at once on {cores} cores");
            if working >= 1.0 && waiting >= 1.0 {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, futures_util::future::join(all, seen)).await.expect("both are seen");
    let text = server.metrics().await;
    assert_eq!((number(&text, working), number(&text, waiting)), (0.0, 0.0));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connections_to_postgres_are_seen() {
    let (used, idle) = (r#"verses_database_connections{state="used"}"#, r#"verses_database_connections{state="idle"}"#);
    let memory = start().await;
    assert!(!memory.metrics().await.contains("verses_database"), "there is none");
    memory.stop().await;
    let database = postgres_common::database().await;
    let server = start_with(ServerConfig { database_url: database.url_as("verses_app"), ..config() }).await;
    server.get_as(ALICE, CHANGES).await.ok();
    let text = server.metrics().await;
    assert!(number(&text, used) + number(&text, idle) >= 1.0, "{text}");
    assert_eq!(number(&text, "verses_database_waiting"), 0.0);
    // Somebody else's transaction holds the table of users: what writes holds a connection meanwhile.
    let (client, connection) = tokio_postgres::connect(&database.url(), tokio_postgres::NoTls).await.unwrap();
    drop(tokio::spawn(connection));
    client.batch_execute("BEGIN; LOCK TABLE verses.sync_users").await.unwrap();
    let body = batch(&json!([{ "id": "c", "type": "create", "data": { "reference": "John 3:16" } }]));
    let writing = async { server.post_as(ALICE, &body).await };
    let looking = async {
        until(&server, used, 1.0).await;
        client.batch_execute("COMMIT").await.unwrap();
    };
    let (answer, ()) = tokio::join!(writing, looking);
    assert!(answer.status == 200 || answer.status == 503, "{}", answer.text());
    until(&server, used, 0.0).await;
    server.stop().await;
}
