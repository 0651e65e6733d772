//! What happens around every request: who asks, an id, the protocol version, a time limit, a panic that becomes an answer,
//! counting and logging, headers for safety. CORS is in `cors`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, STRICT_TRANSPORT_SECURITY};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tracing::Instrument;
use verses_core::UnixMillis;
use verses_protocol::auth::AUTH_PATH;
use verses_protocol::{EVENTS_PATH, ErrorCode, OLDEST_PROTOCOL_VERSION, PROTOCOL_HEADER, PROTOCOL_VERSION};

use super::Clock;
use super::admit::Admission;
use super::memory::Memory;
use super::metrics::{Limit, Metrics};
use super::problem::Refusal;
use super::rate::{Buckets, Taken};
use crate::address::Caller;
use crate::auth::AuthError;
use crate::config::ServerConfig;
use crate::tasks::Tasks;
use crate::web::OfApp;

/// Name of the span of a request.
pub(crate) const REQUEST_SPAN: &str = "request";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id taken over from a caller, in bytes.
const MAX_ID_BYTES: usize = 64;

/// What the layers share.
pub(crate) struct Layers {
    pub(crate) config: ServerConfig,
    pub(crate) metrics: Metrics,
    pub(crate) memory: Memory,
    pub(crate) admission: Admission,
    pub(crate) tasks: Tasks,
    addresses: Buckets<Caller>,
    clock: Clock,
}

impl std::fmt::Debug for Layers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Layers").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Layers {
    pub(super) fn new(config: &ServerConfig, tasks: Tasks, clock: Clock) -> Self {
        Self {
            metrics: Metrics::new(),
            memory: Memory::new(config),
            admission: Admission::new(config),
            tasks,
            addresses: Buckets::new("address", config.requests_per_minute_per_address),
            clock,
            config: config.clone(),
        }
    }

    pub(super) fn now(&self) -> UnixMillis {
        (self.clock)()
    }

    /// Takes from the allowance of an address.
    pub(super) fn take_of_address(&self, address: Option<Caller>, units: u64) -> Result<(), Refusal> {
        let Some(address) = address else { return Ok(()) };
        match self.addresses.take_telling(address, units, self.now().0) {
            (Taken::Left(_), _) => Ok(()),
            (Taken::Wait(seconds), told) => {
                self.metrics.limited(Limit::Address);
                Err(Refusal::rate_limited(told, seconds, "requests and operations from one address"))
            }
        }
    }
}

/// Says of an answer that it goes on until it ends by itself: no limit of time applies to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GoesOn;

/// Says who asks, for everything that counts by address: whoever is behind the proxies that are trusted.
pub(crate) async fn identify(State(shared): State<Arc<Layers>>, mut request: Request, next: Next) -> Response {
    // Only a router that is called without a socket has no address.
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>().copied() {
        let config = &shared.config;
        let client = config.behind_proxy.client(peer.ip(), request.headers(), config.forwarded_header);
        let extensions = request.extensions_mut();
        extensions.insert(Caller::from(client));
        extensions.insert(ConnectInfo(SocketAddr::new(client, peer.port())));
    }
    next.run(request).await
}

/// So many requests from one address. Sign-in has its own limit, for a client that is told 429 there signs its user out.
pub(crate) async fn rate(State(shared): State<Arc<Layers>>, request: Request, next: Next) -> Response {
    match shared.take_of_address(request.extensions().get::<Caller>().copied(), 1) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// Names an answer that no route of its own made, in the log and the metrics. Fixed words: paths are anybody's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RouteLabel(pub(crate) &'static str);

/// What browsers can do and the app does not: nothing that gets into it can either.
const NOT_NEEDED: &str = "accelerometer=(), autoplay=(), camera=(), display-capture=(), \
                          encrypted-media=(), fullscreen=(), geolocation=(), gyroscope=(), hid=(), idle-detection=(), \
                          magnetometer=(), microphone=(), midi=(), payment=(), picture-in-picture=(), \
                          publickey-credentials-get=(), screen-wake-lock=(), serial=(), usb=(), xr-spatial-tracking=()";

/// Says of a request that it came over TLS.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Secure;

/// Headers for safety on every answer. What is no file of the app is no page, and nothing of it belongs into one.
pub(crate) async fn protect(request: Request, next: Next) -> Response {
    let secure = request.extensions().get::<Secure>().is_some();
    let mut response = next.run(request).await;
    let of_app = response.extensions_mut().remove::<OfApp>();
    let headers = response.headers_mut();
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        // Pages that call with CORS are not concerned; those that embed an answer get none.
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let nothing = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    match of_app {
        None => drop(headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(nothing))),
        Some(OfApp(policy)) => {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
            headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
            headers.insert("permissions-policy", HeaderValue::from_static(NOT_NEEDED));
        }
    }
    if secure {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Gives the request an id, counts it and logs it. Whatever is logged on the way has the id too. Of what a caller wrote
/// only the id is logged, and only if it is a plain one.
pub(crate) async fn observe(State(shared): State<Arc<Layers>>, mut request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let method = method_label(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or_else(|| "other".to_owned(), |p| p.as_str().to_owned());
    // At this level so that no filter takes the id from an error.
    let id_text = id.to_str().unwrap_or_default();
    let span = tracing::error_span!(REQUEST_SPAN, request.id = id_text, batch.id = tracing::field::Empty);
    let started = Instant::now();
    let in_flight = shared.metrics.in_flight();
    let mut response = next.run(request).instrument(span.clone()).await;
    drop(in_flight);
    let status = response.status().as_u16();
    let route = response.extensions().get::<RouteLabel>().map_or(route, |label| label.0.to_owned());
    shared.metrics.request(route.clone(), status, started.elapsed().as_secs_f64());
    let duration_ms = started.elapsed().as_millis();
    span.in_scope(|| {
        if status >= 500 {
            tracing::warn!(method, route, status, duration_ms, "request failed");
        } else {
            tracing::info!(method, route, status, duration_ms, "request");
        }
    });
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// Methods for the log: callers may invent any.
fn method_label(method: &Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    known.into_iter().find(|known| method.as_str() == *known).unwrap_or("other")
}

/// Whether an id of a caller's making may go into the log as it is.
pub(super) fn is_plain_id(text: &[u8]) -> bool {
    let fits = (1..=MAX_ID_BYTES).contains(&text.len());
    fits && text.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// Adds OPTIONS, which is answered before the routes, to the methods of a 405. The router writes them outside its layers.
pub(crate) fn allow_options(mut response: Response) -> Response {
    let own = response.headers().get(ALLOW).and_then(|v| v.to_str().ok()).filter(|v| !v.is_empty());
    if let Some(Ok(all)) = own.map(|own| HeaderValue::from_str(&format!("{own}, OPTIONS"))) {
        response.headers_mut().insert(ALLOW, all);
    }
    response
}

fn request_id(headers: &HeaderMap) -> HeaderValue {
    let sent = headers.get(REQUEST_ID).filter(|v| is_plain_id(v.as_bytes()));
    let fresh = || HeaderValue::from_str(&uuid::Uuid::new_v4().to_string()).unwrap_or(HeaderValue::from_static("-"));
    sent.cloned().unwrap_or_else(fresh)
}

/// A protocol version that is not spoken pauses the client's queue; it never rejects operations.
pub(crate) async fn protocol(request: Request, next: Next) -> Response {
    let version =
        request.headers().get(PROTOCOL_HEADER).and_then(|v| v.to_str().ok()).and_then(|v| v.trim().parse::<u16>().ok());
    match version {
        Some(version) if !(OLDEST_PROTOCOL_VERSION..=PROTOCOL_VERSION).contains(&version) => {
            let text = format!(
                "protocol version {version} is not spoken here (only {OLDEST_PROTOCOL_VERSION} to {PROTOCOL_VERSION}): update the app; what waits in it is kept"
            );
            Refusal::new(ErrorCode::UpgradeRequired, text).into_response()
        }
        _ => next.run(request).await,
    }
}

/// A time limit, and an answer even after a panic. Requests with a body are limited once it is there: a slow upload that
/// moves is left alone. The stream of pokes has no limit.
pub(crate) async fn guard(State(shared): State<Arc<Layers>>, request: Request, next: Next) -> Response {
    let limit = Duration::from_millis(shared.config.request_timeout_ms);
    let auth = request.uri().path().starts_with(AUTH_PATH);
    let unlimited = request.uri().path() == EVENTS_PATH || request.method() != Method::GET;
    let work = std::panic::AssertUnwindSafe(next.run(request)).catch_unwind();
    let answered = if unlimited { Ok(work.await) } else { tokio::time::timeout(limit, work).await };
    match answered {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            tracing::error!("a handler panicked");
            if auth {
                // Clients drop the session on a 500 of the refresh grant, and try a 503 again.
                return AuthError::Busy.into_response();
            }
            Refusal::new(ErrorCode::Internal, "the server made a mistake: try again").into_response()
        }
        Err(_) if auth => AuthError::Busy.into_response(),
        Err(_) => Refusal::new(ErrorCode::DeadlineExceeded, "the server took too long: try again").into_response(),
    }
}
