//! A virtual clock, a store and a scripted server around an engine. Every change the engine hands out is checked
//! against the store before it is written.

use std::collections::BTreeMap;

use batchsync::{
    BatchConfig, Engine, Event, JournalEntry, Millis, OperationOutcome, OperationResult, OperationStatus, QueueChange,
    QueuedMeta, Response, SendRequest, Session, SettledOperation, Settlement, Signal, Step, WaitReason,
};

pub(crate) const START: Millis = 1_700_000_000_000;

/// What the scripted server answers.
pub(crate) enum Answer {
    Response(Response),
    Fault(Signal),
}

pub(crate) struct Sim {
    pub(crate) now: Millis,
    pub(crate) engine: Engine,
    pub(crate) store: BTreeMap<String, QueuedMeta>,
    pub(crate) journal: Vec<JournalEntry>,
    pub(crate) events: Vec<Event>,
    pub(crate) results: Vec<SettledOperation>,
    pub(crate) sent: Vec<SendRequest>,
    pub(crate) next_position: i64,
}

/// A configuration without the grown sizes, for tests that count requests.
pub(crate) fn fixed(size: u32) -> BatchConfig {
    BatchConfig { max_batch_size: size, network_aware_throttling: false, ..BatchConfig::default() }
}

impl Sim {
    /// Signed in as "ann".
    pub(crate) fn new(config: BatchConfig) -> Self {
        let mut sim = Self::signed_out(config);
        sim.sign_in("ann");
        sim
    }

    pub(crate) fn signed_out(config: BatchConfig) -> Self {
        Self::with_engine(Engine::new(config, 1).expect("the settings of a test are valid"))
    }

    pub(crate) fn with_engine(engine: Engine) -> Self {
        Self {
            now: START,
            engine,
            store: BTreeMap::new(),
            journal: Vec::new(),
            events: Vec::new(),
            results: Vec::new(),
            sent: Vec::new(),
            next_position: 1,
        }
    }

    pub(crate) fn sign_in(&mut self, owner: &str) {
        let settlement = self.engine.set_session(self.now, Some(Session { owner: owner.into() }));
        self.persist(settlement);
    }

    /// The process ends and starts again with what the store holds.
    pub(crate) fn restart(&mut self, seed: u64) {
        let config = self.engine.config().clone();
        self.engine = Engine::new(config, seed).expect("the settings of a test are valid");
        let mut rows: Vec<QueuedMeta> = self.store.values().cloned().collect();
        rows.sort_by_key(|row| row.position);
        let settlement = self.engine.load(self.now, rows);
        self.persist(settlement);
        self.sign_in("ann");
    }

    pub(crate) fn meta(&mut self, id: &str, entity: &str) -> QueuedMeta {
        let position = self.next_position;
        self.next_position += 1;
        QueuedMeta {
            position,
            id: id.into(),
            kind: "note".into(),
            user_id: "ann".into(),
            entity: entity.into(),
            depends_on: None,
            payload_bytes: 156,
            queued_at: self.now,
            retry_count: 0,
            ever_sent: false,
            status: OperationStatus::Pending,
        }
    }

    pub(crate) fn put(&mut self, meta: QueuedMeta) {
        self.store.insert(meta.id.clone(), meta.clone());
        let settlement = self.engine.handle_enqueued(self.now, [meta]);
        self.persist(settlement);
    }

    /// Queues an operation of an entity of its own.
    pub(crate) fn add(&mut self, id: &str) {
        let meta = self.meta(id, id);
        self.put(meta);
    }

    pub(crate) fn add_to(&mut self, entity: &str, id: &str) {
        let meta = self.meta(id, entity);
        self.put(meta);
    }

    pub(crate) fn add_child(&mut self, id: &str, parent: &str) {
        self.add_child_to(id, id, parent);
    }

    pub(crate) fn add_child_to(&mut self, entity: &str, id: &str, parent: &str) {
        let meta = QueuedMeta { depends_on: Some(parent.into()), ..self.meta(id, entity) };
        self.put(meta);
    }

    pub(crate) fn add_many(&mut self, count: usize) {
        for n in 0..count {
            self.add(&format!("op-{n:04}"));
        }
    }

    pub(crate) fn persist(&mut self, settlement: Settlement) {
        for change in &settlement.changes {
            self.write(change);
        }
        self.events.extend(settlement.events);
        self.results.extend(settlement.results);
    }

    fn write(&mut self, change: &QueueChange) {
        match change {
            QueueChange::SetStatus { id, status, retry_count, ever_sent } => {
                let row = self.store.get_mut(id).expect("a status is set only of a row that is in the queue");
                row.status = status.clone();
                row.retry_count = *retry_count;
                row.ever_sent = *ever_sent;
            }
            QueueChange::Renew { id, queued_at } => {
                let row = self.store.get_mut(id).expect("an age is set only of a row that is in the queue");
                row.queued_at = *queued_at;
            }
            QueueChange::Complete { id, entry } | QueueChange::Discard { id, entry } => {
                self.store.remove(id).expect("only a row that is in the queue leaves it");
                self.journal.push(entry.clone());
            }
        }
    }

    /// Persists until there is something to send or to wait for.
    pub(crate) fn poll(&mut self) -> Step {
        for _ in 0..1_000 {
            match self.engine.poll(self.now) {
                Step::Persist(settlement) => self.persist(settlement),
                Step::Send(request) => {
                    for change in &request.changes {
                        self.write(change);
                    }
                    self.sent.push(request.clone());
                    return Step::Send(request);
                }
                wait @ Step::Wait { .. } => return wait,
            }
        }
        panic!("the engine persists without end");
    }

    /// The request that must go out now.
    pub(crate) fn request(&mut self) -> SendRequest {
        match self.poll() {
            Step::Send(request) => request,
            other => panic!("a request was expected, not {other:?}"),
        }
    }

    /// What is waited for, with the time until the wake-up. Nothing may be sent now.
    pub(crate) fn wait(&mut self) -> (Option<i64>, WaitReason) {
        match self.poll() {
            Step::Wait { until, reason } => (until.map(|until| until - self.now), reason),
            other => panic!("nothing should be sent now, but {other:?}"),
        }
    }

    pub(crate) fn advance(&mut self, ms: i64) {
        self.now += ms;
    }

    pub(crate) fn answer(&mut self, request: &SendRequest, answer: Answer) -> Settlement {
        let settlement = match answer {
            Answer::Response(response) => self.engine.handle_response(self.now, &request.request_id, &response),
            Answer::Fault(signal) => self.engine.handle_failure(self.now, &request.request_id, &signal),
        };
        self.persist(settlement.clone());
        settlement
    }

    pub(crate) fn accept(&mut self, request: &SendRequest) -> Settlement {
        self.answer(request, Answer::Response(applied(request)))
    }

    pub(crate) fn fault(&mut self, request: &SendRequest, signal: Signal) -> Settlement {
        self.answer(request, Answer::Fault(signal))
    }

    /// Sends, answers and lets time pass until nothing is left to do or to wait for. Returns how many requests went out.
    pub(crate) fn drive(&mut self, mut server: impl FnMut(&SendRequest) -> Answer) -> usize {
        let before = self.sent.len();
        for _ in 0..10_000 {
            match self.poll() {
                Step::Send(request) => {
                    self.advance(100);
                    let answer = server(&request);
                    self.answer(&request, answer);
                }
                Step::Wait { until: Some(until), .. } => {
                    // The end of an age is nothing to wait for in a test.
                    if until - self.now > 20 * 24 * 3_600_000 {
                        return self.sent.len() - before;
                    }
                    self.now = self.now.max(until);
                }
                Step::Wait { until: None, .. } => return self.sent.len() - before,
                Step::Persist(_) => unreachable!("poll persists"),
            }
        }
        panic!("the queue never comes to rest");
    }

    pub(crate) fn drive_accepting(&mut self) -> usize {
        self.drive(|request| Answer::Response(applied(request)))
    }

    pub(crate) fn status(&self, id: &str) -> Option<&OperationStatus> {
        self.store.get(id).map(|row| &row.status)
    }

    pub(crate) fn is_done(&self, id: &str) -> bool {
        !self.store.contains_key(id) && self.journal.iter().any(|entry| entry.operation_id == id)
    }

    /// The reason an operation is in the inbox.
    pub(crate) fn failure(&self, id: &str) -> batchsync::FailureReason {
        match self.status(id) {
            Some(OperationStatus::Failed(failure)) => failure.reason.clone(),
            other => panic!("{id} should have failed, but is {other:?}"),
        }
    }

    pub(crate) fn is_pending(&self, id: &str) -> bool {
        self.status(id) == Some(&OperationStatus::Pending)
    }

    pub(crate) fn count_events(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|event| wanted(event)).count()
    }
}

pub(crate) fn applied(request: &SendRequest) -> Response {
    respond(request, |_| Some(OperationOutcome::Applied))
}

/// A response with an outcome per operation; `None` leaves the operation out.
pub(crate) fn respond(request: &SendRequest, outcome: impl Fn(&str) -> Option<OperationOutcome>) -> Response {
    let results = request
        .operations
        .iter()
        .filter_map(|id| outcome(id).map(|outcome| OperationResult { id: id.clone(), outcome }))
        .collect();
    Response { results, elapsed_ms: 100, ..Response::default() }
}

pub(crate) fn rejected() -> OperationOutcome {
    OperationOutcome::Rejected { code: "validation_failed".into(), message: "no".into() }
}

pub(crate) fn retry_later() -> OperationOutcome {
    OperationOutcome::Retry { code: "busy".into(), message: "later".into(), retry_after_ms: None }
}

impl Sim {
    /// Lets time pass until a request goes out; `None` if there is nothing to wait for.
    pub(crate) fn wait_for_request(&mut self) -> Option<SendRequest> {
        for _ in 0..100 {
            match self.poll() {
                Step::Send(request) => return Some(request),
                Step::Wait { until: Some(until), .. } => self.now = self.now.max(until),
                _ => return None,
            }
        }
        panic!("wake-ups without end");
    }
}
