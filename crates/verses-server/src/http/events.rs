//! Pokes: a stream of server-sent events per user that says "something changed". What changed is pulled.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use tokio::sync::watch;

use crate::storage::UserId;

/// How often an idle stream shows that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// Who listens, by user. Cloning gives another handle.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hub(Arc<Mutex<HashMap<UserId, watch::Sender<u64>>>>);

impl Hub {
    /// Tells the user's listeners. Never blocks.
    pub(crate) fn poke(&self, user: UserId) {
        let mut listeners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = listeners.get(&user) {
            if sender.receiver_count() == 0 {
                listeners.remove(&user);
            } else {
                sender.send_modify(|n| *n += 1);
            }
        }
    }

    /// Tells all listeners. Never blocks.
    pub(crate) fn poke_everyone(&self) {
        let mut listeners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|_, sender| sender.receiver_count() > 0);
        listeners.values().for_each(|sender| sender.send_modify(|n| *n += 1));
    }

    fn listen(&self, user: UserId) -> watch::Receiver<u64> {
        let mut listeners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.entry(user).or_insert_with(|| watch::channel(0).0).subscribe()
    }

    /// The stream of one listener. It ends when the token does, or the server.
    pub(crate) fn stream(
        &self,
        user: UserId,
        life: Duration,
        mut stopping: watch::Receiver<bool>,
    ) -> Sse<impl Stream<Item = Result<Event, Infallible>> + use<>> {
        let mut pokes = self.listen(user);
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        tokio::spawn(async move {
            let end = tokio::time::sleep(life);
            tokio::pin!(end);
            loop {
                tokio::select! {
                    () = &mut end => return,
                    // Told once, when the server is asked to stop, or gone with it.
                    _ = stopping.changed() => return,
                    () = sender.closed() => return,
                    changed = pokes.changed() => {
                        let event = Event::default().event("change").data("{}");
                        if changed.is_err() || sender.send(Ok(event)).await.is_err() {
                            return;
                        }
                    }
                }
            }
        });
        let stream = futures_util::stream::unfold(receiver, |mut r| async { r.recv().await.map(|event| (event, r)) });
        Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
    }
}
