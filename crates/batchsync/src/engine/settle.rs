//! Answers: what each operation's result does to it, on time or late.

use super::{Engine, InFlight};
use crate::config::after;
use crate::operation::{FailureReason, Millis};
use crate::policy::Delivered;
use crate::queue::{Slot, State};
use crate::request::{BatchSyncSummary, Event, OperationOutcome, Response, SendMode, SettledOutcome, Settlement};

/// So many requests that ended are remembered for late answers.
const PAST_REQUESTS: usize = 64;

impl Engine {
    /// Bytes moved either way for a request: its lease is renewed, and progress knows of it.
    pub fn handle_progress(&mut self, now: Millis, request_id: &str, bytes: u64) {
        self.observe(now);
        let lease_until = after(now, self.config.lease_ms);
        if let Some(request) = self.requests.iter_mut().find(|request| request.id == request_id) {
            request.lease_until = lease_until;
            request.bytes_moved = request.bytes_moved.saturating_add(bytes);
        }
    }

    /// The server answered a request. Each result settles its operation; an operation without a result stays pending.
    ///
    /// The answer to a request that has ended already (its lease is over, it was given up) is accepted too, operation
    /// by operation: a late success completes, a late failure touches nothing that was claimed or edited since.
    pub fn handle_response(&mut self, now: Millis, request_id: &str, response: &Response) -> Settlement {
        self.observe(now);
        let mut out = Settlement::default();
        let results = ById::first(response.results.iter().map(|result| (result.id.as_str(), &result.outcome)));
        if let Some(limits) = response.limits {
            self.limits = self.limits.updated(limits);
        }
        let Some(request) = self.take_request(request_id) else {
            self.settle_late(now, request_id, response, &mut out);
            return out;
        };
        self.note_success(now, &request, response, &mut out);
        for (id, _) in &request.operations {
            let Some(slot) = self.held_by(id, request.number) else {
                // Completed by a late answer, or claimed by a later request: a success still counts.
                if let Some(outcome) = results.get(id).filter(|outcome| is_success(outcome)) {
                    self.settle_success(now, id, request.number, request_id, outcome, &mut out);
                }
                continue;
            };
            match results.get(id) {
                Some(outcome) => self.settle_one(now, slot, request_id, outcome, &mut out),
                None => self.own_fault(now, slot, "unanswered", "the server did not answer for it", None, &mut out),
            }
            if self.queue.find(id) == Some(slot) {
                self.carried.insert(slot, request.number);
            }
        }
        out.summary = Some(self.summarize(now, &request, &results, &out));
        self.remember(request.id, request.number);
        out
    }

    pub(super) fn take_request(&mut self, request_id: &str) -> Option<InFlight> {
        let index = self.requests.iter().position(|request| request.id == request_id)?;
        let request = self.requests.remove(index);
        if request.mode == SendMode::Probe {
            self.endpoint.probing = false;
        }
        Some(request)
    }

    pub(super) fn remember(&mut self, id: String, number: u64) {
        self.past.push_back((id, number));
        if self.past.len() > PAST_REQUESTS {
            self.past.pop_front();
        }
    }

    /// The row of an operation, if this very request holds it.
    pub(super) fn held_by(&self, id: &str, number: u64) -> Option<Slot> {
        let slot = self.queue.find(id)?;
        (self.queue.row(slot)?.state == State::Processing { request: number }).then_some(slot)
    }

    fn note_success(&mut self, now: Millis, request: &InFlight, response: &Response, out: &mut Settlement) {
        self.successes += 1;
        if self.gates.offline {
            out.events.push(Event::CameOnline);
        }
        self.gates.offline = false;
        self.gates.faults = 0;
        self.gates.soft_until = None;
        self.gates.upgrade_until = None;
        if request.generation == self.session.generation {
            self.session.refusals = 0;
        }
        if let Some(ms) = response.retry_after_ms {
            self.wait_as_told(now, ms);
        }
        if request.mode.uses_batch_endpoint() {
            self.endpoint.proven = true;
            if self.endpoint.absent_until.take().is_some() {
                out.events.push(Event::BatchEndpointRestored);
            }
        }
        self.narrowed = self.narrowed.map(|narrowed| narrowed.saturating_mul(2));
        self.measure(now, request, response, out);
    }

    fn measure(&mut self, now: Millis, request: &InFlight, response: &Response, out: &mut Settlement) {
        let before = self.quality.quality();
        self.quality.on_success(response.rtt_ms, response.elapsed_ms, response.bytes_sent);
        self.tell_quality(before, out);
        let operations = request.operations.len() as u32;
        let elapsed_ms = if response.elapsed_ms > 0 {
            response.elapsed_ms
        } else {
            u64::try_from(now.saturating_sub(request.sent_at)).unwrap_or(0)
        };
        crate::quality::smooth(&mut self.ms_per_operation, elapsed_ms as f64 / f64::from(operations.max(1)), 0.5);
        // An individual call says nothing of what a batch costs.
        if request.mode.uses_batch_endpoint() {
            let delivered = Delivered {
                operations,
                bytes: request.bytes,
                wire_bytes: response.bytes_sent,
                elapsed_ms,
                rtt_ms: response.rtt_ms,
                server_ms: response.server_ms,
            };
            self.policy.on_delivered(now, self.quality.quality(), &delivered);
        }
    }

    pub(super) fn tell_quality(&self, before: crate::quality::NetworkQuality, out: &mut Settlement) {
        let quality = self.quality.quality();
        if quality != before {
            out.events.push(Event::QualityChanged(quality));
        }
    }

    fn settle_one(
        &mut self,
        now: Millis,
        slot: Slot,
        request_id: &str,
        outcome: &OperationOutcome,
        out: &mut Settlement,
    ) {
        match outcome {
            OperationOutcome::Applied => self.complete(now, slot, request_id, false, out),
            OperationOutcome::Duplicate => self.complete(now, slot, request_id, true, out),
            OperationOutcome::Retry { code, message, retry_after_ms } => {
                self.own_fault(now, slot, code, message, *retry_after_ms, out);
            }
            // The server refuses a child whose parent it has refused: that is the parent's fault.
            _ if self.queue.failed_parent(slot).is_some() => self.block(now, slot, out),
            OperationOutcome::DependencyMissing { code, message } => {
                self.own_fault(now, slot, code, message, None, out);
            }
            OperationOutcome::Rejected { code, message } => {
                self.fail(now, slot, FailureReason::Rejected, code, message, out);
            }
            OperationOutcome::Forbidden { code, message } => {
                self.fail(now, slot, FailureReason::Forbidden, code, message, out);
            }
            OperationOutcome::TooLarge { code, message } => {
                self.fail(now, slot, FailureReason::TooLarge, code, message, out);
            }
        }
    }

    fn settle_late(&mut self, now: Millis, request_id: &str, response: &Response, out: &mut Settlement) {
        let number = self.past.iter().find(|(id, _)| id == request_id).map_or(0, |&(_, number)| number);
        for result in &response.results {
            if is_success(&result.outcome) {
                self.settle_success(now, &result.id, number, request_id, &result.outcome, out);
                continue;
            }
            let Some(slot) = self.queue.find(&result.id) else { continue };
            let pending = self.queue.row(slot).is_some_and(|row| row.state == State::Pending);
            if pending && number > 0 && self.carried.get(slot) == Some(number) {
                self.settle_one(now, slot, request_id, &result.outcome, out);
            }
        }
    }

    /// A success is a fact whatever has happened since, unless it is about content that was edited since.
    fn settle_success(
        &mut self,
        now: Millis,
        id: &str,
        number: u64,
        request_id: &str,
        outcome: &OperationOutcome,
        out: &mut Settlement,
    ) {
        let Some(slot) = self.queue.find(id) else { return };
        if self.revised.get(slot).is_some_and(|revised| number <= revised) {
            return;
        }
        self.complete(now, slot, request_id, *outcome == OperationOutcome::Duplicate, out);
    }

    fn summarize(
        &self,
        now: Millis,
        request: &InFlight,
        results: &ById<'_, OperationOutcome>,
        out: &Settlement,
    ) -> BatchSyncSummary {
        let members = ById::first(out.results.iter().rev().map(|result| (result.id.as_str(), &result.outcome)));
        let mut summary = BatchSyncSummary {
            total: request.operations.len() as u32,
            processing_time_ms: u64::try_from(now.saturating_sub(request.sent_at)).unwrap_or(0),
            ..BatchSyncSummary::default()
        };
        for (id, _) in &request.operations {
            match members.get(id) {
                Some(SettledOutcome::Applied) => summary.successful += 1,
                Some(SettledOutcome::Duplicate) => {
                    summary.successful += 1;
                    summary.duplicates += 1;
                }
                // Completed before by a late answer.
                None if self.queue.find(id).is_none() => summary.successful += 1,
                Some(SettledOutcome::Failed(_)) => {
                    summary.failed += 1;
                    summary.validation_errors += u32::from(results.get(id).is_some());
                }
                _ => summary.failed += 1,
            }
        }
        summary
    }
}

/// Outcomes by operation, in a sorted list.
struct ById<'a, T>(Vec<(&'a str, &'a T)>);

impl<'a, T> ById<'a, T> {
    /// The first of several with the same id counts.
    fn first(outcomes: impl Iterator<Item = (&'a str, &'a T)>) -> Self {
        let mut outcomes: Vec<_> = outcomes.collect();
        outcomes.sort_by_key(|(id, _)| *id);
        outcomes.dedup_by_key(|(id, _)| *id);
        Self(outcomes)
    }

    fn get(&self, id: &str) -> Option<&'a T> {
        let found = self.0.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        Some(self.0[found].1)
    }
}

fn is_success(outcome: &OperationOutcome) -> bool {
    matches!(outcome, OperationOutcome::Applied | OperationOutcome::Duplicate)
}
