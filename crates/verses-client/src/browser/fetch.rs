//! The transport over `fetch`: gzip bodies, a limit on the time in which nothing moves, bytes counted. It decides nothing.

use std::rc::Rc;

use js_sys::{Reflect, Uint8Array};
use verses_protocol::{PROTOCOL_HEADER, PROTOCOL_VERSION};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::transport::{Method, Request, Response, SendProgress, Transport, TransportError};

#[wasm_bindgen(module = "/js/browser.js")]
extern "C" {
    fn exchange(
        method: &str,
        url: &str,
        bearer: Option<String>,
        protocol: &JsValue,
        body: Option<Uint8Array>,
        stall_ms: f64,
    ) -> js_sys::Promise;
}

/// Without a byte in either direction, milliseconds.
const STALL_MS: f64 = 30_000.0;

/// HTTP to one server through the browser.
#[derive(Debug, Clone)]
pub struct FetchTransport {
    server: Rc<str>,
}

impl FetchTransport {
    /// A transport to the server at `origin` ("https://verses.example"), the page's own as a rule.
    #[must_use]
    pub fn new(origin: &str) -> Self {
        Self { server: origin.trim_end_matches('/').into() }
    }

    fn error(&self, error: &JsValue) -> TransportError {
        let server = self.server.to_string();
        let reason = text(error, "reason");
        match text(error, "kind").as_str() {
            "stalled" => TransportError::Stalled { server, seconds: (STALL_MS / 1_000.0) as u64 },
            "connect" => TransportError::Connect { server, reason },
            _ => TransportError::Broken { server, reason },
        }
    }
}

impl Transport for FetchTransport {
    async fn send(&self, request: Request, progress: Option<SendProgress>) -> Result<Response, TransportError> {
        let method = match request.method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
        };
        let url = format!("{}{}", self.server, request.path);
        let protocol = js_sys::Object::new();
        // Setting a property of a fresh object does not fail.
        drop(Reflect::set(&protocol, &PROTOCOL_HEADER.into(), &PROTOCOL_VERSION.to_string().into()));
        let body = request.body.as_deref().map(Uint8Array::from);
        let answer = JsFuture::from(exchange(method, &url, request.bearer, &protocol, body, STALL_MS)).await;
        let answer = answer.map_err(|error| self.error(&error))?;
        let bytes_sent = number(&answer, "bytesSent") as u64;
        if let Some(progress) = progress {
            progress(bytes_sent, bytes_sent);
        }
        Ok(Response {
            status: number(&answer, "status") as u16,
            content_type: text(&answer, "contentType"),
            retry_after_ms: field(&answer, "retryAfterMs").as_f64().map(|ms| ms as u64),
            body: Uint8Array::from(field(&answer, "body")).to_vec(),
            bytes_sent,
            bytes_received: number(&answer, "bytesReceived") as u64,
            elapsed_ms: number(&answer, "elapsedMs") as u64,
            first_byte_ms: number(&answer, "firstByteMs") as u64,
        })
    }
}

fn field(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

fn number(object: &JsValue, name: &str) -> f64 {
    field(object, name).as_f64().unwrap_or(0.0)
}

fn text(object: &JsValue, name: &str) -> String {
    field(object, name).as_string().unwrap_or_default()
}
