//! The operations: what a user's action becomes, in the shapes that travel (DESIGN "The wire"). Validation and effect are in `apply`.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{Phase, ReferenceDisplayMode, Slot, UnixMillis, VerseId};

/// Kinds of operation, with their names on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// `create_verse`, also `create`.
    #[serde(alias = "create")]
    CreateVerse,
    /// `record_review`, also `review`.
    #[serde(alias = "review")]
    RecordReview,
    /// `update_profile`.
    UpdateProfile,
    /// `archive_verse`.
    ArchiveVerse,
    /// `restore_verse`.
    RestoreVerse,
    /// `set_phase`.
    SetPhase,
}

impl OperationKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::CreateVerse,
        Self::RecordReview,
        Self::UpdateProfile,
        Self::ArchiveVerse,
        Self::RestoreVerse,
        Self::SetPhase,
    ];

    /// The name on the wire and in stores.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreateVerse => "create_verse",
            Self::RecordReview => "record_review",
            Self::UpdateProfile => "update_profile",
            Self::ArchiveVerse => "archive_verse",
            Self::RestoreVerse => "restore_verse",
            Self::SetPhase => "set_phase",
        }
    }

    /// The kind of a name, aliases included.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "create" | "create_verse" => Some(Self::CreateVerse),
            "review" | "record_review" => Some(Self::RecordReview),
            "update_profile" => Some(Self::UpdateProfile),
            "archive_verse" => Some(Self::ArchiveVerse),
            "restore_verse" => Some(Self::RestoreVerse),
            "set_phase" => Some(Self::SetPhase),
            _ => None,
        }
    }
}

/// An operation with its payload. In JSON: `{"type": "...", "data": {...}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Operation {
    /// Adds a verse and its card.
    #[serde(alias = "create")]
    CreateVerse(CreateVerse),
    /// Records one review.
    #[serde(alias = "review")]
    RecordReview(RecordReview),
    /// Changes fields of the profile.
    UpdateProfile(UpdateProfile),
    /// Puts a card away.
    ArchiveVerse(CardAction),
    /// Takes it out again.
    RestoreVerse(CardAction),
    /// Sets the phase by hand.
    SetPhase(SetPhase),
}

impl Operation {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> OperationKind {
        match self {
            Self::CreateVerse(_) => OperationKind::CreateVerse,
            Self::RecordReview(_) => OperationKind::RecordReview,
            Self::UpdateProfile(_) => OperationKind::UpdateProfile,
            Self::ArchiveVerse(_) => OperationKind::ArchiveVerse,
            Self::RestoreVerse(_) => OperationKind::RestoreVerse,
            Self::SetPhase(_) => OperationKind::SetPhase,
        }
    }
}

/// Payload of `create_verse`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateVerse {
    /// What the user typed; one passage, or the title of a private text.
    pub reference: String,
    /// "KJV"; absent: the profile's preferred translation, else [`DEFAULT_TRANSLATION`](crate::DEFAULT_TRANSLATION).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub translation: Option<String>,
    /// The user's own text. Absent: the server's provider supplies it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// When; absent: when the server got it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<UnixMillis>,
    /// The user's local date then; absent: the earliest date anywhere at that instant.
    #[serde(skip_serializing_if = "Option::is_none", default, with = "crate::dates::text::optional")]
    pub local_date: Option<Date>,
}

/// Payload of `record_review`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordReview {
    /// Which verse.
    pub verse_id: VerseId,
    /// Whether the user recalled it.
    pub was_successful: bool,
    /// When.
    pub occurred_at: UnixMillis,
    /// The user's local date then.
    #[serde(with = "crate::dates::text")]
    pub local_date: Date,
    /// Seconds it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review_time_seconds: Option<u32>,
    /// Slot proposed for the next phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<Slot>,
}

/// Payload of `update_profile`: only the fields present change.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateProfile {
    /// When.
    pub occurred_at: UnixMillis,
    /// Full name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_name: Option<String>,
    /// Preferred translation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_translation: Option<String>,
    /// How references are shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference_display_mode: Option<ReferenceDisplayMode>,
    /// IANA time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
}

/// Payload of `archive_verse` and `restore_verse`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CardAction {
    /// Which verse.
    pub verse_id: VerseId,
    /// When.
    pub occurred_at: UnixMillis,
    /// The user's local date then.
    #[serde(with = "crate::dates::text")]
    pub local_date: Date,
}

/// Payload of `set_phase`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetPhase {
    /// Which verse.
    pub verse_id: VerseId,
    /// The new phase.
    pub phase: Phase,
    /// When.
    pub occurred_at: UnixMillis,
    /// The user's local date then.
    #[serde(with = "crate::dates::text")]
    pub local_date: Date,
    /// Slot proposed for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<Slot>,
}
