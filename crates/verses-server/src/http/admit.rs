//! Who may ask now: requests that are being answered have a number, in total and for one address. More than that is told
//! to come back, before any work is done.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use verses_protocol::ErrorCode;
use verses_protocol::auth::AUTH_PATH;

use super::layers::Layers;
use super::metrics::Limit;
use super::problem::Refusal;
use crate::address::Caller;
use crate::auth::AuthError;
use crate::config::ServerConfig;
use crate::counted::Counted;

/// How many requests may be answered at once.
#[derive(Debug)]
pub(crate) struct Admission {
    all: Semaphore,
    by_caller: Counted<Caller>,
}

impl Admission {
    pub(super) fn new(config: &ServerConfig) -> Self {
        let most = config.max_requests_in_flight;
        Self { all: Semaphore::new(most as usize), by_caller: Counted::new((most / 4).max(1)) }
    }
}

/// Lets a request in, or sends it away with 503.
pub(crate) async fn admit(State(shared): State<Arc<Layers>>, request: Request, next: Next) -> Response {
    let caller = request.extensions().get::<Caller>().copied();
    let place = caller.map(|caller| shared.admission.by_caller.enter(caller));
    let (Ok(_permit), None | Some(Some(_))) = (shared.admission.all.try_acquire(), &place) else {
        shared.metrics.limited(Limit::InFlight);
        if request.uri().path().starts_with(AUTH_PATH) {
            return AuthError::Busy.into_response();
        }
        let text = "the server has too many requests at the moment: send the same again";
        return Refusal::new(ErrorCode::Unavailable, text).into_response();
    };
    next.run(request).await
}
