//! Token buckets: so many units a minute per key. Pure: the time comes in. Keys that are full again are forgotten.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// Keys kept before full buckets are swept out.
const SWEEP_FROM: usize = 10_000;

/// Buckets of one size, by key.
#[derive(Debug)]
pub(crate) struct Buckets<K> {
    per_minute: f64,
    state: Mutex<HashMap<K, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Units taken and not yet given back.
    taken: f64,
    at_ms: i64,
}

/// What is left after taking, or how long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// So many units are left.
    Left(u64),
    /// Nothing was taken; come back in so many seconds.
    Wait(u64),
}

impl<K: Eq + Hash> Buckets<K> {
    pub(crate) fn new(per_minute: u32) -> Self {
        Self { per_minute: f64::from(per_minute.max(1)), state: Mutex::new(HashMap::new()) }
    }

    /// The size of a bucket.
    pub(crate) fn size(&self) -> u64 {
        self.per_minute as u64
    }

    /// Takes units from a key's bucket. A request for more than a whole bucket is let through when the bucket is full,
    /// for it could never pass otherwise; it then takes longer to fill again.
    pub(crate) fn take(&self, key: K, units: u64, now_ms: i64) -> Taken {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let rate = self.per_minute / 60_000.0;
        if state.len() >= SWEEP_FROM {
            state.retain(|_, b| b.taken > rate * now_ms.saturating_sub(b.at_ms) as f64);
        }
        let bucket = state.entry(key).or_insert(Bucket { taken: 0.0, at_ms: now_ms });
        // A clock that goes back gives nothing and takes nothing.
        let given_back = rate * now_ms.saturating_sub(bucket.at_ms).max(0) as f64;
        bucket.taken = (bucket.taken - given_back).max(0.0);
        bucket.at_ms = bucket.at_ms.max(now_ms);
        let units = units as f64;
        let fits = bucket.taken + units <= self.per_minute || bucket.taken == 0.0;
        if fits {
            bucket.taken += units;
            return Taken::Left((self.per_minute - bucket.taken).max(0.0) as u64);
        }
        let missing = (bucket.taken + units.min(self.per_minute) - self.per_minute).max(0.0);
        Taken::Wait(((missing / rate / 1_000.0).ceil() as u64).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let buckets = Buckets::new(60);
        assert_eq!(buckets.take("a", 50, 0), Taken::Left(10));
        assert_eq!(buckets.take("a", 20, 0), Taken::Wait(10));
        assert_eq!(buckets.take("b", 20, 0), Taken::Left(40), "another key has its own");
        assert_eq!(buckets.take("a", 20, 10_000), Taken::Left(0));
    }

    #[test]
    fn a_request_larger_than_the_bucket_passes_a_full_one_and_is_paid_for() {
        let buckets = Buckets::new(60);
        assert_eq!(buckets.take("a", 120, 0), Taken::Left(0));
        assert_eq!(buckets.take("a", 1, 0), Taken::Wait(61));
        assert_eq!(buckets.take("a", 1, 61_000), Taken::Left(0));
    }
}
