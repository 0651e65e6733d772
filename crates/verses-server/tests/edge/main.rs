//! The server as its callers meet it: real HTTP on loopback. Bodies, operations, limits, accounts, tokens, the stop.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod accounts;
mod bodies;
mod limits;
mod operations;
mod tokens;

use std::net::SocketAddr;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use verses_server::{App, ServerConfig, serve};

/// The secret tests sign their own tokens with.
pub(crate) const SECRET: &str = "a secret of at least thirty-two bytes";

/// A server of its own for one test. It stops with the test.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    client: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) running: JoinHandle<std::io::Result<()>>,
}

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.bytes)))
    }

    /// A problem with this status and code; every answer outside 2xx has this shape.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> Value {
        assert_eq!((self.status, self.header("content-type")), (status, "application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!((&problem["code"], &problem["status"]), (&json!(code), &json!(status)), "{problem}");
        assert!(problem["error"].as_str().is_some_and(|e| !e.is_empty()), "{problem}");
        assert_eq!(self.header("access-control-allow-origin"), "*", "CORS on errors too");
        problem
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

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(config()).await
    }

    pub(crate) async fn with(config: ServerConfig) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = App::open(config).await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(serve(listener, app, async { drop(stopped.await) }));
        Self { address, client: reqwest::Client::new(), stop: Some(stop), running }
    }

    /// Asks the server to stop.
    pub(crate) fn stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.request(Method::POST, path).header("content-type", "application/json").body(body)
    }

    /// A new anonymous user's session.
    pub(crate) async fn sign_up(&self) -> Value {
        let answer = read(self.post("/auth/v1/signup", "{}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    pub(crate) async fn token(&self) -> String {
        text(&self.sign_up().await["access_token"])
    }

    /// `POST verse-operations`.
    pub(crate) async fn operations(&self, token: &str, body: &Value) -> Answer {
        read(self.post(verses_protocol::OPERATIONS_PATH, body.to_string()).bearer_auth(token)).await
    }
}

pub(crate) async fn read(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, bytes: response.bytes().await.unwrap().to_vec() }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

pub(crate) fn batch(operations: &Value) -> Value {
    json!({ "operation": "batch", "batchId": "b", "operations": operations })
}
