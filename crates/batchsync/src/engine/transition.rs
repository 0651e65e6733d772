//! How one operation changes state, with the changes that must be persisted and the consequences for its children.
//!
//! When it changes is decided elsewhere.

use super::Engine;
use crate::operation::{Failure, FailureReason, JournalEntry, JournalOutcome, Millis, OperationStatus, QueueChange};
use crate::queue::{Delay, Row, Slot, State};
use crate::request::{SettledOperation, SettledOutcome, Settlement};

impl Engine {
    /// Tells the store how a row stands. Rows in a request are told by the claim.
    pub(super) fn push_status(&self, slot: Slot, out: &mut Settlement) {
        let Some(row) = self.queue.row(slot) else { return };
        let status = match &row.state {
            State::Pending => OperationStatus::Pending,
            State::Failed(failure) => OperationStatus::Failed((**failure).clone()),
            State::Processing { .. } => match self.request_of(slot) {
                Some(request) => {
                    OperationStatus::Processing { batch_id: request.id.clone(), lease_until: request.lease_until }
                }
                None => return,
            },
        };
        out.changes.push(QueueChange::SetStatus {
            id: row.id.to_string(),
            status,
            retry_count: row.retry_count,
            ever_sent: row.ever_sent,
        });
    }

    fn push_result(&self, slot: Slot, outcome: SettledOutcome, out: &mut Settlement) {
        if let Some(row) = self.queue.row(slot) {
            out.results.push(SettledOperation { id: row.id.to_string(), outcome });
        }
    }

    /// Back to pending, or to blocked if what it depends on has failed meanwhile.
    pub(super) fn release(
        &mut self,
        now: Millis,
        slot: Slot,
        delay: Option<Delay>,
        own_fault: bool,
        out: &mut Settlement,
    ) {
        self.queue.set_state(slot, State::Pending);
        if self.queue.failed_parent(slot).is_some() {
            return self.block(now, slot, out);
        }
        if let Some(delay) = delay {
            self.queue.set_delay(slot, delay);
        }
        self.push_status(slot, out);
        let not_before = delay.map(|delay| delay.until);
        self.push_result(slot, SettledOutcome::Pending { not_before, own_fault }, out);
    }

    /// A fault of the operation's own: another try after a wait, or the inbox when there were too many.
    pub(super) fn own_fault(
        &mut self,
        now: Millis,
        slot: Slot,
        code: &str,
        message: &str,
        retry_after_ms: Option<u64>,
        out: &mut Settlement,
    ) {
        let Some(row) = self.queue.row(slot) else { return };
        let count = row.retry_count.saturating_add(1);
        self.queue.set_retry_count(slot, count);
        if count >= self.config.max_retries && self.queue.failed_parent(slot).is_none() {
            return self.fail(now, slot, FailureReason::RetriesExhausted, code, message, out);
        }
        let wait = self.backoff_ms(count.saturating_sub(1));
        let told = retry_after_ms.map(|ms| self.clamp_retry_after(ms));
        let until = now.saturating_add(wait.max(told.unwrap_or(0)));
        self.release(now, slot, Some(Delay { until, hard: told.is_some() }), true, out);
    }

    /// Into the inbox, and everything that depends on it with it.
    pub(super) fn fail(
        &mut self,
        now: Millis,
        slot: Slot,
        reason: FailureReason,
        code: &str,
        message: &str,
        out: &mut Settlement,
    ) {
        self.fail_one(now, slot, reason, code, message, out);
        let mut open = vec![slot];
        while let Some(parent) = open.pop() {
            let Some(id) = self.queue.row(parent).map(|row| row.id.clone()) else { continue };
            for child in self.queue.children(&id) {
                let Some(row) = self.queue.row(child) else { continue };
                // A child in a request is settled by its answer.
                if row.state == State::Pending && self.queue.waits_for(row) == Some(parent) {
                    self.block_one(now, child, out);
                    open.push(child);
                }
            }
        }
    }

    /// Into the inbox because what it depends on is there.
    pub(super) fn block(&mut self, now: Millis, slot: Slot, out: &mut Settlement) {
        let parent = self.queue.row(slot).and_then(|row| row.parent.clone());
        let reason = FailureReason::Blocked { parent: parent.map_or_else(String::new, |id| id.to_string()) };
        self.fail(now, slot, reason, BLOCKED_CODE, BLOCKED_MESSAGE, out);
    }

    fn block_one(&mut self, now: Millis, slot: Slot, out: &mut Settlement) {
        let parent = self.queue.row(slot).and_then(|row| row.parent.clone());
        let reason = FailureReason::Blocked { parent: parent.map_or_else(String::new, |id| id.to_string()) };
        self.fail_one(now, slot, reason, BLOCKED_CODE, BLOCKED_MESSAGE, out);
    }

    fn fail_one(
        &mut self,
        now: Millis,
        slot: Slot,
        reason: FailureReason,
        code: &str,
        message: &str,
        out: &mut Settlement,
    ) {
        let failure = Failure { reason, code: code.to_owned(), message: message.to_owned(), failed_at: now };
        self.forget_fresh(slot);
        self.suspects.remove(slot);
        self.carried.remove(slot);
        self.queue.set_state(slot, State::Failed(Box::new(failure.clone())));
        self.push_status(slot, out);
        self.push_result(slot, SettledOutcome::Failed(failure), out);
    }

    /// Out of the inbox again, and everything that was blocked by it with it. What lay there has not been waiting to be
    /// sent: its age counts from now.
    pub(super) fn unblock(&mut self, now: Millis, slot: Slot, out: &mut Settlement) {
        let mut open = vec![slot];
        while let Some(slot) = open.pop() {
            let Some(id) = self.queue.row(slot).map(|row| row.id.clone()) else { continue };
            self.carried.remove(slot);
            self.queue.set_state(slot, State::Pending);
            self.queue.renew(slot, now);
            self.make_due(slot);
            out.changes.push(QueueChange::Renew { id: id.to_string(), queued_at: now });
            self.push_status(slot, out);
            self.push_result(slot, SettledOutcome::Pending { not_before: None, own_fault: false }, out);
            open.extend(self.blocked_children(&id));
        }
    }

    fn blocked_children(&self, id: &std::sync::Arc<str>) -> Vec<Slot> {
        let blocked = |&child: &Slot| match self.queue.row(child).map(|row| &row.state) {
            Some(State::Failed(failure)) => matches!(failure.reason, FailureReason::Blocked { .. }),
            _ => false,
        };
        self.queue.children(id).into_iter().filter(blocked).collect()
    }

    /// Done: out of the queue, into the journal; what waited for it is free.
    pub(super) fn complete(&mut self, now: Millis, slot: Slot, request: &str, duplicate: bool, out: &mut Settlement) {
        let (outcome, settled) = if duplicate {
            (JournalOutcome::Duplicate, SettledOutcome::Duplicate)
        } else {
            (JournalOutcome::Applied, SettledOutcome::Applied)
        };
        self.push_result(slot, settled, out);
        let Some(row) = self.take_out(slot) else { return };
        let run = self.runs.get_mut(row.owner);
        run.successful += 1;
        run.bytes += u64::from(row.payload_bytes);
        let entry = self.journal_entry(now, &row, request, outcome);
        out.changes.push(QueueChange::Complete { id: row.id.to_string(), entry });
        for child in self.blocked_children(&row.id) {
            self.unblock(now, child, out);
        }
    }

    /// Out of the queue at the user's wish.
    pub(super) fn drop_row(&mut self, now: Millis, slot: Slot, out: &mut Settlement) {
        self.push_result(slot, SettledOutcome::Discarded, out);
        let Some(row) = self.take_out(slot) else { return };
        let entry = self.journal_entry(now, &row, "", JournalOutcome::Discarded);
        out.changes.push(QueueChange::Discard { id: row.id.to_string(), entry });
        for child in self.blocked_children(&row.id) {
            self.unblock(now, child, out);
        }
    }

    fn take_out(&mut self, slot: Slot) -> Option<Row> {
        self.forget_fresh(slot);
        // The slot will be used again: nothing known of this row may stick to the next.
        self.suspects.remove(slot);
        self.carried.remove(slot);
        self.revised.remove(slot);
        self.queue.remove(slot)
    }

    fn journal_entry(&self, now: Millis, row: &Row, request: &str, outcome: JournalOutcome) -> JournalEntry {
        JournalEntry {
            operation_id: row.id.to_string(),
            user_id: self.queue.owner_name(row.owner).to_owned(),
            kind: self.queue.kind_name(row.kind).to_owned(),
            batch_id: request.to_owned(),
            outcome,
            payload_bytes: row.payload_bytes,
            at: now,
        }
    }
}

const BLOCKED_CODE: &str = "blocked";
const BLOCKED_MESSAGE: &str = "waits for an operation that failed; it goes on when that one is retried or edited";
