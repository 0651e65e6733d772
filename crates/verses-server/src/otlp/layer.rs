//! Gathers the spans of this server from `tracing`. Only the fields that are named here are taken.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use tokio::sync::mpsc::Sender;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter, Layer};
use tracing_subscriber::registry::LookupSpan;
use uuid::Uuid;

use super::wire::{Attribute, Span};
use crate::http::{REQUEST_SPAN, STAGE_SPAN};

/// Fields of the request's span, of a part's span, and of the event that ends a request, with their names in a trace.
const TAKEN: [(&str, &str); 6] = [
    ("request.id", "verses.request.id"),
    ("batch.id", "verses.batch.id"),
    ("stage", "verses.stage"),
    ("method", "http.request.method"),
    ("route", "http.route"),
    ("status", STATUS),
];
const STATUS: &str = "http.response.status_code";

/// Gathers spans and hands them on.
#[derive(Debug)]
pub struct OtlpLayer {
    spans: Sender<Span>,
    dropped: Arc<AtomicU64>,
}

impl OtlpLayer {
    pub(super) fn new(spans: Sender<Span>, dropped: Arc<AtomicU64>) -> Self {
        Self { spans, dropped }
    }

    /// Beside a log with a filter of its own: gathers what it needs, and lets nobody work for what it does not.
    #[must_use]
    pub fn filtered<S: Subscriber + for<'a> LookupSpan<'a>>(self) -> impl Layer<S> + Send + Sync {
        self.with_filter(OwnSpans)
    }
}

/// The spans of requests and of their parts, and the event that ends a request.
#[derive(Debug)]
struct OwnSpans;

impl<S> Filter<S> for OwnSpans {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        let own = metadata.target().starts_with(env!("CARGO_CRATE_NAME"));
        let fits = if metadata.is_span() {
            [REQUEST_SPAN, STAGE_SPAN].contains(&metadata.name())
        } else {
            *metadata.level() <= Level::INFO && metadata.fields().field("route").is_some()
        };
        own && fits
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for OtlpLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let above = span.scope().skip(1).find_map(|above| {
            let extensions = above.extensions();
            extensions.get::<Span>().map(|span| (span.trace, span.id))
        });
        let now = SystemTime::now();
        let mut made = Span {
            trace: above.map_or_else(|| Uuid::new_v4().as_u128(), |(trace, _)| trace),
            id: Uuid::new_v4().as_u64_pair().1,
            parent: above.map(|(_, id)| id),
            name: span.name().to_owned(),
            is_request: span.name() == REQUEST_SPAN,
            began: now,
            ended: now,
            attributes: Vec::new(),
            failed: false,
        };
        attributes.record(&mut Taking(&mut made));
        span.extensions_mut().insert(made);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(made) = span.extensions_mut().get_mut::<Span>() {
            values.record(&mut Taking(made));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(span) = context.event_span(event) else { return };
        if let Some(made) = span.extensions_mut().get_mut::<Span>() {
            event.record(&mut Taking(made));
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let made = context.span(&id).and_then(|span| span.extensions_mut().remove::<Span>());
        let Some(mut made) = made else { return };
        made.ended = SystemTime::now();
        made.name = name(&made);
        if self.spans.try_send(made).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Of a request method and route, of a part its own name: so that those of a kind are together.
fn name(span: &Span) -> String {
    let text = |wanted: &str| {
        span.attributes.iter().find_map(|(name, value)| match value {
            Attribute::Text(text) if *name == wanted => Some(text.as_str()),
            _ => None,
        })
    };
    match (text("http.request.method"), text("http.route"), text("verses.stage")) {
        (Some(method), Some(route), _) => format!("{method} {route}"),
        (_, _, Some(stage)) => stage.to_owned(),
        _ => span.name.clone(),
    }
}

/// Takes the fields that are wanted.
struct Taking<'a>(&'a mut Span);

impl Taking<'_> {
    fn take(&mut self, field: &Field, value: Attribute) {
        let Some((_, name)) = TAKEN.iter().find(|(taken, _)| *taken == field.name()) else { return };
        if *name == STATUS {
            self.0.failed = matches!(value, Attribute::Number(status) if status >= 500);
        }
        self.0.attributes.push((name, value));
    }
}

impl Visit for Taking<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, Attribute::Text(value.to_owned()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, Attribute::Number(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, Attribute::Number(i64::try_from(value).unwrap_or(i64::MAX)));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.take(field, Attribute::Text(format!("{value:?}")));
    }
}
