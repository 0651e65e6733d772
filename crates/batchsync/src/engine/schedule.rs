//! When something happens: `poll`, the triggers, the waits, and the one next wake-up.
//!
//! Events only change state; the wake-up is worked out from state alone, so none can be forgotten.

use super::Engine;
use crate::config::after;
use crate::operation::{FailureReason, Millis};
use crate::queue::{Slot, State, Symbol};
use crate::request::{Settlement, Step, WaitReason};

/// The most rows one `poll` lets expire, so that one transaction stays small.
const EXPIRE_AT_ONCE: usize = 1_000;

impl Engine {
    /// What to do next. Call it after every event and at the wake-up; it is cheap.
    ///
    /// `now` should not go backwards; if it does, all waits move back with it.
    pub fn poll(&mut self, now: Millis) -> Step {
        self.observe(now);
        let mut out = Settlement::default();
        self.end_leases(now, &mut out);
        self.queue.end_delays(now);
        self.expire(now, &mut out);
        self.forget_ceiling(now);
        self.update_due(now);
        if !out.is_empty() {
            return Step::Persist(out);
        }
        if self.may_send(now)
            && let Some(step) = self.next_request(now)
        {
            return step;
        }
        let (until, reason) = self.next_wake_up(now);
        Step::Wait { until, reason }
    }

    /// Notes the time. A clock that went back takes every wait with it: none gets longer, none freezes.
    pub(super) fn observe(&mut self, now: Millis) {
        let back = self.last_now.map_or(0, |last| last.saturating_sub(now));
        self.last_now = Some(now);
        if back <= 0 {
            return;
        }
        let shift = |time: &mut Option<Millis>| *time = time.map(|time| time.saturating_sub(back));
        shift(&mut self.gates.hard_until);
        shift(&mut self.gates.soft_until);
        shift(&mut self.gates.upgrade_until);
        shift(&mut self.endpoint.absent_until);
        shift(&mut self.fresh.since);
        for request in &mut self.requests {
            request.lease_until = request.lease_until.saturating_sub(back);
            request.sent_at = request.sent_at.saturating_sub(back);
        }
        if let Some(learned) = &mut self.learned {
            learned.until = learned.until.saturating_sub(back);
        }
        self.queue.shift_delays(back);
    }

    /// The owner whose operations may be sent now.
    pub(super) fn sending_owner(&self) -> Option<Symbol> {
        if self.session.refused { None } else { self.session.owner }
    }

    fn may_send(&self, now: Millis) -> bool {
        self.requests.len() < self.config.max_in_flight as usize && self.gate(now).is_none()
    }

    /// The gate that stays closed longest, with when it opens.
    pub(super) fn gate(&self, now: Millis) -> Option<(Millis, WaitReason)> {
        let soft = if self.gates.offline { WaitReason::Offline } else { WaitReason::Backoff };
        [
            (self.gates.upgrade_until, WaitReason::Upgrade),
            (self.gates.hard_until, WaitReason::RetryAfter),
            (self.gates.soft_until, soft),
        ]
        .into_iter()
        .filter_map(|(until, reason)| until.filter(|&until| until > now).map(|until| (until, reason)))
        .max_by_key(|&(until, _)| until)
    }

    fn next_wake_up(&self, now: Millis) -> (Option<Millis>, WaitReason) {
        let lease = self.requests.iter().map(|request| request.lease_until).min();
        let Some(owner) = self.sending_owner() else {
            let waiting = self.session.refused || self.queue.totals().len > 0;
            return (lease, if waiting { WaitReason::Session } else { WaitReason::Idle });
        };
        let expiry = self.queue.oldest(owner).map(|(from, _)| after(from, self.config.max_age_ms).max(now));
        let (work, reason) = self.next_work(now, owner);
        (earliest([lease, expiry, work]), reason)
    }

    /// When something could be sent, and what it waits for until then.
    fn next_work(&self, now: Millis, owner: Symbol) -> (Option<Millis>, WaitReason) {
        let in_flight = !self.requests.is_empty();
        let full = self.requests.len() >= self.config.max_in_flight as usize;
        let (at, reason) = if self.has_due(owner) {
            (now, if full { WaitReason::InFlight } else { WaitReason::Idle })
        } else if let Some(trigger) = self.trigger_at() {
            let delay = self.queue.next_delay();
            (delay.map_or(trigger, |delay| delay.min(trigger)), WaitReason::Collecting)
        } else if let Some(delay) = self.queue.next_delay() {
            (delay, WaitReason::Backoff)
        } else {
            return (None, if in_flight { WaitReason::InFlight } else { WaitReason::Idle });
        };
        if full {
            // The answer, the failure or the end of the lease comes first.
            return (None, WaitReason::InFlight);
        }
        match self.gate(now) {
            Some((until, gate)) if until >= at => (Some(until), gate),
            _ => (Some(at), reason),
        }
    }

    pub(super) fn trigger_at(&self) -> Option<Millis> {
        self.fresh.since.map(|since| after(since, self.config.batch_timeout_ms))
    }

    pub(super) fn has_due(&self, owner: Symbol) -> bool {
        self.queue.first_ready(owner).is_some_and(|key| Some(key) <= self.due_through)
    }

    fn update_due(&mut self, now: Millis) {
        let full = self.fresh.count >= u64::from(self.config.max_batch_size);
        if full || self.trigger_at().is_some_and(|at| at <= now) {
            self.make_all_due();
        }
    }

    /// Everything queued now goes out, without waiting between requests.
    pub(super) fn make_all_due(&mut self) {
        self.due_through = self.due_through.max(self.queue.last());
        self.fresh.count = 0;
        self.fresh.since = None;
    }

    pub(super) fn make_due(&mut self, slot: Slot) {
        if Some(self.queue.key(slot)) > self.due_through {
            self.make_all_due();
        }
    }

    /// A row came that no trigger has covered yet.
    pub(super) fn note_fresh(&mut self, slot: Slot, since: Millis) {
        if self.is_fresh(slot) {
            self.fresh.count += 1;
            self.fresh.since = Some(self.fresh.since.map_or(since, |old| old.min(since)));
        }
    }

    /// A row that no trigger has covered leaves, or leaves the pending ones.
    pub(super) fn forget_fresh(&mut self, slot: Slot) {
        if self.is_fresh(slot) {
            self.fresh.count = self.fresh.count.saturating_sub(1);
            if self.fresh.count == 0 {
                self.fresh.since = None;
            }
        }
    }

    fn is_fresh(&self, slot: Slot) -> bool {
        self.queue.row(slot).is_some_and(|row| {
            row.state == State::Pending
                && Some(row.owner) == self.session.owner
                && Some(self.queue.key(slot)) > self.due_through
        })
    }

    fn end_leases(&mut self, now: Millis, out: &mut Settlement) {
        while let Some(index) = self.requests.iter().position(|request| request.lease_until <= now) {
            let request = self.requests.remove(index);
            self.release_request(now, &request, out);
        }
    }

    fn expire(&mut self, now: Millis, out: &mut Settlement) {
        let Some(owner) = self.sending_owner() else { return };
        for _ in 0..EXPIRE_AT_ONCE {
            let Some((from, slot)) = self.queue.oldest(owner) else { break };
            if after(from, self.config.max_age_ms) > now {
                break;
            }
            let message = "waited too long to be sent; retry it to send it all the same, or discard it";
            self.fail(now, slot, FailureReason::Expired, "expired", message, out);
        }
    }

    fn forget_ceiling(&mut self, now: Millis) {
        self.learned = self.learned.filter(|learned| learned.until > now);
    }

    /// Full jitter: anything from 1 ms up to base times 2 to the n, at most the cap.
    pub(super) fn backoff_ms(&mut self, n: u32) -> i64 {
        let step = self.config.backoff_base_ms.saturating_mul(1_i64 << n.min(30));
        self.rng.up_to(step.min(self.config.backoff_cap_ms))
    }

    pub(super) fn clamp_retry_after(&self, ms: u64) -> i64 {
        i64::try_from(ms).unwrap_or(i64::MAX).min(self.config.retry_after_cap_ms)
    }
}

fn earliest<const N: usize>(times: [Option<Millis>; N]) -> Option<Millis> {
    times.into_iter().flatten().min()
}
