//! How many of something there are at once, by key, up to a limit. Keys with none are forgotten.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts by key.
#[derive(Debug)]
pub(crate) struct Counted<K> {
    most: u32,
    counts: Arc<Mutex<HashMap<K, u32>>>,
}

/// One of them. It counts until it is dropped.
#[derive(Debug)]
pub(crate) struct Place<K: Eq + Hash> {
    key: K,
    counts: Arc<Mutex<HashMap<K, u32>>>,
}

impl<K: Eq + Hash + Clone> Counted<K> {
    pub(crate) fn new(most: u32) -> Self {
        Self { most, counts: Arc::default() }
    }

    /// One more; `None` if the key has as many as it may.
    pub(crate) fn enter(&self, key: K) -> Option<Place<K>> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(key.clone()).or_insert(0);
        if *count >= self.most {
            if *count == 0 {
                counts.remove(&key);
            }
            return None;
        }
        *count += 1;
        Some(Place { key, counts: Arc::clone(&self.counts) })
    }
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_own_limit_and_what_is_given_back_can_be_taken_again() {
        let counted = Counted::new(2);
        let (first, second) = (counted.enter("a"), counted.enter("a"));
        assert!(first.is_some() && second.is_some());
        assert!(counted.enter("a").is_none());
        let other = counted.enter("b");
        assert!(other.is_some());
        drop(first);
        assert!(counted.enter("a").is_some());
        drop((second, other));
        assert!(counted.counts.lock().unwrap().is_empty(), "nothing is remembered of who left");
    }

    #[test]
    fn a_limit_of_none_lets_nobody_in_and_remembers_nobody() {
        let counted = Counted::new(0);
        assert!(counted.enter("a").is_none());
        assert!(counted.counts.lock().unwrap().is_empty());
    }
}
