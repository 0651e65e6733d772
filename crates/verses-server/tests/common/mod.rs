//! What the tests of the service share: requests in few words, and a provider that does what a test says.
#![allow(dead_code, reason = "each test binary uses its own part of this")]

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Value, json};
use uuid::Uuid;
use verses_core::UnixMillis;
use verses_protocol::{
    BatchOperation, BatchRequest, BatchResponse, BatchTag, Limits, LookupPayload, OperationResult, TextSource,
};
use verses_server::service::Service;
use verses_server::storage::Storage;
use verses_server::storage::memory::MemoryStorage;
use verses_server::texts::{PassageRequest, TextError, TextFuture, TextProvider, Texts};

pub(crate) const USER: Uuid = Uuid::from_u128(1);
pub(crate) const OTHER: Uuid = Uuid::from_u128(2);
/// 2026-03-02T12:00:00Z.
pub(crate) const NOON: i64 = 1_772_452_800_000;
pub(crate) const NOW: UnixMillis = UnixMillis(NOON);
pub(crate) const TODAY: &str = "2026-03-02";
pub(crate) const DAY: i64 = 86_400_000;

pub(crate) fn service() -> Service<MemoryStorage> {
    Service::new(MemoryStorage::new(), Texts::corpus(), Limits::default())
}

pub(crate) fn operation(id: &str, kind: &str, data: Value) -> BatchOperation {
    BatchOperation { id: id.into(), kind: kind.into(), data }
}

pub(crate) fn create(id: &str, reference: &str) -> BatchOperation {
    operation(id, "create", json!({"reference": reference, "occurredAt": NOON - 10 * DAY, "localDate": "2026-02-20"}))
}

pub(crate) fn review(id: &str, verse: &str, days_ago: i64, successful: bool) -> BatchOperation {
    let date = jiff::civil::date(2026, 3, 2).saturating_sub(jiff::Span::new().days(days_ago)).to_string();
    let at = NOON - days_ago * DAY;
    let data = json!({"verseId": verse, "wasSuccessful": successful, "occurredAt": at, "localDate": date});
    operation(id, "record_review", data)
}

pub(crate) fn request(operations: Vec<BatchOperation>) -> BatchRequest {
    BatchRequest { operation: BatchTag::Batch, batch_id: "batch".into(), operations, cursor: None, pull: false }
}

pub(crate) async fn send<S: Storage>(service: &Service<S>, operations: Vec<BatchOperation>) -> BatchResponse {
    service.batch(USER, NOW, request(operations)).await.expect("the envelope is good")
}

pub(crate) async fn send_one<S: Storage>(service: &Service<S>, operation: BatchOperation) -> OperationResult {
    service.operation(USER, NOW, operation).await.expect("the envelope is good")
}

pub(crate) fn data(result: &OperationResult) -> &Value {
    assert!(result.success, "{result:?}");
    result.data.as_ref().expect("a success has data")
}

/// The code of a failure, which also has a text and says whether to try again.
pub(crate) fn code(result: &OperationResult) -> &'static str {
    assert!(!result.success && result.data.is_none(), "{result:?}");
    assert!(result.error.as_ref().is_some_and(|text| text.len() > 10), "{result:?}");
    let code = result.code.expect("a failure has a code");
    assert_eq!(result.retryable, Some(code.is_retryable()));
    code.as_str()
}

/// Adds John 3:16 and answers its verse id.
pub(crate) async fn john_3_16<S: Storage>(service: &Service<S>) -> String {
    let result = send_one(service, create("create-john", "John 3:16")).await;
    data(&result)["verse"]["id"].as_str().expect("an id").to_owned()
}

pub(crate) fn look(reference: &str, translation: Option<&str>) -> LookupPayload {
    LookupPayload { reference: reference.into(), translation: translation.map(str::to_owned) }
}

/// Cards and profile of a user, as they travel.
pub(crate) async fn state<S: Storage>(service: &Service<S>) -> Value {
    let export = service.export(USER, NOW).await.expect("exports");
    json!({"cards": export.cards, "profile": export.profile, "verses": export.verses.len()})
}

/// A provider whose answers a test sets by reference; what is not set fails.
#[derive(Debug)]
pub(crate) struct Scripted {
    pub(crate) translation: &'static str,
    pub(crate) may_store: bool,
    pub(crate) answers: Mutex<BTreeMap<String, Result<String, TextError>>>,
    pub(crate) calls: Mutex<Vec<String>>,
}

impl Scripted {
    pub(crate) fn new(translation: &'static str, may_store: bool) -> Self {
        Self { translation, may_store, answers: Mutex::default(), calls: Mutex::default() }
    }

    pub(crate) fn set(&self, reference: &str, answer: Result<&str, TextError>) {
        self.answers.lock().expect("not poisoned").insert(reference.into(), answer.map(str::to_owned));
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.lock().expect("not poisoned").len()
    }
}

impl TextProvider for Scripted {
    fn translations(&self) -> Vec<String> {
        vec![self.translation.to_owned()]
    }

    fn source(&self) -> TextSource {
        TextSource::Esv
    }

    fn may_store(&self) -> bool {
        self.may_store
    }

    fn fetch<'a>(&'a self, passage: &'a PassageRequest) -> TextFuture<'a> {
        self.calls.lock().expect("not poisoned").push(passage.reference.clone());
        let answer = self.answers.lock().expect("not poisoned").get(&passage.reference).cloned();
        let answer = answer.unwrap_or_else(|| Err(TextError::Failed("the stand-in is down: try again later".into())));
        Box::pin(std::future::ready(answer))
    }
}
