//! A device's clock and randomness: wrong by what the plan says, the same in every run of a seed.

use verses_client::Platform;

use super::{Shared, lock};
use crate::broken::Broken;

/// The platform of a device.
#[derive(Clone)]
pub(crate) struct SimClock {
    pub(crate) world: Shared,
    pub(crate) device: usize,
}

impl Platform for SimClock {
    fn now_ms(&self) -> i64 {
        let now = self.world.now().0;
        let state = lock(&self.world.devices[self.device].state);
        let since = now.saturating_sub(state.drifts_from_ms);
        now.saturating_add(state.skew_ms).saturating_add(since / 1_000 * state.drift_ppm / 1_000)
    }

    /// It stands still while the device sleeps, as the monotonic clock of most systems does.
    fn monotonic_ms(&self) -> u64 {
        let state = lock(&self.world.devices[self.device].state);
        let now = state.asleep_since_ms.unwrap_or_else(|| self.world.kernel.now_ms());
        now.saturating_sub(state.slept_ms)
    }

    fn random(&self) -> u64 {
        self.world.kernel.random()
    }

    async fn sleep(&self, ms: u64) {
        if self.world.is_broken(Broken::SleepForever) && ms > 500 {
            return std::future::pending().await;
        }
        self.world.kernel.sleep(ms.min(40 * 24 * 3_600_000)).await;
    }
}
