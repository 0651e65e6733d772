//! One exchange with the server: claims, payloads, the request, its answer, and what is written of it. The order is the
//! point: claims are durable before a request goes out, outcomes before the next one.

use batchsync::{
    OperationOutcome, OperationResult as OperationVerdict, QueueChange, Response, SendRequest, SettledOutcome,
    Settlement, Signal,
};
use verses_protocol::{Change, ErrorCode, OPERATIONS_PATH};
use verses_store::{LocalStore, QueuedOperation, Revision, StoreChange, StoreError, meta_key};

use crate::clock;
use crate::error::ClientError;
use crate::merge::Merge;
use crate::observe::SyncEvent;
use crate::platform::Platform;
use crate::recovery;
use crate::reply::{BatchReply, OperationReply};
use crate::results::{BatchOperationResult, DualWriteError};
use crate::sync::SyncEngine;
use crate::transport::{Method, Request, SendProgress, Transport};
use crate::wire::{self, Answered, Outcome};
use crate::write::stamp_of;

/// How often taking over an answer is decided anew when another process writes meanwhile.
const MAX_TRIES: u32 = 200;

impl<S: LocalStore, T: Transport, P: Platform> SyncEngine<S, T, P> {
    /// One request: claims, payloads, the exchange, the outcome.
    pub(crate) async fn send(&mut self, request: SendRequest) -> Result<(), ClientError> {
        // If this fails or is dropped half-way, the engine waits for an answer that nobody will bring.
        self.stale = true;
        let done = self.exchange(request).await;
        self.stale = done.is_err();
        done
    }

    async fn exchange(&mut self, request: SendRequest) -> Result<(), ClientError> {
        self.commit_queue(request.changes).await?;
        let rows = self.service.store.queued(&request.operations).await?;
        if rows.len() != request.operations.len() || rows.iter().any(|r| r.meta.user_id != request.owner) {
            // Another process has discarded some, or they changed hands: what the engine knows is out of date.
            return self.reload().await;
        }
        let session = match self.service.fresh_session().await {
            Ok(session) if session.user_id == request.owner => session,
            Ok(_) | Err(ClientError::SignInNeeded) => return self.fail(&request.request_id, Signal::status(401)).await,
            Err(ClientError::Store(error)) => return Err(error.into()),
            Err(ClientError::Transport(error)) => return self.fail(&request.request_id, wire::signal_of(&error)).await,
            Err(error @ ClientError::Server { status, .. }) if error.is_retryable() => {
                return self.fail(&request.request_id, Signal::status(status)).await;
            }
            Err(_) => return self.fail(&request.request_id, Signal::UnexpectedBody).await,
        };
        let is_batch = request.mode.uses_batch_endpoint();
        let cursor = self.service.cursor(&request.owner).await?.filter(|_| is_batch);
        let with_cursor = cursor.is_some();
        let body = if is_batch {
            wire::batch_body(&request.request_id, &rows, cursor.as_deref())
        } else {
            let Some(row) = rows.first() else { return self.fail(&request.request_id, Signal::Cancelled).await };
            wire::individual_body(row)
        };
        let request_id = request.request_id.clone();
        self.tell(&SyncEvent::RequestStarted { request_id: request_id.clone(), operations: rows.len(), is_batch });
        self.run.summary.requests += 1;
        self.run.batch_id.clone_from(&request_id);
        self.pace().await;
        let sent_at = self.now();
        let http = Request {
            method: Method::Post,
            path: OPERATIONS_PATH.into(),
            bearer: Some(session.access_token),
            body: Some(body),
        };
        let answer = self.service.transport.send(http, Some(self.send_progress(&request_id))).await;
        let outcome = match rows.first() {
            Some(row) if !is_batch => wire::read_individual(&row.meta.id, answer),
            _ => wire::read_batch(answer),
        };
        match outcome {
            Outcome::Answered(mut answered) => {
                answered.from_start = is_batch && !with_cursor;
                self.settle(&request_id, &rows, *answered, &request.owner, sent_at).await
            }
            Outcome::Fault(signal) if with_cursor && wire::is_invalid_cursor(&signal) => {
                // The cursor is at fault, not the batch: it goes again without one, at no cost.
                self.service.forget_cursor(&request.owner).await?;
                self.fail(&request_id, Signal::Cancelled).await
            }
            Outcome::Fault(signal) => self.fail(&request_id, signal).await,
        }
    }

    fn send_progress(&self, request_id: &str) -> SendProgress {
        let observer = self.observer.clone();
        let request_id = request_id.to_owned();
        std::sync::Arc::new(move |sent, total| {
            observer(&SyncEvent::RequestSent { request_id: request_id.clone(), sent, total });
        })
    }

    pub(crate) async fn pace(&mut self) {
        let wait = self.pacer.take(self.service.platform.monotonic_ms());
        if wait > 0 {
            self.service.platform.sleep(wait).await;
        }
    }

    /// The request failed as a whole.
    async fn fail(&mut self, request_id: &str, signal: Signal) -> Result<(), ClientError> {
        if signal == Signal::UnexpectedBody {
            self.tell(&SyncEvent::NotTheServer);
        }
        let now = self.now();
        let settlement = self.engine.handle_failure(now, request_id, &signal);
        self.persist(settlement).await
    }

    /// The server processed the request: engine's changes, results and piggybacked changes in one transaction.
    async fn settle(
        &mut self,
        request_id: &str,
        rows: &[QueuedOperation],
        answered: Answered,
        owner: &str,
        sent_at: i64,
    ) -> Result<(), ClientError> {
        let now = self.now();
        let (elapsed_ms, bytes_sent) = (answered.response.elapsed_ms, answered.response.bytes_sent);
        self.run.summary.bytes_sent += bytes_sent;
        self.run.summary.bytes_received += answered.response.bytes_received;
        let clock = answered.batch.as_ref().and_then(|b| self.clock_offset(b.server_time.0, sent_at, now));
        let unknown = |r: &OperationReply| r.code == Some(ErrorCode::UnknownVerse);
        self.doubts |= answered.batch.as_ref().is_some_and(|b| b.reset) || answered.results.iter().any(unknown);
        let settlement = self.take_answer(now, request_id, &answered);
        for _ in 0..MAX_TRIES {
            let base = self.service.store.revision().await?;
            let mut changes: Vec<StoreChange> = settlement.changes.iter().cloned().map(StoreChange::Queue).collect();
            changes.extend(clock.map(clock::offset_change));
            let taken_over = if self.were_removed(owner, rows).await? {
                Vec::new()
            } else {
                self.take_over(owner, rows, &answered).await?
            };
            let frees = recovery::free_some(&taken_over);
            changes.extend(taken_over);
            match self.service.store.commit(Some(base), changes).await {
                Ok(committed) => {
                    if !frees {
                        self.saw(base, committed.revision);
                    }
                    self.renewals = 0;
                    self.answered = true;
                    self.note_pulled(answered.batch.as_ref());
                    let successful = answered.results.iter().filter(|r| r.success).count();
                    let failed = answered.results.len() - successful;
                    let request_id = request_id.to_owned();
                    self.tell(&SyncEvent::RequestEnded { request_id, successful, failed, elapsed_ms, bytes_sent });
                    self.record(&settlement, rows);
                    return Ok(());
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Busy("another process keeps writing".into()).into())
    }

    /// What follows from an answer for the queue, with what came beside it from the feed.
    fn take_answer(&mut self, now: i64, request_id: &str, answered: &Answered) -> Settlement {
        let changes = answered.batch.as_ref().and_then(|b| b.changes.as_deref()).unwrap_or_default();
        let mut response = answered.response.clone();
        for result in &mut response.results {
            if changes.iter().any(|c| c.id == result.id) {
                result.outcome = OperationOutcome::Duplicate;
            }
        }
        let mut settlement = self.engine.handle_response(now, request_id, &response);
        let listed = self.settle_listed(changes);
        settlement.changes.extend(listed.changes);
        settlement.results.extend(listed.results);
        settlement.events.extend(listed.events);
        settlement
    }

    /// Operations of the queue that the feed lists have been accepted, whatever this device was told: their answer was
    /// lost, or another device has offered them again after the server had lost them.
    pub(crate) fn settle_listed(&mut self, changes: &[Change]) -> Settlement {
        let queued = changes.iter().filter(|c| self.engine.operation(&c.id).is_some());
        let results: Vec<OperationVerdict> =
            queued.map(|c| OperationVerdict { id: c.id.clone(), outcome: OperationOutcome::Duplicate }).collect();
        if results.is_empty() {
            return Settlement::default();
        }
        let now = self.now();
        self.engine.handle_response(now, "feed", &Response { results, ..Response::default() })
    }

    fn note_pulled(&mut self, batch: Option<&BatchReply>) {
        let Some((batch, changes)) = batch.and_then(|b| Some((b, b.changes.as_ref()?))) else {
            self.pulled_all = false;
            return;
        };
        self.pulled_all = batch.has_more == Some(false);
        self.pulled.changes += changes.len() as u64;
        self.pulled.was_reset |= batch.reset;
        if !changes.is_empty() {
            self.tell(&SyncEvent::Pulled { changes: changes.len() });
        }
    }

    /// The writes that follow from an answer, besides the engine's; the source's `updateLocalRecordsFromBatch`.
    async fn take_over(
        &self,
        owner: &str,
        rows: &[QueuedOperation],
        answered: &Answered,
    ) -> Result<Vec<StoreChange>, ClientError> {
        let (results, batch) = (answered.results.as_slice(), answered.batch.as_ref());
        let mut merge = Merge::new(&self.service.store, owner);
        let mut recovery = Vec::new();
        // The last page's cursor stands behind what the batch brought. Any other one stands somewhere before it: what
        // was accepted must still be listed, and a server that goes back to a backup may never do so.
        let reached_the_end = batch.is_some_and(|b| b.has_more == Some(false));
        if let Some(batch) = batch
            && let (Some(changes), Some(cursor)) = (&batch.changes, &batch.cursor)
        {
            let starts_over = batch.reset || answered.from_start;
            if starts_over {
                merge.reset();
            }
            merge.changes(changes).await?;
            merge.cursor(cursor);
            let behind = if reached_the_end { results } else { &[] };
            recovery = self.service.note_page(owner, starts_over, changes, behind).await?;
        }
        if !reached_the_end {
            let listed = batch.and_then(|b| b.changes.as_deref()).unwrap_or_default();
            self.service.note_accepted(owner, results, listed, &mut recovery).await?;
        }
        let corrected = merge.results(rows, results).await?;
        let mut writes = merge.finish().await?;
        writes.extend(recovery);
        if self.some_were_discarded(results).await? {
            // The server has them all the same: read from the beginning, the feed brings them back.
            let key = meta_key::cursor(owner);
            writes.retain(|change| !matches!(change, StoreChange::PutMeta { key: k, .. } if *k == key));
            writes.push(StoreChange::DeleteMeta { key });
        }
        let as_made = |row: &&QueuedOperation| {
            let of_row = |r: &&OperationReply| r.success && r.id == row.meta.id;
            let data = results.iter().find(of_row).map(|r| r.data.as_ref());
            data.is_some_and(|data| data.is_none_or(|data| !data.is_corrected))
        };
        let taken = rows.iter().filter(as_made).filter_map(|row| stamp_of(&row.data)).max();
        let done = |id: &str| results.iter().any(|r| r.success && r.id == id);
        let done: Vec<&str> = rows.iter().map(|row| row.meta.id.as_str()).filter(|id| done(id)).collect();
        writes.extend(self.service.last_stamps(&done, taken, corrected).await?);
        Ok(writes)
    }

    /// Whether whoever these were made by has signed out meanwhile and had everything removed from this device.
    async fn were_removed(&self, owner: &str, rows: &[QueuedOperation]) -> Result<bool, ClientError> {
        if self.service.owner().await? == owner {
            return Ok(false);
        }
        let ids: Vec<String> = rows.iter().map(|row| row.meta.id.clone()).collect();
        Ok(self.service.store.queued(&ids).await?.len() < ids.len())
    }

    /// Whether the user has given up what the server has just accepted. That is refused while a request is under way,
    /// but for a clock that was set back meanwhile, or another process that has died.
    async fn some_were_discarded(&self, results: &[OperationReply]) -> Result<bool, ClientError> {
        let accepted: Vec<String> = results.iter().filter(|r| r.success).map(|r| r.id.clone()).collect();
        Ok(self.service.store.queued(&accepted).await?.len() < accepted.len())
    }

    /// Follows the store's revision as long as only this driver writes; otherwise the queue is loaded anew.
    pub(crate) fn saw(&mut self, base: Revision, committed: Revision) {
        if base == self.seen && committed.0 == base.0 + 1 {
            self.seen = committed;
        }
    }

    /// The measured offset of the server's clock, if this measurement is better than the last.
    pub(crate) fn clock_offset(&mut self, server_ms: i64, sent_at: i64, received_at: i64) -> Option<i64> {
        if !clock::is_plausible(server_ms) {
            return None;
        }
        let round_trip = u64::try_from(received_at.saturating_sub(sent_at)).unwrap_or(u64::MAX);
        let offset = clock::measure(server_ms, sent_at, received_at);
        if self.clock_sample.is_some_and(|best| !clock::is_better((round_trip, offset), best)) {
            return None;
        }
        self.clock_sample = Some((round_trip, offset));
        Some(offset)
    }

    pub(crate) async fn persist(&mut self, settlement: Settlement) -> Result<(), ClientError> {
        let before = std::mem::replace(&mut self.stale, true);
        let changes = settlement.changes.clone();
        self.commit_queue(changes).await?;
        self.stale = before;
        let ids: Vec<String> = settlement.results.iter().map(|r| r.id.clone()).collect();
        let failed = settlement.results.iter().any(|r| matches!(r.outcome, SettledOutcome::Failed(_)));
        let rows = if failed { self.service.store.queued(&ids).await? } else { Vec::new() };
        self.record(&settlement, &rows);
        Ok(())
    }

    async fn commit_queue(&mut self, changes: Vec<QueueChange>) -> Result<(), ClientError> {
        if changes.is_empty() {
            return Ok(());
        }
        let changes = changes.into_iter().map(StoreChange::Queue).collect();
        let base = self.seen;
        let committed = self.service.store.commit(None, changes).await?;
        self.saw(base, committed.revision);
        Ok(())
    }

    /// Counts and tells what a settlement says.
    pub(crate) fn record(&mut self, settlement: &Settlement, rows: &[QueuedOperation]) {
        for result in &settlement.results {
            let row = rows.iter().find(|r| r.meta.id == result.id);
            let mut operation = BatchOperationResult {
                local_id: row.map(|r| r.local_ref.clone()).unwrap_or_default(),
                operation_id: result.id.clone(),
                operation: row.map(|r| r.meta.kind.clone()).unwrap_or_default(),
                success: true,
                is_duplicate: false,
                errors: Vec::new(),
            };
            match &result.outcome {
                SettledOutcome::Applied | SettledOutcome::Duplicate => {
                    operation.is_duplicate = result.outcome == SettledOutcome::Duplicate;
                    self.run.summary.successful += 1;
                    self.tell(&SyncEvent::OperationApplied {
                        operation_id: result.id.clone(),
                        local_ref: operation.local_id.clone(),
                        kind: operation.operation.clone(),
                        is_duplicate: operation.is_duplicate,
                    });
                }
                SettledOutcome::Failed(failure) => {
                    operation.success = false;
                    let (code, message) = (failure.code.clone(), failure.message.clone());
                    operation.errors.push(DualWriteError { code, message: message.clone(), retryable: false });
                    self.run.summary.failed += 1;
                    self.tell(&SyncEvent::OperationFailed {
                        operation_id: result.id.clone(),
                        local_ref: operation.local_id.clone(),
                        kind: operation.operation.clone(),
                        message,
                    });
                }
                SettledOutcome::Pending { .. } | SettledOutcome::Discarded => continue,
            }
            self.run.operations.push(operation);
        }
        if let Some(summary) = &settlement.summary {
            self.run.summary.network_errors += u64::from(summary.network_errors > 0);
            self.run.summary.validation_errors += u64::from(summary.validation_errors);
        }
        for event in &settlement.events {
            self.tell(&SyncEvent::Engine(event.clone()));
        }
    }
}
