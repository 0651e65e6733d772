//! This server's own signing keys over their store: the first one, a new one, and the end of old ones. What a key is, and
//! when it ends, is in `keys`.

use serde::Serialize;

use super::keys::{self, KeyError, SigningKey};
use super::store::AuthBackend;
use crate::storage::StorageError;

/// Why keys could not be read or made.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// What checks tokens now.
#[derive(Debug)]
pub(super) struct InUse {
    /// The newest first: it signs.
    pub(super) keys: Vec<SigningKey>,
    /// The secret that signed before there were keys, while its last tokens live.
    pub(super) secret: Option<Vec<u8>>,
}

/// A key as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedKey {
    /// Its name in tokens.
    pub kid: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Whether it signs.
    pub current: bool,
    /// When the last token that it signed will have expired, milliseconds since the epoch; none for the current one.
    pub ends_at: Option<i64>,
}

/// The keys in use at `now` (milliseconds since the epoch) of a server whose tokens live so long. Makes the first one;
/// those whose last token has expired go.
pub(super) async fn in_use(store: &AuthBackend, life_seconds: u64, now: i64) -> Result<InUse, RotationError> {
    let mut keys = store.keys().await?;
    if keys.is_empty() {
        store.put_key(keys::next(&[], now, life_seconds)?).await?;
        keys = store.keys().await?;
    }
    // How long an old key stays depends on the longest life that any server has given its tokens.
    for key in keys.iter_mut().filter(|key| key.life_seconds < life_seconds) {
        key.life_seconds = life_seconds;
        store.put_key(key.clone()).await?;
    }
    keys::newest_first(&mut keys);
    let ends = keys::ends(&keys);
    let mut kept = Vec::new();
    for (key, end) in keys.into_iter().zip(ends) {
        if end.is_some_and(|end| end <= now) {
            store.delete_key(&key.kid).await?;
        } else {
            kept.push(key);
        }
    }
    let secret = match store.secret().await? {
        // Since the oldest key was made, at the latest, nothing has been signed with it.
        Some(_) if kept.last().is_some_and(|oldest| keys::end(oldest, oldest.created_at) <= now) => {
            store.delete_secret().await?;
            None
        }
        found => found,
    };
    Ok(InUse { keys: kept, secret })
}

/// Makes a new key, which signs from now on: running servers notice within a minute. `life_seconds` is the life of tokens
/// if there was no key before.
///
/// # Errors
/// [`RotationError`].
pub async fn rotate(store: &AuthBackend, life_seconds: u64, now: i64) -> Result<ListedKey, RotationError> {
    let fresh = keys::next(&store.keys().await?, now, life_seconds)?;
    let listed = ListedKey { kid: fresh.kid.clone(), created_at: fresh.created_at, current: true, ends_at: None };
    store.put_key(fresh).await?;
    Ok(listed)
}

/// The keys, the newest first.
///
/// # Errors
/// Errors of the database.
pub async fn list(store: &AuthBackend) -> Result<Vec<ListedKey>, StorageError> {
    let mut keys = store.keys().await?;
    keys::newest_first(&mut keys);
    let ends = keys::ends(&keys);
    let listed = |(key, ends_at): (SigningKey, Option<i64>)| ListedKey {
        kid: key.kid,
        created_at: key.created_at,
        current: ends_at.is_none(),
        ends_at,
    };
    Ok(keys.into_iter().zip(ends).map(listed).collect())
}
