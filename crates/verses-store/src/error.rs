//! Errors of a local store. They answer what a caller must know: try again, make room, or stop.

/// A store that did not do its work. Nothing of the transaction was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The store has moved on since the revision the caller read.
    #[error("the store changed meanwhile: read again and decide again")]
    Conflict,
    /// The id is in the queue already.
    #[error("operation {0} is in the queue already")]
    DuplicateOperation(String),
    /// Another process holds the store for longer than the time allowed.
    #[error("the store is busy ({0}): try again")]
    Busy(String),
    /// No room left.
    #[error("no room left to write ({0}): free some space; what was there before is intact")]
    Full(String),
    /// The file is damaged.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// The file was written by a later release.
    #[error("the store has schema {found}, this release knows up to {known}: install the newer release")]
    NewerSchema {
        /// Schema of the file.
        found: u32,
        /// Newest schema known.
        known: u32,
    },
    /// A queued operation was written by a later release that knows more than this one. The row stays as it is.
    #[error(
        "operation {id} was queued by a later release (payload version {found}, this release knows up to {known}): install the newer release, or discard the operation"
    )]
    NewerPayload {
        /// The operation.
        id: String,
        /// Payload version of the row.
        found: u32,
        /// Newest version known.
        known: u32,
    },
    /// Anything else the backend says.
    #[error("the store failed: {0}")]
    Backend(String),
}

impl StoreError {
    /// Whether the same call may succeed when tried again, perhaps after reading again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Conflict | Self::Busy(_))
    }
}
