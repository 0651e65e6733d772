//! `/auth/v1`: the HTTP side of auth, with the bodies and headers that every version of Supabase's client reads.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use verses_core::UnixMillis;
use verses_protocol::ErrorCode;
use verses_protocol::auth::{AUTH_PATH, AuthProblem, Credentials, RefreshGrant};

use super::body::Caps;
use super::{AppState, bearer, shown};
use crate::auth::{AuthError, SignOutScope, Verified};
use crate::config::ServerConfig;
use crate::http::rate::Taken;
use crate::storage::Storage;

const API_VERSION: HeaderName = HeaderName::from_static("x-supabase-api-version");
const ERROR_CODE: HeaderName = HeaderName::from_static("x-sb-error-code");
/// Largest body of an auth call, in bytes.
const MAX_BODY_BYTES: u64 = 64 * 1024;

type Shared<S> = State<Arc<AppState<S>>>;

pub(super) fn routes<S: Storage>() -> Router<Arc<AppState<S>>> {
    Router::new()
        .route("/auth/v1/signup", post(sign_up))
        .route("/auth/v1/token", post(token))
        .route("/auth/v1/user", get(user).put(update_user))
        .route("/auth/v1/logout", post(sign_out))
        .route("/auth/v1/health", get(health))
        .route("/auth/v1/settings", get(settings))
        .route("/auth/v1/.well-known/jwks.json", get(jwks::<S>))
        .route(AUTH_PATH, any(nothing_here))
        .route(&format!("{AUTH_PATH}/"), any(nothing_here))
        .route(&format!("{AUTH_PATH}/{{*rest}}"), any(nothing_here))
        .method_not_allowed_fallback(other_method)
}

/// Calls of the client that need what is not here: mail, telephones, other sign-in servers, administrators.
async fn nothing_here(uri: Uri) -> AuthError {
    AuthError::NotFound(shown(&uri))
}

async fn other_method(uri: Uri) -> AuthError {
    // The router adds the header Allow.
    AuthError::MethodNotAllowed(shown(&uri))
}

/// Where accounts live, if not here.
pub(super) fn place(config: &ServerConfig) -> Option<String> {
    let of_keys = config.jwks_url.as_deref().and_then(|url| url.split_once("/.well-known/")).map(|(server, _)| server);
    match &*config.jwt_issuers {
        [] => of_keys.map(str::to_owned),
        issuers => Some(issuers.join(" or ")),
    }
}

/// Accounts live elsewhere: whoever asks here is told where.
pub(super) fn elsewhere<S: Storage>(config: &ServerConfig) -> Router<Arc<AppState<S>>> {
    let place = place(config);
    let place = place.as_deref().unwrap_or("the account server that this server's operator has chosen");
    let text: Arc<str> = format!("accounts do not live on this server: sign in at {place}").into();
    let answer = move || {
        let text = Arc::clone(&text);
        async move { problem(StatusCode::NOT_FOUND, "not_found", &text) }
    };
    Router::new()
        .route(AUTH_PATH, any(answer.clone()))
        .route(&format!("{AUTH_PATH}/"), any(answer.clone()))
        .route(&format!("{AUTH_PATH}/{{*rest}}"), any(answer))
}

/// An error with the fields and headers that every version of the client reads.
fn problem(status: StatusCode, code: &'static str, text: &str) -> Response {
    let (code_text, text) = (code.to_owned(), text.to_owned());
    let body = AuthProblem { code: code_text.clone(), error_code: code_text, message: text.clone(), msg: text };
    let mut response = (status, serde_json::to_string(&body).unwrap_or_default()).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(API_VERSION, HeaderValue::from_static("2024-01-01"));
    headers.insert(ERROR_CODE, HeaderValue::from_static(code));
    response
}

impl IntoResponse for AuthError {
    fn into_response(self) -> Response {
        if let Self::Storage(_) | Self::Keys(_) = &self {
            tracing::error!(error = %self, "an auth call failed");
        }
        let (code, status) =
            (self.code(), StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
        let text = match &self {
            Self::Storage(_) => "the server's database does not answer: try again".to_owned(),
            Self::Keys(_) => "the server's keys cannot be had: try again".to_owned(),
            other => other.to_string(),
        };
        let problem = AuthProblem { code: code.into(), error_code: code.into(), message: text.clone(), msg: text };
        let mut body = serde_json::to_value(&problem).unwrap_or_default();
        if matches!(self, Self::WeakPassword { .. }) {
            body["weak_password"] = json!({ "reasons": ["length"] });
        }
        let mut response = (status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(API_VERSION, HeaderValue::from_static("2024-01-01"));
        headers.insert(ERROR_CODE, HeaderValue::from_static(code));
        if self.is_retryable() {
            headers.insert("retry-after", HeaderValue::from_static("2"));
        }
        response
    }
}

fn ok(body: &Value) -> Response {
    let mut response = body.to_string().into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

async fn json_body<T: DeserializeOwned, S>(
    state: &AppState<S>,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, AuthError> {
    let caps = Caps { wire: MAX_BODY_BYTES, decoded: MAX_BODY_BYTES };
    let bytes = super::body::read(&state.layers, headers, body, caps).await.map_err(|r| match r.code {
        ErrorCode::Unavailable | ErrorCode::DeadlineExceeded => AuthError::Busy,
        ErrorCode::BodyTooLarge => AuthError::BodyTooLarge { max_bytes: MAX_BODY_BYTES },
        _ => AuthError::UnreadableBody(r.message),
    })?;
    super::body::check_depth(&bytes).map_err(|r| AuthError::BadJson(r.message))?;
    super::json::outline(&bytes).map_err(|r| AuthError::BadJson(r.message))?;
    serde_json::from_slice(&bytes).map_err(|e| AuthError::BadJson(e.to_string()))
}

/// Guessing passwords and making accounts in masses is slowed down per address.
fn limit_sign_ins<S: Storage>(state: &AppState<S>, address: SocketAddr, now: UnixMillis) -> Result<(), AuthError> {
    match state.sign_ins.take(address.ip().into(), 1, now.0) {
        Taken::Left(_) => Ok(()),
        Taken::Wait(_) => Err(AuthError::RateLimited),
    }
}

/// What the client may write into a sign-up, a sign-in or a change of the user. What is not named here is not looked at.
#[derive(Deserialize)]
struct Call {
    email: Option<String>,
    password: Option<String>,
    data: Option<Value>,
    phone: Option<String>,
    app_metadata: Option<Value>,
    role: Option<Value>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
}

impl Call {
    fn credentials(self) -> Result<Credentials, AuthError> {
        let said = |text: &Option<String>| text.as_ref().is_some_and(|t| !t.is_empty());
        if said(&self.phone) {
            return Err(AuthError::PhoneDisabled);
        }
        if said(&self.code_challenge) != said(&self.code_challenge_method) {
            let text = "PKCE flow requires code_challenge_method and code_challenge";
            return Err(AuthError::Validation(text.to_owned()));
        }
        Ok(Credentials { email: self.email, password: self.password, data: self.data })
    }

    /// A change of the user: what decides about rights is not the user's to change.
    fn change(self) -> Result<Credentials, AuthError> {
        for (name, said) in [("app_metadata", &self.app_metadata), ("role", &self.role)] {
            if said.is_some() {
                return Err(AuthError::NotAdmin(name));
            }
        }
        self.credentials()
    }
}

async fn sign_up<S: Storage>(
    State(state): Shared<S>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, AuthError> {
    let now = state.now();
    limit_sign_ins(&state, address, now)?;
    let call = json_body::<Call, S>(&state, &headers, body).await?;
    Ok(ok(&state.auth.sign_up(call.credentials()?, now).await?))
}

#[derive(Deserialize)]
struct Grant {
    #[serde(default)]
    grant_type: String,
}

async fn token<S: Storage>(
    State(state): Shared<S>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    grant: Result<Query<Grant>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, AuthError> {
    let now = state.now();
    let Query(grant) = grant.map_err(|e| AuthError::Validation(e.to_string()))?;
    match grant.grant_type.as_str() {
        "password" => {
            limit_sign_ins(&state, address, now)?;
            let call = json_body::<Call, S>(&state, &headers, body).await?;
            Ok(ok(&state.auth.sign_in(call.credentials()?, now).await?))
        }
        // Not limited: a client that is refused here drops its session.
        "refresh_token" => {
            let grant = json_body::<RefreshGrant, S>(&state, &headers, body).await.map_err(|error| match error {
                // No verdict on the token: the client must keep its session and try again.
                AuthError::UnreadableBody(_) | AuthError::BodyTooLarge { .. } => AuthError::Busy,
                other => other,
            })?;
            Ok(ok(&state.auth.refresh(&grant.refresh_token, now).await?))
        }
        _ => Err(AuthError::UnsupportedGrant),
    }
}

async fn verified<S: Storage>(state: &AppState<S>, headers: &HeaderMap) -> Result<Verified, AuthError> {
    let token = bearer(headers).ok_or(AuthError::NoAuthorization)?;
    state.auth.verify(token, state.now()).await
}

async fn user<S: Storage>(State(state): Shared<S>, headers: HeaderMap) -> Result<Response, AuthError> {
    let verified = verified(&state, &headers).await?;
    Ok(ok(&state.auth.user(&verified).await?))
}

async fn update_user<S: Storage>(
    State(state): Shared<S>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, AuthError> {
    let verified = verified(&state, &headers).await?;
    let change = json_body::<Call, S>(&state, &headers, body).await?;
    Ok(ok(&state.auth.update_user(&verified, change.change()?, state.now()).await?))
}

#[derive(Deserialize)]
struct Scope {
    #[serde(default)]
    scope: String,
}

/// The client sends a JSON content type with an empty body: the body is not looked at.
async fn sign_out<S: Storage>(
    State(state): Shared<S>,
    scope: Result<Query<Scope>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, AuthError> {
    let verified = verified(&state, &headers).await?;
    let Query(scope) = scope.map_err(|e| AuthError::Validation(e.to_string()))?;
    let scope = match scope.scope.as_str() {
        "" | "global" => SignOutScope::Global,
        "local" => SignOutScope::Local,
        "others" => SignOutScope::Others,
        other => return Err(AuthError::Validation(format!("Unsupported logout scope {other:?}"))),
    };
    state.auth.sign_out(&verified, scope).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn health() -> Response {
    ok(
        &json!({ "version": env!("CARGO_PKG_VERSION"), "name": "Verses", "description": "Supabase Auth compatible sign-in of Verses" }),
    )
}

async fn settings() -> Response {
    ok(&json!({
        "external": { "email": true, "phone": false, "anonymous_users": true }, "disable_signup": false,
        "mailer_autoconfirm": true, "phone_autoconfirm": false, "sms_provider": "", "saml_enabled": false,
    }))
}

/// The public parts of the keys that tokens are signed with. A shared secret is never published.
async fn jwks<S: Storage>(State(state): Shared<S>) -> Response {
    let mut response = ok(&state.auth.jwks(state.now()));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=600"));
    response
}
