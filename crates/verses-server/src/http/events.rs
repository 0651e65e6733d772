//! Pokes: a stream of server-sent events per user that says "something changed". What changed is pulled.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::watch;
use tokio::time::Instant;

use super::layers::{GoesOn, Layers};
use super::metrics::{Limit, Present};
use crate::storage::UserId;

/// How often an idle stream shows that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Longest life of a stream. The client opens the next one.
const LONGEST: Duration = Duration::from_secs(3_600);

/// Who listens, by user. Cloning gives another handle.
#[derive(Debug, Clone)]
pub(crate) struct Hub {
    most_per_user: u32,
    layers: Arc<Layers>,
    listeners: Arc<Mutex<HashMap<UserId, Listeners>>>,
}

#[derive(Debug)]
struct Listeners {
    pokes: watch::Sender<u64>,
    count: u32,
}

/// One who listens, until this is dropped.
struct Listener {
    user: UserId,
    pokes: watch::Receiver<u64>,
    hub: Hub,
    _present: Present,
}

impl Hub {
    pub(crate) fn new(layers: Arc<Layers>) -> Self {
        Self { most_per_user: layers.config.max_streams_per_user, layers, listeners: Arc::default() }
    }

    /// Tells the user's listeners. Never blocks.
    pub(crate) fn poke(&self, user: UserId) {
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listeners) = listeners.get(&user) {
            listeners.pokes.send_modify(|n| *n += 1);
            self.layers.metrics.poke();
        }
    }

    /// Tells all listeners. Never blocks.
    pub(crate) fn poke_everyone(&self) {
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.values().for_each(|listeners| listeners.pokes.send_modify(|n| *n += 1));
    }

    fn listen(&self, user: UserId) -> Option<Listener> {
        let mut all = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        let listeners = all.entry(user).or_insert_with(|| Listeners { pokes: watch::channel(0).0, count: 0 });
        if listeners.count >= self.most_per_user {
            if listeners.count == 0 {
                all.remove(&user);
            }
            self.layers.metrics.limited(Limit::Streams);
            return None;
        }
        listeners.count += 1;
        Some(Listener {
            user,
            pokes: listeners.pokes.subscribe(),
            hub: self.clone(),
            _present: self.layers.metrics.stream(),
        })
    }

    /// The stream of one listener; `None` if the user has as many as may be. It ends when the token does, or the server,
    /// or after an hour.
    pub(crate) fn stream(&self, user: UserId, life: Duration, stopping: watch::Receiver<bool>) -> Option<Response> {
        let listener = self.listen(user)?;
        let end = Instant::now() + life.min(LONGEST);
        let events = stream::unfold((listener, stopping), move |(mut listener, mut stopping)| async move {
            tokio::select! {
                () = tokio::time::sleep_until(end) => None,
                // Told once, when the server is asked to stop, or gone with it.
                _ = stopping.changed() => None,
                changed = listener.pokes.changed() => {
                    changed.ok()?;
                    let event = Event::default().event("change").data("{}");
                    Some((Ok::<_, Infallible>(event), (listener, stopping)))
                }
            }
        });
        let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
        response.extensions_mut().insert(GoesOn);
        Some(response)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut all = self.hub.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listeners) = all.get_mut(&self.user) {
            listeners.count -= 1;
            if listeners.count == 0 {
                all.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ServerConfig;
    use crate::tasks::Tasks;

    #[test]
    fn a_user_has_so_many_listeners_and_nobody_is_remembered_after_the_last() {
        let config = ServerConfig { max_streams_per_user: 2, ..ServerConfig::default() };
        let hub = Hub::new(Arc::new(Layers::new(&config, Tasks::default(), crate::http::system_clock())));
        let user = UserId::from_u128(1);
        let (first, second) = (hub.listen(user).unwrap(), hub.listen(user).unwrap());
        assert!(hub.listen(user).is_none());
        assert!(hub.listen(UserId::from_u128(2)).is_some());
        drop(first);
        let third = hub.listen(user).unwrap();
        hub.poke(user);
        assert!(third.pokes.has_changed().unwrap());
        drop((second, third));
        assert!(hub.listeners.lock().unwrap().is_empty());
    }
}
