//! The description of the interface at `/openapi.json`: routes, who may call them, and every answer they have. Written by
//! hand: it is small, and tests hold it to the routes and to what they answer. The shapes are in `schemas`.

mod schemas;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};
use verses_core::VerseId;
use verses_protocol::{
    ACCOUNT_PATH, CHANGES_PATH, DELETE_ACCOUNT_PHRASE, EVENTS_PATH, LIMITS_PATH, MAX_CURSOR_BYTES, OPERATIONS_PATH,
};

/// `GET /openapi.json`
pub(super) async fn document() -> Response {
    super::json_answer(StatusCode::OK, description().to_string())
}

fn description() -> Value {
    let mut paths = functions();
    paths.extend(accounts());
    paths.extend(beside());
    paths.extend(texts());
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Verses", "version": env!("CARGO_PKG_VERSION"), "license": { "name": "MIT OR Apache-2.0" } },
        "paths": paths,
        "components": {
            "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" } },
            "schemas": schemas::all(),
        },
    })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn answer(text: &str, schema: &Value) -> Value {
    json!({ "description": text, "content": { "application/json": { "schema": schema } } })
}

fn body(schema: &Value) -> Value {
    json!({ "required": true, "content": { "application/json": { "schema": schema } } })
}

/// Requests that get beyond the first checks.
fn with_examples(mut body: Value) -> Value {
    let (verse, at, date) = (VerseId::of_passage("KJV", "John.3.16"), 1_772_452_800_000_i64, "2026-03-02");
    let review = json!({ "verseId": verse, "wasSuccessful": true, "occurredAt": at, "localDate": date });
    let operation = |id: &str, kind: &str, data: Value| json!({ "id": id, "type": kind, "data": data });
    let operations = json!([
        operation("1", "create", json!({ "reference": "John 3:16" })),
        operation("2", "record_review", review.clone()),
        operation("3", "update_profile", json!({ "fullName": "Ruth", "timezone": "Europe/Berlin", "occurredAt": at })),
        operation("4", "lookup", json!({ "reference": "Psalm 23:1", "translation": "WEB" })),
        operation(
            "5",
            "set_phase",
            json!({ "verseId": verse, "phase": "weekly", "occurredAt": at, "localDate": date })
        ),
    ]);
    let batch = json!({ "operation": "batch", "batchId": "a-batch", "operations": operations, "pull": true });
    let mut single = review;
    single["operation"] = "record_review".into();
    body["content"]["application/json"]["examples"] = json!({
        "batch": { "value": batch },
        "one operation": { "value": single },
        "a lookup": { "value": { "operation": "lookup", "reference": "John 3:16" } },
    });
    body
}

fn signed_in() -> Value {
    json!([{ "bearer": [] }])
}

/// The refusals of a function, by status.
fn problems(statuses: &[u16]) -> Map<String, Value> {
    let text = |status| match status {
        400 => "The request is malformed",
        401 => "The token is missing, wrong or expired",
        403 => "The account was deleted",
        404 => "There is nothing here: the text says what there is",
        413 => "Too many operations or bytes: the body tells the limit",
        415 => "Unknown Content-Encoding",
        422 => "The operation was refused: the code says why",
        426 => "The protocol version is not spoken here",
        429 => "Too much at once: wait as long as Retry-After says",
        _ => "Busy: try again",
    };
    let problem = |status| json!({ "description": text(status), "content": { "application/problem+json": { "schema": reference("Problem") } } });
    statuses.iter().map(|status| (status.to_string(), problem(*status))).collect()
}

/// The refusals of a call about accounts, by status.
fn refusals(statuses: &[u16]) -> Map<String, Value> {
    let text = |status| match status {
        400 => "The request is malformed, or the credentials are wrong",
        401 => "The token is missing",
        403 => "The token is wrong or expired, its session has ended, or only an administrator may change this",
        404 => "Accounts live elsewhere: the text says where",
        413 => "The body is too large",
        422 => "The credentials cannot be taken: the code says why",
        429 => "Too many attempts: wait",
        _ => "Busy: try again",
    };
    statuses.iter().map(|status| (status.to_string(), answer(text(*status), &reference("AuthProblem")))).collect()
}

fn responses(status: &str, good: Value, mut others: Map<String, Value>) -> Value {
    others.insert(status.to_owned(), good);
    Value::Object(others)
}

fn functions() -> Map<String, Value> {
    let operations = json!({ "post": {
        "summary": "A lookup, one operation, or a batch of operations, each answered on its own", "security": signed_in(),
        "requestBody": with_examples(body(&json!({ "oneOf": [reference("BatchRequest"), reference("SingleRequest")] }))),
        "responses": responses("200",
            answer("For a batch the results in request order; else the operation's data", &json!({ "anyOf": [reference("BatchResponse"), reference("OperationData")] })),
            problems(&[400, 401, 403, 413, 415, 422, 426, 429, 503])),
    } });
    let changes = json!({ "get": {
        "summary": "What changed since a cursor, oldest first", "security": signed_in(),
        "parameters": [
            { "name": "cursor", "in": "query", "schema": { "type": "string", "maxLength": MAX_CURSOR_BYTES } },
            { "name": "limit", "in": "query", "description": "Most changes of the page; the server has a limit of its own",
              "schema": { "type": "integer", "minimum": 0, "maximum": u32::MAX } },
        ],
        "responses": responses("200", answer("A page", &reference("ChangesResponse")), problems(&[400, 401, 403, 426, 429, 503])),
    } });
    let events = json!({ "get": {
        "summary": "A stream of server-sent events that says that something changed", "security": signed_in(),
        "responses": responses("200", json!({ "description": "The stream", "content": { "text/event-stream": {} } }), problems(&[401, 426, 429, 503])),
    } });
    let mut limits = problems(&[426, 429, 503]);
    limits.insert("304".into(), json!({ "description": "As in If-None-Match" }));
    let limits = json!({ "get": { "summary": "What the server accepts", "responses": responses("200", answer("The limits", &reference("Limits")), limits) } });
    let confirmed = json!({ "type": "object", "required": ["confirm"], "properties": { "confirm": { "const": DELETE_ACCOUNT_PHRASE } } });
    let account = json!({
        "get": { "summary": "Everything the server holds about the user, as a file", "security": signed_in(),
            "responses": responses("200", answer("The data", &reference("AccountExport")), problems(&[401, 403, 426, 429, 503])) },
        "delete": { "summary": "Deletes the user's data and, if it lives here, the account, for good", "security": signed_in(), "requestBody": body(&confirmed),
            "responses": responses("200", answer("Deleted, now or before", &reference("AccountDeleted")), problems(&[400, 401, 403, 413, 415, 422, 426, 429, 503])) },
    });
    [
        (OPERATIONS_PATH, operations),
        (CHANGES_PATH, changes),
        (EVENTS_PATH, events),
        (LIMITS_PATH, limits),
        (ACCOUNT_PATH, account),
    ]
    .map(|(path, item)| (path.to_owned(), item))
    .into_iter()
    .collect()
}

fn accounts() -> Map<String, Value> {
    let session = || answer("The session", &reference("Session"));
    let user = || answer("The user", &reference("User"));
    let choice = |name: &str, required: bool, values: &[&str]| json!([{ "name": name, "in": "query", "required": required, "schema": { "enum": values } }]);
    let open = |text: &str, schema: &Value| json!({ "get": { "summary": text, "responses": responses("200", answer(text, schema), refusals(&[404, 503])) } });
    let keys = json!({ "type": "object", "required": ["keys"], "properties": { "keys": { "type": "array", "items": { "type": "object" } } } });
    let member = |names: &[&str]| json!({ "type": "object", "required": names });
    let calls = [
        (
            "/signup",
            json!({ "post": {
            "summary": "Makes an account; without e-mail and password an anonymous one", "requestBody": body(&reference("Credentials")),
            "responses": responses("200", session(), refusals(&[400, 404, 413, 422, 429, 503])),
        } }),
        ),
        (
            "/token",
            json!({ "post": {
            "summary": "Signs in with a password, or refreshes a session", "parameters": choice("grant_type", true, &["password", "refresh_token"]),
            "requestBody": body(&json!({ "anyOf": [reference("Credentials"), reference("RefreshGrant")] })),
            "responses": responses("200", session(), refusals(&[400, 404, 413, 429, 503])),
        } }),
        ),
        (
            "/user",
            json!({
                "get": { "summary": "The signed-in user", "security": signed_in(), "responses": responses("200", user(), refusals(&[401, 403, 404, 503])) },
                "put": { "summary": "Changes the signed-in user", "security": signed_in(), "requestBody": body(&reference("Credentials")),
                    "responses": responses("200", user(), refusals(&[400, 401, 403, 404, 413, 422, 503])) },
            }),
        ),
        (
            "/logout",
            json!({ "post": {
            "summary": "Ends sessions", "security": signed_in(), "parameters": choice("scope", false, &["global", "local", "others"]),
            "responses": responses("204", json!({ "description": "Done" }), refusals(&[400, 401, 403, 404, 503])),
        } }),
        ),
        ("/health", open("Whether sign-in is up", &member(&["version", "name"]))),
        ("/settings", open("Ways to sign in", &member(&["external"]))),
        ("/.well-known/jwks.json", open("Public keys of tokens; none with a shared secret", &keys)),
    ];
    calls.into_iter().map(|(path, item)| (format!("/auth/v1{path}"), item)).collect()
}

fn beside() -> Map<String, Value> {
    let simple = |text: &str, schema: Value| json!({ "get": { "summary": text, "responses": responses("200", answer(text, &schema), problems(&[503])) } });
    let status = json!({ "type": "object", "required": ["status"], "properties": { "status": { "type": "string" } } });
    [
        ("/health", simple("Whether the process is up", status.clone())),
        ("/ready", simple("Whether the database answers", status)),
        ("/openapi.json", simple("This document", json!({ "type": "object", "required": ["openapi", "paths"] }))),
    ]
    .map(|(path, item)| (path.to_owned(), item))
    .into_iter()
    .collect()
}

fn texts() -> Map<String, Value> {
    let unchanged = || json!({ "description": "As in If-None-Match" });
    let mut of_index = problems(&[503]);
    of_index.insert("304".into(), unchanged());
    let index = json!({ "get": {
        "summary": "The translations that can be had book by book",
        "responses": responses("200", answer("Translations, with the size of each book in bytes", &reference("TextIndex")), of_index),
    } });
    let mut of_piece = problems(&[404, 503]);
    of_piece.insert("304".into(), unchanged());
    let text = json!({ "description": "A verse on each line, an empty line where the translation lacks it", "content": { "text/plain": { "schema": { "type": "string" } } } });
    let path = |name: &str, schema: Value, example: &str| json!({ "name": name, "in": "path", "required": true, "schema": schema, "example": example });
    let piece = json!({ "get": {
        "summary": "A book of a translation, in the verses of the King James Version; it never changes",
        "parameters": [
            path("translation", json!({ "enum": ["kjv", "web"] }), "kjv"),
            path("piece", json!({ "type": "string", "pattern": r"^([1-9]|[1-5][0-9]|6[0-6])\.txt$" }), "43.txt"),
        ],
        "responses": responses("200", text, of_piece),
    } });
    [("/texts/1/index.json", index), ("/texts/1/{translation}/{piece}", piece)]
        .map(|(path, item)| (path.to_owned(), item))
        .into_iter()
        .collect()
}
