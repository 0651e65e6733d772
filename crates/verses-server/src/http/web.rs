//! The web app over HTTP: which requests get a file, which get the page that everything begins with, and which get the
//! refusals of the interface. The files are in `web`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::VARY;
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use axum::response::{IntoResponse, Response};

use super::AppState;
use super::layers::RouteLabel;
use crate::web::{NO_WEB_APP, Place, WebApp, accepts_html};

/// Where the interface lives: what is not there is told to programs, not to people.
const INTERFACE: [&str; 8] = ["functions", "auth", "rest", "health", "ready", "metrics", "openapi.json", "texts"];

/// `GET /`
pub(super) async fn home<S>(State(state): State<Arc<AppState<S>>>, asked: HeaderMap) -> Response {
    let missing = match &state.layers.config.web {
        None => NO_WEB_APP,
        Some(app) => match app.index().await {
            Some(index) => return index.answer(&asked),
            None => "the web app's folder has no index.html: build it",
        },
    };
    let greeting = "Verses is running.\n\nIts interface is described at /openapi.json. From a terminal: verses --help";
    format!("{greeting}\n\nThere is no page here: {missing}.\n").into_response()
}

/// Everything that no route is for: files and pages of the app.
pub(super) async fn fallback<S>(
    State(state): State<Arc<AppState<S>>>,
    method: Method,
    uri: Uri,
    asked: HeaderMap,
) -> Response {
    let app = state.layers.config.web.as_ref().filter(|_| matches!(method, Method::GET | Method::HEAD));
    let found = match app {
        Some(app) => find(app, uri.path(), &asked).await,
        None => None,
    };
    match found {
        Some(response) => response,
        None => super::not_found(uri).await.into_response(),
    }
}

async fn find(app: &WebApp, path: &str, asked: &HeaderMap) -> Option<Response> {
    let place = Place::of(path).filter(|place| !INTERFACE.contains(&place.first()))?;
    if let Some(file) = app.file(&place).await {
        return Some(labelled(file.answer(asked), RouteLabel("app file")));
    }
    if !place.may_be_page() || !accepts_html(asked) {
        return None;
    }
    let mut page = app.index().await?.answer(asked);
    page.headers_mut().append(VARY, HeaderValue::from_static("Accept"));
    Some(labelled(page, RouteLabel("app page")))
}

fn labelled(mut response: Response, label: RouteLabel) -> Response {
    response.extensions_mut().insert(label);
    response
}
