//! The transport over HTTP, native: zstd bodies, connect and stall timeouts, bytes counted. It decides nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use futures_util::StreamExt;
use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use verses_protocol::{PROTOCOL_HEADER, PROTOCOL_VERSION};

use crate::transport::{Method, Request, Response, SendProgress, Transport, TransportError};

/// Bodies smaller than this are sent as they are, in bytes.
const COMPRESS_FROM_BYTES: usize = 256;
/// zstd level of request bodies: on a slow link bytes cost more than cycles.
const COMPRESSION_LEVEL: i32 = 12;
/// Size of the pieces a body is handed to the socket in, so that progress can be seen, in bytes.
const PIECE_BYTES: usize = 8 * 1024;
/// Largest answer accepted once decoded, in bytes.
const MAX_RESPONSE_BYTES: usize = 64 * 1024 * 1024;

/// Time limits of the transport.
#[derive(Debug, Clone, Copy)]
pub struct HttpTimeouts {
    /// For making a connection.
    pub connect: Duration,
    /// Without a byte in either direction.
    pub stall: Duration,
}

impl Default for HttpTimeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), stall: Duration::from_secs(30) }
    }
}

/// HTTP to one server.
#[derive(Clone)]
pub struct HttpTransport {
    client: reqwest::Client,
    server: Arc<str>,
    timeouts: HttpTimeouts,
}

impl std::fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpTransport").field("server", &self.server).finish_non_exhaustive()
    }
}

impl HttpTransport {
    /// A transport to the server at `url` ("http://127.0.0.1:54321").
    ///
    /// # Errors
    /// [`TransportError::BadUrl`] when the address is no http or https URL, or TLS cannot be set up.
    pub fn new(url: &str, timeouts: HttpTimeouts) -> Result<Self, TransportError> {
        let bad = |reason: String| TransportError::BadUrl { url: url.to_owned(), reason };
        let parsed = reqwest::Url::parse(url).map_err(|e| bad(e.to_string()))?;
        if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
            return Err(bad("it must begin with http:// or https:// and name a host".into()));
        }
        let client = reqwest::Client::builder()
            .connect_timeout(timeouts.connect)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("verses/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| bad(e.to_string()))?;
        Ok(Self { client, server: url.trim_end_matches('/').into(), timeouts })
    }

    fn request(&self, request: &Request, body: Option<&Arc<Outgoing>>) -> reqwest::RequestBuilder {
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut builder = self
            .client
            .request(method, format!("{}{}", self.server, request.path))
            .header(PROTOCOL_HEADER, PROTOCOL_VERSION)
            .header(ACCEPT_ENCODING, "zstd");
        if let Some(token) = &request.bearer {
            builder = builder.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(body) = body {
            builder = builder.header(CONTENT_TYPE, "application/json").header("content-length", body.bytes.len());
            if body.compressed {
                builder = builder.header(CONTENT_ENCODING, "zstd");
            }
            builder = builder.body(reqwest::Body::wrap_stream(pieces(Arc::clone(body))));
        }
        builder
    }

    fn error(&self, error: &reqwest::Error) -> TransportError {
        let server = self.server.to_string();
        let reason = innermost(error);
        if error.is_connect() {
            TransportError::Connect { server, reason }
        } else {
            TransportError::Broken { server, reason }
        }
    }

    async fn exchange(
        &self,
        request: Request,
        outgoing: Option<Arc<Outgoing>>,
        activity: Arc<Activity>,
    ) -> Result<Response, TransportError> {
        let started = Instant::now();
        let answer = self.request(&request, outgoing.as_ref()).send().await.map_err(|e| self.error(&e))?;
        activity.touch();
        let head_at = started.elapsed();
        let sent_at =
            outgoing.as_ref().map_or(Duration::ZERO, |o| Duration::from_millis(o.finished_ms.load(Ordering::Relaxed)));
        let status = answer.status().as_u16();
        let headers = answer.headers().clone();
        let mut wire = Vec::new();
        let mut stream = answer.bytes_stream();
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|e| self.error(&e))?;
            activity.touch();
            wire.extend_from_slice(&piece);
            if wire.len() > MAX_RESPONSE_BYTES {
                return Err(TransportError::Broken {
                    server: self.server.to_string(),
                    reason: "the answer is too large".into(),
                });
            }
        }
        Ok(Response {
            status,
            content_type: text(&headers, CONTENT_TYPE.as_str()).to_ascii_lowercase(),
            retry_after_ms: retry_after_ms(&headers, SystemTime::now()),
            bytes_sent: outgoing.as_ref().map_or(0, |o| o.bytes.len() as u64),
            bytes_received: wire.len() as u64,
            elapsed_ms: millis(started.elapsed()),
            first_byte_ms: millis(head_at.saturating_sub(sent_at)),
            body: self.decode(wire, &text(&headers, CONTENT_ENCODING.as_str()))?,
        })
    }

    fn decode(&self, wire: Vec<u8>, encoding: &str) -> Result<Vec<u8>, TransportError> {
        if !encoding.eq_ignore_ascii_case("zstd") {
            return Ok(wire);
        }
        let broken = |reason: String| TransportError::Broken { server: self.server.to_string(), reason };
        let mut decoded = Vec::new();
        let decoder = zstd::stream::read::Decoder::new(wire.as_slice()).map_err(|e| broken(e.to_string()))?;
        let limit = MAX_RESPONSE_BYTES as u64 + 1;
        std::io::Read::read_to_end(&mut std::io::Read::take(decoder, limit), &mut decoded)
            .map_err(|e| broken(format!("the answer is cut or damaged: {e}")))?;
        if decoded.len() > MAX_RESPONSE_BYTES {
            return Err(broken("the answer is too large".into()));
        }
        Ok(decoded)
    }
}

/// How long to wait by `Retry-After`, which has seconds or a date. A date counts from the server's own `Date`, for this
/// device's clock (`now`) may be wrong; one in the past means no wait.
fn retry_after_ms(headers: &HeaderMap, now: SystemTime) -> Option<u64> {
    let value = text(headers, RETRY_AFTER.as_str());
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(seconds.saturating_mul(1_000));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let from = httpdate::parse_http_date(text(headers, DATE.as_str()).trim()).unwrap_or(now);
    Some(until.duration_since(from).map_or(0, millis))
}

impl Transport for HttpTransport {
    async fn send(&self, request: Request, progress: Option<SendProgress>) -> Result<Response, TransportError> {
        let activity = Arc::new(Activity::default());
        let outgoing =
            request.body.as_deref().map(|body| Arc::new(Outgoing::new(body, Arc::clone(&activity), progress)));
        let exchange = self.exchange(request, outgoing, Arc::clone(&activity));
        tokio::pin!(exchange);
        let mut seen = activity.count();
        loop {
            tokio::select! {
                answer = &mut exchange => return answer,
                () = tokio::time::sleep(self.timeouts.stall) => {
                    let now = activity.count();
                    if now == seen {
                        let seconds = self.timeouts.stall.as_secs();
                        return Err(TransportError::Stalled { server: self.server.to_string(), seconds });
                    }
                    seen = now;
                }
            }
        }
    }
}

/// Counts what moved, in either direction.
#[derive(Default)]
struct Activity(AtomicU64);

impl Activity {
    fn touch(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A body on its way out.
struct Outgoing {
    bytes: Vec<u8>,
    compressed: bool,
    activity: Arc<Activity>,
    progress: Option<SendProgress>,
    started: Instant,
    finished_ms: AtomicU64,
    finished: AtomicBool,
}

impl Outgoing {
    fn new(body: &[u8], activity: Arc<Activity>, progress: Option<SendProgress>) -> Self {
        // A body that cannot be compressed is sent as it is: nothing is lost but bytes.
        let packed =
            if body.len() >= COMPRESS_FROM_BYTES { zstd::bulk::compress(body, COMPRESSION_LEVEL).ok() } else { None };
        let compressed = packed.is_some();
        Self {
            bytes: packed.unwrap_or_else(|| body.to_vec()),
            compressed,
            activity,
            progress,
            started: Instant::now(),
            finished_ms: AtomicU64::new(0),
            finished: AtomicBool::new(false),
        }
    }

    fn moved(&self, sent: usize) {
        self.activity.touch();
        if sent >= self.bytes.len() && !self.finished.swap(true, Ordering::Relaxed) {
            self.finished_ms.store(millis(self.started.elapsed()), Ordering::Relaxed);
        }
        if let Some(progress) = &self.progress {
            progress(sent as u64, self.bytes.len() as u64);
        }
    }
}

fn pieces(body: Arc<Outgoing>) -> impl futures_util::Stream<Item = Result<Vec<u8>, std::io::Error>> + Send {
    futures_util::stream::unfold((body, 0usize), |(body, at)| async move {
        if at >= body.bytes.len() {
            return None;
        }
        let end = (at + PIECE_BYTES).min(body.bytes.len());
        let piece = body.bytes[at..end].to_vec();
        body.moved(end);
        Some((Ok(piece), (body, end)))
    })
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The innermost cause says what happened; the outer ones repeat the URL.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_says_when_to_come_back_in_seconds_or_by_a_date() {
        let headers = |retry_after: &'static str, date: &'static str| {
            let mut headers = HeaderMap::new();
            for (name, value) in [(RETRY_AFTER, retry_after), (DATE, date)] {
                if !value.is_empty() {
                    headers.insert(name, value.parse().expect("a header"));
                }
            }
            headers
        };
        // 1994-11-06T08:49:37Z, by a device whose clock is an hour behind.
        let (then, an_hour_before) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 07:49:37 GMT");
        let behind = httpdate::parse_http_date(an_hour_before).expect("a date");
        for (retry_after, date, expected) in [
            ("30", "", Some(30_000)),
            (" 30 ", then, Some(30_000)),
            ("0", "", Some(0)),
            ("99999999999999999999", "", None),
            ("18446744073709551615", "", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", then, Some(30_000)),
            ("Sunday, 06-Nov-94 08:50:07 GMT", then, Some(30_000)),
            ("Sun Nov  6 08:50:07 1994", then, Some(30_000)),
            (then, "", Some(3_600_000)),
            (then, "nonsense", Some(3_600_000)),
            (an_hour_before, then, Some(0)),
            ("soon", then, None),
            ("-5", then, None),
            ("", then, None),
        ] {
            assert_eq!(retry_after_ms(&headers(retry_after, date), behind), expected, "{retry_after:?} at {date:?}");
        }
    }
}
