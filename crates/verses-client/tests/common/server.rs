//! The real service on a storage in memory, and beside it accounts just good enough for the client: tokens that expire,
//! are renewed and are ended.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use serde_json::{Value, json};
use uuid::Uuid;
use verses_core::{CardEvent, OperationId, UnixMillis};
use verses_protocol::{BatchOperation, BatchRequest, CHANGES_PATH, Limits, OPERATIONS_PATH, UserCard};
use verses_server::service::{Service, ServiceError};
use verses_server::storage::UserId;
use verses_server::storage::memory::MemoryStorage;
use verses_server::texts::Texts;

use super::world::World;

/// An answer: status and JSON body.
pub(crate) type Answer = (u16, Value);

/// The server. Cloning gives another handle.
#[derive(Clone)]
pub(crate) struct Server(Arc<Mutex<Inner>>);

struct Inner {
    world: World,
    service: Service<MemoryStorage>,
    users: BTreeMap<String, (String, Uuid)>,
    /// Access tokens: whose, and until when by the true time.
    access: BTreeMap<String, (Uuid, i64)>,
    refresh: BTreeMap<String, Uuid>,
    issued: u64,
    token_life_s: u64,
}

fn now<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("the storage in memory completes at once")
}

impl Server {
    pub(crate) fn new(world: &World) -> Self {
        Self::with_limits(world, Limits::default())
    }

    pub(crate) fn with_limits(world: &World, limits: Limits) -> Self {
        let service = Service::new(MemoryStorage::with_epoch(Uuid::from_u128(1)), Texts::corpus(), limits);
        Self(Arc::new(Mutex::new(Inner {
            world: world.clone(),
            service,
            users: BTreeMap::new(),
            access: BTreeMap::new(),
            refresh: BTreeMap::new(),
            issued: 0,
            token_life_s: 3_600,
        })))
    }

    fn with<R>(&self, work: impl FnOnce(&mut Inner) -> R) -> R {
        work(&mut self.0.lock().unwrap())
    }

    pub(crate) fn set_token_life_s(&self, seconds: u64) {
        self.with(|s| s.token_life_s = seconds);
    }

    /// Every access token given out so far is refused from now on; they can be renewed.
    pub(crate) fn expire_access_tokens(&self) {
        self.with(|s| s.access.clear());
    }

    /// Every session is ended: neither token is good any more.
    pub(crate) fn end_sessions(&self) {
        self.with(|s| {
            s.access.clear();
            s.refresh.clear();
        });
    }

    pub(crate) fn refresh_tokens(&self) -> usize {
        self.with(|s| s.refresh.len())
    }

    /// What a backup would hold now.
    pub(crate) fn backup(&self) -> MemoryStorage {
        self.with(|s| s.service.storage().backup())
    }

    /// Replaces the database; accounts stay.
    pub(crate) fn restore(&self, storage: MemoryStorage) {
        self.with(|s| s.service = Service::new(storage, Texts::corpus(), Limits::default()));
    }

    pub(crate) fn set_limits(&self, limits: Limits) {
        self.with(|s| s.service = Service::new(s.service.storage().clone(), Texts::corpus(), limits));
    }

    fn export(&self, user: &str) -> verses_server::service::Export {
        let user: Uuid = user.parse().unwrap();
        self.with(|s| now(s.service.export(user_id(user), UnixMillis(s.world.now_ms()))).unwrap())
    }

    pub(crate) fn cards(&self, user: &str) -> Vec<UserCard> {
        let mut cards = self.export(user).cards;
        cards.sort_by_key(|c| c.verse_id);
        cards
    }

    pub(crate) fn profile(&self, user: &str) -> verses_protocol::ProfileView {
        self.export(user).profile
    }

    /// Ids of accepted operations, in the order of acceptance.
    pub(crate) fn history(&self, user: &str) -> Vec<String> {
        self.export(user).history.into_iter().map(|c| c.id).collect()
    }

    /// Every event the server holds, by operation.
    pub(crate) fn events(&self, user: &str) -> BTreeMap<String, CardEvent> {
        let event = |c: verses_protocol::Change| {
            let id = OperationId::new(c.id.clone()).unwrap();
            Some((c.id, CardEvent::from_operation(&id, &c.operation, c.verse.map(|v| v.id))?))
        };
        self.export(user).history.into_iter().filter_map(event).collect()
    }

    pub(crate) fn answer(&self, method: &str, path: &str, bearer: Option<&str>, body: Option<&Value>) -> Answer {
        self.with(|s| s.answer(method, path, bearer, body))
    }
}

fn user_id(id: Uuid) -> UserId {
    id
}

impl Inner {
    fn answer(&mut self, method: &str, path: &str, bearer: Option<&str>, body: Option<&Value>) -> Answer {
        let (route, query) = path.split_once('?').unwrap_or((path, ""));
        let query: BTreeMap<&str, &str> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        if let Some(call) = route.strip_prefix("/auth/v1/") {
            return self.auth(call, &query, bearer, body.unwrap_or(&Value::Null));
        }
        let now_ms = self.world.now_ms();
        let user = bearer.and_then(|token| self.access.get(token)).filter(|(_, until)| *until > now_ms);
        let Some(&(user, _)) = user else { return problem(401, "invalid_token", "the token is missing or expired") };
        match (method, route) {
            ("GET", CHANGES_PATH) => {
                let limit = query.get("limit").and_then(|l| l.parse().ok());
                let cursor = query.get("cursor").copied();
                let page = now(self.service.changes(user_id(user), UnixMillis(now_ms), cursor, limit));
                page.map_or_else(|e| refusal(&e), |page| (200, serde_json::to_value(page).unwrap()))
            }
            ("POST", OPERATIONS_PATH) => self.operations(user, now_ms, body.unwrap()),
            _ => problem(404, "not_found", "no such path"),
        }
    }

    fn operations(&self, user: Uuid, now_ms: i64, body: &Value) -> Answer {
        let at = UnixMillis(now_ms);
        let kind = body["operation"].as_str().unwrap();
        if kind == "batch" {
            let request: BatchRequest = serde_json::from_value(body.clone()).unwrap();
            let answered = now(self.service.batch(user_id(user), at, request));
            return answered.map_or_else(|e| refusal(&e), |done| (200, serde_json::to_value(done).unwrap()));
        }
        let data = body.get("data").cloned().unwrap_or_else(|| {
            let mut flat = body.as_object().unwrap().clone();
            flat.remove("operation");
            flat.remove("id");
            Value::Object(flat)
        });
        let id = body["id"].as_str().map_or_else(|| Uuid::new_v4().to_string(), Into::into);
        let operation = BatchOperation { id, kind: kind.into(), data };
        match now(self.service.operation(user_id(user), at, operation)) {
            Ok(result) if result.success => (200, result.data.unwrap()),
            Ok(result) => {
                let code = result.code.unwrap();
                let status = if code.is_retryable() { 503 } else { 422 };
                problem(status, code.as_str(), &result.error.unwrap())
            }
            Err(error) => refusal(&error),
        }
    }

    fn auth(&mut self, call: &str, query: &BTreeMap<&str, &str>, bearer: Option<&str>, body: &Value) -> Answer {
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        match (call, query.get("grant_type").copied()) {
            ("signup", _) => {
                let id = Uuid::from_u128(0xA000 + self.users.len() as u128);
                let email = text("email");
                let name = if email.is_empty() { format!("anonymous {id}") } else { email.clone() };
                if self.users.contains_key(&name) {
                    return auth_problem(422, "user_already_exists", "User already registered");
                }
                self.users.insert(name, (text("password"), id));
                self.tokens(id, &email)
            }
            ("token", Some("password")) => match self.users.get(&text("email")).cloned() {
                Some((password, id)) if password == text("password") => self.tokens(id, &text("email")),
                _ => auth_problem(400, "invalid_credentials", "Invalid login credentials"),
            },
            ("token", Some("refresh_token")) => match self.refresh.remove(&text("refresh_token")) {
                Some(id) => self.tokens(id, ""),
                None => auth_problem(400, "refresh_token_not_found", "Invalid Refresh Token"),
            },
            ("logout", _) => match bearer.and_then(|token| self.access.get(token)).copied() {
                Some((user, until)) if until > self.world.now_ms() => {
                    let this = bearer.unwrap_or_default().replace("access", "refresh");
                    let everywhere = query.get("scope") == Some(&"global");
                    self.refresh.retain(|token, owner| *owner != user || !(everywhere || *token == this));
                    (204, Value::Null)
                }
                _ => auth_problem(401, "bad_jwt", "invalid JWT"),
            },
            _ => problem(404, "not_found", "no such path"),
        }
    }

    fn tokens(&mut self, user: Uuid, email: &str) -> Answer {
        self.issued += 1;
        let (access, refresh) = (format!("access-{}", self.issued), format!("refresh-{}", self.issued));
        let until = self.world.now_ms() + self.token_life_s as i64 * 1_000;
        self.access.insert(access.clone(), (user, until));
        self.refresh.insert(refresh.clone(), user);
        let answer = json!({
            "access_token": access, "token_type": "bearer", "expires_in": self.token_life_s,
            "expires_at": until / 1_000, "refresh_token": refresh,
            "user": { "id": user.to_string(), "email": email, "is_anonymous": email.is_empty() },
        });
        (200, answer)
    }
}

pub(crate) fn problem(status: u16, code: &str, text: &str) -> Answer {
    let retryable = status == 429 || status >= 500;
    let body = json!({
        "type": "about:blank", "title": "x", "status": status, "detail": text, "error": text, "code": code,
        "retryable": retryable,
    });
    (status, body)
}

fn auth_problem(status: u16, code: &str, text: &str) -> Answer {
    (status, json!({ "code": code, "error_code": code, "message": text, "msg": text }))
}

fn refusal(error: &ServiceError) -> Answer {
    let code = error.code();
    let status = match code.as_str() {
        "too_many_operations" | "body_too_large" => 413,
        "malformed_request" | "duplicate_operation_id" | "invalid_cursor" => 400,
        "unavailable" => 503,
        "internal" => 500,
        _ => 422,
    };
    problem(status, code.as_str(), &error.to_string())
}
