//! What goes between the page and the engine: errors, events, and the shapes that several calls share. `ui/src/engine/api.ts`
//! has the same in TypeScript.

use jiff::civil::Date;
use verses_client::{CardWithVerse, ClientError};
use verses_core::{PRIVATE_TRANSLATION, Phase, Slot, UnixMillis, VerseId, reviews_needed};
use verses_json::{ToJson, Writer, json_read, json_write};

/// A call that did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineError {
    /// Stable code.
    pub code: String,
    /// For people.
    pub message: String,
    /// Whether the same call may succeed later.
    pub retryable: bool,
}

json_write! { EngineError { code: "code", message: "message", retryable: "retryable" } }

impl EngineError {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), retryable: false }
    }
}

impl From<ClientError> for EngineError {
    fn from(error: ClientError) -> Self {
        let message = match &error {
            // The words of the library name commands of a terminal.
            ClientError::SignInNeeded => "Sign in first. Your work is saved and waits.".to_owned(),
            ClientError::UnknownOperation { .. } => {
                "This is no longer waiting: it was sent or removed meanwhile.".to_owned()
            }
            ClientError::Transport(_) => "The server cannot be reached. Check the network and try again.".to_owned(),
            other => other.to_string(),
        };
        Self { code: error.code().to_owned(), message, retryable: error.is_retryable() }
    }
}

impl From<verses_store::StoreError> for EngineError {
    fn from(error: verses_store::StoreError) -> Self {
        ClientError::from(error).into()
    }
}

/// What the engine tells without being asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Syncing stands otherwise than before: `syncState` says how. Told often; who listens asks when it suits.
    SyncChanged,
    /// How many pieces of a translation are on this device.
    Texts {
        /// That.
        state: crate::texts::TextState,
    },
}

impl ToJson for Event {
    fn to_json(&self, out: &mut Writer) {
        out.object(&|out| match self {
            Self::SyncChanged => out.field("event", &"syncChanged"),
            Self::Texts { state } => {
                out.field("event", &"texts");
                out.field("state", state);
            }
        });
    }
}

/// Told what nobody asked for.
#[cfg(not(target_arch = "wasm32"))]
pub type Tell = std::sync::Arc<dyn Fn(&Event) + Send + Sync>;
/// Told what nobody asked for.
#[cfg(target_arch = "wasm32")]
pub type Tell = std::sync::Arc<dyn Fn(&Event)>;

/// A card with its verse, as pages show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CardView {
    pub(crate) verse_id: VerseId,
    pub(crate) reference: String,
    translation: String,
    text: String,
    is_own_text: bool,
    is_verified: bool,
    pub(crate) phase: Phase,
    progress: u32,
    needed: Option<u32>,
    streak: u32,
    best_streak: u32,
    pub(crate) last_reviewed_at: Option<UnixMillis>,
    next_due: Date,
    slot: SlotView,
    pub(crate) archived: bool,
    created_at: UnixMillis,
    is_due: bool,
}

json_write! { CardView {
    verse_id: "verseId",
    reference: "reference",
    translation: "translation",
    text: "text",
    is_own_text: "isOwnText",
    is_verified: "isVerified",
    phase: "phase",
    progress: "progress",
    needed: "needed",
    streak: "streak",
    best_streak: "bestStreak",
    last_reviewed_at: "lastReviewedAt",
    next_due: "nextDue",
    slot: "slot",
    archived: "archived",
    created_at: "createdAt",
    is_due: "isDue",
} }

/// When a card comes back within its phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SlotView {
    day_of_week: Option<i8>,
    week_parity: Option<i8>,
    day_of_month: Option<i8>,
}

json_write! { SlotView { day_of_week: "dayOfWeek", week_parity: "weekParity", day_of_month: "dayOfMonth" } }

impl From<Slot> for SlotView {
    fn from(slot: Slot) -> Self {
        Self { day_of_week: slot.day_of_week, week_parity: slot.week_parity, day_of_month: slot.day_of_month }
    }
}

impl CardView {
    pub(crate) fn new(entry: CardWithVerse, today: Date) -> Self {
        let CardWithVerse { card, verse } = entry;
        let (reference, translation, text, is_verified) = match verse {
            Some(verse) => (verse.reference, verse.translation, verse.text, verse.is_verified),
            // Only in a damaged store.
            None => (card.verse_id.to_string(), String::new(), String::new(), false),
        };
        Self {
            verse_id: card.verse_id,
            is_own_text: translation == PRIVATE_TRANSLATION,
            reference,
            translation,
            text,
            is_verified,
            phase: card.current_phase,
            progress: card.phase_progress_count,
            needed: reviews_needed(card.current_phase),
            streak: card.current_streak,
            best_streak: card.best_streak,
            last_reviewed_at: card.last_reviewed_at,
            next_due: card.next_due_date,
            slot: SlotView {
                day_of_week: card.assigned_day_of_week,
                week_parity: card.assigned_week_parity,
                day_of_month: card.assigned_day_of_month,
            },
            archived: card.archived,
            created_at: card.created_at,
            is_due: !card.archived && card.next_due_date <= today,
        }
    }
}

/// Arguments of calls about one card.
#[derive(Debug)]
pub(crate) struct OfCard {
    pub(crate) verse_id: VerseId,
}

json_read! { OfCard { verse_id: "verseId" } }
