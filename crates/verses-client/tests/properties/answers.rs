//! What holds for a client whatever comes back from the network. Shared with the fuzz target `answers`.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use batchsync::{JournalOutcome, OperationStatus};
use serde_json::{Value, json};
use verses_client::{
    ClientError, DataService, ProfileChange, Request, Response, SendProgress, SyncEngine, SyncOptions, Transport,
    TransportError,
};
use verses_core::VerseId;
use verses_store::{LocalStore, MemoryStore};

use crate::common::device::new_verse;
use crate::common::{Clock, Device, Link, Server, World};

const HOUR_MS: u64 = 3_600_000;

/// Whatever answers come, nothing panics, and no operation leaves the queue without an answer that says it was applied.
/// Once the server is itself again, everything that waits is settled, and the library can be read.
///
/// `choices` says what becomes of each answer, a byte at a time; when they are used up, the server is itself again.
pub(crate) fn no_answer_loses_an_operation(choices: &[u8]) {
    let world = World::default();
    let server = Server::new(&world);
    let device = Device::new(&server, &world, 1);
    run(device.service.sign_up(Some("a@example.org"), Some("password"))).expect("signs up");
    let user = run(device.user());
    let link = Mangled::new(device.link.clone(), choices);
    let service = device.service.with_transport(link.clone());
    let mut made = BTreeSet::new();
    for round in 0..3 {
        made.extend(work(&service, round));
        let options = SyncOptions { patience_ms: HOUR_MS };
        // A new engine each time: what must last is in the store.
        if let Ok(mut engine) = run(SyncEngine::open(service.clone())) {
            drop(run(engine.sync(options)));
            drop(run(engine.sync_from_remote()));
        }
        nothing_left_unanswered(&device.store, &user, &made, &link);
    }
    link.end();
    comes_to_rest(&service, &user);
    nothing_left_unanswered(&device.store, &user, &made, &link);
}

/// Futures here wait for nothing but virtual time, which moves when they sleep.
fn run<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..1_000_000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("it waits for ever");
}

/// Things a user does; gives the ids of what was queued. Refusals are no concern of this property.
fn work(service: &DataService<MemoryStore, Mangled, Clock>, round: usize) -> Vec<String> {
    let verses =
        [new_verse(["John 3:16", "Jude 3", "Psalm 23:1"][round]), new_verse(["Psalm 1", "Rom 8:28", "Psalm 2"][round])];
    let mut ids = Vec::new();
    let added = run(service.add_verses(&verses, |_| {})).expect("the store works");
    for card in &added {
        ids.push(card.operation_id.clone());
    }
    let known: Vec<VerseId> =
        run(service.library()).expect("the store works").iter().map(|it| it.card.verse_id).collect();
    for verse in known.iter().take(2) {
        let done = run(service.record_review(*verse, round != 1, Some(5))).expect("the store works");
        ids.push(done.operation_id);
    }
    let profile = ProfileChange { full_name: Some(format!("Ada {round}")), ..ProfileChange::default() };
    ids.push(run(service.update_profile(profile)).expect("the store works").operation_id);
    ids.retain(|id| !id.is_empty());
    ids
}

/// Every operation still waits, or is in the inbox, or was answered; and the store can be read.
fn nothing_left_unanswered(store: &MemoryStore, user: &str, made: &BTreeSet<String>, link: &Mangled) {
    let queued: BTreeSet<String> =
        run(store.queue_of(user, false, u32::MAX)).expect("reads").into_iter().map(|row| row.meta.id).collect();
    let journal = run(store.journal(u32::MAX)).expect("reads");
    let answered = link.0.lock().expect("no panic before").answered.clone();
    for id in made {
        let entry = journal.iter().find(|entry| entry.operation_id == *id);
        let applied = entry.is_some_and(|entry| entry.outcome != JournalOutcome::Discarded);
        // Both at once is an operation that is offered again, because the server seemed to have lost it.
        assert!(applied || queued.contains(id), "{id} is lost");
        assert!(!applied || answered.contains(id), "{id} left the queue, but no answer said so");
    }
}

fn comes_to_rest(service: &DataService<MemoryStore, Mangled, Clock>, user: &str) {
    let options = SyncOptions { patience_ms: 48 * HOUR_MS };
    let mut engine = run(SyncEngine::open(service.clone())).expect("the store can be opened");
    match run(engine.sync(options)) {
        // An answer ended the session, or spoiled its tokens.
        Err(ClientError::SignInNeeded) => {
            run(service.sign_in("a@example.org", "password")).expect("the server is itself again");
            run(engine.sync(options)).expect("the server is itself again");
        }
        done => drop(done.expect("the server is itself again")),
    }
    run(engine.sync_from_remote()).expect("the feed can be read");
    for row in run(service.store().queue_of(user, false, u32::MAX)).expect("reads") {
        let settled = matches!(row.meta.status, OperationStatus::Failed(_));
        assert!(settled, "{} still waits: {:?}", row.meta.id, row.meta.status);
    }
    run(service.library()).expect("the library can be read");
    run(service.profile()).expect("the profile can be read");
    let today = run(service.today(None)).expect("there is a date");
    run(service.due(today)).expect("due cards can be read");
}

/// A link on which answers are changed, cut, invented or lost, as the choices say. Cloning gives another handle.
#[derive(Clone)]
pub(crate) struct Mangled(Arc<Mutex<State>>);

struct State {
    link: Link,
    choices: std::vec::IntoIter<u8>,
    /// Operations that some answer called applied, or that some page of the feed listed.
    answered: BTreeSet<String>,
}

const STATUSES: [u16; 16] = [200, 200, 200, 201, 204, 302, 400, 401, 403, 404, 409, 413, 422, 429, 500, 503];
const TYPES: [&str; 4] = ["application/json", "application/problem+json", "text/html", ""];
const WAITS: [Option<u64>; 6] = [None, None, Some(0), Some(1_000), Some(HOUR_MS), Some(u64::MAX)];

impl Mangled {
    fn new(link: Link, choices: &[u8]) -> Self {
        Self(Arc::new(Mutex::new(State { link, choices: Vec::from(choices).into_iter(), answered: BTreeSet::new() })))
    }

    /// From here on the server's answers come through as they are.
    fn end(&self) {
        self.0.lock().expect("no panic before").choices = Vec::new().into_iter();
    }
}

impl State {
    fn byte(&mut self) -> u8 {
        self.choices.next().unwrap_or(0)
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = usize::from(self.byte());
        self.choices.by_ref().take(length).collect()
    }

    fn of<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::from(self.byte()) % from.len()]
    }

    /// What the client gets to see of an answer.
    fn mangle(&mut self, honest: Response) -> Result<Response, TransportError> {
        let server = || "test".to_owned();
        let mut seen = honest;
        match self.byte() % 10 {
            1 => return Err(TransportError::Connect { server: server(), reason: "no network".into() }),
            2 => return Err(TransportError::Broken { server: server(), reason: "cut".into() }),
            3 => return Err(TransportError::Stalled { server: server(), seconds: 30 }),
            4 => seen.body = self.bytes(),
            5 => seen.body.truncate(usize::from(self.byte()) * seen.body.len() / 255),
            6 => {
                let (place, byte) = (usize::from(self.byte()) * seen.body.len() / 256, self.byte());
                if let Some(at) = seen.body.get_mut(place) {
                    *at = byte;
                }
            }
            7 | 8 => self.change_json(&mut seen.body),
            9 => {
                seen.status = self.of(&STATUSES);
                seen.content_type = self.of(&TYPES).into();
                seen.retry_after_ms = self.of(&WAITS);
                seen.elapsed_ms = u64::MAX >> (self.byte() % 64);
            }
            _ => {}
        }
        Ok(seen)
    }

    /// Replaces one value somewhere in the answer; elements of lists may come twice, members may be missing.
    fn change_json(&mut self, body: &mut Vec<u8>) {
        let Ok(mut answer) = serde_json::from_slice::<Value>(body) else { return };
        let mut place = String::new();
        for _ in 0..1 + self.byte() % 6 {
            let choice = usize::from(self.byte());
            match answer.pointer_mut(&place) {
                Some(Value::Array(items)) if !items.is_empty() => {
                    let position = choice % items.len();
                    if choice > 250 {
                        items.push(items[position].clone());
                    }
                    place = format!("{place}/{position}");
                }
                Some(Value::Object(members)) if !members.is_empty() => {
                    let name = members.keys().nth(choice % members.len()).cloned().unwrap_or_default();
                    if choice > 250 {
                        members.remove(&name);
                        break;
                    }
                    place = format!("{place}/{name}");
                }
                _ => break,
            }
        }
        let Some(at) = answer.pointer_mut(&place) else { return };
        *at = match self.byte() % 16 {
            0 => Value::Null,
            1 => json!(0),
            2 => json!(-1),
            3 => json!(u64::MAX),
            4 => json!(i64::MIN),
            5 => json!(i64::MAX),
            6 => json!(1.5),
            7 => json!(""),
            8 => json!([]),
            9 => json!({}),
            10 => json!(true),
            11 => json!(false),
            12 => json!("9999-12-31"),
            13 => json!("x".repeat(300)),
            14 => json!(u64::from(self.byte())),
            _ => json!(String::from_utf8_lossy(&self.bytes())),
        };
        *body = answer.to_string().into_bytes();
    }

    /// Notes what this answer lets the client take as applied.
    fn note(&mut self, request: &Request, seen: &Response) {
        if !(200..300).contains(&seen.status) || !seen.content_type.contains("json") {
            return;
        }
        let Ok(answer) = serde_json::from_slice::<Value>(&seen.body) else { return };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let sent: Value = request.body.as_deref().and_then(|b| serde_json::from_slice(b).ok()).unwrap_or_default();
        if sent["operation"] != "batch" {
            self.answered.extend(text(&sent["id"]));
        }
        let all = |name: &str| answer[name].as_array().cloned().unwrap_or_default();
        self.answered.extend(all("results").iter().filter(|it| it["success"] == true).filter_map(|it| text(&it["id"])));
        self.answered.extend(all("changes").iter().filter_map(|it| text(&it["id"])));
    }
}

impl Transport for Mangled {
    async fn send(&self, request: Request, progress: Option<SendProgress>) -> Result<Response, TransportError> {
        let link = self.0.lock().expect("no panic before").link.clone();
        let honest = link.send(request.clone(), progress).await?;
        let mut state = self.0.lock().expect("no panic before");
        let seen = state.mangle(honest)?;
        state.note(&request, &seen);
        Ok(seen)
    }
}
