//! Heads that mean one thing to a proxy and another to the server: two tokens, two lengths, lines within lines. Over plain
//! sockets. Sizes and numbers of lines are in `http_connections`.

use crate::http::{ALICE, BOB, CHANGES, OPERATIONS, Server, start, token};
use crate::raw::{exchange, rest};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// The statuses of all answers on a connection.
fn statuses(answer: &str) -> Vec<u16> {
    let answers = answer.split("HTTP/1.1 ").skip(1);
    answers.map(|answer| answer.get(..3).and_then(|status| status.parse().ok()).unwrap_or(0)).collect()
}

#[tokio::test]
async fn two_tokens_are_none() {
    let server = start().await;
    let (alice, bob) = (token(ALICE), token(BOB));
    for lines in [
        format!("authorization: Bearer {alice}\r\nauthorization: Bearer {bob}"),
        format!("authorization: Bearer {alice}\r\nAUTHORIZATION: Bearer {alice}"),
        format!("authorization: Bearer {alice}\r\nauthorization: Bearer nonsense"),
        format!("authorization: Bearer nonsense\r\nauthorization: Bearer {alice}"),
        format!("authorization: Basic YTpi\r\nauthorization: Bearer {alice}"),
        format!("authorization: \r\nauthorization: Bearer {alice}"),
        format!("authorization: Bearer {alice}, Bearer {bob}"),
        format!("authorization: Bearer {alice} {bob}"),
        format!("authorization: Bearer {alice};{bob}"),
        format!("authorization: Bearer Bearer {alice}"),
    ] {
        for (line, code) in
            [(format!("GET {CHANGES}"), "invalid_token"), ("GET /auth/v1/user".into(), "\"error_code\"")]
        {
            let request = format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{lines}\r\n\r\n");
            let answer = exchange(server.address, request.as_bytes()).await;
            let status = statuses(&answer);
            assert!(matches!(status[..], [401 | 403]) && answer.contains(code), "{lines}: {answer}");
        }
    }
    let one =
        format!("GET {CHANGES} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {alice}\r\n\r\n");
    assert_eq!(statuses(&exchange(server.address, one.as_bytes()).await), [200]);
    server.stop().await;
}

/// Says this and nothing more, and gives what comes back.
async fn exchange_ended(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    drop(stream.write_all(bytes).await);
    drop(stream.shutdown().await);
    rest(&mut stream).await
}

/// The request that an attacker would like to have answered in another's place.
fn hidden() -> String {
    format!("GET {CHANGES} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nx-request-id: hidden\r\n\r\n", token(BOB))
}

/// A request with this framing and body, and what stands behind it on the same connection.
fn framed(framing: &str, body: &str) -> String {
    let head =
        format!("POST {OPERATIONS} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n{framing}\r\n\r\n", token(ALICE));
    // The last one ends the connection, if it is still there.
    let last = "GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-request-id: last\r\n\r\n";
    format!("{head}{body}{last}")
}

#[tokio::test]
async fn a_request_whose_end_is_in_doubt_is_refused_and_nothing_behind_it_is_heard() {
    let server = start().await;
    let good = exchange(server.address, framed("content-length: 2", "{}").as_bytes()).await;
    assert!(
        statuses(&good) == [400, 200] && good.contains("x-request-id: last"),
        "two requests without a doubt: {good}"
    );
    let inner = hidden();
    let length = inner.len();
    let chunked_end = format!("0\r\n\r\n{inner}");
    for (framing, body) in [
        // A length and chunks: whichever a proxy before us believes.
        (format!("content-length: {}\r\ntransfer-encoding: chunked", chunked_end.len()), chunked_end.clone()),
        (format!("transfer-encoding: chunked\r\ncontent-length: {}", chunked_end.len()), chunked_end.clone()),
        (format!("content-length: {}\r\nTransfer-Encoding:\tchunked", chunked_end.len()), chunked_end.clone()),
        ("content-length: 4\r\ntransfer-encoding: chunked".into(), format!("{length:x}\r\n{inner}\r\n0\r\n\r\n")),
        ("content-length: 0\r\ntransfer-encoding: chunked".into(), format!("0\r\n\r\n{inner}")),
        // Codings that are chunks for some readers only.
        ("transfer-encoding: xchunked".into(), chunked_end.clone()),
        ("transfer-encoding: chunked, identity".into(), chunked_end.clone()),
        ("transfer-encoding: identity".into(), inner.clone()),
        ("transfer-encoding: chunked\r\ntransfer-encoding: identity".into(), chunked_end.clone()),
        ("transfer-encoding : chunked".into(), chunked_end.clone()),
        ("transfer-encoding: chunked\u{b}".into(), chunked_end.clone()),
        ("x: y\r\n transfer-encoding: chunked".into(), chunked_end.clone()),
        ("transfer-encoding:\r\n chunked".into(), chunked_end.clone()),
        ("x: y\ntransfer-encoding: chunked\rx: z".into(), chunked_end.clone()),
        // Lengths that are other numbers for others.
        (format!("content-length: 0\r\ncontent-length: {length}"), inner.clone()),
        (format!("content-length: {length}\r\ncontent-length: 0"), inner.clone()),
        (format!("content-length: 0, {length}"), inner.clone()),
        ("content-length: +0".into(), inner.clone()),
        ("content-length: -1".into(), inner.clone()),
        ("content-length: 0x0".into(), inner.clone()),
        ("content-length: 0 0".into(), inner.clone()),
        ("content-length: ".into(), inner.clone()),
        ("content-length: 18446744073709551616".into(), inner.clone()),
        ("content-length : 0".into(), inner.clone()),
    ] {
        let answer = exchange(server.address, framed(&framing, &body).as_bytes()).await;
        let statuses = statuses(&answer);
        assert!(!answer.contains("x-request-id: hidden"), "{framing:?}: {answer}");
        assert!(!answer.contains("x-request-id: last"), "{framing:?}: the connection goes on: {answer}");
        assert!(matches!(statuses[..], [] | [400..=499]), "{framing:?}: {answer}");
    }
    assert_eq!(server.get("/health").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn chunks_that_are_none_are_refused() {
    let server = start().await;
    for body in [
        "FFFFFFFFFFFFFFFFF\r\n".to_owned(),
        "ffffffffffffffff\r\nx\r\n".to_owned(),
        "-1\r\n\r\n".to_owned(),
        "+5\r\nhello\r\n0\r\n\r\n".to_owned(),
        "0x5\r\nhello\r\n0\r\n\r\n".to_owned(),
        " 5\r\nhello\r\n0\r\n\r\n".to_owned(),
        "5\r\nhello0\r\n\r\n".to_owned(),
        "5\nhello\n0\n\n".to_owned(),
        "g\r\n\r\n".to_owned(),
        "\r\n\r\n".to_owned(),
        format!("1;{}\r\nx\r\n0\r\n\r\n", "a".repeat(100_000)),
        format!("0\r\n{}\r\n", "trailer: x\r\n".repeat(10_000)),
    ] {
        let request = framed("transfer-encoding: chunked\r\nconnection: close", &body);
        let answer = exchange_ended(&server, request.as_bytes()).await;
        let shown: String = body.chars().take(30).collect();
        assert!(matches!(statuses(&answer)[..], [] | [400..=499]), "{shown:?}: {answer}");
    }
    assert_eq!(server.get("/health").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn lines_that_break_the_form_are_refused() {
    let server = start().await;
    for lines in [
        "host: x\r\nx-bad: a\rb",
        "host: x\r\nx-bad: a\0b",
        "host: x\r\nx-bad\0: a",
        "host: x\r\nx bad: a",
        "host: x\r\n: a",
        "host: x\r\nno colon here",
        "host: x\r\nx-b\u{e4}d: a",
        "host: x\r\n\u{1}: a",
        "host: x\r\n x-folded: a",
    ] {
        let request = format!("GET /health HTTP/1.1\r\nconnection: close\r\n{lines}\r\n\r\n");
        let answer = exchange(server.address, request.as_bytes()).await;
        assert!(matches!(statuses(&answer)[..], [] | [400..=499]), "{lines:?}: {answer}");
    }
    // Binary noise, and other protocols that knock.
    let noise: Vec<u8> = (0..4_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for bytes in [
        &noise[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH_9\r\n\r\n",
        b"EHLO x\r\n\r\n",
        b"*1\r\n$4\r\nPING\r\n\r\n",
        b"\r\n\r\n\r\n\r\nx\r\n\r\n",
        &[0; 10_000],
    ] {
        let answer = exchange_ended(&server, bytes).await;
        assert!(matches!(statuses(&answer)[..], [] | [400..=499]), "{bytes:?}: {answer}");
    }
    assert_eq!(server.get("/health").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_header_does_not_choose_the_method() {
    let server = start().await;
    for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
        let request = format!("GET {OPERATIONS} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{name}: POST\r\n\r\n");
        assert_eq!(statuses(&exchange(server.address, request.as_bytes()).await), [405], "{name}");
    }
    server.stop().await;
}
