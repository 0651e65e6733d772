//! The sync driver: carries out what the engine decides. It asks for the next step, persists, sends, reports back.
//!
//! Nothing is decided here but the order of I/O: claims are durable before a request goes out, outcomes before the next.

use batchsync::{ChildPolicy, Engine, OperationStatus, QueuePosition, Settlement, Step, WaitReason};
use verses_store::{LocalStore, Revision, meta_key};

use crate::error::ClientError;
use crate::observe::{Observer, SyncEvent, nobody};
use crate::pacing::Pacer;
use crate::platform::Platform;
use crate::recovery::Recovered;
use crate::results::{BatchDualWriteResult, PullResult, SyncResult};
use crate::service::DataService;
use crate::transport::Transport;
use crate::wire;

/// How often a session is renewed without an answer in between.
const MAX_RENEWALS: u32 = 3;
/// Rows of the queue read at once.
const QUEUE_PAGE: u32 = 4_096;
/// The first wait after the network failed while a session was renewed, milliseconds; each further one doubles.
const RENEW_WAIT_MS: u64 = 1_000;
/// The longest such wait, milliseconds.
const MAX_RENEW_WAIT_MS: u64 = 60_000;

/// How long a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SyncOptions {
    /// Keep trying for so long when the network or the server fails, milliseconds.
    pub patience_ms: u64,
}

/// Why a run of sending ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Nothing that could be sent is left.
    Empty,
    /// Something is left; the engine waits for this.
    Waiting(WaitReason),
}

/// Sends and fetches for one device. At most one per store at a time: the caller holds the lock.
pub struct SyncEngine<S, T, P> {
    pub(crate) service: DataService<S, T, P>,
    pub(crate) engine: Engine,
    pub(crate) observer: Observer,
    pub(crate) pacer: Pacer,
    /// The store as this driver knows it.
    pub(crate) seen: Revision,
    pub(crate) run: BatchDualWriteResult,
    /// What came with the answers to batches in this run.
    pub(crate) pulled: PullResult,
    /// Whether everything had come with the last answer.
    pub(crate) pulled_all: bool,
    /// Sessions renewed since the last answer: a server that refuses fresh tokens must not be asked for ever.
    pub(crate) renewals: u32,
    /// The best measurement of the server's clock so far: its round trip and the offset, milliseconds.
    pub(crate) clock_sample: Option<(u64, i64)>,
    /// Whether an answer shows that the server may have lost something: the feed says what.
    pub(crate) doubts: bool,
    /// Whether the server has answered a request of this run.
    pub(crate) answered: bool,
    /// The engine may differ from the store, because a step failed or was given up half-way: it must be loaded anew.
    pub(crate) stale: bool,
    /// The session the engine works with: owner and access token.
    session: Option<(String, String)>,
    /// When the session may be renewed again after the network failed, and how long was waited last; monotonic.
    renew_at_ms: u64,
    renew_wait_ms: u64,
    last_position: Option<QueuePosition>,
    started_ms: u64,
}

impl<S, T, P> std::fmt::Debug for SyncEngine<S, T, P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SyncEngine").field("seen", &self.seen).finish_non_exhaustive()
    }
}

impl<S: LocalStore, T: Transport, P: Platform> SyncEngine<S, T, P> {
    /// Loads the queue. Operations that were on their way when the last process ended wait again: their ids make
    /// sending them twice harmless.
    ///
    /// # Errors
    /// Errors of the store and of the settings.
    pub async fn open(service: DataService<S, T, P>) -> Result<Self, ClientError> {
        let config = service.config();
        let engine = service.empty_engine()?;
        let pacer = Pacer::new(config.max_requests_per_window, config.pacing_window_ms);
        let started_ms = service.platform.monotonic_ms();
        let mut opened = Self {
            service,
            engine,
            observer: nobody(),
            pacer,
            seen: Revision(0),
            run: BatchDualWriteResult::default(),
            pulled: PullResult::default(),
            pulled_all: false,
            renewals: 0,
            clock_sample: None,
            doubts: false,
            answered: false,
            stale: true,
            session: None,
            renew_at_ms: 0,
            renew_wait_ms: 0,
            last_position: None,
            started_ms,
        };
        opened.reload().await?;
        Ok(opened)
    }

    /// The same, watched by `observer`.
    #[must_use]
    pub fn observed(mut self, observer: Observer) -> Self {
        self.observer = observer;
        self
    }

    /// The service underneath.
    pub fn service(&self) -> &DataService<S, T, P> {
        &self.service
    }

    /// The engine, for questions.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn now(&self) -> i64 {
        self.service.platform.now_ms()
    }

    pub(crate) fn tell(&self, event: &SyncEvent) {
        (self.observer)(event);
    }

    /// Starts over with a new engine and what the store holds now. What the engine had learned of the network is lost;
    /// ids make sending anything twice harmless.
    pub(crate) async fn reload(&mut self) -> Result<(), ClientError> {
        self.stale = true;
        self.engine = self.service.empty_engine()?;
        self.load_queue().await?;
        self.use_stored_limits().await?;
        self.session = self.usable_session().await?;
        let session = self.session.as_ref().map(|(owner, _)| batchsync::Session { owner: owner.clone() });
        let now = self.now();
        let settlement = self.engine.set_session(now, session);
        self.persist(settlement).await?;
        self.stale = false;
        Ok(())
    }

    async fn usable_session(&self) -> Result<Option<(String, String)>, ClientError> {
        let session = self.service.session().await?.filter(crate::session::Session::is_usable);
        Ok(session.map(|s| (s.user_id, s.access_token)))
    }

    async fn load_queue(&mut self) -> Result<(), ClientError> {
        let seen = self.service.store.revision().await?;
        let now = self.now();
        let (last, settlements) = load_pages(&self.service.store, &mut self.engine, now).await?;
        self.last_position = last;
        self.seen = seen;
        for settlement in settlements {
            self.persist(settlement).await?;
        }
        Ok(())
    }

    async fn use_stored_limits(&mut self) -> Result<(), ClientError> {
        let stored = self.service.store.meta(meta_key::LIMITS).await?;
        // Limits are only an optimisation: unreadable ones are asked for again by being told in the next refusal.
        if let Some(limits) = stored.and_then(|t| verses_json::read(t.as_bytes()).ok()) {
            self.engine.update_limits(wire::server_limits(&limits));
        }
        Ok(())
    }

    /// Takes in what this process or another has queued, retried or discarded since.
    pub(crate) async fn refresh_queue(&mut self) -> Result<(), ClientError> {
        if self.stale {
            return self.reload().await;
        }
        let revision = self.service.store.revision().await?;
        if revision == self.seen {
            return Ok(());
        }
        let rows = self.service.store.queue_metas(self.last_position, u32::MAX).await?;
        self.last_position = rows.last().map(|r| r.position).or(self.last_position);
        let now = self.now();
        let settlement = self.engine.handle_enqueued(now, rows);
        self.seen = revision;
        self.persist(settlement).await?;
        self.follow_inbox().await?;
        self.use_session().await
    }

    /// Operations that the user retried or discarded in another process: the store has changed already.
    async fn follow_inbox(&mut self) -> Result<(), ClientError> {
        let failed: Vec<String> = self.engine.failed().map(|(id, _)| id.to_owned()).collect();
        if failed.is_empty() {
            return Ok(());
        }
        let stored = self.service.store.queued(&failed).await?;
        let now = self.now();
        for id in failed {
            let row = stored.iter().find(|r| r.meta.id == id);
            // An operation the engine no longer knows was settled together with its parent.
            let followed = match row.map(|r| &r.meta.status) {
                None => self.engine.discard(now, &id, ChildPolicy::Cascade),
                Some(OperationStatus::Failed(_)) => continue,
                Some(_) => self.engine.retry(now, &id),
            };
            drop(followed);
        }
        Ok(())
    }

    /// Tells the engine whose queue may be sent, if that has changed: a session set anew makes everything due.
    pub(crate) async fn use_session(&mut self) -> Result<(), ClientError> {
        let session = self.usable_session().await?;
        if session == self.session {
            return Ok(());
        }
        let owner = session.as_ref().map(|(owner, _)| owner.clone());
        if owner.as_ref() != self.session.as_ref().map(|(owner, _)| owner) {
            // Rows may have changed hands as well: a guest signed in.
            return self.reload().await;
        }
        self.session = session;
        let now = self.now();
        let settlement = self.engine.set_session(now, owner.map(|owner| batchsync::Session { owner }));
        self.persist(settlement).await
    }

    /// Sends everything that can be sent now, without waiting for batches to fill. The source's `processBatchQueue`
    /// until the queue is empty; an empty queue gives an empty result.
    ///
    /// # Errors
    /// [`ClientError::SignInNeeded`]; errors of the store. A network that fails is no error: see [`Drained`].
    pub async fn process_batch_queue(
        &mut self,
        options: SyncOptions,
    ) -> Result<(BatchDualWriteResult, Drained), ClientError> {
        self.begin_run();
        self.refresh_queue().await?;
        self.use_session().await?;
        let now = self.now();
        let flushed = self.engine.flush(now);
        self.persist(flushed).await?;
        let drained = self.drain(options).await?;
        Ok((self.end_run(), drained))
    }

    fn begin_run(&mut self) {
        self.run = BatchDualWriteResult::default();
        self.pulled = PullResult::default();
        self.pulled_all = false;
        self.answered = false;
        self.renewals = 0;
        self.renew_at_ms = 0;
        self.started_ms = self.service.platform.monotonic_ms();
    }

    fn end_run(&mut self) -> BatchDualWriteResult {
        let mut run = std::mem::take(&mut self.run);
        run.processing_time_ms = self.service.platform.monotonic_ms().saturating_sub(self.started_ms);
        let progress = self.engine.progress(self.now());
        run.summary.total = run.summary.successful + run.summary.failed + progress.pending;
        run
    }

    async fn drain(&mut self, options: SyncOptions) -> Result<Drained, ClientError> {
        let deadline = self.service.platform.monotonic_ms().saturating_add(options.patience_ms);
        loop {
            self.refresh_queue().await?;
            let now = self.now();
            match self.engine.poll(now) {
                Step::Persist(settlement) => self.persist(settlement).await?,
                Step::Send(request) => {
                    self.send(request).await?;
                    self.settle_doubts().await?;
                }
                Step::Wait { reason: WaitReason::Idle, .. } => return Ok(Drained::Empty),
                Step::Wait { reason: WaitReason::Collecting, .. } => {
                    let flushed = self.engine.flush(now);
                    self.persist(flushed).await?;
                }
                Step::Wait { reason: WaitReason::Session, .. } => {
                    if !self.renew_session().await? && !self.wait(self.renewal_wait(), deadline).await {
                        return Ok(Drained::Waiting(WaitReason::Session));
                    }
                }
                Step::Wait { until, reason } => {
                    let wait = until.map_or(u64::MAX, |at| u64::try_from(at.saturating_sub(now)).unwrap_or(0));
                    if !self.wait(wait, deadline).await {
                        return Ok(Drained::Waiting(reason));
                    }
                }
            }
            self.tell(&SyncEvent::Progress(self.engine.progress(self.now())));
        }
    }

    /// A server that went back to a backup lacks what later operations need. It gets that back before they have failed
    /// for want of it.
    pub(crate) async fn settle_doubts(&mut self) -> Result<(), ClientError> {
        if !std::mem::take(&mut self.doubts) {
            return Ok(());
        }
        match self.sync_from_remote().await {
            // The end of the run, or the next interval, fetches again.
            Err(error) if error.is_retryable() || matches!(error, ClientError::Server { .. }) => Ok(()),
            Err(error) => Err(error),
            Ok(fetched) => {
                self.pulled.changes += fetched.changes;
                self.pulled.pages += fetched.pages;
                self.pulled.was_reset |= fetched.was_reset;
                self.pulled.offered_again += fetched.offered_again;
                Ok(())
            }
        }
    }

    /// Waits so long, unless the run's patience ends before.
    async fn wait(&self, wait_ms: u64, deadline_ms: u64) -> bool {
        let left = deadline_ms.saturating_sub(self.service.platform.monotonic_ms());
        if wait_ms > left {
            return false;
        }
        self.service.platform.sleep(wait_ms.max(1)).await;
        true
    }

    /// Gets a session after the server refused one. `false`: there is no way to the server now.
    pub(crate) async fn renew_session(&mut self) -> Result<bool, ClientError> {
        let session = self.service.session().await?.filter(crate::session::Session::is_usable);
        let Some(session) = session.filter(|_| self.renewals < MAX_RENEWALS) else {
            return Err(ClientError::SignInNeeded);
        };
        if self.renewal_wait() > 0 {
            return Ok(false);
        }
        self.pace().await;
        match self.service.refresh(session).await {
            Ok(_) => {
                self.renewals += 1;
                self.renew_wait_ms = 0;
                // A token made within the same second may be the same text. It is renewed all the same.
                if let Some((_, token)) = &mut self.session {
                    token.clear();
                }
                self.use_session().await?;
                Ok(true)
            }
            Err(error) if error.is_retryable() || matches!(error, ClientError::Server { .. }) => {
                self.renew_wait_ms = (self.renew_wait_ms * 2).clamp(RENEW_WAIT_MS, MAX_RENEW_WAIT_MS);
                self.renew_at_ms = self.service.platform.monotonic_ms().saturating_add(self.renew_wait_ms);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// How long to wait before the session may be renewed again, milliseconds.
    pub(crate) fn renewal_wait(&self) -> u64 {
        self.renew_at_ms.saturating_sub(self.service.platform.monotonic_ms())
    }

    /// Both directions. The source's `sync`, and its `intelligentSync`: the engine chooses between batches and individual
    /// calls, and falls back from one to the other.
    ///
    /// # Errors
    /// [`ClientError::SignInNeeded`]; errors of the store; when nothing could be sent or fetched, errors of the network.
    pub async fn sync(&mut self, options: SyncOptions) -> Result<(SyncResult, Drained), ClientError> {
        let (to_remote, drained) = self.process_batch_queue(options).await?;
        let from_remote = match drained {
            Drained::Empty => self.fetch_the_rest().await?,
            // The server answers; single operations wait for a reason of their own, which must not keep the rest away.
            Drained::Waiting(WaitReason::Backoff) if self.answered => match self.fetch_the_rest().await {
                Ok(fetched) => fetched,
                Err(error) if error.is_retryable() => PullResult::default(),
                Err(error) => return Err(error),
            },
            Drained::Waiting(_) => PullResult::default(),
        };
        // The server had lost operations, or the feed lists what some had failed for: they wait again and go out now.
        if from_remote.offered_again > 0 || (drained == Drained::Empty && self.something_waits().await?) {
            let (again, drained) = self.process_batch_queue(options).await?;
            let to_remote = to_remote.joined(again);
            return Ok((SyncResult { to_remote, from_remote }, drained));
        }
        Ok((SyncResult { to_remote, from_remote }, drained))
    }

    async fn something_waits(&mut self) -> Result<bool, ClientError> {
        self.refresh_queue().await?;
        Ok(self.engine.progress(self.now()).pending > 0)
    }

    /// What has not come with the answers to batches.
    async fn fetch_the_rest(&mut self) -> Result<PullResult, ClientError> {
        let mut result = self.pulled;
        let owner = self.service.owner().await?;
        if self.pulled_all
            && self.service.cursor(&owner).await?.is_some()
            && let Recovered::Offered(count) = self.service.finish_recovery(&owner).await?
        {
            result.offered_again += count;
            self.stale |= count > 0;
            return Ok(result);
        }
        let rest = self.sync_from_remote().await?;
        result.changes += rest.changes;
        result.pages += rest.pages;
        result.was_reset |= rest.was_reset;
        result.offered_again += rest.offered_again;
        Ok(result)
    }
}

/// Gives the engine the whole queue, page by page: a queue of 100,000 operations is never in memory twice. Gives the
/// position of the last row, and what the engine wants written.
pub(crate) async fn load_pages<S: LocalStore>(
    store: &S,
    engine: &mut Engine,
    now: i64,
) -> Result<(Option<QueuePosition>, Vec<Settlement>), ClientError> {
    let mut last = None;
    let mut settlements = Vec::new();
    let mut page = store.queue_metas(None, QUEUE_PAGE).await?;
    while let Some(position) = page.last().map(|row| row.position) {
        last = Some(position);
        // A store may begin to read when it is asked: the next page comes while this one is taken in.
        let next = (page.len() >= QUEUE_PAGE as usize).then(|| store.queue_metas(last, QUEUE_PAGE));
        let settlement = engine.load(now, page);
        if !settlement.is_empty() {
            settlements.push(settlement);
        }
        page = match next {
            Some(next) => next.await?,
            None => Vec::new(),
        };
    }
    Ok((last, settlements))
}
