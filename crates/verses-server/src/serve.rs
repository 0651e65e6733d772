//! The application, and the loop that serves it: connections bounded in number, heads bounded in time, and a stop that
//! finishes what is in flight.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt;

use crate::auth::{Auth, AuthBackend, AuthError, JwksError, TokenSource};
use crate::config::{ConfigError, ServerConfig};
use crate::http::{self, Clock};
use crate::service::Service;
use crate::storage::memory::MemoryStorage;
use crate::storage::postgres::{self, PostgresOptions, PostgresStorage};
use crate::storage::sqlite::SqliteStorage;
use crate::storage::{Storage, StorageError};
use crate::texts::{EsvClient, EsvConfig, EsvConfigError, Texts};

/// The server, ready to be served.
#[derive(Debug)]
pub struct App {
    router: Router,
    stopping: watch::Sender<bool>,
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
        Ok(Self { router: http::router(&config, service, auth, stopped, clock), stopping, config })
    }
}

impl App {
    /// The routes, to be called without a socket.
    pub fn router(&self) -> Router {
        self.router.clone()
    }
}

/// Serves until `shutdown` completes, then finishes what is in flight, for a bounded time.
///
/// # Errors
/// None after the listener is bound: a connection that fails ends alone.
pub async fn serve(listener: TcpListener, app: App, shutdown: impl Future<Output = ()> + Send) -> io::Result<()> {
    let App { router, stopping, config } = app;
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(Duration::from_millis(config.header_timeout_ms));
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(Duration::from_secs(30));
    let builder = Arc::new(builder);
    let places = Arc::new(Semaphore::new(config.max_connections as usize));
    let graceful = GracefulShutdown::new();
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let (stream, address, place) = accepted;
        let with_address = move |mut request: hyper::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(ConnectInfo(address));
            request
        };
        let service = router.clone().map_request(with_address).map_response(http::allow_options);
        let builder = Arc::clone(&builder);
        let watcher = graceful.watcher();
        let patience = Duration::from_millis(config.header_timeout_ms);
        let mut stopped = stopping.subscribe();
        tokio::spawn(async move {
            let _place = place;
            // The head's time limit starts when the protocol is known: a silent client must not hold a place before.
            tokio::select! {
                spoken = tokio::time::timeout(patience, speaks(&stream)) => if spoken.is_err() { return },
                // Nothing is in flight on it: it does not hold up the stop.
                _ = stopped.changed() => return,
            }
            let connection =
                builder.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service));
            // A connection ends with an error whenever a client goes away: nothing to do about it.
            drop(watcher.watch(connection.into_owned()).await);
        });
    }
    drop(listener);
    stopping.send_replace(true);
    let drained = tokio::time::timeout(Duration::from_millis(config.drain_timeout_ms), graceful.shutdown()).await;
    if drained.is_err() {
        tracing::warn!("stopped before everything in flight was finished");
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

/// Waits until the client's first bytes tell which version of HTTP it speaks, without taking them.
async fn speaks(stream: &TcpStream) {
    const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let mut start = [0; HTTP2.len()];
    loop {
        match stream.peek(&mut start).await {
            // A start of the preface of HTTP/2, and not all of it: the rest comes soon, or the time is up.
            Ok(n) if n > 0 && n < start.len() && HTTP2.starts_with(&start[..n]) => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            // Whatever else it is, the connection's own reading deals with it.
            _ => return,
        }
    }
}

/// A connection and its place among those allowed. An error of one connection, or no file handle left, is waited out.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, std::net::SocketAddr, Option<tokio::sync::OwnedSemaphorePermit>) {
    // The semaphore is never closed, so there is always a permit in the end.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // Answers are small: waiting to fill packets only adds delay. Without it they still arrive.
                drop(stream.set_nodelay(true));
                return (stream, address, place);
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}
