//! Identifiers of the domain and the clock unit. How a passage becomes an id is in `passage`; nothing here reads a clock.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Namespace of every verse id: `uuid_v5(VERSES_NAMESPACE, "{translation}/{osis}")`.
pub const VERSES_NAMESPACE: Uuid = Uuid::from_u128(0x6ad1_7e5c_3b0f_5d0e_9a46_1f2c_5e8b_0d31);

/// Longest operation id accepted, in bytes.
pub const MAX_OPERATION_ID_BYTES: usize = 128;

/// Milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(pub i64);

/// Id of a verse: the same passage in the same translation has the same id on every device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VerseId(pub Uuid);

impl VerseId {
    /// The id of a passage of the Bible in one translation. `osis` is the canonical key ("John.3.16").
    #[must_use]
    pub fn of_passage(translation: &str, osis: &str) -> Self {
        Self(Uuid::new_v5(&VERSES_NAMESPACE, format!("{translation}/{osis}").as_bytes()))
    }

    /// Reads an id; `None` for a text that is none. Why it is none, nobody asks.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }

    /// The id of a private text whose reference is no Bible passage; `normalised` is its normalised reference.
    #[must_use]
    pub fn of_private_text(normalised: &str) -> Self {
        Self(Uuid::new_v5(&VERSES_NAMESPACE, format!("private/{normalised}").as_bytes()))
    }
}

impl fmt::Display for VerseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Client-made id of an operation, its idempotency key: any text of 1 to [`MAX_OPERATION_ID_BYTES`] bytes without U+0000,
/// which not every database can store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct OperationId(String);

/// Why a text is no operation id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOperationId {
    /// It is empty or too long.
    #[error("an operation id has 1 to {MAX_OPERATION_ID_BYTES} bytes, this one has {bytes}: send a UUID")]
    Length {
        /// Length of the refused text in bytes.
        bytes: usize,
    },
    /// It holds U+0000.
    #[error("an operation id holds no U+0000: send a UUID")]
    Nul,
}

impl OperationId {
    /// Checks the text and takes it as it is.
    ///
    /// # Errors
    /// [`InvalidOperationId`] when the text is empty, longer than [`MAX_OPERATION_ID_BYTES`] bytes, or holds U+0000.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidOperationId> {
        let text = text.into();
        if text.is_empty() || text.len() > MAX_OPERATION_ID_BYTES {
            return Err(InvalidOperationId::Length { bytes: text.len() });
        }
        if text.contains('\0') {
            return Err(InvalidOperationId::Nul);
        }
        Ok(Self(text))
    }

    /// The text of the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text of the id, by value.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for OperationId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
