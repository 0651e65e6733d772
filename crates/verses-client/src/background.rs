//! Staying in sync: the loop behind `verses sync --watch` and the app in the foreground. It sends when the engine says
//! so, fetches at intervals, and takes hints from the application.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use batchsync::{Connectivity, NetworkHint, Step, WaitReason};
use verses_store::LocalStore;

use crate::error::ClientError;
use crate::observe::SyncEvent;
use crate::platform::Platform;
use crate::sync::SyncEngine;
use crate::transport::Transport;

/// Hints from the application. Cloning gives another handle to the same hints.
#[derive(Debug, Clone, Default)]
pub struct Hints(Arc<HintFlags>);

#[derive(Debug, Default)]
struct HintFlags {
    flush: AtomicBool,
    foreground: AtomicBool,
    online: AtomicBool,
    offline: AtomicBool,
    fetch: AtomicBool,
    stop: AtomicBool,
    network: Mutex<Option<NetworkHint>>,
}

impl Hints {
    /// Send now, do not wait for batches to fill.
    pub fn flush(&self) {
        self.0.flush.store(true, Ordering::Release);
    }

    /// The application came to the foreground: send and fetch.
    pub fn foregrounded(&self) {
        self.0.foreground.store(true, Ordering::Release);
        self.fetch();
    }

    /// The platform says there is a network again: send and fetch.
    pub fn online(&self) {
        self.0.online.store(true, Ordering::Release);
        self.fetch();
    }

    /// The platform says there is no network.
    pub fn offline(&self) {
        self.0.offline.store(true, Ordering::Release);
    }

    /// What the platform says of its network, which is there.
    pub fn network(&self, hint: NetworkHint) {
        *self.0.network.lock().unwrap_or_else(PoisonError::into_inner) = Some(hint);
    }

    /// Something changed on the server.
    pub fn fetch(&self) {
        self.0.fetch.store(true, Ordering::Release);
    }

    /// End the loop after the present step.
    pub fn stop(&self) {
        self.0.stop.store(true, Ordering::Release);
    }

    fn take(flag: &AtomicBool) -> bool {
        flag.swap(false, Ordering::AcqRel)
    }
}

impl<S: LocalStore, T: Transport, P: Platform> SyncEngine<S, T, P> {
    /// Stays in sync until told to stop. Fetches every `interval_ms`.
    ///
    /// # Errors
    /// Errors of the store; [`ClientError::SignInNeeded`] when the session has ended. A network or a server that fails is
    /// no error.
    pub async fn watch(&mut self, hints: &Hints, interval_ms: u64) -> Result<(), ClientError> {
        self.use_session().await?;
        let mut fetch_at = self.service.platform.monotonic_ms();
        while !hints.0.stop.load(Ordering::Acquire) {
            self.refresh_queue().await?;
            self.take_hints(hints).await?;
            let wait = self.watch_step().await?;
            let Some(wait) = wait else { continue };
            let now = self.service.platform.monotonic_ms();
            if Hints::take(&hints.0.fetch) || now >= fetch_at {
                self.fetch_quietly().await?;
                fetch_at = self.service.platform.monotonic_ms().saturating_add(interval_ms);
                continue;
            }
            let wait = wait.min(self.service.config.look_ms).min(fetch_at.saturating_sub(now)).max(1);
            self.service.platform.idle(wait).await;
        }
        Ok(())
    }

    async fn take_hints(&mut self, hints: &Hints) -> Result<(), ClientError> {
        let now = self.now();
        let flags = &hints.0;
        if Hints::take(&flags.offline) {
            let settlement = self.engine.network_changed(now, Connectivity::Offline, None);
            self.persist(settlement).await?;
        }
        let hint = flags.network.lock().unwrap_or_else(PoisonError::into_inner).take();
        if Hints::take(&flags.online) || hint.is_some() {
            let settlement = self.engine.network_changed(now, Connectivity::Online, hint);
            self.persist(settlement).await?;
        }
        if Hints::take(&flags.foreground) {
            let settlement = self.engine.foregrounded(now);
            self.persist(settlement).await?;
        }
        if Hints::take(&flags.flush) {
            let settlement = self.engine.flush(now);
            self.persist(settlement).await?;
        }
        Ok(())
    }

    /// One step of the engine; gives how long there is nothing to do, if there is nothing.
    async fn watch_step(&mut self) -> Result<Option<u64>, ClientError> {
        let now = self.now();
        let wait = match self.engine.poll(now) {
            Step::Persist(settlement) => {
                self.persist(settlement).await?;
                None
            }
            Step::Send(request) => {
                self.send(request).await?;
                self.settle_doubts().await?;
                None
            }
            Step::Wait { reason: WaitReason::Session, .. } => {
                if self.renew_session().await? {
                    None
                } else {
                    Some(self.renewal_wait())
                }
            }
            Step::Wait { until, .. } => {
                Some(until.map_or(u64::MAX, |at| u64::try_from(at.saturating_sub(now)).unwrap_or(0)))
            }
        };
        self.tell(&SyncEvent::Progress(self.engine.progress(self.now())));
        Ok(wait)
    }

    /// Fetches; without a network, or while the server is in trouble, the next interval tries again.
    async fn fetch_quietly(&mut self) -> Result<(), ClientError> {
        match self.sync_from_remote().await {
            Ok(_) => Ok(()),
            Err(error) if error.is_retryable() || matches!(error, ClientError::Server { .. }) => {
                self.tell(&SyncEvent::FetchFailed { message: error.to_string() });
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}
