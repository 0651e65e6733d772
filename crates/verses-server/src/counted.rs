//! How much of something each key has at once, up to a limit. Keys with nothing are forgotten.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Amounts by key.
#[derive(Debug)]
pub(crate) struct Counted<K> {
    most: u32,
    counts: Arc<Mutex<HashMap<K, u32>>>,
}

/// What a key has. It counts until it is dropped.
#[derive(Debug)]
pub(crate) struct Place<K: Eq + Hash> {
    key: K,
    amount: u32,
    counts: Arc<Mutex<HashMap<K, u32>>>,
}

impl<K: Eq + Hash + Clone> Counted<K> {
    /// Each key may have so much.
    pub(crate) fn new(most: u32) -> Self {
        Self { most, counts: Arc::default() }
    }

    /// One more; `None` if the key would have more than it may.
    pub(crate) fn enter(&self, key: K) -> Option<Place<K>> {
        self.take(key, 1)
    }

    /// So much more.
    pub(crate) fn take(&self, key: K, amount: u32) -> Option<Place<K>> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let has = counts.get(&key).copied().unwrap_or(0);
        let will_have = has.checked_add(amount).filter(|n| *n <= self.most)?;
        if will_have > 0 {
            counts.insert(key.clone(), will_have);
        }
        Some(Place { key, amount, counts: Arc::clone(&self.counts) })
    }
}

impl<K: Eq + Hash> Place<K> {
    /// Takes over what the other has, which must be of the same key.
    pub(crate) fn add(&mut self, mut other: Self) {
        debug_assert!(self.key == other.key);
        self.amount += std::mem::take(&mut other.amount);
    }
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.key) {
            *count = count.saturating_sub(self.amount);
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
        let counted = Counted::new(3);
        let (mut first, second) = (counted.enter("a").unwrap(), counted.enter("a").unwrap());
        assert!(counted.take("a", 2).is_none());
        let other = counted.take("b", 3);
        assert!(other.is_some());
        first.add(second);
        drop(first);
        assert!(counted.take("a", 3).is_some());
        drop(other);
        assert!(counted.counts.lock().unwrap().is_empty(), "nothing is remembered of who left");
    }

    #[test]
    fn a_limit_of_none_lets_nobody_in_and_remembers_nobody() {
        let counted = Counted::new(0);
        assert!(counted.enter("a").is_none());
        assert!(counted.counts.lock().unwrap().is_empty());
    }
}
