//! Settings of the server, with their defaults and their checks. Where they come from is the command line's matter.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::storage::postgres::PostgresOptions;
use verses_protocol::{
    DEFAULT_MAX_CHANGES, DEFAULT_MAX_OPERATIONS, DEFAULT_MAX_REQUEST_BYTES, DEFAULT_MAX_WIRE_BYTES, Limits,
};

use crate::proxy::{ForwardedHeader, TrustedProxies};
use crate::web::WebApp;

/// Shortest secret that may sign tokens, in bytes.
pub const MIN_SECRET_BYTES: usize = 32;

/// Settings of the server.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// `sqlite:FILE`, `postgres://LOGIN:PASSWORD@HOST:PORT/DATABASE` or `memory:`.
    pub database_url: String,
    /// Settings for PostgreSQL; their `url` is taken from `database_url`.
    pub postgres: PostgresOptions,
    /// Secret that signs tokens (HS256); `None`: a key (ES256) is made at first start and kept in the database. With
    /// accounts elsewhere: the secret that signs, or has signed, there.
    pub jwt_secret: Option<String>,
    /// Where clients reach this server, without a path; tokens issued here name it.
    pub public_url: String,
    /// Accounts live elsewhere: no sign-in here. So it is as well when there are keys of others.
    pub external_auth: bool,
    /// Address of the public keys (JWKS) of the account server.
    pub jwks_url: Option<String>,
    /// File with these keys.
    pub jwks_file: Option<PathBuf>,
    /// Issuers whose tokens are believed when accounts live elsewhere; all if there are none.
    pub jwt_issuers: Vec<String>,
    /// Key of the ESV API; `None`: only the texts in the binary.
    pub esv_api_key: Option<String>,
    /// Where the ESV API is.
    pub esv_api_url: String,
    /// Web origins that may call; `*` allows all.
    pub allowed_origins: Vec<String>,
    /// Most operations in one batch.
    pub max_operations: u32,
    /// Largest decoded request body, bytes.
    pub max_request_bytes: u64,
    /// Largest request body on the wire, bytes.
    pub max_wire_bytes: u64,
    /// Most changes in one page.
    pub max_changes: u32,
    /// Operations a user may send per minute.
    pub operations_per_minute: u32,
    /// Requests, and operations in them, from one address per minute (IPv6: one /64 network). Sign-in is counted apart.
    pub requests_per_minute_per_address: u32,
    /// Files for TLS; `None`: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Which hops before this server are proxies of ours.
    pub behind_proxy: TrustedProxies,
    /// The header in which they tell who is before them.
    pub forwarded_header: ForwardedHeader,
    /// Attempts at sign-up and password sign-in from one address per minute.
    pub sign_ins_per_minute: u32,
    /// Life of an access token, seconds. Clients refresh 90 s before the end, so it must be longer.
    pub token_life_seconds: u64,
    /// Time for the head of a request, milliseconds.
    pub header_timeout_ms: u64,
    /// Time without a byte of a request's body, milliseconds.
    pub body_stall_timeout_ms: u64,
    /// Time for a request's whole body, milliseconds.
    pub body_timeout_ms: u64,
    /// Slowest average rate of a request's body, bytes per second, after the first pause.
    pub body_min_bytes_per_second: u32,
    /// Time for answering a request once its body is there, milliseconds. Below the client's patience.
    pub request_timeout_ms: u64,
    /// Time in which the client takes nothing of an answer, milliseconds.
    pub answer_stall_timeout_ms: u64,
    /// Time a connection may stay without a request, milliseconds.
    pub idle_timeout_ms: u64,
    /// Time for what is in flight when the server is asked to stop, milliseconds.
    pub drain_timeout_ms: u64,
    /// Connections at once.
    pub max_connections: u32,
    /// Connections at once from one address (IPv6: one /64 network).
    pub max_connections_per_address: u32,
    /// Requests answered at once. One address may have a quarter of them.
    pub max_requests_in_flight: u32,
    /// Streams of pokes at once for one user.
    pub max_streams_per_user: u32,
    /// The web app; `None`: no pages.
    pub web: Option<WebApp>,
}

impl std::fmt::Debug for ServerConfig {
    // Secrets must not reach a log; the database's address may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = self.database_url.split(':').next().unwrap_or_default();
        f.debug_struct("ServerConfig").field("database", &kind).finish_non_exhaustive()
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            database_url: "sqlite:verses.db".to_owned(),
            postgres: PostgresOptions::new(String::new()),
            jwt_secret: None,
            public_url: "http://127.0.0.1:54321".to_owned(),
            external_auth: false,
            jwks_url: None,
            jwks_file: None,
            jwt_issuers: Vec::new(),
            esv_api_key: None,
            esv_api_url: "https://api.esv.org".to_owned(),
            allowed_origins: vec!["*".to_owned()],
            max_operations: DEFAULT_MAX_OPERATIONS,
            max_request_bytes: DEFAULT_MAX_REQUEST_BYTES,
            max_wire_bytes: DEFAULT_MAX_WIRE_BYTES,
            max_changes: DEFAULT_MAX_CHANGES,
            operations_per_minute: 6_000,
            requests_per_minute_per_address: 60_000,
            tls: None,
            behind_proxy: TrustedProxies::None,
            forwarded_header: ForwardedHeader::XForwardedFor,
            sign_ins_per_minute: 60,
            token_life_seconds: 3_600,
            header_timeout_ms: 10_000,
            body_stall_timeout_ms: 20_000,
            body_timeout_ms: 600_000,
            body_min_bytes_per_second: 128,
            request_timeout_ms: 12_000,
            answer_stall_timeout_ms: 60_000,
            idle_timeout_ms: 75_000,
            drain_timeout_ms: 10_000,
            max_connections: 10_000,
            max_connections_per_address: 256,
            max_requests_in_flight: 4_096,
            max_streams_per_user: 32,
            web: None,
        }
    }
}

/// Files for TLS, in PEM. They are read again when they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, then those that lead to its root.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// A setting that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A secret that could be guessed.
    #[error("the token secret has {bytes} bytes: use at least {MIN_SECRET_BYTES} (e.g. from `openssl rand -hex 32`)")]
    ShortSecret {
        /// Its length.
        bytes: usize,
    },
    /// No address of a server.
    #[error("{0:?} is no address of a server: write it like https://verses.example.org")]
    PublicUrl(String),
    /// Keys from two places.
    #[error("keys of tokens come from an address or from a file: give one of --jwks-url and --jwks-file")]
    TwoKeySets,
    /// Accounts elsewhere, and nothing to check tokens with.
    #[error("accounts live elsewhere and nothing checks their tokens: give --jwks-url, --jwks-file or the secret")]
    NoKeys,
    /// Issuers without accounts elsewhere: they would be believed by nobody.
    #[error(
        "--jwt-issuer is for accounts that live elsewhere: give --jwks-url, --jwks-file or --external-auth as well"
    )]
    IssuersOfNobody,
    /// A number that must be larger.
    #[error("{name} is {value}: it must be at least {min}")]
    TooSmall {
        /// Which setting.
        name: &'static str,
        /// What it is.
        value: u64,
        /// The least that works.
        min: u64,
    },
    /// A web origin that no browser sends like that.
    #[error(
        "allowed origin {origin:?}: write scheme, host and port as the browser does (https://verses.example), without a \
         path, or * for all"
    )]
    Origin {
        /// What was written.
        origin: String,
    },
    /// Plain HTTP where everybody can reach it.
    #[error(
        "{address} can be reached from the internet, and passwords and tokens would travel readable: give a certificate \
         (--tls-cert FILE --tls-key FILE), or put a proxy with TLS before the server and say so (--behind-proxy 1), or \
         listen on 127.0.0.1 or on a private address of this machine"
    )]
    PublicAddress {
        /// Where.
        address: SocketAddr,
    },
    /// No database of this kind. The address is not repeated: it may hold a password.
    #[error(
        "a database of kind {kind:?} is not known: write sqlite:FILE, postgres://LOGIN:PASSWORD@HOST:PORT/DATABASE, or memory: \
         to keep nothing"
    )]
    UnknownDatabase {
        /// What stands before the colon.
        kind: String,
    },
}

impl ServerConfig {
    /// Checks what can be checked without opening anything.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if let Some(secret) = self.jwt_secret.as_ref().filter(|s| s.len() < MIN_SECRET_BYTES) {
            return Err(ConfigError::ShortSecret { bytes: secret.len() });
        }
        self.validate_tokens()?;
        let least = [
            ("database connections", self.postgres.max_connections.into(), 1),
            ("max_operations", self.max_operations.into(), 1),
            ("max_request_bytes", self.max_request_bytes, 1_024),
            ("max_wire_bytes", self.max_wire_bytes, 1_024),
            ("max_changes", self.max_changes.into(), 1),
            ("operations_per_minute", self.operations_per_minute.into(), 1),
            ("requests_per_minute_per_address", self.requests_per_minute_per_address.into(), 1),
            ("token_life_seconds", self.token_life_seconds, 1),
            ("header_timeout_ms", self.header_timeout_ms, 1),
            ("body_stall_timeout_ms", self.body_stall_timeout_ms, 1),
            ("body_timeout_ms", self.body_timeout_ms, 1),
            ("body_min_bytes_per_second", self.body_min_bytes_per_second.into(), 1),
            ("request_timeout_ms", self.request_timeout_ms, 1),
            ("answer_stall_timeout_ms", self.answer_stall_timeout_ms, 1),
            ("idle_timeout_ms", self.idle_timeout_ms, 1),
            ("max_connections", self.max_connections.into(), 1),
            ("max_requests_in_flight", self.max_requests_in_flight.into(), 1),
            ("max_connections_per_address", self.max_connections_per_address.into(), 1),
        ];
        for (name, value, min) in least {
            if value < min {
                return Err(ConfigError::TooSmall { name, value, min });
            }
        }
        if let Some(origin) = self.allowed_origins.iter().find(|origin| !is_origin(origin)) {
            return Err(ConfigError::Origin { origin: origin.clone() });
        }
        match self.database_url.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => Ok(()),
            Some(("memory" | "postgres" | "postgresql", _)) => Ok(()),
            Some((kind, _)) => Err(ConfigError::UnknownDatabase { kind: kind.to_owned() }),
            None => Err(ConfigError::UnknownDatabase { kind: String::new() }),
        }
    }

    fn validate_tokens(&self) -> Result<(), ConfigError> {
        let host = self.public_url.strip_prefix("https://").or_else(|| self.public_url.strip_prefix("http://"));
        if host.is_none_or(|host| host.trim_end_matches('/').is_empty() || host.contains(char::is_whitespace)) {
            return Err(ConfigError::PublicUrl(self.public_url.clone()));
        }
        if self.jwks_url.is_some() && self.jwks_file.is_some() {
            return Err(ConfigError::TwoKeySets);
        }
        if self.is_external() && self.jwks_url.is_none() && self.jwks_file.is_none() && self.jwt_secret.is_none() {
            return Err(ConfigError::NoKeys);
        }
        if !self.is_external() && !self.jwt_issuers.is_empty() {
            return Err(ConfigError::IssuersOfNobody);
        }
        Ok(())
    }

    /// Whether accounts live elsewhere.
    #[must_use]
    pub fn is_external(&self) -> bool {
        self.external_auth || self.jwks_url.is_some() || self.jwks_file.is_some()
    }

    /// The limits document.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            max_operations: self.max_operations,
            max_request_bytes: self.max_request_bytes,
            max_changes: self.max_changes,
            operations_per_minute: self.operations_per_minute,
            ..Limits::default()
        }
    }
}

/// Whether a browser may send this, or it stands for all. `null` is sent by pages without an origin, which is anybody's.
fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else { return text == "*" };
    let plain = |part: &str, more: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || more.contains(c))
    };
    plain(scheme, "+-.") && plain(host, "-.:[]_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_good_and_each_wrong_setting_is_named() {
        assert_eq!(ServerConfig::default().validate(), Ok(()));
        type Spoil = fn(&mut ServerConfig);
        let wrong: [(&str, Spoil); 6] = [
            ("secret", |c| c.jwt_secret = Some("short".into())),
            ("max_operations", |c| c.max_operations = 0),
            ("max_request_bytes", |c| c.max_request_bytes = 10),
            ("body_min_bytes_per_second", |c| c.body_min_bytes_per_second = 0),
            ("verses.example", |c| c.allowed_origins = vec!["verses.example".into()]),
            ("sqlite:FILE", |c| c.database_url = "mysql://user:password@host/db".into()),
        ];
        for (name, change) in wrong {
            let mut config = ServerConfig::default();
            change(&mut config);
            let error = config.validate().unwrap_err().to_string();
            assert!(error.contains(name) && !error.contains("password"), "{name}: {error}");
        }
    }

    #[test]
    fn origins_are_written_as_browsers_send_them() {
        for good in ["*", "https://app.example", "http://localhost:5173", "http://[::1]:80", "capacitor://localhost"] {
            assert!(is_origin(good), "{good}");
        }
        for bad in
            ["", "null", "app.example", "https://", "https://app.example/", "https://App.example", "https://*.app"]
        {
            assert!(!is_origin(bad), "{bad}");
        }
    }

    #[test]
    fn secrets_do_not_show() {
        let secret = || Some("s3cr3t".repeat(8));
        let database_url = format!("postgres://user:{}@host/db", "s3cr3t");
        let config = ServerConfig { jwt_secret: secret(), esv_api_key: secret(), database_url, ..Default::default() };
        assert!(!format!("{config:?}").contains("s3cr3t"));
    }
}
