//! From what SQLite says to what a caller must know. Messages name the file and what to do next.

use std::fmt::Display;

use rusqlite::ErrorCode;
use verses_store::StoreError;

/// Why a piece of work on the database stopped.
#[derive(Debug)]
pub(crate) enum Fault {
    /// SQLite's own error.
    Sql(rusqlite::Error),
    /// Decided here already.
    Store(StoreError),
    /// A row holds what no release ever wrote.
    Row {
        /// Which, for people.
        row: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Fault {
    /// A row that cannot be read; `row` names it.
    pub(crate) fn row(row: impl Into<String>, reason: impl Display) -> Self {
        Self::Row { row: row.into(), reason: reason.to_string() }
    }

    /// The error for the caller; `file` is the database's name for people.
    pub(crate) fn into_store_error(self, file: &str) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Row { row, reason } => corrupt(file, &format!("{row}: {reason}")),
            Self::Sql(error) => from_sql(&error, file),
        }
    }
}

/// The one text for damaged files.
pub(crate) fn corrupt(file: &str, reason: &str) -> StoreError {
    StoreError::Corrupt(format!(
        "{file}: {reason}. Keep a copy of the file and of its -wal neighbour, then move both aside and start again: what \
         the server has comes back with the next sync"
    ))
}

fn from_sql(error: &rusqlite::Error, file: &str) -> StoreError {
    let text = format!("{file}: {error}");
    let failure = match error {
        rusqlite::Error::SqliteFailure(failure, _) => failure,
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::Utf8Error(..) => return corrupt(file, &error.to_string()),
        // The statements are the release's own and the schema is known: a part of it that is missing was there once.
        rusqlite::Error::SqlInputError { msg, .. } if msg.starts_with("no such") => return corrupt(file, msg),
        _ => return StoreError::Backend(text),
    };
    match failure.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
            StoreError::Busy(format!("{file} is in use by another process"))
        }
        ErrorCode::DiskFull => StoreError::Full(text),
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => corrupt(file, &error.to_string()),
        ErrorCode::ReadOnly => StoreError::Backend(format!(
            "{file} cannot be written: give yourself write permission to it and its folder"
        )),
        ErrorCode::CannotOpen => StoreError::Backend(format!(
            "{file} cannot be opened: check that its folder exists, is a folder, is yours to write, and that the disk has room"
        )),
        // The shared index of the log is a file too, and growing it is the one write SQLite does not report as full.
        ErrorCode::SystemIoFailure if failure.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE => {
            StoreError::Full(text)
        }
        _ => StoreError::Backend(text),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    fn of(code: i32) -> StoreError {
        let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
        Fault::from(error).into_store_error("/home/anna/verses.db")
    }

    #[test]
    fn each_code_of_sqlite_tells_the_caller_what_to_do() {
        for code in [ffi::SQLITE_BUSY, ffi::SQLITE_BUSY_SNAPSHOT, ffi::SQLITE_LOCKED] {
            assert!(matches!(of(code), StoreError::Busy(_)) && of(code).is_retryable(), "{code}");
        }
        for code in [ffi::SQLITE_FULL, ffi::SQLITE_IOERR_SHMSIZE] {
            assert!(matches!(of(code), StoreError::Full(_)) && !of(code).is_retryable(), "{code}");
        }
        for code in [ffi::SQLITE_CORRUPT, ffi::SQLITE_CORRUPT_INDEX, ffi::SQLITE_NOTADB] {
            assert!(matches!(of(code), StoreError::Corrupt(_)), "{code}");
        }
        for code in [ffi::SQLITE_READONLY, ffi::SQLITE_READONLY_DBMOVED, ffi::SQLITE_CANTOPEN, ffi::SQLITE_IOERR_READ] {
            assert!(matches!(of(code), StoreError::Backend(_)), "{code}");
        }
    }

    #[test]
    fn messages_name_the_file_and_the_next_step() {
        for (code, next) in [
            (ffi::SQLITE_CORRUPT, "move both aside"),
            (ffi::SQLITE_READONLY, "write permission"),
            (ffi::SQLITE_FULL, "free some space"),
            (ffi::SQLITE_BUSY, "try again"),
            (ffi::SQLITE_CANTOPEN, "check that its folder"),
        ] {
            let text = of(code).to_string();
            assert!(text.contains("/home/anna/verses.db") && text.contains(next), "{text}");
        }
    }
}
