//! Token buckets: so many units a minute per key, for a bounded number of keys. Pure: the time comes in.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use axum::http::{HeaderName, HeaderValue};

/// Keys kept before full buckets are swept out for the first time.
const SWEEP_FROM: usize = 10_000;
/// Most keys kept, whatever comes.
const MOST_KEYS: usize = 100_000;
/// What is counted is counted per so many seconds.
const WINDOW_SECONDS: u64 = 60;

/// Buckets of one size, by key. Keys whose bucket is full again are forgotten; when there are too many others, those that
/// took least are.
#[derive(Debug)]
pub(crate) struct Buckets<K> {
    name: &'static str,
    per_minute: f64,
    state: Mutex<State<K>>,
}

#[derive(Debug)]
struct State<K> {
    buckets: HashMap<K, Bucket>,
    sweep_at: usize,
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

/// A bucket as its user is told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateLimit {
    pub(crate) name: &'static str,
    /// Units a minute.
    pub(crate) quota: u64,
    /// Units left.
    pub(crate) left: u64,
    /// Seconds until it is full again.
    pub(crate) full_in: u64,
}

impl RateLimit {
    /// As the headers of the draft "RateLimit header fields for HTTP" tell it.
    pub(crate) fn headers(&self) -> [(HeaderName, HeaderValue); 2] {
        let Self { name, quota, left, full_in } = self;
        // Names and numbers are good in a header.
        let value = |text: String| HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""));
        [
            (HeaderName::from_static("ratelimit-policy"), value(format!("\"{name}\";q={quota};w={WINDOW_SECONDS}"))),
            (HeaderName::from_static("ratelimit"), value(format!("\"{name}\";r={left};t={full_in}"))),
        ]
    }
}

impl<K: Eq + Hash> Buckets<K> {
    pub(crate) fn new(name: &'static str, per_minute: u32) -> Self {
        let state = State { buckets: HashMap::new(), sweep_at: SWEEP_FROM };
        Self { name, per_minute: f64::from(per_minute.max(1)), state: Mutex::new(state) }
    }

    /// Takes units from a key's bucket. A request for more than a whole bucket is let through when the bucket is full,
    /// for it could never pass otherwise; it then takes longer to fill again.
    pub(crate) fn take(&self, key: K, units: u64, now_ms: i64) -> Taken {
        self.take_telling(key, units, now_ms).0
    }

    /// The same, and how the bucket stands then.
    pub(crate) fn take_telling(&self, key: K, units: u64, now_ms: i64) -> (Taken, RateLimit) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let rate = self.per_minute / (WINDOW_SECONDS * 1_000) as f64;
        if state.buckets.len() >= state.sweep_at {
            state.sweep(rate, now_ms);
        }
        let bucket = state.buckets.entry(key).or_insert(Bucket { taken: 0.0, at_ms: now_ms });
        // A clock that goes back gives nothing and takes nothing.
        bucket.taken = bucket.still_taken(rate, now_ms);
        bucket.at_ms = bucket.at_ms.max(now_ms);
        let units = units as f64;
        let fits = bucket.taken + units <= self.per_minute || bucket.taken == 0.0;
        if fits {
            bucket.taken += units;
        }
        let seconds = |units: f64| (units / rate / 1_000.0).ceil() as u64;
        let left = (self.per_minute - bucket.taken).max(0.0) as u64;
        let full_in = seconds(bucket.taken);
        let told = RateLimit { name: self.name, quota: self.per_minute as u64, left, full_in };
        if fits {
            return (Taken::Left(left), told);
        }
        let missing = (bucket.taken + units.min(self.per_minute) - self.per_minute).max(0.0);
        (Taken::Wait(seconds(missing).max(1)), told)
    }
}

impl Bucket {
    fn still_taken(&self, rate: f64, now_ms: i64) -> f64 {
        (self.taken - rate * now_ms.saturating_sub(self.at_ms).max(0) as f64).max(0.0)
    }
}

impl<K> State<K> {
    /// Runs once for as many new keys as it leaves behind, so that a flood of keys does not pay for it each time.
    fn sweep(&mut self, rate: f64, now_ms: i64) {
        self.buckets.retain(|_, bucket| bucket.still_taken(rate, now_ms) > 0.0);
        if self.buckets.len() > MOST_KEYS / 2 {
            let mut taken: Vec<f64> = self.buckets.values().map(|b| b.still_taken(rate, now_ms)).collect();
            let middle = taken.len() / 2;
            let (_, median, _) = taken.select_nth_unstable_by(middle, f64::total_cmp);
            let median = *median;
            // Of those that took as much as the middle one, as many stay as there is room for.
            let mut room = MOST_KEYS / 2 - taken.iter().filter(|taken| **taken > median).count().min(MOST_KEYS / 2);
            self.buckets.retain(|_, bucket| {
                let taken = bucket.still_taken(rate, now_ms);
                let fits = taken == median && room > 0;
                room -= usize::from(fits);
                taken > median || fits
            });
        }
        self.sweep_at = (self.buckets.len() * 2).clamp(SWEEP_FROM, MOST_KEYS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let buckets = Buckets::new("test", 60);
        assert_eq!(buckets.take("a", 50, 0), Taken::Left(10));
        assert_eq!(buckets.take("a", 20, 0), Taken::Wait(10));
        assert_eq!(buckets.take("b", 20, 0), Taken::Left(40), "another key has its own");
        assert_eq!(buckets.take("a", 20, 10_000), Taken::Left(0));
        assert_eq!(buckets.take("a", 1, 5_000), Taken::Wait(1), "a clock that goes back gives nothing");
    }

    #[test]
    fn a_request_larger_than_the_bucket_passes_a_full_one_and_is_paid_for() {
        let buckets = Buckets::new("test", 60);
        assert_eq!(buckets.take("a", 120, 0), Taken::Left(0));
        assert_eq!(buckets.take("a", 1, 0), Taken::Wait(61));
        assert_eq!(buckets.take("a", 1, 61_000), Taken::Left(0));
    }

    #[test]
    fn what_is_told_is_what_there_is() {
        let buckets = Buckets::new("test", 60);
        let (_, told) = buckets.take_telling("a", 45, 0);
        assert_eq!(told, RateLimit { name: "test", quota: 60, left: 15, full_in: 45 });
        let [(_, policy), (_, state)] = told.headers();
        assert_eq!((policy, state), (r#""test";q=60;w=60"#.parse().unwrap(), r#""test";r=15;t=45"#.parse().unwrap()));
        let (taken, told) = buckets.take_telling("a", 30, 0);
        assert_eq!((taken, told.left), (Taken::Wait(15), 15));
    }

    #[test]
    fn a_flood_of_keys_takes_bounded_memory_and_does_not_hide_who_took_much() {
        let buckets = Buckets::new("test", 60);
        assert_eq!(buckets.take(u32::MAX, 60, 0), Taken::Left(0));
        let mut most = 0;
        for key in 0..400_000 {
            buckets.take(key, 1, 0);
            most = most.max(buckets.state.lock().unwrap().buckets.len());
        }
        assert!(most <= MOST_KEYS + 1, "{most}");
        assert_eq!(buckets.take(u32::MAX, 1, 0), Taken::Wait(1));
        buckets.take(u32::MAX - 1, 1, 120_000);
        assert!(buckets.state.lock().unwrap().buckets.len() <= MOST_KEYS + 1);
    }
}
