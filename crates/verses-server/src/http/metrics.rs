//! What the server counts, for Prometheus. One recorder per application, so that several can live in one process.

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder, SharedString, Unit};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

static METADATA: Metadata<'static> = Metadata::new("verses_server", Level::INFO, None);

const OPERATIONS: &str = "verses_operations_total";
const REQUESTS: &str = "verses_http_requests_total";
const DURATION: &str = "verses_http_request_duration_seconds";
const BATCH_SIZE: &str = "verses_batch_operations";
const IN_FLIGHT: &str = "verses_http_requests_in_flight";

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
        let builder = PrometheusBuilder::new();
        // The buckets are fixed and not empty: the only reasons for a refusal.
        let builder = builder.set_buckets(&[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]);
        let recorder = builder.unwrap_or_else(|_| PrometheusBuilder::new()).build_recorder();
        let handle = recorder.handle();
        let describe = |name: &'static str, text: &'static str| (KeyName::from(name), SharedString::from(text));
        for (name, text) in
            [(OPERATIONS, "Operations by kind and outcome"), (REQUESTS, "HTTP requests by route and status")]
        {
            let (name, text) = describe(name, text);
            recorder.describe_counter(name, Some(Unit::Count), text);
        }
        for (name, unit, text) in [
            (DURATION, Unit::Seconds, "Time from the head of a request to the head of its answer, by route"),
            (BATCH_SIZE, Unit::Count, "Operations in a batch"),
        ] {
            let (name, text) = describe(name, text);
            recorder.describe_histogram(name, Some(unit), text);
        }
        let (name, text) = describe(IN_FLIGHT, "HTTP requests being answered");
        recorder.describe_gauge(name, Some(Unit::Count), text);
        Self { recorder, handle }
    }

    fn counter(&self, name: &'static str, labels: Vec<Label>) -> Counter {
        self.recorder.register_counter(&Key::from_parts(name, labels), &METADATA)
    }

    fn histogram(&self, name: &'static str, labels: Vec<Label>) -> Histogram {
        self.recorder.register_histogram(&Key::from_parts(name, labels), &METADATA)
    }

    pub(crate) fn in_flight(&self) -> Gauge {
        self.recorder.register_gauge(&Key::from_name(IN_FLIGHT), &METADATA)
    }

    /// An operation was answered. `kind` and `outcome` come from small fixed sets.
    pub(crate) fn operation(&self, kind: &'static str, outcome: &'static str) {
        self.counter(OPERATIONS, vec![Label::new("kind", kind), Label::new("outcome", outcome)]).increment(1);
    }

    pub(crate) fn batch(&self, operations: usize) {
        self.histogram(BATCH_SIZE, Vec::new()).record(operations as f64);
    }

    pub(crate) fn request(&self, route: String, status: u16, seconds: f64) {
        self.histogram(DURATION, vec![Label::new("route", route.clone())]).record(seconds);
        self.counter(REQUESTS, vec![Label::new("route", route), Label::new("status", status.to_string())]).increment(1);
    }

    /// Everything, in Prometheus' text form.
    pub(crate) fn render(&self) -> String {
        self.handle.run_upkeep();
        self.handle.render()
    }
}
