//! The shapes that the description of the interface names. What a request must be is as lenient here as the server is:
//! what is wrong with one operation fails it alone, in an answer of its own.

use serde_json::{Value, json};
use verses_core::MAX_OPERATION_ID_BYTES;
use verses_protocol::MAX_BATCH_ID_BYTES;

use super::reference;

/// All of them, by name.
pub(super) fn all() -> Value {
    let mut all = requests();
    for (name, schema) in [answers(), records(), accounts()].iter().filter_map(Value::as_object).flatten() {
        all[name] = schema.clone();
    }
    all
}

fn requests() -> Value {
    let kinds = [
        "lookup",
        "create",
        "create_verse",
        "record_review",
        "review",
        "update_profile",
        "archive_verse",
        "restore_verse",
        "set_phase",
    ];
    json!({
        "BatchRequest": { "type": "object", "required": ["operation", "batchId", "operations"], "properties": {
            "operation": { "const": "batch" }, "batchId": { "type": "string", "minLength": 1, "maxLength": MAX_BATCH_ID_BYTES },
            "cursor": { "type": ["string", "null"], "description": "Answer with what changed since, too" },
            "pull": { "type": "boolean", "description": "The same from the beginning" },
            "operations": { "type": "array", "items": reference("Operation") },
        } },
        "Operation": { "type": "object", "required": ["id"], "properties": {
            "id": { "type": "string", "description": "Of the sender's making; the same operation has the same id whenever it is sent" },
            "type": { "description": format!("One of {}", kinds.join(", ")) },
            "data": { "description": "An object with the fields of its type" },
        } },
        "SingleRequest": { "type": "object", "required": ["operation"], "properties": {
            "operation": { "enum": kinds }, "id": { "type": ["string", "null"], "minLength": 1, "maxLength": MAX_OPERATION_ID_BYTES },
            "data": { "type": "object", "description": "The fields of the operation; they may stand beside `operation` as well" },
        } },
    })
}

fn answers() -> Value {
    let (text, whole, yes_or_no) =
        (json!({ "type": "string" }), json!({ "type": "integer" }), json!({ "type": "boolean" }));
    let card = json!({ "anyOf": [reference("UserCard"), { "type": "null" }] });
    let verse = json!({ "anyOf": [reference("Verse"), { "type": "null" }] });
    json!({
        "BatchResponse": { "type": "object", "required": ["batchId", "results", "summary", "serverTime"], "properties": {
            "batchId": text, "serverTime": whole, "cursor": text, "hasMore": yes_or_no, "reset": yes_or_no,
            "results": { "type": "array", "items": reference("Result") },
            "summary": { "type": "object", "required": ["total", "successful", "failed"], "properties": { "total": whole, "successful": whole, "failed": whole } },
            "changes": { "type": "array", "items": reference("Change") } } },
        "Result": { "type": "object", "required": ["id", "success"], "properties": {
            "id": text, "success": yes_or_no, "data": reference("OperationData"), "error": text, "code": text, "retryable": yes_or_no } },
        "OperationData": { "type": "object", "properties": {
            "verse": verse, "userCard": card, "profile": reference("Profile"), "foundViaAlias": yes_or_no,
            "source": { "type": ["string", "null"] }, "duplicate": yes_or_no, "corrected": { "type": "object" } } },
        "ChangesResponse": { "type": "object", "required": ["changes", "cursor", "hasMore", "serverTime"], "properties": {
            "changes": { "type": "array", "items": reference("Change") }, "cursor": text, "hasMore": yes_or_no, "reset": yes_or_no, "serverTime": whole } },
        "TextIndex": { "type": "object", "required": ["translations"], "properties": { "translations": { "type": "array", "items": {
            "type": "object", "required": ["name", "title", "licence", "books", "bytes"], "properties": {
                "name": { "type": "string" }, "title": { "type": "string" }, "licence": { "type": "string" },
                "books": { "type": "integer" }, "bytes": { "type": "array", "items": { "type": "integer" } },
            },
        } } } },
        "Limits": { "type": "object", "required": ["maxOperations", "maxRequestBytes", "maxChanges", "operationsPerMinute", "translations"], "properties": {
            "maxOperations": whole, "maxRequestBytes": whole, "maxChanges": whole, "operationsPerMinute": whole,
            "oldestProtocol": whole, "newestProtocol": whole, "contentEncodings": { "type": "array", "items": text }, "translations": { "type": "array", "items": text } } },
        "Problem": { "type": "object", "required": ["type", "title", "status", "detail", "error", "code", "retryable"], "properties": {
            "type": text, "title": text, "status": whole, "detail": text, "error": text, "code": text, "retryable": yes_or_no,
            "maxOperations": whole, "maxRequestBytes": whole } },
    })
}

fn records() -> Value {
    let (text, whole, yes_or_no) =
        (json!({ "type": "string" }), json!({ "type": "integer" }), json!({ "type": "boolean" }));
    let (text_or_null, whole_or_null) = (json!({ "type": ["string", "null"] }), json!({ "type": ["integer", "null"] }));
    let (id, date) = (json!({ "type": "string", "format": "uuid" }), json!({ "type": "string", "format": "date" }));
    let phase = json!({ "enum": ["daily", "weekly", "biweekly", "monthly"] });
    json!({
        "Verse": { "type": "object", "required": ["id", "reference", "osis", "text", "translation", "isVerified"], "properties": {
            "id": id, "reference": text, "osis": text, "text": text, "translation": text, "isVerified": yes_or_no, "createdAt": whole, "updatedAt": whole } },
        "UserCard": { "type": "object", "required": ["verseId", "currentPhase", "phaseProgressCount", "currentStreak", "nextDueDate", "archived"], "properties": {
            "verseId": id, "currentPhase": phase, "phaseProgressCount": whole, "currentStreak": whole, "bestStreak": whole,
            "lastReviewedAt": whole_or_null, "nextDueDate": date, "assignedDayOfWeek": whole_or_null, "assignedWeekParity": whole_or_null,
            "assignedDayOfMonth": whole_or_null, "archived": yes_or_no, "createdAt": whole, "updatedAt": whole } },
        "Profile": { "type": "object", "properties": {
            "fullName": text_or_null, "preferredTranslation": text_or_null, "referenceDisplayMode": text_or_null, "timezone": text_or_null, "updatedAt": whole_or_null } },
        "Change": { "type": "object", "required": ["seq", "id", "type", "data"], "properties": {
            "seq": { "type": "integer", "minimum": 1 }, "id": text, "type": text, "data": { "type": "object" }, "verse": reference("Verse") } },
    })
}

fn accounts() -> Value {
    let (text, whole) = (json!({ "type": "string" }), json!({ "type": "integer" }));
    let text_or_null = json!({ "type": ["string", "null"] });
    let time = json!({ "type": "string", "format": "date-time" });
    json!({
        "Credentials": { "type": "object", "properties": {
            "email": text_or_null, "password": text_or_null, "data": { "type": ["object", "null"], "description": "What users say of themselves" } } },
        "RefreshGrant": { "type": "object", "required": ["refresh_token"], "properties": { "refresh_token": text } },
        "Session": { "type": "object", "required": ["access_token", "token_type", "expires_in", "expires_at", "refresh_token", "user"], "properties": {
            "access_token": text, "token_type": { "const": "bearer" }, "expires_in": whole, "expires_at": whole, "refresh_token": text, "user": reference("User") } },
        "User": { "type": "object", "required": ["id", "aud", "role", "app_metadata", "user_metadata", "created_at", "is_anonymous"], "properties": {
            "id": { "type": "string", "format": "uuid" }, "aud": text, "role": text, "email": text, "phone": text, "app_metadata": { "type": "object" },
            "user_metadata": { "type": "object" }, "identities": { "type": "array" }, "created_at": time, "updated_at": time, "is_anonymous": { "type": "boolean" } } },
        "AccountExport": { "type": "object", "required": ["exportedAt", "account", "profile", "cards", "verses", "history"], "properties": {
            "exportedAt": whole, "account": { "type": "object" }, "accountLivesAt": text, "profile": { "type": "object" },
            "cards": { "type": "array", "items": { "type": "object" } }, "verses": { "type": "array", "items": { "type": "object" } },
            "history": { "type": "array", "items": { "type": "object" } } } },
        "AccountDeleted": { "type": "object", "required": ["deleted", "accountDeleted", "message"], "properties": {
            "deleted": { "const": true }, "accountDeleted": { "type": "boolean" }, "accountLivesAt": text, "message": text } },
        "AuthProblem": { "type": "object", "required": ["code", "error_code", "message", "msg"], "properties": {
            "code": text, "error_code": text, "message": text, "msg": text } },
    })
}
