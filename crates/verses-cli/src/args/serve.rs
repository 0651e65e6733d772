//! What can be typed after `verses serve`. Secrets cannot: whoever can list processes would read them.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `verses serve`
///
/// Secrets come from files or the environment: VERSES_JWT_SECRET signs tokens (HS256, at least 32 bytes; made at first start
/// and kept in the database if missing), VERSES_ESV_API_KEY opens the ESV API.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Address to listen on; port 0 takes any free one. One that the internet reaches needs TLS or --behind-proxy
    #[arg(long, env = "VERSES_LISTEN", default_value = "127.0.0.1:54321", value_name = "ADDRESS")]
    pub listen: String,
    /// sqlite:FILE, or memory: (nothing is kept)
    #[arg(
        long,
        env = "VERSES_DATABASE_URL",
        default_value = "sqlite:verses.db",
        value_name = "URL",
        hide_env_values = true
    )]
    pub database: String,
    /// File with the secret that signs tokens (HS256) [default: VERSES_JWT_SECRET, else made at first start]
    #[arg(long, env = "VERSES_JWT_SECRET_FILE", value_name = "FILE")]
    pub jwt_secret_file: Option<PathBuf>,
    /// File with the key of the ESV API [default: VERSES_ESV_API_KEY]; without a key KJV and WEB are offered
    #[arg(long, env = "VERSES_ESV_API_KEY_FILE", value_name = "FILE")]
    pub esv_api_key_file: Option<PathBuf>,
    /// Refused: use --jwt-secret-file or VERSES_JWT_SECRET
    #[arg(long, value_name = "SECRET", hide = true)]
    pub jwt_secret: Option<String>,
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
    /// Web origins that may call, separated by commas; * allows all
    #[arg(long, env = "VERSES_ALLOWED_ORIGINS", default_value = "*", value_name = "ORIGINS")]
    pub allowed_origins: String,
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

/// Headers of proxies, as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ForwardedHeaderArg {
    /// What most proxies write
    XForwardedFor,
    /// RFC 7239
    Forwarded,
}
