//! Bodies: compressed, too large, cut, too deep, no JSON; answers compressed; heads and versions.

use std::io::Write;

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use verses_protocol::{MAX_JSON_DEPTH, OPERATIONS_PATH};
use verses_server::ServerConfig;

use super::{Server, batch, config, read, text};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, 3).unwrap()
}

#[tokio::test]
async fn compressed_bodies_are_read() {
    let server = Server::start().await;
    let token = server.token().await;
    let body = batch(&json!([{ "id": "a", "type": "lookup", "data": { "reference": "John 3:16" } }])).to_string();
    for (coding, bytes) in
        [("gzip", gzip(body.as_bytes())), ("zstd", zstd(body.as_bytes())), ("identity", body.clone().into_bytes())]
    {
        let answer =
            read(server.post(OPERATIONS_PATH, bytes).bearer_auth(&token).header("content-encoding", coding)).await;
        assert_eq!((answer.status, &answer.json()["summary"]["successful"]), (200, &json!(1)), "{coding}");
    }
    let plain = server.request(Method::POST, OPERATIONS_PATH).header("content-type", "text/plain").body(body);
    assert_eq!(read(plain.bearer_auth(&token)).await.status, 200, "the content type is not insisted on");
}

#[tokio::test]
async fn bombs_and_large_bodies_are_refused_with_the_limit() {
    let server = Server::with(ServerConfig { max_request_bytes: 64 * 1024, ..config() }).await;
    let token = server.token().await;
    let zeros = vec![b' '; 50 * 1024 * 1024];
    for (coding, bytes) in [("gzip", gzip(&zeros)), ("zstd", zstd(&zeros)), ("identity", vec![b' '; 64 * 1024 + 1])] {
        let answer =
            read(server.post(OPERATIONS_PATH, bytes).bearer_auth(&token).header("content-encoding", coding)).await;
        assert_eq!(answer.refused(413, "body_too_large")["maxRequestBytes"], 64 * 1024, "{coding}");
    }
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_named() {
    let server = Server::start().await;
    let token = server.token().await;
    let good = gzip(b"{\"operation\":\"lookup\",\"reference\":\"John 3:16\"}");
    let cut = good[..good.len() - 9].to_vec();
    let deep = format!("{{\"operation\":{}1{}}}", "[".repeat(MAX_JSON_DEPTH), "]".repeat(MAX_JSON_DEPTH));
    let cases: [(&str, Vec<u8>, u16, &str); 8] = [
        ("gzip", cut, 400, "malformed_request"),
        ("gzip", b"no gzip".to_vec(), 400, "malformed_request"),
        ("zstd", b"no zstd".to_vec(), 400, "malformed_request"),
        ("br", b"x".to_vec(), 415, "unsupported_encoding"),
        ("identity", deep.into_bytes(), 400, "too_deep"),
        ("identity", b"{not json".to_vec(), 400, "malformed_request"),
        ("identity", Vec::new(), 400, "malformed_request"),
        ("identity", vec![b'"', 0xff, b'"'], 400, "malformed_request"),
    ];
    for (coding, bytes, status, code) in cases {
        let answer =
            read(server.post(OPERATIONS_PATH, bytes).bearer_auth(&token).header("content-encoding", coding)).await;
        answer.refused(status, code);
        assert_eq!(status == 415, answer.header("accept-encoding") == "gzip, zstd, identity");
    }
    let very_deep = "[".repeat(1_000_000);
    read(server.post(OPERATIONS_PATH, very_deep).bearer_auth(&token)).await.refused(400, "too_deep");
}

#[tokio::test]
async fn large_answers_are_compressed_when_asked_for() {
    let server = Server::start().await;
    let token = server.token().await;
    let body = batch(&json!([{ "id": "a", "type": "lookup", "data": { "reference": "Ps 119" } }])).to_string();
    for coding in ["zstd", "gzip"] {
        let request = server.post(OPERATIONS_PATH, body.clone()).bearer_auth(&token).header("accept-encoding", coding);
        let answer = read(request).await;
        assert_eq!(answer.header("content-encoding"), coding);
        let decoded = match coding {
            "zstd" => zstd::stream::decode_all(answer.bytes.as_slice()).unwrap(),
            _ => std::io::read_to_string(flate2::read::GzDecoder::new(answer.bytes.as_slice())).unwrap().into_bytes(),
        };
        assert!(decoded.len() > 2 * answer.bytes.len(), "{} of {}", answer.bytes.len(), decoded.len());
    }
    let small = read(server.request(Method::GET, "/health").header("accept-encoding", "zstd")).await;
    assert_eq!(small.header("content-encoding"), "");
}

#[tokio::test]
async fn every_answer_has_an_id_and_is_safe_to_show() {
    let server = Server::start().await;
    let given = read(server.request(Method::GET, "/health").header("x-request-id", "my-id.1")).await;
    assert_eq!(given.header("x-request-id"), "my-id.1");
    let hostile = read(server.request(Method::GET, "/nothing").header("x-request-id", "a b<script>")).await;
    assert_eq!(hostile.header("x-request-id").len(), 36, "an id of its own");
    assert_eq!((hostile.header("x-content-type-options"), hostile.header("cache-control")), ("nosniff", "no-store"));
}

#[tokio::test]
async fn a_version_that_is_not_spoken_is_told_to_update() {
    let server = Server::start().await;
    let token = server.token().await;
    for (version, good) in [("1", true), ("2", false), ("0", false), ("nonsense", true)] {
        let request = server.post(OPERATIONS_PATH, r#"{"operation":"lookup","reference":"Ps 1"}"#).bearer_auth(&token);
        let answer = read(request.header("verses-protocol", version)).await;
        if good {
            assert_eq!(answer.status, 200, "{version}");
        } else {
            answer.refused(426, "upgrade_required");
        }
    }
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut() {
    let server = Server::with(ServerConfig { header_timeout_ms: 100, ..config() }).await;
    let mut slow = tokio::net::TcpStream::connect(server.address).await.unwrap();
    slow.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.unwrap();
    let mut rest = Vec::new();
    // The end of the connection is what is waited for; without a limit this never returns.
    slow.read_to_end(&mut rest).await.unwrap();
    assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
}

#[tokio::test]
async fn a_body_that_never_comes_is_given_up() {
    let server = Server::with(ServerConfig { body_stall_timeout_ms: 100, ..config() }).await;
    let token = text(&server.sign_up().await["access_token"]);
    let mut slow = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST {OPERATIONS_PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{{"
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("deadline_exceeded"), "{answer}");
}
