//! Traces as a collector gets them: a span of each request with those of its parts, and nothing of a user; and a collector
//! that is not there.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

#[path = "common/http.rs"]
mod http;

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use http::{ALICE, OPERATIONS, batch, config, send, start_with, token};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use verses_server::otlp::{OtlpError, OtlpExporter, OtlpLayer, OtlpOptions};

/// Stands for everything of a user's.
const PRIVATE: &str = "PR1VATE";

/// What came in, or was written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Kept {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Everything below runs on this thread. The log beside it hears little, as that of a server may.
fn gather(layer: OtlpLayer, log: Kept) -> DefaultGuard {
    let log = tracing_subscriber::fmt::layer().with_writer(log).with_filter(tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::registry().with(log).with(layer.filtered()).set_default()
}

fn soon(endpoint: String) -> OtlpOptions {
    OtlpOptions { every: Duration::from_millis(10), ..OtlpOptions::new(endpoint) }
}

/// A collector that keeps the bodies it gets, one a line.
async fn collector(answer: StatusCode) -> (String, Kept) {
    let kept = Kept::default();
    let keeping = kept.clone();
    let take = move |headers: HeaderMap, body: Bytes| {
        let mut keeping = keeping.clone();
        async move {
            assert_eq!(headers["content-type"], "application/json");
            keeping.write_all(&body).unwrap();
            keeping.write_all(b"\n").unwrap();
            (answer, "{}")
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/", listener.local_addr().unwrap());
    let router = axum::Router::new().route("/v1/traces", post(take));
    drop(tokio::spawn(async move { axum::serve(listener, router).await }));
    (endpoint, kept)
}

fn spans(kept: &Kept) -> Vec<Value> {
    let of = |line: &str| -> Vec<Value> {
        let sent: Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            sent["resourceSpans"][0]["resource"]["attributes"][0],
            json!({ "key": "service.name", "value": { "stringValue": "verses" } })
        );
        sent["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone()
    };
    kept.text().lines().flat_map(of).collect()
}

fn attribute<'a>(span: &'a Value, name: &str) -> &'a Value {
    let found = span["attributes"].as_array().unwrap().iter().find(|attribute| attribute["key"] == name);
    found.map_or(&Value::Null, |attribute| &attribute["value"])
}

#[tokio::test]
async fn a_collector_gets_a_span_of_each_request_with_its_parts_and_nothing_of_the_user() {
    let (endpoint, kept) = collector(StatusCode::OK).await;
    let (layer, exporter) = OtlpExporter::start(&soon(endpoint)).unwrap();
    let _gathering = gather(layer, Kept::default());
    let server = start_with(config()).await;
    let operations = json!([
        { "id": format!("{PRIVATE}-1"), "type": "create", "data": { "reference": format!("Poem {PRIVATE}"), "text": PRIVATE } },
        { "id": "2", "type": "lookup", "data": { "reference": "John 3:16" } },
    ]);
    let mut request = batch(&operations);
    request["batchId"] = "batch-7".into();
    let post = server.request("POST", &format!("{OPERATIONS}?secret={PRIVATE}")).bearer_auth(token(ALICE));
    send(post.header("x-request-id", "request-7").header("x-other", PRIVATE).body(request.to_string())).await.ok();
    send(server.request(&format!("M{PRIVATE}"), &format!("/{PRIVATE}"))).await;
    send(server.request("GET", "/functions/v1/verse-changes").bearer_auth(PRIVATE)).await.problem(401);
    server.stop().await;
    exporter.finish().await;

    let spans = spans(&kept);
    let request = spans.iter().find(|span| attribute(span, "verses.request.id")["stringValue"] == "request-7").unwrap();
    assert_eq!((&request["name"], &request["kind"]), (&json!(format!("POST {OPERATIONS}")), &json!(2)));
    assert_eq!(attribute(request, "http.route")["stringValue"], OPERATIONS);
    assert_eq!(attribute(request, "http.request.method")["stringValue"], "POST");
    assert_eq!(attribute(request, "http.response.status_code")["intValue"], "200");
    assert_eq!(attribute(request, "verses.batch.id")["stringValue"], "batch-7");
    assert!(request.get("parentSpanId").is_none() && request.get("status").is_none(), "{request}");
    let parts: Vec<&Value> = spans.iter().filter(|span| span["parentSpanId"] == request["spanId"]).collect();
    let mut names: Vec<&str> = parts.iter().map(|part| part["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["answer", "read_body", "storage", "texts", "verify"]);
    let time = |span: &Value, name: &str| span[name].as_str().unwrap().parse::<u64>().unwrap();
    for part in parts {
        assert_eq!((&part["traceId"], &part["kind"]), (&request["traceId"], &json!(1)));
        assert!(time(part, "startTimeUnixNano") >= time(request, "startTimeUnixNano"));
        assert!(time(part, "endTimeUnixNano") <= time(request, "endTimeUnixNano"));
    }
    let others: Vec<&str> =
        spans.iter().filter(|span| span["kind"] == 2).map(|span| span["name"].as_str().unwrap()).collect();
    assert_eq!(others.len(), 3, "{others:?}");
    assert!(others.contains(&"other other") && others.contains(&"GET /functions/v1/verse-changes"), "{others:?}");
    let ids: std::collections::BTreeSet<_> = spans.iter().map(|span| span["spanId"].to_string()).collect();
    assert_eq!(ids.len(), spans.len());
    for secret in [PRIVATE, ALICE, &token(ALICE), http::SECRET] {
        assert!(!kept.text().contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_collector_that_is_not_there_costs_a_line_in_the_log_and_nothing_else() {
    let gone = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://user:{PRIVATE}@{}", listener.local_addr().unwrap())
    };
    let (refusing, _) = collector(StatusCode::SERVICE_UNAVAILABLE).await;
    for endpoint in [gone, refusing] {
        let log = Kept::default();
        let (layer, exporter) = OtlpExporter::start(&soon(endpoint)).unwrap();
        let _gathering = gather(layer, log.clone());
        let server = start_with(config()).await;
        // Several sendings fail one after the other.
        while log.text().is_empty() {
            server.get("/health").await.ok();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for _ in 0..20 {
            server.get("/health").await.ok();
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
        server.stop().await;
        exporter.finish().await;
        let text = log.text();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("the collector of traces") && text.contains("WARN") && !text.contains(PRIVATE), "{text}");
    }
}

#[tokio::test]
async fn a_collector_that_never_answers_holds_up_neither_requests_nor_the_stop() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let (layer, exporter) = OtlpExporter::start(&soon(endpoint)).unwrap();
    let log = Kept::default();
    let _gathering = gather(layer, log.clone());
    let server = start_with(config()).await;
    // More than the queue takes: the rest is dropped.
    for _ in 0..5_000 {
        server.get("/nowhere").await.problem(404);
    }
    server.stop().await;
    exporter.finish().await;
    assert!(log.text().contains("in time"), "{}", log.text());
    drop(silent);
}

#[tokio::test]
async fn what_is_no_address_of_a_collector_is_refused() {
    for endpoint in ["", "127.0.0.1:4318", "grpc://host", "http://", "/v1/traces"] {
        let error = OtlpExporter::start(&OtlpOptions::new(endpoint)).unwrap_err();
        assert!(matches!(&error, OtlpError::Endpoint(_)) && error.to_string().contains("4318"), "{endpoint}: {error}");
    }
}
