//! The engine: its state, how it is made and loaded, and what can be read from it.
//!
//! The rest of it lives beside this file, by task: `schedule` (poll and wake-ups), `send` (building requests),
//! `settle` (answers), `failure` (faults), `commands` (the user and the platform), `report` (progress, explanations).

mod commands;
mod failure;
mod report;
mod schedule;
mod send;
mod settle;
mod transition;

pub use commands::{ChildPolicy, CommandError, Connectivity, Session};
pub use report::Explanation;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::admission::{Admission, NewOperation, QueueFull, QueueTotals, check_room, may_coalesce};
use crate::config::{BatchConfig, ConfigError, ServerLimits};
use crate::operation::{Failure, FailureReason, Millis, OperationId, OperationStatus, QueuedMeta};
use crate::policy::{Adaptive, BatchPolicy, Fixed};
use crate::quality::{NetworkQuality, QualityMeter};
use crate::queue::{BySymbol, Key, Notes, Queue, Slot, State, Symbol};
use crate::request::{RequestId, SendMode, Settlement};
use crate::rng::Rng;

/// The sync engine: a state machine beside a durable queue.
///
/// It holds what it must know of each queued operation (`QueuedMeta`) and never a payload. It does no I/O, reads no
/// clock and no source of randomness; time comes in as `now`, randomness as a seed. Methods are of four kinds:
///
/// - `load`, `handle_*`: something happened;
/// - commands (`set_session`, `flush`, `retry`, ...): the application or its user wants something;
/// - `poll`: what the driver must do next, and the one next wake-up;
/// - getters (`progress`, `explain`, ...).
///
/// Every `Settlement` handed out must be persisted in one transaction before the next `poll`. If that fails, throw
/// the engine away and load a new one from the store: operation ids are idempotency keys, so nothing is lost or
/// applied twice.
#[derive(Debug)]
pub struct Engine {
    config: BatchConfig,
    policy: Box<dyn BatchPolicy>,
    rng: Rng,
    queue: Queue,
    requests: Vec<InFlight>,
    /// The number of the last request.
    sequence: u64,
    /// Requests that ended, so that late answers find what they belong to.
    past: VecDeque<(RequestId, u64)>,
    /// Pending rows by the last request that carried them.
    carried: Notes,
    /// Edited rows: answers of requests up to this number are about the old content.
    revised: Notes,
    /// Rows whose lone request met a server fault, with the number of successes at that time.
    suspects: Notes,
    successes: u64,
    session: SessionState,
    gates: Gates,
    endpoint: Endpoint,
    limits: ServerLimits,
    /// What was refused as too large, until it is forgotten.
    learned: Option<Learned>,
    /// The most operations in a request while a fault is being narrowed down.
    narrowed: Option<u32>,
    quality: QualityMeter,
    due_through: Option<Key>,
    fresh: Fresh,
    runs: BySymbol<Run>,
    ms_per_operation: Option<f64>,
    last_now: Option<Millis>,
}

/// A request without an answer.
#[derive(Debug)]
struct InFlight {
    id: RequestId,
    number: u64,
    owner: Symbol,
    /// The session it was sent with.
    generation: u64,
    mode: SendMode,
    /// Its operations, with whether each may have reached the server before.
    operations: Vec<(Arc<str>, bool)>,
    bytes: u64,
    sent_at: Millis,
    lease_until: Millis,
    bytes_moved: u64,
}

/// Who is signed in, and whether the server believes it.
#[derive(Debug, Default)]
struct SessionState {
    owner: Option<Symbol>,
    refused: bool,
    /// Rises with every session set.
    generation: u64,
    /// Refusals since the last success.
    refusals: u32,
    /// The last refusal was a 403: the session may be another's.
    doubted: bool,
    /// The session was renewed after such a refusal: another 403 is about the operation.
    renewed: bool,
}

/// What keeps requests from going out. Times are on the caller's clock.
#[derive(Debug, Default)]
struct Gates {
    /// `Retry-After`.
    hard_until: Option<Millis>,
    /// Backoff.
    soft_until: Option<Millis>,
    upgrade_until: Option<Millis>,
    offline: bool,
    /// Faults of the network or the server in a row.
    faults: u32,
}

/// What is known of the batch endpoint.
#[derive(Debug, Default)]
struct Endpoint {
    /// It has answered a batch properly.
    proven: bool,
    /// Refused; tried again at this time.
    absent_until: Option<Millis>,
    probing: bool,
}

#[derive(Debug, Clone, Copy)]
struct Learned {
    operations: u32,
    bytes: u64,
    until: Millis,
}

/// Rows that came after the last trigger.
#[derive(Debug, Default)]
struct Fresh {
    count: u64,
    since: Option<Millis>,
}

/// What one owner's queue has done since it was last empty.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    successful: u64,
    bytes: u64,
}

impl Engine {
    /// An engine with an empty queue. Equal seeds and equal calls give equal results; give each start another seed.
    ///
    /// # Errors
    /// A setting that makes no sense, by name.
    pub fn new(config: BatchConfig, seed: u64) -> Result<Self, ConfigError> {
        let policy: Box<dyn BatchPolicy> = if config.network_aware_throttling {
            Box::new(Adaptive::new(&config))
        } else {
            Box::new(Fixed::new(config.max_batch_size))
        };
        Self::with_policy(config, seed, policy)
    }

    /// The same with a policy of the application's own.
    ///
    /// # Errors
    /// A setting that makes no sense, by name.
    pub fn with_policy(config: BatchConfig, seed: u64, policy: Box<dyn BatchPolicy>) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            config,
            policy,
            rng: Rng::new(seed),
            queue: Queue::default(),
            requests: Vec::new(),
            sequence: 0,
            past: VecDeque::new(),
            carried: Notes::default(),
            revised: Notes::default(),
            suspects: Notes::default(),
            successes: 0,
            session: SessionState::default(),
            gates: Gates::default(),
            endpoint: Endpoint::default(),
            limits: ServerLimits::default(),
            learned: None,
            narrowed: None,
            quality: QualityMeter::default(),
            due_through: None,
            fresh: Fresh::default(),
            runs: BySymbol::default(),
            ms_per_operation: None,
            last_now: None,
        })
    }

    /// Takes in the rows of the store after a start, in the order of their positions. May be called in pages.
    ///
    /// Rows that were in a request when the process ended are pending again; rows whose parent failed are blocked.
    /// Both come back as changes to persist.
    pub fn load(&mut self, now: Millis, rows: impl IntoIterator<Item = QueuedMeta>) -> Settlement {
        self.handle_enqueued(now, rows)
    }

    /// Takes in rows that this or another process has written. A row that is known already is left as it is.
    pub fn handle_enqueued(&mut self, now: Millis, rows: impl IntoIterator<Item = QueuedMeta>) -> Settlement {
        self.observe(now);
        let mut out = Settlement::default();
        let (mut slots, mut interrupted) = (Vec::new(), Vec::new());
        for meta in rows {
            let Some(slot) = self.queue.place(&meta) else { continue };
            slots.push(slot);
            if matches!(meta.status, OperationStatus::Processing { .. }) {
                interrupted.push(slot);
            }
        }
        self.begin_runs(&slots);
        self.queue.enter_all(&slots);
        for slot in interrupted {
            self.push_status(slot, &mut out);
        }
        for slot in slots {
            let Some(row) = self.queue.row(slot) else { continue };
            let (since, related) = (row.aged_from.min(now), row.parent.is_some());
            self.note_fresh(slot, since);
            if related {
                self.reconcile(now, slot, &mut out);
            }
        }
        out
    }

    /// An owner whose queue had nothing to send starts a new run with the rows that come.
    fn begin_runs(&mut self, slots: &[Slot]) {
        for &slot in slots {
            let Some(row) = self.queue.row(slot) else { continue };
            let counts = self.queue.counts(row.owner);
            if row.state == State::Pending && counts.pending + counts.processing == 0 {
                *self.runs.get_mut(row.owner) = Run::default();
            }
        }
    }

    /// Makes a row agree with what it depends on.
    fn reconcile(&mut self, now: Millis, slot: Slot, out: &mut Settlement) {
        let Some(row) = self.queue.row(slot) else { return };
        let parent_failed = self.queue.failed_parent(slot).is_some();
        match &row.state {
            State::Pending if parent_failed => self.block(now, slot, out),
            State::Failed(failure) if !parent_failed && matches!(failure.reason, FailureReason::Blocked { .. }) => {
                self.unblock(now, slot, out);
            }
            _ => {}
        }
    }
}

/// Getters.
impl Engine {
    /// The settings.
    #[must_use]
    pub fn config(&self) -> &BatchConfig {
        &self.config
    }

    /// How full the queue is, failed operations and all owners included.
    #[must_use]
    pub fn totals(&self) -> QueueTotals {
        self.queue.totals()
    }

    /// The network's class as it is now believed to be.
    #[must_use]
    pub fn quality(&self) -> NetworkQuality {
        self.quality.quality()
    }

    /// Limits the server told.
    #[must_use]
    pub fn limits(&self) -> ServerLimits {
        self.limits
    }

    /// What is known of a queued operation. `queued_at` is the time its age counts from; the request id and lease of
    /// an operation under way are filled in.
    #[must_use]
    pub fn operation(&self, id: &str) -> Option<QueuedMeta> {
        let slot = self.queue.find(id)?;
        let mut meta = self.queue.meta(slot)?;
        if let Some(request) = self.request_of(slot) {
            meta.status =
                OperationStatus::Processing { batch_id: request.id.clone(), lease_until: request.lease_until };
        }
        Some(meta)
    }

    /// The inbox: failed operations with why they failed, in queue order, of all owners.
    pub fn failed(&self) -> impl Iterator<Item = (&str, &Failure)> + '_ {
        self.queue.failed().filter_map(|slot| {
            let row = self.queue.row(slot)?;
            match &row.state {
                State::Failed(failure) => Some((&*row.id, &**failure)),
                _ => None,
            }
        })
    }

    /// Every queued operation that depends on `id`, directly or through others.
    #[must_use]
    pub fn dependants(&self, id: &str) -> Vec<OperationId> {
        self.queue.find(id).map_or_else(Vec::new, |slot| {
            let slots = self.descendants(slot);
            slots.iter().filter_map(|&slot| self.queue.row(slot)).map(|row| row.id.to_string()).collect()
        })
    }

    /// Requests that have no answer yet, oldest first.
    pub fn requests_in_flight(&self) -> impl Iterator<Item = &str> + '_ {
        self.requests.iter().map(|request| request.id.as_str())
    }

    /// Whether a new operation may be queued, and whether it may be folded into one that waits. Changes nothing.
    ///
    /// # Errors
    /// `QueueFull` names the limit that is reached. Write nothing then.
    pub fn admit(&self, new: &NewOperation) -> Result<Admission, QueueFull> {
        let waiting = self.queue.last_in_chain(&new.user_id, &new.entity).and_then(|slot| self.queue.meta(slot));
        if let Some(waiting) = waiting.filter(|waiting| may_coalesce(&self.config, waiting, new)) {
            let totals = self.queue.totals();
            let rest = QueueTotals {
                len: totals.len.saturating_sub(1),
                bytes: totals.bytes.saturating_sub(u64::from(waiting.payload_bytes)),
            };
            check_room(&self.config, rest, new.payload_bytes)?;
            return Ok(Admission { coalesce_into: Some(waiting.id) });
        }
        check_room(&self.config, self.queue.totals(), new.payload_bytes)?;
        Ok(Admission::default())
    }

    fn descendants(&self, slot: Slot) -> Vec<Slot> {
        let mut found = Vec::new();
        let mut open = vec![slot];
        while let Some(parent) = open.pop() {
            let Some(id) = self.queue.row(parent).map(|row| row.id.clone()) else { continue };
            for child in self.queue.children(&id) {
                if self.queue.row(child).and_then(|row| self.queue.waits_for(row)) == Some(parent) {
                    found.push(child);
                    open.push(child);
                }
            }
        }
        found
    }

    fn request_of(&self, slot: Slot) -> Option<&InFlight> {
        match self.queue.row(slot)?.state {
            State::Processing { request } => self.requests.iter().find(|candidate| candidate.number == request),
            _ => None,
        }
    }
}
