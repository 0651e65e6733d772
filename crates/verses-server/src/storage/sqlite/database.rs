//! One SQLite file and its threads: one that writes, a few that read. Nothing here knows a table.
//!
//! SQLite has one writer at a time, so one thread owns the writing connection and everybody queues for it. Jobs that
//! wait at the same moment share one commit, each in its own savepoint: a job that fails takes nobody with it, and no
//! job is answered before the commit is on the disk.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};
use tokio::sync::oneshot;

use crate::storage::StorageError;

/// Threads that read.
const READERS: usize = 3;
/// Jobs that may wait for a thread before further ones are refused as [`StorageError::Unavailable`].
const MAX_WAITING: usize = 1024;
/// Jobs that share one commit at most.
const MAX_GROUP: usize = 32;
/// How long to wait for another process that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements kept per connection.
const STATEMENT_CACHE: usize = 128;

/// A SQLite database with its threads. Cloning gives another handle; the last one to go waits for the threads to end.
#[derive(Clone)]
pub struct Database {
    threads: Arc<Threads>,
}

struct Threads {
    /// The file's name for people; none for a database in memory.
    file: Option<String>,
    writer: Option<SyncSender<WriteJob>>,
    /// None for a database in memory, which has only one connection.
    readers: Option<SyncSender<ReadJob>>,
    handles: Vec<JoinHandle<()>>,
}

/// Runs inside a savepoint, or learns why it cannot.
type WriteJob = Box<dyn FnOnce(Result<&mut Connection, StorageError>) -> Ran + Send>;
type ReadJob = Box<dyn FnOnce(&Connection) + Send>;

/// A job that ran and waits for the commit.
struct Ran {
    keep: bool,
    answer: Box<dyn FnOnce(Result<(), StorageError>)>,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("threads", &self.threads.handles.len()).finish_non_exhaustive()
    }
}

impl Database {
    /// Opens or creates the file. Blocks; meant for the start of a process.
    ///
    /// # Errors
    /// [`StorageError`] naming the path: not a database, damaged, no permission, or locked by another process.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        let file = path.display().to_string();
        let named = |error: rusqlite::Error| named(&file, error.into());
        super::file::check(path).map_err(named)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let writer = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_CREATE).map_err(named)?;
        configure(&writer).map_err(named)?;
        let mut readers = Vec::new();
        for _ in 0..READERS {
            let reader = Connection::open_with_flags(path, flags).map_err(named)?;
            configure(&reader).map_err(named)?;
            reader.pragma_update(None, "query_only", true).map_err(named)?;
            readers.push(reader);
        }
        Self::start(Some(file), writer, readers)
    }

    /// A database in memory: gone with its last handle, and read and written by one thread.
    ///
    /// # Errors
    /// [`StorageError`] when SQLite or a thread cannot be started.
    pub fn open_in_memory() -> Result<Self, StorageError> {
        let writer = Connection::open_in_memory()?;
        configure(&writer)?;
        Self::start(None, writer, Vec::new())
    }

    fn start(file: Option<String>, writer: Connection, readers: Vec<Connection>) -> Result<Self, StorageError> {
        let mut handles = Vec::new();
        let mut spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            let handle = thread::Builder::new().name(name.to_owned()).spawn(work);
            handle.map(|handle| handles.push(handle)).map_err(|error| StorageError::Unavailable(error.to_string()))
        };
        let (write_sender, jobs) = sync_channel(MAX_WAITING);
        spawn("verses-db-write", Box::new(move || write_loop(writer, &jobs)))?;
        let mut read_sender = None;
        if !readers.is_empty() {
            let (sender, jobs) = sync_channel(MAX_WAITING);
            let jobs = Arc::new(Mutex::new(jobs));
            for reader in readers {
                let jobs = Arc::clone(&jobs);
                spawn("verses-db-read", Box::new(move || read_loop(&reader, &jobs)))?;
            }
            read_sender = Some(sender);
        }
        let threads = Threads { file, writer: Some(write_sender), readers: read_sender, handles };
        Ok(Self { threads: Arc::new(threads) })
    }

    /// Runs `work` in one transaction: `Ok` commits all of it, `Err` (or a panic) leaves nothing of it. The answer
    /// comes after the commit is durable. A caller that stops waiting does not stop the work.
    ///
    /// # Errors
    /// What `work` returned, or why it could not run or commit.
    pub async fn write<T, F>(&self, work: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StorageError> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        self.enqueue_write(
            move |connection: &mut Connection| work(connection),
            move |result| {
                // Nobody waits any more when the caller went away.
                let _ = sender.send(result);
            },
        )?;
        self.with_name(receiver.await.map_err(|_| closed()).flatten())
    }

    /// The same for the start of a process: blocks the calling thread.
    pub(crate) fn write_blocking<T, F>(&self, work: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, StorageError> + Send + 'static,
    {
        let (sender, receiver) = sync_channel(1);
        self.enqueue_write(work, move |result| {
            let _ = sender.send(result);
        })?;
        self.with_name(receiver.recv().map_err(|_| closed()).flatten())
    }

    /// Errors say which file they are about.
    fn with_name<T>(&self, result: Result<T, StorageError>) -> Result<T, StorageError> {
        result.map_err(|error| match &self.threads.file {
            Some(file) => named(file, error),
            None => error,
        })
    }

    fn enqueue_write<T, F, A>(&self, work: F, answer: A) -> Result<(), StorageError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, StorageError> + Send + 'static,
        A: FnOnce(Result<T, StorageError>) + Send + 'static,
    {
        let job: WriteJob = Box::new(move |connection| {
            let result = connection.and_then(|connection| guarded(|| work(connection)));
            Ran {
                keep: result.is_ok(),
                answer: Box::new(move |commit| answer(result.and_then(|value| commit.map(|()| value)))),
            }
        });
        self.threads.writer.as_ref().ok_or_else(closed)?.try_send(job).map_err(|error| refused(&error))
    }

    /// Runs `work` on a thread that reads, in one consistent snapshot.
    ///
    /// # Errors
    /// What `work` returned, or why it could not run.
    pub async fn read<T, F>(&self, work: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StorageError> + Send + 'static,
    {
        let Some(readers) = &self.threads.readers else {
            return self.write(work).await;
        };
        let (sender, receiver) = oneshot::channel();
        let job: ReadJob = Box::new(move |connection| {
            let _ = sender.send(snapshot(connection, work));
        });
        readers.try_send(job).map_err(|error| refused(&error))?;
        self.with_name(receiver.await.map_err(|_| closed()).flatten())
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        let this = thread::current().id();
        let wait = |handle: JoinHandle<()>| {
            // The last handle may go inside a job: a thread cannot wait for itself, and ends right after.
            if handle.thread().id() != this {
                let _ = handle.join();
            }
        };
        // The writer was started first and goes last: the last connection moves the log into the file, and of two that
        // close at once each leaves that to the other.
        self.readers = None;
        self.handles.drain(self.handles.len().min(1)..).for_each(wait);
        self.writer = None;
        self.handles.drain(..).for_each(wait);
    }
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    turn_log_on(connection)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)
}

/// Runs the statement to its end: it commits there, after it has given the new mode, and without that commit the file
/// would stay without a log, in which a power cut loses commits.
fn turn_log_on(connection: &Connection) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("PRAGMA journal_mode = WAL")?;
    let mut rows = statement.query([])?;
    let mut mode = String::new();
    while let Some(row) = rows.next()? {
        mode = row.get(0)?;
    }
    // A database in memory has nothing to lose.
    if mode == "wal" || mode == "memory" {
        return Ok(());
    }
    let text = format!("this file system allows no write-ahead log (SQLite offers \"{mode}\"): use a local disk");
    Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR), Some(text)))
}

fn write_loop(mut connection: Connection, jobs: &Receiver<WriteJob>) {
    while let Ok(first) = jobs.recv() {
        run_group(&mut connection, first, jobs);
    }
}

/// Runs the first job and those already waiting, commits once, then answers all of them.
fn run_group(connection: &mut Connection, first: WriteJob, jobs: &Receiver<WriteJob>) {
    if let Err(error) = execute(connection, "BEGIN IMMEDIATE") {
        let ran = first(Err(error.clone()));
        (ran.answer)(Err(error));
        return;
    }
    let mut group = Vec::new();
    let mut next = Some(first);
    let mut outcome = Ok(());
    while let Some(job) = next {
        match run_job(connection, job) {
            Ok(ran) => group.push(ran),
            Err((ran, error)) => {
                group.extend(ran);
                outcome = Err(error);
                break;
            }
        }
        next = if group.len() < MAX_GROUP { jobs.try_recv().ok() } else { None };
    }
    let outcome = outcome.and_then(|()| execute(connection, "COMMIT"));
    if outcome.is_err() && !connection.is_autocommit() {
        // If even this fails, the next BEGIN fails too and says so to whoever comes.
        let _ = execute(connection, "ROLLBACK");
    }
    for ran in group {
        (ran.answer)(outcome.clone());
    }
}

/// One job in its savepoint. An error here means that the whole transaction is lost.
fn run_job(connection: &mut Connection, job: WriteJob) -> Result<Ran, (Option<Ran>, StorageError)> {
    if let Err(error) = execute(connection, "SAVEPOINT job") {
        return Err((Some(job(Err(error.clone()))), error));
    }
    let ran = job(Ok(connection));
    if connection.is_autocommit() {
        // SQLite gives the whole transaction up on its own when the disk is full or fails.
        let error = StorageError::Unavailable("the transaction was given up by the database".into());
        return Err((Some(ran), error));
    }
    let end = if ran.keep {
        execute(connection, "RELEASE job")
    } else {
        execute(connection, "ROLLBACK TO job").and_then(|()| execute(connection, "RELEASE job"))
    };
    match end {
        Ok(()) => Ok(ran),
        Err(error) => Err((Some(ran), error)),
    }
}

fn read_loop(connection: &Connection, jobs: &Mutex<Receiver<ReadJob>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => job(connection),
            Err(_) => return,
        }
    }
}

fn snapshot<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StorageError>,
) -> Result<T, StorageError> {
    execute(connection, "BEGIN")?;
    let result = guarded(|| work(connection));
    let end = execute(connection, "COMMIT");
    if end.is_err() && !connection.is_autocommit() {
        let _ = execute(connection, "ROLLBACK");
    }
    result.and_then(|value| end.map(|()| value))
}

/// A panic in a job must not end the thread that everybody waits for.
fn guarded<T>(work: impl FnOnce() -> Result<T, StorageError>) -> Result<T, StorageError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(StorageError::Failed("a job of the database panicked; this is a bug".into())))
}

fn execute(connection: &Connection, sql: &str) -> Result<(), StorageError> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}

fn closed() -> StorageError {
    StorageError::Unavailable("the database is closed".into())
}

fn refused<T>(error: &TrySendError<T>) -> StorageError {
    match error {
        TrySendError::Full(_) => StorageError::Unavailable("too many requests wait for the database".into()),
        TrySendError::Disconnected(_) => closed(),
    }
}

fn named(path: &str, error: StorageError) -> StorageError {
    match error {
        StorageError::Unavailable(text) => StorageError::Unavailable(format!("{path}: {text}")),
        StorageError::Failed(text) => StorageError::Failed(format!("{path}: {text}")),
        StorageError::Erased => StorageError::Erased,
    }
}

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        // The shared index of the log is a file too, and growing it is the one write SQLite does not report as full.
        let no_room_for_index = error.sqlite_error().is_some_and(|e| e.extended_code == ffi::SQLITE_IOERR_SHMSIZE);
        match error.sqlite_error_code() {
            Some(ErrorCode::SystemIoFailure) if no_room_for_index => {
                Self::Failed(format!("{error}: free some space on its disk"))
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::OperationInterrupted) => {
                Self::Unavailable(error.to_string())
            }
            Some(ErrorCode::DiskFull) => Self::Failed(format!("{error}: free some space on its disk")),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Failed(format!(
                "{error}: it is damaged, and was left as it is; keep a copy of the file and of its -wal neighbour, and go \
                 back to the last backup"
            )),
            _ => Self::Failed(error.to_string()),
        }
    }
}
