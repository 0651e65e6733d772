//! Traces for whoever operates the server, sent to an OpenTelemetry collector as OTLP over HTTP in JSON: a span for each
//! request, with one for each part of the work on it. What is sent is what the log may say: routes, statuses and ids of
//! requests and batches, nothing of users. Which spans there are, `http` decides; how they are written is in `wire`.
//!
//! Spans wait in a bounded queue and are sent in the background. A collector that is slow or gone costs spans and a line in
//! the log now and then, and nothing else.

mod layer;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub use self::layer::OtlpLayer;
use self::wire::Span;

/// Spans that wait at most. More are counted and dropped.
const QUEUE: usize = 4_096;
/// Spans sent at once at most.
const AT_ONCE: usize = 512;
/// Time for the collector to take one sending.
const PATIENCE: Duration = Duration::from_secs(10);
/// Time for the last sending, when the server stops.
const LAST_PATIENCE: Duration = Duration::from_secs(3);
/// A collector that fails is mentioned once in this time.
const MENTION_EVERY: Duration = Duration::from_secs(60);

/// Where traces go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpOptions {
    /// The collector: `http://127.0.0.1:4318`; `/v1/traces` is added.
    pub endpoint: String,
    /// How long spans are gathered before they are sent.
    pub every: Duration,
}

impl OtlpOptions {
    /// The usual pace, for this collector.
    #[must_use]
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self { endpoint: endpoint.into(), every: Duration::from_secs(5) }
    }
}

/// The collector's address cannot be one.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// No address of a server.
    #[error("{0:?} is no address of a collector: write it like http://127.0.0.1:4318")]
    Endpoint(String),
    /// No HTTP client.
    #[error("no HTTP client for the collector: {0}")]
    Client(#[from] reqwest::Error),
}

/// Sends spans in the background until it is told to finish.
#[derive(Debug)]
pub struct OtlpExporter {
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl OtlpExporter {
    /// A layer that gathers spans, and the exporter that sends them. Must be called within the runtime.
    ///
    /// # Errors
    /// [`OtlpError`] for an address that cannot be a collector's.
    pub fn start(options: &OtlpOptions) -> Result<(OtlpLayer, Self), OtlpError> {
        let wrong = || OtlpError::Endpoint(options.endpoint.clone());
        let mut url: reqwest::Url = options.endpoint.parse().map_err(|_| wrong())?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(wrong());
        }
        let path = format!("{}/v1/traces", url.path().trim_end_matches('/'));
        url.set_path(&path);
        let client =
            reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build()?;
        let (sender, spans) = mpsc::channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let (stop, stopped) = oneshot::channel();
        let sending =
            Sending { client, url, every: options.every, spans, dropped: Arc::clone(&dropped), mentioned: None };
        let running = tokio::spawn(sending.run(stopped));
        Ok((OtlpLayer::new(sender, dropped), Self { stop, running }))
    }

    /// Sends what is left, for a bounded time. For the moment when the server has stopped.
    pub async fn finish(self) {
        let Self { stop, mut running } = self;
        // It may have ended: then there is nothing left to tell it.
        let _ = stop.send(());
        if tokio::time::timeout(LAST_PATIENCE, &mut running).await.is_err() {
            running.abort();
            tracing::warn!("the collector of traces did not take the last of them in time");
        }
    }
}

struct Sending {
    client: reqwest::Client,
    url: reqwest::Url,
    every: Duration,
    spans: mpsc::Receiver<Span>,
    dropped: Arc<AtomicU64>,
    mentioned: Option<Instant>,
}

impl Sending {
    async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        let mut gathered = Vec::new();
        loop {
            let pause = tokio::time::sleep(self.every);
            tokio::pin!(pause);
            let ends = loop {
                tokio::select! {
                    _ = &mut stopped => break true,
                    () = &mut pause => break false,
                    got = self.spans.recv_many(&mut gathered, AT_ONCE), if gathered.len() < AT_ONCE => match got {
                        0 => break true,
                        _ if gathered.len() >= AT_ONCE => break false,
                        _ => {}
                    },
                }
            };
            if ends {
                self.spans.close();
                while self.spans.recv_many(&mut gathered, AT_ONCE).await > 0 {}
            }
            for some in gathered.chunks(AT_ONCE) {
                self.send(some).await;
            }
            gathered.clear();
            if ends {
                return;
            }
        }
    }

    async fn send(&mut self, spans: &[Span]) {
        let request = self.client.post(self.url.clone()).header("content-type", "application/json");
        let sent = request.body(wire::request(spans).to_string()).send().await;
        // The address may hold a password: it is not repeated.
        let failed = match sent.map_err(reqwest::Error::without_url) {
            Ok(answer) if answer.status().is_success() => return,
            Ok(answer) => format!("it answered {}", answer.status()),
            Err(error) => error.to_string(),
        };
        self.dropped.fetch_add(spans.len() as u64, Ordering::Relaxed);
        let now = Instant::now();
        if self.mentioned.is_none_or(|at| now - at >= MENTION_EVERY) {
            self.mentioned = Some(now);
            let lost = self.dropped.swap(0, Ordering::Relaxed);
            tracing::warn!(lost, error = failed, "the collector of traces does not take them: these spans are lost");
        }
    }
}
