//! Building the next request: which endpoint, how much, which operations, and the claims on them.

use super::{Engine, InFlight};
use crate::config::{Delivery, after};
use crate::operation::{FailureReason, Millis, OperationStatus, QueueChange};
use crate::policy::Backlog;
use crate::queue::{Selection, Slot, State, Symbol};
use crate::request::{SendMode, SendRequest, Settlement, Step};

impl Engine {
    /// The next request, or operations that turn out too large to be sent, or nothing.
    pub(super) fn next_request(&mut self, now: Millis) -> Option<Step> {
        let owner = self.sending_owner().filter(|&owner| self.has_due(owner))?;
        let mode = self.send_mode(now, owner);
        let limit = self.selection(now, owner, mode);
        let suspects = &self.suspects;
        let slots = self.queue.select(owner, limit, |slot| suspects.get(slot).is_some());
        let mut out = Settlement::default();
        self.set_aside_oversized(now, &slots, &mut out);
        if !out.is_empty() {
            return Some(Step::Persist(out));
        }
        if slots.is_empty() {
            return None;
        }
        Some(Step::Send(self.claim(now, owner, mode, &slots)))
    }

    fn send_mode(&self, now: Millis, owner: Symbol) -> SendMode {
        if self.config.delivery == Delivery::IndividualOnly {
            return SendMode::Individual;
        }
        match self.endpoint.absent_until {
            Some(until) if until <= now && !self.endpoint.probing => return SendMode::Probe,
            Some(_) => return SendMode::Individual,
            None => {}
        }
        let size = usize::try_from(self.queue.counts(owner).pending).unwrap_or(usize::MAX);
        if self.config.should_use_batch_sync(size, self.quality.quality()) {
            SendMode::Batch
        } else {
            SendMode::Individual
        }
    }

    fn selection(&mut self, now: Millis, owner: Symbol, mode: SendMode) -> Selection {
        let envelope = u64::from(self.config.envelope_bytes);
        let most = self.most_request_bytes();
        if mode == SendMode::Individual {
            return Selection { operations: 1, bytes: most, envelope };
        }
        let counts = self.queue.counts(owner);
        let backlog = Backlog { operations: counts.pending, bytes: counts.pending_bytes + counts.pending * envelope };
        let window = self.policy.window(now, self.quality.quality(), backlog);
        // Narrowing ends once it no longer narrows.
        self.narrowed = self.narrowed.filter(|&narrowed| narrowed < window.operations);
        let operations = [self.limits.max_operations, self.learned.map(|learned| learned.operations), self.narrowed]
            .into_iter()
            .flatten()
            .fold(window.operations, u32::min)
            .max(1);
        let bytes = self.learned.map_or(u64::MAX, |learned| learned.bytes).min(window.bytes).min(most);
        Selection { operations: operations as usize, bytes, envelope }
    }

    /// The most uncompressed bytes any request may have.
    fn most_request_bytes(&self) -> u64 {
        self.limits.max_bytes.map_or(self.config.max_request_bytes, |most| most.min(self.config.max_request_bytes))
    }

    /// The most uncompressed bytes one operation may have.
    fn most_operation_bytes(&self) -> u64 {
        let most = self.most_request_bytes();
        self.limits.max_operation_bytes.map_or(most, |least| least.min(most))
    }

    fn set_aside_oversized(&mut self, now: Millis, slots: &[Slot], out: &mut Settlement) {
        let most = self.most_operation_bytes();
        for &slot in slots {
            let Some(row) = self.queue.row(slot) else { continue };
            let size = u64::from(row.payload_bytes) + u64::from(self.config.envelope_bytes);
            if size > most && row.state == State::Pending {
                let message = format!("has {size} bytes, but at most {most} can be sent; shorten it or discard it");
                self.fail(now, slot, FailureReason::TooLarge, "too_large", &message, out);
            }
        }
    }

    fn claim(&mut self, now: Millis, owner: Symbol, mode: SendMode, slots: &[Slot]) -> SendRequest {
        self.sequence += 1;
        let number = self.sequence;
        let id = self.rng.request_id();
        let lease_until = after(now, self.config.lease_ms);
        let envelope = u64::from(self.config.envelope_bytes);
        let (mut operations, mut changes, mut bytes) = (Vec::new(), Vec::new(), 0);
        for &slot in slots {
            let Some(row) = self.queue.row(slot) else { continue };
            operations.push((row.id.clone(), row.ever_sent));
            bytes += u64::from(row.payload_bytes) + envelope;
            changes.push(QueueChange::SetStatus {
                id: row.id.to_string(),
                status: OperationStatus::Processing { batch_id: id.clone(), lease_until },
                retry_count: row.retry_count,
                ever_sent: true,
            });
        }
        // What rides along was not due yet; from now on all that is queued is.
        if slots.iter().any(|&slot| Some(self.queue.key(slot)) > self.due_through) {
            self.make_all_due();
        }
        for &slot in slots {
            self.queue.set_ever_sent(slot, true);
            self.queue.set_state(slot, State::Processing { request: number });
        }
        self.endpoint.probing |= mode == SendMode::Probe;
        let request = SendRequest {
            request_id: id.clone(),
            owner: self.queue.owner_name(owner).to_owned(),
            mode,
            operations: operations.iter().map(|(id, _)| id.to_string()).collect(),
            max_request_bytes: self.most_request_bytes(),
            lease_until,
            changes,
        };
        self.requests.push(InFlight {
            id,
            number,
            owner,
            generation: self.session.generation,
            mode,
            operations,
            bytes,
            sent_at: now,
            lease_until,
            bytes_moved: 0,
        });
        request
    }
}
