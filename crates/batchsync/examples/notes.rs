//! A note-taking application that works offline: an in-memory store, a scripted server, and the loop between them.
//!
//! `cargo run -p batchsync --example notes`. Time is virtual, so it ends at once.

use std::collections::BTreeMap;

use batchsync::{
    BatchConfig, Engine, Event, Millis, OperationOutcome, OperationResult, OperationStatus, QueueChange, QueuedMeta,
    Response, SendRequest, Session, Settlement, Signal, Step,
};

/// The durable part: queue rows with their payloads. A real one is a database; each `apply` is one transaction.
#[derive(Default)]
struct Store {
    queue: BTreeMap<String, (QueuedMeta, String)>,
    synced: usize,
}

impl Store {
    fn apply(&mut self, changes: &[QueueChange]) {
        for change in changes {
            match change {
                QueueChange::SetStatus { id, status, retry_count, ever_sent } => {
                    if let Some((meta, _)) = self.queue.get_mut(id) {
                        meta.status = status.clone();
                        meta.retry_count = *retry_count;
                        meta.ever_sent = *ever_sent;
                    }
                }
                QueueChange::Renew { id, queued_at } => {
                    if let Some((meta, _)) = self.queue.get_mut(id) {
                        meta.queued_at = *queued_at;
                    }
                }
                QueueChange::Complete { id, .. } => {
                    self.queue.remove(id);
                    self.synced += 1;
                }
                QueueChange::Discard { id, .. } => {
                    self.queue.remove(id);
                }
            }
        }
    }
}

/// The server: away at first, then it takes every note but those without text, and notes it has seen count once.
#[derive(Default)]
struct Server {
    calls: usize,
    notes: BTreeMap<String, String>,
}

impl Server {
    fn call(&mut self, request: &SendRequest, store: &Store) -> Result<Response, Signal> {
        self.calls += 1;
        if self.calls == 1 {
            return Err(Signal::ConnectFailed);
        }
        let results =
            request.operations.iter().map(|id| OperationResult { id: id.clone(), outcome: self.take(id, store) });
        let response = Response { results: results.collect(), elapsed_ms: 200, bytes_sent: 900, ..Response::default() };
        // The second call is carried out, but its answer is lost on the way.
        if self.calls == 2 { Err(Signal::ConnectionLost) } else { Ok(response) }
    }

    fn take(&mut self, id: &str, store: &Store) -> OperationOutcome {
        let text = store.queue.get(id).map_or("", |(_, text)| text);
        if text.is_empty() {
            return OperationOutcome::Rejected { code: "empty".into(), message: "a note needs text".into() };
        }
        match self.notes.insert(id.into(), text.into()) {
            None => OperationOutcome::Applied,
            Some(_) => OperationOutcome::Duplicate,
        }
    }
}

struct App {
    now: Millis,
    engine: Engine,
    store: Store,
    server: Server,
}

impl App {
    /// Writing a note: the row first (in one transaction with the note itself), then word to the engine.
    fn write(&mut self, id: &str, notebook: &str, text: &str) {
        let meta = QueuedMeta {
            position: self.store.queue.len() as i64 + 1,
            id: id.into(),
            kind: "write_note".into(),
            user_id: "ann".into(),
            entity: notebook.into(),
            depends_on: None,
            payload_bytes: text.len() as u32,
            queued_at: self.now,
            retry_count: 0,
            ever_sent: false,
            status: OperationStatus::Pending,
        };
        self.store.queue.insert(id.into(), (meta.clone(), text.into()));
        let settlement = self.engine.handle_enqueued(self.now, [meta]);
        self.settle(settlement);
    }

    fn settle(&mut self, settlement: Settlement) {
        self.store.apply(&settlement.changes);
        for event in settlement.events {
            if let Event::RequestFailed { class, retry_at, .. } = event {
                let wait = retry_at.map_or(0, |at| at - self.now);
                println!("{:>7} ms  a request failed ({class:?}), next try in {wait} ms", self.now);
            }
        }
        if let Some(summary) = settlement.summary {
            println!("{:>7} ms  {} sent, {} done, {} not", self.now, summary.total, summary.successful, summary.failed);
        }
    }

    /// The driver: does what the engine says until nothing is left to do.
    fn sync(&mut self) {
        loop {
            match self.engine.poll(self.now) {
                Step::Persist(settlement) => self.settle(settlement),
                Step::Send(request) => {
                    self.store.apply(&request.changes);
                    self.now += 200;
                    let settlement = match self.server.call(&request, &self.store) {
                        Ok(response) => self.engine.handle_response(self.now, &request.request_id, &response),
                        Err(signal) => self.engine.handle_failure(self.now, &request.request_id, &signal),
                    };
                    self.settle(settlement);
                }
                Step::Wait { until: Some(until), .. } => self.now = until,
                Step::Wait { until: None, .. } => return,
            }
        }
    }
}

fn main() -> Result<(), batchsync::ConfigError> {
    let engine = Engine::new(BatchConfig::default(), 42)?;
    let mut app = App { now: 0, engine, store: Store::default(), server: Server::default() };
    let settlement = app.engine.set_session(app.now, Some(Session { owner: "ann".into() }));
    app.settle(settlement);
    for n in 0..11 {
        app.write(&format!("note-{n}"), "diary", &format!("day {n}"));
    }
    app.write("note-empty", "lists", "");
    app.sync();

    println!("{} notes on the server after {} calls", app.server.notes.len(), app.server.calls);
    for (id, failure) in app.engine.failed() {
        println!("in the inbox: {id}: {}", failure.message);
    }
    let progress = app.engine.progress(app.now);
    println!("{} of {} synced, {} failed", progress.successful, progress.total, progress.failed);
    assert_eq!((app.server.notes.len(), app.store.synced, app.store.queue.len()), (11, 11, 1));
    Ok(())
}
