//! The card of one user for one verse, and the events it is folded from. The fold itself is in `schedule`.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{Operation, OperationId, UnixMillis, VerseId};

/// Phase of a card: how often it is reviewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Every day, 14 counted reviews.
    Daily,
    /// Once a week, 4 counted reviews.
    Weekly,
    /// Every second week, 4 counted reviews.
    Biweekly,
    /// Once a month, without end.
    Monthly,
}

/// The day a device proposes for a card; fields not needed by the phase are absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Slot {
    /// 1 (Sunday) to 7 (Saturday); weekly and biweekly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day_of_week: Option<i8>,
    /// 0 or 1: parity of the week counted from the epoch; biweekly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub week_parity: Option<i8>,
    /// 1 to 28; monthly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day_of_month: Option<i8>,
}

/// Position of an event in the one order everybody folds in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventKey {
    /// When it happened.
    pub occurred_at: UnixMillis,
    /// Breaks ties.
    pub operation_id: OperationId,
}

/// One fact about a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CardEvent {
    /// The operation that made it.
    pub operation_id: OperationId,
    /// The card's verse.
    pub verse_id: VerseId,
    /// When it happened.
    pub occurred_at: UnixMillis,
    /// The user's local date when it happened, fixed by the device.
    #[serde(with = "crate::dates::text")]
    pub local_date: Date,
    /// What happened.
    #[serde(flatten)]
    pub kind: CardEventKind,
}

impl CardEvent {
    /// Where the event stands in the order of the fold.
    #[must_use]
    pub fn key(&self) -> EventKey {
        EventKey { occurred_at: self.occurred_at, operation_id: self.operation_id.clone() }
    }
}

impl CardEvent {
    /// The event an operation makes; `None` for a profile update, and for a creation whose verse is not given.
    #[must_use]
    pub fn from_operation(id: &OperationId, operation: &Operation, verse_id: Option<VerseId>) -> Option<Self> {
        let (verse_id, occurred_at, local_date, kind) = match operation {
            Operation::CreateVerse(o) => {
                let at = o.occurred_at?;
                let date = o.local_date.unwrap_or_else(|| crate::earliest_local_date(at));
                (verse_id?, at, date, CardEventKind::Created)
            }
            Operation::RecordReview(o) => {
                let kind = CardEventKind::Reviewed {
                    was_successful: o.was_successful,
                    review_time_seconds: o.review_time_seconds,
                    slot: o.slot,
                };
                (o.verse_id, o.occurred_at, o.local_date, kind)
            }
            Operation::ArchiveVerse(o) => (o.verse_id, o.occurred_at, o.local_date, CardEventKind::Archived),
            Operation::RestoreVerse(o) => (o.verse_id, o.occurred_at, o.local_date, CardEventKind::Restored),
            Operation::SetPhase(o) => {
                (o.verse_id, o.occurred_at, o.local_date, CardEventKind::PhaseSet { phase: o.phase, slot: o.slot })
            }
            Operation::UpdateProfile(_) => return None,
        };
        Some(Self { operation_id: id.clone(), verse_id, occurred_at, local_date, kind })
    }
}

/// What happened to a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum CardEventKind {
    /// The verse was added. On an archived card this restores it; on a live one it changes nothing.
    Created,
    /// The verse was reviewed.
    Reviewed {
        /// Whether the user recalled it.
        was_successful: bool,
        /// Seconds the review took.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        review_time_seconds: Option<u32>,
        /// The slot proposed for the next phase, if this review might advance it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        slot: Option<Slot>,
    },
    /// The card was put away.
    Archived,
    /// The card was taken out again; progress and streak restart.
    Restored,
    /// The phase was set by hand; progress and streak restart.
    PhaseSet {
        /// The new phase.
        phase: Phase,
        /// The slot proposed for it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        slot: Option<Slot>,
    },
}

/// A card: the fold of its events. `fold` holds what the next step needs and no reader does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Card {
    /// The verse.
    pub verse_id: VerseId,
    /// Current phase.
    pub current_phase: Phase,
    /// Counted reviews within the phase.
    pub phase_progress_count: u32,
    /// Counted reviews since the last failure or restart.
    pub current_streak: u32,
    /// Longest streak ever; never falls.
    pub best_streak: u32,
    /// The last review, whether it counted or not.
    pub last_reviewed_at: Option<UnixMillis>,
    /// The first date on which the card is due.
    #[serde(with = "crate::dates::text")]
    pub next_due_date: Date,
    /// 1-7, Sunday = 1.
    pub assigned_day_of_week: Option<i8>,
    /// 0 or 1.
    pub assigned_week_parity: Option<i8>,
    /// 1-28.
    pub assigned_day_of_month: Option<i8>,
    /// Whether it is put away.
    pub archived: bool,
    /// When the first event happened.
    pub created_at: UnixMillis,
    /// When the last event happened.
    pub updated_at: UnixMillis,
    /// State of the fold.
    pub fold: FoldState,
}

/// What the fold must remember between events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FoldState {
    /// The last event folded; an event that sorts before it makes the card fold again from its events.
    pub last_event: EventKey,
    /// The last local dates with a review, newest last, at most [`REMEMBERED_REVIEW_DATES`].
    #[serde(with = "crate::dates::text::list")]
    pub review_dates: Vec<Date>,
}

/// A local date is at most one day off the UTC date of its instant, so that a later review can lie at most two
/// dates before an earlier one: three dates decide whether a review is the first of its date.
pub const REMEMBERED_REVIEW_DATES: usize = 3;
