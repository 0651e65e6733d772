//! A thread with a database connection, and the futures that wait for it. Which work it gets is in `store`.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use futures_channel::oneshot;
use rusqlite::Connection;
use verses_store::StoreError;

use crate::fault::Fault;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// Owns a connection on a thread of its own. Dropping it finishes the work given so far and closes the connection.
#[derive(Debug)]
pub(crate) struct Worker {
    file: String,
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread; `file` is the database's name for people.
    pub(crate) fn start(name: &str, file: &str, mut connection: Connection) -> Result<Self, StoreError> {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let run = move || {
            for job in inbox {
                // A panic ends its own job: its transaction rolls back as it unwinds and its caller hears of it.
                let _ = catch_unwind(AssertUnwindSafe(|| job(&mut connection)));
            }
        };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
        let thread =
            thread.map_err(|error| StoreError::Backend(format!("{file}: no thread for the store: {error}")))?;
        Ok(Self { file: file.to_owned(), jobs: Some(jobs), thread: Some(thread) })
    }

    /// Hands `work` to the thread at once, after the work given before; the future waits for its result. The work is
    /// done even if the future is dropped.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
    ) -> impl Future<Output = Result<T, StoreError>> + Send {
        let (answer, done) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // Nobody waits any more if this fails, and the work is done all the same.
            let _ = answer.send(work(connection));
        });
        // A job that cannot be sent is dropped, and its sender with it: the future says so.
        let _ = self.jobs.as_ref().map(|jobs| jobs.send(job));
        async move {
            match done.await {
                Ok(result) => result.map_err(|fault| fault.into_store_error(&self.file)),
                Err(oneshot::Canceled) => Err(self.gone()),
            }
        }
    }

    fn gone(&self) -> StoreError {
        StoreError::Backend(format!("{}: the store stopped in the middle of its work: open it again", self.file))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.jobs.take());
        // The last handle may be dropped by a listener, on this very thread: then the thread ends by itself.
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            let _ = thread.join();
        }
    }
}
