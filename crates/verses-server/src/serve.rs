//! The application, and the loop that serves it, with a stop that finishes what is in flight. What a connection may do is
//! in `connection`, how many there may be in `places`.

mod activity;
mod connection;
mod places;
mod stream;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;

use self::connection::Connections;
use self::places::Places;
use crate::auth::{Auth, AuthBackend, AuthError};
use crate::config::{ConfigError, ServerConfig};
use crate::http::{self, Clock};
use crate::service::Service;
use crate::storage::memory::MemoryStorage;
use crate::storage::sqlite::SqliteStorage;
use crate::storage::{Storage, StorageError};
use crate::tasks::Tasks;
use crate::texts::{EsvClient, EsvConfig, EsvConfigError, Texts};

/// The server, ready to be served.
#[derive(Debug)]
pub struct App {
    router: Router,
    stopping: watch::Sender<bool>,
    tasks: Tasks,
    config: ServerConfig,
}

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A setting makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Accounts.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The ESV API's settings.
    #[error(transparent)]
    Esv(#[from] EsvConfigError),
}

impl App {
    /// Opens the database of the settings, brings its tables up to date, and builds the server over it.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong and what to do.
    pub async fn open(config: ServerConfig) -> Result<Self, OpenError> {
        config.validate()?;
        match config.database_url.split_once(':') {
            Some(("sqlite", path)) => {
                make_private(Path::new(path));
                let storage = SqliteStorage::open(Path::new(path))?;
                let accounts = AuthBackend::sqlite(storage.database().clone())?;
                Self::over(config, storage, accounts, http::system_clock()).await
            }
            _ => Self::over(config, MemoryStorage::new(), AuthBackend::memory(), http::system_clock()).await,
        }
    }

    /// The application over parts of the caller's: another database, another clock. Its settings are not checked.
    ///
    /// # Errors
    /// Errors of the accounts and of the ESV API's settings.
    pub async fn over<S: Storage>(
        config: ServerConfig,
        storage: S,
        accounts: AuthBackend,
        clock: Clock,
    ) -> Result<Self, OpenError> {
        let mut texts = Texts::corpus();
        if let Some(key) = &config.esv_api_key {
            let esv = EsvConfig { base_url: config.esv_api_url.clone(), ..EsvConfig::new(key.clone()) };
            texts = texts.with(Arc::new(EsvClient::new(&esv)?));
        }
        let service = Service::new(storage, texts, config.limits());
        let auth = Auth::open(accounts, config.jwt_secret.as_deref(), config.token_life_seconds).await?;
        let (stopping, stopped) = watch::channel(false);
        let tasks = Tasks::default();
        let router = http::router(&config, service, auth, stopped, tasks.clone(), clock);
        Ok(Self { router, stopping, tasks, config })
    }
}

impl App {
    /// The routes, to be called without a socket.
    pub fn router(&self) -> Router {
        self.router.clone()
    }
}

/// Serves until `shutdown` completes, then finishes what is in flight, for a bounded time. When this returns, nothing of
/// the server runs any more.
///
/// # Errors
/// None after the listener is bound: a connection that fails ends alone.
pub async fn serve(listener: TcpListener, app: App, shutdown: impl Future<Output = ()> + Send) -> io::Result<()> {
    let App { router, stopping, tasks, config } = app;
    let connections = Arc::new(Connections::new(router, &config, tasks.clone()));
    let places = Places::new(&config);
    tokio::pin!(shutdown);
    loop {
        let (stream, address, place) = tokio::select! {
            () = &mut shutdown => break,
            accepted = places.accept(&listener) => accepted,
        };
        let (connections, stopped) = (Arc::clone(&connections), stopping.subscribe());
        drop(tasks.spawn(async move {
            let _place = place;
            connections.run(stream, address, stopped).await;
        }));
    }
    drop(listener);
    stopping.send_replace(true);
    if tokio::time::timeout(Duration::from_millis(config.drain_timeout_ms), tasks.finished()).await.is_err() {
        tracing::warn!(left = tasks.len(), "stopped before everything in flight was finished");
        tasks.end().await;
    }
    Ok(())
}

/// Makes a new database file readable by its owner only: it holds password hashes and the secret that signs tokens. A
/// file that cannot be made here is left to the database, which says why.
fn make_private(path: &Path) {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    drop(options.open(path));
}
