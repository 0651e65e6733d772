//! Spans and how they are written: the JSON form of OTLP's `ExportTraceServiceRequest`. Ids are hexadecimal and numbers of
//! 64 bits are texts there.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// A span that has ended, or will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) trace: u128,
    pub(super) id: u64,
    pub(super) parent: Option<u64>,
    pub(super) name: String,
    /// Whether it is a request of somebody else, or a part of our own work.
    pub(super) is_request: bool,
    pub(super) began: SystemTime,
    pub(super) ended: SystemTime,
    pub(super) attributes: Vec<(&'static str, Attribute)>,
    pub(super) failed: bool,
}

/// A value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Attribute {
    Text(String),
    Number(i64),
}

const KIND_INTERNAL: u8 = 1;
const KIND_SERVER: u8 = 2;
const STATUS_ERROR: u8 = 2;

fn nanos(at: SystemTime) -> String {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos()).to_string()
}

fn attribute(name: &str, value: &Attribute) -> Value {
    let value = match value {
        Attribute::Text(text) => json!({ "stringValue": text }),
        Attribute::Number(number) => json!({ "intValue": number.to_string() }),
    };
    json!({ "key": name, "value": value })
}

fn span(span: &Span) -> Value {
    let attributes: Vec<Value> = span.attributes.iter().map(|(name, value)| attribute(name, value)).collect();
    let mut written = json!({
        "traceId": format!("{:032x}", span.trace), "spanId": format!("{:016x}", span.id), "name": span.name,
        "kind": if span.is_request { KIND_SERVER } else { KIND_INTERNAL },
        "startTimeUnixNano": nanos(span.began), "endTimeUnixNano": nanos(span.ended), "attributes": attributes,
    });
    if let Some(parent) = span.parent {
        written["parentSpanId"] = format!("{parent:016x}").into();
    }
    if span.failed {
        written["status"] = json!({ "code": STATUS_ERROR });
    }
    written
}

/// The body of one sending.
pub(super) fn request(spans: &[Span]) -> Value {
    let version = env!("CARGO_PKG_VERSION");
    let text = |name: &str, text: &str| attribute(name, &Attribute::Text(text.to_owned()));
    json!({ "resourceSpans": [{
        "resource": { "attributes": [text("service.name", "verses"), text("service.version", version)] },
        "scopeSpans": [{ "scope": { "name": "verses-server", "version": version }, "spans": spans.iter().map(span).collect::<Vec<_>>() }],
    }] })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn spans_are_written_as_collectors_read_them() {
        let began = UNIX_EPOCH + Duration::from_nanos(1_772_452_800_000_000_001);
        let request_span = Span {
            trace: 0xab,
            id: 0xc,
            parent: None,
            name: "GET /health".into(),
            is_request: true,
            began,
            ended: began + Duration::from_nanos(5),
            attributes: vec![
                ("http.response.status_code", Attribute::Number(500)),
                ("http.route", Attribute::Text("/".into())),
            ],
            failed: true,
        };
        let part = Span {
            id: 0xd,
            parent: Some(0xc),
            is_request: false,
            failed: false,
            attributes: Vec::new(),
            ..request_span.clone()
        };
        let written = request(&[request_span, part]);
        let spans = &written["resourceSpans"][0]["scopeSpans"][0]["spans"];
        assert_eq!(
            spans[0],
            json!({
                "traceId": "000000000000000000000000000000ab", "spanId": "000000000000000c", "name": "GET /health", "kind": 2,
                "startTimeUnixNano": "1772452800000000001", "endTimeUnixNano": "1772452800000000006", "status": { "code": 2 },
                "attributes": [
                    { "key": "http.response.status_code", "value": { "intValue": "500" } },
                    { "key": "http.route", "value": { "stringValue": "/" } },
                ],
            })
        );
        assert_eq!((&spans[1]["parentSpanId"], &spans[1]["kind"]), (&json!("000000000000000c"), &json!(1)));
        assert_eq!((spans[0].get("parentSpanId"), spans[1].get("status")), (None, None));
    }
}
