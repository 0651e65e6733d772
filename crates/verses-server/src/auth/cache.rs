//! Tokens that were checked a moment ago, so that a signature is not computed again for every request. Bounded, and only
//! good tokens get in: whoever sends random ones leaves nothing behind.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use super::tokens::Verified;

/// SHA-256 of a token: the token itself is not kept.
pub(super) type TokenHash = [u8; 32];

/// The hash of a token.
pub(super) fn hash(token: &str) -> TokenHash {
    Sha256::digest(token).into()
}

/// Checked tokens until they expire.
#[derive(Debug)]
pub(super) struct TokenCache {
    capacity: usize,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    tokens: HashMap<TokenHash, Verified>,
    /// The same by expiry, seconds since the epoch: what ends first goes first.
    ends: BTreeSet<(u64, TokenHash)>,
}

impl TokenCache {
    /// Keeps at most so many.
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, entries: Mutex::default() }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the token said, if it is here and has not expired at `now` (seconds since the epoch).
    pub(super) fn get(&self, token: &TokenHash, now: u64) -> Option<Verified> {
        let found = self.entries().tokens.get(token).cloned();
        found.filter(|verified| now < verified.expires_at)
    }

    /// Keeps a token that was checked at `now`. What has expired goes, and if there are too many, what expires first.
    pub(super) fn put(&self, token: TokenHash, verified: &Verified, now: u64) {
        if verified.expires_at <= now {
            return;
        }
        let mut entries = self.entries();
        let Entries { tokens, ends } = &mut *entries;
        if let Some(old) = tokens.insert(token, verified.clone()) {
            ends.remove(&(old.expires_at, token));
        }
        ends.insert((verified.expires_at, token));
        while ends.first().is_some_and(|(end, _)| *end <= now || tokens.len() > self.capacity) {
            if let Some((_, gone)) = ends.pop_first() {
                tokens.remove(&gone);
            }
        }
    }

    /// Forgets all: the keys have changed.
    pub(super) fn clear(&self) {
        *self.entries() = Entries::default();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn verified(expires_at: u64) -> Verified {
        Verified { user: Uuid::nil(), session: None, expires_at }
    }

    #[test]
    fn a_token_is_remembered_until_it_expires() {
        let cache = TokenCache::new(4);
        let token = hash("a");
        assert_eq!(cache.get(&token, 1), None);
        cache.put(token, &verified(10), 1);
        assert_eq!(cache.get(&token, 9), Some(verified(10)));
        assert_eq!(cache.get(&token, 10), None);
        assert_eq!(cache.get(&hash("b"), 1), None);
        cache.clear();
        assert_eq!(cache.get(&token, 1), None);
        cache.put(token, &verified(10), 10);
        assert!(cache.entries().tokens.is_empty(), "an expired one is not kept");
    }

    #[test]
    fn the_one_that_expires_first_makes_place() {
        let cache = TokenCache::new(2);
        for (token, end) in [("late", 30), ("soon", 10), ("then", 20)] {
            cache.put(hash(token), &verified(end), 1);
        }
        let kept = ["late", "soon", "then"].map(|token| cache.get(&hash(token), 1).is_some());
        assert_eq!(kept, [true, false, true]);
    }

    proptest! {
        #[test]
        fn it_never_grows_over_its_bound_and_never_gives_what_has_expired(
            steps in prop::collection::vec((any::<u8>(), 0_u64..40), 0..200),
            capacity in 0_usize..8,
        ) {
            let cache = TokenCache::new(capacity);
            for (token, now) in steps {
                // As in life: a token has one expiry.
                let end = u64::from(token % 40);
                let token = hash(&token.to_string());
                cache.put(token, &verified(end), now);
                let found = cache.get(&token, now);
                prop_assert!(found.is_none_or(|v| v.expires_at == end && end > now));
                let entries = cache.entries();
                prop_assert!(entries.tokens.len() <= capacity);
                prop_assert_eq!(entries.tokens.len(), entries.ends.len());
            }
        }
    }
}
