//! `apply`: validates one operation and computes its effect on the state it touches. The same function runs on the
//! device and on the server. No I/O: texts and the server's time come in as arguments; storing the effect is the caller's.

use litemap::LiteMap;
use serde::{Deserialize, Serialize};

use crate::{Card, CardEvent, OperationId, Profile, UnixMillis, Verse, VerseId};

/// The part of one user's state that a run of operations touches: loaded before, written back after.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserState {
    /// Cards by verse.
    pub cards: LiteMap<VerseId, Card>,
    /// Verses of those cards, and texts of the shared catalogue the operations name.
    pub verses: LiteMap<VerseId, Verse>,
    /// Events of the cards that must fold again, by verse, in any order. A card whose new event sorts last needs none.
    pub events: LiteMap<VerseId, Vec<CardEvent>>,
    /// The profile.
    pub profile: Profile,
}

/// What is known of the text an operation asks for. Looked up before `apply`, because a provider may be far away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextLookup {
    /// The text and its canonical form.
    Found(Verse),
    /// The provider knows the passage, but this translation does not have it, or no provider serves the translation.
    Unavailable {
        /// What to tell the user.
        message: String,
    },
    /// The provider did not answer; worth trying again.
    Failed {
        /// What to tell the user.
        message: String,
    },
    /// Nobody was asked (on a device without the text: the verse is kept without words until the server supplies them).
    NotAsked,
}

/// An accepted operation's effect. Every part is already in the [`UserState`]; this says what to store and to answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Effect {
    /// The fact to store, with the occurrence as accepted (a stamp outside the plausible range is corrected).
    pub event: Option<CardEvent>,
    /// The verse touched.
    pub verse_id: Option<VerseId>,
    /// Whether the effect was there already (the verse had been added before).
    pub duplicate: bool,
    /// Whether the stamp of the operation was corrected.
    pub clock_corrected: bool,
    /// When it counts as having happened.
    pub occurred_at: UnixMillis,
}

/// Codes of a refusal, stable on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectionCode {
    /// A field has a wrong value.
    ValidationFailed,
    /// The reference is neither a passage nor accompanied by a text.
    InvalidReference,
    /// No text is available and none was supplied.
    TextRequired,
    /// The verse is not among the user's.
    UnknownVerse,
    /// The operation's type is not known here.
    UnknownOperation,
    /// The operation id was used before with other content.
    OperationIdReused,
    /// The text's provider did not answer; retryable.
    ProviderUnavailable,
}

impl RejectionCode {
    /// The code on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ValidationFailed => "validation_failed",
            Self::InvalidReference => "invalid_reference",
            Self::TextRequired => "text_required",
            Self::UnknownVerse => "unknown_verse",
            Self::UnknownOperation => "unknown_operation",
            Self::OperationIdReused => "operation_id_reused",
            Self::ProviderUnavailable => "provider_unavailable",
        }
    }

    /// Whether the same operation may succeed later.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::ProviderUnavailable)
    }
}

/// A refused operation. Nothing of it took effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct Rejection {
    /// Machine-readable class.
    pub code: RejectionCode,
    /// Names the input at fault and what to do next.
    pub message: String,
}

/// What `apply` needs besides state and operation.
#[derive(Debug, Clone, Copy)]
pub struct ApplyContext<'a> {
    /// The operation's id.
    pub operation_id: &'a OperationId,
    /// The time of whoever applies it: the server's, or the device's corrected one.
    pub now: UnixMillis,
    /// The text asked for, for `create_verse`.
    pub text: &'a TextLookup,
}
