//! Virtual time and a device's clock on it. Sleeping moves the time; nothing here waits.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use verses_client::Platform;

/// The true time at the start of every test: 2026-03-02 08:00 UTC, a Monday.
pub(crate) const START_MS: i64 = 1_772_438_400_000;

type Action = Box<dyn FnOnce() + Send>;

/// The true time, and what is to happen at which moment. Cloning gives another handle.
#[derive(Clone, Default)]
pub(crate) struct World(Arc<WorldState>);

#[derive(Default)]
struct WorldState {
    elapsed_ms: AtomicU64,
    agenda: Mutex<BTreeMap<(u64, u64), Action>>,
    planned: AtomicU64,
}

impl World {
    pub(crate) fn elapsed_ms(&self) -> u64 {
        self.0.elapsed_ms.load(Ordering::Relaxed)
    }

    pub(crate) fn now_ms(&self) -> i64 {
        START_MS + self.elapsed_ms() as i64
    }

    /// Runs `action` once the time reaches `at_ms` after the start.
    pub(crate) fn at(&self, at_ms: u64, action: impl FnOnce() + Send + 'static) {
        let number = self.0.planned.fetch_add(1, Ordering::Relaxed);
        self.0.agenda.lock().unwrap().insert((at_ms, number), Box::new(action));
    }

    /// Moves the time on, stopping at what is on the agenda.
    pub(crate) fn advance(&self, ms: u64) {
        let until = self.elapsed_ms().saturating_add(ms);
        loop {
            let next = {
                let mut agenda = self.0.agenda.lock().unwrap();
                let due = agenda.first_key_value().is_some_and(|((at, _), _)| *at <= until);
                if due { agenda.pop_first() } else { None }
            };
            let Some(((at, _), action)) = next else { break };
            self.0.elapsed_ms.fetch_max(at, Ordering::Relaxed);
            action();
        }
        self.0.elapsed_ms.fetch_max(until, Ordering::Relaxed);
    }
}

/// A device's clock, right or wrong, and its randomness. Cloning gives another handle.
#[derive(Clone)]
pub(crate) struct Clock {
    world: World,
    skew_ms: Arc<AtomicI64>,
    seed: Arc<AtomicU64>,
}

impl Clock {
    pub(crate) fn new(world: &World, seed: u64) -> Self {
        Self { world: world.clone(), skew_ms: Arc::default(), seed: Arc::new(AtomicU64::new(seed)) }
    }

    /// How far the device's clock is ahead of the true time.
    pub(crate) fn set_skew_ms(&self, skew_ms: i64) {
        self.skew_ms.store(skew_ms, Ordering::Relaxed);
    }

    pub(crate) fn world(&self) -> &World {
        &self.world
    }
}

impl Platform for Clock {
    fn now_ms(&self) -> i64 {
        self.world.now_ms() + self.skew_ms.load(Ordering::Relaxed)
    }

    fn monotonic_ms(&self) -> u64 {
        self.world.elapsed_ms()
    }

    fn random(&self) -> u64 {
        // SplitMix64: good enough to make ids that differ, and the same in every run.
        let state = self.seed.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    async fn sleep(&self, ms: u64) {
        self.world.advance(ms);
        tokio::task::yield_now().await;
    }
}
