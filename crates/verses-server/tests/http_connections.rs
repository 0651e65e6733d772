//! Connections over plain sockets: whoever says nothing, says it too slowly or does not listen is let go in bounded time;
//! so many connections, heads and streams; and a server that stopped has left nothing behind.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

#[path = "common/http.rs"]
mod http;
#[path = "common/raw.rs"]
mod raw;

use std::time::Duration;

use http::{ALICE, EVENTS, OPERATIONS, config, start_with, token};
use raw::{HEALTH, PATIENCE, PREFACE, SETTINGS, exchange, head, rest, say};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use verses_server::ServerConfig;

/// A setting that does not end anything within a test.
const LONG_MS: u64 = 3_600_000;

/// Every limit of time is long, but for those a test sets.
fn patient() -> ServerConfig {
    ServerConfig {
        header_timeout_ms: LONG_MS,
        idle_timeout_ms: LONG_MS,
        body_stall_timeout_ms: LONG_MS,
        body_timeout_ms: LONG_MS,
        body_min_bytes_per_second: 1,
        answer_stall_timeout_ms: LONG_MS,
        request_timeout_ms: LONG_MS,
        drain_timeout_ms: LONG_MS,
        ..config()
    }
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// The beginning of the headers of a request that never goes on: END_HEADERS is not set.
const HALF_HEADERS: &[u8] = &[0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82];

#[tokio::test]
async fn a_connection_without_a_whole_first_head_ends() {
    let server = start_with(ServerConfig { header_timeout_ms: 200, ..patient() }).await;
    for first in [
        b"".to_vec(),
        b"G".to_vec(),
        b"PRI * HT".to_vec(),
        b"GET /health HTTP/1.1\r\nhost: x\r\n".to_vec(),
        PREFACE.to_vec(),
        joined(&[PREFACE, SETTINGS]),
        joined(&[PREFACE, SETTINGS, HALF_HEADERS]),
    ] {
        let mut stream = say(server.address, &first).await;
        let answer = rest(&mut stream).await;
        assert!(!answer.contains("HTTP/1.1 200"), "{answer}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_head_that_drips_ends_too() {
    let server = start_with(ServerConfig { header_timeout_ms: 300, ..patient() }).await;
    let (mut reading, mut writing) = say(server.address, b"GET /health HTTP/1.1\r\n").await.into_split();
    let dripping = tokio::spawn(async move {
        while writing.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let mut all = Vec::new();
    drop(tokio::time::timeout(PATIENCE, reading.read_to_end(&mut all)).await.expect("the server ends it"));
    tokio::time::timeout(PATIENCE, dripping).await.unwrap().unwrap();
    server.stop().await;
}

#[tokio::test]
async fn a_second_head_that_stops_half_way_ends_and_an_unused_connection_too() {
    for (limits, second) in [
        (ServerConfig { header_timeout_ms: 300, ..patient() }, b"GET /hea".as_slice()),
        (ServerConfig { idle_timeout_ms: 300, ..patient() }, b"".as_slice()),
    ] {
        let server = start_with(limits).await;
        let mut stream = say(server.address, HEALTH).await;
        assert!(head(&mut stream).await.starts_with("HTTP/1.1 200"));
        stream.write_all(second).await.unwrap();
        rest(&mut stream).await;
        server.stop().await;
    }
}

#[tokio::test]
async fn an_unused_connection_of_http_2_is_told_and_ends() {
    let server = start_with(ServerConfig { idle_timeout_ms: 300, ..patient() }).await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = axum::http::Request::get("http://x/health").body(()).unwrap();
    let (answer, _) = client.send_request(request, true).unwrap();
    let answer = answer.await.unwrap();
    assert_eq!(answer.status(), 200);
    drop(answer);
    // The client keeps its handle: only the server can end this.
    let ended = tokio::time::timeout(PATIENCE, connection).await.expect("the server ends it").unwrap();
    assert!(ended.is_ok(), "it was told, not cut: {ended:?}");
    drop(client);
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_drips_is_answered_and_ended() {
    // Far more often than the limit on pauses asks for.
    let limits = ServerConfig { body_stall_timeout_ms: 500, body_min_bytes_per_second: 1_000, ..patient() };
    let server = start_with(limits).await;
    for framing in ["content-length: 1000000", "transfer-encoding: chunked"] {
        let request = format!(
            "POST {OPERATIONS} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n{framing}\r\n\r\n",
            token(ALICE)
        );
        let piece: &[u8] = if framing.starts_with("content") { b" " } else { b"1\r\n \r\n" };
        let (mut reading, mut writing) = say(server.address, request.as_bytes()).await.into_split();
        let dripping = tokio::spawn(async move {
            while writing.write_all(piece).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        let mut answer = Vec::new();
        drop(tokio::time::timeout(PATIENCE, reading.read_to_end(&mut answer)).await.expect("the server ends it"));
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("deadline_exceeded"), "{framing}: {answer}");
        tokio::time::timeout(PATIENCE, dripping).await.unwrap().unwrap();
    }
    server.stop().await;
}

#[tokio::test]
async fn a_refusal_reaches_whoever_still_sends_a_large_body() {
    let server = start_with(patient()).await;
    let body = vec![b' '; 3_000_000];
    for (line, status) in [
        (format!("POST {OPERATIONS}"), "401"),
        ("POST /nowhere".to_owned(), "404"),
        ("POST /health".to_owned(), "405"),
        (format!("POST {OPERATIONS} HTTP/1.1\r\nauthorization: Bearer {}", token(ALICE)), "413"),
    ] {
        let line = if line.contains(" HTTP/1.1") { line } else { format!("{line} HTTP/1.1") };
        let head = format!("{line}\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
        for _ in 0..5 {
            let mut stream = TcpStream::connect(server.address).await.unwrap();
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(&body).await.expect("all of it is taken");
            let answer = rest(&mut stream).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{status}: {answer:?}");
            assert!(answer.ends_with('}'), "the whole of it: {answer}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn whoever_waits_to_be_asked_for_a_body_is_not_asked_for_one_that_is_refused() {
    let server = start_with(patient()).await;
    let request = format!(
        "POST {OPERATIONS} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 1000\r\nconnection: close\r\n\r\n"
    );
    let answer = exchange(server.address, request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn whoever_takes_no_answer_is_let_go() {
    let server = start_with(ServerConfig { answer_stall_timeout_ms: 300, ..patient() }).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let asking = async {
        // One after the other without reading: the answers fill all that lies between, and then nothing moves.
        while stream.write_all(b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n").await.is_ok() {}
    };
    tokio::time::timeout(PATIENCE, asking).await.expect("the server ends it");
    server.stop().await;
}

#[tokio::test]
async fn heads_have_a_size_and_a_number_of_lines() {
    let server = start_with(patient()).await;
    let long = format!("GET /health HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "y".repeat(40_000));
    let many = format!("GET /health HTTP/1.1\r\nhost: x\r\n{}\r\n", "x-many: y\r\n".repeat(101));
    let path = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "y".repeat(70_000));
    for request in [long, many, path] {
        let answer = exchange(server.address, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer:?}");
    }
    let good = format!("GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{}\r\n", "x-many: y\r\n".repeat(90));
    assert!(exchange(server.address, good.as_bytes()).await.starts_with("HTTP/1.1 200"));
    server.stop().await;
}

#[tokio::test]
async fn http_2_has_its_limits_of_streams_and_heads() {
    let server = start_with(patient()).await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (client, connection) = h2::client::Builder::new().handshake::<_, &[u8]>(stream).await.unwrap();
    drop(tokio::spawn(connection));
    let mut client = client.ready().await.unwrap();
    let ask = |value: String| axum::http::Request::get("http://x/health").header("x-long", value).body(()).unwrap();
    let (answer, _) = client.send_request(ask("short".into()), true).unwrap();
    assert_eq!(answer.await.unwrap().status(), 200);
    assert_eq!(client.current_max_send_streams(), 100);
    let (answer, _) = client.send_request(ask("y".repeat(40_000)), true).unwrap();
    // Refused with a status or by resetting the stream: the request is not handled.
    assert!(answer.await.map_or(true, |answer| answer.status() == 431));
    let mut client = client.ready().await.unwrap();
    let (answer, _) = client.send_request(ask("short".into()), true).unwrap();
    assert_eq!(answer.await.unwrap().status(), 200, "the connection goes on");
    drop(client);
    server.stop().await;
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_no_more() {
    let server = start_with(ServerConfig { max_connections_per_address: 3, ..patient() }).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut stream = say(server.address, HEALTH).await;
        assert!(head(&mut stream).await.starts_with("HTTP/1.1 200"));
        open.push(stream);
    }
    let mut refused = TcpStream::connect(server.address).await.unwrap();
    drop(refused.write_all(HEALTH).await);
    assert_eq!(rest(&mut refused).await, "", "it is closed without an answer");
    drop(open.pop());
    let again = async {
        loop {
            let mut stream = TcpStream::connect(server.address).await.unwrap();
            drop(stream.write_all(HEALTH).await);
            if head(&mut stream).await.starts_with("HTTP/1.1 200") {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, again).await.expect("its place is free again");
    server.stop().await;
}

#[tokio::test]
async fn one_connection_too_many_waits_for_its_turn() {
    let server = start_with(ServerConfig { max_connections: 2, ..patient() }).await;
    let mut first = say(server.address, HEALTH).await;
    assert!(head(&mut first).await.starts_with("HTTP/1.1 200"));
    let _second = say(server.address, b"").await;
    let mut third = say(server.address, HEALTH).await;
    let early = tokio::time::timeout(Duration::from_millis(300), third.read_u8()).await;
    assert!(early.is_err(), "there is no place for it");
    drop(first);
    assert!(head(&mut third).await.starts_with("HTTP/1.1 200"));
    server.stop().await;
}

#[tokio::test]
async fn one_user_has_so_many_streams_and_no_more() {
    let server = start_with(ServerConfig { max_streams_per_user: 2, ..patient() }).await;
    let listen = || server.request("GET", EVENTS).bearer_auth(token(ALICE)).send();
    let (first, _second) = (listen().await.unwrap(), listen().await.unwrap());
    let refused = listen().await.unwrap();
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (429, "30"));
    assert_eq!(
        server.request("GET", EVENTS).bearer_auth(token(http::BOB)).send().await.unwrap().status(),
        200,
        "another user has streams of their own"
    );
    drop(first);
    let again = async { while listen().await.unwrap().status() != 200 {} };
    tokio::time::timeout(PATIENCE, again).await.expect("its place is free again");
    drop(_second);
    server.stop().await;
}

#[tokio::test]
async fn a_stop_waits_for_nobody_who_has_nothing_in_flight() {
    let mut server = start_with(patient()).await;
    let mut open = Vec::new();
    for first in [
        b"".to_vec(),
        b"GET /health HTTP/1.1\r\nhost".to_vec(),
        PREFACE.to_vec(),
        joined(&[PREFACE, SETTINGS]),
        joined(&[PREFACE, SETTINGS, HALF_HEADERS]),
        joined(&[HEALTH, b"GET /hea"]),
        format!("GET {EVENTS} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", token(ALICE)).into_bytes(),
    ] {
        open.push(say(server.address, &first).await);
    }
    // They were accepted before this one is answered.
    server.get("/health").await.ok();
    server.begin_stop();
    tokio::time::timeout(PATIENCE, server.running).await.expect("stops without them").unwrap().unwrap();
}

#[tokio::test]
async fn a_server_that_stopped_has_left_nothing_behind() {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let mut server = start_with(ServerConfig { drain_timeout_ms: 300, ..patient() }).await;
    let token = token(ALICE);
    // An upload that never ends, one that was refused and goes on, a stream of pokes, and one of each on HTTP/2.
    let upload = format!(
        "POST {OPERATIONS} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: 500\r\n\r\n{{"
    );
    let refused = "POST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: 500\r\n\r\n{".to_owned();
    let events = format!("GET {EVENTS} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
    let mut open = Vec::new();
    for first in [&upload, &refused, &events] {
        open.push(say(server.address, first.as_bytes()).await);
    }
    for stream in &mut open[1..] {
        head(stream).await;
    }
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let request =
        axum::http::Request::post(format!("http://x{OPERATIONS}")).header("authorization", format!("Bearer {token}"));
    let (_answer, mut body) = client.send_request(request.body(()).unwrap(), false).unwrap();
    body.send_data("{".into(), false).unwrap();
    assert!(tasks() > before + 2, "there is something to leave behind");
    server.begin_stop();
    tokio::time::timeout(PATIENCE, server.running).await.expect("ends in bounded time").unwrap().unwrap();
    drop(client);
    drop(tokio::time::timeout(PATIENCE, connection).await.expect("the other end is gone"));
    assert_eq!(tasks(), before);
}
