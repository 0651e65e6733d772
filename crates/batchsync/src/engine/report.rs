//! What a user may want to know: how far the queue is, and why an operation is where it is.

use super::Engine;
use crate::config::after;
use crate::operation::{Failure, Millis, OperationId, OwnerId};
use crate::progress::{Phase, Progress};
use crate::queue::{Slot, State};
use crate::request::{RequestId, WaitReason};

/// Why an operation is not done yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Explanation {
    /// Goes out with the next request.
    Ready,
    /// Waits for others to travel with.
    Collecting {
        /// When it goes at the latest.
        until: Option<Millis>,
    },
    /// Is in a request.
    InFlight {
        /// Which one.
        request_id: RequestId,
        /// When that was sent.
        since: Millis,
    },
    /// Waits for the operation it depends on.
    WaitsFor {
        /// That operation.
        parent: OperationId,
    },
    /// Waits for an earlier operation of the same entity.
    Behind {
        /// That operation.
        earlier: OperationId,
    },
    /// Is in the inbox. The failure says why; `Blocked` names what it waits for.
    SetAside(Failure),
    /// Waits after a fault of its own.
    OwnBackoff {
        /// Until when.
        until: Millis,
    },
    /// The whole queue waits after a fault, or because the server asked.
    QueueWaits {
        /// Until when.
        until: Millis,
        /// What for.
        reason: WaitReason,
    },
    /// Nobody is signed in.
    NoSession,
    /// The session was refused; it must be renewed.
    SessionRefused,
    /// Belongs to another account than the one signed in; parked.
    OtherOwner {
        /// Whose it is.
        owner: OwnerId,
    },
    /// Other requests are under way.
    RequestsInFlight,
}

impl Engine {
    /// How far the queue of the session's owner is; of all owners when there is no session.
    #[must_use]
    pub fn progress(&self, now: Millis) -> Progress {
        let mut progress = Progress::empty();
        for (owner, counts) in self.queue.all_counts() {
            if self.session.owner.is_some_and(|mine| mine != owner) {
                continue;
            }
            let run = self.runs.get(owner).copied().unwrap_or_default();
            progress.successful += run.successful;
            progress.failed += counts.failed;
            progress.blocked += counts.blocked;
            progress.pending += counts.pending + counts.processing;
            progress.in_flight += counts.processing;
            progress.bytes_done += run.bytes;
            progress.bytes_total += run.bytes + counts.live_bytes;
        }
        progress.total = progress.successful + progress.failed + progress.pending;
        progress.bytes_moving = self.requests.iter().map(|request| request.bytes_moved).sum();
        progress.operations_per_second = self.ms_per_operation.map(|ms| 1_000.0 / ms.max(0.001));
        progress.phase = self.phase(now, progress.pending);
        progress.eta_ms = self.eta_ms(now, &progress);
        progress
    }

    fn phase(&self, now: Millis, pending: u64) -> Phase {
        if pending == 0 {
            return Phase::Idle;
        }
        let Some(owner) = self.sending_owner() else { return Phase::WaitingForSession };
        if !self.requests.is_empty() {
            return Phase::Sending;
        }
        match self.gate(now) {
            Some((until, WaitReason::Upgrade)) => return Phase::UpgradeRequired { until: Some(until) },
            Some((until, WaitReason::Offline)) => return Phase::Offline { until: Some(until) },
            Some((until, reason)) => return Phase::Waiting { until: Some(until), reason },
            None => {}
        }
        if self.has_due(owner) {
            return Phase::Sending;
        }
        let (until, reason) = match (self.trigger_at(), self.queue.next_delay()) {
            (Some(at), Some(delay)) if delay < at => (Some(delay), WaitReason::Backoff),
            (Some(at), _) => (Some(at), WaitReason::Collecting),
            (None, Some(delay)) => (Some(delay), WaitReason::Backoff),
            (None, None) => (None, WaitReason::Idle),
        };
        Phase::Waiting { until, reason }
    }

    fn eta_ms(&self, now: Millis, progress: &Progress) -> Option<u64> {
        let each = self.ms_per_operation?;
        let waiting = match progress.phase {
            Phase::Idle => return Some(0),
            Phase::Sending => 0,
            Phase::Waiting { until: Some(until), .. } => until.saturating_sub(now).max(0),
            // When the network, the session or the user comes back is not known.
            _ => return None,
        };
        Some(waiting.unsigned_abs().saturating_add((each * progress.pending as f64) as u64))
    }

    /// Why an operation is not done yet; `None` if it is not queued.
    #[must_use]
    pub fn explain(&self, now: Millis, id: &str) -> Option<Explanation> {
        let slot = self.queue.find(id)?;
        let row = self.queue.row(slot)?;
        match &row.state {
            State::Failed(failure) => return Some(Explanation::SetAside((**failure).clone())),
            State::Processing { .. } => {
                let request = self.request_of(slot)?;
                return Some(Explanation::InFlight { request_id: request.id.clone(), since: request.sent_at });
            }
            State::Pending => {}
        }
        Some(self.explain_pending(now, slot).unwrap_or(Explanation::Ready))
    }

    fn explain_pending(&self, now: Millis, slot: Slot) -> Option<Explanation> {
        let row = self.queue.row(slot)?;
        let Some(owner) = self.session.owner else { return Some(Explanation::NoSession) };
        if owner != row.owner {
            return Some(Explanation::OtherOwner { owner: self.queue.owner_name(row.owner).to_owned() });
        }
        if self.session.refused {
            return Some(Explanation::SessionRefused);
        }
        if let Some((until, reason)) = self.gate(now) {
            return Some(Explanation::QueueWaits { until, reason });
        }
        if let Some(delay) = self.queue.delay(slot) {
            return Some(Explanation::OwnBackoff { until: delay.until });
        }
        if let Some(parent) = self.queue.waits_for(row).and_then(|parent| self.queue.row(parent)) {
            return Some(Explanation::WaitsFor { parent: parent.id.to_string() });
        }
        if let Some(earlier) = self.queue.before_in_chain(slot).and_then(|earlier| self.queue.row(earlier)) {
            return Some(Explanation::Behind { earlier: earlier.id.to_string() });
        }
        if self.requests.len() >= self.config.max_in_flight as usize || self.queue.entity_in_flight(row) {
            return Some(Explanation::RequestsInFlight);
        }
        if Some(self.queue.key(slot)) > self.due_through {
            let until = self.fresh.since.map(|since| after(since, self.config.batch_timeout_ms));
            return Some(Explanation::Collecting { until });
        }
        None
    }
}
