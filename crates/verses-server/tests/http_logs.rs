//! What the server writes down while it is used and attacked: with ids to follow a request by, and with nothing of a user.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

#[path = "common/http.rs"]
mod http;

use std::io::Write;
use std::sync::{Arc, Mutex};

use http::{ALICE, CHANGES, OPERATIONS, batch, config, send, sign, start_with, token};
use serde_json::{Value, json};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use verses_server::ServerConfig;

/// Stands for everything of a user's that must not be written down.
const PRIVATE: &str = "PR1VATE";

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Written {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Written {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }

    fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Everything this server writes at the finest level, and what its libraries write for their developers.
fn listen() -> Written {
    let written = Written::default();
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(EnvFilter::new("debug,verses_server=trace"))
        .with_writer(written.clone())
        .init();
    written
}

#[tokio::test]
async fn nothing_of_a_user_is_written_down_whatever_is_sent() {
    let written = listen();
    let server = start_with(ServerConfig { operations_per_minute: 1_000, ..config() }).await;
    let token = token(ALICE);
    let post = |body: String| server.request("POST", OPERATIONS).bearer_auth(&token).body(body);
    // A user's day: an account, a verse with words of their own, a profile.
    let account = json!({ "email": format!("{PRIVATE}@example.org"), "password": format!("{PRIVATE} password"), "data": { "name": PRIVATE } });
    let signed_up = server.auth("POST", "/signup", "", &account).await.ok();
    for grant in
        [json!({ "email": format!("{PRIVATE}@example.org"), "password": format!("wrong {PRIVATE}") }), account.clone()]
    {
        server.auth("POST", "/token?grant_type=password", "", &grant).await;
    }
    let (access, refresh) = (signed_up["access_token"].as_str().unwrap(), signed_up["refresh_token"].as_str().unwrap());
    server.auth("POST", "/token?grant_type=refresh_token", "", &json!({ "refresh_token": refresh })).await.ok();
    server.auth("GET", "/user", access, &Value::Null).await.ok();
    let operations = json!([
        { "id": format!("{PRIVATE}-1"), "type": "create", "data": { "reference": format!("Poem {PRIVATE}"), "text": format!("Words {PRIVATE}") } },
        { "id": "2", "type": "update_profile", "data": { "fullName": PRIVATE, "occurredAt": 1_772_452_800_000_i64 } },
        { "id": "3", "type": "lookup", "data": { "reference": PRIVATE } },
        { "id": "4", "type": PRIVATE, "data": { "a": PRIVATE } },
    ]);
    let mut request = batch(&operations);
    request["batchId"] = format!("a batch {PRIVATE}\n{{\"level\":\"forged\"}}").into();
    send(post(request.to_string())).await.ok();
    // And what nobody should send.
    for body in [
        format!("{{\"operation\":\"{PRIVATE}\"}}"),
        format!("{{\"{PRIVATE}\":1,\"{PRIVATE}\":1}}"),
        format!("{PRIVATE} is no JSON"),
        json!({ "operation": "create", "reference": PRIVATE, "text": [PRIVATE] }).to_string(),
    ] {
        send(post(body)).await;
    }
    for (name, value) in [
        ("x-request-id", format!("{PRIVATE} with spaces")),
        ("verses-protocol", PRIVATE.into()),
        ("content-encoding", PRIVATE.into()),
    ] {
        send(post("{}".into()).header(name, value)).await;
    }
    for bad in [
        format!("eyJ{PRIVATE}.{PRIVATE}.{PRIVATE}"),
        sign(&json!({ "sub": PRIVATE, "aud": PRIVATE, "exp": 1 })),
        PRIVATE.into(),
    ] {
        send(server.request("GET", CHANGES).bearer_auth(&bad)).await.problem(401);
        send(server.request("GET", &format!("{CHANGES}?cursor={PRIVATE}&apikey={bad}")).bearer_auth(&token))
            .await
            .problem(400);
    }
    send(server.request(&format!("M{PRIVATE}"), &format!("/{PRIVATE}?{PRIVATE}"))).await;
    server.stop().await;

    let text = written.text();
    assert!(text.contains("\"message\":\"request\"") && text.contains("\"message\":\"batch\""), "something is written");
    for secret in [PRIVATE, access, refresh, &token, http::SECRET, ALICE] {
        let line = text.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
    let levels: Vec<_> = written.lines().iter().map(|line| line["level"].as_str().unwrap().to_owned()).collect();
    assert!(!levels.contains(&"forged".to_owned()));
}

#[tokio::test]
async fn every_line_about_a_request_has_its_id_and_that_of_its_batch() {
    let written = listen();
    let server = start_with(config()).await;
    let mut request = batch(&json!([{ "id": "1", "type": "lookup", "data": { "reference": "John 3:16" } }]));
    request["batchId"] = "batch-7".into();
    let post = server.request("POST", OPERATIONS).bearer_auth(token(ALICE)).header("x-request-id", "request-7");
    send(post.body(request.to_string())).await.ok();
    server.stop().await;
    let about: Vec<Value> =
        written.lines().into_iter().filter(|line| line["span"]["request.id"] == "request-7").collect();
    let messages: Vec<&str> = about.iter().filter_map(|line| line["fields"]["message"].as_str()).collect();
    assert!(messages.contains(&"batch") && messages.contains(&"request"), "{messages:?}");
    for line in about.iter().filter(|line| matches!(line["fields"]["message"].as_str(), Some("batch" | "request"))) {
        assert_eq!(line["span"]["batch.id"], "batch-7", "{line}");
    }
    let last = about.iter().find(|line| line["fields"]["message"] == "request").unwrap();
    assert_eq!(last["fields"]["route"], OPERATIONS);
    assert_eq!(last["fields"]["status"], 200);
}
