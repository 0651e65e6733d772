//! Error codes and the body of every answer that is no 2xx (outside `/auth/v1`): RFC 9457 problem details that also
//! carry `error` (text for people, the source's convention) and `code`.

use serde::{Deserialize, Serialize};

/// Machine-readable codes, stable on the wire. A code this version does not know reads as [`ErrorCode::Unknown`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The body is no JSON of the expected shape.
    MalformedRequest,
    /// The JSON is nested too deep.
    TooDeep,
    /// Two operations of the batch have the same id.
    DuplicateOperationId,
    /// More operations than the server takes at once.
    TooManyOperations,
    /// The body is larger than the server takes.
    BodyTooLarge,
    /// Content-Encoding is not one the server knows.
    UnsupportedEncoding,
    /// The token is missing, wrong or expired.
    InvalidToken,
    /// The token's user may not do this.
    Forbidden,
    /// No such path.
    NotFound,
    /// The path does not take this method.
    MethodNotAllowed,
    /// Too many operations in a while.
    RateLimited,
    /// The server is busy or its database does not answer.
    Unavailable,
    /// The request took too long.
    DeadlineExceeded,
    /// A fault of the server.
    Internal,
    /// The client's protocol version is no longer, or not yet, accepted.
    UpgradeRequired,
    /// The cursor is malformed.
    InvalidCursor,
    /// A field has a wrong value.
    ValidationFailed,
    /// The reference is neither a passage nor accompanied by a text.
    InvalidReference,
    /// No text is available and none was supplied.
    TextRequired,
    /// The verse is not among the user's.
    UnknownVerse,
    /// The operation's type is not known.
    UnknownOperation,
    /// The id was used before with other content.
    OperationIdReused,
    /// The text's provider did not answer.
    ProviderUnavailable,
    /// Anything this version does not know.
    #[serde(other)]
    Unknown,
}

impl ErrorCode {
    /// The code on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MalformedRequest => "malformed_request",
            Self::TooDeep => "too_deep",
            Self::DuplicateOperationId => "duplicate_operation_id",
            Self::TooManyOperations => "too_many_operations",
            Self::BodyTooLarge => "body_too_large",
            Self::UnsupportedEncoding => "unsupported_encoding",
            Self::InvalidToken => "invalid_token",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Internal => "internal",
            Self::UpgradeRequired => "upgrade_required",
            Self::InvalidCursor => "invalid_cursor",
            Self::ValidationFailed => "validation_failed",
            Self::InvalidReference => "invalid_reference",
            Self::TextRequired => "text_required",
            Self::UnknownVerse => "unknown_verse",
            Self::UnknownOperation => "unknown_operation",
            Self::OperationIdReused => "operation_id_reused",
            Self::ProviderUnavailable => "provider_unavailable",
            Self::Unknown => "unknown",
        }
    }

    /// Whether the same request or operation may succeed later, unchanged.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::RateLimited | Self::Unavailable | Self::DeadlineExceeded | Self::Internal | Self::ProviderUnavailable
        )
    }
}

impl From<verses_core::RejectionCode> for ErrorCode {
    fn from(code: verses_core::RejectionCode) -> Self {
        use verses_core::RejectionCode as Code;
        match code {
            Code::ValidationFailed => Self::ValidationFailed,
            Code::InvalidReference => Self::InvalidReference,
            Code::TextRequired => Self::TextRequired,
            Code::UnknownVerse => Self::UnknownVerse,
            Code::UnknownOperation => Self::UnknownOperation,
            Code::OperationIdReused => Self::OperationIdReused,
            Code::ProviderUnavailable => Self::ProviderUnavailable,
        }
    }
}

/// Body of an error, `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Always `about:blank`: the code tells the class.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong and what to do next.
    pub detail: String,
    /// The same text under the name the source's clients read.
    pub error: String,
    /// Machine-readable class.
    pub code: ErrorCode,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// For `too_many_operations`: how many are taken at once.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_operations: Option<u32>,
    /// For `body_too_large`: how many decoded bytes are taken.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_request_bytes: Option<u64>,
}
