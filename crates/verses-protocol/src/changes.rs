//! `GET /functions/v1/verse-changes`: the feed of accepted operations, oldest first, in pages.

use serde::{Deserialize, Serialize};
use verses_core::{Operation, UnixMillis, Verse};

/// An accepted operation as everybody folds it: with its corrected stamp, its canonical reference and, for a
/// creation, the verse with its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Position in the user's history: rising, without gaps.
    pub seq: u64,
    /// The operation's id.
    pub id: String,
    /// Type and payload.
    #[serde(flatten)]
    pub operation: Operation,
    /// The verse, for a creation.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub verse: Option<Verse>,
}

/// A page of changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangesResponse {
    /// Oldest first.
    pub changes: Vec<Change>,
    /// Opaque; ask on from here.
    pub cursor: String,
    /// Whether more wait.
    pub has_more: bool,
    /// The cursor was of another history (a restored or new server): this page starts from the beginning. Keep the
    /// outbox, and offer again what the server lacks.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub reset: bool,
    /// The server's clock.
    pub server_time: UnixMillis,
}
