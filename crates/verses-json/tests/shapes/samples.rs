//! Documents of every type, with all of their fields and with as few as can be.

use serde_json::{Value, json};

const ID: &str = "0192f0c1-0000-7000-8000-000000000001";

/// Values that are right somewhere.
pub(super) fn leaves() -> Vec<Value> {
    let mut leaves = Vec::new();
    let all: [fn() -> Vec<Value>; 8] = [
        an_event_has_the_shape_of_its_derive,
        a_card_has_the_shape_of_its_derive,
        an_operation_has_the_shape_of_its_derive,
        a_queued_operation_has_the_shape_of_its_derive,
        a_journal_entry_has_the_shape_of_its_derive,
        a_page_of_changes_has_the_shape_of_its_derive,
        a_profile_has_the_shape_of_its_derive,
        || vec![error_codes()],
    ];
    for sample in all.into_iter().flat_map(|samples| samples()) {
        gather(sample, &mut leaves);
    }
    // Inside of what is flattened serde reads small numbers as the places of variants.
    leaves.retain(|leaf| leaf.as_u64().is_none_or(|number| number > 20));
    leaves
}

fn gather(value: Value, leaves: &mut Vec<Value>) {
    match value {
        Value::Object(fields) => fields.into_iter().for_each(|(_, inner)| gather(inner, leaves)),
        Value::Array(items) => items.into_iter().for_each(|inner| gather(inner, leaves)),
        leaf if leaves.contains(&leaf) => {}
        leaf => leaves.push(leaf),
    }
}

pub(super) fn error_codes() -> Value {
    json!([
        "malformed_request",
        "too_deep",
        "duplicate_operation_id",
        "too_many_operations",
        "body_too_large",
        "unsupported_encoding",
        "invalid_token",
        "forbidden",
        "not_found",
        "method_not_allowed",
        "rate_limited",
        "unavailable",
        "deadline_exceeded",
        "internal",
        "upgrade_required",
        "invalid_cursor",
        "validation_failed",
        "invalid_reference",
        "text_required",
        "unknown_verse",
        "unknown_operation",
        "operation_id_reused",
        "provider_unavailable",
        "unknown",
    ])
}

fn slot() -> Value {
    json!({"dayOfWeek": 3, "weekParity": 1, "dayOfMonth": 28})
}

fn verse() -> Value {
    json!({
        "id": ID, "reference": "John 3:16", "osis": "John.3.16", "text": "For God so \"loved\"\n the world \u{1F600}",
        "translation": "KJV", "isVerified": true, "createdAt": 1_773_144_000_000_i64, "updatedAt": -5,
    })
}

pub(super) fn a_verse_has_the_shape_of_its_derive() -> Vec<Value> {
    vec![verse()]
}

pub(super) fn a_card_has_the_shape_of_its_derive() -> Vec<Value> {
    vec![json!({
        "verseId": ID, "currentPhase": "biweekly", "phaseProgressCount": 3, "currentStreak": 30, "bestStreak": 44,
        "lastReviewedAt": 1_773_144_000_000_i64, "nextDueDate": "2026-03-31", "assignedDayOfWeek": 3,
        "assignedWeekParity": null, "assignedDayOfMonth": 28, "archived": false, "createdAt": 1, "updatedAt": 2,
        "fold": {"lastEvent": {"occurred_at": 77, "operation_id": "op-1"}, "reviewDates": ["2026-03-29", "-000044-03-15"]},
    })]
}

pub(super) fn an_event_has_the_shape_of_its_derive() -> Vec<Value> {
    let event = |kind: Value| {
        let mut event = json!({"operationId": "op-1", "verseId": ID, "occurredAt": 99, "localDate": "2026-03-10"});
        let (Value::Object(all), Value::Object(more)) = (&mut event, kind) else { return event };
        all.extend(more);
        event
    };
    vec![
        event(json!({"event": "created"})),
        event(json!({"event": "reviewed", "wasSuccessful": true, "reviewTimeSeconds": 31, "slot": slot()})),
        event(json!({"event": "reviewed", "wasSuccessful": false})),
        event(json!({"event": "archived"})),
        event(json!({"event": "restored"})),
        event(json!({"event": "phase_set", "phase": "monthly", "slot": {}})),
        event(json!({"event": "phase_set", "phase": "daily"})),
    ]
}

pub(super) fn a_profile_has_the_shape_of_its_derive() -> Vec<Value> {
    let by = json!({"occurred_at": 1_773_144_000_000_i64, "operation_id": "op-2"});
    vec![
        json!({
            "fullName": {"value": "Ana", "set_by": by}, "preferredTranslation": {"value": "WEB", "set_by": by},
            "referenceDisplayMode": {"value": "first", "set_by": by}, "timezone": {"value": "Europe/Berlin", "set_by": by},
            "updatedAt": 1_773_144_000_000_i64,
        }),
        json!({
            "fullName": {}, "preferredTranslation": {"value": null}, "referenceDisplayMode": {"value": "blank"},
            "timezone": {"set_by": null},
        }),
    ]
}

pub(super) fn a_slot_has_the_shape_of_its_derive() -> Vec<Value> {
    vec![slot(), json!({}), json!({"dayOfMonth": -128})]
}

pub(super) fn an_operation_has_the_shape_of_its_derive() -> Vec<Value> {
    let about = json!({"verseId": ID, "occurredAt": 1_773_144_000_000_i64, "localDate": "2026-03-10"});
    vec![
        json!({"type": "create_verse", "data": {
            "reference": "John 3:16", "translation": "KJV", "text": "own", "occurredAt": 55, "localDate": "2026-03-10",
        }}),
        json!({"type": "create", "data": {"reference": "Psalm 23"}}),
        json!({"type": "record_review", "data": {
            "verseId": ID, "wasSuccessful": true, "occurredAt": 1_773_144_000_000_i64, "localDate": "2026-03-10",
            "reviewTimeSeconds": 31, "slot": slot(),
        }}),
        json!({"data": {"verseId": ID, "wasSuccessful": true, "occurredAt": 60, "localDate": "2026-03-10"}, "type": "review"}),
        json!({"type": "update_profile", "data": {
            "occurredAt": 50, "fullName": "Ana", "preferredTranslation": "WEB", "referenceDisplayMode": "full",
            "timezone": "UTC",
        }}),
        json!({"type": "archive_verse", "data": about}),
        json!({"type": "restore_verse", "data": about}),
        json!({"type": "set_phase", "data": {
            "verseId": ID, "phase": "weekly", "occurredAt": 65, "localDate": "2026-03-10", "slot": slot(),
        }}),
    ]
}

pub(super) fn a_queued_operation_has_the_shape_of_its_derive() -> Vec<Value> {
    let row = |status: Value, data: Value| {
        json!({
            "position": 41, "id": "op-3", "kind": "record_review", "user_id": "u-1", "entity": "verse/1",
            "depends_on": "op-2", "payload_bytes": 120, "queued_at": 1_773_144_000_000_i64, "retry_count": 21,
            "ever_sent": true, "status": status, "local_ref": "card/1", "payload_version": 22, "data": data,
        })
    };
    let failed = |reason: Value| json!({"status": "failed", "reason": reason, "code": "unknown_verse", "message": "No such verse.", "failed_at": 88});
    let statuses = [
        json!({"status": "pending"}),
        json!({"status": "processing", "batch_id": "b-1", "lease_until": 1_773_144_000_000_i64}),
        failed(json!({"reason": "rejected"})),
        failed(json!({"reason": "blocked", "parent": "op-1"})),
        failed(json!({"reason": "too_large"})),
        failed(json!({"reason": "expired"})),
        failed(json!({"reason": "retries_exhausted"})),
        failed(json!({"reason": "forbidden"})),
    ];
    statuses
        .into_iter()
        .zip(an_operation_has_the_shape_of_its_derive())
        .map(|(status, data)| row(status, data))
        .collect()
}

pub(super) fn a_journal_entry_has_the_shape_of_its_derive() -> Vec<Value> {
    let entry = |outcome: &str| {
        json!({
            "operation_id": "op-1", "user_id": "u-1", "kind": "create_verse", "batch_id": "", "payload_bytes": 44,
            "outcome": {"outcome": outcome}, "at": 1_773_144_000_000_i64,
        })
    };
    ["applied", "duplicate", "discarded"].map(entry).to_vec()
}

pub(super) fn a_page_of_changes_has_the_shape_of_its_derive() -> Vec<Value> {
    let changes = an_operation_has_the_shape_of_its_derive().into_iter().zip(31_u64..).map(|(operation, seq)| {
        let verse = (operation["type"] == "create_verse").then(verse);
        let mut change = json!({"seq": seq, "id": "op-5", "type": operation["type"], "data": operation["data"]});
        if let (Value::Object(fields), Some(verse)) = (&mut change, verse) {
            fields.insert("verse".into(), verse);
        }
        change
    });
    let changes: Vec<Value> = changes.collect();
    vec![
        json!({"changes": changes, "cursor": "c-1", "hasMore": true, "reset": true, "serverTime": 1_773_144_000_000_i64}),
        json!({"changes": [], "cursor": "", "hasMore": false, "serverTime": 1_773_144_000_000_i64}),
        json!({"changes": changes[..1], "cursor": "c-2", "hasMore": false, "reset": false, "serverTime": 0}),
    ]
}

pub(super) fn a_problem_has_the_shape_of_its_derive() -> Vec<Value> {
    let plain = json!({
        "type": "about:blank", "title": "Too many", "status": 413, "detail": "Send fewer.", "error": "Send fewer.",
        "code": "too_many_operations", "retryable": false,
    });
    let mut full = plain.clone();
    full["maxOperations"] = json!(100);
    full["maxRequestBytes"] = json!(1_048_576);
    full["code"] = json!("of_the_future");
    vec![plain, full]
}

pub(super) fn limits_have_the_shape_of_their_derive() -> Vec<Value> {
    vec![
        json!({}),
        json!({
            "maxOperations": 500, "maxRequestBytes": 1_048_576, "maxChanges": 300, "operationsPerMinute": 600,
            "oldestProtocol": 30, "newestProtocol": 31, "contentEncodings": ["zstd"], "translations": ["KJV", "WEB"],
        }),
    ]
}

pub(super) fn counts_of_a_batch_have_the_shape_of_their_derive() -> Vec<Value> {
    vec![json!({"total": 30, "successful": 28, "failed": 2})]
}

pub(super) fn a_corrected_stamp_has_the_shape_of_its_derive() -> Vec<Value> {
    vec![json!({"occurredAt": 1_773_144_000_000_i64, "localDate": "2026-03-10"})]
}

pub(super) fn a_lookup_has_the_shape_of_its_derive() -> Vec<Value> {
    let card = json!({
        "verseId": ID, "currentPhase": "daily", "phaseProgressCount": 3, "currentStreak": 30, "bestStreak": 44,
        "lastReviewedAt": null, "nextDueDate": "2026-03-31", "assignedDayOfWeek": 3, "assignedWeekParity": 1,
        "assignedDayOfMonth": 28, "archived": true, "createdAt": 1, "updatedAt": 2,
    });
    vec![
        json!({"verse": verse(), "foundViaAlias": true, "userCard": card, "source": "corpus"}),
        json!({"verse": null, "foundViaAlias": false, "userCard": null, "source": null}),
    ]
}

pub(super) fn a_session_has_the_shape_of_its_derive() -> Vec<Value> {
    vec![
        json!({
            "access_token": "a", "token_type": "bearer", "expires_in": 3600, "expires_at": 1_773_144_000_u64,
            "refresh_token": "r", "user": {"id": "u-1", "email": "a@b.c", "is_anonymous": true, "role": "user"},
        }),
        json!({"access_token": "a", "token_type": "bearer", "expires_in": 3600, "refresh_token": "r", "user": {"id": "u-1"}}),
    ]
}

pub(super) fn a_refresh_has_the_shape_of_its_derive() -> Vec<Value> {
    vec![json!({"refresh_token": "r"})]
}

pub(super) fn a_deletion_has_the_shape_of_its_derive() -> Vec<Value> {
    vec![json!({"confirm": "delete my account"})]
}

pub(super) fn the_answer_to_a_deletion_has_the_shape_of_its_derive() -> Vec<Value> {
    vec![
        json!({"deleted": true, "accountDeleted": false, "accountLivesAt": "https://auth.example", "message": "Gone."}),
        json!({"deleted": true, "accountDeleted": true}),
    ]
}
