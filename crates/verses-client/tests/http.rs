//! The HTTP transport against a socket: what goes over the wire, and how each way of failing is told.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use verses_client::{HttpTimeouts, HttpTransport, Method, Request, Transport, TransportError};

/// A request as it came over the wire.
struct Received {
    line: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

async fn read_head(stream: &mut TcpStream) -> (Received, usize) {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at;
        }
        let mut piece = [0u8; 4096];
        let n = stream.read(&mut piece).await.unwrap();
        assert!(n > 0, "the client closed before the head was complete");
        bytes.extend_from_slice(&piece[..n]);
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap().to_owned();
    let headers: BTreeMap<String, String> = lines
        .map(|l| l.split_once(':').unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.get("content-length").map_or(0, |l| l.parse().unwrap());
    (Received { line, headers, body: bytes[end + 4..].to_vec() }, length)
}

async fn read_request(stream: &mut TcpStream) -> Received {
    let (mut received, length) = read_head(stream).await;
    while received.body.len() < length {
        let mut piece = vec![0u8; 64 * 1024];
        let n = stream.read(&mut piece).await.unwrap();
        assert!(n > 0, "the body is cut");
        received.body.extend_from_slice(&piece[..n]);
    }
    received
}

/// A server that answers one request with these bytes and closes. Gives its address and what it received.
async fn answering(answer: Vec<u8>) -> (String, tokio::task::JoinHandle<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let received = read_request(&mut stream).await;
        stream.write_all(&answer).await.unwrap();
        stream.shutdown().await.unwrap();
        received
    });
    (url, served)
}

fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn transport(url: &str) -> HttpTransport {
    HttpTransport::new(url, HttpTimeouts::default()).unwrap()
}

fn impatient(url: &str) -> HttpTransport {
    let timeouts = HttpTimeouts { connect: Duration::from_secs(5), stall: Duration::from_millis(200) };
    HttpTransport::new(url, timeouts).unwrap()
}

fn post(body: Vec<u8>) -> Request {
    Request {
        method: Method::Post,
        path: "/functions/v1/verse-operations".into(),
        bearer: Some("token".into()),
        body: Some(body),
    }
}

fn get() -> Request {
    Request { method: Method::Get, path: "/functions/v1/verse-changes?limit=5".into(), bearer: None, body: None }
}

/// Text that does not compress to nothing.
fn text(bytes: usize) -> Vec<u8> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        b"abcdefghijklmnopqrstuvwxyz0123456789"[(state >> 59) as usize]
    };
    (0..bytes).map(|_| next()).collect()
}

#[tokio::test]
async fn a_body_goes_out_compressed_with_its_length_and_the_token() {
    let (url, served) = answering(answer("200 OK\r\nContent-Type: Application/JSON", b"{}")).await;
    let body = text(100_000);
    let response = transport(&url).send(post(body.clone()), None).await.unwrap();
    let received = served.await.unwrap();
    assert_eq!(received.line, "POST /functions/v1/verse-operations HTTP/1.1");
    assert_eq!(received.headers["content-encoding"], "zstd");
    assert_eq!(received.headers["content-type"], "application/json");
    assert_eq!(received.headers["content-length"], received.body.len().to_string());
    assert!(!received.headers.contains_key("transfer-encoding"));
    assert_eq!(received.headers["authorization"], "Bearer token");
    assert_eq!(received.headers["accept-encoding"], "zstd");
    assert_eq!(received.headers[verses_protocol::PROTOCOL_HEADER], verses_protocol::PROTOCOL_VERSION.to_string());
    assert!(received.body.len() < body.len());
    assert_eq!(zstd::decode_all(received.body.as_slice()).unwrap(), body);
    assert_eq!(response.bytes_sent, received.body.len() as u64);
    assert_eq!((response.status, response.content_type.as_str()), (200, "application/json"));
    assert_eq!((response.body.as_slice(), response.bytes_received), (b"{}".as_slice(), 2));
}

#[tokio::test]
async fn a_small_body_goes_out_as_it_is_and_a_get_has_none() {
    let (url, served) = answering(answer("200 OK", b"")).await;
    transport(&url).send(post(b"{\"a\":1}".to_vec()), None).await.unwrap();
    let received = served.await.unwrap();
    assert!(!received.headers.contains_key("content-encoding"));
    assert_eq!(received.body, b"{\"a\":1}");
    let (url, served) = answering(answer("204 No Content", b"")).await;
    let response = transport(&url).send(get(), None).await.unwrap();
    let received = served.await.unwrap();
    assert_eq!(received.line, "GET /functions/v1/verse-changes?limit=5 HTTP/1.1");
    assert!(!received.headers.contains_key("authorization") && received.body.is_empty());
    assert_eq!((response.status, response.bytes_sent), (204, 0));
}

#[tokio::test]
async fn progress_rises_to_the_whole_body() {
    let (url, served) = answering(answer("200 OK", b"{}")).await;
    let seen: Arc<Mutex<Vec<(u64, u64)>>> = Arc::default();
    let keep = Arc::clone(&seen);
    let progress = Arc::new(move |sent, total| keep.lock().unwrap().push((sent, total)));
    let response = transport(&url).send(post(text(200_000)), Some(progress)).await.unwrap();
    let sent = served.await.unwrap().body.len() as u64;
    let seen = seen.lock().unwrap();
    assert!(seen.len() > 3 && seen.windows(2).all(|w| w[0].0 < w[1].0), "{seen:?}");
    assert!(seen.iter().all(|(_, total)| *total == sent));
    assert_eq!((seen.last().unwrap().0, response.bytes_sent), (sent, sent));
}

#[tokio::test]
async fn answers_are_decoded_if_they_are_compressed_and_passed_on_if_not() {
    let words = text(50_000);
    let packed = zstd::encode_all(words.as_slice(), 3).unwrap();
    let (url, served) = answering(answer("200 OK\r\nContent-Encoding: zstd", &packed)).await;
    let response = transport(&url).send(get(), None).await.unwrap();
    served.await.unwrap();
    assert_eq!((response.body.len(), response.bytes_received), (words.len(), packed.len() as u64));
    assert_eq!(response.body, words);
    let (url, served) = answering(answer("502 Bad Gateway\r\nContent-Type: text/html", b"<html>")).await;
    let response = transport(&url).send(get(), None).await.unwrap();
    served.await.unwrap();
    assert_eq!((response.status, response.body.as_slice()), (502, b"<html>".as_slice()));
    assert_eq!(response.content_type, "text/html");
}

#[tokio::test]
async fn retry_after_is_read_in_seconds_and_anything_else_is_ignored() {
    for (header, expected) in [("7", Some(7_000)), (" 0 ", Some(0)), ("soon", None), ("-1", None)] {
        let head = format!("429 Too Many Requests\r\nRetry-After: {header}");
        let (url, served) = answering(answer(&head, b"{}")).await;
        let response = transport(&url).send(get(), None).await.unwrap();
        served.await.unwrap();
        assert_eq!(response.retry_after_ms, expected, "{header:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (url, served) = answering(answer("302 Found\r\nLocation: http://portal.invalid/", b"")).await;
    let response = transport(&url).send(post(b"{}".to_vec()), None).await.unwrap();
    served.await.unwrap();
    assert_eq!(response.status, 302);
}

#[tokio::test]
async fn nobody_listening_is_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = transport(&url).send(post(text(1_000)), None).await.unwrap_err();
    assert!(matches!(&error, TransportError::Connect { server, .. } if *server == url), "{error}");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn an_answer_cut_short_is_a_broken_connection() {
    let cut_body = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"half\":".to_vec();
    let cut_head = b"HTTP/1.1 200 OK\r\nContent-Le".to_vec();
    let nothing = Vec::new();
    let packed = zstd::encode_all(text(5_000).as_slice(), 3).unwrap();
    let cut_frame = answer("200 OK\r\nContent-Encoding: zstd", &packed[..packed.len() / 2]);
    for (number, bytes) in [cut_body, cut_head, nothing, cut_frame].into_iter().enumerate() {
        let (url, served) = answering(bytes).await;
        let error = transport(&url).send(post(text(1_000)), None).await.unwrap_err();
        served.await.unwrap();
        assert!(matches!(error, TransportError::Broken { .. }), "{number}: {error}");
        assert!(error.is_retryable());
    }
}

#[tokio::test]
async fn a_server_that_falls_silent_is_a_stall() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let held = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"half\":").await.unwrap();
        std::future::pending::<()>().await;
    });
    let error = impatient(&url).send(post(text(1_000)), None).await.unwrap_err();
    assert!(matches!(error, TransportError::Stalled { .. }), "{error}");
    held.abort();
}

#[tokio::test]
async fn a_server_that_takes_nothing_is_a_stall() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let held = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_head(&mut stream).await;
        std::future::pending::<()>().await;
    });
    // More than the buffers of both sockets hold.
    let error = impatient(&url).send(post(text(24 * 1024 * 1024)), None).await.unwrap_err();
    assert!(matches!(error, TransportError::Stalled { .. }), "{error}");
    held.abort();
}

#[tokio::test]
async fn a_slow_answer_that_moves_is_left_alone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n").await.unwrap();
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(40)).await;
            stream.write_all(b"x").await.unwrap();
        }
    });
    // 800 ms in all, with a limit of 400 ms of silence: ten times the gap, so that a busy machine does not matter.
    let timeouts = HttpTimeouts { connect: Duration::from_secs(5), stall: Duration::from_millis(400) };
    let transport = HttpTransport::new(&url, timeouts).unwrap();
    let response = transport.send(get(), None).await.unwrap();
    served.await.unwrap();
    assert_eq!(response.body.len(), 20);
}

#[test]
fn an_address_that_cannot_be_used_is_refused_with_a_reason() {
    for url in ["", "nonsense", "ftp://host", "http://", "127.0.0.1:54321", "http://[::1", "unix:/run/x"] {
        let error = HttpTransport::new(url, HttpTimeouts::default()).unwrap_err();
        assert!(matches!(&error, TransportError::BadUrl { url: named, .. } if named == url), "{url:?}: {error}");
        assert!(!error.is_retryable());
    }
}

#[tokio::test]
async fn a_slash_at_the_end_of_the_address_makes_no_difference() {
    let (url, served) = answering(answer("200 OK", b"{}")).await;
    transport(&format!("{url}/")).send(get(), None).await.unwrap();
    assert_eq!(served.await.unwrap().line, "GET /functions/v1/verse-changes?limit=5 HTTP/1.1");
}
