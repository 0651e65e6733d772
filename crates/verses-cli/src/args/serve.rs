//! What can be typed after `verses serve` and `verses keys`. Secrets cannot: whoever can list processes would read them.

#![allow(rustdoc::bare_urls, reason = "these comments are the text of --help, where angle brackets would be shown")]

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `verses serve`
///
/// Secrets come from files or the environment: VERSES_DATABASE_URL may hold a password, VERSES_JWT_SECRET signs tokens (HS256,
/// at least 32 bytes; without it a key is made at first start and kept in the database), VERSES_ESV_API_KEY opens the ESV API.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Address to listen on; port 0 takes any free one. One that the internet reaches needs TLS or --behind-proxy
    #[arg(long, env = "VERSES_LISTEN", default_value = "127.0.0.1:54321", value_name = "ADDRESS")]
    pub listen: String,
    /// Where the data is
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// More about a PostgreSQL database
    #[command(flatten)]
    pub postgres: PostgresArgs,
    /// Whose tokens are believed
    #[command(flatten)]
    pub tokens: TokenArgs,
    /// File with the key of the ESV API [default: VERSES_ESV_API_KEY]; without a key KJV and WEB are offered
    #[arg(long, env = "VERSES_ESV_API_KEY_FILE", value_name = "FILE")]
    pub esv_api_key_file: Option<PathBuf>,
    /// Refused: use --esv-api-key-file or VERSES_ESV_API_KEY
    #[arg(long, value_name = "KEY", hide = true)]
    pub esv_api_key: Option<String>,
    /// Where the ESV API is
    #[arg(long, env = "VERSES_ESV_API_URL", default_value = "https://api.esv.org", value_name = "URL", hide = true)]
    pub esv_api_url: String,
    /// Certificate for HTTPS, with those that lead to its root (PEM); read again when it changes, and on SIGHUP
    #[arg(long, env = "VERSES_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, env = "VERSES_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Proxies of yours before this server: how many (1), or their addresses (10.0.0.0/8,192.0.2.7), or "private". Only
    /// then does the header of --forwarded-header count, read from the right
    #[arg(long, env = "VERSES_BEHIND_PROXY", value_name = "N|CIDR", num_args = 1.., value_delimiter = ',')]
    pub behind_proxy: Vec<String>,
    /// Header in which your proxies tell who is before them
    #[arg(long, env = "VERSES_FORWARDED_HEADER", value_enum, default_value = "x-forwarded-for", value_name = "NAME")]
    pub forwarded_header: ForwardedHeaderArg,
    /// Address on which Prometheus finds /metrics, in plain HTTP, for whoever asks; without it there are none
    #[arg(long, env = "VERSES_METRICS_LISTEN", value_name = "ADDRESS")]
    pub metrics_listen: Option<String>,
    /// OpenTelemetry collector that traces are sent to (OTLP over HTTP), e.g. http://127.0.0.1:4318; without it there are none
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL", hide_env_values = true)]
    pub otlp_endpoint: Option<String>,
    /// Web origins that may call, separated by commas; * allows all
    #[arg(long, env = "VERSES_ALLOWED_ORIGINS", default_value = "*", value_name = "ORIGINS")]
    pub allowed_origins: String,
    /// Folder with the built web app, read again for each request, for development [default: the app in this program]
    #[arg(long, env = "VERSES_WEB_DIR", value_name = "DIR", hide_short_help = true)]
    pub web_dir: Option<PathBuf>,
    /// Most operations in one batch
    #[arg(long, env = "VERSES_MAX_OPERATIONS", value_name = "N")]
    pub max_operations: Option<u32>,
    /// Operations a user may send per minute
    #[arg(long, env = "VERSES_OPERATIONS_PER_MINUTE", value_name = "N")]
    pub operations_per_minute: Option<u32>,
    /// Requests and operations that may come from one address per minute
    #[arg(long, env = "VERSES_REQUESTS_PER_MINUTE_PER_ADDRESS", value_name = "N", hide_short_help = true)]
    pub requests_per_minute_per_address: Option<u32>,
    /// Sign-ups and password sign-ins that may come from one address per minute
    #[arg(long, env = "VERSES_SIGN_INS_PER_MINUTE", value_name = "N", hide_short_help = true)]
    pub sign_ins_per_minute: Option<u32>,
    /// Connections at once
    #[arg(long, env = "VERSES_MAX_CONNECTIONS", value_name = "N", hide_short_help = true)]
    pub max_connections: Option<u32>,
    /// Connections at once from one address
    #[arg(long, env = "VERSES_MAX_CONNECTIONS_PER_ADDRESS", value_name = "N", hide_short_help = true)]
    pub max_connections_per_address: Option<u32>,
    /// Life of access tokens, seconds
    #[arg(long, env = "VERSES_TOKEN_LIFE_SECONDS", value_name = "N", hide = true)]
    pub token_life_seconds: Option<u64>,
}

/// Where the server's data is.
#[derive(Debug, Args)]
pub struct DatabaseArgs {
    /// sqlite:FILE, postgres://LOGIN@HOST:PORT/DATABASE, or memory: (nothing is kept). One with a password comes from the
    /// environment or from --database-file
    #[arg(
        long,
        env = "VERSES_DATABASE_URL",
        default_value = "sqlite:verses.db",
        value_name = "URL",
        hide_env_values = true
    )]
    pub database: String,
    /// File with that address
    #[arg(long, env = "VERSES_DATABASE_URL_FILE", value_name = "FILE")]
    pub database_file: Option<PathBuf>,
}

/// Whose tokens are believed.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// Where clients reach this server, e.g. https://verses.example.org; tokens name it [default: the address listened on]
    #[arg(long, env = "VERSES_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// File with the secret that signs tokens (HS256), at least 32 bytes [default: VERSES_JWT_SECRET, else a key (ES256) that
    /// is made at first start and kept in the database]
    #[arg(long, env = "VERSES_JWT_SECRET_FILE", value_name = "FILE")]
    pub jwt_secret_file: Option<PathBuf>,
    /// Refused: use --jwt-secret-file or VERSES_JWT_SECRET
    #[arg(long, value_name = "SECRET", hide = true)]
    pub jwt_secret: Option<String>,
    /// Accounts live elsewhere: no sign-in here. --jwks-url and --jwks-file mean it too
    #[arg(long, env = "VERSES_EXTERNAL_AUTH")]
    pub external_auth: bool,
    /// Public keys of the account server, e.g. https://REF.supabase.co/auth/v1/.well-known/jwks.json
    #[arg(long, env = "VERSES_JWKS_URL", value_name = "URL", conflicts_with = "jwks_file")]
    pub jwks_url: Option<String>,
    /// The same from a file, which is read anew every ten minutes
    #[arg(long, env = "VERSES_JWKS_FILE", value_name = "FILE")]
    pub jwks_file: Option<PathBuf>,
    /// Issuer whose tokens are believed, e.g. https://REF.supabase.co/auth/v1; several with commas [default: any]
    #[arg(long = "jwt-issuer", env = "VERSES_JWT_ISSUER", value_name = "URL", value_delimiter = ',')]
    pub jwt_issuers: Vec<String>,
}

/// `verses keys`
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a new key, which signs from now on; what the others have signed stays good until it expires
    Rotate(KeysArgs),
    /// List the keys, the newest first
    List(KeysArgs),
}

/// Which server's keys.
#[derive(Debug, Args)]
pub struct KeysArgs {
    /// Where the server's data is
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// PostgreSQL: no prepared statements, as for `verses serve`
    #[arg(long, env = "VERSES_DATABASE_NO_PREPARE")]
    pub database_no_prepare: bool,
    /// PostgreSQL: a login that row-level security does not bind, as for `verses serve`
    #[arg(long, env = "VERSES_DATABASE_PRIVILEGED_LOGIN")]
    pub database_privileged_login: bool,
}

/// What else there is to say about a PostgreSQL database.
#[derive(Debug, Args)]
pub struct PostgresArgs {
    /// Bring the tables up to date and end
    #[arg(long)]
    pub migrate_only: bool,
    /// PostgreSQL: the address of a role that may change the schema; the tables are brought up to date at the start
    #[arg(long, env = "VERSES_MIGRATE_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub migrate_database: Option<String>,
    /// File with that address
    #[arg(long, env = "VERSES_MIGRATE_DATABASE_URL_FILE", value_name = "FILE")]
    pub migrate_database_file: Option<PathBuf>,
    /// PostgreSQL: connections at most
    #[arg(long, env = "VERSES_DATABASE_CONNECTIONS", value_name = "N")]
    pub database_connections: Option<u32>,
    /// PostgreSQL: no prepared statements, for a pooler that hands out connections by transaction
    #[arg(long, env = "VERSES_DATABASE_NO_PREPARE")]
    pub database_no_prepare: bool,
    /// PostgreSQL: a direct address to hear other servers at, where --database is a pooler's
    #[arg(long, env = "VERSES_DATABASE_LISTEN_URL", value_name = "URL", hide_env_values = true)]
    pub database_listen_url: Option<String>,
    /// File with that address
    #[arg(long, env = "VERSES_DATABASE_LISTEN_URL_FILE", value_name = "FILE")]
    pub database_listen_url_file: Option<PathBuf>,
    /// PostgreSQL: serve with a login that row-level security does not bind (each transaction still acts as its user)
    #[arg(long, env = "VERSES_DATABASE_PRIVILEGED_LOGIN")]
    pub database_privileged_login: bool,
}

/// Headers of proxies, as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ForwardedHeaderArg {
    /// What most proxies write
    XForwardedFor,
    /// RFC 7239
    Forwarded,
}
