//! The domain's types: cards, events, verses, profiles, operations.

use jiff::civil::Date;
use uuid::Uuid;
use verses_core::{
    Card, CardAction, CardEvent, CardEventKind, CreateVerse, EventKey, FoldState, Merged, Operation, OperationId,
    Phase, Profile, RecordReview, ReferenceDisplayMode, SetPhase, Slot, UnixMillis, UpdateProfile, Verse, VerseId,
    date_from_text,
};

use crate::{Fields, FromJson, JsonError, ToJson, Value, Writer, json_names, json_object, json_tagged};

impl FromJson for UnixMillis {
    fn from_json(value: &Value<'_>) -> Result<Self, JsonError> {
        i64::from_json(value).map(Self)
    }
}

impl ToJson for UnixMillis {
    fn to_json(&self, out: &mut Writer) {
        self.0.to_json(out);
    }
}

impl FromJson for VerseId {
    fn from_json(value: &Value<'_>) -> Result<Self, JsonError> {
        Uuid::try_parse(value.text()?).map(Self).map_err(|_| JsonError::expected("a UUID"))
    }
}

impl ToJson for VerseId {
    fn to_json(&self, out: &mut Writer) {
        out.text(self.0.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    }
}

impl FromJson for OperationId {
    fn from_json(value: &Value<'_>) -> Result<Self, JsonError> {
        Self::new(value.text()?).map_err(|_| JsonError::expected("an operation id"))
    }
}

impl ToJson for OperationId {
    fn to_json(&self, out: &mut Writer) {
        out.text(self.as_str());
    }
}

impl FromJson for Date {
    fn from_json(value: &Value<'_>) -> Result<Self, JsonError> {
        date_from_text(value.text()?).ok_or_else(|| JsonError::expected("a date such as 2026-03-31"))
    }
}

impl ToJson for Date {
    fn to_json(&self, out: &mut Writer) {
        let year = self.year();
        out.word("\"");
        // Years beyond four digits have a sign and six.
        if (0..=9_999).contains(&year) {
            out.digits(u64::from(year.unsigned_abs()), 4);
        } else {
            out.word(if year < 0 { "-" } else { "+" });
            out.digits(u64::from(year.unsigned_abs()), 6);
        }
        for part in [self.month(), self.day()] {
            out.word("-");
            out.digits(u64::from(part.unsigned_abs()), 2);
        }
        out.word("\"");
    }
}

json_names! { Phase { Daily "daily", Weekly "weekly", Biweekly "biweekly", Monthly "monthly" } }
json_names! { ReferenceDisplayMode { Full "full", First "first", Blank "blank" } }

json_object! { Slot { day_of_week: "dayOfWeek" opt, week_parity: "weekParity" opt, day_of_month: "dayOfMonth" opt } }
json_object! { EventKey { occurred_at: "occurred_at", operation_id: "operation_id" } }

json_object! { CardEvent {
    operation_id: "operationId",
    verse_id: "verseId",
    occurred_at: "occurredAt",
    local_date: "localDate",
    kind: flat,
} }

json_tagged! { CardEventKind by "event" {
    Created "created",
    Reviewed "reviewed" {
        was_successful: "wasSuccessful",
        review_time_seconds: "reviewTimeSeconds" opt,
        slot: "slot" opt,
    },
    Archived "archived",
    Restored "restored",
    PhaseSet "phase_set" { phase: "phase", slot: "slot" opt },
} }

json_object! { Card {
    verse_id: "verseId",
    current_phase: "currentPhase",
    phase_progress_count: "phaseProgressCount",
    current_streak: "currentStreak",
    best_streak: "bestStreak",
    last_reviewed_at: "lastReviewedAt",
    next_due_date: "nextDueDate",
    assigned_day_of_week: "assignedDayOfWeek",
    assigned_week_parity: "assignedWeekParity",
    assigned_day_of_month: "assignedDayOfMonth",
    archived: "archived",
    created_at: "createdAt",
    updated_at: "updatedAt",
    fold: "fold",
} }

json_object! { FoldState { last_event: "lastEvent", review_dates: "reviewDates" } }

json_object! { Verse {
    id: "id",
    reference: "reference",
    osis: "osis",
    text: "text",
    translation: "translation",
    is_verified: "isVerified",
    created_at: "createdAt",
    updated_at: "updatedAt",
} }

json_object! { <T> Merged<T> { value: "value", set_by: "set_by" } }

json_object! { Profile {
    full_name: "fullName",
    preferred_translation: "preferredTranslation",
    reference_display_mode: "referenceDisplayMode",
    timezone: "timezone",
    updated_at: "updatedAt",
} }

impl FromJson for Operation {
    fn from_json(value: &Value<'_>) -> Result<Self, JsonError> {
        let mut fields = Fields::of(value);
        let kind: Option<String> = fields.take("type");
        let operation = match kind.as_deref() {
            Some("create_verse" | "create") => fields.take("data").map(Self::CreateVerse),
            Some("record_review" | "review") => fields.take("data").map(Self::RecordReview),
            Some("update_profile") => fields.take("data").map(Self::UpdateProfile),
            Some("archive_verse") => fields.take("data").map(Self::ArchiveVerse),
            Some("restore_verse") => fields.take("data").map(Self::RestoreVerse),
            Some("set_phase") => fields.take("data").map(Self::SetPhase),
            Some(_) => return Err(JsonError::expected("a kind of operation").within("type")),
            None => None,
        };
        operation.ok_or_else(|| fields.fault())
    }
}

/// What an operation carries beside its kind.
#[must_use]
pub fn payload(operation: &Operation) -> &dyn ToJson {
    match operation {
        Operation::CreateVerse(data) => data,
        Operation::RecordReview(data) => data,
        Operation::UpdateProfile(data) => data,
        Operation::ArchiveVerse(data) | Operation::RestoreVerse(data) => data,
        Operation::SetPhase(data) => data,
    }
}

impl ToJson for Operation {
    fn to_json(&self, out: &mut Writer) {
        out.object(&|out| {
            out.field("type", &self.kind().as_str());
            out.field("data", payload(self));
        });
    }
}

json_object! { CreateVerse {
    reference: "reference",
    translation: "translation" opt,
    text: "text" opt,
    occurred_at: "occurredAt" opt,
    local_date: "localDate" opt,
} }

json_object! { RecordReview {
    verse_id: "verseId",
    was_successful: "wasSuccessful",
    occurred_at: "occurredAt",
    local_date: "localDate",
    review_time_seconds: "reviewTimeSeconds" opt,
    slot: "slot" opt,
} }

json_object! { UpdateProfile {
    occurred_at: "occurredAt",
    full_name: "fullName" opt,
    preferred_translation: "preferredTranslation" opt,
    reference_display_mode: "referenceDisplayMode" opt,
    timezone: "timezone" opt,
} }

json_object! { CardAction { verse_id: "verseId", occurred_at: "occurredAt", local_date: "localDate" } }

json_object! { SetPhase {
    verse_id: "verseId",
    phase: "phase",
    occurred_at: "occurredAt",
    local_date: "localDate",
    slot: "slot" opt,
} }
