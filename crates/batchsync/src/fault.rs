//! What went wrong with a request, and what follows: signal -> class -> action, in one place.
//!
//! `classify` is pure and looks at status and machine code, never at text. The engine carries the action out.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::config::ServerLimits;
use crate::operation::OperationId;

/// What a transport saw when a request did not end in per-operation results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// The platform says there is no network. Nothing was sent.
    Offline,
    /// No connection: refused, unreachable, DNS, TLS handshake, or a connect timeout. Nothing was sent.
    ConnectFailed,
    /// The connection broke after sending began, or the answer was cut short.
    ConnectionLost,
    /// No byte moved either way for the transport's stall timeout.
    Stalled,
    /// The server answered with a status that is not a batch result.
    Http(Box<HttpFault>),
    /// An answer of the right status but not from the server: a captive portal's page, a proxy's text.
    UnexpectedBody,
    /// The application could not write the claims or the outcome; nothing was sent or nothing is known.
    Storage,
    /// The application called the request off. Its operations are due again at the next poll.
    Cancelled,
}

impl Signal {
    /// An HTTP status with nothing else known.
    #[must_use]
    pub fn status(status: u16) -> Self {
        HttpFault { status, ..HttpFault::default() }.into()
    }
}

impl From<HttpFault> for Signal {
    fn from(fault: HttpFault) -> Self {
        Self::Http(Box::new(fault))
    }
}

/// An HTTP answer that is no batch result.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HttpFault {
    /// The status.
    pub status: u16,
    /// The server's machine-readable code, if the body held one.
    pub code: Option<String>,
    /// Text for people, if the body held one.
    pub message: Option<String>,
    /// `Retry-After`, in milliseconds from now.
    pub retry_after_ms: Option<u64>,
    /// The operation the server blames, if it names one.
    pub operation: Option<OperationId>,
    /// For 403: whether the server took the request for one of the owner's. `None`: it did not say.
    pub session_matches: Option<bool>,
    /// Limits the server told with the refusal.
    pub limits: Option<ServerLimits>,
}

/// What `classify` must know of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultContext {
    /// Whether it went to the batch endpoint.
    pub to_batch_endpoint: bool,
    /// How many operations it carried.
    pub operations: usize,
    /// Whether the batch endpoint has answered properly before.
    pub batch_proven: bool,
}

/// The classes of faults of a whole request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultClass {
    /// No way to the server.
    Offline,
    /// The way broke while the request was on it, or ended at a stranger.
    Network,
    /// The server, or a gateway before it, is in trouble.
    Server,
    /// The server asks to wait.
    Throttled,
    /// More than the server takes at once.
    TooLarge,
    /// The token is missing, expired or refused.
    Auth,
    /// The token is not the owner's.
    Session,
    /// The one operation in the request is forbidden to its owner.
    ForbiddenOperation,
    /// There is no batch endpoint, or it takes no batches.
    BatchUnsupported,
    /// Something in the batch is refused, and the server does not say what.
    BatchShape,
    /// The one operation in the request, or the one it names, is refused.
    InvalidOperation,
    /// The server no longer speaks to this version.
    Upgrade,
    /// The local store failed.
    Storage,
    /// Called off by the application.
    Cancelled,
}

/// What the engine does about a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultAction {
    /// Mark offline; try again after a backoff or when the network is back.
    WaitForNetwork,
    /// Try again after a backoff.
    BackOff,
    /// Send less at once, after a backoff.
    ShrinkAndBackOff,
    /// Wait as long as the server says.
    WaitAsTold,
    /// Split, remember the ceiling, set a single operation aside.
    Split,
    /// Pause the owner's queue and ask for a session once.
    PauseForSession,
    /// Set the operation aside, go on with the others.
    SetAside,
    /// Send individually, try the batch endpoint again later.
    SendIndividually,
    /// Split until the one operation at fault is found.
    Bisect,
    /// Pause the whole queue, visibly.
    PauseForUpgrade,
    /// Back to pending, nothing else.
    Release,
}

impl FaultClass {
    /// What the engine does.
    #[must_use]
    pub fn action(self) -> FaultAction {
        match self {
            Self::Offline => FaultAction::WaitForNetwork,
            Self::Network | Self::Storage => FaultAction::BackOff,
            Self::Server => FaultAction::ShrinkAndBackOff,
            Self::Throttled => FaultAction::WaitAsTold,
            Self::TooLarge => FaultAction::Split,
            Self::Auth | Self::Session => FaultAction::PauseForSession,
            Self::ForbiddenOperation | Self::InvalidOperation => FaultAction::SetAside,
            Self::BatchUnsupported => FaultAction::SendIndividually,
            Self::BatchShape => FaultAction::Bisect,
            Self::Upgrade => FaultAction::PauseForUpgrade,
            Self::Cancelled => FaultAction::Release,
        }
    }

    /// Whether the same operations may succeed later without anyone changing them.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        !matches!(self, Self::ForbiddenOperation | Self::InvalidOperation)
    }

    /// Whether it is counted as a network error in summaries.
    #[must_use]
    pub fn is_network_error(self) -> bool {
        matches!(self, Self::Offline | Self::Network | Self::Server | Self::Throttled)
    }

    /// Whether it is counted as a validation error in summaries.
    #[must_use]
    pub fn is_validation_error(self) -> bool {
        matches!(self, Self::ForbiddenOperation | Self::InvalidOperation | Self::BatchShape)
    }

    /// The fault as one of the four errors an application tells its users about; `None` where there is nothing to tell.
    #[must_use]
    pub fn sync_error(self, message: impl Into<String>) -> Option<SyncError> {
        let message = message.into();
        match self {
            Self::Offline | Self::Network | Self::Server | Self::Throttled | Self::Storage => {
                Some(SyncError::NetworkError { message })
            }
            Self::TooLarge | Self::InvalidOperation | Self::ForbiddenOperation | Self::BatchShape => {
                Some(SyncError::ValidationError { message })
            }
            Self::Auth | Self::Session => Some(SyncError::SecurityError { message }),
            Self::BatchUnsupported | Self::Upgrade | Self::Cancelled => None,
        }
    }
}

/// The errors an application distinguishes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SyncError {
    /// The network or the server failed: the whole batch is sent again, with the same ids.
    #[error("network error: {message}; it is tried again by itself")]
    NetworkError {
        /// What happened.
        message: String,
    },
    /// The server refused an operation: it waits in the inbox, the others go on.
    #[error("validation error: {message}; correct or discard the operation")]
    ValidationError {
        /// What is wrong.
        message: String,
    },
    /// The server had it already. Expected, and a success.
    #[error("already there: {message}")]
    DuplicateError {
        /// What was there.
        message: String,
    },
    /// The session is missing, expired or another's: sign in again; nothing is lost.
    #[error("security error: {message}; sign in again")]
    SecurityError {
        /// What was refused.
        message: String,
    },
}

impl SyncError {
    /// Whether the same operations may succeed later without anyone changing them.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::NetworkError { .. } | Self::SecurityError { .. })
    }
}

/// Classes a signal. The table of the rules is the test of this function.
#[must_use]
pub fn classify(signal: &Signal, context: &FaultContext) -> FaultClass {
    match signal {
        Signal::Offline | Signal::ConnectFailed => FaultClass::Offline,
        Signal::ConnectionLost | Signal::UnexpectedBody => FaultClass::Network,
        Signal::Stalled => FaultClass::Server,
        Signal::Storage => FaultClass::Storage,
        Signal::Cancelled => FaultClass::Cancelled,
        Signal::Http(fault) => classify_http(fault, context),
    }
}

fn classify_http(fault: &HttpFault, context: &FaultContext) -> FaultClass {
    match fault.code.as_deref() {
        Some("upgrade_required") => return FaultClass::Upgrade,
        Some("body_too_large" | "too_many_operations" | "payload_too_large") => return FaultClass::TooLarge,
        _ => {}
    }
    match fault.status {
        // A redirect or an answer that does not parse comes from a portal; 407 and 511 say so.
        0..=399 | 407 | 511 => FaultClass::Network,
        401 => FaultClass::Auth,
        403 => classify_forbidden(fault, context),
        404 | 405 | 410 | 501 => classify_missing_route(fault, context),
        408 | 421 | 425 => FaultClass::Server,
        413 | 546 => FaultClass::TooLarge,
        426 => FaultClass::Upgrade,
        429 => FaultClass::Throttled,
        400..=499 => classify_refused(fault, context),
        // Statuses nobody has defined are a server in trouble too: they are tried again, never set aside.
        _ if fault.retry_after_ms.is_some() => FaultClass::Throttled,
        _ => FaultClass::Server,
    }
}

fn classify_forbidden(fault: &HttpFault, context: &FaultContext) -> FaultClass {
    match fault.session_matches {
        Some(true) if fault.operation.is_some() || context.operations <= 1 => FaultClass::ForbiddenOperation,
        Some(true) => FaultClass::BatchShape,
        Some(false) | None => FaultClass::Session,
    }
}

fn classify_missing_route(fault: &HttpFault, context: &FaultContext) -> FaultClass {
    if context.to_batch_endpoint {
        FaultClass::BatchUnsupported
    } else if fault.code.is_some() {
        // A server that gives a code has looked at the operation.
        FaultClass::InvalidOperation
    } else {
        FaultClass::Server
    }
}

fn classify_refused(fault: &HttpFault, context: &FaultContext) -> FaultClass {
    if fault.operation.is_some() {
        FaultClass::InvalidOperation
    } else if context.to_batch_endpoint && !context.batch_proven {
        // The endpoint never took a batch: more likely it knows none than that this one is bad.
        FaultClass::BatchUnsupported
    } else if context.operations > 1 {
        FaultClass::BatchShape
    } else {
        FaultClass::InvalidOperation
    }
}
