//! Every answer that is no 2xx outside `/auth/v1`: problem details that also carry `error` and `code`.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use verses_protocol::{ErrorCode, Problem};

use super::rate::RateLimit;
use crate::service::ServiceError;
use crate::storage::StorageError;

/// A refusal on its way out.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    pub(crate) retry_after_seconds: Option<u64>,
    pub(crate) max_operations: Option<u32>,
    pub(crate) max_request_bytes: Option<u64>,
    pub(crate) rate: Option<RateLimit>,
}

impl Refusal {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let busy =
            matches!(code, ErrorCode::Unavailable | ErrorCode::DeadlineExceeded | ErrorCode::ProviderUnavailable);
        Self {
            code,
            message: message.into(),
            retry_after_seconds: busy.then_some(2),
            max_operations: None,
            max_request_bytes: None,
            rate: None,
        }
    }

    /// Too many units were asked of a bucket: when to come back.
    pub(crate) fn rate_limited(rate: RateLimit, seconds: u64, of_what: &str) -> Self {
        let text = format!("more than {} {of_what} a minute: wait {seconds} s and send the same again", rate.quota);
        Self { retry_after_seconds: Some(seconds), rate: Some(rate), ..Self::new(ErrorCode::RateLimited, text) }
    }

    /// The status that goes with a code.
    pub(crate) fn status(&self) -> StatusCode {
        match self.code {
            ErrorCode::MalformedRequest
            | ErrorCode::TooDeep
            | ErrorCode::DuplicateOperationId
            | ErrorCode::InvalidCursor => StatusCode::BAD_REQUEST,
            ErrorCode::InvalidToken => StatusCode::UNAUTHORIZED,
            ErrorCode::Forbidden => StatusCode::FORBIDDEN,
            ErrorCode::NotFound => StatusCode::NOT_FOUND,
            ErrorCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            ErrorCode::TooManyOperations | ErrorCode::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorCode::UnsupportedEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            ErrorCode::UpgradeRequired => StatusCode::UPGRADE_REQUIRED,
            ErrorCode::Unavailable | ErrorCode::ProviderUnavailable | ErrorCode::DeadlineExceeded => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            ErrorCode::Internal | ErrorCode::Unknown => StatusCode::INTERNAL_SERVER_ERROR,
            ErrorCode::ValidationFailed
            | ErrorCode::InvalidReference
            | ErrorCode::TextRequired
            | ErrorCode::UnknownVerse
            | ErrorCode::UnknownOperation
            | ErrorCode::OperationIdReused => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }
}

impl From<ServiceError> for Refusal {
    fn from(error: ServiceError) -> Self {
        let code = error.code();
        // What a database says of itself is for the operator, not for callers.
        let message = match &error {
            ServiceError::Storage(StorageError::Erased) => {
                "this account was deleted with everything in it: sign up for a new one".to_owned()
            }
            ServiceError::Storage(inner) => {
                tracing::error!(error = %inner, "the database failed");
                "the server's database does not answer: nothing was changed, try again".to_owned()
            }
            ServiceError::Request { .. } => error.to_string(),
        };
        Self::new(code, message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = self.status();
        let problem = Problem {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: self.message.clone(),
            error: self.message,
            code: self.code,
            retryable: self.code.is_retryable(),
            max_operations: self.max_operations,
            max_request_bytes: self.max_request_bytes,
        };
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        headers.extend(self.rate.iter().flat_map(RateLimit::headers));
        match self.code {
            ErrorCode::InvalidToken => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\""));
            }
            ErrorCode::UnsupportedEncoding => {
                let known = HeaderValue::from_static("gzip, zstd, identity");
                headers.insert(axum::http::header::ACCEPT_ENCODING, known);
            }
            _ => {}
        }
        response
    }
}
