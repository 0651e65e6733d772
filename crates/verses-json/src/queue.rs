//! The rows of the queue and the journal.

use batchsync::{Failure, FailureReason, JournalEntry, JournalOutcome, OperationStatus, QueuedMeta, QueuedOperation};

use crate::{json_object, json_tagged};

json_object! { QueuedMeta {
    position: "position",
    id: "id",
    kind: "kind",
    user_id: "user_id",
    entity: "entity",
    depends_on: "depends_on",
    payload_bytes: "payload_bytes",
    queued_at: "queued_at",
    retry_count: "retry_count",
    ever_sent: "ever_sent",
    status: "status",
} }

json_object! { <P> QueuedOperation<P> {
    meta: flat,
    local_ref: "local_ref",
    payload_version: "payload_version",
    data: "data",
} }

json_tagged! { OperationStatus by "status" {
    Pending "pending",
    Processing "processing" { batch_id: "batch_id", lease_until: "lease_until" },
    Failed "failed" (flat),
} }

json_object! { Failure { reason: "reason", code: "code", message: "message", failed_at: "failed_at" } }

json_tagged! { FailureReason by "reason" {
    Rejected "rejected",
    Blocked "blocked" { parent: "parent" },
    TooLarge "too_large",
    Expired "expired",
    RetriesExhausted "retries_exhausted",
    Forbidden "forbidden",
} }

json_object! { JournalEntry {
    operation_id: "operation_id",
    user_id: "user_id",
    kind: "kind",
    batch_id: "batch_id",
    outcome: "outcome",
    payload_bytes: "payload_bytes",
    at: "at",
} }

json_tagged! { JournalOutcome by "outcome" {
    Applied "applied",
    Duplicate "duplicate",
    Discarded "discarded",
} }
