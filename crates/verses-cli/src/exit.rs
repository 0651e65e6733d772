//! How a command ends: the exit code, and the one error type the binary prints. Nothing is printed here.

use verses_client::ClientError;

/// The exit codes; part of the command's interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// 0
    Done,
    /// 1
    Error,
    /// 2
    Usage,
    /// 3: done, but some operations are in the inbox
    SomeFailed,
    /// 4
    SignInNeeded,
    /// 5: the work is saved and queued
    Offline,
}

impl ExitStatus {
    /// The code for the operating system.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Error => 1,
            Self::Usage => 2,
            Self::SomeFailed => 3,
            Self::SignInNeeded => 4,
            Self::Offline => 5,
        }
    }
}

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The client says so.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The command line, or the input it names, is wrong.
    #[error("{0}")]
    Usage(String),
    /// The store is damaged; the text names it and its copy, and says what to do.
    #[error("{0}")]
    Damaged(String),
    /// Anything else, with what was being done.
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

impl From<verses_store::StoreError> for CliError {
    fn from(error: verses_store::StoreError) -> Self {
        Self::Client(error.into())
    }
}

impl From<verses_core::PassageError> for CliError {
    fn from(error: verses_core::PassageError) -> Self {
        Self::Client(error.into())
    }
}

impl CliError {
    /// The exit code it stands for.
    #[must_use]
    pub fn status(&self) -> ExitStatus {
        match self {
            Self::Client(ClientError::SignInNeeded) => ExitStatus::SignInNeeded,
            Self::Client(ClientError::Passage(_)) | Self::Usage(_) => ExitStatus::Usage,
            Self::Client(error) if error.is_offline() => ExitStatus::Offline,
            Self::Client(_) | Self::Damaged(_) | Self::Other(_) => ExitStatus::Error,
        }
    }

    /// A stable code for `--json`.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Client(error) => error.code(),
            Self::Usage(_) => "usage",
            Self::Damaged(_) => "store",
            Self::Other(_) => "error",
        }
    }
}
