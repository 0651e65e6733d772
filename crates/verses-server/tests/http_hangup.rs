//! A client that goes away while its request is being worked on: what was committed is told to the user's other devices.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

#[path = "common/http.rs"]
mod http;
#[path = "common/raw.rs"]
mod raw;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::{ALICE, EVENTS, OPERATIONS, batch, config, start_over, token};
use raw::{PATIENCE, say};
use serde_json::json;
use tokio::sync::Notify;
use verses_core::{CardEvent, UnixMillis, Verse, VerseId};
use verses_server::storage::memory::MemoryStorage;
use verses_server::storage::{Decision, LedgerPage, Loaded, Storage, StorageError, UserId, Wanted};

/// Commits, says so, and answers when it is allowed to.
#[derive(Debug, Clone)]
struct Gate {
    inner: MemoryStorage,
    committed: Arc<Notify>,
    go_on: Arc<Notify>,
}

impl Storage for Gate {
    async fn transact<D: Decision>(
        &self,
        user: UserId,
        wanted: Wanted,
        decision: D,
    ) -> Result<D::Answer, StorageError> {
        let answer = self.inner.transact(user, wanted, decision).await;
        self.committed.notify_one();
        self.go_on.notified().await;
        answer
    }

    async fn read(&self, user: UserId, wanted: Wanted) -> Result<Loaded, StorageError> {
        self.inner.read(user, wanted).await
    }

    async fn catalogue(&self, ids: BTreeSet<VerseId>) -> Result<BTreeMap<VerseId, Verse>, StorageError> {
        self.inner.catalogue(ids).await
    }

    async fn ledger_after(&self, user: UserId, after: u64, limit: u32) -> Result<LedgerPage, StorageError> {
        self.inner.ledger_after(user, after, limit).await
    }

    async fn events_of(&self, user: UserId, verse: VerseId) -> Result<Vec<CardEvent>, StorageError> {
        self.inner.events_of(user, verse).await
    }

    async fn everything(&self, user: UserId) -> Result<Loaded, StorageError> {
        self.inner.everything(user).await
    }

    async fn erase(&self, user: UserId, at: UnixMillis) -> Result<(), StorageError> {
        self.inner.erase(user, at).await
    }

    async fn epoch(&self) -> Result<uuid::Uuid, StorageError> {
        self.inner.epoch().await
    }

    async fn ping(&self) -> Result<(), StorageError> {
        self.inner.ping().await
    }
}

#[tokio::test]
async fn what_was_committed_is_told_though_its_sender_hung_up() {
    let gate = Gate { inner: MemoryStorage::new(), committed: Arc::default(), go_on: Arc::default() };

    let server = start_over(config(), gate.clone()).await;
    let mut other_device = server.request("GET", EVENTS).bearer_auth(token(ALICE)).send().await.unwrap();
    let body = batch(&json!([{ "id": "c", "type": "create", "data": { "reference": "John 3:16" } }])).to_string();
    let head = format!(
        "POST {OPERATIONS} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\r\n",
        token(ALICE),
        body.len()
    );
    let sender = say(server.address, format!("{head}{body}").as_bytes()).await;
    tokio::time::timeout(PATIENCE, gate.committed.notified()).await.expect("it commits");
    drop(sender);
    // Until the server has noticed: its handler is gone.
    let noticed = async {
        while !server.metrics().await.contains("verses_http_requests_in_flight 0\n") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, noticed).await.expect("the server notices");
    gate.go_on.notify_one();
    let poke = tokio::time::timeout(PATIENCE, other_device.chunk()).await.expect("a poke comes").unwrap().unwrap();
    assert!(String::from_utf8_lossy(&poke).contains("event: change"));
    drop(other_device);
    server.stop().await;
}
