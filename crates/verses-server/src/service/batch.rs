//! A batch from request to answer. The transaction's decision is in `decide`, what must be known before it in
//! `prepare`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;
use verses_core::{Rejection, UnixMillis, Verse, VerseId};
use verses_protocol::{
    BatchOperation, BatchRequest, BatchResponse, BatchSummary, BatchTag, CreateData, ErrorCode, LookupPayload,
    MAX_BATCH_ID_BYTES, OperationResult,
};

use super::cursor::Cursor;
use super::decide::{BatchDecision, Data, Outcome};
use super::decode::{Decoded, decode};
use super::{Service, ServiceError, Stage, invalid_cursor};
use crate::storage::{Storage, StorageError, UserId};

/// The answer to one operation before it is worded.
type Answer = Result<Data, Rejection>;

impl<S: Storage> Service<S> {
    /// Applies a batch: each operation is answered on its own, in request order, and everything accepted is committed
    /// together before this returns.
    ///
    /// An operation whose id is in the ledger is answered with its first answer and `duplicate`; the same id with
    /// other content is refused. Refusals are not kept: a corrected operation may use the same id again. Lookups see
    /// the state after the batch.
    ///
    /// # Errors
    /// [`ServiceError::Request`] for a fault of the envelope (batch id, number of operations, an id twice, cursor), and
    /// those of the storage. In both cases nothing took effect.
    pub async fn batch(
        &self,
        user: UserId,
        now: UnixMillis,
        request: BatchRequest,
    ) -> Result<BatchResponse, ServiceError> {
        self.check_envelope(&request)?;
        let cursor = request.cursor.as_deref().map(Cursor::decode).transpose().map_err(|_| invalid_cursor())?;
        let answers = self.answer(user, now, &request.operations).await?;
        let results = word(&request.operations, answers)?;
        let successful = results.iter().filter(|result| result.success).count();
        let mut response = BatchResponse {
            batch_id: request.batch_id.clone(),
            summary: summary(results.len(), successful),
            results,
            changes: None,
            cursor: None,
            has_more: None,
            reset: false,
            server_time: now,
        };
        if cursor.is_some() || request.pull {
            let mut page = self.changes_after(user, now, cursor, None).await?;
            // Who sends an operation has it. But whoever must start over needs the whole history; and where the page ends
            // before the feed does, nobody could tell which of them the cursor has passed.
            if !page.reset && !page.has_more {
                let answered = response.results.iter().filter(|result| result.success);
                let own: BTreeSet<&str> = answered.map(|result| result.id.as_str()).collect();
                page.changes.retain(|change| !own.contains(change.id.as_str()));
            }
            response.changes = Some(page.changes);
            response.cursor = Some(page.cursor);
            response.has_more = Some(page.has_more);
            response.reset = page.reset;
        }
        Ok(response)
    }

    /// One operation on its own: the same path and the same ledger as in a batch.
    ///
    /// # Errors
    /// As for [`batch`](Self::batch).
    pub async fn operation(
        &self,
        user: UserId,
        now: UnixMillis,
        operation: BatchOperation,
    ) -> Result<OperationResult, ServiceError> {
        let id = operation.id.clone();
        let request = BatchRequest {
            operation: BatchTag::Batch,
            batch_id: "single".to_owned(),
            operations: vec![operation],
            cursor: None,
            pull: false,
        };
        let mut response = self.batch(user, now, request).await?;
        response.results.pop().ok_or_else(|| {
            ServiceError::Storage(StorageError::Failed(format!("operation {id} was not answered; this is a bug")))
        })
    }

    fn check_envelope(&self, request: &BatchRequest) -> Result<(), ServiceError> {
        let length = request.batch_id.len();
        if length == 0 || length > MAX_BATCH_ID_BYTES {
            let message = format!("batchId: it must have 1 to {MAX_BATCH_ID_BYTES} bytes, this one has {length}");
            return Err(ServiceError::request(ErrorCode::ValidationFailed, message));
        }
        let (count, most) = (request.operations.len(), self.limits.max_operations);
        if count > most as usize {
            let message = format!("operations: {count} at once, this server takes {most}: send smaller batches");
            return Err(ServiceError::request(ErrorCode::TooManyOperations, message));
        }
        let mut seen = BTreeSet::new();
        match request.operations.iter().find(|operation| !seen.insert(operation.id.as_str())) {
            Some(operation) => {
                let shown: String = operation.id.chars().take(128).collect();
                let message =
                    format!("operations: the id {shown:?} appears twice: give each operation an id of its own");
                Err(ServiceError::request(ErrorCode::DuplicateOperationId, message))
            }
            None => Ok(()),
        }
    }

    /// The answers, by position in the request.
    async fn answer(
        &self,
        user: UserId,
        now: UnixMillis,
        operations: &[BatchOperation],
    ) -> Result<BTreeMap<usize, Answer>, ServiceError> {
        let mut answers = BTreeMap::new();
        let (mut lookups, mut to_apply) = (Vec::new(), Vec::new());
        let mut buffer = Vec::new();
        for (position, sent) in operations.iter().enumerate() {
            match decode(sent, &mut buffer) {
                Decoded::Lookup(payload) => lookups.push((position, payload)),
                Decoded::Apply(operation) => to_apply.push((position, operation)),
                Decoded::Refused(rejection) => {
                    answers.insert(position, Err(rejection));
                }
            }
        }
        if !to_apply.is_empty() {
            let part = self.begin(Stage::Texts);
            let decision = self.prepare(user, now, to_apply).await?;
            drop(part);
            self.decide(user, decision, &mut answers).await?;
        }
        self.answer_lookups(user, now, lookups, &mut answers).await?;
        Ok(answers)
    }

    async fn decide(
        &self,
        user: UserId,
        decision: BatchDecision,
        answers: &mut BTreeMap<usize, Answer>,
    ) -> Result<(), ServiceError> {
        let part = self.begin(Stage::Storage);
        let decided = self.storage.transact(user, decision.wanted(), decision).await?;
        drop(part);
        if decided.changed
            && let Some(observer) = &self.observer
        {
            observer(user);
        }
        for (position, outcome) in decided.outcomes {
            let answer = match outcome {
                Outcome::Applied(data) => Ok(data),
                Outcome::Replayed { kind, outcome } => Ok(Data::read_back(kind, &outcome)?),
                Outcome::Refused(rejection) => Err(rejection),
            };
            answers.insert(position, answer);
        }
        self.fill_in(answers).await
    }

    /// Replays of creations come without the texts of the shared catalogue.
    async fn fill_in(&self, answers: &mut BTreeMap<usize, Answer>) -> Result<(), ServiceError> {
        let mut wordless: Vec<&mut CreateData> = answers
            .values_mut()
            .filter_map(|answer| match answer {
                Ok(Data::Create(data)) if data.verse.text.is_empty() => Some(data),
                _ => None,
            })
            .collect();
        if wordless.is_empty() {
            return Ok(());
        }
        let ids: BTreeSet<VerseId> = wordless.iter().map(|data| data.verse.id).collect();
        let known: BTreeMap<VerseId, Verse> = self.storage.catalogue(ids).await?;
        for data in &mut wordless {
            if let Some(verse) = known.get(&data.verse.id) {
                data.verse.text.clone_from(&verse.text);
            }
        }
        let still_wordless = wordless.into_iter().map(|data| &mut data.verse).filter(|verse| verse.text.is_empty());
        self.refetch(still_wordless).await;
        Ok(())
    }

    async fn answer_lookups(
        &self,
        user: UserId,
        now: UnixMillis,
        lookups: Vec<(usize, LookupPayload)>,
        answers: &mut BTreeMap<usize, Answer>,
    ) -> Result<(), ServiceError> {
        if lookups.is_empty() {
            return Ok(());
        }
        let (positions, payloads): (Vec<_>, Vec<_>) = lookups.into_iter().unzip();
        let found = self.lookups(user, now, payloads).await?;
        answers.extend(positions.into_iter().zip(found.into_iter().map(|answer| answer.map(Data::Lookup))));
        Ok(())
    }
}

fn word(sent: &[BatchOperation], mut answers: BTreeMap<usize, Answer>) -> Result<Vec<OperationResult>, ServiceError> {
    let of = |(position, operation): (usize, &BatchOperation)| {
        let id = operation.id.clone();
        match answers.remove(&position) {
            Some(Ok(data)) => success(id, &data),
            Some(Err(rejection)) => Ok(failure(id, rejection)),
            None => Err(StorageError::Failed(format!("operation {id} was not answered; this is a bug")).into()),
        }
    };
    sent.iter().enumerate().map(of).collect()
}

fn success(id: String, data: &Data) -> Result<OperationResult, ServiceError> {
    let data = match data {
        Data::Lookup(data) => to_value(data),
        Data::Create(data) => to_value(data),
        Data::Card(data) => to_value(data),
        Data::Profile(data) => to_value(data),
    }?;
    Ok(OperationResult { id, success: true, data: Some(data), error: None, code: None, retryable: None })
}

fn failure(id: String, rejection: Rejection) -> OperationResult {
    OperationResult {
        id,
        success: false,
        data: None,
        error: Some(rejection.message),
        code: Some(rejection.code.into()),
        retryable: Some(rejection.code.is_retryable()),
    }
}

fn to_value<T: Serialize>(data: &T) -> Result<Value, ServiceError> {
    serde_json::to_value(data).map_err(|error| StorageError::Failed(error.to_string()).into())
}

fn summary(total: usize, successful: usize) -> BatchSummary {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    BatchSummary { total: count(total), successful: count(successful), failed: count(total - successful) }
}
