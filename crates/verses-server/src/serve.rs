//! The application, and the loop that serves it, with a stop that finishes what is in flight. What a connection may do is
//! in `connection`, how many there may be in `places`.

mod activity;
mod connection;
mod listen;
mod places;
mod stream;
mod tls;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;

use self::connection::{Connections, Peer};
use self::places::Places;
pub use self::tls::{Tls, TlsError};
use crate::auth::{Auth, AuthBackend, AuthError, JwksError, TokenSource};
use crate::config::{ConfigError, ServerConfig};
use crate::http::{self, Clock, Layers, Limit};
use crate::proxy::TrustedProxies;
use crate::service::Service;
use crate::storage::memory::MemoryStorage;
use crate::storage::postgres::{self, PostgresOptions, PostgresStorage};
use crate::storage::sqlite::SqliteStorage;
use crate::storage::{Storage, StorageError};
use crate::tasks::Tasks;
use crate::texts::{EsvClient, EsvConfig, EsvConfigError, Texts};
use crate::web::NO_WEB_APP;

/// The server, ready to be served.
#[derive(Debug)]
pub struct App {
    router: Router,
    metrics: Router,
    metrics_listener: Option<TcpListener>,
    layers: Arc<Layers>,
    stopping: watch::Sender<bool>,
    tls: Option<Tls>,
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
    /// The keys of tokens.
    #[error(transparent)]
    Jwks(#[from] JwksError),
    /// The ESV API's settings.
    #[error(transparent)]
    Esv(#[from] EsvConfigError),
    /// The files for TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
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
            Some(("postgres" | "postgresql", _)) => {
                if let Some(url) = &config.postgres.migrate_url {
                    postgres::migrate(url).await?;
                }
                let options = PostgresOptions { url: config.database_url.clone(), ..config.postgres.clone() };
                let storage = PostgresStorage::open(options).await?;
                let accounts = AuthBackend::Postgres(storage.accounts());
                Self::over(config, storage, accounts, http::system_clock()).await
            }
            _ => Self::over(config, MemoryStorage::new(), AuthBackend::memory(), http::system_clock()).await,
        }
    }

    /// Brings the tables of the database up to date and does nothing else. Gives the version before and after, where the
    /// database has one for all its tables.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong and what to do.
    pub async fn migrate(config: &ServerConfig) -> Result<Option<(i32, i32)>, OpenError> {
        config.validate()?;
        if config.database_url.starts_with("postgres") {
            let url = config.postgres.migrate_url.as_ref().unwrap_or(&config.database_url);
            return Ok(Some(postgres::migrate(url).await?));
        }
        Self::open(config.clone()).await.map(|_| None)
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
        let auth = Auth::open(accounts, TokenSource::of(&config)?, config.token_life_seconds, clock()).await?;
        let (stopping, stopped) = watch::channel(false);
        let tls = config.tls.as_ref().map(Tls::open).transpose()?;
        let http::Built { router, metrics, layers } = http::build(&config, service, auth, stopped, clock);
        Ok(Self { router, metrics, metrics_listener: None, layers, stopping, tls, config })
    }
}

impl App {
    /// The routes, to be called without a socket.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Serves the metrics as well, at `/metrics` of this listener and nowhere else, in plain HTTP and to whoever asks.
    #[must_use]
    pub fn metrics_on(self, listener: TcpListener) -> Self {
        Self { metrics_listener: Some(listener), ..self }
    }

    /// The certificate in use, to be read again on request. By itself it is looked at every half minute.
    pub fn tls(&self) -> Option<Tls> {
        self.tls.clone()
    }
}

/// Serves until `shutdown` completes, then finishes what is in flight, for a bounded time. When this returns, nothing of
/// the server runs any more.
///
/// # Errors
/// When the listener's address must not be listened on in plain HTTP
/// ([`may_listen_on`](crate::ServerConfig::may_listen_on)). A connection that fails ends alone.
pub async fn serve(listener: TcpListener, app: App, shutdown: impl Future<Output = ()> + Send) -> io::Result<()> {
    let App { router, metrics, metrics_listener, layers, stopping, tls, config } = app;
    let address = listener.local_addr()?;
    config.may_listen_on(address).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    if config.can_be_overheard(address) && !config.behind_proxy.is_some() {
        tracing::warn!(%address, "plain HTTP: whoever is on this network can read passwords and tokens");
    }
    if config.web.is_none() {
        tracing::info!("{NO_WEB_APP}");
    }
    let tasks = layers.tasks.clone();
    run_aside(&tasks, &stopping, fold(Arc::clone(&layers)));
    if let Some(tls) = tls.clone() {
        run_aside(&tasks, &stopping, tls.follow());
    }
    if let Some(listener) = metrics_listener {
        let connections = Arc::new(Connections::new(metrics, &config, tasks.clone()));
        let places = Places::new(METRICS_CONNECTIONS, METRICS_CONNECTIONS, TrustedProxies::None);
        let door = Door { listener, places, connections, tls: None, layers: Arc::clone(&layers) };
        let stopped = stopping.subscribe();
        run_aside(&tasks, &stopping, async move { door.let_in(&stopped).await });
    }
    let connections = Arc::new(Connections::new(router, &config, tasks.clone()));
    let places = Places::new(config.max_connections, config.max_connections_per_address, config.behind_proxy.clone());
    let door = Door { listener, places, connections, tls, layers };
    let stopped = stopping.subscribe();
    tokio::select! {
        () = shutdown => {}
        () = door.let_in(&stopped) => {}
    }
    drop(door);
    stopping.send_replace(true);
    if tokio::time::timeout(Duration::from_millis(config.drain_timeout_ms), tasks.finished()).await.is_err() {
        tracing::warn!(left = tasks.len(), "stopped before everything in flight was finished");
        tasks.end().await;
    }
    Ok(())
}

/// Connections to the metrics at once.
const METRICS_CONNECTIONS: u32 = 32;

/// Where connections come in.
struct Door {
    listener: TcpListener,
    places: Places,
    connections: Arc<Connections>,
    tls: Option<Tls>,
    layers: Arc<Layers>,
}

impl Door {
    /// Takes connections and serves each on a task of its own. Never ends.
    async fn let_in(&self, stopped: &watch::Receiver<bool>) {
        let metrics = &self.layers.metrics;
        loop {
            let accepted = self.places.accept(&self.listener, || metrics.limited(Limit::Connections)).await;
            let (stream, address, place) = accepted;
            let (connections, tls, stopped) = (Arc::clone(&self.connections), self.tls.clone(), stopped.clone());
            let present = metrics.connection();
            drop(self.layers.tasks.spawn(async move {
                let _while_open = (place, present);
                match tls {
                    Some(tls) => connections.run_tls(&tls, stream, address, stopped).await,
                    None => connections.run(stream, Peer { address, secure: false }, stopped).await,
                }
            }));
        }
    }
}

/// Runs this until the server is asked to stop.
fn run_aside(tasks: &Tasks, stopping: &watch::Sender<bool>, work: impl Future<Output = ()> + Send + 'static) {
    let mut stopped = stopping.subscribe();
    drop(tasks.spawn(async move {
        tokio::select! {
            () = work => {}
            _ = stopped.changed() => {}
        }
    }));
}

/// Folds the samples of the metrics now and then, or they would pile up until somebody reads them.
async fn fold(layers: Arc<Layers>) {
    loop {
        tokio::time::sleep(http::FOLD_EVERY).await;
        layers.metrics.fold();
    }
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
