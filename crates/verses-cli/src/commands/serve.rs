//! `verses serve`: the server, and the same server inside this process for the demonstration and benchmarks.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use verses_server::{App, ServerConfig};

use crate::args::ServeArgs;
use crate::exit::{CliError, ExitStatus};
use crate::output::Printer;

/// Name of the database of a server in a folder of its own.
pub const SERVER_FILE: &str = "server.sqlite";

/// `verses serve`
///
/// # Errors
/// A usage error for settings that make no sense; when the address or the database cannot be had.
pub async fn run(printer: Printer, args: &ServeArgs) -> Result<ExitStatus, CliError> {
    log_to_stderr(printer);
    let config = config(args)?;
    if args.postgres.migrate_only {
        return migrate(printer, &config).await;
    }
    let listener = TcpListener::bind(&args.listen)
        .await
        .with_context(|| format!("listening on {} (is it taken? another port: --listen 127.0.0.1:0)", args.listen))?;
    let address = listener.local_addr().context("reading the address")?;
    // An address of PostgreSQL holds a password.
    let what = if args.database.starts_with("postgres") { "the database" } else { &args.database };
    let app = App::open(config).await.with_context(|| format!("opening {what}"))?;
    let url = format!("http://{address}");
    printer.result(&serde_json::json!({ "url": url }), || format!("Verses is ready at {url}"))?;
    verses_server::serve(listener, app, stop_signal()).await.context("serving")?;
    Ok(ExitStatus::Done)
}

async fn migrate(printer: Printer, config: &ServerConfig) -> Result<ExitStatus, CliError> {
    let versions = App::migrate(config).await.context("bringing the tables up to date")?;
    let (before, after) = versions.unzip();
    printer.result(&serde_json::json!({ "before": before, "after": after }), || match versions {
        Some((before, after)) if before == after => format!("The tables are up to date (version {after})."),
        Some((before, after)) => format!("The tables were brought from version {before} to {after}."),
        None => "The tables are up to date.".to_owned(),
    })?;
    Ok(ExitStatus::Done)
}

fn config(args: &ServeArgs) -> Result<ServerConfig, CliError> {
    let mut config = ServerConfig { database_url: args.database.clone(), ..ServerConfig::default() };
    let postgres = &mut config.postgres;
    postgres.migrate_url = args.postgres.migrate_database.clone();
    postgres.listen_url = args.postgres.database_listen_url.clone();
    postgres.max_connections = args.postgres.database_connections.unwrap_or(postgres.max_connections);
    postgres.prepare = !args.postgres.database_no_prepare;
    postgres.allow_privileged_login = args.postgres.database_privileged_login;
    config.jwt_secret = args.jwt_secret.clone();
    config.esv_api_key = args.esv_api_key.clone();
    config.esv_api_url = args.esv_api_url.clone();
    config.allowed_origins =
        args.allowed_origins.split(',').map(|o| o.trim().to_owned()).filter(|o| !o.is_empty()).collect();
    config.max_operations = args.max_operations.unwrap_or(config.max_operations);
    config.operations_per_minute = args.operations_per_minute.unwrap_or(config.operations_per_minute);
    config.sign_ins_per_minute = args.sign_ins_per_minute.unwrap_or(config.sign_ins_per_minute);
    config.token_life_seconds = args.token_life_seconds.unwrap_or(config.token_life_seconds);
    config.validate().map_err(|e| CliError::Usage(e.to_string()))?;
    Ok(config)
}

fn log_to_stderr(printer: Printer) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("VERSES_LOG").unwrap_or_else(|_| EnvFilter::new("warn,verses_server=info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // A second start in one process keeps the first subscriber.
    drop(if printer.is_json() { builder.json().try_init() } else { builder.try_init() });
}

/// Completes on Ctrl-C or SIGTERM.
async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without a handler the default action ends the process, which is safe at any moment.
    drop(tokio::signal::ctrl_c().await);
}

/// A server in this process, on loopback.
#[derive(Debug)]
pub struct LocalServer {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    running: JoinHandle<std::io::Result<()>>,
}

impl LocalServer {
    /// Starts a server over the SQLite file.
    ///
    /// # Errors
    /// When no port or the database cannot be had.
    pub async fn start(database: &Path) -> Result<Self, CliError> {
        let config = ServerConfig {
            database_url: format!("sqlite:{}", database.display()),
            // Whoever runs a demonstration or a benchmark does not want to be slowed down by a limit.
            operations_per_minute: 10_000_000,
            ..ServerConfig::default()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listening on loopback")?;
        let address = listener.local_addr().context("reading the address")?;
        let app = App::open(config).await.context("opening the server's database")?;
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(verses_server::serve(listener, app, async {
            // A dropped sender stops the server too.
            drop(stopped.await);
        }));
        Ok(Self { address, stop, running })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops it, and waits until it has finished what was in flight.
    ///
    /// # Errors
    /// What the server ended with.
    pub async fn stop(self) -> Result<(), CliError> {
        // A server that ended by itself has no receiver any more: the result below tells.
        let _ = self.stop.send(());
        let ended = self.running.await.map_err(anyhow::Error::from)?;
        Ok(ended.context("stopping the server")?)
    }
}
