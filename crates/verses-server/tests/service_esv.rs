//! The ESV adapter against a stand-in of the API on loopback: what it sends, what it makes of every kind of answer, and
//! that no ESV text reaches the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::{Json, Router, routing::get};
use serde_json::json;
use std::collections::BTreeMap;
use verses_server::texts::{EsvClient, EsvConfig, EsvConfigError, PassageRequest, TextError, TextProvider};

const KEY: &str = "test-key";

/// A stand-in whose answer depends on the passage asked for; counts calls.
struct StandIn {
    base_url: String,
    calls: Arc<AtomicUsize>,
}

impl StandIn {
    async fn start() -> Self {
        let calls = Arc::new(AtomicUsize::new(0));
        let app = Router::new().route("/v3/passage/text/", get(answer)).with_state(Arc::clone(&calls));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base_url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { base_url, calls }
    }

    fn client(&self, key: &str) -> EsvClient {
        let config =
            EsvConfig { base_url: self.base_url.clone(), timeout: Duration::from_millis(500), ..EsvConfig::new(key) };
        EsvClient::new(&config).expect("a client")
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

async fn answer(
    State(calls): State<Arc<AtomicUsize>>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    calls.fetch_add(1, Ordering::SeqCst);
    if headers.get("authorization").is_none_or(|value| value != &format!("Token {KEY}")) {
        return (StatusCode::UNAUTHORIZED, Json(json!({"detail": "Invalid token."}))).into_response();
    }
    let plain =
        ["passage-references", "verse-numbers", "first-verse-numbers", "footnotes", "footnote-body", "headings"];
    let as_agreed =
        plain.iter().all(|name| query.get(&format!("include-{name}")).is_some_and(|value| value == "false"))
            && query.get("include-short-copyright").is_some_and(|value| value == "true");
    if !as_agreed {
        return (StatusCode::IM_A_TEAPOT, "wrong parameters").into_response();
    }
    match query.get("q").map(String::as_str) {
        Some("John 3:16") => Json(json!({
            "query": "John 3:16", "canonical": "John 3:16", "parsed": [[43_003_016, 43_003_016]],
            "passages": ["  A text of the stand-in. (ESV)\n\n"],
        }))
        .into_response(),
        Some("John 5:4") => {
            Json(json!({"query": "John 5:4", "canonical": "", "parsed": [], "passages": []})).into_response()
        }
        Some("John 1:1") => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "3000")], "throttled").into_response(),
        Some("John 1:2") => Html("<html>Sign in to the network</html>").into_response(),
        Some("John 1:3") => {
            tokio::time::sleep(Duration::from_secs(30)).await;
            StatusCode::OK.into_response()
        }
        Some("John 1:4") => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Some("John 1:5") => "x".repeat(3 * 1024 * 1024).into_response(),
        Some("John 1:6") => (StatusCode::FOUND, [("location", "/elsewhere")], "").into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn passage(reference: &str) -> PassageRequest {
    PassageRequest::new(verses_core::parse_passage(reference).expect("a passage"), "ESV".into())
}

#[tokio::test]
async fn a_text_comes_trimmed_with_its_notice_and_is_asked_for_once() {
    let stand_in = StandIn::start().await;
    let client = stand_in.client(KEY);
    for _ in 0..3 {
        let text = client.fetch(&passage("John 3:16")).await;
        assert_eq!(text.as_deref(), Ok("A text of the stand-in. (ESV)"));
    }
    assert_eq!(stand_in.calls(), 1);
    assert!(!client.may_store(), "the database must not keep it");
}

#[tokio::test]
async fn a_passage_the_esv_does_not_have_is_unavailable_for_good() {
    let stand_in = StandIn::start().await;
    let client = stand_in.client(KEY);
    for reference in ["John 5:4", "Romans 16:24"] {
        let error = client.fetch(&passage(reference)).await.expect_err("no text");
        assert!(matches!(&error, TextError::Unavailable(text) if text.contains(reference)), "{error:?}");
    }
}

#[tokio::test]
async fn answers_that_are_no_answer_are_worth_trying_again() {
    let stand_in = StandIn::start().await;
    let client = stand_in.client(KEY);
    let cases = [
        ("John 1:2", "not its JSON"),
        ("John 1:3", "in time"),
        ("John 1:4", "500"),
        ("John 1:5", "far more"),
        ("John 1:6", "302"),
    ];
    for (reference, named) in cases {
        let error = client.fetch(&passage(reference)).await.expect_err("no text");
        assert!(matches!(&error, TextError::Failed(text) if text.contains(named)), "{reference}: {error:?}");
    }
    let nobody = EsvConfig { base_url: "http://127.0.0.1:1".into(), ..EsvConfig::new(KEY) };
    let error = EsvClient::new(&nobody).expect("a client").fetch(&passage("John 3:16")).await.expect_err("no text");
    assert!(matches!(&error, TextError::Failed(text) if text.contains("cannot be reached")), "{error:?}");
}

#[tokio::test]
async fn a_refused_key_is_the_operators_matter_and_worth_trying_again() {
    let stand_in = StandIn::start().await;
    let error = stand_in.client("stolen").fetch(&passage("John 3:16")).await.expect_err("refused");
    assert!(
        matches!(&error, TextError::Failed(text) if text.contains("key") && text.contains("operator")),
        "{error:?}"
    );
}

#[tokio::test]
async fn after_too_many_requests_nothing_is_sent_until_the_time_named_is_over() {
    let stand_in = StandIn::start().await;
    let client = stand_in.client(KEY);
    client.fetch(&passage("John 3:16")).await.expect("a text");
    for reference in ["John 1:1", "John 1:1", "John 1:4"] {
        let error = client.fetch(&passage(reference)).await.expect_err("throttled");
        assert!(matches!(&error, TextError::Failed(text) if text.contains("overloaded")), "{error:?}");
    }
    assert_eq!(stand_in.calls(), 2, "one text, one refusal, then silence");
    client.fetch(&passage("John 3:16")).await.expect("what is known is still given");
}

#[tokio::test]
async fn more_than_half_a_book_is_never_asked_for() {
    let stand_in = StandIn::start().await;
    for (reference, named) in [("Jude 1-13", "12"), ("Ps 1-60", "500"), ("2 John 1 - 3 John 1", "one book")] {
        let error = stand_in.client(KEY).fetch(&passage(reference)).await.expect_err("too much");
        let (named, split) = (|text: &str| text.contains(named), |text: &str| text.contains("split"));
        assert!(matches!(&error, TextError::Unavailable(text) if named(text) && split(text)), "{error:?}");
    }
    assert_eq!(stand_in.calls(), 0);
}

#[test]
fn a_key_or_an_address_that_cannot_work_is_refused_and_the_key_is_never_shown() {
    for key in ["", "  ", "a\nb"] {
        assert!(matches!(EsvClient::new(&EsvConfig::new(key)), Err(EsvConfigError::Key)));
    }
    for base_url in ["", "api.esv.org", "ftp://api.esv.org"] {
        let config = EsvConfig { base_url: base_url.into(), ..EsvConfig::new(KEY) };
        assert!(matches!(EsvClient::new(&config), Err(EsvConfigError::BaseUrl(_))), "{base_url}");
    }
    let config = EsvConfig::new(KEY);
    let client = EsvClient::new(&config).expect("a client");
    assert!(!format!("{config:?}{client:?}").contains(KEY));
}
