//! The server's real edge: the product's axum router over its SQLite storage in memory, called without a socket. Used in
//! place of the thin one in `server` when a run asks for it.
//!
//! A request is worked to its end when it arrives: nothing overlaps within it, and the database is never replaced.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use futures_util::FutureExt;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;
use uuid::Uuid;
use verses_client::{Method, Request};
use verses_core::UnixMillis;
use verses_protocol::Limits;
use verses_server::auth::{AuthBackend, AuthSession, AuthUserRow, Issuer, SignInMethod, Signer};
use verses_server::storage::sqlite::SqliteStorage;
use verses_server::{App, ServerConfig};

use super::storage::{Inner, SimStorage};
use super::{Shared, World, lock};

/// The secret of the tokens.
const SECRET: &str = "a secret of the simulator, thirty-two bytes and more";
/// Longest answer, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// The router with what it needs to be called.
pub(crate) struct Edge {
    router: Router,
    runtime: Arc<Runtime>,
    accounts: AuthBackend,
    storage: SqliteStorage,
}

/// Makes tokens that the router accepts.
pub(crate) struct Mint {
    issuer: Issuer,
    accounts: AuthBackend,
}

impl Edge {
    /// A new server over an empty database.
    pub(crate) fn open(world: &Shared) -> anyhow::Result<()> {
        let runtime = Arc::new(Builder::new_current_thread().enable_time().build()?);
        let storage = SqliteStorage::in_memory()?;
        *lock(&lock(&world.server).database) = Inner::Sqlite(storage.clone());
        let accounts = AuthBackend::memory();
        let life_s = world.params.server.token_life_s;
        let mint = Mint { issuer: Issuer::new("https://simulator/auth/v1", life_s), accounts: accounts.clone() };
        lock(&world.accounts).mint = Some(mint);
        let limits = lock(&world.server).limits.clone();
        Self::start(world, runtime, accounts, storage, &limits)
    }

    /// The same database and accounts behind new settings.
    pub(crate) fn restart(&self, world: &Shared, limits: &Limits) -> anyhow::Result<()> {
        Self::start(world, Arc::clone(&self.runtime), self.accounts.clone(), self.storage.clone(), limits)
    }

    fn start(
        world: &Shared,
        runtime: Arc<Runtime>,
        accounts: AuthBackend,
        storage: SqliteStorage,
        limits: &Limits,
    ) -> anyhow::Result<()> {
        let config = ServerConfig {
            jwt_secret: Some(SECRET.to_owned()),
            max_operations: limits.max_operations,
            max_changes: limits.max_changes,
            operations_per_minute: u32::MAX,
            ..ServerConfig::default()
        };
        let watched = SimStorage {
            world: Arc::clone(world),
            database: Arc::new(Mutex::new(Inner::Sqlite(storage.clone()))),
            instance: 0,
        };
        let weak = Arc::downgrade(world);
        let clock = move || weak.upgrade().map_or(UnixMillis(0), |world| world.now());
        let app = runtime.block_on(App::over(config, watched, accounts.clone(), Arc::new(clock)))?;
        let edge = Self { router: app.router(), runtime, accounts, storage };
        *lock(&world.edge) = Some(Arc::new(edge));
        Ok(())
    }

    /// Runs something that waits for the database's threads.
    pub(crate) fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// The router's answer: status, Retry-After in milliseconds, body.
    pub(crate) fn answer(&self, request: &Request) -> (u16, Option<u64>, Vec<u8>) {
        let method = match request.method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
        };
        let mut asked = axum::http::Request::builder().method(method).uri(&request.path);
        if let Some(token) = &request.bearer {
            asked = asked.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = request.body.clone().map_or_else(Body::empty, Body::from);
        let asked = match asked.header(CONTENT_TYPE, "application/json").body(body) {
            Ok(asked) => asked,
            Err(error) => return (400, None, error.to_string().into_bytes()),
        };
        self.wait(async {
            // The router's error type has no values.
            let Ok(answer) = self.router.clone().oneshot(asked).await;
            let status = answer.status().as_u16();
            let seconds = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
            let body = to_bytes(answer.into_body(), MAX_ANSWER_BYTES).await.unwrap_or_default();
            (status, seconds.map(|seconds| seconds * 1_000), body.to_vec())
        })
    }
}

impl Mint {
    /// An access token for a new session of the user.
    pub(crate) fn token(&self, user: Uuid, number: u64, now_ms: i64) -> Option<String> {
        let session = Uuid::from_u128(0x5E55 << 96 | u128::from(number));
        let row = AuthUserRow {
            id: user,
            email: None,
            password_hash: None,
            metadata: serde_json::Map::default().into(),
            is_anonymous: true,
            created_at: now_ms,
            updated_at: now_ms,
            last_sign_in_at: Some(now_ms),
            revision: 0,
        };
        let kept = AuthSession {
            id: session,
            user_id: user,
            key: Vec::new(),
            counter: 0,
            refreshed_at: now_ms,
            method: SignInMethod::Anonymous,
            signed_in_at: now_ms,
        };
        // Accounts in memory answer at once.
        self.accounts.put_session(kept.clone()).now_or_never()?.ok()?;
        self.issuer.issue(Signer::Secret(SECRET.as_bytes()), &row, &kept, u64::try_from(now_ms / 1_000).ok()?).ok()
    }
}

impl World {
    /// The router with new limits. It cannot fail where it has worked before; if it does, the old one goes on.
    pub(crate) fn renew_edge(world: &Shared, limits: &Limits) {
        if let Some(edge) = world.edge() {
            drop(edge.restart(world, limits));
        }
    }

    /// Lets go of the router, which holds the world.
    pub(crate) fn close_edge(&self) {
        let edge = lock(&self.edge).take();
        drop(edge);
    }
}
