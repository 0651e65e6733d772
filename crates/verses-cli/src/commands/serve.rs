//! `verses serve`: the server, and the same server inside this process for the demonstration and benchmarks.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use verses_server::config::TlsFiles;
use verses_server::otlp::{OtlpExporter, OtlpLayer, OtlpOptions};
use verses_server::proxy::{ForwardedHeader, TrustedProxies};
use verses_server::storage::postgres::PostgresOptions;
use verses_server::{App, ServerConfig, Tls};

use crate::args::{ForwardedHeaderArg, PostgresArgs, ServeArgs, TokenArgs};
use crate::commands::secrets::{address, database_url, secret};
use crate::exit::{CliError, ExitStatus};
use crate::output::Printer;
use crate::web;

/// Name of the database of a server in a folder of its own.
pub const SERVER_FILE: &str = "server.sqlite";

/// `verses serve`
///
/// # Errors
/// A usage error for settings that make no sense; when the address, a file or the database cannot be had.
pub async fn run(printer: Printer, args: &ServeArgs) -> Result<ExitStatus, CliError> {
    let traces = write_down(printer, args.otlp_endpoint.as_deref())?;
    let served = serve(printer, args).await;
    if let Some(traces) = traces {
        traces.finish().await;
    }
    served
}

async fn serve(printer: Printer, args: &ServeArgs) -> Result<ExitStatus, CliError> {
    let mut config = config(args)?;
    if args.postgres.migrate_only {
        return migrate(printer, &config).await;
    }
    let listener = TcpListener::bind(&args.listen)
        .await
        .with_context(|| format!("listening on {} (is it taken? another port: --listen 127.0.0.1:0)", args.listen))?;
    let address = listener.local_addr().context("reading the address")?;
    config.may_listen_on(address).map_err(|e| CliError::Usage(e.to_string()))?;
    let url = format!("{}://{address}", if config.tls.is_some() { "https" } else { "http" });
    if args.tokens.public_url.is_none() {
        config.public_url.clone_from(&url);
    }
    let mut app = App::open(config).await.context("starting the server")?;
    let mut ready = serde_json::json!({ "url": url });
    if let Some(listen) = &args.metrics_listen {
        let listener =
            TcpListener::bind(listen).await.with_context(|| format!("listening on {listen} for the metrics"))?;
        let address = listener.local_addr().context("reading the address of the metrics")?;
        ready["metrics"] = format!("http://{address}/metrics").into();
        app = app.metrics_on(listener);
    }
    if let Some(tls) = app.tls() {
        reload_on_hangup(tls)?;
    }
    printer.result(&ready, || format!("Verses is ready at {url}"))?;
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
    let mut config = ServerConfig { database_url: database_url(&args.database)?, ..ServerConfig::default() };
    config_postgres(&mut config.postgres, &args.postgres)?;
    config_tokens(&mut config, &args.tokens)?;
    config.esv_api_key =
        secret("esv-api-key", "VERSES_ESV_API_KEY", args.esv_api_key.as_ref(), args.esv_api_key_file.as_deref())?;
    config.esv_api_url = args.esv_api_url.clone();
    if let (Some(cert), Some(key)) = (&args.tls_cert, &args.tls_key) {
        config.tls = Some(TlsFiles { cert: cert.clone(), key: key.clone() });
    }
    config.behind_proxy = TrustedProxies::parse(args.behind_proxy.iter().map(String::as_str))
        .map_err(|e| CliError::Usage(format!("--behind-proxy: {e}")))?;
    config.forwarded_header = match args.forwarded_header {
        ForwardedHeaderArg::XForwardedFor => ForwardedHeader::XForwardedFor,
        ForwardedHeaderArg::Forwarded => ForwardedHeader::Forwarded,
    };
    config.allowed_origins =
        args.allowed_origins.split(',').map(|o| o.trim().to_owned()).filter(|o| !o.is_empty()).collect();
    let or = |given: Option<u32>, default: &mut u32| *default = given.unwrap_or(*default);
    or(args.max_operations, &mut config.max_operations);
    or(args.operations_per_minute, &mut config.operations_per_minute);
    or(args.requests_per_minute_per_address, &mut config.requests_per_minute_per_address);
    or(args.sign_ins_per_minute, &mut config.sign_ins_per_minute);
    or(args.max_connections, &mut config.max_connections);
    or(args.max_connections_per_address, &mut config.max_connections_per_address);
    config.web = web::app(args.web_dir.as_deref()).map_err(|e| CliError::Usage(format!("--web-dir: {e}")))?;
    config.token_life_seconds = args.token_life_seconds.unwrap_or(config.token_life_seconds);
    config.validate().map_err(|e| CliError::Usage(e.to_string()))?;
    Ok(config)
}

fn config_postgres(config: &mut PostgresOptions, args: &PostgresArgs) -> Result<(), CliError> {
    let migrate = (args.migrate_database.as_deref(), args.migrate_database_file.as_deref());
    config.migrate_url = address("migrate-database", "VERSES_MIGRATE_DATABASE_URL", migrate)?;
    let listen = (args.database_listen_url.as_deref(), args.database_listen_url_file.as_deref());
    config.listen_url = address("database-listen-url", "VERSES_DATABASE_LISTEN_URL", listen)?;
    config.max_connections = args.database_connections.unwrap_or(config.max_connections);
    config.prepare = !args.database_no_prepare;
    config.allow_privileged_login = args.database_privileged_login;
    Ok(())
}

fn config_tokens(config: &mut ServerConfig, args: &TokenArgs) -> Result<(), CliError> {
    config.jwt_secret =
        secret("jwt-secret", "VERSES_JWT_SECRET", args.jwt_secret.as_ref(), args.jwt_secret_file.as_deref())?;
    config.external_auth = args.external_auth;
    config.jwks_url = args.jwks_url.clone();
    config.jwks_file = args.jwks_file.clone();
    config.jwt_issuers = args.jwt_issuers.iter().map(|i| i.trim().to_owned()).filter(|i| !i.is_empty()).collect();
    if let Some(url) = &args.public_url {
        config.public_url.clone_from(url);
    }
    Ok(())
}

/// Reads the certificate again when SIGHUP comes.
fn reload_on_hangup(tls: Tls) -> Result<(), CliError> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut hangups = signal(SignalKind::hangup()).context("waiting for SIGHUP")?;
        drop(tokio::spawn(async move {
            while hangups.recv().await.is_some() {
                // What came of it is in the log.
                drop(tls.reload());
            }
        }));
    }
    #[cfg(not(unix))]
    drop(tls);
    Ok(())
}

/// The log goes to stderr, and traces to a collector if there is one. Gives what sends them.
fn write_down(printer: Printer, collector: Option<&str>) -> Result<Option<OtlpExporter>, CliError> {
    use tracing_subscriber::fmt::layer;
    let filter = EnvFilter::try_from_env("VERSES_LOG").unwrap_or_else(|_| EnvFilter::new("warn,verses_server=info"));
    let plain = layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let log = if printer.is_json() { plain.json().boxed() } else { plain.boxed() };
    let started = collector.filter(|url| !url.is_empty()).map(|url| OtlpExporter::start(&OtlpOptions::new(url)));
    let (layer, exporter) = started.transpose().map_err(|e| CliError::Usage(format!("--otlp-endpoint: {e}")))?.unzip();
    // A second start in one process keeps the first subscriber.
    drop(tracing_subscriber::registry().with(log.with_filter(filter)).with(layer.map(OtlpLayer::filtered)).try_init());
    Ok(exporter)
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
            requests_per_minute_per_address: 100_000_000,
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
