//! The client's errors. Each says what to do next; none loses work: what was queued stays queued.

use batchsync::QueueFull;
use verses_core::{PassageError, Rejection};
use verses_store::StoreError;

use crate::transport::TransportError;

/// Why a call of the client did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ClientError {
    /// The local store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No answer from the server.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The server answered with an error that is about the request as a whole.
    #[error("the server said {status} ({code}): {message}")]
    Server {
        /// HTTP status.
        status: u16,
        /// Its code.
        code: String,
        /// Its text.
        message: String,
    },
    /// Something answered that is no Verses server: a captive portal, a proxy, another program.
    #[error(
        "{what} answered instead of the Verses server. If this is a hotel or train network, open its sign-in page in a browser first; else check the server's address"
    )]
    NotTheServer {
        /// What it looked like.
        what: String,
    },
    /// The server refused the credentials or the request to make an account.
    #[error("{message}")]
    Refused {
        /// Its code.
        code: String,
        /// Its text.
        message: String,
    },
    /// Nobody is signed in, or the session has ended.
    #[error("sign in first (verses login, or verses signup for a new account): your work is saved and waits")]
    SignInNeeded,
    /// The reference is not understood.
    #[error(transparent)]
    Passage(#[from] PassageError),
    /// The action is not possible; nothing was written.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The queue is full; nothing was written.
    #[error(transparent)]
    QueueFull(#[from] QueueFull),
    /// No such operation in the queue.
    #[error("no operation \"{id}\" in the queue: see `verses queue list`")]
    UnknownOperation {
        /// The id asked for.
        id: String,
    },
    /// The operation is in a state in which this cannot be done to it.
    #[error("{reason}")]
    NotNow {
        /// Which state, and what to do.
        reason: String,
    },
    /// Something stored by an earlier release, or damaged, cannot be read.
    #[error("{what} in the local store cannot be read: {reason}")]
    Unreadable {
        /// Which value.
        what: String,
        /// Why.
        reason: String,
    },
}

impl ClientError {
    /// Whether trying again, unchanged, may help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Store(e) => e.is_retryable(),
            Self::Transport(e) => e.is_retryable(),
            Self::Server { status, .. } => *status == 429 || *status >= 500,
            Self::NotTheServer { .. } => true,
            Self::Rejected(r) => r.code.is_retryable(),
            _ => false,
        }
    }

    /// Whether it means that there is no usable network now.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        match self {
            Self::Transport(e) => e.is_retryable(),
            Self::NotTheServer { .. } => true,
            Self::Server { status, .. } => matches!(status, 502..=504 | 520..=530),
            _ => false,
        }
    }

    /// A stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Store(_) => "store",
            Self::Transport(_) => "network",
            Self::Server { code, .. } | Self::Refused { code, .. } => code,
            Self::NotTheServer { .. } => "not_the_server",
            Self::SignInNeeded => "sign_in_needed",
            Self::Passage(_) => "invalid_reference",
            Self::Rejected(r) => r.code.as_str(),
            Self::QueueFull(_) => "queue_full",
            Self::UnknownOperation { .. } => "unknown_operation",
            Self::NotNow { .. } => "not_now",
            Self::Unreadable { .. } => "unreadable",
        }
    }
}
