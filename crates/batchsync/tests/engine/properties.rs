//! Random histories: nothing is lost, order holds, counts agree, the queue always wakes up, equal seeds agree.

use std::collections::{BTreeMap, BTreeSet};

use batchsync::{
    BatchConfig, ChildPolicy, Connectivity, Engine, Event, HttpFault, OperationOutcome, OperationResult,
    OperationStatus, QueuedMeta, Response, SendRequest, Signal, Step,
};
use proptest::prelude::*;

use crate::common::Sim;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Happening {
    Enqueue {
        entity: u8,
        child_of: Option<u8>,
        bytes: u16,
    },
    Pass(u32),
    ClockBack(u32),
    /// Which open request ends, how, and what is said of its operations.
    Answer {
        which: u8,
        outcomes: Vec<u8>,
    },
    Fault {
        which: u8,
        kind: u8,
    },
    /// A request that has ended is answered after all.
    LateAnswer {
        which: u8,
        outcomes: Vec<u8>,
    },
    Network(bool),
    Flush,
    SignOut,
    SignIn,
    RetryAll,
    Discard {
        which: u8,
        cascade: bool,
    },
    Restart,
}

fn happening() -> impl Strategy<Value = Happening> {
    let outcomes = || prop::collection::vec(0_u8..12, 1..8);
    prop_oneof![
        8 => (0_u8..5, prop::option::of(any::<u8>()), 1_u16..2_000)
            .prop_map(|(entity, child_of, bytes)| Happening::Enqueue { entity, child_of, bytes }),
        3 => (0_u32..200_000).prop_map(Happening::Pass),
        1 => (0_u32..10_000_000).prop_map(Happening::ClockBack),
        6 => (any::<u8>(), outcomes()).prop_map(|(which, outcomes)| Happening::Answer { which, outcomes }),
        4 => (any::<u8>(), 0_u8..17).prop_map(|(which, kind)| Happening::Fault { which, kind }),
        1 => (any::<u8>(), outcomes()).prop_map(|(which, outcomes)| Happening::LateAnswer { which, outcomes }),
        1 => any::<bool>().prop_map(Happening::Network),
        1 => Just(Happening::Flush),
        1 => Just(Happening::SignOut),
        2 => Just(Happening::SignIn),
        1 => Just(Happening::RetryAll),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(which, cascade)| Happening::Discard { which, cascade }),
        1 => Just(Happening::Restart),
    ]
}

fn signal(kind: u8) -> Signal {
    let http = |status| Signal::status(status);
    match kind {
        0 => Signal::Offline,
        1 => Signal::ConnectFailed,
        2 => Signal::ConnectionLost,
        3 => Signal::Stalled,
        4 => Signal::UnexpectedBody,
        5 => Signal::Storage,
        6 => Signal::Cancelled,
        7 => http(400),
        8 => http(401),
        9 => http(403),
        10 => http(404),
        11 => http(413),
        12 => Signal::from(HttpFault { status: 429, retry_after_ms: Some(20_000), ..HttpFault::default() }),
        13 => http(426),
        14 => http(500),
        15 => Signal::from(HttpFault { status: 403, session_matches: Some(true), ..HttpFault::default() }),
        _ => http(546),
    }
}

fn outcome(kind: u8) -> Option<OperationOutcome> {
    let (code, message) = (String::from("c"), String::from("m"));
    Some(match kind {
        0 => OperationOutcome::Rejected { code, message },
        1 => OperationOutcome::Retry { code, message, retry_after_ms: None },
        2 => OperationOutcome::Retry { code, message, retry_after_ms: Some(90_000) },
        3 => OperationOutcome::DependencyMissing { code, message },
        4 => OperationOutcome::Forbidden { code, message },
        5 => OperationOutcome::Duplicate,
        6 => return None,
        _ => OperationOutcome::Applied,
    })
}

struct World {
    sim: Sim,
    queued: Vec<String>,
    entities: BTreeMap<String, u8>,
    parents: BTreeMap<String, String>,
    open: Vec<SendRequest>,
    ended: Vec<SendRequest>,
    trace: Vec<String>,
    signed_in: bool,
}

impl World {
    fn new(in_flight: u32, adaptive: bool) -> Self {
        let config = BatchConfig {
            max_in_flight: in_flight,
            network_aware_throttling: adaptive,
            max_batch_size: 4,
            ..BatchConfig::default()
        };
        Self {
            sim: Sim::new(config),
            queued: Vec::new(),
            entities: BTreeMap::new(),
            parents: BTreeMap::new(),
            open: Vec::new(),
            ended: Vec::new(),
            trace: Vec::new(),
            signed_in: true,
        }
    }

    fn response(request: &SendRequest, outcomes: &[u8]) -> Response {
        let results = request.operations.iter().enumerate().filter_map(|(n, id)| {
            outcome(outcomes[n % outcomes.len()]).map(|outcome| OperationResult { id: id.clone(), outcome })
        });
        Response { results: results.collect(), elapsed_ms: 100, bytes_sent: 500, ..Response::default() }
    }

    fn happen(&mut self, happening: &Happening) {
        let now = self.sim.now;
        match happening {
            Happening::Enqueue { entity, child_of, bytes } => self.enqueue(*entity, *child_of, *bytes),
            Happening::Pass(ms) => self.sim.advance(i64::from(*ms)),
            Happening::ClockBack(ms) => self.sim.advance(-i64::from(*ms)),
            Happening::Answer { which, outcomes } => {
                if let Some(request) = self.end(*which) {
                    let response = Self::response(&request, outcomes);
                    let settlement = self.sim.engine.handle_response(now, &request.request_id, &response);
                    self.sim.persist(settlement);
                }
            }
            Happening::Fault { which, kind } => {
                if let Some(request) = self.end(*which) {
                    let settlement = self.sim.engine.handle_failure(now, &request.request_id, &signal(*kind));
                    self.sim.persist(settlement);
                }
            }
            Happening::LateAnswer { which, outcomes } => {
                if let Some(request) = pick(&self.ended, *which).cloned() {
                    let response = Self::response(&request, outcomes);
                    let settlement = self.sim.engine.handle_response(now, &request.request_id, &response);
                    self.sim.persist(settlement);
                }
            }
            Happening::Network(online) => {
                let to = if *online { Connectivity::Online } else { Connectivity::Offline };
                let settlement = self.sim.engine.network_changed(now, to, None);
                self.sim.persist(settlement);
            }
            Happening::Flush => {
                let settlement = self.sim.engine.flush(now);
                self.sim.persist(settlement);
            }
            Happening::SignOut => {
                self.signed_in = false;
                let settlement = self.sim.engine.sign_out(now);
                self.sim.persist(settlement);
                self.ended.append(&mut self.open);
            }
            Happening::SignIn => self.sign_in(),
            Happening::RetryAll => {
                let settlement = self.sim.engine.retry_all_failed(now);
                self.sim.persist(settlement);
            }
            Happening::Discard { which, cascade } => {
                if let Some(id) = pick(&self.queued, *which) {
                    let policy = if *cascade { ChildPolicy::Cascade } else { ChildPolicy::Release };
                    if let Ok(settlement) = self.sim.engine.discard(now, id, policy) {
                        self.sim.persist(settlement);
                    }
                }
            }
            Happening::Restart => {
                let signed_in = self.signed_in;
                self.sim.restart(77);
                self.ended.append(&mut self.open);
                if !signed_in {
                    let settlement = self.sim.engine.sign_out(now);
                    self.sim.persist(settlement);
                }
            }
        }
    }

    fn sign_in(&mut self) {
        self.signed_in = true;
        self.sim.sign_in("ann");
    }

    fn enqueue(&mut self, entity: u8, child_of: Option<u8>, bytes: u16) {
        let id = format!("op-{:04}", self.queued.len());
        let parent = child_of.and_then(|which| pick(&self.queued, which).cloned());
        let meta = QueuedMeta {
            depends_on: parent.clone(),
            payload_bytes: u32::from(bytes),
            ..self.sim.meta(&id, &format!("entity-{entity}"))
        };
        if let Some(parent) = parent {
            self.parents.insert(id.clone(), parent);
        }
        self.entities.insert(id.clone(), entity);
        self.queued.push(id);
        self.sim.put(meta);
    }

    fn end(&mut self, which: u8) -> Option<SendRequest> {
        if self.open.is_empty() {
            return None;
        }
        let request = self.open.remove(usize::from(which) % self.open.len());
        self.ended.push(request.clone());
        Some(request)
    }

    /// Polls to rest, checking each request that goes out.
    fn settle(&mut self) -> Result<(), TestCaseError> {
        loop {
            let step = self.sim.poll();
            // Requests whose lease is over are no longer under way.
            let alive: BTreeSet<String> = self.sim.engine.requests_in_flight().map(str::to_owned).collect();
            let (open, ended) = std::mem::take(&mut self.open).into_iter().partition(|r| alive.contains(&r.request_id));
            self.open = open;
            let ended: Vec<SendRequest> = ended;
            self.ended.extend(ended);
            match step {
                Step::Send(request) => {
                    self.check_request(&request)?;
                    self.trace.push(format!("{} {:?} {:?}", self.sim.now, request.mode, request.operations));
                    self.open.push(request);
                }
                Step::Wait { until, reason } => {
                    self.trace.push(format!("{} {until:?} {reason:?}", self.sim.now));
                    return self.check_rest(until);
                }
                Step::Persist(_) => unreachable!("poll persists"),
            }
        }
    }

    fn check_request(&self, request: &SendRequest) -> Result<(), TestCaseError> {
        prop_assert!(!request.operations.is_empty());
        let mut last: BTreeMap<u8, &str> = BTreeMap::new();
        let position = |id: &str| self.sim.store[id].position;
        for (n, id) in request.operations.iter().enumerate() {
            let entity = self.entities[id];
            // In order, and nothing of the entity that comes earlier is left behind.
            if let Some(before) = last.insert(entity, id) {
                prop_assert!(position(before) < position(id));
            }
            for (other, row) in &self.sim.store {
                let earlier = self.entities[other] == entity && row.position < position(id);
                let live = !matches!(row.status, OperationStatus::Failed(_));
                prop_assert!(!(earlier && live) || request.operations[..n].contains(other), "{id} overtakes {other}");
            }
            for open in &self.open {
                // What a late answer has completed is no longer under way, though its request is.
                let mut others = open.operations.iter().filter(|other| self.sim.store.contains_key(*other));
                prop_assert!(others.all(|other| self.entities[other] != entity));
            }
            if let Some(parent) = self.parents.get(id) {
                let done = !self.sim.store.contains_key(parent);
                prop_assert!(done || request.operations[..n].contains(parent), "{id} goes before its parent");
            }
        }
        Ok(())
    }

    fn check_rest(&self, until: Option<i64>) -> Result<(), TestCaseError> {
        // Nothing is lost: each operation is in the queue or in the journal, and in one of them only.
        let journal: BTreeSet<&String> = self.sim.journal.iter().map(|entry| &entry.operation_id).collect();
        prop_assert_eq!(journal.len(), self.sim.journal.len(), "one line per operation");
        for id in &self.queued {
            prop_assert!(self.sim.store.contains_key(id) != journal.contains(id), "{} is lost or twice", id);
            let held = self.sim.engine.operation(id).map(|meta| without_lease(&meta.status));
            let stored = self.sim.status(id).map(without_lease);
            prop_assert_eq!(held, stored, "engine and store disagree on {}", id);
        }
        let progress = self.sim.engine.progress(self.sim.now);
        prop_assert_eq!(progress.successful + progress.failed + progress.pending, progress.total);
        prop_assert_eq!(progress.failed + progress.pending, self.sim.store.len() as u64);
        let refused = progress.phase == batchsync::Phase::WaitingForSession;
        if progress.pending > 0 && !refused {
            prop_assert!(until.is_some(), "work is left, but nothing wakes the queue");
        }
        Ok(())
    }
}

/// The lease in the store is the one of the claim; the engine's moves with progress and with the clock.
fn without_lease(status: &OperationStatus) -> OperationStatus {
    match status {
        OperationStatus::Processing { batch_id, .. } => {
            OperationStatus::Processing { batch_id: batch_id.clone(), lease_until: 0 }
        }
        other => other.clone(),
    }
}

fn pick<T>(items: &[T], which: u8) -> Option<&T> {
    if items.is_empty() { None } else { items.get(usize::from(which) % items.len()) }
}

fn run(in_flight: u32, adaptive: bool, happenings: &[Happening]) -> Result<World, TestCaseError> {
    let mut world = World::new(in_flight, adaptive);
    for happening in happenings {
        world.happen(happening);
        world.settle()?;
    }
    Ok(world)
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_order_holds_and_the_queue_always_wakes(
        in_flight in 1_u32..4,
        adaptive in any::<bool>(),
        happenings in prop::collection::vec(happening(), 1..80),
    ) {
        run(in_flight, adaptive, &happenings)?;
    }

    #[test]
    fn once_faults_stop_everything_drains_in_bounded_time(
        in_flight in 1_u32..4,
        adaptive in any::<bool>(),
        happenings in prop::collection::vec(happening(), 1..60),
    ) {
        let mut world = run(in_flight, adaptive, &happenings)?;
        while let Some(request) = world.end(0) {
            let settlement = world.sim.engine.handle_failure(world.sim.now, &request.request_id, &Signal::ConnectionLost);
            world.sim.persist(settlement);
        }
        world.sign_in();
        let start = world.sim.now;
        world.sim.drive_accepting();
        let left = world.sim.store.values().filter(|row| !matches!(row.status, OperationStatus::Failed(_))).count();
        prop_assert_eq!(left, 0);
        // The longest waits are an hour: Retry-After and the recheck after "upgrade required".
        prop_assert!(world.sim.now - start <= 2 * 3_600_000, "{} ms", world.sim.now - start);
        let settlement = world.sim.engine.retry_all_failed(world.sim.now);
        world.sim.persist(settlement);
        world.sim.drive_accepting();
        prop_assert!(world.sim.store.is_empty(), "what failed goes through when retried");
    }

    #[test]
    fn equal_seeds_and_events_give_equal_traces(
        in_flight in 1_u32..4,
        happenings in prop::collection::vec(happening(), 1..60),
    ) {
        let first = run(in_flight, true, &happenings)?;
        let second = run(in_flight, true, &happenings)?;
        prop_assert_eq!(first.trace, second.trace);
        prop_assert_eq!(first.sim.sent, second.sim.sent);
        prop_assert_eq!(first.sim.events, second.sim.events);
    }
}

#[test]
fn an_event_is_told_of_every_fault_of_a_request() {
    let mut sim = Sim::with_engine(Engine::new(BatchConfig::default(), 5).unwrap());
    sim.sign_in("ann");
    for kind in 0..17 {
        sim.events.clear();
        sim.sign_in("ann");
        let _ = sim.engine.flush(sim.now);
        sim.advance(4_000_000);
        sim.add(&format!("x-{kind}"));
        let request = sim.wait_for_request().unwrap();
        sim.fault(&request, signal(kind));
        assert_eq!(sim.count_events(|event| matches!(event, Event::RequestFailed { .. })), 1, "{kind}");
    }
}
