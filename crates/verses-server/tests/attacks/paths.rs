//! Paths that try to be another path for one reader than for the next: there is one route or there is nothing.

use crate::http::{ALICE, CHANGES, start, token};
use crate::raw::exchange;

/// The status of an answer, and its head and body.
fn parts(answer: &str) -> (u16, &str, &str) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, head, body)
}

#[tokio::test]
async fn a_path_that_is_not_written_as_its_route_leads_nowhere() {
    let server = start().await;
    let token = token(ALICE);
    let targets = [
        "/functions/v1/verse-changes/",
        "/functions/v1//verse-changes",
        "//functions/v1/verse-changes",
        "///functions/v1/verse-changes",
        "/functions/v1/./verse-changes",
        "/functions/v1/../v1/verse-changes",
        "/health/../functions/v1/verse-changes",
        "/functions/v1/%2e%2e/v1/verse-changes",
        "/health/%2e%2e%2ffunctions/v1/verse-changes",
        "/functions/v1/%2e/verse-changes",
        "/functions%2fv1%2fverse-changes",
        "/functions/v1/verse%2dchanges",
        "/functions/v1/verse%252dchanges",
        "/%66unctions/v1/verse-changes",
        "/functions/v1/verse-changes%00",
        "/functions/v1/verse-changes%00.json",
        "/functions/v1/verse-changes%20",
        "/functions/v1/verse-changes%0d%0aset-cookie:%20x=y",
        "/functions/v1/verse-changes%23",
        "/functions/v1/verse-changes%3flimit=1",
        "/functions/v1/verse-changes;limit=1",
        "/functions/v1/verse-changes.json",
        "/functions\\v1\\verse-changes",
        "/functions/v1/..\\v1\\verse-changes",
        "/FUNCTIONS/V1/VERSE-CHANGES",
        "/functions/v1/Verse-changes",
        "/%c0%afetc/passwd",
        "/%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd",
        "/%e0%80%ae/%f0%80%80%ae",
        "/..%c1%9cetc",
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2f..%2fetc%2fpasswd",
        "/%252e%252e%252fetc/passwd",
        "/....//....//etc/passwd",
        "/verses.db",
        "/.env",
        "/.git/config",
        "/metrics",
        "/metrics/",
        "/auth/v1/../../metrics",
        "/auth/v1/admin/users",
        "/auth/v1/user/..%2fadmin",
        "/auth/v1//user",
        "/auth/v1/.well-known/../user",
        "/rest/v1/sync_operations?select=*",
        "/functions/v1/",
        "/functions/v1/verse-changes/00000000-0000-4000-8000-00000000000b",
        "/%",
        "/%zz",
        "/%ff",
        "/%u002e%u002e/",
        "/\u{2025}/\u{ff0f}etc",
        "/functions/v1/verse\u{2010}changes",
    ];
    for target in targets {
        let head =
            format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\r\n");
        let answer = exchange(server.address, head.as_bytes()).await;
        let (status, head, body) = parts(&answer);
        assert!((400..500).contains(&status), "{target}: {answer}");
        assert!(!head.contains("set-cookie") && !answer.contains("root:"), "{target}: {answer}");
        // What cannot be the target of a request at all gets a bare 400.
        if !body.is_empty() {
            // Below /auth/v1 refusals have the form of the Supabase client.
            let form = if target.starts_with("/auth/v1/") { "application/json" } else { "application/problem+json" };
            assert!(body.contains(r#""code":"not_found""#) && head.contains(form), "{target}: {answer}");
        } else {
            assert_eq!(status, 400, "{target}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_target_in_another_form_is_the_same_route_or_refused() {
    let server = start().await;
    let token = token(ALICE);
    let ask = async |line: &str, more: &str| {
        let head = format!("{line}\r\nconnection: close\r\nauthorization: Bearer {token}\r\n{more}\r\n");
        exchange(server.address, head.as_bytes()).await
    };
    // The name of a host, in the target or beside it, chooses nothing.
    for (line, more) in [
        (format!("GET http://evil.example{CHANGES} HTTP/1.1"), "host: x\r\n"),
        (format!("GET {CHANGES} HTTP/1.1"), "host: evil.example\r\nx-forwarded-host: evil.example\r\n"),
        (format!("GET {CHANGES} HTTP/1.1"), "host: x\r\nx-original-url: /metrics\r\nx-rewrite-url: /metrics\r\n"),
    ] {
        let answer = ask(&line, more).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"changes\":[]"), "{line}: {answer}");
        assert!(!answer.contains("evil"), "{answer}");
    }
    for line in [
        "GET * HTTP/1.1",
        "GET http:// HTTP/1.1",
        "GET evil.example:80 HTTP/1.1",
        "CONNECT evil.example:443 HTTP/1.1",
        "CONNECT 127.0.0.1:22 HTTP/1.1",
        "TRACE /health HTTP/1.1",
        "TRACK /health HTTP/1.1",
        "DEBUG /health HTTP/1.1",
        "PROPFIND / HTTP/1.1",
        "get /health HTTP/1.1",
        "GET /health HTTP/1.1 HTTP/1.1",
        "GET /health  HTTP/1.1",
        "GET\t/health\tHTTP/1.1",
        "GET /health HTTP/2.0",
        "GET /health HTTP/9.9",
        "GET /health HTTP/1.",
        "GET /health FTP/1.1",
        "GET /hea lth HTTP/1.1",
        "GET /health\0 HTTP/1.1",
        "GET /health",
        " GET /health HTTP/1.1",
        "\u{fffd}\u{fffd}\u{fffd}",
    ] {
        let answer = ask(line, "host: x\r\n").await;
        let (status, ..) = parts(&answer);
        assert!(answer.is_empty() || (400..500).contains(&status), "{line:?}: {answer}");
        assert!(!answer.contains("Bearer"), "nothing sent comes back: {answer}");
    }
    assert_eq!(server.get("/health").await.status, 200);
    server.stop().await;
}
