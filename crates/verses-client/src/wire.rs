//! Between the engine and the protocol: queued operations to a request body, an answer to what the engine must know. Pure.

use batchsync::{
    HttpFault, OperationOutcome, OperationResult as EngineResult, Response as EngineResponse, ServerLimits, Signal,
};
use verses_core::OperationKind;
use verses_json::{ToJson, Writer, json_write, payload, to_bytes};
use verses_protocol::{ErrorCode, Limits, Problem};
use verses_store::QueuedOperation;

use crate::answer;
use crate::reply::{BatchReply, OperationReply, ReplyData};
use crate::transport::{Response, TransportError};

/// What the answer to a request that carried operations says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    /// The server processed it: tell the engine, and take over the rest.
    Answered(Box<Answered>),
    /// It did not.
    Fault(Signal),
}

/// A processed request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answered {
    /// For the engine.
    pub(crate) response: EngineResponse,
    /// The results with their data, for the store.
    pub(crate) results: Vec<OperationReply>,
    /// The batch's answer, if it was a batch; its results are in `results`.
    pub(crate) batch: Option<BatchReply>,
    /// Whether the changes in it begin at the beginning, because no cursor was sent. For the caller to say.
    pub(crate) from_start: bool,
}

/// The body of a batch.
pub(crate) fn batch_body(batch_id: &str, operations: &[QueuedOperation], cursor: Option<&str>) -> Vec<u8> {
    let operations = operations.iter().map(Sent).collect();
    to_bytes(&Batch { operation: "batch", batch_id, operations, cursor, pull: cursor.is_none() })
}

/// The fields of [`BatchRequest`](verses_protocol::BatchRequest).
struct Batch<'a> {
    operation: &'static str,
    batch_id: &'a str,
    operations: Vec<Sent<'a>>,
    cursor: Option<&'a str>,
    pull: bool,
}

json_write! { Batch<'_> {
    operation: "operation",
    batch_id: "batchId",
    operations: "operations",
    cursor: "cursor" opt,
    pull: "pull" flag,
} }

/// An operation of a batch.
struct Sent<'a>(&'a QueuedOperation);

impl ToJson for Sent<'_> {
    fn to_json(&self, out: &mut Writer) {
        out.object(&|out| {
            out.field("id", &self.0.meta.id);
            out.field("type", &self.0.data.kind().as_str());
            out.field("data", payload(&self.0.data));
        });
    }
}

/// The body of one operation sent by itself. A creation's fields stand beside `operation`, as the source has them.
pub(crate) fn individual_body(operation: &QueuedOperation) -> Vec<u8> {
    to_bytes(&Alone(operation))
}

/// An operation that is a request.
struct Alone<'a>(&'a QueuedOperation);

impl ToJson for Alone<'_> {
    fn to_json(&self, out: &mut Writer) {
        let kind = self.0.data.kind();
        out.object(&|out| {
            out.field("operation", &kind.as_str());
            out.field("id", &self.0.meta.id);
            if kind == OperationKind::CreateVerse {
                out.flat(payload(&self.0.data));
            } else {
                out.field("data", payload(&self.0.data));
            }
        });
    }
}

/// A question for a text.
pub(crate) struct Lookup<'a> {
    pub(crate) reference: &'a str,
    pub(crate) translation: Option<&'a str>,
}

impl ToJson for Lookup<'_> {
    fn to_json(&self, out: &mut Writer) {
        out.object(&|out| {
            out.field("operation", &"lookup");
            out.field("reference", &self.reference);
            out.field("translation", &self.translation);
        });
    }
}

/// Reads the answer to a batch.
pub(crate) fn read_batch(answer: Result<Response, TransportError>) -> Outcome {
    let response = match checked(answer) {
        Ok(response) => response,
        Err(signal) => return Outcome::Fault(signal),
    };
    match answer::read::<BatchReply>(&response) {
        Ok(mut batch) => {
            let results = std::mem::take(&mut batch.results);
            let engine = engine_response(&response, &results);
            Outcome::Answered(Box::new(Answered { response: engine, results, batch: Some(batch), from_start: false }))
        }
        Err(_) => Outcome::Fault(Signal::UnexpectedBody),
    }
}

/// Reads the answer to one operation sent by itself. A refusal that names the operation's fault is that operation's
/// result; anything else is a fault of the request.
pub(crate) fn read_individual(id: &str, answer: Result<Response, TransportError>) -> Outcome {
    let response = match answer {
        Ok(response) => response,
        Err(error) => return Outcome::Fault(signal_of(&error)),
    };
    let result = if (200..300).contains(&response.status) {
        match answer::read::<ReplyData>(&response) {
            Ok(data) => success(id, data),
            Err(_) => return Outcome::Fault(Signal::UnexpectedBody),
        }
    } else {
        match refusal(id, &response) {
            Some(result) => result,
            None => return Outcome::Fault(fault_of(&response)),
        }
    };
    let results = vec![result];
    let engine = engine_response(&response, &results);
    Outcome::Answered(Box::new(Answered { response: engine, results, batch: None, from_start: false }))
}

fn success(id: &str, data: ReplyData) -> OperationReply {
    OperationReply { id: id.to_owned(), success: true, data: Some(data), error: None, code: None, retryable: None }
}

/// The result of an operation that the server looked at and refused: its code names a fault of the operation.
fn refusal(id: &str, response: &Response) -> Option<OperationReply> {
    let problem: Problem =
        if answer::is_json(response) { verses_json::read(&response.body).ok()? } else { return None };
    let about_the_operation = matches!(
        problem.code,
        ErrorCode::ValidationFailed
            | ErrorCode::InvalidReference
            | ErrorCode::TextRequired
            | ErrorCode::UnknownVerse
            | ErrorCode::UnknownOperation
            | ErrorCode::OperationIdReused
            | ErrorCode::ProviderUnavailable
    );
    about_the_operation.then(|| OperationReply {
        id: id.to_owned(),
        success: false,
        data: None,
        error: Some(problem.error),
        code: Some(problem.code),
        retryable: Some(problem.retryable),
    })
}

fn checked(answer: Result<Response, TransportError>) -> Result<Response, Signal> {
    let response = answer.map_err(|e| signal_of(&e))?;
    if (200..300).contains(&response.status) { Ok(response) } else { Err(fault_of(&response)) }
}

/// What the engine must know of a request without an answer.
pub(crate) fn signal_of(error: &TransportError) -> Signal {
    match error {
        TransportError::Connect { .. } | TransportError::BadUrl { .. } => Signal::ConnectFailed,
        TransportError::Broken { .. } => Signal::ConnectionLost,
        TransportError::Stalled { .. } => Signal::Stalled,
    }
}

/// What the engine must know of an answer with an error status.
pub(crate) fn fault_of(response: &Response) -> Signal {
    let from_a_stranger = !answer::is_json(response) && matches!(response.status, 0..=403 | 407 | 511);
    if from_a_stranger {
        return Signal::UnexpectedBody;
    }
    let (code, message) = answer::code_and_message(response).map_or((None, None), |(c, m)| (Some(c), Some(m)));
    let problem = verses_json::read::<Problem>(&response.body).ok();
    let limits = problem.as_ref().and_then(|p| {
        let told = p.max_operations.is_some() || p.max_request_bytes.is_some();
        told.then(|| ServerLimits {
            max_operations: p.max_operations,
            max_bytes: p.max_request_bytes,
            ..ServerLimits::default()
        })
    });
    Signal::Http(Box::new(HttpFault {
        status: response.status,
        // An unknown code is as good as none: the engine decides by the status then.
        code: code.filter(|c| c != "unknown"),
        message,
        retry_after_ms: response.retry_after_ms,
        operation: None,
        session_matches: None,
        limits,
    }))
}

/// Whether the server cannot read the cursor it was given.
pub(crate) fn is_invalid_cursor(signal: &Signal) -> bool {
    matches!(signal, Signal::Http(fault) if fault.code.as_deref() == Some(ErrorCode::InvalidCursor.as_str()))
}

fn engine_response(response: &Response, results: &[OperationReply]) -> EngineResponse {
    EngineResponse {
        results: results.iter().map(|r| EngineResult { id: r.id.clone(), outcome: outcome_of(r) }).collect(),
        bytes_sent: response.bytes_sent,
        bytes_received: response.bytes_received,
        elapsed_ms: response.elapsed_ms,
        rtt_ms: None,
        server_ms: None,
        retry_after_ms: response.retry_after_ms,
        limits: None,
    }
}

fn outcome_of(result: &OperationReply) -> OperationOutcome {
    if result.success {
        let duplicate = result.data.as_ref().is_some_and(|data| data.is_duplicate);
        return if duplicate { OperationOutcome::Duplicate } else { OperationOutcome::Applied };
    }
    let code = result.code.unwrap_or(ErrorCode::Unknown);
    let message = result.error.clone().unwrap_or_else(|| "the server gave no reason".into());
    let (text, retryable) = (code.as_str().to_owned(), result.retryable.unwrap_or_else(|| code.is_retryable()));
    match code {
        ErrorCode::Forbidden => OperationOutcome::Forbidden { code: text, message },
        ErrorCode::UnknownVerse => OperationOutcome::DependencyMissing { code: text, message },
        _ if retryable => OperationOutcome::Retry { code: text, message, retry_after_ms: None },
        _ => OperationOutcome::Rejected { code: text, message },
    }
}

/// The limits document as the engine reads it.
pub(crate) fn server_limits(limits: &Limits) -> ServerLimits {
    ServerLimits {
        max_operations: Some(limits.max_operations),
        max_bytes: Some(limits.max_request_bytes),
        ..ServerLimits::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, content_type: &str, body: &str) -> Response {
        Response { status, content_type: content_type.into(), body: body.into(), ..Response::default() }
    }

    fn result(code: &str, retryable: bool) -> OperationReply {
        let text = format!(r#"{{"id":"a","success":false,"error":"why","code":"{code}","retryable":{retryable}}}"#);
        verses_json::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn each_result_becomes_the_outcome_its_code_stands_for() {
        let rejected = |c: &str| OperationOutcome::Rejected { code: c.into(), message: "why".into() };
        let cases = [
            ("validation_failed", false, rejected("validation_failed")),
            ("text_required", false, rejected("text_required")),
            ("a_code_of_the_future", false, rejected("unknown")),
            ("forbidden", false, OperationOutcome::Forbidden { code: "forbidden".into(), message: "why".into() }),
            (
                "unknown_verse",
                false,
                OperationOutcome::DependencyMissing { code: "unknown_verse".into(), message: "why".into() },
            ),
            (
                "provider_unavailable",
                true,
                OperationOutcome::Retry {
                    code: "provider_unavailable".into(),
                    message: "why".into(),
                    retry_after_ms: None,
                },
            ),
        ];
        for (code, retryable, expected) in cases {
            assert_eq!(outcome_of(&result(code, retryable)), expected, "{code}");
        }
    }

    #[test]
    fn a_page_of_a_captive_portal_is_no_verdict_on_anything() {
        for status in [200, 302, 400, 401, 403, 511] {
            let page = response(status, "text/html; charset=utf-8", "<html>Welcome aboard</html>");
            assert_eq!(read_batch(Ok(page.clone())), Outcome::Fault(Signal::UnexpectedBody), "{status}");
            assert_eq!(read_individual("a", Ok(page)), Outcome::Fault(Signal::UnexpectedBody), "{status}");
        }
    }

    #[test]
    fn a_missing_batch_route_keeps_its_status_even_as_a_web_page() {
        for status in [404, 405, 413, 501, 502] {
            let Outcome::Fault(Signal::Http(fault)) = read_batch(Ok(response(status, "text/html", "<html>"))) else {
                panic!("{status} must stay a status")
            };
            assert_eq!(fault.status, status);
        }
    }

    #[test]
    fn a_refused_single_operation_is_its_result_and_a_refused_token_is_not() {
        let refused = r#"{"type":"about:blank","title":"x","status":422,"detail":"d","error":"d","code":"invalid_reference","retryable":false}"#;
        let Outcome::Answered(answered) = read_individual("a", Ok(response(422, "application/problem+json", refused)))
        else {
            panic!("a refusal is an answer")
        };
        assert!(
            matches!(&answered.response.results[0].outcome, OperationOutcome::Rejected { code, .. } if code == "invalid_reference")
        );
        let token = r#"{"type":"about:blank","title":"x","status":401,"detail":"d","error":"d","code":"invalid_token","retryable":false}"#;
        let fault = read_individual("a", Ok(response(401, "application/problem+json", token)));
        assert!(matches!(fault, Outcome::Fault(Signal::Http(fault)) if fault.status == 401));
    }
}
