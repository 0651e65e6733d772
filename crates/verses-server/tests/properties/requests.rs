//! What holds for every body of a batch, from its bytes to the answer. Shared with the fuzz targets `request` and
//! `batches`.

use std::sync::OnceLock;

use futures_util::FutureExt;
use serde_json::{Value, json};
use uuid::Uuid;
use verses_core::{OperationKind, UnixMillis};
use verses_protocol::{BatchRequest, BatchResponse, Change, ErrorCode, Limits, OperationResult};
use verses_server::service::{Service, ServiceError};
use verses_server::storage::memory::MemoryStorage;
use verses_server::storage::{Loaded, Storage};
use verses_server::texts::Texts;

use crate::batches;

pub(crate) const USER: Uuid = Uuid::from_u128(1);
/// 2026-03-02T12:00:00Z.
pub(crate) const NOW: UnixMillis = UnixMillis(1_772_452_800_000);

pub(crate) type Memory = Service<MemoryStorage>;

pub(crate) fn service() -> Memory {
    over(MemoryStorage::with_epoch(Uuid::from_u128(7)))
}

pub(crate) fn over(storage: MemoryStorage) -> Memory {
    static TEXTS: OnceLock<Texts> = OnceLock::new();
    Service::new(storage, TEXTS.get_or_init(Texts::corpus).clone(), Limits::default())
}

/// The storage in memory and the texts in the binary answer at once.
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("nothing here waits")
}

/// Bytes that are a batch are answered operation by operation, and the same again when they are sent again.
pub(crate) fn a_body_is_answered_once(body: &[u8]) {
    answered_once(&service(), body);
}

/// The same for up to three batches that follow each other and make sense more often than bytes do.
pub(crate) fn batches_are_answered_once(choices: &[u8]) {
    let service = service();
    for body in batches::from_choices(choices) {
        answered_once(&service, &body);
    }
}

fn answered_once(service: &Memory, body: &[u8]) {
    let Ok(request) = serde_json::from_slice::<BatchRequest>(body) else { return };
    let before = state(service);
    let one_by_one = over(service.storage().backup());
    let first = match now(service.batch(USER, NOW, request.clone())) {
        Ok(first) => first,
        Err(ServiceError::Request { code, message }) => {
            assert!(!code.is_retryable() && !message.is_empty(), "{code:?}: {message}");
            assert_eq!(state(service), before, "what is refused as a whole has no effect");
            return;
        }
        Err(error) => panic!("nothing is wrong with the storage: {error}"),
    };
    complete(&request, &first);
    let after = state(service);
    history_grew(&before, &after, &request, &first);
    same_as_one_by_one(&one_by_one, &after, &request, &first);
    same_again(service, &request, first, after);
}

/// Every operation is answered, in order, once, and with all that a client reads.
fn complete(request: &BatchRequest, response: &BatchResponse) {
    let sent: Vec<&str> = request.operations.iter().map(|operation| operation.id.as_str()).collect();
    let answered: Vec<&str> = response.results.iter().map(|result| result.id.as_str()).collect();
    assert_eq!(answered, sent);
    let successful = response.results.iter().filter(|result| result.success).count();
    let counts = (response.summary.total, response.summary.successful, response.summary.failed);
    assert_eq!(counts, (sent.len() as u32, successful as u32, (sent.len() - successful) as u32));
    for result in &response.results {
        if result.success {
            assert!(result.data.is_some() && result.code.is_none() && result.error.is_none(), "{result:?}");
        } else {
            let code = result.code.unwrap_or_else(|| panic!("a failure has a code: {result:?}"));
            assert!(code != ErrorCode::Unknown && result.data.is_none(), "{result:?}");
            assert_eq!(result.retryable, Some(code.is_retryable()), "{result:?}");
            assert!(result.error.as_ref().is_some_and(|text| !text.is_empty()), "{result:?}");
        }
    }
    let pulls = request.pull || request.cursor.is_some();
    assert_eq!((response.changes.is_some(), response.cursor.is_some()), (pulls, pulls));
    let text = serde_json::to_vec(response).expect("an answer can be written");
    let read: BatchResponse = serde_json::from_slice(&text).expect("an answer can be read");
    assert_eq!(&read, response, "an answer reads back as it was");
}

/// The history grew by what was accepted now, in the order of the request, without a gap.
fn history_grew(before: &State, after: &State, request: &BatchRequest, response: &BatchResponse) {
    let known: Vec<&str> = before.history.iter().map(|change| change.id.as_str()).collect();
    let pairs = request.operations.iter().zip(&response.results);
    let accepted = pairs.filter(|(sent, result)| result.success && OperationKind::from_name(&sent.kind).is_some());
    let new = accepted.map(|(sent, _)| sent.id.as_str()).filter(|id| !known.contains(id));
    let expected: Vec<&str> = known.iter().copied().chain(new).collect();
    let ids: Vec<&str> = after.history.iter().map(|change| change.id.as_str()).collect();
    assert_eq!(ids, expected, "{request:?}");
    assert!(after.history.iter().map(|change| change.seq).eq(1..=after.history.len() as u64), "{:?}", after.history);
    assert_eq!(after.history[..before.history.len()], before.history[..], "history is never rewritten");
}

/// A batch does what its operations do one after the other.
fn same_as_one_by_one(one_by_one: &Memory, after: &State, request: &BatchRequest, response: &BatchResponse) {
    for (operation, result) in request.operations.iter().zip(&response.results) {
        let single = now(one_by_one.operation(USER, NOW, operation.clone())).expect("the envelope is good");
        if OperationKind::from_name(&operation.kind).is_some() {
            assert_eq!(&single, result, "{operation:?}");
        }
    }
    assert_eq!(&state(one_by_one), after, "{request:?}");
}

/// What was accepted is answered the same again and has no further effect. What was refused may meet another state
/// now, so the batch is sent until nothing changes; from then on the whole answer stays the same.
fn same_again(service: &Memory, request: &BatchRequest, mut before: BatchResponse, mut state_before: State) {
    for _ in 0..=request.operations.len() + 1 {
        let again = now(service.batch(USER, NOW, request.clone())).expect("the envelope was good before");
        complete(request, &again);
        for ((operation, was), is) in request.operations.iter().zip(&before.results).zip(&again.results) {
            if was.success && OperationKind::from_name(&operation.kind).is_some() {
                assert_eq!(is, &repeated(was), "{operation:?}");
            }
        }
        let state = state(service);
        let nothing_new = before.results.iter().map(repeated).eq(again.results.iter().map(repeated));
        let nothing_refused = before.results.iter().all(|result| result.success);
        assert!(!nothing_refused || state == state_before, "nothing was left to take effect: {request:?}");
        if nothing_new && state == state_before {
            return;
        }
        (before, state_before) = (again, state);
    }
    panic!("sent again and again, it never comes to rest: {request:?}");
}

/// The answer to an operation that has been applied before.
fn repeated(result: &OperationResult) -> OperationResult {
    let mut result = result.clone();
    if let Some(Value::Object(data)) = &mut result.data {
        data.insert("duplicate".into(), json!(true));
    }
    result
}

/// Everything a user can see.
#[derive(Debug, PartialEq)]
struct State {
    history: Vec<Change>,
    /// It proves the history up to its end.
    cursor: String,
    /// Cards, verses and profile.
    rows: Loaded,
}

fn state(service: &Memory) -> State {
    let mut page = now(service.changes(USER, NOW, None, None)).expect("the feed can be read");
    assert!(!page.has_more && !page.reset, "there are never so many changes here");
    for change in &mut page.changes {
        // A change brings its verse as it is now: that is compared among the rows.
        change.verse = None;
    }
    let rows = now(service.storage().everything(USER)).expect("reads");
    State { history: page.changes, cursor: page.cursor, rows }
}
