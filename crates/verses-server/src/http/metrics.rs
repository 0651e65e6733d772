//! What the server counts, for Prometheus. One recorder per application, so that several can live in one process. Nothing
//! of a user is in it: labels come from small fixed sets.

use std::time::{Duration, Instant};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder, SharedString, Unit};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::auth::Hashing;
use crate::storage::Pool;

static METADATA: Metadata<'static> = Metadata::new("verses_server", Level::INFO, None);

/// Name of the span of a part of the work on a request.
pub(crate) const STAGE_SPAN: &str = "stage";

/// How often samples are folded into their buckets, unless somebody reads them meanwhile.
pub(crate) const FOLD_EVERY: Duration = Duration::from_secs(5);

const OPERATIONS: &str = "verses_operations_total";
const REQUESTS: &str = "verses_http_requests_total";
const DURATION: &str = "verses_http_request_duration_seconds";
const STAGES: &str = "verses_stage_duration_seconds";
const BATCH_SIZE: &str = "verses_batch_operations";
const IN_FLIGHT: &str = "verses_http_requests_in_flight";
const LIMITED: &str = "verses_limited_total";
const CONNECTIONS: &str = "verses_connections_total";
const OPEN_CONNECTIONS: &str = "verses_connections_open";
const POKES: &str = "verses_pokes_total";
const STREAMS: &str = "verses_streams_open";
const DATABASE: &str = "verses_database_connections";
const DATABASE_WAITING: &str = "verses_database_waiting";
const HASHING: &str = "verses_password_hashes";

/// Bounds of the buckets of durations, in seconds.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Bounds of the buckets of sizes of batches.
const SIZES: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0];

/// A part of the work on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Reading and unpacking the body.
    ReadBody,
    /// Checking the token.
    Verify,
    /// Looking up texts that creations need.
    Texts,
    /// The transaction.
    Storage,
    /// Writing the answer's JSON.
    Answer,
}

impl Stage {
    fn label(self) -> &'static str {
        match self {
            Self::ReadBody => "read_body",
            Self::Verify => "verify",
            Self::Texts => "texts",
            Self::Storage => "storage",
            Self::Answer => "answer",
        }
    }
}

/// Why somebody was sent away, or told to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// The allowance of a user.
    User,
    /// The allowance of an address.
    Address,
    /// The streams of a user.
    Streams,
    /// Requests in flight.
    InFlight,
    /// Memory for bodies or answers.
    Memory,
    /// Connections of an address.
    Connections,
}

impl Limit {
    fn label(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Address => "address",
            Self::Streams => "streams",
            Self::InFlight => "in_flight",
            Self::Memory => "memory",
            Self::Connections => "connections",
        }
    }
}

/// The counters of one application.
pub(crate) struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let sizes = Matcher::Full(BATCH_SIZE.to_owned());
        let builder = PrometheusBuilder::new().set_buckets(&SECONDS);
        // The buckets are fixed and not empty: the only reasons for a refusal.
        let builder = builder.and_then(|b| b.set_buckets_for_metric(sizes, &SIZES));
        let recorder = builder.unwrap_or_else(|_| PrometheusBuilder::new()).build_recorder();
        let handle = recorder.handle();
        let metrics = Self { recorder, handle };
        metrics.describe();
        // There before the first of them is: nothing open is something to know.
        for name in [IN_FLIGHT, OPEN_CONNECTIONS, STREAMS] {
            metrics.gauge(name).set(0.0);
        }
        metrics
    }

    fn describe(&self) {
        let text = |name: &'static str, text: &'static str| (KeyName::from(name), SharedString::from(text));
        for (name, about) in [
            (OPERATIONS, "Operations by kind and outcome"),
            (REQUESTS, "HTTP requests by route and status"),
            (LIMITED, "Requests and connections refused by a limit, by limit"),
            (CONNECTIONS, "Connections that were accepted"),
            (POKES, "Times that a user's listeners were told of a change"),
        ] {
            let (name, about) = text(name, about);
            self.recorder.describe_counter(name, Some(Unit::Count), about);
        }
        for (name, unit, about) in [
            (DURATION, Unit::Seconds, "Time from the head of a request to the head of its answer, by route"),
            (STAGES, Unit::Seconds, "Time that a part of the work on a request took, by part"),
            (BATCH_SIZE, Unit::Count, "Operations in a batch"),
        ] {
            let (name, about) = text(name, about);
            self.recorder.describe_histogram(name, Some(unit), about);
        }
        for (name, about) in [
            (IN_FLIGHT, "HTTP requests being answered"),
            (OPEN_CONNECTIONS, "Connections open now"),
            (STREAMS, "Streams of pokes open now"),
            (DATABASE, "Connections to the database, by what they do"),
            (DATABASE_WAITING, "Transactions that wait for a connection to the database"),
            (HASHING, "Passwords being hashed, and waiting for it"),
        ] {
            let (name, about) = text(name, about);
            self.recorder.describe_gauge(name, Some(Unit::Count), about);
        }
    }

    fn counter(&self, name: &'static str, labels: Vec<Label>) -> Counter {
        self.recorder.register_counter(&Key::from_parts(name, labels), &METADATA)
    }

    fn histogram(&self, name: &'static str, labels: Vec<Label>) -> Histogram {
        self.recorder.register_histogram(&Key::from_parts(name, labels), &METADATA)
    }

    fn gauge(&self, name: &'static str) -> Gauge {
        self.recorder.register_gauge(&Key::from_name(name), &METADATA)
    }

    fn set(&self, name: &'static str, state: &'static str, value: usize) {
        let key = Key::from_parts(name, vec![Label::new("state", state)]);
        self.recorder.register_gauge(&key, &METADATA).set(value as f64);
    }

    /// What is looked at when somebody reads the metrics: the database's connections and the work on passwords.
    pub(crate) fn look(&self, pool: Option<Pool>, hashing: Hashing) {
        if let Some(Pool { open, idle, waiting }) = pool {
            self.set(DATABASE, "idle", idle);
            self.set(DATABASE, "used", open.saturating_sub(idle));
            self.gauge(DATABASE_WAITING).set(waiting as f64);
        }
        self.set(HASHING, "working", hashing.working);
        self.set(HASHING, "waiting", hashing.waiting);
    }

    /// A request is being answered until this is dropped.
    pub(crate) fn in_flight(&self) -> Present {
        Present::new(self.gauge(IN_FLIGHT))
    }

    /// A connection is open until this is dropped.
    pub(crate) fn connection(&self) -> Present {
        self.counter(CONNECTIONS, Vec::new()).increment(1);
        Present::new(self.gauge(OPEN_CONNECTIONS))
    }

    /// A stream of pokes is open until this is dropped.
    pub(crate) fn stream(&self) -> Present {
        Present::new(self.gauge(STREAMS))
    }

    /// Listeners were told.
    pub(crate) fn poke(&self) {
        self.counter(POKES, Vec::new()).increment(1);
    }

    /// An operation was answered. `kind` and `outcome` come from small fixed sets.
    pub(crate) fn operation(&self, kind: &'static str, outcome: &'static str) {
        self.counter(OPERATIONS, vec![Label::new("kind", kind), Label::new("outcome", outcome)]).increment(1);
    }

    pub(crate) fn batch(&self, operations: usize) {
        self.histogram(BATCH_SIZE, Vec::new()).record(operations as f64);
    }

    pub(crate) fn limited(&self, limit: Limit) {
        self.counter(LIMITED, vec![Label::new("limit", limit.label())]).increment(1);
    }

    /// A part of the work lasts until this is dropped.
    pub(crate) fn stage(&self, stage: Stage) -> Timed {
        let stage = stage.label();
        Timed {
            began: Instant::now(),
            took: self.histogram(STAGES, vec![Label::new("stage", stage)]),
            // For traces. It is never entered: the log does not have it.
            _span: tracing::debug_span!(STAGE_SPAN, stage),
        }
    }

    pub(crate) fn request(&self, route: String, status: u16, seconds: f64) {
        self.histogram(DURATION, vec![Label::new("route", route.clone())]).record(seconds);
        self.counter(REQUESTS, vec![Label::new("route", route), Label::new("status", status.to_string())]).increment(1);
    }

    /// Folds the samples into their buckets. They pile up until this is done.
    pub(crate) fn fold(&self) {
        self.handle.run_upkeep();
    }

    /// Everything, in Prometheus' text form.
    pub(crate) fn render(&self) -> String {
        self.fold();
        self.handle.render()
    }
}

/// Something that is there. It counts down wherever it is dropped: handlers of clients that went away never finish.
#[derive(Debug)]
pub(crate) struct Present(Gauge);

impl Present {
    fn new(gauge: Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// Something that takes time.
#[derive(Debug)]
pub(crate) struct Timed {
    began: Instant,
    took: Histogram,
    _span: tracing::Span,
}

impl Drop for Timed {
    fn drop(&mut self) {
        self.took.record(self.began.elapsed().as_secs_f64());
    }
}
