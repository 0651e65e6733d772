//! What the tests over HTTP share: a real server on loopback, a client, and tokens signed as a test likes.
#![allow(dead_code, reason = "each test binary uses its own part of this")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use verses_core::UnixMillis;
use verses_server::auth::AuthBackend;
use verses_server::storage::Storage;
use verses_server::{App, ServerConfig, serve};

pub(crate) const SECRET: &str = "a secret of the tests that is long enough";
pub(crate) const ALICE: &str = "00000000-0000-4000-8000-00000000000a";
pub(crate) const BOB: &str = "00000000-0000-4000-8000-00000000000b";
pub(crate) const OPERATIONS: &str = "/functions/v1/verse-operations";
pub(crate) const CHANGES: &str = "/functions/v1/verse-changes";
pub(crate) const LIMITS: &str = "/functions/v1/verse-limits";
pub(crate) const EVENTS: &str = "/functions/v1/verse-events";

/// A running server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) metrics: SocketAddr,
    pub(crate) client: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) running: JoinHandle<std::io::Result<()>>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// The code of a refusal, which is problem details with everything that clients read.
    pub(crate) fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.bytes));
        assert_eq!(self.header("content-type"), "application/problem+json");
        let body = self.json();
        assert_eq!(body["status"], status);
        assert_eq!(body["error"], body["detail"]);
        assert!(body["error"].as_str().unwrap().len() > 10 && body["retryable"].is_boolean(), "{body}");
        assert_ne!(self.header("access-control-allow-origin"), "", "errors need CORS too");
        assert!(self.header("access-control-expose-headers").contains("retry-after"));
        body["code"].as_str().unwrap().to_owned()
    }

    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.bytes));
        self.json()
    }
}

pub(crate) fn config() -> ServerConfig {
    ServerConfig {
        database_url: "memory:".into(),
        jwt_secret: Some(SECRET.into()),
        sign_ins_per_minute: 10_000,
        ..ServerConfig::default()
    }
}

pub(crate) async fn start() -> Server {
    start_with(config()).await
}

pub(crate) async fn start_with(config: ServerConfig) -> Server {
    start_app(App::open(config).await.unwrap()).await
}

/// A server over a storage of the test's, with accounts in memory.
pub(crate) async fn start_over(config: ServerConfig, storage: impl Storage) -> Server {
    start_over_both(config, storage, AuthBackend::memory()).await
}

/// A server over a storage and accounts of the test's.
pub(crate) async fn start_over_both(config: ServerConfig, storage: impl Storage, accounts: AuthBackend) -> Server {
    let now = || {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        UnixMillis(i64::try_from(since.as_millis()).unwrap())
    };
    start_app(App::over(config, storage, accounts, Arc::new(now)).await.unwrap()).await
}

async fn start_app(app: App) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let metrics_listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let metrics = metrics_listener.local_addr().unwrap();
    let app = app.metrics_on(metrics_listener);
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(async move {
        let stopped = async {
            // A dropped sender stops the server as well.
            drop(stopped.await);
        };
        serve(listener, app, stopped).await
    });
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    Server { address, metrics, client, stop: Some(stop), running }
}

impl Server {
    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let url = format!("http://{}{path}", self.address);
        self.client.request(Method::from_bytes(method.as_bytes()).unwrap(), url)
    }

    /// What the server counts, as Prometheus reads it.
    pub(crate) async fn metrics(&self) -> String {
        send(self.client.get(format!("http://{}/metrics", self.metrics))).await.text()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.request("GET", path)).await
    }

    pub(crate) async fn get_as(&self, user: &str, path: &str) -> Answer {
        send(self.request("GET", path).bearer_auth(token(user))).await
    }

    /// Posts JSON to the operations as a user.
    pub(crate) async fn post_as(&self, user: &str, body: &Value) -> Answer {
        self.post_bytes(&token(user), body.to_string()).await
    }

    pub(crate) async fn post_bytes(&self, token: &str, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.request("POST", OPERATIONS).bearer_auth(token).header("content-type", "application/json");
        send(request.body(body)).await
    }

    /// An auth call; an empty token sends none.
    pub(crate) async fn auth(&self, method: &str, path: &str, token: &str, body: &Value) -> Answer {
        let mut request = self.request(method, &format!("/auth/v1{path}"));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        let text = if body.is_null() { String::new() } else { body.to_string() };
        send(request.header("content-type", "application/json;charset=UTF-8").body(text)).await
    }

    pub(crate) fn begin_stop(&mut self) {
        drop(self.stop.take());
    }

    pub(crate) async fn stop(mut self) {
        self.begin_stop();
        drop(self.client);
        self.running.await.unwrap().unwrap();
    }
}

pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    Answer { status, headers, bytes: response.bytes().await.unwrap().to_vec() }
}

pub(crate) fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The claims of a good token of a user.
pub(crate) fn claims(user: &str) -> Value {
    let now = seconds();
    json!({ "sub": user, "aud": "authenticated", "role": "authenticated", "iat": now, "exp": now + 3_600 })
}

pub(crate) fn sign(claims: &Value) -> String {
    use jsonwebtoken::{EncodingKey, Header, encode};
    encode(&Header::default(), claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

pub(crate) fn token(user: &str) -> String {
    sign(&claims(user))
}

pub(crate) fn batch(operations: &Value) -> Value {
    json!({ "operation": "batch", "batchId": "a-batch", "operations": operations })
}
