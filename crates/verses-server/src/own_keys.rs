//! The signing keys of a database, for its operator: without a server, and beside running ones.

use std::path::Path;

use crate::auth::rotation::{self, RotationError};
use crate::auth::{AuthBackend, ListedKey};
use crate::config::{ConfigError, ServerConfig};
use crate::http;
use crate::storage::StorageError;
use crate::storage::postgres::{PostgresOptions, PostgresStorage};
use crate::storage::sqlite::SqliteStorage;

/// Why the keys of a database could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum OwnKeysError {
    /// The settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is no such file. It is not made: it would be a typing error's.
    #[error("there is no database {0:?}: `verses serve` makes it, and its first key")]
    NoFile(String),
    /// Keys that end with the process.
    #[error("a database in memory keeps no keys: name the one that the server uses with --database")]
    Memory,
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A key.
    #[error(transparent)]
    Rotation(#[from] RotationError),
}

/// Makes a new key that signs from now on. Running servers notice within a minute; what the others have signed stays good
/// until it expires.
///
/// # Errors
/// [`OwnKeysError`].
pub async fn rotate_keys(config: &ServerConfig) -> Result<ListedKey, OwnKeysError> {
    let store = store(config).await?;
    Ok(rotation::rotate(&store, config.token_life_seconds, http::system_clock()().0).await?)
}

/// The keys, the newest first: it signs.
///
/// # Errors
/// [`OwnKeysError`].
pub async fn list_keys(config: &ServerConfig) -> Result<Vec<ListedKey>, OwnKeysError> {
    Ok(rotation::list(&store(config).await?).await?)
}

async fn store(config: &ServerConfig) -> Result<AuthBackend, OwnKeysError> {
    config.validate()?;
    match config.database_url.split_once(':') {
        Some(("sqlite", path)) if !Path::new(path).exists() => Err(OwnKeysError::NoFile(path.to_owned())),
        Some(("sqlite", path)) => {
            let storage = SqliteStorage::open(Path::new(path))?;
            Ok(AuthBackend::sqlite(storage.database().clone())?)
        }
        Some(("postgres" | "postgresql", _)) => {
            let options = PostgresOptions { url: config.database_url.clone(), ..config.postgres.clone() };
            Ok(AuthBackend::Postgres(PostgresStorage::open(options).await?.accounts()))
        }
        _ => Err(OwnKeysError::Memory),
    }
}
