//! How much memory requests may take together, whatever the number of connections: what arrives, what is worked on, and
//! what waits to be fetched.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::address::Caller;
use crate::config::ServerConfig;
use crate::counted::{Counted, Place};

/// An answer up to this size, in bytes, is not counted while it waits to be fetched.
pub(super) const SMALL_ANSWER_BYTES: usize = 16 * 1024;
/// For bodies that arrive, in bytes. One address may have half of it.
const ARRIVING_BYTES: u64 = 32 * 1024 * 1024;
/// For bodies that are worked on, in bytes, with all that is made of them.
const WORK_BYTES: u64 = 64 * 1024 * 1024;
/// For answers that wait to be fetched, in bytes.
const ANSWER_BYTES: u64 = 64 * 1024 * 1024;
/// What is made of a body while it is worked on, in multiples of its size. JSON of short numbers takes more, texts less.
const WORK_WEIGHT: u64 = 8;
/// Bodies unpacked at once. Each may take the largest window of its coding.
const UNPACKING: usize = 4;
/// Unit of the budgets, in bytes.
const UNIT: u64 = 1024;

/// The budgets of one server.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(super) answers: Budget,
    pub(super) unpacking: Semaphore,
    arriving: Budget,
    arriving_by_caller: Counted<Caller>,
    work: Budget,
}

/// What the part of a body that came may take.
#[derive(Debug)]
pub(super) struct Arrived {
    all: Held,
    by_caller: Option<Place<Caller>>,
}

impl Memory {
    pub(super) fn new(config: &ServerConfig) -> Self {
        let largest = config.max_request_bytes.saturating_mul(WORK_WEIGHT);
        let arriving = Budget::new(ARRIVING_BYTES.max(config.max_wire_bytes.saturating_mul(2)));
        Self {
            answers: Budget::new(ANSWER_BYTES),
            arriving_by_caller: Counted::new(arriving.units / 2),
            arriving,
            unpacking: Semaphore::new(UNPACKING),
            work: Budget::new(WORK_BYTES.max(largest)),
        }
    }

    /// Room for another part of a body, if there is.
    pub(super) fn arriving(&self, caller: Option<Caller>, bytes: u64) -> Option<Arrived> {
        let by_caller = match caller {
            Some(caller) => Some(self.arriving_by_caller.take(caller, self.arriving.units(bytes))?),
            None => None,
        };
        Some(Arrived { all: self.arriving.take(bytes)?, by_caller })
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

impl Arrived {
    /// Takes over what another part of the same body may take.
    pub(super) fn add(&mut self, other: Self) {
        self.all.0.merge(other.all.0);
        match (&mut self.by_caller, other.by_caller) {
            (Some(mine), Some(other)) => mine.add(other),
            (mine, other) => *mine = mine.take().or(other),
        }
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
        let held = (budget.take(4 * UNIT).unwrap(), budget.take(UNIT + 1).unwrap());
        assert!(budget.take(5 * UNIT).is_none());
        drop(held);
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

    #[test]
    fn one_caller_gets_half_of_what_may_arrive() {
        let memory = Memory::new(&ServerConfig::default());
        let caller = |n: u8| Some(Caller::from(std::net::IpAddr::from([10, 0, 0, n])));
        let mut first = memory.arriving(caller(1), ARRIVING_BYTES / 4).unwrap();
        first.add(memory.arriving(caller(1), ARRIVING_BYTES / 4).unwrap());
        assert!(memory.arriving(caller(1), 1).is_none());
        let second = memory.arriving(caller(2), ARRIVING_BYTES / 2).unwrap();
        assert!(memory.arriving(caller(3), 1).is_none(), "now all of it is taken");
        drop((first, second));
        assert!(memory.arriving(caller(1), ARRIVING_BYTES / 2).is_some());
    }
}
