//! Faults of whole requests: the action that `FaultClass` names, carried out.

use super::{Engine, InFlight, Learned};
use crate::config::after;
use crate::fault::{FaultAction, FaultClass, FaultContext, HttpFault, Signal, classify};
use crate::operation::{FailureReason, Millis};
use crate::policy::Undelivered;
use crate::queue::{Delay, Slot};
use crate::request::{BatchSyncSummary, Event, SettledOutcome, Settlement};

impl Engine {
    /// A request ended without per-operation results. Its operations keep their ids and are pending again, except
    /// those the fault blames. A fault of a request that has ended already changes nothing.
    pub fn handle_failure(&mut self, now: Millis, request_id: &str, signal: &Signal) -> Settlement {
        self.observe(now);
        let mut out = Settlement::default();
        let Some(request) = self.take_request(request_id) else { return out };
        let class = self.class_of(&request, signal);
        let http = match signal {
            Signal::Http(fault) => Some(&**fault),
            _ => None,
        };
        self.note_fault(now, &request, class, signal, &mut out);
        if let Some(ms) = http.and_then(|fault| fault.retry_after_ms) {
            self.wait_as_told(now, ms);
        }
        if let Some(limits) = http.and_then(|fault| fault.limits) {
            self.limits = self.limits.updated(limits);
        }
        self.act(now, &request, class, http, &mut out);
        if matches!(signal, Signal::Offline | Signal::ConnectFailed) {
            self.forget_sending(&request);
        }
        self.release_request(now, &request, &mut out);
        out.events.push(Event::RequestFailed {
            request_id: request.id.clone(),
            class,
            retry_at: self.gate(now).map(|(until, _)| until),
        });
        out.summary = Some(summarize(now, &request, class, &out));
        out
    }

    fn class_of(&self, request: &InFlight, signal: &Signal) -> FaultClass {
        let context = FaultContext {
            to_batch_endpoint: request.mode.uses_batch_endpoint(),
            operations: request.operations.len(),
            batch_proven: self.endpoint.proven,
        };
        match signal {
            // A session that was renewed after a refusal and is refused again is not at fault: the operation is.
            Signal::Http(fault) if fault.session_matches.is_none() && self.session.renewed => {
                let fault = HttpFault { session_matches: Some(true), ..(**fault).clone() };
                classify(&fault.into(), &context)
            }
            _ => classify(signal, &context),
        }
    }

    fn note_fault(
        &mut self,
        now: Millis,
        request: &InFlight,
        class: FaultClass,
        signal: &Signal,
        out: &mut Settlement,
    ) {
        let before = self.quality.quality();
        if class == FaultClass::Network || *signal == Signal::Stalled {
            self.quality.on_network_fault();
        }
        self.tell_quality(before, out);
        let operations = request.operations.len() as u32;
        self.policy.on_undelivered(now, &Undelivered { class, operations, bytes: request.bytes });
    }

    fn act(
        &mut self,
        now: Millis,
        request: &InFlight,
        class: FaultClass,
        http: Option<&HttpFault>,
        out: &mut Settlement,
    ) {
        match class.action() {
            FaultAction::WaitForNetwork => {
                if !self.gates.offline {
                    out.events.push(Event::WentOffline);
                }
                self.gates.offline = true;
                self.back_off(now);
            }
            // What the server told is added to this: the longer of the two waits counts.
            FaultAction::BackOff | FaultAction::WaitAsTold => self.back_off(now),
            FaultAction::ShrinkAndBackOff => {
                self.narrow(request);
                self.back_off(now);
                self.suspect(now, request, http, out);
            }
            FaultAction::Split => self.split(now, request, http, out),
            FaultAction::PauseForSession => self.refuse_session(now, request, class, out),
            FaultAction::SetAside => self.set_aside(now, request, class, http, out),
            FaultAction::SendIndividually => {
                let probe_at = after(now, self.config.probe_interval_ms);
                self.endpoint.proven = false;
                self.endpoint.absent_until = Some(probe_at);
                out.events.push(Event::BatchEndpointLost { probe_at });
            }
            FaultAction::Bisect => self.narrow(request),
            FaultAction::PauseForUpgrade => {
                self.gates.upgrade_until = Some(after(now, self.config.upgrade_recheck_ms));
                out.events.push(Event::UpgradeRequired);
            }
            FaultAction::Release => {}
        }
    }

    fn back_off(&mut self, now: Millis) {
        let wait = self.backoff_ms(self.gates.faults);
        self.gates.faults = self.gates.faults.saturating_add(1);
        let until = after(now, wait);
        self.gates.soft_until = Some(self.gates.soft_until.map_or(until, |old| old.max(until)));
    }

    pub(super) fn wait_as_told(&mut self, now: Millis, ms: u64) {
        let until = after(now, self.clamp_retry_after(ms));
        self.gates.hard_until = Some(self.gates.hard_until.map_or(until, |old| old.max(until)));
    }

    fn narrow(&mut self, request: &InFlight) {
        // An individual call says nothing of batches.
        if !request.mode.uses_batch_endpoint() {
            return;
        }
        self.narrowed = Some((request.operations.len() as u32 / 2).max(1));
    }

    /// A server fault that names an operation is that operation's own. One that meets a lone operation again and
    /// again while others succeed in between is its own too; otherwise the server has the trouble.
    fn suspect(&mut self, now: Millis, request: &InFlight, http: Option<&HttpFault>, out: &mut Settlement) {
        let message = http.and_then(|fault| fault.message.as_deref()).unwrap_or("the server failed on it");
        let code = http.and_then(|fault| fault.code.as_deref()).unwrap_or("server_error");
        let named = http.and_then(|fault| fault.operation.as_deref());
        if let Some(slot) = named.and_then(|id| self.held_by(id, request.number)) {
            return self.own_fault(now, slot, code, message, None, out);
        }
        let [(id, _)] = request.operations.as_slice() else { return };
        let Some(slot) = self.held_by(id, request.number) else { return };
        let passed_by = self.suspects.insert(slot, self.successes).is_some_and(|then| self.successes > then);
        if passed_by {
            return self.own_fault(now, slot, code, message, None, out);
        }
        // Others go first once the backoff is over.
        let until = after(self.gates.soft_until.unwrap_or(now), self.config.backoff_base_ms);
        self.release(now, slot, Some(Delay { until, hard: false }), false, out);
    }

    fn split(&mut self, now: Millis, request: &InFlight, http: Option<&HttpFault>, out: &mut Settlement) {
        if let [(id, _)] = request.operations.as_slice() {
            // The ceiling was learned on the way to this one; what others may weigh is not known from it.
            self.learned = None;
            if let Some(slot) = self.held_by(id, request.number) {
                let (code, message) = words(http, "too_large", "too large for the server, even alone");
                self.fail(now, slot, FailureReason::TooLarge, code, message, out);
            }
            return;
        }
        let learned = Learned {
            operations: (request.operations.len() as u32 / 2).max(1),
            bytes: (request.bytes / 2).max(1),
            until: after(now, self.config.ceiling_ttl_ms),
        };
        self.learned = Some(learned);
        out.events.push(Event::CeilingLearned { operations: learned.operations, bytes: learned.bytes });
    }

    fn refuse_session(&mut self, now: Millis, request: &InFlight, class: FaultClass, out: &mut Settlement) {
        // A newer session may be good: only the one the request was sent with is refused.
        if request.generation != self.session.generation || self.session.refused {
            return;
        }
        if self.session.refusals > 0 {
            // The renewed session is refused as well: do not spin between renewing and sending.
            self.back_off(now);
        }
        self.session.refusals = self.session.refusals.saturating_add(1);
        self.session.refused = true;
        self.session.doubted = class == FaultClass::Session;
        out.events.push(Event::Reauthenticate { owner: self.queue.owner_name(request.owner).to_owned() });
    }

    fn set_aside(
        &mut self,
        now: Millis,
        request: &InFlight,
        class: FaultClass,
        http: Option<&HttpFault>,
        out: &mut Settlement,
    ) {
        let named = http.and_then(|fault| fault.operation.as_deref());
        let only = match request.operations.as_slice() {
            [(id, _)] => Some(&**id),
            _ => None,
        };
        let held = |id: &str| self.held_by(id, request.number);
        let Some(slot) = named.and_then(held).or_else(|| only.and_then(held)) else {
            // It names an operation that is not in the request: find the one that is meant.
            return self.narrow(request);
        };
        if class == FaultClass::ForbiddenOperation {
            let (code, message) = words(http, "forbidden", "this account may not do it");
            self.fail(now, slot, FailureReason::Forbidden, code, message, out);
        } else {
            let (code, message) = words(http, "invalid", "the server refused it");
            self.fail(now, slot, FailureReason::Rejected, code, message, out);
        }
    }

    /// Nothing left this device: the operations are as unsent as before.
    fn forget_sending(&mut self, request: &InFlight) {
        for (id, sent_before) in &request.operations {
            if let Some(slot) = self.held_by(id, request.number) {
                self.queue.set_ever_sent(slot, *sent_before);
            }
        }
    }

    /// What a request still holds is pending again, at no cost.
    pub(super) fn release_request(&mut self, now: Millis, request: &InFlight, out: &mut Settlement) {
        for (id, _) in &request.operations {
            let Some(slot) = self.held_by(id, request.number) else { continue };
            self.release(now, slot, None, false, out);
        }
        for (id, _) in &request.operations {
            if let Some(slot) = self.queue.find(id) {
                self.note_carried(slot, request.number);
            }
        }
        if request.mode == crate::request::SendMode::Probe {
            self.endpoint.probing = false;
        }
        self.remember(request.id.clone(), request.number);
    }

    fn note_carried(&mut self, slot: Slot, number: u64) {
        if self.queue.row(slot).is_some_and(|row| row.state == crate::queue::State::Pending) {
            self.carried.insert(slot, number);
        }
    }
}

fn words<'a>(http: Option<&'a HttpFault>, code: &'a str, message: &'a str) -> (&'a str, &'a str) {
    (
        http.and_then(|fault| fault.code.as_deref()).unwrap_or(code),
        http.and_then(|fault| fault.message.as_deref()).unwrap_or(message),
    )
}

fn summarize(now: Millis, request: &InFlight, class: FaultClass, out: &Settlement) -> BatchSyncSummary {
    let total = request.operations.len() as u32;
    let refused = |outcome: &SettledOutcome| matches!(outcome, SettledOutcome::Failed(_));
    let validation = out
        .results
        .iter()
        .filter(|result| refused(&result.outcome) && request.operations.iter().any(|(id, _)| **id == *result.id))
        .count() as u32;
    BatchSyncSummary {
        total,
        successful: 0,
        failed: total,
        network_errors: if class.is_network_error() { total - validation.min(total) } else { 0 },
        validation_errors: validation,
        duplicates: 0,
        processing_time_ms: u64::try_from(now.saturating_sub(request.sent_at)).unwrap_or(0),
    }
}
