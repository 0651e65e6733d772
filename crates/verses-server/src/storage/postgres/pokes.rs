//! Pokes between the servers of one database, through LISTEN and NOTIFY on a connection of their own. A poke is a hint: one
//! that is lost delays a device until it asks by itself.
//!
//! They are not sent with the transaction that causes them: every commit that notifies waits for every other one. They are
//! collected and sent in groups a moment later.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_postgres::tls::TlsStream;
use tokio_postgres::{AsyncMessage, Client, Connection, Socket};
use uuid::Uuid;

use super::reach::Reach;
use crate::storage::{Heard, Poke, UserId};

const CHANNEL: &str = "verses_pokes";
/// Users that may wait to be announced; further ones are left out.
const MAX_WAITING: usize = 10_000;
/// How long users are collected, and how many fit into one notification of at most 8,000 bytes.
const COLLECT: Duration = Duration::from_millis(50);
const MAX_IN_ONE: usize = 200;
/// Waits between attempts to connect.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What is to be told to the others. Cloning gives another handle.
#[derive(Debug, Clone)]
pub(super) struct Pokes {
    announced: mpsc::Sender<UserId>,
}

/// A connection that listens: what it hears, and what it says.
struct Line {
    client: Client,
    heard: mpsc::Receiver<String>,
}

impl Pokes {
    /// Starts telling and listening. Ends with the last handle.
    pub(super) fn start(url: String, heard: Heard) -> Self {
        let (announced, mut to_announce) = mpsc::channel(MAX_WAITING);
        let own = Uuid::new_v4();
        tokio::spawn(async move {
            let mut wait = FIRST_WAIT;
            let mut was_connected = false;
            while !to_announce.is_closed() {
                match Line::open(&url).await {
                    Ok(line) => {
                        wait = FIRST_WAIT;
                        if was_connected {
                            // Whatever was said meanwhile was missed.
                            heard(Poke::Everyone);
                        }
                        was_connected = true;
                        line.serve(own, &mut to_announce, &heard).await;
                    }
                    Err(error) => tracing::warn!(%error, "pokes of other servers cannot be heard now"),
                }
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        });
        Self { announced }
    }

    /// Tells the other servers, soon. Never blocks.
    pub(super) fn announce(&self, user: UserId) {
        if self.announced.try_send(user).is_err() {
            tracing::debug!("a poke for other servers is left out: too many wait");
        }
    }
}

impl Line {
    async fn open(url: &str) -> Result<Self, String> {
        let Reach { mut config, tls } = Reach::read(url).map_err(|error| error.to_string())?;
        config.application_name("verses-pokes");
        let (client, connection) = config.connect(tls).await.map_err(|error| super::faults::told(&error))?;
        let (sender, heard) = mpsc::channel(MAX_WAITING);
        tokio::spawn(hear(connection, sender));
        client.batch_execute(&format!("LISTEN {CHANNEL}")).await.map_err(|error| super::faults::told(&error))?;
        Ok(Self { client, heard })
    }

    /// Until the connection is gone, or nobody announces any more.
    async fn serve(mut self, own: Uuid, to_announce: &mut mpsc::Receiver<UserId>, heard: &Heard) {
        let mut users = Vec::new();
        loop {
            tokio::select! {
                text = self.heard.recv() => match text {
                    Some(text) => read(&text, own, heard),
                    None => return,
                },
                count = to_announce.recv_many(&mut users, MAX_IN_ONE) => {
                    if count == 0 {
                        return;
                    }
                    tokio::time::sleep(COLLECT).await;
                    while users.len() < MAX_IN_ONE && let Ok(user) = to_announce.try_recv() {
                        users.push(user);
                    }
                    let text = written(own, users.drain(..).collect());
                    if self.client.execute("SELECT pg_notify($1, $2)", &[&CHANNEL, &text]).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

/// Drives the connection and passes on what others say.
async fn hear<T: TlsStream + Unpin>(mut connection: Connection<Socket, T>, sender: mpsc::Sender<String>) {
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        if let AsyncMessage::Notification(said) = message {
            drop(sender.try_send(said.payload().to_owned()));
        }
    }
}

/// Who says it, then the users, apart by spaces.
fn written(own: Uuid, users: BTreeSet<UserId>) -> String {
    users.into_iter().fold(own.simple().to_string(), |text, user| format!("{text} {}", user.simple()))
}

fn read(text: &str, own: Uuid, heard: &Heard) {
    let mut ids = text.split(' ').map(Uuid::parse_str);
    if ids.next().is_some_and(|from| from == Ok(own)) {
        return;
    }
    for user in ids.flatten() {
        heard(Poke::User(user));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn what_is_written_is_read_by_others_and_nonsense_by_nobody() {
        let users: BTreeSet<UserId> = (1..=200).map(Uuid::from_u128).collect();
        let text = written(Uuid::from_u128(7), users.clone());
        assert!(text.len() < 8_000, "{}", text.len());
        let all: Arc<Mutex<Vec<Poke>>> = Arc::default();
        let kept = Arc::clone(&all);
        let heard: Heard = Arc::new(move |poke| kept.lock().unwrap().push(poke));
        read(&text, Uuid::from_u128(7), &heard);
        for nonsense in ["", "x y z", " ", "00000000000000000000000000000007"] {
            read(nonsense, Uuid::from_u128(7), &heard);
        }
        assert!(all.lock().unwrap().is_empty());
        read(&text, Uuid::from_u128(8), &heard);
        assert_eq!(*all.lock().unwrap(), users.into_iter().map(Poke::User).collect::<Vec<_>>());
    }
}
