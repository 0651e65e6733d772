//! A device: its store, its state, and the processes on it. What a person does with it is in `act`.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use batchsync::{BatchConfig, Delivery};
use verses_client::{ClientConfig, DataService, Hints, NoTexts, SyncEngine, SyncEvent, SyncOptions};
use verses_store::{LocalStore, MemoryStore};

use super::clock::SimClock;
use super::link::SimLink;
use super::store::SimStore;
use super::{Shared, World, lock};
use crate::broken;
use crate::checks::{Seen, at_once};
use crate::kernel::Owner;
use crate::params::ClientParams;
use crate::plan::Act;
use crate::stats::FaultKind;

pub(crate) type Service = DataService<SimStore, SimLink, SimClock>;
pub(crate) type Engine = SyncEngine<SimStore, SimLink, SimClock>;

/// A device.
pub(crate) struct Device {
    /// What is durable. Survives every kill.
    pub(crate) store: Mutex<MemoryStore>,
    /// For a variant that loses commits: the store as it was before the last of them.
    pub(crate) before: Mutex<Option<MemoryStore>>,
    pub(crate) state: Mutex<DeviceState>,
    pub(crate) config: ClientConfig,
}

/// What of a device changes.
#[derive(Default)]
pub(crate) struct DeviceState {
    pub(crate) skew_ms: i64,
    pub(crate) drift_ppm: i64,
    pub(crate) drifts_from_ms: i64,
    pub(crate) slept_ms: u64,
    /// Since when it sleeps; its monotonic clock stands still.
    pub(crate) asleep_since_ms: Option<u64>,
    pub(crate) offline_until_ms: u64,
    pub(crate) portal_until_ms: u64,
    pub(crate) full_until_ms: u64,
    /// Rows of a later release, and until when the older one runs.
    pub(crate) unreadable: BTreeSet<String>,
    pub(crate) old_release_until_ms: u64,
    pub(crate) slowness: u64,
    /// The processes end at this call of the store.
    pub(crate) dies_in_calls: Option<u32>,
    /// The user whose device it is, once somebody has signed in.
    pub(crate) belongs_to: Option<usize>,
    /// Whether a process syncs: it holds the lock.
    pub(crate) syncing: bool,
    pub(crate) hints: Option<Hints>,
    pub(crate) acting: bool,
    pub(crate) todo: VecDeque<Act>,
    /// Counts starts, so that what was planned for an earlier one finds its process gone.
    pub(crate) starts: u64,
}

impl Device {
    pub(crate) fn new(number: usize, params: &ClientParams) -> Self {
        // Devices of one run differ, so that one with batches meets one without.
        let individual = params.individual_only && number == 0;
        let batch = BatchConfig {
            max_batch_size: params.max_batch_size,
            max_in_flight: params.max_in_flight,
            network_aware_throttling: params.adaptive,
            max_queue_len: params.max_queue_len,
            max_age_ms: params.max_age_ms,
            coalescing_kinds: if params.coalesce_profile { vec!["update_profile".into()] } else { Vec::new() },
            delivery: if individual { Delivery::IndividualOnly } else { Delivery::Auto },
            ..BatchConfig::default()
        };
        let zones = ["UTC", "Europe/Berlin", "Pacific/Apia"];
        let config = ClientConfig {
            batch,
            changes_per_page: params.changes_per_page,
            time_zone: zones[number % zones.len()].to_owned(),
            ..ClientConfig::default()
        };
        let state = DeviceState { slowness: 1, ..DeviceState::default() };
        Self { store: Mutex::default(), before: Mutex::new(None), state: Mutex::new(state), config }
    }

    /// The store, without the wrapper: for those who check.
    pub(crate) fn rows(&self) -> MemoryStore {
        lock(&self.store).clone()
    }
}

impl World {
    /// The data service of a device, as a process that has just started has it.
    pub(crate) fn service(world: &Shared, device: usize) -> Service {
        let store = SimStore { world: Arc::clone(world), device };
        let link = SimLink { world: Arc::clone(world), device };
        let clock = SimClock { world: Arc::clone(world), device };
        DataService::new(store, link, clock, Arc::new(NoTexts), world.devices[device].config.clone())
    }

    pub(crate) async fn engine(world: &Shared, device: usize) -> Result<Engine, verses_client::ClientError> {
        let seen = Arc::clone(world);
        let observer = move |event: &SyncEvent| {
            let altered = broken::told(&seen, event);
            seen.seen(&Seen::Told { device, event: altered.as_ref().unwrap_or(event) });
        };
        Ok(SyncEngine::open(Self::service(world, device)).await?.observed(Arc::new(observer)))
    }

    /// Starts a process that stays in sync. One at a time per device.
    pub(crate) fn open(world: &Shared, device: usize) {
        let hints = Hints::default();
        {
            let mut state = lock(&world.devices[device].state);
            if state.syncing {
                if let Some(hints) = &state.hints {
                    hints.foregrounded();
                }
                return;
            }
            state.syncing = true;
            state.hints = Some(hints.clone());
        }
        let shared = Arc::clone(world);
        let interval = world.params.client.fetch_interval_ms;
        world.kernel.spawn(Owner::Device(device), async move {
            let ended = match Self::engine(&shared, device).await {
                Ok(mut engine) => engine.watch(&hints, interval).await,
                Err(error) => Err(error),
            };
            shared.kernel.note(|| format!("device {device}: the app's sync ended: {ended:?}"));
            lock(&shared.devices[device].state).stopped_syncing();
        });
    }

    /// Starts a process that syncs once.
    pub(crate) fn sync_once(world: &Shared, device: usize, patience_ms: u64) {
        if std::mem::replace(&mut lock(&world.devices[device].state).syncing, true) {
            return;
        }
        let shared = Arc::clone(world);
        world.kernel.spawn(Owner::Device(device), async move {
            let ended = match Self::engine(&shared, device).await {
                Ok(mut engine) => engine.sync(SyncOptions { patience_ms }).await,
                Err(error) => Err(error),
            };
            if let Ok((result, _)) = &ended {
                shared.seen(&Seen::Synced { device, result });
            }
            shared.kernel.note(|| match &ended {
                Ok((_, drained)) => format!("device {device}: sync ended: {drained:?}"),
                Err(error) => format!("device {device}: sync ended: {error}"),
            });
            lock(&shared.devices[device].state).stopped_syncing();
        });
    }

    /// Ends all processes of a device at once.
    pub(crate) fn kill(&self, device: usize) {
        let of = &self.devices[device];
        self.kernel.kill(Owner::Device(device));
        if let Some(before) = lock(&of.before).take() {
            *lock(&of.store) = before;
        }
        let mut state = lock(&of.state);
        state.stopped_syncing();
        state.acting = false;
        state.todo.clear();
        state.dies_in_calls = None;
        state.starts += 1;
        drop(state);
        self.kernel.note(|| format!("device {device}: all processes killed"));
        self.seen(&Seen::Killed { device });
    }

    /// What is queued now cannot be read until `until_ms`. Every process ends for the change of the release.
    pub(crate) fn old_release(&self, device: usize, until_ms: u64) {
        self.fault(FaultKind::OldRelease);
        self.kill(device);
        let rows = at_once(self.devices[device].rows().queue_metas(None, u32::MAX)).unwrap_or_default();
        let mut state = lock(&self.devices[device].state);
        state.unreadable = rows.into_iter().map(|meta| meta.id).collect();
        state.old_release_until_ms = until_ms;
    }

    /// Puts a device to sleep for `ms`.
    pub(crate) fn suspend(world: &Shared, device: usize, ms: u64) {
        {
            let mut state = lock(&world.devices[device].state);
            if state.asleep_since_ms.is_some() {
                return;
            }
            state.asleep_since_ms = Some(world.kernel.now_ms());
        }
        world.fault(FaultKind::Suspend);
        world.kernel.pause(Owner::Device(device));
        let shared = Arc::clone(world);
        world.kernel.after(ms, move || {
            lock(&shared.devices[device].state).wake(shared.kernel.now_ms());
            shared.kernel.resume(Owner::Device(device));
        });
    }
}

impl DeviceState {
    /// It sleeps no longer, however long it was to sleep.
    pub(crate) fn wake(&mut self, now_ms: u64) {
        if let Some(since) = self.asleep_since_ms.take() {
            self.slept_ms += now_ms.saturating_sub(since);
        }
    }

    fn stopped_syncing(&mut self) {
        self.syncing = false;
        self.hints = None;
    }
}
