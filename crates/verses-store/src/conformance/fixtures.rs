//! Rows for the conformance cases and for the tests of single stores. Nothing here is random: a number makes a row.

use batchsync::{Failure, FailureReason, JournalEntry, JournalOutcome, OperationStatus, QueuedMeta};
use jiff::civil::{Date, date};
use verses_core::{
    Card, CardEvent, CardEventKind, EventKey, FoldState, Merged, Operation, OperationId, Phase, Profile, RecordReview,
    ReferenceDisplayMode, Slot, UnixMillis, Verse, VerseId,
};

use crate::{NewQueuedOperation, PAYLOAD_VERSION, QueuedOperation, StoreChange};

/// A moment all fixtures count from, milliseconds since the epoch.
pub const EPOCH: i64 = 1_750_000_000_000;

/// The owner most cases use.
pub const ANNA: &str = "4b6f1c1e-2a52-4d0e-9a3c-6f1f0f4d2a11";

/// Another owner.
pub const BEN: &str = "9f6e2f9a-70f1-4a39-8f53-35d8d7d6f2b2";

/// The `n`th verse id.
#[must_use]
pub fn verse_id(n: u32) -> VerseId {
    VerseId::of_passage("KJV", &format!("Ps.{n}"))
}

/// The `n`th operation id; ids sort as their numbers.
#[must_use]
pub fn operation_id(n: u32) -> OperationId {
    OperationId::new(format!("0197a000-0000-7000-8000-{n:012}")).expect("36 bytes")
}

/// The `n`th verse, created `n` milliseconds after [`EPOCH`] and not verified.
#[must_use]
pub fn verse(n: u32) -> Verse {
    Verse {
        id: verse_id(n),
        reference: format!("Psalm {n}"),
        osis: format!("Ps.{n}"),
        text: format!("Text of number {n}: «Ὁ λόγος», 'quoted'"),
        translation: "KJV".to_owned(),
        is_verified: false,
        created_at: UnixMillis(EPOCH + i64::from(n)),
        updated_at: UnixMillis(EPOCH + i64::from(n)),
    }
}

/// A live card of the `n`th verse.
#[must_use]
pub fn card(n: u32, phase: Phase, next_due_date: Date) -> Card {
    Card {
        verse_id: verse_id(n),
        current_phase: phase,
        phase_progress_count: n % 14,
        current_streak: n,
        best_streak: n + 1,
        last_reviewed_at: (n % 2 == 1).then_some(UnixMillis(EPOCH + i64::from(n))),
        next_due_date,
        assigned_day_of_week: (n % 3 == 1).then_some(7),
        assigned_week_parity: (n % 3 == 1).then_some(0),
        assigned_day_of_month: (n % 3 == 2).then_some(28),
        archived: false,
        created_at: UnixMillis(EPOCH),
        updated_at: UnixMillis(EPOCH + i64::from(n)),
        fold: FoldState {
            last_event: EventKey { occurred_at: UnixMillis(EPOCH + i64::from(n)), operation_id: operation_id(n) },
            review_dates: vec![date(2025, 6, 14), date(2025, 6, 15)],
        },
    }
}

/// An event of verse `verse` that happened `at` milliseconds after [`EPOCH`].
#[must_use]
pub fn event(n: u32, verse: u32, at: i64, kind: CardEventKind) -> CardEvent {
    CardEvent {
        operation_id: operation_id(n),
        verse_id: verse_id(verse),
        occurred_at: UnixMillis(EPOCH + at),
        local_date: date(2025, 6, 15),
        kind,
    }
}

/// A successful review.
#[must_use]
pub fn reviewed() -> CardEventKind {
    CardEventKind::Reviewed { was_successful: true, review_time_seconds: None, slot: None }
}

/// One event kind of each shape, with and without their optional parts.
#[must_use]
pub fn every_event_kind() -> Vec<CardEventKind> {
    let slot = Slot { day_of_week: Some(3), week_parity: Some(1), day_of_month: None };
    vec![
        CardEventKind::Created,
        reviewed(),
        CardEventKind::Reviewed { was_successful: false, review_time_seconds: Some(42), slot: Some(slot) },
        CardEventKind::Reviewed { was_successful: true, review_time_seconds: Some(0), slot: Some(Slot::default()) },
        CardEventKind::Archived,
        CardEventKind::Restored,
        CardEventKind::PhaseSet { phase: Phase::Weekly, slot: None },
        CardEventKind::PhaseSet { phase: Phase::Monthly, slot: Some(slot) },
    ]
}

/// A profile with set, unset and cleared fields.
#[must_use]
pub fn profile(n: u32) -> Profile {
    let key = EventKey { occurred_at: UnixMillis(EPOCH + i64::from(n)), operation_id: operation_id(n) };
    Profile {
        full_name: Merged { value: Some(format!("Person {n}")), set_by: Some(key.clone()) },
        preferred_translation: Merged::default(),
        reference_display_mode: Merged { value: Some(ReferenceDisplayMode::Blank), set_by: None },
        timezone: Merged { value: None, set_by: Some(key) },
        updated_at: Some(UnixMillis(EPOCH + i64::from(n))),
    }
}

/// The `n`th queued operation: a review of verse `n`, pending.
#[must_use]
pub fn queued(owner: &str, n: u32) -> QueuedOperation {
    QueuedOperation {
        meta: QueuedMeta {
            position: 0,
            id: operation_id(n).into_string(),
            kind: "record_review".to_owned(),
            user_id: owner.to_owned(),
            entity: format!("card/{}", verse_id(n)),
            depends_on: None,
            payload_bytes: 100 + n,
            queued_at: EPOCH + i64::from(n),
            retry_count: 0,
            ever_sent: false,
            status: OperationStatus::Pending,
        },
        local_ref: format!("event/{}", operation_id(n)),
        payload_version: PAYLOAD_VERSION,
        data: review(n, true),
    }
}

/// The payload of a review of verse `n`.
#[must_use]
pub fn review(n: u32, was_successful: bool) -> Operation {
    Operation::RecordReview(RecordReview {
        verse_id: verse_id(n),
        was_successful,
        occurred_at: UnixMillis(EPOCH + i64::from(n)),
        local_date: date(2025, 6, 15),
        review_time_seconds: None,
        slot: None,
    })
}

/// The change that enqueues [`queued`]`(owner, n)`.
#[must_use]
pub fn enqueue(owner: &str, n: u32) -> StoreChange {
    enqueue_row(queued(owner, n))
}

/// The change that enqueues a row.
#[must_use]
pub fn enqueue_row(operation: QueuedOperation) -> StoreChange {
    StoreChange::Enqueue(Box::new(NewQueuedOperation { operation }))
}

/// The journal entry of the `n`th operation.
#[must_use]
pub fn journal_entry(owner: &str, n: u32, outcome: JournalOutcome) -> JournalEntry {
    JournalEntry {
        operation_id: operation_id(n).into_string(),
        user_id: owner.to_owned(),
        kind: "record_review".to_owned(),
        batch_id: "batch-7".to_owned(),
        outcome,
        payload_bytes: 100 + n,
        at: EPOCH + 1_000 + i64::from(n),
    }
}

/// A row in the inbox.
#[must_use]
pub fn failed(reason: FailureReason) -> OperationStatus {
    OperationStatus::Failed(Failure {
        reason,
        code: "validation_failed".to_owned(),
        message: "chapter 151 of Psalms: there are 150".to_owned(),
        failed_at: EPOCH + 5,
    })
}

/// A row in a request.
#[must_use]
pub fn processing() -> OperationStatus {
    OperationStatus::Processing { batch_id: "batch-7".to_owned(), lease_until: EPOCH + 60_000 }
}

/// One status of each shape.
#[must_use]
pub fn every_status() -> Vec<OperationStatus> {
    vec![
        OperationStatus::Pending,
        processing(),
        failed(FailureReason::Rejected),
        failed(FailureReason::Blocked { parent: operation_id(9).into_string() }),
        failed(FailureReason::TooLarge),
        failed(FailureReason::Expired),
        failed(FailureReason::RetriesExhausted),
        failed(FailureReason::Forbidden),
    ]
}
