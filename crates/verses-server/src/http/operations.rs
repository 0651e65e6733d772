//! `/functions/v1/*`: lookups, single operations, batches, changes, limits and pokes.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tracing::Instrument;
use verses_core::OperationKind;
use verses_protocol::{BatchOperation, BatchRequest, ErrorCode, OperationResult};

use super::body::{self, Caps};
use super::json::{self, Outline};
use super::layers::{Layers, is_plain_id};
use super::memory::SMALL_ANSWER_BYTES;
use super::metrics::{Limit, Stage};
use super::problem::Refusal;
use super::rate::Taken;
use super::{AppState, bearer};
use crate::address::Caller;
use crate::auth::{AuthError, Verified};
use crate::guarded::Guarded;
use crate::storage::{Storage, UserId};

/// When to try again to open a stream of pokes, in seconds.
const STREAM_RETRY_SECONDS: u64 = 30;

type Shared<S> = State<Arc<AppState<S>>>;

/// The user of the request, from the token and from nowhere else.
pub(super) async fn caller<S: Storage>(state: &AppState<S>, headers: &HeaderMap) -> Result<Verified, Refusal> {
    let missing = "one token is needed in one Authorization header (Bearer ...): sign in first";
    let token = bearer(headers).ok_or_else(|| Refusal::new(ErrorCode::InvalidToken, missing))?;
    let _timed = state.layers.metrics.stage(Stage::Verify);
    state.auth.verify(token, state.now()).await.map_err(no_caller)
}

/// Why a token is not believed.
pub(super) fn no_caller(error: AuthError) -> Refusal {
    match error {
        AuthError::BadJwt(text) => Refusal::new(ErrorCode::InvalidToken, text),
        AuthError::SessionNotFound => {
            Refusal::new(ErrorCode::InvalidToken, "the session has been ended: sign in again")
        }
        other => {
            tracing::error!(error = %other, "a token could not be checked");
            Refusal::new(ErrorCode::Unavailable, "the token cannot be checked now: try again")
        }
    }
}

/// Whose allowances a request takes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker {
    pub(super) user: UserId,
    pub(super) address: Option<Caller>,
}

/// `POST /functions/v1/verse-operations`
pub(super) async fn operations<S: Storage>(
    State(state): Shared<S>,
    address: Option<Extension<Caller>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let caller = caller(&state, &headers).await?;
    let bytes = body::read(&state.layers, &headers, body, Caps::of(&state.layers.config)).await?;
    body::check_depth(&bytes)?;
    let outline = json::outline(&bytes)?;
    let asker = Asker { user: caller.user, address: address.map(|Extension(address)| address) };
    let worker = Arc::clone(&state);
    in_time(&state.layers, async move { answer(&worker, asker, &bytes, outline).await }).await
}

/// Does work that must not stop half-told when the client goes away or the time is up: it runs to its end on a task of
/// its own, and only the waiting for it is bounded. What it does takes effect once, however often it is sent again.
pub(super) async fn in_time(
    layers: &Layers,
    work: impl Future<Output = Result<Response, Refusal>> + Send + 'static,
) -> Result<Response, Refusal> {
    let limit = Duration::from_millis(layers.config.request_timeout_ms);
    match tokio::time::timeout(limit, layers.tasks.spawn(work.in_current_span())).await {
        Ok(Ok(Some(answered))) => answered,
        Ok(Ok(None)) => Err(Refusal::new(ErrorCode::Unavailable, "the server stops now: send the same again")),
        Ok(Err(_)) => {
            tracing::error!("the work on a request panicked");
            Err(Refusal::new(ErrorCode::Internal, "the server made a mistake: try again"))
        }
        Err(_) => Err(Refusal::new(ErrorCode::DeadlineExceeded, "the server took too long: send the same again")),
    }
}

async fn answer<S: Storage>(
    state: &AppState<S>,
    asker: Asker,
    bytes: &[u8],
    outline: Outline,
) -> Result<Response, Refusal> {
    match outline.operation.as_deref() {
        Some("batch") => batch(state, asker, bytes).await,
        Some(kind) => single(state, asker, kind, bytes).await,
        None => {
            let text = "\"operation\" is missing: write batch, lookup, create, record_review, update_profile, archive_verse, restore_verse or set_phase";
            Err(Refusal::new(ErrorCode::MalformedRequest, text))
        }
    }
}

async fn batch<S: Storage>(state: &AppState<S>, asker: Asker, bytes: &[u8]) -> Result<Response, Refusal> {
    let malformed = |e: serde_json::Error| {
        let text = format!(
            "the batch is not of the expected shape: {e}. It needs batchId and operations [{{id, type, data}}]"
        );
        Refusal::new(ErrorCode::MalformedRequest, text)
    };
    let request: BatchRequest = serde_json::from_slice(bytes).map_err(malformed)?;
    let kinds: Vec<&'static str> = request.operations.iter().map(|o| kind_label(&o.kind)).collect();
    let max_operations = state.service.limits().max_operations;
    // A batch that is refused for its size costs nothing: the client splits it and sends the parts at once.
    let counted = if kinds.len() > max_operations as usize { 0 } else { kinds.len() };
    let headers = take(state, asker, counted)?;
    state.layers.metrics.batch(kinds.len());
    let shown = if is_plain_id(request.batch_id.as_bytes()) { request.batch_id.as_str() } else { "not shown" };
    tracing::Span::current().record("batch.id", shown);
    tracing::info!(operations = kinds.len(), "batch");
    let answer = state.service.batch(asker.user, state.now(), request).await.map_err(|error| {
        let refusal = Refusal::from(error);
        let told = (refusal.code == ErrorCode::TooManyOperations).then_some(max_operations);
        Refusal { max_operations: told, ..refusal }
    })?;
    for (kind, result) in kinds.iter().zip(&answer.results) {
        state.layers.metrics.operation(kind, outcome_label(result));
    }
    Ok((headers, written(&state.layers, &answer).await?).into_response())
}

/// An answer in JSON. One that is not small holds its memory until it is fetched.
pub(super) async fn written(layers: &Layers, answer: &impl Serialize) -> Result<Response, Refusal> {
    let timed = layers.metrics.stage(Stage::Answer);
    let body = serde_json::to_string(answer)
        .map_err(|_| Refusal::new(ErrorCode::Internal, "the answer could not be written"))?;
    drop(timed);
    let bytes = body.len();
    let response = super::json_answer(StatusCode::OK, body);
    if bytes <= SMALL_ANSWER_BYTES {
        return Ok(response);
    }
    let patience = Duration::from_millis(layers.config.request_timeout_ms);
    let held = layers.memory.answers.wait(bytes as u64, patience).await.ok_or_else(|| {
        layers.metrics.limited(Limit::Memory);
        let text = "too many large answers wait to be fetched: what was sent is done, send the same again";
        Refusal::new(ErrorCode::Unavailable, text)
    })?;
    Ok(response.map(|body| Body::new(Guarded { body, _guard: held })))
}

/// One operation: `{"operation", "id"?, "data": {...}}`, or with the fields of `data` beside `operation`.
async fn single<S: Storage>(state: &AppState<S>, asker: Asker, kind: &str, bytes: &[u8]) -> Result<Response, Refusal> {
    let mut request: Map<String, Value> = serde_json::from_slice(bytes)
        .map_err(|e| Refusal::new(ErrorCode::MalformedRequest, format!("the body is no JSON object: {e}")))?;
    let headers = take(state, asker, 1)?;
    request.remove("operation");
    let id = match request.remove("id") {
        None | Some(Value::Null) => uuid::Uuid::new_v4().to_string(),
        Some(Value::String(id)) => id,
        Some(_) => return Err(Refusal::new(ErrorCode::MalformedRequest, "\"id\" must be a text")),
    };
    let data = match request.remove("data") {
        Some(data) => data,
        None => Value::Object(request),
    };
    let label = kind_label(kind);
    let operation = BatchOperation { id, kind: kind.to_owned(), data };
    let result = state.service.operation(asker.user, state.now(), operation).await?;
    state.layers.metrics.operation(label, outcome_label(&result));
    if result.success {
        let body = result.data.unwrap_or(Value::Null).to_string();
        return Ok((headers, super::json_answer(StatusCode::OK, body)).into_response());
    }
    let code = result.code.unwrap_or(ErrorCode::Internal);
    Err(Refusal::new(code, result.error.unwrap_or_else(|| "the operation was refused".to_owned())))
}

/// Takes operations from the allowances of the address and of the user; gives the headers that tell what is left of the
/// latter.
pub(super) fn take<S: Storage>(
    state: &AppState<S>,
    asker: Asker,
    operations: usize,
) -> Result<[(HeaderName, HeaderValue); 2], Refusal> {
    let (units, now) = (operations as u64, state.now());
    state.layers.take_of_address(asker.address, units)?;
    let (taken, told) = state.operations.take_telling(asker.user, units, now.0);
    match taken {
        Taken::Left(_) => Ok(told.headers()),
        Taken::Wait(seconds) => {
            state.layers.metrics.limited(Limit::User);
            Err(Refusal::rate_limited(told, seconds, "operations"))
        }
    }
}

/// Kinds for counting: what callers write must not become labels.
fn kind_label(kind: &str) -> &'static str {
    match (kind, OperationKind::from_name(kind)) {
        (_, Some(kind)) => kind.as_str(),
        ("lookup", None) => "lookup",
        _ => "unknown",
    }
}

fn outcome_label(result: &OperationResult) -> &'static str {
    let duplicate = result.data.as_ref().and_then(|d| d.get("duplicate")).and_then(Value::as_bool) == Some(true);
    match (result.success, duplicate, result.retryable) {
        (true, true, _) => "duplicate",
        (true, false, _) => "applied",
        (false, _, Some(true)) => "retry",
        (false, ..) => "rejected",
    }
}

#[derive(Deserialize)]
pub(super) struct Page {
    cursor: Option<String>,
    limit: Option<String>,
}

/// `GET /functions/v1/verse-changes`
pub(super) async fn changes<S: Storage>(
    State(state): Shared<S>,
    page: Result<Query<Page>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = caller(&state, &headers).await?;
    let Query(page) = page.map_err(|e| {
        Refusal::new(ErrorCode::MalformedRequest, format!("the query takes cursor and limit, once each: {e}"))
    })?;
    let limit = match page.limit.as_deref().filter(|l| !l.is_empty()) {
        None => None,
        Some(text) => Some(
            text.parse::<u32>()
                .map_err(|_| Refusal::new(ErrorCode::MalformedRequest, format!("limit {text:?} is no number")))?,
        ),
    };
    let cursor = page.cursor.as_deref().filter(|c| !c.is_empty());
    let answer = state.service.changes(caller.user, state.now(), cursor, limit).await?;
    written(&state.layers, &answer).await
}

/// `GET /functions/v1/verse-limits`
pub(super) async fn limits<S: Storage>(State(state): Shared<S>, headers: HeaderMap) -> Response {
    let body = serde_json::to_string(state.service.limits()).unwrap_or_default();
    let tag = format!("\"{:016x}\"", fingerprint(&body));
    let unchanged = headers.get(IF_NONE_MATCH).is_some_and(|t| t.as_bytes() == tag.as_bytes());
    let mut response =
        if unchanged { StatusCode::NOT_MODIFIED.into_response() } else { super::json_answer(StatusCode::OK, body) };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    response
}

/// FNV-1a: an ETag must only change when the document does.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// `GET /functions/v1/verse-events`
pub(super) async fn events<S: Storage>(State(state): Shared<S>, headers: HeaderMap) -> Result<Response, Refusal> {
    let caller = caller(&state, &headers).await?;
    let left = caller.expires_at.saturating_sub(u64::try_from(state.now().0 / 1_000).unwrap_or(0));
    state.hub.stream(caller.user, Duration::from_secs(left), state.stopping.clone()).ok_or_else(|| {
        let text = "this user has too many streams open: close one, or wait and try again";
        Refusal { retry_after_seconds: Some(STREAM_RETRY_SECONDS), ..Refusal::new(ErrorCode::RateLimited, text) }
    })
}
