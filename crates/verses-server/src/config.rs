//! Settings of the server, with their defaults and their checks. Where they come from is the command line's matter.

use verses_protocol::{
    DEFAULT_MAX_CHANGES, DEFAULT_MAX_OPERATIONS, DEFAULT_MAX_REQUEST_BYTES, DEFAULT_MAX_WIRE_BYTES, Limits,
};

use crate::proxy::{ForwardedHeader, TrustedProxies};

/// Shortest secret that may sign tokens, in bytes.
pub const MIN_SECRET_BYTES: usize = 32;

/// Settings of the server.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// `sqlite:FILE` or `memory:`.
    pub database_url: String,
    /// Secret that signs tokens; `None`: made at first start and kept in the database.
    pub jwt_secret: Option<String>,
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
}

impl std::fmt::Debug for ServerConfig {
    // Secrets must not reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerConfig").field("database_url", &self.database_url).finish_non_exhaustive()
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            database_url: "sqlite:verses.db".to_owned(),
            jwt_secret: None,
            esv_api_key: None,
            esv_api_url: "https://api.esv.org".to_owned(),
            allowed_origins: vec!["*".to_owned()],
            max_operations: DEFAULT_MAX_OPERATIONS,
            max_request_bytes: DEFAULT_MAX_REQUEST_BYTES,
            max_wire_bytes: DEFAULT_MAX_WIRE_BYTES,
            max_changes: DEFAULT_MAX_CHANGES,
            operations_per_minute: 6_000,
            requests_per_minute_per_address: 60_000,
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
        }
    }
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
    /// No database of this kind. The address is not repeated: it may hold a password.
    #[error(
        "a database of kind {kind:?} is not usable with this version: write sqlite:FILE, or memory: to keep nothing"
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
        let least = [
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
        match self.database_url.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => Ok(()),
            Some(("memory", _)) => Ok(()),
            Some((kind, _)) => Err(ConfigError::UnknownDatabase { kind: kind.to_owned() }),
            None => Err(ConfigError::UnknownDatabase { kind: String::new() }),
        }
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
