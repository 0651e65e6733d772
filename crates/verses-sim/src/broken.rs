//! Deliberately broken variants of the product, to show that the checkers bite. They live here, in the simulator's own
//! wrappers of store, network and database: nothing of the product knows them. Without a variant every function here
//! hands on what it was given.

use std::collections::BTreeMap;

use batchsync::{QueuePosition, QueuedMeta};
use serde_json::Value;
use uuid::Uuid;
use verses_client::{Request, Response, SyncEvent};
use verses_core::OperationId;
use verses_protocol::{
    BatchOperation, BatchRequest, BatchResponse, BatchSummary, BatchTag, ChangesResponse, OperationResult,
};
use verses_server::storage::{LedgerEntry, LedgerPage, Loaded, Writes};
use verses_store::{QueuedOperation, StoreChange, StoredEvent};

use crate::facts::key_of;
use crate::world::accounts::user_id;
use crate::world::link::Answered;
use crate::world::{World, lock};

/// A broken variant. The name says what it does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// The store says "committed" before the commit is durable: the last one is gone when the power fails.
    CommitsNotDurable,
    /// A failed batch is taken for a good one: every operation in it counts as done.
    AnyAnswerIsSuccess,
    /// The server has forgotten its ledger when an operation comes again.
    ForgetsLedger,
    /// An operation that is sent again gets a new id.
    NewIdOnRetry,
    /// The effect is committed first, the queue row after it.
    EffectBeforeRow,
    /// The queue row is committed first, the effect after it.
    RowBeforeEffect,
    /// The server works a batch from its end.
    BatchFromItsEnd,
    /// The store gives the queue back from its end.
    QueueFromItsEnd,
    /// A wait of more than half a second never ends.
    SleepForever,
    /// Once nothing came back, the device never hears anything again.
    DeafAfterSilence,
    /// The server folds what comes late without the events in between.
    NoRefold,
    /// The server counts one review too many.
    CountsTwice,
    /// The device sends with the token of another account.
    SendsAsOther,
    /// The server does not read the token: everybody is the first user.
    TokenUnread,
    /// Rows of whoever was signed in before pass for those of who is now.
    RowsChangeHands,
    /// The feed leaves a change out and gives the cursor after it.
    FeedSkips,
    /// The device keeps the cursor before it keeps the changes.
    CursorFirst,
    /// Progress counts what failed as synced.
    CountsFailedAsSynced,
    /// A refusal passes for a success.
    RefusalIsSuccess,
    /// An operation sent by itself loses what it says of the review's time.
    SingleLosesDetail,
    /// In a batch, a review after the first turns into its opposite.
    BatchTurnsReviews,
    /// A server restored from a backup never says so.
    ResetUnsaid,
    /// The device does not know any more what the server lacks.
    ForgetsWhatWasLost,
}

impl Broken {
    /// Every variant, with the invariant that it breaks.
    pub const ALL: [(Self, u8); 23] = [
        (Self::CommitsNotDurable, 1),
        (Self::AnyAnswerIsSuccess, 1),
        (Self::ForgetsLedger, 2),
        (Self::NewIdOnRetry, 2),
        (Self::EffectBeforeRow, 3),
        (Self::RowBeforeEffect, 3),
        (Self::BatchFromItsEnd, 4),
        (Self::QueueFromItsEnd, 4),
        (Self::SleepForever, 5),
        (Self::DeafAfterSilence, 5),
        (Self::NoRefold, 6),
        (Self::CountsTwice, 6),
        (Self::SendsAsOther, 7),
        (Self::TokenUnread, 7),
        (Self::RowsChangeHands, 7),
        (Self::FeedSkips, 8),
        (Self::CursorFirst, 8),
        (Self::CountsFailedAsSynced, 9),
        (Self::RefusalIsSuccess, 9),
        (Self::SingleLosesDetail, 10),
        (Self::BatchTurnsReviews, 10),
        (Self::ResetUnsaid, 11),
        (Self::ForgetsWhatWasLost, 11),
    ];
}

/// Whether the store before a commit must be kept, because a kill takes the commit back.
pub(crate) fn commit_may_be_lost(world: &World) -> bool {
    world.is_broken(Broken::CommitsNotDurable)
}

/// The commit, or its two halves.
pub(crate) fn split_commit(world: &World, changes: Vec<StoreChange>) -> (Vec<StoreChange>, Option<Vec<StoreChange>>) {
    let goes_first: fn(&StoreChange) -> bool = match world.broken {
        Some(Broken::EffectBeforeRow) => |change| !matches!(change, StoreChange::Enqueue(_)),
        Some(Broken::RowBeforeEffect) => |change| matches!(change, StoreChange::Enqueue(_)),
        Some(Broken::CursorFirst) => {
            |change| matches!(change, StoreChange::PutMeta { key, .. } if key.starts_with("cursor/"))
        }
        _ => return (changes, None),
    };
    let (first, rest): (Vec<_>, Vec<_>) = changes.into_iter().partition(goes_first);
    if first.is_empty() || rest.is_empty() {
        let whole = first.into_iter().chain(rest).collect();
        return (whole, None);
    }
    (first, Some(rest))
}

pub(crate) fn read_lost_events(world: &World, events: Vec<StoredEvent>) -> Vec<StoredEvent> {
    if world.is_broken(Broken::ForgetsWhatWasLost) { Vec::new() } else { events }
}

fn owner_now(world: &World, device: usize) -> Option<String> {
    let user = lock(&world.devices[device].state).belongs_to?;
    Some(user_id(user).to_string())
}

pub(crate) fn read_queued(world: &World, device: usize, mut rows: Vec<QueuedOperation>) -> Vec<QueuedOperation> {
    if world.is_broken(Broken::RowsChangeHands)
        && let Some(owner) = owner_now(world, device)
    {
        rows.iter_mut().for_each(|row| row.meta.user_id.clone_from(&owner));
    }
    rows
}

pub(crate) fn read_metas(world: &World, device: usize, mut metas: Vec<QueuedMeta>) -> Vec<QueuedMeta> {
    match world.broken {
        Some(Broken::RowsChangeHands) => {
            if let Some(owner) = owner_now(world, device) {
                metas.iter_mut().for_each(|meta| meta.user_id.clone_from(&owner));
            }
        }
        Some(Broken::QueueFromItsEnd) => {
            let positions: Vec<QueuePosition> = metas.iter().map(|meta| meta.position).collect();
            metas.reverse();
            for (meta, position) in metas.iter_mut().zip(positions) {
                meta.position = position;
                meta.depends_on = None;
            }
        }
        _ => {}
    }
    metas
}

pub(crate) fn loaded(broken: Option<Broken>, mut loaded: Loaded) -> Loaded {
    if broken == Some(Broken::ForgetsLedger) {
        loaded.ledger.clear();
    }
    loaded
}

/// The writes, as this variant makes them. `known` are the ledger entries that were there.
pub(crate) fn writes(broken: Option<Broken>, known: &BTreeMap<OperationId, LedgerEntry>, mut writes: Writes) -> Writes {
    match broken {
        Some(Broken::ForgetsLedger) => {
            // The database would refuse the same id twice: it gets another one.
            for entry in &mut writes.ledger {
                if known.contains_key(&entry.operation_id)
                    && let Ok(other) = OperationId::new(format!("{}-{}", entry.operation_id, entry.seq))
                {
                    for event in writes.events.iter_mut().filter(|e| e.operation_id == entry.operation_id) {
                        event.operation_id = other.clone();
                    }
                    entry.operation_id = other;
                }
            }
        }
        Some(Broken::CountsTwice) => {
            for card in writes.cards.iter_mut().filter(|card| card.current_streak >= 2) {
                card.phase_progress_count += 1;
            }
        }
        _ => {}
    }
    writes
}

pub(crate) fn ledger_page(world: &World, mut page: LedgerPage) -> LedgerPage {
    if world.is_broken(Broken::FeedSkips) && page.entries.len() >= 3 {
        page.entries.remove(1);
    }
    page
}

pub(crate) fn user_of(world: &World, user: Uuid) -> Uuid {
    if world.is_broken(Broken::TokenUnread) { user_id(0) } else { user }
}

pub(crate) fn page(world: &World, mut page: ChangesResponse) -> ChangesResponse {
    if world.is_broken(Broken::ResetUnsaid) {
        page.reset = false;
    }
    page
}

pub(crate) fn batch(broken: Option<Broken>, mut request: BatchRequest) -> BatchRequest {
    match broken {
        Some(Broken::BatchFromItsEnd) => request.operations.reverse(),
        Some(Broken::BatchTurnsReviews) => {
            for operation in request.operations.iter_mut().skip(1) {
                if let Some(Value::Bool(successful)) = operation.data.get_mut("wasSuccessful") {
                    *successful = !*successful;
                }
            }
        }
        _ => {}
    }
    request
}

pub(crate) fn single(broken: Option<Broken>, mut operation: BatchOperation) -> BatchOperation {
    if broken == Some(Broken::SingleLosesDetail)
        && let Some(data) = operation.data.as_object_mut()
    {
        data.remove("reviewTimeSeconds");
    }
    operation
}

/// The request as this variant sends it.
pub(crate) fn request_out(world: &World, mut request: Request) -> Request {
    match world.broken {
        Some(Broken::SendsAsOther) if request.bearer.is_some() => {
            let token = lock(&world.accounts).token_for(user_id(0), world.now().0);
            request.bearer = Some(token);
        }
        Some(Broken::NewIdOnRetry) => {
            if let Some(body) = request.body.as_ref().and_then(|body| serde_json::from_slice::<Value>(body).ok()) {
                request.body = serde_json::to_vec(&with_new_ids(world, body)).ok();
            }
        }
        _ => {}
    }
    request
}

fn with_new_ids(world: &World, mut body: Value) -> Value {
    let accepted = |id: &str| lock(&world.checks).facts.accepted.contains_key(&key_of(id));
    let operations = body["operations"].as_array_mut().into_iter().flatten();
    for operation in operations {
        let id = operation["id"].as_str().unwrap_or_default().to_owned();
        if accepted(&id) {
            operation["id"] = format!("{id}-again").into();
        }
    }
    body
}

/// What the client makes of an answer.
pub(crate) fn answer_in(world: &World, sent: Option<&Request>, answered: Answered) -> Answered {
    let is_json = |response: &Response| response.content_type.contains("json");
    match (world.broken, answered) {
        (Some(Broken::AnyAnswerIsSuccess), Ok(response)) if response.status >= 500 || !is_json(&response) => {
            Ok(sent.and_then(all_done).unwrap_or(response))
        }
        (Some(Broken::RefusalIsSuccess), Ok(mut response)) => {
            if let Ok(mut batch) = serde_json::from_slice::<BatchResponse>(&response.body) {
                for result in &mut batch.results {
                    result.success = true;
                    result.data.get_or_insert_default();
                }
                response.body = serde_json::to_vec(&batch).unwrap_or_default();
            }
            Ok(response)
        }
        (_, answered) => answered,
    }
}

fn all_done(sent: &Request) -> Option<Response> {
    let batch: BatchRequest = serde_json::from_slice(sent.body.as_deref()?).ok()?;
    let done = |operation: BatchOperation| OperationResult {
        id: operation.id,
        success: true,
        data: Some(Value::Null),
        error: None,
        code: None,
        retryable: None,
    };
    debug_assert_eq!(batch.operation, BatchTag::Batch);
    let response = BatchResponse {
        batch_id: batch.batch_id,
        results: batch.operations.into_iter().map(done).collect(),
        summary: BatchSummary::default(),
        changes: None,
        cursor: None,
        has_more: None,
        reset: false,
        server_time: verses_core::UnixMillis(0),
    };
    let body = serde_json::to_vec(&response).ok()?;
    Some(Response { status: 200, content_type: "application/json".into(), body, ..Response::default() })
}

/// What the face is told.
pub(crate) fn told(world: &World, event: &SyncEvent) -> Option<SyncEvent> {
    match event {
        SyncEvent::Progress(progress) if world.is_broken(Broken::CountsFailedAsSynced) => {
            let mut progress = *progress;
            progress.successful += progress.failed;
            Some(SyncEvent::Progress(progress))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_invariant_has_at_least_two_variants() {
        for invariant in 1..=11 {
            let variants = Broken::ALL.iter().filter(|(_, breaks)| *breaks == invariant).count();
            assert!(variants >= 2, "invariant {invariant} has {variants}");
        }
    }
}
