//! Limits of the wire as named constants, and the document in which a server tells its own.

use serde::{Deserialize, Serialize};

/// The protocol version this code speaks.
pub const PROTOCOL_VERSION: u16 = 1;
/// The oldest protocol version a server of this code still accepts: N and N-1, and there is none before 1.
pub const OLDEST_PROTOCOL_VERSION: u16 = 1;
/// Request header with the client's protocol version. Absent means the current one (curl, supabase-js).
pub const PROTOCOL_HEADER: &str = "verses-protocol";

/// Path of lookups, single operations and batches (POST).
pub const OPERATIONS_PATH: &str = "/functions/v1/verse-operations";
/// Path of the feed of changes (GET).
pub const CHANGES_PATH: &str = "/functions/v1/verse-changes";
/// Path of the stream of pokes (GET, server-sent events).
pub const EVENTS_PATH: &str = "/functions/v1/verse-events";
/// Path of the limits document (GET).
pub const LIMITS_PATH: &str = "/functions/v1/verse-limits";

/// Most operations in one batch, by default.
pub const DEFAULT_MAX_OPERATIONS: u32 = 1_000;
/// Largest decoded request body, in bytes, by default.
pub const DEFAULT_MAX_REQUEST_BYTES: u64 = 1024 * 1024;
/// Largest body on the wire before it is decoded, in bytes, by default.
pub const DEFAULT_MAX_WIRE_BYTES: u64 = 1024 * 1024;
/// Most changes in one page, by default.
pub const DEFAULT_MAX_CHANGES: u32 = 1_000;
/// Deepest nesting of JSON accepted.
pub const MAX_JSON_DEPTH: usize = 32;
/// Longest batch id, in bytes.
pub const MAX_BATCH_ID_BYTES: usize = 128;
/// Longest cursor, in bytes.
pub const MAX_CURSOR_BYTES: usize = 256;

/// What a server accepts. `GET verse-limits`; clients cache it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Limits {
    /// Most operations in one batch.
    pub max_operations: u32,
    /// Largest decoded request body in bytes.
    pub max_request_bytes: u64,
    /// Most changes in one page.
    pub max_changes: u32,
    /// Operations a user may send per minute.
    pub operations_per_minute: u32,
    /// Oldest protocol version accepted.
    pub oldest_protocol: u16,
    /// Newest protocol version accepted.
    pub newest_protocol: u16,
    /// Codings accepted in Content-Encoding.
    pub content_encodings: Vec<String>,
    /// Translations whose text the server can supply.
    pub translations: Vec<String>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_operations: DEFAULT_MAX_OPERATIONS,
            max_request_bytes: DEFAULT_MAX_REQUEST_BYTES,
            max_changes: DEFAULT_MAX_CHANGES,
            operations_per_minute: 0,
            oldest_protocol: OLDEST_PROTOCOL_VERSION,
            newest_protocol: PROTOCOL_VERSION,
            content_encodings: vec!["gzip".into(), "zstd".into()],
            translations: Vec::new(),
        }
    }
}
