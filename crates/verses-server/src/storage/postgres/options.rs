//! Settings of the storage on PostgreSQL. How an address is read is in `reach`.

/// Settings of the storage on PostgreSQL.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresOptions {
    /// `postgres://LOGIN:PASSWORD@HOST:PORT/DATABASE`: the login that serves. `sslmode` and `sslrootcert` may follow as
    /// parameters: without them a connection to another machine is encrypted and its certificate checked.
    pub url: String,
    /// The address to hear other servers at, where `url` is that of a transaction pooler, which cannot listen.
    pub listen_url: Option<String>,
    /// The address of a role that may change the schema, if it is to be brought up to date at the start.
    pub migrate_url: Option<String>,
    /// Connections at most, besides the one that listens.
    pub max_connections: u32,
    /// Whether statements are prepared once per connection. A transaction pooler may not know how to keep them.
    pub prepare: bool,
    /// Longest time of one statement, milliseconds.
    pub statement_timeout_ms: u64,
    /// Longest wait for a lock, milliseconds.
    pub lock_timeout_ms: u64,
    /// Longest time of a whole transaction, milliseconds; the connection is given up after it.
    pub transaction_timeout_ms: u64,
    /// Whether the login may be one that row-level security does not bind, such as the owner of the tables.
    pub allow_privileged_login: bool,
}

impl PostgresOptions {
    /// The defaults, for this address.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            listen_url: None,
            migrate_url: None,
            max_connections: 16,
            prepare: true,
            statement_timeout_ms: 8_000,
            lock_timeout_ms: 3_000,
            transaction_timeout_ms: 10_000,
            allow_privileged_login: false,
        }
    }
}

impl std::fmt::Debug for PostgresOptions {
    // The address holds a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresOptions").field("max_connections", &self.max_connections).finish_non_exhaustive()
    }
}
