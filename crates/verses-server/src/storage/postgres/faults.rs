//! What the driver's and the pool's errors mean for a request: worth trying again or not, and whether at once. Texts name
//! no value of a row: those belong to users.

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

use crate::storage::StorageError;

/// An error of the database, and whether the same transaction may be begun again at once.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) error: StorageError,
    /// The database gave the transaction up for reasons that are over, or the connection was a dead one.
    pub(super) at_once: bool,
    /// A key was there already.
    pub(super) key_taken: bool,
}

impl Fault {
    pub(super) fn unavailable(what: impl Into<String>) -> Self {
        Self { error: StorageError::Unavailable(what.into()), at_once: false, key_taken: false }
    }

    /// Whether a later try meets the same error.
    pub(super) fn stays(code: &SqlState) -> bool {
        !is_passing(code)
    }

    pub(super) fn failed(what: impl Into<String>) -> Self {
        Self { error: StorageError::Failed(what.into()), at_once: false, key_taken: false }
    }
}

impl From<StorageError> for Fault {
    fn from(error: StorageError) -> Self {
        Self { error, at_once: false, key_taken: false }
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(of_database) = error.as_db_error() else {
            // Closed, reset, or not understood: the connection is given up in any case.
            let at_once = error.is_closed();
            return Self { error: StorageError::Unavailable(told(&error)), at_once, key_taken: false };
        };
        let code = of_database.code();
        let text = format!("{} ({})", of_database.message(), code.code());
        let error = if is_passing(code) {
            StorageError::Unavailable(text)
        } else if *code == SqlState::INVALID_SQL_STATEMENT_NAME || *code == SqlState::DUPLICATE_PSTATEMENT {
            let hint = "a pooler that knows no prepared statements? Then switch them off with --database-no-prepare";
            StorageError::Failed(format!("{text}: {hint}"))
        } else {
            StorageError::Failed(text)
        };
        let given_up = [
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::ADMIN_SHUTDOWN,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        ];
        Self { error, at_once: given_up.contains(code), key_taken: *code == SqlState::UNIQUE_VIOLATION }
    }
}

/// Classes of SQLSTATE that a later try may not meet: connections (08), transactions given up (40), resources (53, a full
/// disk among them), operator intervention (57, timeouts among them), locks, input and output of the system (58), and a
/// server that has become a read-only standby.
fn is_passing(code: &SqlState) -> bool {
    let class = code.code().get(..2).unwrap_or_default();
    matches!(class, "08" | "40" | "53" | "57" | "58")
        || *code == SqlState::LOCK_NOT_AVAILABLE
        || *code == SqlState::READ_ONLY_SQL_TRANSACTION
}

impl From<PoolError> for Fault {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => Self::from(error),
            PoolError::Timeout(_) => Self::unavailable("no connection was free in time"),
            PoolError::PostCreateHook(error) => {
                Self::unavailable(format!("a connection could not be prepared: {error}"))
            }
            PoolError::Closed | PoolError::NoRuntimeSpecified => Self::failed(error.to_string()),
        }
    }
}

/// The error with its causes.
pub(super) fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let next_text = next.to_string();
        if !text.contains(&next_text) {
            text = format!("{text}: {next_text}");
        }
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_from_what_stays() {
        for passing in
            ["08006", "40001", "40P01", "53100", "53200", "53300", "55P03", "57014", "57P01", "57P03", "25006"]
        {
            assert!(is_passing(&SqlState::from_code(passing)), "{passing}");
        }
        for staying in ["23505", "42501", "42P01", "22021", "22P02", "25P02", "XX001", "28P01"] {
            assert!(!is_passing(&SqlState::from_code(staying)), "{staying}");
        }
    }
}
