//! Bodies and headers over HTTP: codings, sizes, broken JSON, slow senders, and what every answer carries.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

#[path = "common/http.rs"]
mod http;

use std::io::Write;
use std::time::Duration;

use http::{ALICE, Answer, CHANGES, LIMITS, OPERATIONS, Server, batch, config, send, start, start_with, token};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use verses_server::ServerConfig;

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

async fn post_coded(server: &Server, coding: &str, body: Vec<u8>) -> Answer {
    let request = server.request("POST", OPERATIONS).bearer_auth(token(ALICE)).header("content-encoding", coding);
    send(request.body(body)).await
}

fn lookup() -> Value {
    batch(&json!([{ "id": "1", "type": "lookup", "data": { "reference": "John 3:16" } }]))
}

/// What the server writes until it closes the connection.
async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // A reset is an end as well.
    drop(tokio::time::timeout(PATIENCE, stream.read_to_end(&mut text)).await.expect("the server ends it"));
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn compressed_bodies_are_taken() {
    let server = start().await;
    let plain = lookup().to_string();
    for (coding, body) in [
        ("gzip", gzip(plain.as_bytes())),
        ("GZIP", gzip(plain.as_bytes())),
        ("zstd", zstd(plain.as_bytes())),
        ("identity", plain.clone().into_bytes()),
    ] {
        let answer = post_coded(&server, coding, body).await.ok();
        assert_eq!(answer["summary"]["successful"], 1, "{coding}");
    }
    server.stop().await;
}

#[tokio::test]
async fn bodies_that_are_or_become_too_large_are_refused_with_the_limit() {
    let server = start_with(ServerConfig { max_request_bytes: 10_000, max_wire_bytes: 20_000, ..config() }).await;
    let bomb = vec![b' '; 8_000_000];
    let (zipped, packed) = (gzip(&bomb), zstd(&bomb));
    assert!(zipped.len() < 10_000 && packed.len() < 10_000, "they pass the limit on the wire");
    for (coding, body) in [("gzip", zipped), ("zstd", packed), ("identity", vec![b' '; 10_001])] {
        let answer = post_coded(&server, coding, body).await;
        assert_eq!(answer.problem(413), "body_too_large", "{coding}");
        assert_eq!(answer.json()["maxRequestBytes"], 10_000, "{coding}");
    }
    let mut exact = lookup().to_string();
    exact.push_str(&" ".repeat(10_000 - exact.len()));
    post_coded(&server, "gzip", gzip(exact.as_bytes())).await.ok();
    server.stop().await;
}

#[tokio::test]
async fn broken_codings_are_told_from_unknown_ones() {
    let server = start().await;
    let plain = lookup().to_string();
    let cut = |bytes: Vec<u8>| bytes[..bytes.len() - 5].to_vec();
    for (coding, body) in [
        ("gzip", cut(gzip(plain.as_bytes()))),
        ("zstd", cut(zstd(plain.as_bytes()))),
        ("gzip", plain.clone().into_bytes()),
        ("zstd", plain.clone().into_bytes()),
        ("gzip", Vec::new()),
    ] {
        assert_eq!(post_coded(&server, coding, body).await.problem(400), "malformed_request", "{coding}");
    }
    for coding in ["br", "gzip, zstd", "nonsense"] {
        let answer = post_coded(&server, coding, plain.clone().into_bytes()).await;
        assert_eq!(answer.problem(415), "unsupported_encoding", "{coding}");
        assert!(answer.header("accept-encoding").contains("zstd"));
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_json_object_is_refused() {
    let server = start().await;
    let token = token(ALICE);
    let deep = format!(r#"{{"operation":"lookup","x":{}1{}}}"#, "[".repeat(2_000), "]".repeat(2_000));
    assert_eq!(server.post_bytes(&token, deep).await.problem(400), "too_deep");
    let not_utf8 = b"{\"operation\":\"lookup\",\"reference\":\"\xff\xfe\"}".to_vec();
    for body in [b"".to_vec(), b"nonsense".to_vec(), b"[]".to_vec(), b"{".to_vec(), b"null".to_vec(), not_utf8] {
        let answer = server.post_bytes(&token, body.clone()).await;
        assert_eq!(answer.problem(400), "malformed_request", "{}", String::from_utf8_lossy(&body));
    }
    for body in [json!({ "operation": "batch" }), json!({ "operation": "batch", "batchId": "b", "operations": 7 })] {
        assert_eq!(server.post_as(ALICE, &body).await.problem(400), "malformed_request");
    }
    server.stop().await;
}

#[tokio::test]
async fn json_that_calls_itself_text_is_taken() {
    let server = start().await;
    let request = server.request("POST", OPERATIONS).bearer_auth(token(ALICE)).header("content-type", "text/plain");
    send(request.body(lookup().to_string())).await.ok();
    server.stop().await;
}

#[tokio::test]
async fn large_answers_are_compressed_for_who_asks() {
    let server = start().await;
    let coded = async |path: &str, accepted: &str| {
        send(server.request("GET", path).bearer_auth(token(ALICE)).header("accept-encoding", accepted)).await
    };
    let plain = server.get("/openapi.json").await;
    assert_eq!(plain.header("content-encoding"), "");
    for coding in ["gzip", "zstd"] {
        let answer = coded("/openapi.json", coding).await;
        assert_eq!(answer.header("content-encoding"), coding);
        let unpacked = match coding {
            "zstd" => zstd::decode_all(answer.bytes.as_slice()).unwrap(),
            _ => std::io::read_to_string(flate2::read::GzDecoder::new(answer.bytes.as_slice())).unwrap().into_bytes(),
        };
        assert_eq!(unpacked, plain.bytes, "{coding}");
        assert_eq!(coded(CHANGES, coding).await.header("content-encoding"), "", "small answers stay as they are");
    }
    server.stop().await;
}

#[tokio::test]
async fn who_does_not_finish_the_head_is_cut_off() {
    let server = start_with(ServerConfig { header_timeout_ms: 100, ..config() }).await;
    // Nothing at all, a start of HTTP/2's preface, and a head without an end.
    for start in ["", "PRI * HTTP", "GET /health HTTP/1.1\r\nhost: x\r\nx-slow"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(start.as_bytes()).await.unwrap();
        let answer = read_to_end(&mut stream).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{start:?}: {answer}");
    }
    assert_eq!(server.get("/health").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_stalls_is_answered_and_may_be_sent_again() {
    let server = start_with(ServerConfig { body_stall_timeout_ms: 100, ..config() }).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let token = token(ALICE);
    let head = format!(
        "POST {OPERATIONS} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\ncontent-length: 500\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = read_to_end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("retry-after: ") && answer.contains(r#""code":"deadline_exceeded""#), "{answer}");
    assert!(answer.contains(r#""retryable":true"#), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn a_slow_upload_that_moves_is_left_alone() {
    let limits =
        ServerConfig { body_stall_timeout_ms: 400, request_timeout_ms: 400, body_min_bytes_per_second: 8, ..config() };
    let server = start_with(limits).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let (token, body) = (token(ALICE), lookup().to_string());
    let length = body.len();
    let head = format!(
        "POST {OPERATIONS} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // Longer than both limits together, without a pause that comes near either.
    for piece in body.as_bytes().chunks(length.div_ceil(12)) {
        stream.write_all(piece).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let answer = read_to_end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn a_silent_connection_does_not_hold_up_the_stop() {
    let long = 10 * 60 * 1_000;
    let limits = ServerConfig { header_timeout_ms: long, drain_timeout_ms: long, ..config() };
    let server = start_with(limits).await;
    let _silent = TcpStream::connect(server.address).await.unwrap();
    // The connection is accepted before this one is answered.
    server.get("/health").await.ok();
    tokio::time::timeout(PATIENCE, server.stop()).await.expect("stops without it");
}

#[tokio::test]
async fn a_protocol_version_that_is_not_spoken_is_told_so() {
    let server = start().await;
    let with = async |version: &str| send(server.request("GET", LIMITS).header("verses-protocol", version)).await;
    assert_eq!(with("9999").await.problem(426), "upgrade_required");
    assert_eq!(with("1").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn every_answer_has_an_id_and_is_safe_to_show() {
    let server = start().await;
    for path in ["/health", "/nowhere", CHANGES, "/auth/v1/user", "/openapi.json"] {
        let answer = send(server.request("GET", path).header("x-request-id", "my-id.7")).await;
        assert_eq!(answer.header("x-request-id"), "my-id.7", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
    for bad in ["", "two words", "<script>", &"x".repeat(65)] {
        let answer = send(server.request("GET", "/health").header("x-request-id", bad)).await;
        assert_eq!(answer.header("x-request-id").len(), 36, "{bad:?}");
    }
    server.stop().await;
}
