//! A relay between a device and a server that sees every request and can lose, cut, hold or invent answers.

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use serde_json::Value;

use super::http::Message;

/// What is to happen to one request.
pub(crate) enum Action {
    /// It reaches the server and the answer comes back.
    Pass,
    /// The server answers, and the answer never arrives.
    LoseAnswer,
    /// The server answers, and the connection breaks in the middle of it.
    CutAnswer,
    /// The relay answers by itself: status, headers, body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// The request reaches the server, then this runs, and no answer comes back.
    Then(Box<dyn FnOnce() + Send>),
    /// It waits until the other end of the channel speaks or is dropped, and then passes.
    Hold(mpsc::Receiver<()>),
    /// The connection breaks before the server sees anything.
    Refuse,
    /// It waits so long, and then passes.
    Delay(Duration),
    /// The connection breaks in the middle of the request.
    CutRequest,
    /// It reaches the server twice at the same time; one of the answers comes back.
    Twice,
    /// It passes, and reaches the server once more after this long.
    Again(Duration),
}

/// A request as the relay saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// `POST`, `GET`.
    pub(crate) method: String,
    /// The path, with the query.
    pub(crate) path: String,
    /// The decoded body, `Null` if it was no JSON.
    pub(crate) body: Value,
}

impl Seen {
    /// Whether it is a batch.
    pub(crate) fn is_batch(&self) -> bool {
        self.body["operation"] == "batch"
    }

    /// Whether it carries operations: a batch, or one that changes something.
    pub(crate) fn carries_operations(&self) -> bool {
        self.method == "POST" && self.path.contains("verse-operations")
    }

    /// The ids of the operations of a batch, or of the one operation.
    pub(crate) fn ids(&self) -> Vec<String> {
        match self.body["operations"].as_array() {
            Some(operations) => operations.iter().map(|o| o["id"].as_str().unwrap().to_owned()).collect(),
            None => self.body["id"].as_str().map(str::to_owned).into_iter().collect(),
        }
    }
}

type Rule = Box<dyn FnMut(&Seen) -> Action + Send>;

struct Shared {
    upstream: Arc<Mutex<String>>,
    rule: Mutex<Rule>,
    seen: Mutex<Vec<Seen>>,
    stopped: AtomicBool,
}

/// The relay.
pub(crate) struct Proxy {
    shared: Arc<Shared>,
    /// Where it listens.
    pub(crate) url: String,
}

impl Proxy {
    /// A relay to a server; everything passes until [`Proxy::rule`] says otherwise.
    pub(crate) fn to(upstream: &str) -> Self {
        Self::to_shared(Arc::new(Mutex::new(upstream.to_owned())))
    }

    /// The same for a server whose address may change: it is looked up for every request.
    pub(crate) fn to_shared(upstream: Arc<Mutex<String>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            upstream,
            rule: Mutex::new(Box::new(|_| Action::Pass)),
            seen: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let ours = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ours.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&ours);
                // A broken connection is what the relay is for.
                std::thread::spawn(move || drop(shared.relay(&stream)));
            }
        });
        Self { shared, url }
    }

    /// What happens to the requests to come.
    pub(crate) fn rule(&self, rule: impl FnMut(&Seen) -> Action + Send + 'static) {
        *self.shared.rule.lock().unwrap() = Box::new(rule);
    }

    /// What happens to the first request that carries operations; the others pass.
    pub(crate) fn once(&self, action: Action) {
        let mut action = Some(action);
        self.rule(move |seen| match seen.carries_operations() {
            true => action.take().unwrap_or(Action::Pass),
            false => Action::Pass,
        });
    }

    /// Every request so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// The requests so far that carried operations.
    pub(crate) fn sends(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(Seen::carries_operations).collect()
    }

    /// Forgets the requests so far.
    pub(crate) fn forget(&self) {
        self.shared.seen.lock().unwrap().clear();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect(self.url.trim_start_matches("http://"));
    }
}

impl Shared {
    fn relay(&self, client: &TcpStream) -> io::Result<()> {
        let mut source = BufReader::new(client.try_clone()?);
        let Some(request) = Message::read(&mut source)? else { return Ok(()) };
        let mut words = request.first.split(' ').map(str::to_owned);
        let seen = Seen {
            method: words.next().unwrap_or_default(),
            path: words.next().unwrap_or_default(),
            body: serde_json::from_slice(&request.decoded()).unwrap_or(Value::Null),
        };
        let action = {
            let mut rule = self.rule.lock().unwrap();
            let action = rule(&seen);
            self.seen.lock().unwrap().push(seen);
            action
        };
        let mut client = client;
        match action {
            Action::Pass => client.write_all(&self.ask(&request)?)?,
            Action::LoseAnswer => drop(self.ask(&request)?),
            Action::CutAnswer => {
                let answer = self.ask(&request)?;
                client.write_all(&answer[..answer.len() - answer.len() / 4])?;
            }
            Action::Answer(status, headers, body) => client.write_all(&invented(status, &headers, &body))?,
            Action::Then(act) => {
                self.connect()?.write_all(&request.to_bytes())?;
                act();
            }
            Action::Hold(gate) => {
                // Either way it goes on.
                let _ = gate.recv();
                client.write_all(&self.ask(&request)?)?;
            }
            Action::Refuse => {}
            Action::Delay(time) => {
                std::thread::sleep(time);
                client.write_all(&self.ask(&request)?)?;
            }
            Action::CutRequest => {
                let bytes = request.to_bytes();
                self.connect()?.write_all(&bytes[..bytes.len() - bytes.len() / 4])?;
            }
            Action::Twice => {
                let answer = std::thread::scope(|scope| {
                    scope.spawn(|| drop(self.ask(&request)));
                    self.ask(&request)
                })?;
                client.write_all(&answer)?;
            }
            Action::Again(time) => {
                let passed = self.ask(&request).and_then(|answer| client.write_all(&answer));
                // The client has its answer, whatever becomes of the second request.
                client.shutdown(Shutdown::Both)?;
                passed?;
                std::thread::sleep(time);
                return self.ask(&request).map(drop);
            }
        }
        client.shutdown(Shutdown::Both)
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let address = self.upstream.lock().unwrap().trim_start_matches("http://").to_owned();
        let server = TcpStream::connect(address)?;
        // Where nobody listens, a connection on loopback may get that port for its own end and meet itself.
        if server.local_addr()? == server.peer_addr()? {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        Ok(server)
    }

    /// The server's answer, as its bytes.
    fn ask(&self, request: &Message) -> io::Result<Vec<u8>> {
        let mut server = self.connect()?;
        server.write_all(&request.to_bytes())?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer)?;
        Ok(answer)
    }
}

fn invented(status: u16, headers: &[(&'static str, String)], body: &str) -> Vec<u8> {
    let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
    Message { first: format!("HTTP/1.1 {status} Invented"), headers, body: body.as_bytes().to_vec() }.to_bytes()
}
