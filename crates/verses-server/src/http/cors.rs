//! CORS: which web origins may call from a browser. The same on every path and on every answer, errors included.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{HeaderName, ORIGIN, VARY};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::layers::Layers;

/// Answers preflights and puts the CORS headers on every answer, errors included.
pub(crate) async fn cors(State(shared): State<Arc<Layers>>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(ORIGIN).cloned();
    let mut response = if request.method() == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(allowed) = allowed_origin(&shared.config.allowed_origins, origin.as_ref()) {
        for (name, value) in [
            ("access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS"),
            (
                "access-control-allow-headers",
                "authorization, apikey, content-type, content-encoding, x-client-info, x-supabase-api-version, x-region, \
                 x-retry-count, idempotency-key, prefer, accept-profile, content-profile, range, range-unit, x-upsert, \
                 traceparent, tracestate, baggage, x-request-id, verses-protocol",
            ),
            ("access-control-max-age", "7200"),
            (
                "access-control-expose-headers",
                "x-supabase-api-version, x-sb-error-code, sb-error-code, x-relay-error, retry-after, ratelimit, \
                 ratelimit-policy, x-request-id, date, content-disposition",
            ),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers.insert(HeaderName::from_static("access-control-allow-origin"), allowed);
    }
    response
}

fn allowed_origin(allowed: &[String], origin: Option<&HeaderValue>) -> Option<HeaderValue> {
    if allowed.iter().any(|a| a == "*") {
        return Some(HeaderValue::from_static("*"));
    }
    let origin = origin?;
    allowed.iter().any(|a| a.as_bytes() == origin.as_bytes()).then(|| origin.clone())
}
