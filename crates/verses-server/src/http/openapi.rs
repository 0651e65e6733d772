//! The description of the interface at `/openapi.json`. Written by hand: it is small, and a test holds it to the routes.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use verses_protocol::{ACCOUNT_PATH, CHANGES_PATH, DELETE_ACCOUNT_PHRASE, EVENTS_PATH, LIMITS_PATH, OPERATIONS_PATH};

/// `GET /openapi.json`
pub(super) async fn document() -> Response {
    super::json_answer(StatusCode::OK, description().to_string())
}

fn answer(text: &str, schema: &Value) -> Value {
    json!({ "description": text, "content": { "application/json": { "schema": schema } } })
}

fn problems() -> Value {
    let problem = |text: &str| json!({ "description": text, "content": { "application/problem+json": { "schema": reference("Problem") } } });
    json!({
        "400": problem("The request is malformed"), "401": problem("The token is missing, wrong or expired"), "403": problem("The account was deleted"),
        "413": problem("Too many operations or bytes: the body tells the limit"), "415": problem("Unknown Content-Encoding"),
        "422": problem("The operation was refused: the code says why"), "426": problem("The protocol version is not spoken here"),
        "429": problem("Too many operations: wait as long as Retry-After says"), "503": problem("Busy: try again"),
    })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn responses(good: Value) -> Value {
    let mut all = problems();
    all["200"] = good;
    all
}

fn description() -> Value {
    let signed_in = json!([{ "bearer": [] }]);
    let auth = |text: &str| json!({ "post": { "summary": text, "responses": { "200": answer("The session", &json!({ "type": "object" })) } } });
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Verses", "version": env!("CARGO_PKG_VERSION"), "license": { "name": "MIT OR Apache-2.0" } },
        "paths": {
            (OPERATIONS_PATH): { "post": {
                "summary": "A lookup, one operation, or a batch of operations, each answered on its own", "security": signed_in,
                "requestBody": { "required": true, "content": { "application/json": { "schema": { "oneOf": [reference("BatchRequest"), reference("SingleRequest")] } } } },
                "responses": responses(answer("For a batch the results in request order; else the operation's data", &json!({ "oneOf": [reference("BatchResponse"), { "type": "object" }] }))),
            } },
            (CHANGES_PATH): { "get": {
                "summary": "What changed since a cursor, oldest first", "security": signed_in,
                "parameters": [
                    { "name": "cursor", "in": "query", "schema": { "type": "string", "maxLength": 256 } },
                    { "name": "limit", "in": "query", "schema": { "type": "integer", "minimum": 1 } },
                ],
                "responses": responses(answer("A page", &reference("ChangesResponse"))),
            } },
            (EVENTS_PATH): { "get": { "summary": "A stream of server-sent events that says that something changed", "security": signed_in,
                "responses": { "200": { "description": "The stream", "content": { "text/event-stream": {} } }, "401": problems()["401"] } } },
            (ACCOUNT_PATH): {
                "get": { "summary": "Everything the server holds about the user, as a file", "security": signed_in,
                    "responses": responses(answer("The data", &reference("AccountExport"))) },
                "delete": { "summary": "Deletes the user's data and, if it lives here, the account, for good", "security": signed_in,
                    "requestBody": { "required": true, "content": { "application/json": { "schema": { "type": "object", "required": ["confirm"],
                        "properties": { "confirm": { "const": DELETE_ACCOUNT_PHRASE } } } } } },
                    "responses": responses(answer("Deleted, now or before", &reference("AccountDeleted"))) },
            },
            (LIMITS_PATH): { "get": { "summary": "What the server accepts", "responses": { "200": answer("The limits", &reference("Limits")) } } },
            "/auth/v1/signup": auth("Makes an account; without e-mail and password an anonymous one"),
            "/auth/v1/token": auth("Signs in (grant_type=password) or refreshes (grant_type=refresh_token)"),
            "/auth/v1/user": {
                "get": { "summary": "The signed-in user", "security": signed_in, "responses": { "200": answer("The user", &json!({ "type": "object" })) } },
                "put": { "summary": "Changes the signed-in user", "security": signed_in, "responses": { "200": answer("The user", &json!({ "type": "object" })) } },
            },
            "/auth/v1/logout": { "post": { "summary": "Ends sessions", "security": signed_in, "responses": { "204": { "description": "Done" } } } },
            "/auth/v1/health": { "get": { "summary": "Whether sign-in is up", "responses": { "200": answer("Up", &json!({ "type": "object" })) } } },
            "/auth/v1/settings": { "get": { "summary": "Ways to sign in", "responses": { "200": answer("The ways", &json!({ "type": "object" })) } } },
            "/auth/v1/.well-known/jwks.json": { "get": { "summary": "Public keys of tokens; none with a shared secret", "responses": { "200": answer("The keys", &json!({ "type": "object" })) } } },
            "/health": { "get": { "summary": "Whether the process is up", "responses": { "200": answer("Up", &json!({ "type": "object" })) } } },
            "/ready": { "get": { "summary": "Whether the database answers", "responses": { "200": answer("Ready", &json!({ "type": "object" })), "503": problems()["503"] } } },
            "/openapi.json": { "get": { "summary": "This document", "responses": { "200": answer("The document", &json!({ "type": "object" })) } } },
        },
        "components": { "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" } }, "schemas": schemas() },
    })
}

fn schemas() -> Value {
    let text = json!({ "type": "string" });
    let whole = json!({ "type": "integer" });
    let kinds = ["lookup", "create", "record_review", "update_profile", "archive_verse", "restore_verse", "set_phase"];
    json!({
        "BatchRequest": { "type": "object", "required": ["operation", "batchId", "operations"], "properties": {
            "operation": { "const": "batch" }, "batchId": { "type": "string", "maxLength": 128 }, "cursor": text, "pull": { "type": "boolean" },
            "operations": { "type": "array", "items": { "type": "object", "required": ["id", "type"], "properties": {
                "id": { "type": "string", "minLength": 1, "maxLength": 128 }, "type": { "enum": kinds }, "data": { "type": "object" } } } } } },
        "SingleRequest": { "type": "object", "required": ["operation"], "properties": {
            "operation": { "enum": kinds }, "id": { "type": "string", "minLength": 1, "maxLength": 128 }, "data": { "type": "object" },
            "reference": text, "translation": text, "text": text, "occurredAt": whole } },
        "BatchResponse": { "type": "object", "required": ["batchId", "results", "summary", "serverTime"], "properties": {
            "batchId": text, "serverTime": whole, "cursor": text, "hasMore": { "type": "boolean" }, "reset": { "type": "boolean" },
            "results": { "type": "array", "items": { "type": "object", "required": ["id", "success"], "properties": {
                "id": text, "success": { "type": "boolean" }, "data": { "type": "object" }, "error": text, "code": text, "retryable": { "type": "boolean" } } } },
            "summary": { "type": "object", "properties": { "total": whole, "successful": whole, "failed": whole } },
            "changes": { "type": "array", "items": { "type": "object" } } } },
        "ChangesResponse": { "type": "object", "required": ["changes", "cursor", "hasMore", "serverTime"], "properties": {
            "changes": { "type": "array", "items": { "type": "object" } }, "cursor": text, "hasMore": { "type": "boolean" }, "reset": { "type": "boolean" }, "serverTime": whole } },
        "AccountExport": { "type": "object", "required": ["exportedAt", "account", "profile", "cards", "verses", "history"], "properties": {
            "exportedAt": whole, "account": { "type": "object" }, "accountLivesAt": text, "profile": { "type": "object" },
            "cards": { "type": "array", "items": { "type": "object" } }, "verses": { "type": "array", "items": { "type": "object" } },
            "history": { "type": "array", "items": { "type": "object" } } } },
        "AccountDeleted": { "type": "object", "required": ["deleted", "accountDeleted", "message"], "properties": {
            "deleted": { "const": true }, "accountDeleted": { "type": "boolean" }, "accountLivesAt": text, "message": text } },
        "Limits": { "type": "object", "properties": { "maxOperations": whole, "maxRequestBytes": whole, "maxChanges": whole, "operationsPerMinute": whole,
            "oldestProtocol": whole, "newestProtocol": whole, "contentEncodings": { "type": "array", "items": text }, "translations": { "type": "array", "items": text } } },
        "Problem": { "type": "object", "required": ["type", "title", "status", "detail", "error", "code", "retryable"], "properties": {
            "type": text, "title": text, "status": whole, "detail": text, "error": text, "code": text, "retryable": { "type": "boolean" },
            "maxOperations": whole, "maxRequestBytes": whole } },
    })
}
