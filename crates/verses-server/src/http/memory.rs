//! How much memory requests may take together, whatever the number of connections: what arrives, what is worked on, and
//! what waits to be fetched.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::address::Caller;
use crate::config::ServerConfig;
use crate::counted::Counted;

/// A body up to this size, in bytes, is not counted while it arrives: the number of connections bounds those.
pub(super) const SMALL_BODY_BYTES: u64 = 16 * 1024;
/// An answer up to this size, in bytes, is not counted while it waits to be fetched.
pub(super) const SMALL_ANSWER_BYTES: usize = 16 * 1024;
/// For bodies that arrive, in bytes.
const ARRIVING_BYTES: u64 = 32 * 1024 * 1024;
/// For bodies that are worked on, in bytes, with all that is made of them.
const WORK_BYTES: u64 = 64 * 1024 * 1024;
/// For answers that wait to be fetched, in bytes.
const ANSWER_BYTES: u64 = 64 * 1024 * 1024;
/// What is made of a body while it is worked on, in multiples of its size. JSON of short numbers takes more, texts less.
const WORK_WEIGHT: u64 = 8;
/// Bodies above [`SMALL_BODY_BYTES`] that one address may send at once: no more than half of what fits.
const LARGE_BODIES_PER_CALLER: u32 = 16;
/// Bodies unpacked at once. Each may take the largest window of its coding.
const UNPACKING: usize = 4;
/// Unit of the budgets, in bytes.
const UNIT: u64 = 1024;

/// The budgets of one server.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(super) arriving: Budget,
    pub(super) answers: Budget,
    pub(super) large: Counted<Caller>,
    pub(super) unpacking: Semaphore,
    work: Budget,
}

impl Memory {
    pub(super) fn new(config: &ServerConfig) -> Self {
        let largest = config.max_request_bytes.saturating_mul(WORK_WEIGHT);
        Self {
            arriving: Budget::new(ARRIVING_BYTES.max(config.max_wire_bytes.saturating_mul(2))),
            answers: Budget::new(ANSWER_BYTES),
            large: Counted::new(LARGE_BODIES_PER_CALLER),
            unpacking: Semaphore::new(UNPACKING),
            work: Budget::new(WORK_BYTES.max(largest)),
        }
    }

    /// Waits until there is room for working on a body of this size.
    pub(super) async fn work(&self, bytes: u64, patience: Duration) -> Option<Held> {
        self.work.wait(bytes.saturating_mul(WORK_WEIGHT), patience).await
    }
}

/// So many bytes.
#[derive(Debug)]
pub(super) struct Budget {
    left: Arc<Semaphore>,
    units: u32,
}

/// Some of them. They are free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Held(OwnedSemaphorePermit);

impl Held {
    /// Takes over what the other holds.
    pub(super) fn add(&mut self, other: Self) {
        self.0.merge(other.0);
    }
}

impl Budget {
    fn new(bytes: u64) -> Self {
        let most = Semaphore::MAX_PERMITS.min(u32::MAX as usize);
        let units = u32::try_from(bytes / UNIT).unwrap_or(u32::MAX).min(u32::try_from(most).unwrap_or(u32::MAX));
        Self { left: Arc::new(Semaphore::new(units as usize)), units }
    }

    /// Something larger than everything takes everything: it could never pass otherwise.
    fn units(&self, bytes: u64) -> u32 {
        u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).min(self.units)
    }

    pub(super) fn take(&self, bytes: u64) -> Option<Held> {
        Arc::clone(&self.left).try_acquire_many_owned(self.units(bytes)).ok().map(Held)
    }

    /// In the order of asking.
    pub(super) async fn wait(&self, bytes: u64, patience: Duration) -> Option<Held> {
        let waiting = Arc::clone(&self.left).acquire_many_owned(self.units(bytes));
        tokio::time::timeout(patience, waiting).await.ok()?.ok().map(Held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_gone_until_it_is_given_back() {
        let budget = Budget::new(10 * UNIT);
        let mut first = budget.take(4 * UNIT).unwrap();
        first.add(budget.take(UNIT + 1).unwrap());
        assert!(budget.take(5 * UNIT).is_none());
        drop(first);
        assert!(budget.take(10 * UNIT).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn something_too_large_for_the_budget_takes_all_of_it() {
        let budget = Budget::new(10 * UNIT);
        let all = budget.wait(u64::MAX, Duration::from_secs(1)).await.unwrap();
        assert!(budget.wait(1, Duration::from_secs(1)).await.is_none());
        drop(all);
        assert!(budget.take(1).is_some());
    }
}
