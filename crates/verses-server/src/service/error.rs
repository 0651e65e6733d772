//! What the service answers when it cannot answer: the database, or a request that is wrong as a whole.

use verses_protocol::ErrorCode;

use crate::storage::StorageError;

/// Why a request as a whole was not processed. Nothing of it took effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// The database. The text is for operators, not for users.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The request.
    #[error("{message}")]
    Request {
        /// Class.
        code: ErrorCode,
        /// Names the input at fault and what to do next.
        message: String,
    },
}

impl ServiceError {
    pub(crate) fn request(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::Request { code, message: message.into() }
    }

    /// The code on the wire.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Storage(StorageError::Unavailable(_)) => ErrorCode::Unavailable,
            Self::Storage(StorageError::Failed(_)) => ErrorCode::Internal,
            Self::Storage(StorageError::Erased) => ErrorCode::Forbidden,
            Self::Request { code, .. } => *code,
        }
    }

    /// Whether the same request may succeed later. Every fault of the database counts: a full disk is emptied and a
    /// bug is fixed, and what the client holds must not be given up for it.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.code().is_retryable()
    }
}
