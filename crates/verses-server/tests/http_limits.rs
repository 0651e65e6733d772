//! Allowances, CORS, the stream of pokes, and a stop that finishes what is in flight.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

#[path = "common/http.rs"]
mod http;

use std::time::Duration;

use http::{ALICE, BOB, CHANGES, EVENTS, LIMITS, OPERATIONS, batch, config, send, start, start_with, token};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use verses_server::ServerConfig;
use verses_server::proxy::TrustedProxies;

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

fn lookups(count: usize) -> Value {
    let one = |n: usize| json!({ "id": n.to_string(), "type": "lookup", "data": { "reference": "John 3:16" } });
    batch(&(0..count).map(one).collect())
}

#[tokio::test]
async fn operations_are_counted_per_user() {
    let server = start_with(ServerConfig { operations_per_minute: 3, ..config() }).await;
    let first = server.post_as(ALICE, &lookups(2)).await;
    first.ok();
    assert_eq!(first.header("ratelimit-policy"), r#""ops";q=3;w=60"#);
    assert_eq!(first.header("ratelimit"), r#""ops";r=1;t=40"#);
    let refused = server.post_as(ALICE, &lookups(2)).await;
    assert_eq!(refused.problem(429), "rate_limited");
    assert!((1..=60).contains(&refused.header("retry-after").parse::<u64>().unwrap()));
    assert_eq!(refused.json()["retryable"], true);
    assert_eq!(refused.header("ratelimit-policy"), r#""ops";q=3;w=60"#);
    assert!(refused.header("ratelimit").starts_with(r#""ops";r=1;t="#));
    // What was refused took nothing; another user has an allowance of their own; reading is not counted.
    server.post_as(ALICE, &lookups(1)).await.ok();
    server.post_as(BOB, &lookups(3)).await.ok();
    server.get_as(ALICE, CHANGES).await.ok();
    server.stop().await;
}

#[tokio::test]
async fn requests_and_operations_are_counted_per_address_whoever_sends_them() {
    let server = start_with(ServerConfig { requests_per_minute_per_address: 5, ..config() }).await;
    server.post_as(ALICE, &lookups(2)).await.ok();
    // A request, and no room for its operations.
    let refused = server.post_as(BOB, &lookups(2)).await;
    assert_eq!(refused.problem(429), "rate_limited");
    assert_eq!(refused.header("ratelimit-policy"), r#""address";q=5;w=60"#);
    server.get(LIMITS).await.ok();
    // Tokens are not even looked at any more; and what is no function is not counted.
    assert_eq!(server.get(CHANGES).await.problem(429), "rate_limited");
    for path in ["/health", "/ready", "/openapi.json", "/auth/v1/settings"] {
        server.get(path).await.ok();
    }
    server.stop().await;
}

#[tokio::test]
async fn behind_a_proxy_the_address_is_what_the_proxy_says() {
    let behind = |proxies: &str| ServerConfig {
        requests_per_minute_per_address: 1,
        sign_ins_per_minute: 1,
        behind_proxy: TrustedProxies::parse([proxies]).unwrap(),
        ..config()
    };
    let ask = async |server: &http::Server, path: &str, from: &str| {
        let method = if path == LIMITS { "GET" } else { "POST" };
        let request = server.request(method, path).header("x-forwarded-for", from);
        send(if path == LIMITS { request } else { request.body("{}") }).await.status.as_u16()
    };
    for path in [LIMITS, "/auth/v1/signup"] {
        // Of a proxy: each address it names counts alone, and what others wrote before it does not count.
        for proxies in ["1", "127.0.0.0/8"] {
            let server = start_with(behind(proxies)).await;
            assert_eq!(ask(&server, path, "203.0.113.5").await, 200, "{path}");
            assert_eq!(ask(&server, path, "1.1.1.1, 203.0.113.5").await, 429, "{path}");
            assert_eq!(ask(&server, path, "203.0.113.6").await, 200, "{path}");
            assert_eq!(ask(&server, path, "2001:db8::1").await, 200, "{path}");
            assert_eq!(ask(&server, path, "2001:db8::2").await, 429, "{path}: one network, one caller");
            server.stop().await;
        }
        // Of nobody we trust: the header means nothing.
        for proxies in ["0", "192.0.2.0/24"] {
            let server = start_with(behind(proxies)).await;
            assert_eq!(ask(&server, path, "203.0.113.5").await, 200, "{path}");
            assert_eq!(ask(&server, path, "203.0.113.6").await, 429, "{path}");
            server.stop().await;
        }
    }
}

#[tokio::test]
async fn preflights_are_answered_on_every_path() {
    let server = start().await;
    for path in [OPERATIONS, CHANGES, "/auth/v1/user", "/auth/v1/token?grant_type=password", "/health", "/nowhere"] {
        let request = server.request("OPTIONS", path).header("origin", "https://app.example");
        let asked = request
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "apikey,authorization,content-type,x-client-info");
        let answer = send(asked).await;
        assert_eq!(answer.status, 204, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert!(answer.header("access-control-allow-methods").contains("PUT"));
        let allowed = answer.header("access-control-allow-headers");
        for name in
            ["authorization", "apikey", "content-type", "content-encoding", "x-client-info", "x-supabase-api-version"]
        {
            assert!(allowed.split(", ").any(|h| h.trim() == name), "{name} in {allowed}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn only_the_listed_origins_may_call_from_a_browser() {
    let listed = vec!["https://app.example".to_owned(), "http://localhost:5173".to_owned()];
    let server = start_with(ServerConfig { allowed_origins: listed, ..config() }).await;
    let from = async |method: &str, path: &str, origin: &str| {
        send(server.request(method, path).header("origin", origin)).await
    };
    for (method, path) in [("OPTIONS", OPERATIONS), ("GET", "/health"), ("GET", "/nowhere"), ("GET", CHANGES)] {
        for origin in ["https://app.example", "http://localhost:5173"] {
            let answer = from(method, path, origin).await;
            assert_eq!(answer.header("access-control-allow-origin"), origin, "{method} {path}");
            assert!(answer.headers.get_all("vary").iter().any(|v| v == "Origin"), "{method} {path}");
        }
        for origin in ["https://evil.example", "https://app.example.evil.example", "null"] {
            let answer = from(method, path, origin).await;
            assert_eq!(answer.header("access-control-allow-origin"), "", "{method} {path} {origin}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_stop_finishes_what_is_in_flight_and_takes_nothing_new() {
    let mut server = start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let body = lookups(1).to_string();
    let head = format!(
        "POST {OPERATIONS} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\r\n",
        token(ALICE),
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body: the request is being handled.
    let mut go_on = vec![0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut go_on)).await.unwrap().unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100"), "{}", String::from_utf8_lossy(&go_on));
    server.begin_stop();
    let refused = async {
        while TcpStream::connect(server.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.expect("nothing new is taken");
    assert!(!server.running.is_finished(), "it waits for what is in flight");
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(r#""successful":1"#), "{answer}");
    tokio::time::timeout(PATIENCE, server.running).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn another_devices_batch_pokes_its_own_user_and_a_stop_ends_the_stream() {
    let mut server = start().await;
    let listen = async |user: &str| {
        let response = server.request("GET", EVENTS).bearer_auth(token(user)).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        response
    };
    let (mut alice, mut bob) = (listen(ALICE).await, listen(BOB).await);
    let body = batch(&json!([{ "id": "c", "type": "create", "data": { "reference": "John 3:16" } }]));
    server.post_as(ALICE, &body).await.ok();
    let mut seen = String::new();
    while !seen.contains("\n\n") {
        let piece = tokio::time::timeout(PATIENCE, alice.chunk()).await.expect("a poke comes").unwrap().unwrap();
        seen.push_str(&String::from_utf8_lossy(&piece));
    }
    assert!(seen.contains("event: change"), "{seen}");
    server.begin_stop();
    let mut rest = String::new();
    while let Some(piece) = tokio::time::timeout(PATIENCE, bob.chunk()).await.expect("the stream ends").unwrap() {
        rest.push_str(&String::from_utf8_lossy(&piece));
    }
    assert!(!rest.contains("change"), "another user's stream says nothing: {rest}");
    tokio::time::timeout(PATIENCE, server.running).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn listening_needs_a_token() {
    let server = start().await;
    assert_eq!(server.get(EVENTS).await.problem(401), "invalid_token");
    server.stop().await;
}
