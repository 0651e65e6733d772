//! A device's way to the server, with faults on demand. Every request is recorded.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use verses_client::{Method, Request, Response, SendProgress, Transport, TransportError};

use super::server::{Server, problem};
use super::world::World;

/// One request takes this long.
pub(crate) const LATENCY_MS: u64 = 50;

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Route {
    Operations,
    Changes,
    Auth,
}

/// What goes wrong with one request.
#[derive(Clone)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// No connection.
    Offline,
    /// The server did the work; its answer is lost.
    LostAnswer,
    /// The server did the work; somebody on the way says that it was refused.
    FalseRefusal,
    /// This status and body, whatever was asked.
    Answer(u16, Value),
    /// The connection breaks before the server has the request.
    LostRequest,
    /// A web page with this status, from somebody who is not the server.
    Page(u16),
    /// The batch endpoint is not there; single operations work.
    NoBatchRoute,
    /// Batches of more operations than this are refused, with or without telling how many are taken.
    TooMany { most: usize, told: bool },
    /// Wait so long.
    RateLimited { retry_after_ms: u64 },
    /// Some other server: it knows no such path.
    NotFound,
    /// The token is refused.
    Unauthorized,
    /// The server is busy.
    Unavailable,
    /// Nothing moves for half a minute; the server never saw it.
    Stall,
    /// There is never an answer; the server did the work.
    Silence,
    /// Runs when the request arrives, before the server works on it.
    Meanwhile(Arc<dyn Fn() + Send + Sync>),
    /// Runs after the server has worked, before its answer arrives.
    Afterwards(Arc<dyn Fn() + Send + Sync>),
}

impl Fault {
    pub(crate) fn meanwhile(action: impl Fn() + Send + Sync + 'static) -> Self {
        Self::Meanwhile(Arc::new(action))
    }

    pub(crate) fn afterwards(action: impl Fn() + Send + Sync + 'static) -> Self {
        Self::Afterwards(Arc::new(action))
    }
}

/// A request as it went out.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) route: Route,
    pub(crate) path: String,
    pub(crate) bearer: Option<String>,
    pub(crate) body: Value,
    pub(crate) at_ms: u64,
}

impl Sent {
    pub(crate) fn is_batch(&self) -> bool {
        self.body["operation"] == "batch"
    }

    /// Ids of the operations in it.
    pub(crate) fn ids(&self) -> Vec<String> {
        let text = |v: &Value| v.as_str().unwrap().to_owned();
        match self.body["operations"].as_array() {
            Some(operations) => operations.iter().map(|o| text(&o["id"])).collect(),
            None => vec![text(&self.body["id"])],
        }
    }
}

/// The way to the server. Cloning gives another handle.
#[derive(Clone)]
pub(crate) struct Link {
    server: Server,
    world: World,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    next: BTreeMap<Route, VecDeque<Fault>>,
    always: BTreeMap<Route, Fault>,
    sent: Vec<Sent>,
}

impl Link {
    pub(crate) fn new(server: &Server, world: &World) -> Self {
        Self { server: server.clone(), world: world.clone(), state: Arc::default() }
    }

    /// The next requests to `route` meet these faults, one after the other.
    pub(crate) fn next(&self, route: Route, faults: impl IntoIterator<Item = Fault>) {
        self.state.lock().unwrap().next.entry(route).or_default().extend(faults);
    }

    /// Every request to `route` meets this fault, after those of [`Self::next`].
    pub(crate) fn always(&self, route: Route, fault: Fault) {
        self.state.lock().unwrap().always.insert(route, fault);
    }

    pub(crate) fn all_routes(&self, fault: &Fault) {
        for route in [Route::Operations, Route::Changes, Route::Auth] {
            self.always(route, fault.clone());
        }
    }

    pub(crate) fn stop_faults(&self) {
        let mut state = self.state.lock().unwrap();
        state.next.clear();
        state.always.clear();
    }

    /// Everything sent so far, of this route.
    pub(crate) fn sent(&self, route: Route) -> Vec<Sent> {
        self.state.lock().unwrap().sent.iter().filter(|s| s.route == route).cloned().collect()
    }

    pub(crate) fn sent_operations(&self) -> Vec<Sent> {
        self.sent(Route::Operations)
    }

    pub(crate) fn forget_sent(&self) {
        self.state.lock().unwrap().sent.clear();
    }

    fn note(&self, request: &Request) -> (Fault, Value) {
        let route = match request.path.as_str() {
            p if p.starts_with("/auth/") => Route::Auth,
            p if p.contains("verse-changes") => Route::Changes,
            _ => Route::Operations,
        };
        let body = request.body.as_deref().map_or(Value::Null, |b| serde_json::from_slice(b).unwrap());
        let mut state = self.state.lock().unwrap();
        state.sent.push(Sent {
            route,
            path: request.path.clone(),
            bearer: request.bearer.clone(),
            body: body.clone(),
            at_ms: self.world.elapsed_ms(),
        });
        let scripted = state.next.get_mut(&route).and_then(VecDeque::pop_front);
        let fault = scripted.or_else(|| state.always.get(&route).cloned()).unwrap_or(Fault::None);
        (fault, body)
    }

    fn ask(&self, request: &Request, body: &Value) -> Response {
        let method = if request.method == Method::Get { "GET" } else { "POST" };
        let (status, answer) = self.server.answer(method, &request.path, request.bearer.as_deref(), Some(body));
        json_response(request, status, &answer)
    }
}

fn json_response(request: &Request, status: u16, answer: &Value) -> Response {
    let body = serde_json::to_vec(answer).unwrap();
    Response {
        status,
        content_type: if status < 400 { "application/json" } else { "application/problem+json" }.into(),
        retry_after_ms: None,
        bytes_sent: request.body.as_ref().map_or(0, |b| b.len() as u64),
        bytes_received: body.len() as u64,
        elapsed_ms: LATENCY_MS,
        first_byte_ms: LATENCY_MS,
        body,
    }
}

fn lost(reason: &str) -> TransportError {
    TransportError::Broken { server: "test".into(), reason: reason.into() }
}

impl Transport for Link {
    async fn send(&self, request: Request, progress: Option<SendProgress>) -> Result<Response, TransportError> {
        let (fault, body) = self.note(&request);
        let is_batch = body["operation"] == "batch";
        let operations = body["operations"].as_array().map_or(1, Vec::len);
        let refuse = |status, code: &str| {
            let (status, answer) = problem(status, code, "refused by the test");
            json_response(&request, status, &answer)
        };
        if let Some(progress) = progress {
            let total = request.body.as_ref().map_or(0, |b| b.len() as u64);
            progress(total, total);
        }
        self.world.advance(LATENCY_MS);
        match fault {
            Fault::Offline => Err(TransportError::Connect { server: "test".into(), reason: "no network".into() }),
            Fault::LostRequest => Err(lost("cut before the server had it")),
            Fault::LostAnswer => {
                self.ask(&request, &body);
                Err(lost("cut before the answer"))
            }
            Fault::FalseRefusal => {
                self.ask(&request, &body);
                Ok(refuse(422, "validation_failed"))
            }
            Fault::Answer(status, answer) => Ok(json_response(&request, status, &answer)),
            Fault::Page(status) => Ok(Response {
                status,
                content_type: "text/html".into(),
                body: b"<html>Welcome to the train</html>".to_vec(),
                ..Response::default()
            }),
            Fault::NoBatchRoute if is_batch => Ok(refuse(404, "not_found")),
            Fault::TooMany { most, told } if is_batch && operations > most => {
                let mut response = refuse(413, "too_many_operations");
                if told {
                    let mut answer: Value = serde_json::from_slice(&response.body).unwrap();
                    answer["maxOperations"] = most.into();
                    response.body = serde_json::to_vec(&answer).unwrap();
                }
                Ok(response)
            }
            Fault::RateLimited { retry_after_ms } => {
                Ok(Response { retry_after_ms: Some(retry_after_ms), ..refuse(429, "rate_limited") })
            }
            Fault::NotFound => Ok(refuse(404, "not_found")),
            Fault::Unauthorized => Ok(refuse(401, "invalid_token")),
            Fault::Unavailable => Ok(refuse(503, "unavailable")),
            Fault::Stall => {
                self.world.advance(30_000);
                Err(TransportError::Stalled { server: "test".into(), seconds: 30 })
            }
            Fault::Silence => {
                self.ask(&request, &body);
                std::future::pending().await
            }
            Fault::Meanwhile(action) => {
                action();
                Ok(self.ask(&request, &body))
            }
            Fault::Afterwards(action) => {
                let answer = self.ask(&request, &body);
                action();
                Ok(answer)
            }
            Fault::None | Fault::NoBatchRoute | Fault::TooMany { .. } => Ok(self.ask(&request, &body)),
        }
    }
}
