//! Many short histories made at random: three devices, faults, restarts, servers restored from backups, clocks that jump.
//! Whatever happened, once the faults are over everybody holds the same, and nothing was lost.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod common;

use std::collections::BTreeMap;

use common::{Device, Fault, Route, Server, World, add, patient};
use futures_util::FutureExt;
use verses_client::{ClientConfig, Drained, Platform, ProfileChange, SyncOptions};
use verses_core::Phase;
use verses_server::storage::memory::MemoryStorage;
use verses_store::LocalStore;

const STEPS: usize = 60;
const REFERENCES: [&str; 8] =
    ["John 3:16", "Psalm 23:1", "Romans 8:28", "Psalm 119:1", "Psalm 119:2", "Genesis 1:1", "Luke 2:1", "Acts 1:8"];

struct Run {
    world: World,
    server: Server,
    devices: Vec<Device>,
    dice: common::Clock,
    backups: Vec<MemoryStorage>,
}

impl Run {
    async fn new(seed: u64) -> Self {
        let world = World::default();
        let server = Server::new(&world);
        let config = ClientConfig { changes_per_page: 7, ..ClientConfig::default() };
        let mut devices = Vec::new();
        for number in 0..3 {
            let device = Device::with(&server, &world, seed * 1_000 + number, config.clone());
            match number {
                0 => device.service.sign_up(Some("a@example.org"), Some("password")).await.unwrap(),
                _ => device.service.sign_in("a@example.org", "password").await.unwrap(),
            };
            devices.push(device);
        }
        let dice = common::Clock::new(&world, seed);
        Self { backups: vec![server.backup()], world, server, devices, dice }
    }

    fn roll(&self, sides: u64) -> u64 {
        self.dice.random() % sides
    }

    fn fault(&self) -> Fault {
        match self.roll(10) {
            0 => Fault::Offline,
            1 => Fault::LostAnswer,
            2 => Fault::LostRequest,
            3 => Fault::Page(200),
            4 => Fault::RateLimited { retry_after_ms: 3_000 },
            5 => Fault::Unauthorized,
            6 => Fault::Unavailable,
            7 => Fault::NoBatchRoute,
            8 => Fault::Stall,
            _ => Fault::TooMany { most: 2, told: false },
        }
    }

    async fn step(&mut self) {
        let device = self.devices[self.roll(3) as usize].clone();
        match self.roll(20) {
            0..=3 => {
                add(&device, &[REFERENCES[self.roll(8) as usize]]).await;
            }
            4..=9 => self.work_on_a_card(&device).await,
            10 => {
                let name = ProfileChange { full_name: Some(format!("{}", self.roll(99))), ..ProfileChange::default() };
                device.service.update_profile(name).await.unwrap();
            }
            11 => {
                let at = self.roll(3 * 24 * 3_600_000);
                self.world.advance(at);
            }
            12 => device.clock.set_skew_ms(self.roll(20 * 24 * 3_600_000) as i64 - 10 * 24 * 3_600_000),
            13 => self.backups.push(self.server.backup()),
            14 if self.roll(3) == 0 => {
                self.server.restore(self.backups[self.roll(self.backups.len() as u64) as usize].backup());
            }
            15 => self.kill_in_the_middle(&device).await,
            16 => {
                let queue = device.queue();
                if !queue.is_empty() {
                    let id = queue[self.roll(queue.len() as u64) as usize].clone();
                    // One that a killed process was sending cannot be discarded yet.
                    drop(device.service.discard(&[id]).await);
                }
            }
            _ => {
                for route in [Route::Operations, Route::Changes] {
                    let count = self.roll(3);
                    device.link.next(route, (0..count).map(|_| self.fault()).collect::<Vec<_>>());
                }
                let patience_ms = self.roll(100_000);
                // Runs that end in an error or too early are part of the test.
                drop(device.engine().await.sync(SyncOptions { patience_ms }).await);
            }
        }
    }

    async fn work_on_a_card(&self, device: &Device) {
        let cards = device.cards().await;
        if cards.is_empty() {
            return;
        }
        let verse = cards[self.roll(cards.len() as u64) as usize].verse_id;
        match self.roll(6) {
            0 => device.service.archive(verse, self.roll(2) == 0).await.unwrap(),
            1 => device.service.set_phase(verse, Phase::Weekly).await.unwrap(),
            _ => device.service.record_review(verse, self.roll(4) != 0, None).await.unwrap(),
        };
        self.world.advance(1 + self.roll(2_000));
    }

    async fn kill_in_the_middle(&self, device: &Device) {
        device.link.next(Route::Operations, [Fault::Silence]);
        let mut engine = device.engine().await;
        drop(engine.process_batch_queue(SyncOptions::default()).now_or_never());
        device.link.stop_faults();
    }

    /// The faults are over: syncs until nothing moves any more.
    async fn calm_down(&self) {
        for round in 0..4 {
            for device in &self.devices {
                device.link.stop_faults();
                let (_, drained) = device.engine().await.sync(patient()).await.unwrap();
                assert_eq!(drained, Drained::Empty);
                if round < 3 {
                    device.service.retry_failed(&device.queue()).await.unwrap();
                }
            }
        }
    }

    async fn assert_agreement(&self, seed: u64) {
        let user = self.devices[0].user().await;
        let (cards, profile) = (self.server.cards(&user), self.server.profile(&user));
        let there = self.server.events(&user);
        for (number, device) in self.devices.iter().enumerate() {
            let place = format!("seed {seed}, device {number}");
            let rows = device.store.queue_of(&user, false, 100).await.unwrap();
            assert!(rows.is_empty(), "{place}: {rows:?}");
            let mut here = BTreeMap::new();
            for card in device.cards().await {
                let events = device.store.events(&user, card.verse_id).await.unwrap();
                here.extend(events.into_iter().map(|s| (s.event.operation_id.to_string(), s.event)));
            }
            for id in here.keys().chain(there.keys()) {
                assert_eq!(here.get(id), there.get(id), "{place}: {id}, here and there");
            }
            assert_eq!(device.cards().await, cards, "{place}");
            let name = device.service.profile().await.unwrap().full_name.value;
            assert_eq!(name, profile.full_name, "{place}");
        }
    }
}

#[tokio::test]
async fn whatever_happened_everybody_agrees_once_the_faults_are_over() {
    // The last ones have found faults of their own.
    for seed in (1..=60).chain([72, 1073, 1721]) {
        let mut run = Run::new(seed).await;
        for _ in 0..STEPS {
            run.step().await;
        }
        run.calm_down().await;
        run.assert_agreement(seed).await;
    }
}
