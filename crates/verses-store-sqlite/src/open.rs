//! Opening the file: folder and permissions, what the file is, settings of a connection. Schema steps are in `migrate`.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::thread;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags};
use verses_store::StoreError;

use crate::aside::{content, with_suffix};
use crate::fault::{Fault, corrupt};
use crate::salvage::is_log_of_another;
use crate::{log, migrate};

/// Marks the file as a home of Verses: "VRSS".
pub(crate) const APPLICATION_ID: i32 = 0x5652_5353;

/// How long a process waits for another one's transaction.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Every SQLite file begins with this.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// A journal that SQLite will roll back begins with this.
const JOURNAL_MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

/// Statements kept prepared per connection; more than there are.
const STATEMENTS: usize = 96;

/// The log file is cut back to this many bytes once its content is in the database.
const LOG_BYTES: i64 = 4 << 20;

/// Turning the log on needs the file for itself for a moment, and SQLite does not wait for that on its own.
const LOG_ATTEMPTS: u32 = 250;
const LOG_PAUSE: Duration = Duration::from_millis(20);

/// How often a log must look damaged in a row to be.
const LOG_LOOKS: u32 = 5;
const LOOK_PAUSE: Duration = Duration::from_millis(4);

/// Makes a folder and its parents for this user alone; leaves one that is there as it is.
pub(crate) fn create_private_dir(dir: &Path) -> Result<(), StoreError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let missing: Vec<&Path> = dir.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists()).collect();
    builder.create(dir).map_err(|error| {
        StoreError::Backend(format!("folder {} cannot be made: {error}: name a folder that can", dir.display()))
    })?;
    missing.into_iter().for_each(sync_entry);
    Ok(())
}

/// A new name is on the disk when its folder is. SQLite syncs the folder of its own files, but not the folders above.
/// Where a folder cannot be synced, the file system has to look after that itself.
pub(crate) fn sync_entry(path: &Path) {
    #[cfg(unix)]
    {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let _ = File::open(parent).and_then(|parent| parent.sync_all());
    }
    #[cfg(not(unix))]
    let _ = path;
}

/// Files made with these options are for this user alone.
pub(crate) fn private_mode(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    #[cfg(not(unix))]
    let _ = options;
}

/// Makes the file if there is none: SQLite would make it readable by others. Its neighbours get its permissions.
pub(crate) fn create_private_file(path: &Path) -> Result<(), StoreError> {
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        create_private_dir(dir)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    private_mode(&mut options);
    match options.open(path) {
        Ok(_) => {
            sync_entry(path);
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == ErrorKind::StorageFull => {
            Err(StoreError::Full(format!("{}: {error}", path.display())))
        }
        Err(error) => Err(StoreError::Backend(format!("{} cannot be made: {error}", path.display()))),
    }
}

/// Refuses what is no SQLite file before SQLite touches it. An empty file is a new database, and a file with a journal
/// beside it is what SQLite makes of both: the power may have gone while its first page was written.
pub(crate) fn check_header(path: &Path) -> Result<(), StoreError> {
    let name = path.display().to_string();
    let unreadable = |error| StoreError::Backend(format!("{name} cannot be read: {error}: check its permissions"));
    if path.is_dir() {
        return Err(StoreError::Backend(format!("{name} is a folder: name the file in it")));
    }
    let len = |path: &Path| fs::metadata(path).map(|data| data.len());
    let head = head_of(path, MAGIC.len()).map_err(unreadable)?;
    let journal = head_of(&with_suffix(path, "-journal"), JOURNAL_MAGIC.len());
    if head.is_empty() || journal.is_ok_and(|head| head == JOURNAL_MAGIC) {
        return Ok(());
    }
    if head != MAGIC {
        return Err(corrupt(&name, "this is not a database of Verses"));
    }
    // SQLite would read what is missing of the last page as zeros. With a log, the page may be in there.
    let has_log = len(&with_suffix(path, "-wal")).is_ok_and(|len| len > 0);
    if !has_log && !len(path).map_err(unreadable)?.is_multiple_of(log::PAGE as u64) {
        return Err(corrupt(&name, "it was cut short"));
    }
    Ok(())
}

/// The first `len` bytes, or as many as there are.
fn head_of(path: &Path, len: usize) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path)?.take(len as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Refuses a log that is damaged in the middle, or of another file: SQLite would go on without the transactions behind the
/// damage, or put the pages of both together. A log that ends in the middle of a transaction is left by a power cut.
pub(crate) fn check_log(path: &Path) -> Result<(), StoreError> {
    let name = path.display().to_string();
    let unreadable = |error| StoreError::Backend(format!("{name} cannot be read: {error}: check its permissions"));
    let mut reason = "";
    for _ in 0..LOG_LOOKS {
        let Some(bytes) = content(&with_suffix(path, "-wal")).map_err(unreadable)? else {
            return Ok(());
        };
        let log = log::read(&bytes);
        if log.is_damaged() {
            reason = "its log is damaged, and committed changes in it cannot be reached";
        } else if !log.pages.is_empty() && is_log_of_another(&File::open(path).map_err(unreadable)?, log) {
            reason = "the log beside it belongs to another file";
        } else {
            return Ok(());
        }
        // Another process may be writing it: then the next look shows something else.
        thread::sleep(LOOK_PAUSE);
    }
    Err(corrupt(&name, reason))
}

/// Opens a connection that reads and writes a file that is there. It leaves the log as it is when it closes.
pub(crate) fn connect(path: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    // A file that turns out to be damaged stays as it was found.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    configure(&connection)?;
    if connection.is_readonly(MAIN_DB)? {
        let error = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_READONLY);
        return Err(rusqlite::Error::SqliteFailure(error, None).into());
    }
    Ok(connection)
}

/// Opens a connection for small reads that never waits.
pub(crate) fn connect_nearby(path: &Path) -> Result<Connection, Fault> {
    let connection = connect(path)?;
    connection.busy_timeout(Duration::ZERO)?;
    Ok(connection)
}

/// Lets the log be moved into the database when this connection is the last one to close.
pub(crate) fn tidy_at_close(connection: &Connection) -> Result<(), Fault> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    Ok(())
}

/// Opens the writing connection: checks whose file it is, turns the log on, brings the schema up to date.
pub(crate) fn connect_writer(path: &Path) -> Result<Connection, Fault> {
    let mut connection = connect(path)?;
    check_application(&connection, &path.display().to_string())?;
    turn_log_on(&connection)?;
    migrate::to_present(&mut connection)?;
    Ok(connection)
}

/// Settings of every connection.
pub(crate) fn configure(connection: &Connection) -> Result<(), Fault> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Full: a commit that returned is on the disk, whatever happens to the power. On macOS that needs one word more.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
    Ok(())
}

/// A file of another application is not ours to migrate.
fn check_application(connection: &Connection, name: &str) -> Result<(), Fault> {
    // One transaction: another process may be making the tables right now, all of them at once.
    let snapshot = connection.unchecked_transaction()?;
    let application: i32 = snapshot.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = snapshot.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application == APPLICATION_ID || (application == 0 && tables == 0) {
        return Ok(());
    }
    Err(corrupt(name, "this database belongs to another application").into())
}

fn turn_log_on(connection: &Connection) -> Result<(), Fault> {
    let mut attempt = 0;
    loop {
        match set_journal_mode(connection) {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                let text =
                    format!("this file system allows no write-ahead log (SQLite offers \"{mode}\"): use a local disk");
                return Err(StoreError::Backend(text).into());
            }
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && attempt < LOG_ATTEMPTS => {
                attempt += 1;
                thread::sleep(LOG_PAUSE);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Asks for the log and returns what SQLite offers. Runs the statement to its end: it commits there, after it has given
/// the new mode, and without that commit the file would stay without a log, in which a power cut loses commits.
fn set_journal_mode(connection: &Connection) -> rusqlite::Result<String> {
    let mut statement = connection.prepare("PRAGMA journal_mode = WAL")?;
    let mut rows = statement.query([])?;
    let mut mode = String::new();
    while let Some(row) = rows.next()? {
        mode = row.get(0)?;
    }
    Ok(mode)
}

/// Reads every page and compares tables with their indexes.
pub(crate) fn check_integrity(path: &Path) -> Result<(), Fault> {
    let name = path.display().to_string();
    let connection = connect(path)?;
    check_application(&connection, &name)?;
    let mut statement = connection.prepare("PRAGMA integrity_check(3)")?;
    let found: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    if found == ["ok"] {
        return Ok(());
    }
    Err(corrupt(&name, &found.join("; ")).into())
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;
    use verses_store::StoreChange;

    use super::*;
    use crate::{SqliteStore, read, write};

    #[test]
    fn every_connection_to_a_file_waits_for_the_disk_and_uses_the_log() {
        let home = TempDir::new().unwrap();
        let path = home.path().join("verses.db");
        drop(SqliteStore::open(&path).unwrap());
        for connection in [connect_writer(&path).unwrap(), connect(&path).unwrap()] {
            let setting = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
            assert_eq!((setting("synchronous"), setting("fullfsync"), setting("foreign_keys")), (2, 1, 1));
            assert_eq!(setting("application_id"), i64::from(APPLICATION_ID));
            assert_eq!(setting("busy_timeout"), BUSY_TIMEOUT.as_millis() as i64);
            let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
            assert_eq!(mode, "wal");
        }
    }

    #[test]
    fn a_home_kept_busy_by_another_process_is_worth_another_try_and_can_be_read_meanwhile() {
        let home = TempDir::new().unwrap();
        let path = home.path().join("verses.db");
        create_private_file(&path).unwrap();
        let mut connection = connect_writer(&path).unwrap();
        connection.busy_timeout(Duration::ZERO).unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let change = || vec![StoreChange::PutMeta { key: "a".to_owned(), value: "1".to_owned() }];
        let busy =
            write::commit(&mut connection, None, change()).map(|_| ()).unwrap_err().into_store_error("verses.db");
        assert!(matches!(busy, StoreError::Busy(_)) && busy.is_retryable(), "{busy:?}");
        assert_eq!(read::meta(&connection, "a").unwrap(), None);
        other.execute_batch("ROLLBACK").unwrap();
        write::commit(&mut connection, None, change()).unwrap();
        assert_eq!(read::meta(&connection, "a").unwrap(), Some("1".to_owned()));
    }
}
