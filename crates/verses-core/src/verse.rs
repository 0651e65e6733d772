//! A verse: a passage with its text in one translation. Where texts come from is no matter of this crate.

use serde::{Deserialize, Serialize};

use crate::{UnixMillis, VerseId};

/// The translation used when neither the operation nor the profile names one.
pub const DEFAULT_TRANSLATION: &str = "KJV";

/// A passage with its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verse {
    /// From translation and OSIS key, or from the private reference.
    pub id: VerseId,
    /// For people: "John 3:16".
    pub reference: String,
    /// Canonical OSIS key: "John.3.16"; empty for a private text that is no Bible passage.
    pub osis: String,
    /// The words. Empty when they are not known on this device yet.
    pub text: String,
    /// "KJV".
    pub translation: String,
    /// Whether a provider of the server supplied the text. A user's own text is never verified and never shared.
    pub is_verified: bool,
    /// When it was added.
    pub created_at: UnixMillis,
    /// When it last changed.
    pub updated_at: UnixMillis,
}
