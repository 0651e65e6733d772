//! `/functions/v1/verse-account`: all data of a user, and its deletion. What is held and erased is in `service` and `auth`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::header::CONTENT_DISPOSITION;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use verses_core::UnixMillis;
use verses_protocol::{AccountDeleted, DELETE_ACCOUNT_PHRASE, DeleteAccount, ErrorCode};

use super::body::{self, Caps};
use super::operations::{Asker, caller, in_time, no_caller, take, written};
use super::problem::Refusal;
use super::{AppState, auth_routes, bearer};
use crate::address::Caller;
use crate::auth::{AuthError, Verified};
use crate::service::Export;
use crate::storage::{Storage, UserId};

/// Largest body of a deletion, in bytes.
const MAX_BODY_BYTES: u64 = 4 * 1024;
/// What a whole history costs of a user's allowance of operations.
const EXPORT_UNITS: usize = 10;

type Shared<S> = State<Arc<AppState<S>>>;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Everything {
    exported_at: UnixMillis,
    /// What sign-in knows of the user; only the id, where accounts live elsewhere.
    account: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_lives_at: Option<String>,
    #[serde(flatten)]
    verses: Export,
}

/// `GET /functions/v1/verse-account`
pub(super) async fn export<S: Storage>(
    State(state): Shared<S>,
    address: Option<Extension<Caller>>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = caller(&state, &headers).await?;
    let asker = Asker { user: caller.user, address: address.map(|Extension(address)| address) };
    let told = take(&state, asker, EXPORT_UNITS)?;
    let now = state.now();
    let everything = Everything {
        exported_at: now,
        account: account_of(&state, &caller).await?,
        account_lives_at: elsewhere(&state),
        verses: state.service.export(caller.user, now).await?,
    };
    let mut response = (told, written(&state.layers, &everything).await?).into_response();
    let file = HeaderValue::from_static("attachment; filename=\"verses-account.json\"");
    response.headers_mut().insert(CONTENT_DISPOSITION, file);
    Ok(response)
}

async fn account_of<S: Storage>(state: &AppState<S>, caller: &Verified) -> Result<Value, Refusal> {
    let unknown = || json!({ "id": caller.user });
    if state.auth.is_external() {
        return Ok(unknown());
    }
    match state.auth.user(caller).await {
        Ok(user) => Ok(user),
        // A token that was signed with a shared secret for somebody who never signed up here.
        Err(AuthError::UserNotFound) => Ok(unknown()),
        Err(error) => Err(no_caller(error)),
    }
}

/// Where accounts live, if not here and if it is known.
fn elsewhere<S>(state: &AppState<S>) -> Option<String> {
    state.auth.is_external().then(|| auth_routes::place(&state.layers.config)).flatten()
}

/// `DELETE /functions/v1/verse-account`
pub(super) async fn delete<S: Storage>(
    State(state): Shared<S>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let user = deleting(&state, &headers).await?;
    let caps = Caps { wire: MAX_BODY_BYTES, decoded: MAX_BODY_BYTES };
    let bytes = body::read(&state.layers, &headers, body, caps).await?;
    body::check_depth(&bytes)?;
    let confirmed =
        serde_json::from_slice(&bytes).is_ok_and(|said: DeleteAccount| said.confirm == DELETE_ACCOUNT_PHRASE);
    if !confirmed {
        let text =
            format!("a deletion is for good: confirm it with the body {{\"confirm\": \"{DELETE_ACCOUNT_PHRASE}\"}}");
        return Err(Refusal::new(ErrorCode::ValidationFailed, text));
    }
    let worker = Arc::clone(&state);
    in_time(&state.layers, async move { erase(&worker, user).await }).await
}

/// Who wants to be deleted. A session that ended with its account may ask again: the answer may have been lost.
async fn deleting<S: Storage>(state: &AppState<S>, headers: &HeaderMap) -> Result<UserId, Refusal> {
    let refused = match caller(state, headers).await {
        Ok(caller) => return Ok(caller.user),
        Err(refused) => refused,
    };
    let token = bearer(headers).filter(|_| refused.code == ErrorCode::InvalidToken);
    let Some(token) = token else { return Err(refused) };
    let Ok(known) = state.auth.verify_token(token, state.now()).await else { return Err(refused) };
    match (state.auth.user(&known).await, state.service.profile(known.user).await) {
        (Err(AuthError::UserNotFound), Err(error)) if error.code() == ErrorCode::Forbidden => Ok(known.user),
        _ => Err(refused),
    }
}

/// The verses first: should the account not follow, its owner can still sign in and ask again.
async fn erase<S: Storage>(state: &AppState<S>, user: UserId) -> Result<Response, Refusal> {
    state.service.erase(user, state.now()).await?;
    let account_deleted = !state.auth.is_external();
    if account_deleted {
        state.auth.delete_user(user).await.map_err(|error| {
            tracing::error!(%error, "an account could not be deleted after its verses were");
            Refusal::new(ErrorCode::Unavailable, "the verses are deleted, the account is not yet: send the same again")
        })?;
    }
    // Devices that listen ask what is new, and learn it.
    state.hub.poke(user);
    state.service.storage().announce(user);
    tracing::info!("an account was deleted");
    let account_lives_at = elsewhere(state);
    let message = match (&account_lives_at, account_deleted) {
        (_, true) => "the account and everything in it are deleted".to_owned(),
        (Some(place), false) => format!("the verses are deleted; the account itself lives at {place}: delete it there"),
        (None, false) => {
            "the verses are deleted; the account itself lives on another server: delete it there".to_owned()
        }
    };
    written(&state.layers, &AccountDeleted { deleted: true, account_deleted, account_lives_at, message }).await
}
