//! The types of the wire that a client reads or sends. What it takes of the answer to an operation is a type of its own.

use verses_protocol::auth::{AuthUser, RefreshGrant, SessionTokens};
use verses_protocol::{
    AccountDeleted, BatchSummary, Change, ChangesResponse, CorrectedStamp, DeleteAccount, ErrorCode, Limits,
    LookupData, Problem, TextSource, UserCard,
};

use crate::{Fields, FromJson, JsonError, Value, json_names, json_object, json_write};

json_names! { ErrorCode {
    MalformedRequest "malformed_request",
    TooDeep "too_deep",
    DuplicateOperationId "duplicate_operation_id",
    TooManyOperations "too_many_operations",
    BodyTooLarge "body_too_large",
    UnsupportedEncoding "unsupported_encoding",
    InvalidToken "invalid_token",
    Forbidden "forbidden",
    NotFound "not_found",
    MethodNotAllowed "method_not_allowed",
    RateLimited "rate_limited",
    Unavailable "unavailable",
    DeadlineExceeded "deadline_exceeded",
    Internal "internal",
    UpgradeRequired "upgrade_required",
    InvalidCursor "invalid_cursor",
    ValidationFailed "validation_failed",
    InvalidReference "invalid_reference",
    TextRequired "text_required",
    UnknownVerse "unknown_verse",
    UnknownOperation "unknown_operation",
    OperationIdReused "operation_id_reused",
    ProviderUnavailable "provider_unavailable",
    Unknown "unknown",
} else Unknown }

json_names! { TextSource { Database "database", Corpus "corpus", Esv "esv" } }

json_object! { Problem {
    kind: "type",
    title: "title",
    status: "status",
    detail: "detail",
    error: "error",
    code: "code",
    retryable: "retryable",
    max_operations: "maxOperations" opt,
    max_request_bytes: "maxRequestBytes" opt,
} }

impl FromJson for Limits {
    fn from_json(value: &Value<'_>) -> Result<Self, JsonError> {
        // What a server does not say is the usual.
        let mut limits = Self::default();
        let mut fields = Fields::of(value);
        fields.set("maxOperations", &mut limits.max_operations);
        fields.set("maxRequestBytes", &mut limits.max_request_bytes);
        fields.set("maxChanges", &mut limits.max_changes);
        fields.set("operationsPerMinute", &mut limits.operations_per_minute);
        fields.set("oldestProtocol", &mut limits.oldest_protocol);
        fields.set("newestProtocol", &mut limits.newest_protocol);
        fields.set("contentEncodings", &mut limits.content_encodings);
        fields.set("translations", &mut limits.translations);
        fields.done(limits)
    }
}

json_write! { Limits {
    max_operations: "maxOperations",
    max_request_bytes: "maxRequestBytes",
    max_changes: "maxChanges",
    operations_per_minute: "operationsPerMinute",
    oldest_protocol: "oldestProtocol",
    newest_protocol: "newestProtocol",
    content_encodings: "contentEncodings",
    translations: "translations",
} }

json_object! { Change { seq: "seq", id: "id", operation: flat, verse: "verse" opt } }

json_object! { ChangesResponse {
    changes: "changes",
    cursor: "cursor",
    has_more: "hasMore",
    reset: "reset" flag,
    server_time: "serverTime",
} }

json_object! { BatchSummary { total: "total", successful: "successful", failed: "failed" } }
json_object! { CorrectedStamp { occurred_at: "occurredAt", local_date: "localDate" } }

json_object! { LookupData {
    verse: "verse",
    found_via_alias: "foundViaAlias",
    user_card: "userCard",
    source: "source",
} }

json_object! { UserCard {
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
} }

json_object! { RefreshGrant { refresh_token: "refresh_token" } }

json_object! { SessionTokens {
    access_token: "access_token",
    token_type: "token_type",
    expires_in: "expires_in",
    expires_at: "expires_at" or(0),
    refresh_token: "refresh_token",
    user: "user",
} }

json_object! { AuthUser { id: "id", email: "email" or(String::new()), is_anonymous: "is_anonymous" or(false) } }

json_object! { DeleteAccount { confirm: "confirm" } }

json_object! { AccountDeleted {
    deleted: "deleted",
    account_deleted: "accountDeleted",
    account_lives_at: "accountLivesAt" opt,
    message: "message" or(String::new()),
} }
