//! The queue of a damaged file: what can still be read of it, without SQLite's help and without touching the file.

mod pages;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use verses_core::OperationKind;
use verses_store::{QueuedOperation, StoreError};

use self::pages::{Pages, Record, Source};
use crate::aside::{content, with_suffix};
use crate::fault::Fault;
use crate::log::{self, Log};
use crate::{migrate, rows};

/// The columns of a queue row since its second layout, but for the checksum, which came later.
const COLUMNS: usize = 15;

/// What could be read of a queue.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SalvagedQueue {
    /// The operations, by position. If the queue is not whole, some of them may have been settled before: sent again,
    /// they are told apart by their ids.
    pub operations: Vec<QueuedOperation>,
    /// What was found and cannot be read, for people, one text per row.
    pub unreadable: Vec<String>,
    /// All of the queue was found. Otherwise there may have been more that left no trace.
    pub is_whole: bool,
}

/// Reads the queue of a database that does not open, or that SQLite calls damaged. It looks at the file and its log as
/// bytes: first on the way through the table, and where that is broken at every page that may hold rows of the queue.
/// Nothing is written.
///
/// # Errors
/// [`StoreError::Backend`] if the file cannot be read at all.
pub fn salvage_queue(path: &Path) -> Result<SalvagedQueue, StoreError> {
    let unreadable = |error| StoreError::Backend(format!("{} cannot be read: {error}", path.display()));
    let missing = || StoreError::Backend(format!("{}: there is no such file", path.display()));
    let file = content(path).map_err(unreadable)?.ok_or_else(missing)?;
    let log = content(&with_suffix(path, "-wal")).map_err(unreadable)?.unwrap_or_default();
    from_bytes(&file, &log).map_err(|fault| fault.into_store_error(&path.display().to_string()))
}

/// The same from the contents of a file and of its log.
pub(crate) fn from_bytes(file: &[u8], log: &[u8]) -> Result<SalvagedQueue, Fault> {
    let log = log::read(log);
    // More than SQLite would take: what a power cut left in part is no damage there, and cannot be told from it here.
    let is_log_whole = log.behind.is_empty();
    let pages = Pages::new(Source::Bytes(file), log);
    let walk = pages.table("sync_queue");
    let mut found = Found::new()?;
    for record in &walk.records {
        found.take(record)?;
    }
    let is_whole = walk.is_whole && is_log_whole && walk.unreadable == 0;
    if !is_whole {
        let all = pages.all();
        // Pages that were given up may still hold rows of operations that were settled since.
        let settled: BTreeSet<&str> = all.iter().filter_map(settled).collect();
        for record in &all {
            if id(record).is_none_or(|id| !settled.contains(id)) {
                found.take(record)?;
            }
        }
    }
    found.read(is_whole, walk.unreadable)
}

/// Whether a log is of another file than the one it lies beside: both hold the name that a file is given when it is made.
/// Where the power went while the log was moved into the file, pages of it are torn; the one with the name is not, because
/// it is written only once.
pub(crate) fn is_log_of_another(file: &File, log: Log<'_>) -> bool {
    let pages = Pages::new(Source::File(file), Log::default());
    let own = pages.table("home").records.iter().find_map(|record| name(record, 0));
    // A file whose name is still in the log alone has none yet.
    let Some(own) = own else {
        return false;
    };
    let pages = Pages::new(Source::File(file), log);
    pages.table("store_state").records.iter().find_map(|record| name(record, 3)).is_some_and(|name| name != own)
}

/// The name of a file in a column of a row.
fn name(record: &Record, column: usize) -> Option<String> {
    match record.columns.get(column)? {
        Value::Text(name) if name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            Some(name.clone())
        }
        _ => None,
    }
}

/// The operation a line of the journal is about.
fn settled(record: &Record) -> Option<&str> {
    use Value::{Integer, Null, Text};
    match record.columns.as_slice() {
        [Null, Text(id), Text(_), Text(kind), Text(_), Integer(_), Integer(_), Integer(_)] if is_kind(kind) => Some(id),
        _ => None,
    }
}

/// The id of a queue row; none if the record is none.
fn id(record: &Record) -> Option<&str> {
    use Value::Text;
    match record.columns.as_slice() {
        [Value::Null, Text(id), Text(kind), ..]
            if matches!(record.columns.len(), COLUMNS | 16) && is_kind(kind) && !id.is_empty() =>
        {
            Some(id)
        }
        _ => None,
    }
}

fn is_kind(name: &str) -> bool {
    OperationKind::ALL.into_iter().any(|kind| kind.as_str() == name)
}

/// Rows on their way to operations, through a queue in memory: they are read by the statements that read every queue.
struct Found {
    connection: Connection,
    nameless: u64,
}

impl Found {
    fn new() -> Result<Self, Fault> {
        let mut connection = Connection::open_in_memory()?;
        migrate::to_present(&mut connection)?;
        Ok(Self { connection, nameless: 0 })
    }

    /// Keeps a row of the queue, unless one with its id or position is there.
    fn take(&mut self, record: &Record) -> Result<(), Fault> {
        if id(record).is_none() {
            return Ok(());
        }
        let columns = format!("{}, {}", rows::META_COLUMNS, rows::REST_COLUMNS);
        let sql = format!(
            "INSERT OR IGNORE INTO sync_queue ({columns}) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)"
        );
        let mut values = record.columns.clone();
        values[0] = Value::Integer(record.key);
        values.resize(16, Value::Null);
        let mut statement = self.connection.prepare_cached(&sql)?;
        // A value no column takes is damage like any other.
        if statement.execute(params_from_iter(values)).is_err() {
            self.nameless += 1;
        }
        Ok(())
    }

    fn read(self, is_whole: bool, unreadable: u64) -> Result<SalvagedQueue, Fault> {
        let columns = format!("{}, {}", rows::META_COLUMNS, rows::REST_COLUMNS);
        let mut statement = self.connection.prepare(&format!("SELECT {columns} FROM sync_queue ORDER BY position"))?;
        let mut queue = SalvagedQueue { is_whole, ..SalvagedQueue::default() };
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            match rows::queued(row) {
                Ok(operation) => queue.operations.push(operation),
                Err(Fault::Row { row, reason }) => queue.unreadable.push(format!("{row}: {reason}")),
                Err(Fault::Store(error)) => queue.unreadable.push(error.to_string()),
                Err(Fault::Sql(error)) => queue.unreadable.push(format!("a row of the queue: {error}")),
            }
        }
        let nameless = self.nameless + unreadable;
        if nameless > 0 {
            queue.unreadable.push(format!("{nameless} more of which nothing can be read"));
        }
        Ok(queue)
    }
}
