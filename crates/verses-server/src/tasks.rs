//! Work that runs on tasks of its own: it goes on when the request that began it is gone, and none of it outlives the
//! server. Which work that is, its callers know.

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The tasks of one server. Cloning gives another handle.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    cut: CancellationToken,
}

impl Tasks {
    /// Runs this to its end, or until the server gives up waiting for it: then the result is `None`.
    pub(crate) fn spawn<F>(&self, work: F) -> JoinHandle<Option<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let cut = self.cut.clone();
        self.tracker.spawn(async move { cut.run_until_cancelled_owned(work).await })
    }

    /// How many run.
    pub(crate) fn len(&self) -> usize {
        self.tracker.len()
    }

    /// Waits until none runs any more.
    pub(crate) async fn finished(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// Ends all of them where they stand, and waits until they are gone.
    pub(crate) async fn end(&self) {
        self.cut.cancel();
        self.finished().await;
    }
}

impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, work: F) {
        drop(self.spawn(work));
    }
}
