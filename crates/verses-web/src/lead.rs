//! Leading: the one tab that syncs runs the client's loop here, starts it anew when the account or the settings change, and
//! keeps the board. Who leads is decided outside, by a lock of the browser.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use batchsync::NetworkHint;
use verses_client::{
    ClientError, Drained, Hints, Observer, Platform, Session, SyncEngine, SyncEvent, SyncOptions, Transport,
};
use verses_json::{Fields, FromJson, JsonError, Value, json_write};
use verses_store::{LocalStore, StoreChange};

use crate::app::App;
use crate::board::{Board, SyncState};
use crate::wire::{EngineError, Event};

/// Name in `meta` of when something was last sent or fetched for this owner.
fn last_sync_key(owner: &str) -> String {
    format!("last_sync_at/{owner}")
}

/// How old what `meta` says may become while nothing is sent, milliseconds.
const LAST_SYNC_NOTED_MS: i64 = 10 * 60_000;
/// How long the loop rests when there is nobody to sync for, unless it is woken, milliseconds.
const REST_MS: u64 = 10 * 60_000;
/// How long the loop rests after a fault of the store, milliseconds.
const FAULT_REST_MS: u64 = 5_000;

/// What happened outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// There is a network again.
    Online,
    /// There is none.
    Offline,
    /// The page is looked at again.
    Foreground,
    /// The user asks to sync now.
    SyncNow,
    /// The server has something new.
    Poke,
    /// The browser says what kind of network it is.
    Network {
        /// Round trip, milliseconds.
        rtt_ms: Option<u64>,
        /// Bits a second.
        bandwidth_bps: Option<u64>,
        /// Whether the user asks to spare data.
        save_data: bool,
    },
    /// Somebody wrote to the store: look at it.
    Changed,
}

impl FromJson for Hint {
    fn from_json(value: &Value<'_>) -> Result<Self, JsonError> {
        let mut fields = Fields::of(value);
        let name: Option<String> = fields.take("hint");
        let hint = match name.as_deref() {
            Some("online") => Self::Online,
            Some("offline") => Self::Offline,
            Some("foreground") => Self::Foreground,
            Some("syncNow") => Self::SyncNow,
            Some("poke") => Self::Poke,
            Some("network") => Self::Network {
                rtt_ms: fields.take("rttMs").flatten(),
                bandwidth_bps: fields.take("bandwidthBps").flatten(),
                save_data: fields.take_or("saveData", false).unwrap_or_default(),
            },
            Some("changed") => Self::Changed,
            Some(_) => return Err(JsonError::expected("a known hint").within("hint")),
            None => return Err(fields.fault()),
        };
        fields.done(hint)
    }
}

/// What one run of syncing did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunReport {
    /// Operations applied.
    pub successful: u64,
    /// Operations that went to the inbox.
    pub failed: u64,
    /// Whether nothing that could be sent is left.
    pub done: bool,
}

json_write! { RunReport { successful: "successful", failed: "failed", done: "done" } }

pub(crate) fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S: LocalStore, T: Transport, P: Platform> App<S, T, P> {
    /// Says what happened outside.
    pub fn hint(&self, hint: Hint) {
        let hints = self.hints.borrow();
        match hint {
            Hint::Online => hints.online(),
            Hint::Offline => hints.offline(),
            Hint::Foreground => hints.foregrounded(),
            Hint::SyncNow => {
                // Whoever asks wants to hear of this time, not of an earlier one.
                lock(&self.board).calm();
                hints.flush();
                hints.fetch();
            }
            Hint::Poke => hints.fetch(),
            Hint::Network { rtt_ms, bandwidth_bps, save_data } => {
                hints.network(NetworkHint { quality: None, rtt_ms, bandwidth_bps, save_data });
            }
            Hint::Changed => {}
        }
    }

    /// How syncing stands. Outcomes get their names here, for the driver tells of records only.
    pub(crate) async fn sync_state(&self) -> Result<SyncState, EngineError> {
        let service = self.service();
        let owner = service.owner().await?;
        if lock(&self.board).turn_to(&owner) {
            let noted = service.store().meta(&last_sync_key(&owner)).await?;
            let state = &mut lock(&self.board).state;
            state.last_sync_at = state.last_sync_at.max(noted.and_then(|text| text.parse().ok()));
        }
        let nameless = lock(&self.board).nameless();
        let verses = service.store().verses_of(&owner, &nameless).await?;
        let totals = service.queue_totals().await?;
        let session = service.session().await?;
        let mut board = lock(&self.board);
        board.name(&verses);
        let is_usable = session.as_ref().is_some_and(Session::is_usable);
        if !is_usable || !board.state.leader {
            board.nobody(totals.waiting, totals.failed, session.is_some() && !is_usable);
        }
        Ok(board.state.clone())
    }

    /// Notes when something was last sent or fetched: at once after sending, now and then after fetching.
    async fn note_last_sync(&self) -> Result<(), EngineError> {
        let (at, sent) = {
            let mut board = lock(&self.board);
            (board.synced.take(), std::mem::take(&mut board.sent))
        };
        let Some(at) = at else { return Ok(()) };
        let service = self.service();
        let key = last_sync_key(&service.owner().await?);
        let noted: i64 = service.store().meta(&key).await?.and_then(|text| text.parse().ok()).unwrap_or(0);
        if sent || at.saturating_sub(noted) > LAST_SYNC_NOTED_MS {
            let change = StoreChange::PutMeta { key, value: at.to_string() };
            service.store().commit(None, vec![change]).await?;
        }
        Ok(())
    }

    /// Syncs for as long as this tab leads: never ends.
    pub async fn lead(&self) {
        lock(&self.board).state.leader = true;
        loop {
            let rest = match self.lead_once().await {
                Ok(()) => 0,
                Err(ClientError::SignInNeeded) => REST_MS,
                Err(error) => {
                    lock(&self.board).trouble(EngineError::from(error).message);
                    FAULT_REST_MS
                }
            };
            (self.tell)(&Event::SyncChanged);
            let platform = self.service().platform().clone();
            platform.idle(rest).await;
        }
    }

    async fn lead_once(&self) -> Result<(), ClientError> {
        // Settings that cannot be read are the defaults: they must not keep work from being sent.
        drop(self.take_settings().await);
        let service = self.service();
        if !service.session().await?.as_ref().is_some_and(Session::is_usable) {
            return Err(ClientError::SignInNeeded);
        }
        let hints = Hints::default();
        *self.hints.borrow_mut() = hints.clone();
        let mut engine = SyncEngine::open(service).await?.observed(self.observer());
        lock(&self.board).quality(engine.engine().quality());
        lock(&self.board).batch_size(engine.engine().config().max_batch_size);
        engine.watch(&hints, self.fetch_interval_ms()).await
    }

    fn observer(&self) -> Observer {
        let (board, tell, platform) =
            (Arc::clone(&self.board), Arc::clone(&self.tell), self.service().platform().clone());
        Arc::new(move |event: &SyncEvent| {
            lock(&board).take(event, platform.now_ms());
            tell(&Event::SyncChanged);
        })
    }

    /// Takes note of what another context wrote. Settings that changed make the loop start anew.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn store_changed(&self) -> Result<(), EngineError> {
        self.note_last_sync().await?;
        if self.take_settings().await? {
            self.hints.borrow().stop();
        }
        Ok(())
    }

    /// Sends and fetches once, without waiting: for the service worker, which has no time.
    ///
    /// # Errors
    /// `sign_in_needed`; errors of network and store.
    pub async fn sync_once(&self) -> Result<RunReport, EngineError> {
        let mut engine = SyncEngine::open(self.service()).await?.observed(self.observer());
        let (result, drained) = engine.sync(SyncOptions { patience_ms: 0 }).await?;
        self.note_last_sync().await?;
        let summary = result.to_remote.summary;
        Ok(RunReport { successful: summary.successful, failed: summary.failed, done: drained == Drained::Empty })
    }
}
