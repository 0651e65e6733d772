//! The keys in use, and when they are read anew: at intervals, and once when a token names an unknown key. The last good
//! set stays in use when reading fails. Time is an argument; what is believed is decided in `verify`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use serde_json::{Value, json};
use verses_core::UnixMillis;

use super::cache::{self, TokenCache};
use super::error::AuthError;
use super::jwks::{JwksError, JwksSource};
use super::keys::{KeyError, SigningKey};
use super::rotation::{self, RotationError};
use super::store::AuthBackend;
use super::tokens::{TokenError, Verified};
use super::verify::{Verifier, VerifyingKey};

/// Most checked tokens that are remembered.
const REMEMBERED_TOKENS: usize = 10_000;

/// Where keys come from.
#[derive(Debug)]
pub(super) enum Source {
    /// Nowhere: there are only the secrets given.
    Fixed,
    /// This server's own, in its store.
    Stored {
        /// Where they are.
        store: AuthBackend,
        /// Life of the tokens issued here, seconds.
        life_seconds: u64,
    },
    /// Somebody else's.
    Jwks(JwksSource),
}

/// Why keys could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum RingError {
    #[error(transparent)]
    Own(#[from] RotationError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Jwks(#[from] JwksError),
}

impl From<RingError> for AuthError {
    fn from(error: RingError) -> Self {
        match error {
            RingError::Own(RotationError::Storage(error)) => Self::Storage(error),
            other => Self::Keys(other.to_string()),
        }
    }
}

/// How often keys are read, in milliseconds.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// At the latest after so long.
    period_ms: i64,
    /// Never twice within so long, whatever tokens say.
    floor_ms: i64,
}

/// A set of keys.
#[derive(Debug, Default)]
struct Set {
    verifier: Verifier,
    /// The newest of this server's own.
    signing: Option<SigningKey>,
    /// This server's own, in public.
    published: Vec<Value>,
}

#[derive(Debug, Default)]
struct Times {
    /// When reading began that gave the set in use.
    good_at: Option<i64>,
    /// When reading last began.
    tried_at: Option<i64>,
    /// Whether that failed.
    failed: bool,
}

/// Keys that check tokens, and sign them if they are this server's own.
#[derive(Debug)]
pub(super) struct KeyRing {
    source: Source,
    secrets: Vec<VerifyingKey>,
    issuers: Vec<String>,
    set: RwLock<Arc<Set>>,
    times: Mutex<Times>,
    reading: tokio::sync::Mutex<()>,
    cache: TokenCache,
}

impl Source {
    /// `None` if there is nothing to read.
    fn pace(&self) -> Option<Pace> {
        match self {
            Self::Fixed => None,
            // A query by itself costs little. Twice the period is what `keys` allows for not noticing a new one.
            Self::Stored { .. } => Some(Pace { period_ms: 60_000, floor_ms: 5_000 }),
            Self::Jwks(_) => Some(Pace { period_ms: 600_000, floor_ms: 30_000 }),
        }
    }
}

impl KeyRing {
    /// A ring without keys of the source yet: see [`Self::read`]. `secrets` are good beside them, and `issuers` are
    /// believed, or all if there are none.
    pub(super) fn new(source: Source, secrets: Vec<VerifyingKey>, issuers: Vec<String>) -> Self {
        let set = Set { verifier: Verifier::new(secrets.clone(), issuers.clone()), ..Set::default() };
        Self {
            source,
            secrets,
            issuers,
            set: RwLock::new(Arc::new(set)),
            times: Mutex::default(),
            reading: tokio::sync::Mutex::new(()),
            cache: TokenCache::new(REMEMBERED_TOKENS),
        }
    }

    fn set(&self) -> Arc<Set> {
        Arc::clone(&self.set.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key that signs, if there is one. A newer one may be looked for meanwhile.
    pub(super) fn signing(self: &Arc<Self>, now: UnixMillis) -> Option<SigningKey> {
        self.read_if_due(now);
        self.set().signing.clone()
    }

    /// The public keys as a JWKS.
    pub(super) fn published(self: &Arc<Self>, now: UnixMillis) -> Value {
        self.read_if_due(now);
        json!({ "keys": self.set().published })
    }

    /// Checks a token.
    pub(super) async fn verify(self: &Arc<Self>, token: &str, now: UnixMillis) -> Result<Verified, TokenError> {
        self.read_if_due(now);
        let seconds = u64::try_from(now.0 / 1_000).unwrap_or(0);
        let hash = cache::hash(token);
        if let Some(verified) = self.cache.get(&hash, seconds) {
            return Ok(verified);
        }
        let mut set = self.set();
        let mut checked = set.verifier.verify(token, seconds);
        if checked == Err(TokenError::UnknownKey) {
            self.read_for_unknown(&set, now).await;
            set = self.set();
            checked = set.verifier.verify(token, seconds);
        }
        match checked {
            Ok(verified) => {
                self.remember(&set, hash, &verified, seconds);
                Ok(verified)
            }
            // It may be a new one: nobody is signed out because the keys cannot be read.
            Err(TokenError::UnknownKey) if self.times().failed => Err(TokenError::NoKeysNow),
            Err(error) => Err(error),
        }
    }

    /// Remembers a token, unless the keys that it was checked with have been replaced meanwhile.
    fn remember(&self, checked_with: &Arc<Set>, hash: cache::TokenHash, verified: &Verified, seconds: u64) {
        let set = self.set.read().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&set, checked_with) {
            self.cache.put(hash, verified, seconds);
        }
    }

    /// Reads the keys in the background if it is time for it. The caller goes on with those it has.
    fn read_if_due(self: &Arc<Self>, now: UnixMillis) {
        if !self.is_due(now) || self.reading.try_lock().is_err() {
            return;
        }
        let ring = Arc::clone(self);
        tokio::spawn(async move {
            let Ok(_turn) = ring.reading.try_lock() else { return };
            if ring.is_due(now) {
                ring.read_or_log(now).await;
            }
        });
    }

    fn is_due(&self, now: UnixMillis) -> bool {
        let Some(pace) = self.source.pace() else { return false };
        let times = self.times();
        passed(times.good_at, now, pace.period_ms) && passed(times.tried_at, now, pace.floor_ms)
    }

    /// Reads the keys for a token that names an unknown one. Whoever comes while they are being read waits for it, and
    /// whoever comes too soon after goes on at once.
    async fn read_for_unknown(&self, before: &Arc<Set>, now: UnixMillis) {
        let _turn = self.reading.lock().await;
        let Some(pace) = self.source.pace() else { return };
        let unchanged = Arc::ptr_eq(before, &self.set());
        if unchanged && passed(self.times().tried_at, now, pace.floor_ms) {
            self.read_or_log(now).await;
        }
    }

    async fn read_or_log(&self, now: UnixMillis) {
        if let Err(error) = self.read(now).await {
            tracing::warn!(%error, "the keys of tokens could not be read: the last good ones stay in use");
        }
    }

    /// Reads the keys from their source and uses them. One caller at a time.
    pub(super) async fn read(&self, now: UnixMillis) -> Result<(), RingError> {
        self.times().tried_at = Some(now.0);
        let read = self.fetch(now).await;
        let mut times = self.times();
        times.failed = read.is_err();
        let fresh = read?;
        times.good_at = Some(now.0);
        *self.set.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
        // A key that is gone takes its tokens with it.
        self.cache.clear();
        Ok(())
    }

    async fn fetch(&self, now: UnixMillis) -> Result<Set, RingError> {
        let mut all = self.secrets.clone();
        let (mut signing, mut published) = (None, Vec::new());
        match &self.source {
            Source::Fixed => {}
            Source::Jwks(source) => all.extend(source.fetch().await?),
            Source::Stored { store, life_seconds } => {
                let stored = rotation::in_use(store, *life_seconds, now.0).await?;
                all.extend(stored.secret.map(|secret| VerifyingKey::secret(None, &secret)));
                for (age, key) in stored.keys.iter().enumerate() {
                    match (key.verifying(), key.jwk()) {
                        (Ok(verifying), Ok(jwk)) => {
                            all.push(verifying);
                            published.push(jwk);
                        }
                        (Err(error), _) | (_, Err(error)) if age == 0 => return Err(error.into()),
                        (Err(error), _) | (_, Err(error)) => tracing::warn!(%error, "an old key is passed over"),
                    }
                }
                signing = stored.keys.into_iter().next();
            }
        }
        Ok(Set { verifier: Verifier::new(all, self.issuers.clone()), signing, published })
    }
}

/// Whether so long has passed, or the clock has gone back.
fn passed(since: Option<i64>, now: UnixMillis, millis: i64) -> bool {
    since.is_none_or(|since| now.0 < since || now.0.saturating_sub(since) >= millis)
}

#[cfg(test)]
#[path = "ring/tests.rs"]
mod tests;
