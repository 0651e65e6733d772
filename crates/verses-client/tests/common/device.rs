//! A device: its store, its clock, its link and the data service over them.

use std::sync::Arc;

use futures_util::FutureExt;
use verses_client::{
    CardWithVerse, ClientConfig, DataService, DualWriteResult, NewVerse, NoTexts, Observer, SyncEngine, SyncEvent,
    SyncOptions, SyncResult,
};
use verses_core::VerseId;
use verses_protocol::UserCard;
use verses_store::{LocalStore, MemoryStore};

use super::link::Link;
use super::server::Server;
use super::world::{Clock, World};

pub(crate) type Store = MemoryStore;
pub(crate) type Engine = SyncEngine<MemoryStore, Link, Clock>;

/// A device. Its fields are handles: a clone of one sees the same things.
#[derive(Clone)]
pub(crate) struct Device {
    pub(crate) service: DataService<MemoryStore, Link, Clock>,
    pub(crate) store: MemoryStore,
    pub(crate) link: Link,
    pub(crate) clock: Clock,
}

/// Keeps trying for a day of virtual time.
pub(crate) fn patient() -> SyncOptions {
    SyncOptions { patience_ms: 24 * 3_600_000 }
}

impl Device {
    pub(crate) fn new(server: &Server, world: &World, seed: u64) -> Self {
        Self::with(server, world, seed, ClientConfig::default())
    }

    pub(crate) fn with(server: &Server, world: &World, seed: u64, config: ClientConfig) -> Self {
        Self::on(MemoryStore::new(), server, world, seed, config)
    }

    /// A device, or another process, on a given store.
    pub(crate) fn on(store: MemoryStore, server: &Server, world: &World, seed: u64, config: ClientConfig) -> Self {
        let (link, clock) = (Link::new(server, world), Clock::new(world, seed));
        let service = DataService::new(store.clone(), link.clone(), clock.clone(), Arc::new(NoTexts), config);
        Self { service, store, link, clock }
    }

    pub(crate) async fn engine(&self) -> Engine {
        SyncEngine::open(self.service.clone()).await.unwrap()
    }

    pub(crate) async fn sync(&self) -> SyncResult {
        self.engine().await.sync(patient()).await.unwrap().0
    }

    pub(crate) async fn user(&self) -> String {
        self.service.owner().await.unwrap()
    }

    /// Ids in the queue, in order.
    pub(crate) fn queue(&self) -> Vec<String> {
        let rows = self.store.queue_metas(None, u32::MAX).now_or_never().unwrap().unwrap();
        rows.into_iter().map(|r| r.id).collect()
    }

    /// The cards as the server would show them, by verse.
    pub(crate) async fn cards(&self) -> Vec<UserCard> {
        let owner = self.user().await;
        self.store.cards(&owner).await.unwrap().iter().map(UserCard::from).collect()
    }
}

/// An observer that keeps what it is told.
pub(crate) fn recorder() -> (Observer, Arc<std::sync::Mutex<Vec<SyncEvent>>>) {
    let seen: Arc<std::sync::Mutex<Vec<SyncEvent>>> = Arc::default();
    let keep = Arc::clone(&seen);
    (Arc::new(move |event: &SyncEvent| keep.lock().unwrap().push(event.clone())), seen)
}

pub(crate) fn new_verse(reference: &str) -> NewVerse {
    NewVerse { reference: reference.into(), translation: Some("KJV".into()), text: None }
}

/// Adds passages; gives their verses.
pub(crate) async fn add(device: &Device, references: &[&str]) -> Vec<VerseId> {
    let verses: Vec<NewVerse> = references.iter().map(|r| new_verse(r)).collect();
    let results = device.service.add_verses(&verses, |_| {}).await.unwrap();
    let verse = |r: DualWriteResult<CardWithVerse>| match r.local.or(r.existing) {
        Some(card) => card.card.verse_id,
        None => panic!("not added: {:?}", r.errors),
    };
    results.into_iter().map(verse).collect()
}

/// Adds the first `count` verses of Psalm 119.
pub(crate) async fn add_many(device: &Device, count: usize) -> Vec<VerseId> {
    let references: Vec<String> = (1..=count).map(|v| format!("Psalm 119:{v}")).collect();
    add(device, &references.iter().map(String::as_str).collect::<Vec<_>>()).await
}

/// A world with a server and a device that has just signed up.
pub(crate) async fn signed_up() -> (World, Server, Device) {
    let world = World::default();
    let server = Server::new(&world);
    let device = Device::new(&server, &world, 1);
    device.service.sign_up(Some("a@example.org"), Some("password")).await.unwrap();
    (world, server, device)
}

/// Another device of the user of [`signed_up`].
pub(crate) async fn second_device(server: &Server, world: &World) -> Device {
    let device = Device::new(server, world, 2);
    device.service.sign_in("a@example.org", "password").await.unwrap();
    device
}

pub(crate) fn in_translation(reference: &str, translation: &str) -> NewVerse {
    NewVerse { reference: reference.into(), translation: Some(translation.into()), text: None }
}
