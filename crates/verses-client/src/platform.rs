//! What the client asks of the platform: the time, randomness, sleep. Native here; the browser is in `browser`.
//!
//! Everything that decides takes these through [`Platform`], so that a simulator can own them.

use std::future::Future;

use uuid::Uuid;
use verses_store::{MaybeSend, MaybeSendSync};

/// Time, randomness and sleep.
pub trait Platform: Clone + MaybeSendSync + 'static {
    /// Milliseconds since the Unix epoch, by the device's clock, right or wrong.
    fn now_ms(&self) -> i64;

    /// Milliseconds on a clock that never goes back; its zero means nothing.
    fn monotonic_ms(&self) -> u64;

    /// A random number.
    fn random(&self) -> u64;

    /// Completes after `ms` milliseconds.
    fn sleep(&self, ms: u64) -> impl Future<Output = ()> + MaybeSend;

    /// Completes after `ms` milliseconds, or before that when there may be something to do.
    fn idle(&self, ms: u64) -> impl Future<Output = ()> + MaybeSend {
        self.sleep(ms)
    }
}

/// A new id: UUID version 7, so that ids made later sort later.
pub fn new_id<P: Platform>(platform: &P) -> Uuid {
    let mut random = [0u8; 10];
    random[..8].copy_from_slice(&platform.random().to_le_bytes());
    random[8..].copy_from_slice(&platform.random().to_le_bytes()[..2]);
    // A clock before 1970 gives 0: the random part still makes the id unique.
    let millis = u64::try_from(platform.now_ms()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// The operating system's clock, randomness and tokio's timer.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Debug, Clone, Copy, Default)]
pub struct Native;

#[cfg(not(target_arch = "wasm32"))]
impl Platform for Native {
    fn now_ms(&self) -> i64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic_ms(&self) -> u64 {
        static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        let start = START.get_or_init(std::time::Instant::now);
        u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn random(&self) -> u64 {
        use rand::TryRngCore;
        // The operating system's source does not fail once it has started; the clock is a poor but working substitute.
        rand::rngs::OsRng
            .try_next_u64()
            .unwrap_or_else(|_| self.monotonic_ms() ^ self.now_ms().unsigned_abs().rotate_left(32))
    }

    async fn sleep(&self, ms: u64) {
        tokio::time::sleep(std::time::Duration::from_millis(ms)).await;
    }
}
