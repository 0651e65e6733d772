//! The server processes: which one a request reaches, what it answers, and how it dies. What a request means is the
//! product's service; here is only the thin edge that HTTP is in the product.

use std::sync::{Arc, Mutex, Weak};

use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;
use verses_client::{Method, Request, Response};
use verses_core::UnixMillis;
use verses_protocol::auth::AUTH_PATH;
use verses_protocol::{
    BatchOperation, BatchRequest, CHANGES_PATH, ErrorCode, LIMITS_PATH, Limits, OPERATIONS_PATH, Problem,
};
use verses_server::service::{Service, ServiceError};
use verses_server::storage::memory::MemoryStorage;
use verses_server::texts::Texts;

use super::edge::Edge;
use super::link::{Exchange, broke};
use super::storage::{Database, Inner, SimStorage};
use super::{Shared, World, lock};
use crate::broken::{self, Broken};
use crate::checks::Seen;
use crate::kernel::Owner;
use crate::stats::FaultKind;

/// A request at the server's door.
pub(crate) struct Arrival {
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) request: Request,
    /// Whether its answer will find the way back.
    pub(crate) answered: bool,
}

/// The server: its processes and its database.
pub(crate) struct Server {
    pub(crate) database: Database,
    pub(crate) backups: Vec<MemoryStorage>,
    pub(crate) limits: Limits,
    down_until_ms: Vec<u64>,
    in_work: Vec<(usize, Weak<Exchange>)>,
    /// The process that makes this call of the database dies for so long.
    pub(crate) dies_in_calls: Option<(u32, u64)>,
    pub(crate) no_batch_route_until_ms: u64,
    pub(crate) overloaded_until_ms: u64,
    texts: Texts,
}

/// Status, Retry-After in milliseconds, body.
type Answer = (u16, Option<u64>, Vec<u8>);

impl Server {
    pub(crate) fn new(instances: usize, limits: Limits, texts: Texts) -> Self {
        Self {
            database: Arc::new(Mutex::new(Inner::Memory(MemoryStorage::with_epoch(Uuid::from_u128(1))))),
            backups: Vec::new(),
            limits,
            down_until_ms: vec![0; instances],
            in_work: Vec::new(),
            dies_in_calls: None,
            no_batch_route_until_ms: 0,
            overloaded_until_ms: 0,
            texts,
        }
    }

    /// Everything that lasts ends: processes are up, the batch endpoint is there, nothing is overloaded.
    pub(crate) fn heal(&mut self) {
        self.down_until_ms.fill(0);
        self.no_batch_route_until_ms = 0;
        self.overloaded_until_ms = 0;
        self.dies_in_calls = None;
    }

    /// For services of those who check.
    pub(crate) fn texts_and_limits(&self) -> (Texts, Limits) {
        (self.texts.clone(), Limits::default())
    }

    /// The service as one process has it.
    fn service(&self, world: &Shared, instance: usize) -> Service<SimStorage> {
        let storage = SimStorage { world: Arc::clone(world), database: Arc::clone(&self.database), instance };
        Service::new(storage, self.texts.clone(), self.limits.clone())
    }
}

impl World {
    /// A request reaches the server, or what is left of it.
    pub(crate) fn arrived(world: &Shared, arrival: Arrival) {
        let kernel = &world.kernel;
        let instance = {
            let server = lock(&world.server);
            let up: Vec<usize> =
                (0..server.down_until_ms.len()).filter(|i| server.down_until_ms[*i] <= kernel.now_ms()).collect();
            drop(server);
            if up.is_empty() { None } else { Some(up[kernel.below(up.len() as u64) as usize]) }
        };
        let Some(instance) = instance else {
            world.fault(FaultKind::ServerDown);
            if arrival.answered {
                Self::refused(world, &arrival.exchange);
            }
            return;
        };
        kernel.event(51, instance as u64);
        lock(&world.server).in_work.push((instance, Arc::downgrade(&arrival.exchange)));
        let shared = Arc::clone(world);
        kernel.spawn(Owner::Instance(instance), async move {
            let Arrival { exchange, request, answered } = arrival;
            let (status, retry_after_ms, body) = shared.work(&shared, (instance, exchange.device), request).await;
            lock(&shared.server).in_work.retain(|(_, e)| !std::ptr::eq(e.as_ptr(), Arc::as_ptr(&exchange)));
            shared.kernel.event(52, u64::from(status) << 32 | body.len() as u64);
            if answered {
                let content_type =
                    if status < 400 { "application/json" } else { "application/problem+json" }.to_owned();
                let response = Response { status, content_type, retry_after_ms, body, ..Response::default() };
                Self::send_back(&shared, &exchange, response);
            }
        });
    }

    /// A request of somebody who is no device of the run.
    pub(crate) fn attacked(world: &Shared, attacker: Uuid, request: Request) {
        if lock(&world.server).down_until_ms[0] > world.kernel.now_ms() {
            return;
        }
        let shared = Arc::clone(world);
        world.kernel.spawn(Owner::Instance(0), async move {
            let (status, _, body) = shared.work(&shared, (0, usize::MAX), request).await;
            shared.seen(&Seen::Attacked { attacker, status, body: &body });
        });
    }

    /// A server process dies with everything it had in work.
    pub(crate) fn crash(world: &Shared, instance: usize, ms: u64) {
        world.fault(FaultKind::ServerCrash);
        world.kernel.kill(Owner::Instance(instance));
        let cut_off: Vec<Arc<Exchange>> = {
            let mut server = lock(&world.server);
            server.down_until_ms[instance] = world.kernel.now_ms() + ms;
            let (of_it, rest) = std::mem::take(&mut server.in_work).into_iter().partition(|(i, _)| *i == instance);
            server.in_work = rest;
            let of_it: Vec<(usize, Weak<Exchange>)> = of_it;
            of_it.into_iter().filter_map(|(_, exchange)| exchange.upgrade()).collect()
        };
        for exchange in cut_off {
            world.fault(FaultKind::CutOffByCrash);
            Self::answer(world, &exchange, 20, Err(broke("the server went away")));
        }
    }

    async fn work(&self, world: &Shared, (instance, device): (usize, usize), request: Request) -> Answer {
        let now = self.now();
        let body = request.body.as_deref().unwrap_or_default();
        let busy = {
            let overloaded = self.kernel.now_ms() < lock(&self.server).overloaded_until_ms;
            let rate = lock(&self.link).busy;
            if overloaded { Some(FaultKind::Overload) } else { self.kernel.chance(rate).then_some(FaultKind::Busy) }
        };
        if let Some(kind) = busy {
            self.fault(kind);
            return self.busy();
        }
        if let Some(call) = request.path.strip_prefix(AUTH_PATH) {
            let call = call.trim_start_matches('/');
            let (status, body) = lock(&self.accounts).call(call, request.bearer.as_deref(), body, now.0);
            return (status, None, body);
        }
        if request.path == LIMITS_PATH {
            return good(&lock(&self.server).limits);
        }
        let user = request.bearer.as_deref().and_then(|token| lock(&self.accounts).user_of(token, now.0));
        let Some(user) = user else {
            self.fault(FaultKind::TokenRefused);
            return problem(401, ErrorCode::InvalidToken, "the token is missing or expired");
        };
        let user = broken::user_of(self, user);
        self.seen(&Seen::Arrived { device, user, body });
        if let Some(edge) = self.edge() {
            return self.at_the_edge(&edge, user, &request);
        }
        let service = lock(&self.server).service(world, instance);
        match request.method {
            Method::Get => self.changes(&service, user, now, &request.path).await,
            _ if request.path == OPERATIONS_PATH => self.operations(&service, user, now, body).await,
            _ => problem(404, ErrorCode::NotFound, "no such path"),
        }
    }

    /// The real router answers.
    fn at_the_edge(&self, edge: &Edge, user: Uuid, request: &Request) -> Answer {
        #[derive(Deserialize)]
        struct Given {
            cursor: Option<String>,
        }
        let is_batch = request.body.as_ref().is_some_and(|body| body.starts_with(b"{\"operation\":\"batch\""));
        if is_batch && self.kernel.now_ms() < lock(&self.server).no_batch_route_until_ms {
            self.fault(FaultKind::NoBatchRoute);
            return problem(404, ErrorCode::NotFound, "no such path");
        }
        let (status, retry_after_ms, body) = edge.answer(request);
        if status == 413 {
            self.fault(FaultKind::TooLarge);
        }
        if let Ok(Given { cursor: Some(cursor) }) = serde_json::from_slice::<Given>(&body) {
            self.seen(&Seen::Listed { cursor: &cursor });
        }
        self.kernel.event(53, user.as_u128() as u64);
        (status, retry_after_ms, body)
    }

    /// 429 or 503, mostly with Retry-After, which is sometimes absurd.
    fn busy(&self) -> Answer {
        let (mut status, _, body) = problem(503, ErrorCode::Unavailable, "too much to do");
        if self.kernel.chance(500) {
            status = 429;
        }
        let retry_after = match self.kernel.below(10) {
            0..=2 => None,
            3..=8 => Some(self.kernel.below(30_000)),
            _ => Some(self.kernel.below(48 * 3_600_000)),
        };
        (status, retry_after, body)
    }

    async fn changes(&self, service: &Service<SimStorage>, user: Uuid, now: UnixMillis, path: &str) -> Answer {
        let query = path.split_once('?').map_or("", |(_, query)| query);
        let value = |name: &str| {
            query.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name).map(|(_, v)| v))
        };
        if path.strip_prefix(CHANGES_PATH).is_none() {
            return problem(404, ErrorCode::NotFound, "no such path");
        }
        let limit = value("limit").and_then(|limit| limit.parse().ok());
        match service.changes(user, now, value("cursor"), limit).await {
            Ok(page) => {
                let page = broken::page(self, page);
                self.seen(&Seen::Listed { cursor: &page.cursor });
                good(&page)
            }
            Err(error) => refusal(&error, service),
        }
    }

    async fn operations(&self, service: &Service<SimStorage>, user: Uuid, now: UnixMillis, body: &[u8]) -> Answer {
        #[derive(Deserialize)]
        struct Named {
            #[serde(default)]
            operation: String,
        }
        let named = serde_json::from_slice::<Named>(body);
        match named.as_ref().map(|n| n.operation.as_str()) {
            Ok("batch") => self.batch(service, user, now, body).await,
            Ok(kind) => self.single(service, user, now, (kind, body)).await,
            Err(_) => problem(400, ErrorCode::MalformedRequest, "the body is no JSON object"),
        }
    }

    async fn batch(&self, service: &Service<SimStorage>, user: Uuid, now: UnixMillis, body: &[u8]) -> Answer {
        if self.kernel.now_ms() < lock(&self.server).no_batch_route_until_ms {
            self.fault(FaultKind::NoBatchRoute);
            return problem(404, ErrorCode::NotFound, "no such path");
        }
        let request: BatchRequest = match serde_json::from_slice(body) {
            Ok(request) => request,
            Err(error) => return problem(400, ErrorCode::MalformedRequest, &error.to_string()),
        };
        let request = broken::batch(self.broken, request);
        match service.batch(user, now, request).await {
            Ok(mut response) => {
                if let Some(cursor) = &response.cursor {
                    self.seen(&Seen::Listed { cursor });
                }
                if self.is_broken(Broken::ResetUnsaid) {
                    response.reset = false;
                }
                good(&response)
            }
            Err(error) => {
                self.fault(FaultKind::TooLarge);
                refusal(&error, service)
            }
        }
    }

    async fn single(
        &self,
        service: &Service<SimStorage>,
        user: Uuid,
        now: UnixMillis,
        (kind, body): (&str, &[u8]),
    ) -> Answer {
        let mut fields: Map<String, Value> = match serde_json::from_slice(body) {
            Ok(fields) => fields,
            Err(error) => return problem(400, ErrorCode::MalformedRequest, &error.to_string()),
        };
        fields.remove("operation");
        let Some(Value::String(id)) = fields.remove("id") else {
            return problem(400, ErrorCode::MalformedRequest, "\"id\" must be a text");
        };
        let data = fields.remove("data").unwrap_or(Value::Object(fields));
        let operation = broken::single(self.broken, BatchOperation { id, kind: kind.to_owned(), data });
        match service.operation(user, now, operation).await {
            Ok(result) if result.success => good(&result.data),
            Ok(result) => {
                let code = result.code.unwrap_or(ErrorCode::Internal);
                let status = if code.is_retryable() { 503 } else { 422 };
                problem(status, code, &result.error.unwrap_or_default())
            }
            Err(error) => refusal(&error, service),
        }
    }
}

fn good<T: serde::Serialize>(body: &T) -> Answer {
    (200, None, serde_json::to_vec(body).unwrap_or_default())
}

fn problem(status: u16, code: ErrorCode, text: &str) -> Answer {
    let body = Problem {
        kind: "about:blank".into(),
        title: code.as_str().into(),
        status,
        detail: text.into(),
        error: text.into(),
        code,
        retryable: code.is_retryable(),
        max_operations: None,
        max_request_bytes: None,
    };
    (status, None, serde_json::to_vec(&body).unwrap_or_default())
}

fn refusal(error: &ServiceError, service: &Service<SimStorage>) -> Answer {
    let code = error.code();
    let status = match code {
        ErrorCode::TooManyOperations | ErrorCode::BodyTooLarge => 413,
        ErrorCode::MalformedRequest | ErrorCode::DuplicateOperationId | ErrorCode::InvalidCursor => 400,
        ErrorCode::Unavailable => 503,
        ErrorCode::Internal => 500,
        _ => 422,
    };
    let (status, retry, body) = problem(status, code, &error.to_string());
    // Half of the servers that refuse a size say which one they take.
    if code == ErrorCode::TooManyOperations
        && service.limits().max_operations.is_multiple_of(2)
        && let Ok(mut told) = serde_json::from_slice::<Problem>(&body)
    {
        told.max_operations = Some(service.limits().max_operations);
        return (status, retry, serde_json::to_vec(&told).unwrap_or_default());
    }
    (status, retry, body)
}
