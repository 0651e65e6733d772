//! The HTTP edge: routes, what they share, and the order of the layers. What requests mean is in `service` and `auth`.

mod account;
mod admit;
mod auth_routes;
mod body;
mod cors;
mod events;
mod intake;
mod json;
mod layers;
mod memory;
mod metrics;
mod openapi;
mod operations;
mod problem;
mod rate;
mod texts;
mod web;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::watch;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use verses_core::UnixMillis;
use verses_protocol::{ACCOUNT_PATH, CHANGES_PATH, EVENTS_PATH, ErrorCode, LIMITS_PATH, OPERATIONS_PATH};

use crate::address::Caller;
use crate::auth::Auth;
use crate::config::ServerConfig;
use crate::service::{self, Service};
use crate::storage::{Poke, Storage, UserId};
use crate::tasks::Tasks;

pub(crate) use self::layers::{GoesOn, REQUEST_SPAN, Secure, allow_options};

use self::events::Hub;
pub(crate) use self::layers::Layers;
use self::metrics::Metrics;
pub(crate) use self::metrics::{FOLD_EVERY, Limit, STAGE_SPAN};
use self::problem::Refusal;
use self::rate::Buckets;

/// Answers smaller than this are not compressed, in bytes.
const COMPRESS_FROM_BYTES: u64 = 1_024;

/// Longest part of a path in a message, in characters.
const MAX_SHOWN_PATH: usize = 200;

/// What the handlers share.
pub(crate) struct AppState<S> {
    service: Service<S>,
    auth: Auth,
    hub: Hub,
    operations: Buckets<UserId>,
    sign_ins: Buckets<Caller>,
    pieces: texts::Pieces,
    layers: Arc<Layers>,
    stopping: watch::Receiver<bool>,
}

/// What is made of a service and accounts.
pub(crate) struct Built {
    /// All routes for everybody.
    pub(crate) router: Router,
    /// The metrics, for a listener of their own.
    pub(crate) metrics: Router,
    pub(crate) layers: Arc<Layers>,
}

/// All routes over a service and accounts. `stopping` turns true when the server is asked to stop.
pub(crate) fn build<S: Storage>(
    config: &ServerConfig,
    service: Service<S>,
    auth: Auth,
    stopping: watch::Receiver<bool>,
    clock: Clock,
) -> Built {
    let layers = Arc::new(Layers::new(config, Tasks::default(), clock));
    let hub = Hub::new(Arc::clone(&layers));
    let service = watched(service, &hub, &layers);
    let looked_at = (service.storage().clone(), auth.clone());
    let metrics =
        metrics_routes(&layers, Arc::new(move |metrics| metrics.look(looked_at.0.pool(), looked_at.1.hashing())));
    let accounts = if auth.is_external() { auth_routes::elsewhere(config) } else { auth_routes::routes::<S>() };
    let state = Arc::new(AppState {
        service,
        auth,
        hub,
        operations: Buckets::new("ops", config.operations_per_minute),
        sign_ins: Buckets::new("sign-ins", config.sign_ins_per_minute),
        pieces: texts::Pieces::new(),
        layers: Arc::clone(&layers),
        stopping,
    });
    Built { router: routes(state, &layers, accounts), metrics, layers }
}

/// Pokes who listens, here and at other servers of the database, and counts how long things take.
fn watched<S: Storage>(service: Service<S>, hub: &Hub, layers: &Arc<Layers>) -> Service<S> {
    let (poked, told) = (hub.clone(), hub.clone());
    service.storage().listen(Arc::new(move |poke| match poke {
        Poke::User(user) => told.poke(user),
        Poke::Everyone => told.poke_everyone(),
    }));
    let others = service.storage().clone();
    let timed = Arc::clone(layers);
    service
        .with_observer(Arc::new(move |user| {
            poked.poke(user);
            others.announce(user);
        }))
        .with_stages(Arc::new(move |stage| {
            Box::new(timed.metrics.stage(match stage {
                service::Stage::Texts => metrics::Stage::Texts,
                service::Stage::Storage => metrics::Stage::Storage,
            }))
        }))
}

/// Sets what is only looked at when somebody reads the metrics.
type Look = Arc<dyn Fn(&Metrics) + Send + Sync>;

fn metrics_routes(layers: &Arc<Layers>, look: Look) -> Router {
    Router::new()
        .route("/metrics", get(metrics_text))
        .route("/health", get(health))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state((Arc::clone(layers), look))
        .layer(from_fn(layers::protect))
}

fn routes<S: Storage>(state: Arc<AppState<S>>, layers: &Arc<Layers>, accounts: Router<Arc<AppState<S>>>) -> Router {
    let compressed = SizeAbove::new(COMPRESS_FROM_BYTES).and(NotForContentType::SSE);
    Router::new()
        .route(OPERATIONS_PATH, post(operations::operations::<S>))
        .route(CHANGES_PATH, get(operations::changes::<S>))
        .route(LIMITS_PATH, get(operations::limits::<S>))
        .route(EVENTS_PATH, get(operations::events::<S>))
        .route(ACCOUNT_PATH, get(account::export::<S>).delete(account::delete::<S>))
        .layer(from_fn(layers::protocol))
        .layer(from_fn_with_state(Arc::clone(layers), layers::rate))
        .merge(accounts)
        .route("/health", get(health))
        .route("/ready", get(ready::<S>))
        .route("/openapi.json", get(openapi::document))
        .route("/texts/1/index.json", get(texts::index::<S>))
        .route("/texts/1/{translation}/{piece}", get(texts::piece::<S>))
        .route("/", get(web::home::<S>))
        .fallback(web::fallback::<S>)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(state)
        .layer(from_fn_with_state(Arc::clone(layers), layers::guard))
        .layer(from_fn_with_state(Arc::clone(layers), intake::watch))
        .layer(from_fn_with_state(Arc::clone(layers), admit::admit))
        .layer(CompressionLayer::new().compress_when(compressed))
        .layer(from_fn_with_state(Arc::clone(layers), layers::observe))
        .layer(from_fn_with_state(Arc::clone(layers), cors::cors))
        .layer(from_fn(layers::protect))
        .layer(from_fn_with_state(Arc::clone(layers), layers::identify))
}

/// Tells the time, in milliseconds since the epoch. A simulation has its own.
pub type Clock = Arc<dyn Fn() -> UnixMillis + Send + Sync>;

/// The system's clock.
pub(crate) fn system_clock() -> Clock {
    Arc::new(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        UnixMillis(since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX)))
    })
}

impl<S> AppState<S> {
    fn now(&self) -> UnixMillis {
        self.layers.now()
    }
}

impl<S: std::fmt::Debug> std::fmt::Debug for AppState<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppState").field("service", &self.service).finish_non_exhaustive()
    }
}

/// The token of the Authorization header. Of two headers there is none: a proxy may have believed the other one.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut sent = headers.get_all(AUTHORIZATION).iter();
    let value = sent.next().filter(|_| sent.next().is_none())?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn json_answer(status: StatusCode, body: String) -> Response {
    let mut response = (status, body).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

async fn health() -> Response {
    json_answer(StatusCode::OK, serde_json::json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }).to_string())
}

async fn ready<S: Storage>(State(state): State<Arc<AppState<S>>>) -> Response {
    match state.service.ready().await {
        Ok(()) => json_answer(StatusCode::OK, r#"{"status":"ready"}"#.to_owned()),
        Err(error) => Refusal::from(error).into_response(),
    }
}

async fn metrics_text(State((layers, look)): State<(Arc<Layers>, Look)>) -> Response {
    look(&layers.metrics);
    let mut response = layers.metrics.render().into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4"));
    response
}

/// The beginning of a path, for messages.
fn shown(uri: &Uri) -> String {
    uri.path().chars().take(MAX_SHOWN_PATH).collect()
}

async fn not_found(uri: Uri) -> Refusal {
    Refusal::new(ErrorCode::NotFound, format!("there is nothing at {}: see /openapi.json", shown(&uri)))
}

async fn method_not_allowed(uri: Uri) -> Refusal {
    // The router adds the header Allow.
    let text = format!("{} does not take this method: see /openapi.json", shown(&uri));
    Refusal::new(ErrorCode::MethodNotAllowed, text)
}
