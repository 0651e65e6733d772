//! `POST /functions/v1/verse-operations`: lookups, single operations and batches, with their answers.
//!
//! A batch is decoded in two steps: the envelope here, each operation on its own by the server, so that one
//! malformed operation fails alone.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use verses_core::{Phase, ReferenceDisplayMode, Slot, UnixMillis, Verse, VerseId};

use crate::{Change, ErrorCode};

/// A batch of operations, each answered on its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchRequest {
    /// Always `"batch"`.
    pub operation: BatchTag,
    /// For tracing; never used to recognise a repetition.
    pub batch_id: String,
    /// In the order they are to be applied.
    pub operations: Vec<BatchOperation>,
    /// If present, the answer also carries what changed since.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cursor: Option<String>,
    /// If true without a cursor, the answer carries changes from the beginning.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub pull: bool,
}

/// The word `batch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchTag {
    /// `"batch"`.
    #[default]
    Batch,
}

/// One operation of a batch; `data` is read by its type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BatchOperation {
    /// Idempotency key, 1 to 128 bytes.
    pub id: String,
    /// `create`, `record_review`, ... or `lookup`. Absent or no text reads as empty, so that the operation fails alone.
    #[serde(rename = "type", default, deserialize_with = "text_or_nothing")]
    pub kind: String,
    /// The payload.
    #[serde(default)]
    pub data: Value,
}

fn text_or_nothing<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Value::deserialize(deserializer)?.as_str().unwrap_or_default().to_owned())
}

/// The answer to a batch: 200 whenever the envelope was processed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    /// The request's.
    pub batch_id: String,
    /// In request order, each with its id.
    pub results: Vec<OperationResult>,
    /// Counts.
    pub summary: BatchSummary,
    /// What changed since the request's cursor, without the operations of this very batch.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub changes: Option<Vec<Change>>,
    /// Where to pull on from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cursor: Option<String>,
    /// Whether more changes wait.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub has_more: Option<bool>,
    /// The cursor was of another history: start over, keep the outbox, offer again what the server lacks.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub reset: bool,
    /// The server's clock.
    pub server_time: UnixMillis,
}

/// Counts of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BatchSummary {
    /// Operations in the request.
    pub total: u32,
    /// Applied now or before.
    pub successful: u32,
    /// The others.
    pub failed: u32,
}

/// How one operation of a batch fared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationResult {
    /// The operation's id.
    pub id: String,
    /// Whether it took effect, now or before.
    pub success: bool,
    /// On success: [`LookupData`], [`CreateData`], [`CardData`] or [`ProfileData`].
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub data: Option<Value>,
    /// On failure: text for people.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// On failure: machine-readable.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<ErrorCode>,
    /// On failure: whether the same operation may succeed later.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retryable: Option<bool>,
}

/// Data of a lookup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LookupData {
    /// The verse, if its text is known.
    pub verse: Option<Verse>,
    /// Whether the reference was written otherwise than the canonical one.
    pub found_via_alias: bool,
    /// The caller's card, if there is one.
    pub user_card: Option<UserCard>,
    /// Where the text came from.
    pub source: Option<TextSource>,
}

/// Data of a create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateData {
    /// The verse.
    pub verse: Verse,
    /// Whether the reference was written otherwise than the canonical one.
    pub found_via_alias: bool,
    /// The card.
    pub user_card: UserCard,
    /// Where the text came from; null for the user's own.
    pub source: Option<TextSource>,
    /// Whether the card was there before, or this operation had been applied before.
    pub duplicate: bool,
    /// Present when the stamp of the operation was corrected.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub corrected: Option<CorrectedStamp>,
}

/// Data of a review, archive, restore or phase change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CardData {
    /// The card after it.
    pub user_card: UserCard,
    /// Whether this operation had been applied before.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub duplicate: bool,
    /// Present when the stamp of the operation was corrected.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub corrected: Option<CorrectedStamp>,
}

/// Data of a profile update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProfileData {
    /// The profile after it.
    pub profile: ProfileView,
    /// Whether this operation had been applied before.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub duplicate: bool,
    /// Present when the stamp of the operation was corrected; its date is that of UTC.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub corrected: Option<CorrectedStamp>,
}

/// When an operation with an implausible stamp counts as having happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CorrectedStamp {
    /// The corrected instant.
    pub occurred_at: UnixMillis,
    /// The corrected local date, `YYYY-MM-DD`.
    pub local_date: String,
}

/// Where a text came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TextSource {
    /// The server's catalogue had it.
    Database,
    /// The public-domain texts in the server.
    Corpus,
    /// The ESV API.
    Esv,
}

/// A card as it travels. Dates are `YYYY-MM-DD` in the user's time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserCard {
    /// The verse.
    pub verse_id: VerseId,
    /// Phase.
    pub current_phase: Phase,
    /// Counted reviews within the phase.
    pub phase_progress_count: u32,
    /// Streak.
    pub current_streak: u32,
    /// Best streak.
    pub best_streak: u32,
    /// Last review.
    pub last_reviewed_at: Option<UnixMillis>,
    /// Next due date.
    pub next_due_date: String,
    /// 1-7, Sunday = 1.
    pub assigned_day_of_week: Option<i8>,
    /// 0 or 1.
    pub assigned_week_parity: Option<i8>,
    /// 1-28.
    pub assigned_day_of_month: Option<i8>,
    /// Put away.
    pub archived: bool,
    /// First event.
    pub created_at: UnixMillis,
    /// Last event.
    pub updated_at: UnixMillis,
}

impl From<&verses_core::Card> for UserCard {
    fn from(card: &verses_core::Card) -> Self {
        Self {
            verse_id: card.verse_id,
            current_phase: card.current_phase,
            phase_progress_count: card.phase_progress_count,
            current_streak: card.current_streak,
            best_streak: card.best_streak,
            last_reviewed_at: card.last_reviewed_at,
            next_due_date: card.next_due_date.to_string(),
            assigned_day_of_week: card.assigned_day_of_week,
            assigned_week_parity: card.assigned_week_parity,
            assigned_day_of_month: card.assigned_day_of_month,
            archived: card.archived,
            created_at: card.created_at,
            updated_at: card.updated_at,
        }
    }
}

/// A profile as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProfileView {
    /// Full name.
    pub full_name: Option<String>,
    /// Preferred translation.
    pub preferred_translation: Option<String>,
    /// How references are shown.
    pub reference_display_mode: Option<ReferenceDisplayMode>,
    /// IANA time zone.
    pub timezone: Option<String>,
    /// Last update.
    pub updated_at: Option<UnixMillis>,
}

impl From<&verses_core::Profile> for ProfileView {
    fn from(profile: &verses_core::Profile) -> Self {
        Self {
            full_name: profile.full_name.value.clone(),
            preferred_translation: profile.preferred_translation.value.clone(),
            reference_display_mode: profile.reference_display_mode.value,
            timezone: profile.timezone.value.clone(),
            updated_at: profile.updated_at,
        }
    }
}

/// Payload of a lookup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LookupPayload {
    /// What the user typed.
    pub reference: String,
    /// Translation; absent: the profile's, else the default.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub translation: Option<String>,
}

/// A slot as it travels; the same as in the domain.
pub type WireSlot = Slot;
