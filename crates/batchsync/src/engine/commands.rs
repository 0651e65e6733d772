//! What the application, its user and the platform want: sessions, the network, flush, and the inbox.

use thiserror::Error;

use super::{Engine, InFlight};
use crate::config::ServerLimits;
use crate::operation::{FailureReason, Millis, OperationId, QueuedMeta};
use crate::quality::NetworkHint;
use crate::queue::{Slot, State, Symbol};
use crate::request::{Event, Settlement};

/// A signed-in session, as far as the engine must know it. The token stays with the driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Whose session it is. Only this owner's operations are sent.
    pub owner: String,
}

/// Whether there is a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connectivity {
    /// There is one.
    Online,
    /// There is none.
    Offline,
}

/// What happens to operations that depend on a discarded one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChildPolicy {
    /// They are discarded too.
    Cascade,
    /// They are sent on their own; the server says whether they stand without it.
    Release,
}

/// A command that cannot be carried out. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CommandError {
    /// No such operation is queued.
    #[error("no operation `{id}` is queued; it may have been synced or discarded")]
    Unknown {
        /// The id given.
        id: OperationId,
    },
    /// The operation is in a request; its answer decides.
    #[error("operation `{id}` is being sent; try again when its request is answered")]
    InFlight {
        /// The operation.
        id: OperationId,
    },
    /// What it depends on has failed.
    #[error("operation `{id}` waits for `{parent}`, which failed; retry, edit or discard that one")]
    Blocked {
        /// The operation.
        id: OperationId,
        /// What it waits for.
        parent: OperationId,
    },
    /// It may have reached the server as it is, so its content is fixed.
    #[error("operation `{id}` may have reached the server; retry it, or discard it and make a new one")]
    MayHaveBeenSent {
        /// The operation.
        id: OperationId,
    },
}

impl CommandError {
    /// Whether the same command may work later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::InFlight { .. } | Self::Blocked { .. })
    }
}

/// The platform and the session.
impl Engine {
    /// Somebody signed in, a token arrived, or (`None`) there is no session.
    ///
    /// Everything queued of the session's owner is due at once; rows of others are parked. Requests under way for
    /// another owner are given up.
    pub fn set_session(&mut self, now: Millis, session: Option<Session>) -> Settlement {
        self.observe(now);
        let mut out = Settlement::default();
        let owner = session.map(|session| self.queue.owner(&session.owner));
        if owner != self.session.owner {
            self.give_up_requests(now, None, &mut out);
            self.session.refusals = 0;
            self.session.doubted = false;
            self.session.renewed = false;
        }
        self.session.renewed |= self.session.refused && self.session.doubted;
        self.session.owner = owner;
        self.session.refused = false;
        self.session.generation += 1;
        self.make_all_due();
        out
    }

    /// The user signed out: the working set is emptied, requests under way are given up, the durable rows stay
    /// parked with their owner. The number of operations not yet sent is in `progress` before, and in the totals.
    pub fn sign_out(&mut self, now: Millis) -> Settlement {
        self.set_session(now, None)
    }

    /// Rows of `from` now belong to `to` (a guest signed up). The store has changed them already.
    pub fn adopt(&mut self, now: Millis, from: &str, to: &str) -> Settlement {
        self.observe(now);
        let mut out = Settlement::default();
        let from = self.queue.owner(from);
        self.give_up_requests(now, Some(from), &mut out);
        let rows: Vec<QueuedMeta> = self.rows_of(from);
        for meta in &rows {
            self.take_quietly(&meta.id);
        }
        // Without an account they could not be sent: their age counts from now.
        let owned = rows.into_iter().map(|meta| QueuedMeta { user_id: to.to_owned(), queued_at: now, ..meta });
        let mut taken = self.handle_enqueued(now, owned);
        out.changes.append(&mut taken.changes);
        out.results.append(&mut taken.results);
        self.make_all_due();
        out
    }

    /// The platform says that there is a network, or none, and maybe what kind.
    pub fn network_changed(&mut self, now: Millis, to: Connectivity, hint: Option<NetworkHint>) -> Settlement {
        self.observe(now);
        let mut out = Settlement::default();
        let before = self.quality.quality();
        if let Some(hint) = hint {
            self.quality.on_hint(hint);
        }
        self.tell_quality(before, &mut out);
        let was_offline = self.gates.offline;
        match to {
            Connectivity::Online => {
                self.gates.offline = false;
                self.gates.soft_until = None;
                self.gates.faults = 0;
                self.make_all_due();
                if was_offline {
                    out.events.push(Event::CameOnline);
                }
            }
            Connectivity::Offline => {
                self.gates.offline = true;
                // Platforms err: after a while it is tried all the same.
                let wait = self.config.backoff_cap_ms;
                self.gates.soft_until = Some(now.saturating_add(wait));
                if !was_offline {
                    out.events.push(Event::WentOffline);
                }
            }
        }
        out
    }

    /// The application came to the foreground: everything queued is due.
    pub fn foregrounded(&mut self, now: Millis) -> Settlement {
        self.observe(now);
        self.make_all_due();
        self.ask_for_session()
    }

    /// The user wants everything sent now. Ends backoffs, not what the server asked to wait.
    pub fn flush(&mut self, now: Millis) -> Settlement {
        self.observe(now);
        self.make_all_due();
        self.gates.soft_until = None;
        self.gates.upgrade_until = None;
        self.queue.end_soft_delays();
        self.ask_for_session()
    }

    /// Limits the server told outside of a response.
    pub fn update_limits(&mut self, limits: ServerLimits) {
        self.limits = self.limits.updated(limits);
    }

    fn ask_for_session(&self) -> Settlement {
        let mut out = Settlement::default();
        if self.session.refused
            && let Some(owner) = self.session.owner
        {
            out.events.push(Event::Reauthenticate { owner: self.queue.owner_name(owner).to_owned() });
        }
        out
    }

    /// Gives up the requests of an owner, or all.
    fn give_up_requests(&mut self, now: Millis, of: Option<Symbol>, out: &mut Settlement) {
        let (given_up, kept): (Vec<InFlight>, Vec<InFlight>) = std::mem::take(&mut self.requests)
            .into_iter()
            .partition(|request| of.is_none_or(|owner| owner == request.owner));
        self.requests = kept;
        for request in given_up {
            self.release_request(now, &request, out);
        }
    }

    fn rows_of(&self, owner: Symbol) -> Vec<QueuedMeta> {
        let mine = |slot: &Slot| self.queue.row(*slot).is_some_and(|row| row.owner == owner);
        let mut rows: Vec<QueuedMeta> =
            self.queue.slots().filter(mine).filter_map(|slot| self.queue.meta(slot)).collect();
        rows.sort_by_key(|meta| meta.position);
        rows
    }

    fn take_quietly(&mut self, id: &str) {
        if let Some(slot) = self.queue.find(id) {
            self.forget_fresh(slot);
            self.suspects.remove(slot);
            self.carried.remove(slot);
            self.revised.remove(slot);
            self.queue.remove(slot);
        }
    }
}

/// The inbox and the queue.
impl Engine {
    /// Sends a failed operation again, with what it blocked. Of a pending one it ends the wait.
    ///
    /// # Errors
    /// `Unknown`, `InFlight`, or `Blocked` when what it depends on has failed.
    pub fn retry(&mut self, now: Millis, id: &str) -> Result<Settlement, CommandError> {
        self.observe(now);
        let slot = self.settled_slot(id)?;
        self.check_parent(slot, id)?;
        let mut out = Settlement::default();
        self.free(now, slot, &mut out);
        Ok(out)
    }

    /// Sends every failed operation of the session's owner again.
    pub fn retry_all_failed(&mut self, now: Millis) -> Settlement {
        self.observe(now);
        let mut out = Settlement::default();
        let owner = self.session.owner;
        let failed: Vec<Slot> = self.queue.failed().collect();
        for slot in failed {
            let Some(row) = self.queue.row(slot) else { continue };
            // In queue order a parent comes first and frees what it blocked.
            let failed = matches!(row.state, State::Failed(_));
            if failed && Some(row.owner) == owner && self.queue.failed_parent(slot).is_none() {
                self.free(now, slot, &mut out);
            }
        }
        out
    }

    /// Removes an operation at the user's wish.
    ///
    /// # Errors
    /// `Unknown`, or `InFlight` for it or, when cascading, for one that depends on it.
    pub fn discard(&mut self, now: Millis, id: &str, children: ChildPolicy) -> Result<Settlement, CommandError> {
        self.observe(now);
        let slot = self.settled_slot(id)?;
        let mut slots = vec![slot];
        if children == ChildPolicy::Cascade {
            slots.extend(self.descendants(slot));
        }
        for &slot in &slots {
            if let Some(row) = self.queue.row(slot)
                && matches!(row.state, State::Processing { .. })
            {
                return Err(CommandError::InFlight { id: row.id.to_string() });
            }
        }
        let mut out = Settlement::default();
        // Children first: the removal of a parent would free them.
        for slot in slots.into_iter().rev() {
            self.drop_row(now, slot, &mut out);
        }
        Ok(out)
    }

    /// The user changed the content of an operation; the store holds it already. It is pending again, with what it
    /// blocked.
    ///
    /// # Errors
    /// `Unknown`, `InFlight`, `Blocked`, or `MayHaveBeenSent` when the server may hold the old content.
    pub fn edited(&mut self, now: Millis, id: &str, payload_bytes: u32) -> Result<Settlement, CommandError> {
        self.observe(now);
        let slot = self.settled_slot(id)?;
        self.check_editable(slot, id)?;
        self.queue.set_payload_bytes(slot, payload_bytes);
        let mut out = Settlement::default();
        self.revised.insert(slot, self.sequence);
        self.queue.set_ever_sent(slot, false);
        if self.queue.failed_parent(slot).is_some() {
            // Better now, but still blocked.
            self.push_status(slot, &mut out);
        } else {
            self.free(now, slot, &mut out);
        }
        Ok(out)
    }

    fn settled_slot(&self, id: &str) -> Result<Slot, CommandError> {
        let slot = self.queue.find(id).ok_or_else(|| CommandError::Unknown { id: id.to_owned() })?;
        match self.queue.row(slot).map(|row| &row.state) {
            Some(State::Processing { .. }) => Err(CommandError::InFlight { id: id.to_owned() }),
            _ => Ok(slot),
        }
    }

    fn check_parent(&self, slot: Slot, id: &str) -> Result<(), CommandError> {
        match self.queue.failed_parent(slot).and_then(|parent| self.queue.row(parent)) {
            Some(parent) => Err(CommandError::Blocked { id: id.to_owned(), parent: parent.id.to_string() }),
            None => Ok(()),
        }
    }

    fn check_editable(&self, slot: Slot, id: &str) -> Result<(), CommandError> {
        let Some(row) = self.queue.row(slot) else { return Ok(()) };
        // The server examined and refused these, so it does not hold them.
        let refused = match &row.state {
            State::Failed(failure) => {
                matches!(failure.reason, FailureReason::Rejected | FailureReason::Forbidden | FailureReason::TooLarge)
            }
            _ => false,
        };
        if row.ever_sent && !refused { Err(CommandError::MayHaveBeenSent { id: id.to_owned() }) } else { Ok(()) }
    }

    /// Pending again with a clean slate, and due.
    fn free(&mut self, now: Millis, slot: Slot, out: &mut Settlement) {
        let was_failed = self.queue.row(slot).is_some_and(|row| matches!(row.state, State::Failed(_)));
        self.queue.set_retry_count(slot, 0);
        self.queue.clear_delay(slot);
        self.suspects.remove(slot);
        self.carried.remove(slot);
        if was_failed {
            self.unblock(now, slot, out);
        } else {
            self.push_status(slot, out);
        }
    }
}
