//! Rates, CORS, pokes, and the stop.

use std::time::Duration;

use futures_util::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use verses_protocol::{CHANGES_PATH, EVENTS_PATH, OPERATIONS_PATH};
use verses_server::ServerConfig;

use super::{Server, batch, config, read};

fn lookups(n: usize) -> Value {
    let one = |i: usize| json!({ "id": format!("o{i}"), "type": "lookup", "data": { "reference": "Ps 1" } });
    batch(&json!((0..n).map(one).collect::<Vec<_>>()))
}

#[tokio::test]
async fn operations_are_counted_per_user_not_requests() {
    let server = Server::with(ServerConfig { operations_per_minute: 10, ..config() }).await;
    let (busy, calm) = (server.token().await, server.token().await);
    let first = server.operations(&busy, &lookups(8)).await;
    assert_eq!((first.status, first.header("ratelimit-policy")), (200, "\"ops\";q=10;w=60"));
    let second = server.operations(&busy, &lookups(5)).await;
    assert_eq!(second.refused(429, "rate_limited")["retryable"], true);
    let wait: u64 = second.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(server.operations(&calm, &lookups(5)).await.status, 200, "another user has an allowance of their own");
}

#[tokio::test]
async fn preflights_are_answered_on_every_path_before_anything_else() {
    let server = Server::start().await;
    for path in [OPERATIONS_PATH, CHANGES_PATH, "/auth/v1/token", "/auth/v1/user", "/nothing"] {
        let answer = read(server.request(Method::OPTIONS, path).header("origin", "https://app.example")).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, "*"), "{path}");
        for needed in
            ["authorization", "apikey", "content-type", "content-encoding", "x-client-info", "x-supabase-api-version"]
        {
            assert!(answer.header("access-control-allow-headers").contains(needed), "{path} {needed}");
        }
        assert!(answer.header("access-control-allow-methods").contains("PUT"));
    }
    let refused = read(server.request(Method::GET, CHANGES_PATH).header("origin", "https://app.example")).await;
    refused.refused(401, "invalid_token");
    for exposed in ["x-supabase-api-version", "x-sb-error-code", "retry-after", "x-request-id"] {
        assert!(refused.header("access-control-expose-headers").contains(exposed), "{exposed}");
    }
}

#[tokio::test]
async fn only_the_origins_of_the_list_may_call() {
    let allowed = vec!["https://app.example".to_owned()];
    let server = Server::with(ServerConfig { allowed_origins: allowed, ..config() }).await;
    for (origin, echoed) in [("https://app.example", "https://app.example"), ("https://evil.example", "")] {
        let answer = read(server.request(Method::GET, "/health").header("origin", origin)).await;
        assert_eq!(answer.header("access-control-allow-origin"), echoed, "{origin}");
        assert!(answer.headers.get_all("vary").iter().any(|v| v == "Origin"), "{origin}");
    }
}

#[tokio::test]
async fn a_change_pokes_the_users_other_devices_and_the_stop_ends_the_stream() {
    let mut server = Server::start().await;
    let (token, other) = (server.token().await, server.token().await);
    let response = server.request(Method::GET, EVENTS_PATH).bearer_auth(&token).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut stream = response.bytes_stream();
    let create = batch(&json!([{ "id": "a", "type": "create", "data": { "reference": "Ps 1" } }]));
    server.operations(&other, &create).await;
    server.operations(&token, &create).await;
    let poke = stream.next().await.unwrap().unwrap();
    assert_eq!(poke, "event: change\ndata: {}\n\n", "one poke, for the user's own change");
    server.stop();
    assert!(stream.next().await.is_none(), "ends with the server");
    (&mut server.running).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stop_finishes_what_is_in_flight_and_takes_nothing_new() {
    let mut server = Server::start().await;
    let token = server.token().await;
    let body = lookups(1).to_string();
    let mut half = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let (first, second) = body.split_at(body.len() / 2);
    let head = format!(
        "POST {OPERATIONS_PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n{first}",
        body.len()
    );
    half.write_all(head.as_bytes()).await.unwrap();
    // The request has begun once the server counts it.
    loop {
        let metrics = String::from_utf8(read(server.request(Method::GET, "/metrics")).await.bytes).unwrap();
        if metrics.contains("verses_http_requests_in_flight 2") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.stop();
    while tokio::net::TcpStream::connect(server.address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    half.write_all(second.as_bytes()).await.unwrap();
    let mut answer = String::new();
    half.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"successful\":1"), "{answer}");
    (&mut server.running).await.unwrap().unwrap();
}
