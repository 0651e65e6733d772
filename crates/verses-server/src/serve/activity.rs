//! What one connection is doing, and until when it may go on like that. Pure but for the lock: the time comes in.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::config::ServerConfig;

/// How long a connection may take to end after it was told to, while nothing is in flight on it.
const PARTING: Duration = Duration::from_secs(2);

/// Times allowed to a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// From the first byte of a head, or from the beginning of the connection, to the end of the head.
    pub(super) head: Duration,
    /// Without a request.
    pub(super) idle: Duration,
    /// For a request, from its head to the last byte of its answer.
    pub(super) request: Duration,
}

impl Patience {
    pub(super) fn of(config: &ServerConfig) -> Self {
        let ms = Duration::from_millis;
        // The body, the work on it, and an answer as slow as the slowest body. Each has its own limit; this one is for
        // what slips through all of them.
        let request = ms(config.body_timeout_ms).saturating_mul(2).saturating_add(ms(config.request_timeout_ms));
        Self { head: ms(config.header_timeout_ms), idle: ms(config.idle_timeout_ms), request }
    }
}

/// What becomes of a connection at its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// It is told that no more requests are taken, and ends by itself.
    Close,
    /// It ends at once.
    Cut,
}

/// The state of one connection. Cloning gives another handle.
#[derive(Debug, Clone)]
pub(super) struct Activity {
    patience: Patience,
    state: Arc<Mutex<State>>,
    changed: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    /// Since when there is no request, if there is none.
    quiet_since: Instant,
    /// When the first byte after that came.
    heard: Option<Instant>,
    seen_request: bool,
    /// Several requests share the connection: what comes between them need not be a head.
    multiplexed: bool,
    closing_since: Option<Instant>,
    /// Requests that are being answered, each with its deadline; `None` for an answer that goes on until its end.
    requests: BTreeMap<u64, Option<Instant>>,
    next: u64,
}

impl Activity {
    pub(super) fn new(patience: Patience, now: Instant) -> Self {
        let state = State {
            quiet_since: now,
            heard: None,
            seen_request: false,
            multiplexed: false,
            closing_since: None,
            requests: BTreeMap::new(),
            next: 0,
        };
        Self { patience, state: Arc::new(Mutex::new(state)), changed: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes came in.
    pub(super) fn heard(&self, now: Instant) {
        let mut state = self.state();
        if state.requests.is_empty() && state.heard.is_none() {
            state.heard = Some(now);
            drop(state);
            self.changed.notify_one();
        }
    }

    /// A request begins. It lasts until the guard is dropped.
    pub(super) fn request(&self, multiplexed: bool, now: Instant) -> Request {
        let mut state = self.state();
        let id = state.next;
        state.next += 1;
        state.seen_request = true;
        state.multiplexed = multiplexed;
        state.requests.insert(id, now.checked_add(self.patience.request));
        Request { activity: self.clone(), id }
    }

    /// No more requests are taken.
    pub(super) fn closing(&self, now: Instant) {
        self.state().closing_since.get_or_insert(now);
    }

    /// Until when this may go on, and what happens then. `None`: as long as it lasts.
    pub(super) fn deadline(&self) -> Option<(Instant, Then)> {
        let state = self.state();
        if !state.requests.is_empty() {
            return state.requests.values().flatten().min().map(|at| (*at, Then::Cut));
        }
        let after = |from: Instant, wait: Duration| from.checked_add(wait);
        if let Some(closing) = state.closing_since {
            return after(closing.max(state.quiet_since), PARTING).map(|at| (at, Then::Cut));
        }
        match state.heard {
            _ if !state.seen_request => after(state.quiet_since, self.patience.head).map(|at| (at, Then::Cut)),
            Some(heard) if !state.multiplexed => after(heard, self.patience.head).map(|at| (at, Then::Cut)),
            _ => after(state.quiet_since, self.patience.idle).map(|at| (at, Then::Close)),
        }
    }

    /// Waits until the deadline may have moved nearer.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}

/// A request on a connection.
#[derive(Debug)]
pub(super) struct Request {
    activity: Activity,
    id: u64,
}

impl Request {
    /// Its answer goes on until it ends by itself.
    pub(super) fn goes_on(&self) {
        if let Some(deadline) = self.activity.state().requests.get_mut(&self.id) {
            *deadline = None;
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let mut state = self.activity.state();
        state.requests.remove(&self.id);
        if state.requests.is_empty() {
            state.quiet_since = Instant::now();
            state.heard = None;
        }
        drop(state);
        self.activity.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience =
        Patience { head: Duration::from_secs(10), idle: Duration::from_secs(75), request: Duration::from_secs(600) };

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_head_has_its_time_from_the_start_whatever_comes() {
        let start = Instant::now();
        let activity = Activity::new(PATIENCE, start);
        assert_eq!(activity.deadline(), Some((start + seconds(10), Then::Cut)));
        activity.heard(start + seconds(9));
        assert_eq!(activity.deadline(), Some((start + seconds(10), Then::Cut)));
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_closed_and_a_head_that_began_is_cut() {
        let start = Instant::now();
        let activity = Activity::new(PATIENCE, start);
        let request = activity.request(false, start);
        assert_eq!(activity.deadline(), Some((start + seconds(600), Then::Cut)));
        tokio::time::advance(seconds(100)).await;
        drop(request);
        assert_eq!(activity.deadline(), Some((start + seconds(175), Then::Close)));
        activity.heard(start + seconds(120));
        activity.heard(start + seconds(129));
        assert_eq!(activity.deadline(), Some((start + seconds(130), Then::Cut)), "from the first byte, not the last");
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_between_requests_that_share_a_connection_are_no_head() {
        let start = Instant::now();
        let activity = Activity::new(PATIENCE, start);
        drop(activity.request(true, start));
        activity.heard(start + seconds(1));
        assert_eq!(activity.deadline(), Some((start + seconds(75), Then::Close)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_request_counts_and_one_that_goes_on_does_not() {
        let start = Instant::now();
        let activity = Activity::new(PATIENCE, start);
        let stream = activity.request(true, start);
        let (_second, _third) =
            (activity.request(true, start + seconds(5)), activity.request(true, start + seconds(9)));
        stream.goes_on();
        assert_eq!(activity.deadline(), Some((start + seconds(605), Then::Cut)));
        drop((_second, _third));
        assert_eq!(activity.deadline(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn once_told_to_end_only_what_is_in_flight_keeps_it_open() {
        let start = Instant::now();
        let activity = Activity::new(PATIENCE, start);
        let request = activity.request(false, start);
        activity.closing(start);
        assert_eq!(activity.deadline(), Some((start + seconds(600), Then::Cut)));
        tokio::time::advance(seconds(7)).await;
        drop(request);
        assert_eq!(activity.deadline(), Some((start + seconds(7) + PARTING, Then::Cut)));
    }
}
