//! A snapshot of every wire type: a change of the wire must be a decision. Every snapshot also reads back as it was.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use verses_core::{CreateVerse, Operation, Phase, RecordReview, Slot, UnixMillis, Verse, VerseId};
use verses_protocol::auth::{AuthProblem, AuthUser, Credentials, RefreshGrant, SessionTokens};
use verses_protocol::*;

/// The value as it travels, after a journey there and back.
fn travelled<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) -> Value {
    let text = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), value, "reads back as it was");
    serde_json::from_str(&text).unwrap()
}

fn verse() -> Verse {
    Verse {
        id: VerseId::of_passage("KJV", "John.3.16"),
        reference: "John 3:16".into(),
        osis: "John.3.16".into(),
        text: "For God so loved the world".into(),
        translation: "KJV".into(),
        is_verified: true,
        created_at: UnixMillis(1_700_000_000_000),
        updated_at: UnixMillis(1_700_000_000_001),
    }
}

fn card() -> UserCard {
    UserCard {
        verse_id: verse().id,
        current_phase: Phase::Biweekly,
        phase_progress_count: 2,
        current_streak: 20,
        best_streak: 21,
        last_reviewed_at: Some(UnixMillis(1_700_000_000_002)),
        next_due_date: "2023-11-26".into(),
        assigned_day_of_week: Some(1),
        assigned_week_parity: Some(0),
        assigned_day_of_month: None,
        archived: false,
        created_at: UnixMillis(1_700_000_000_000),
        updated_at: UnixMillis(1_700_000_000_002),
    }
}

fn stamp() -> CorrectedStamp {
    CorrectedStamp { occurred_at: UnixMillis(1_700_000_000_003), local_date: "2023-11-14".into() }
}

fn review() -> Operation {
    Operation::RecordReview(RecordReview {
        verse_id: verse().id,
        was_successful: true,
        occurred_at: UnixMillis(1_700_000_000_002),
        local_date: "2023-11-14".parse().unwrap(),
        review_time_seconds: Some(12),
        slot: Some(Slot { day_of_week: Some(1), week_parity: Some(0), day_of_month: None }),
    })
}

#[test]
fn a_batch_request() {
    let operation = |id: &str, kind: &str, data: Value| BatchOperation { id: id.into(), kind: kind.into(), data };
    insta::assert_json_snapshot!(travelled(&BatchRequest {
        operation: BatchTag::Batch,
        batch_id: "b-1".into(),
        operations: vec![
            operation("op-1", "create", json!({ "reference": "Test 1:1", "text": "Test verse" })),
            operation("op-2", "lookup", json!({ "reference": "John 3:16" })),
        ],
        cursor: Some("c".into()),
        pull: false,
    }));
}

#[test]
fn a_batch_response() {
    let failed = OperationResult {
        id: "op-2".into(),
        success: false,
        data: None,
        error: Some("text for people".into()),
        code: Some(ErrorCode::ValidationFailed),
        retryable: Some(false),
    };
    let good = OperationResult {
        id: "op-1".into(),
        success: true,
        data: Some(json!({})),
        error: None,
        code: None,
        retryable: None,
    };
    insta::assert_json_snapshot!(travelled(&BatchResponse {
        batch_id: "b-1".into(),
        results: vec![good, failed],
        summary: BatchSummary { total: 2, successful: 1, failed: 1 },
        changes: Some(Vec::new()),
        cursor: Some("c".into()),
        has_more: Some(false),
        reset: true,
        server_time: UnixMillis(1_700_000_000_004),
    }));
}

#[test]
fn the_data_of_each_operation() {
    let source = Some(TextSource::Corpus);
    insta::assert_json_snapshot!(
        "lookup",
        travelled(&LookupData { verse: Some(verse()), found_via_alias: true, user_card: Some(card()), source })
    );
    let nothing = LookupData { verse: None, found_via_alias: false, user_card: None, source: None };
    insta::assert_json_snapshot!("lookup_without_result", travelled(&nothing));
    insta::assert_json_snapshot!(
        "create",
        travelled(&CreateData {
            verse: verse(),
            found_via_alias: false,
            user_card: card(),
            source: Some(TextSource::Esv),
            duplicate: false,
            corrected: Some(stamp()),
        })
    );
    insta::assert_json_snapshot!("card", travelled(&CardData { user_card: card(), duplicate: true, corrected: None }));
    let profile =
        ProfileView { full_name: Some("Ada".into()), timezone: Some("Europe/Berlin".into()), ..ProfileView::default() };
    insta::assert_json_snapshot!("profile", travelled(&ProfileData { profile, duplicate: false, corrected: None }));
}

#[test]
fn changes() {
    let created = Operation::CreateVerse(CreateVerse {
        reference: "John 3:16".into(),
        translation: Some("KJV".into()),
        text: None,
        occurred_at: Some(UnixMillis(1_700_000_000_000)),
        local_date: Some("2023-11-14".parse().unwrap()),
    });
    insta::assert_json_snapshot!(travelled(&ChangesResponse {
        changes: vec![
            Change { seq: 1, id: "op-1".into(), operation: created, verse: Some(verse()) },
            Change { seq: 2, id: "op-2".into(), operation: review(), verse: None },
        ],
        cursor: "c".into(),
        has_more: true,
        reset: false,
        server_time: UnixMillis(1_700_000_000_004),
    }));
}

#[test]
fn limits_and_lookup_payload() {
    insta::assert_json_snapshot!("limits", travelled(&Limits::default()));
    let payload = LookupPayload { reference: "jn 3:16".into(), translation: Some("KJV".into()) };
    insta::assert_json_snapshot!("lookup_payload", travelled(&payload));
}

#[test]
fn problems() {
    let problem = Problem {
        kind: "about:blank".into(),
        title: "Payload Too Large".into(),
        status: 413,
        detail: "too many".into(),
        error: "too many".into(),
        code: ErrorCode::TooManyOperations,
        retryable: false,
        max_operations: Some(1_000),
        max_request_bytes: None,
    };
    insta::assert_json_snapshot!(travelled(&problem));
}

#[test]
fn auth() {
    let credentials =
        Credentials { email: Some("a@b.c".into()), password: Some("secret".into()), data: Some(json!({ "a": 1 })) };
    insta::assert_json_snapshot!("credentials", travelled(&credentials));
    insta::assert_json_snapshot!("anonymous_credentials", travelled(&Credentials::default()));
    insta::assert_json_snapshot!("refresh_grant", travelled(&RefreshGrant { refresh_token: "r".into() }));
    let user = AuthUser { id: "u".into(), email: "a@b.c".into(), is_anonymous: false };
    insta::assert_json_snapshot!(
        "session",
        travelled(&SessionTokens {
            access_token: "a".into(),
            token_type: "bearer".into(),
            expires_in: 3_600,
            expires_at: 1_700_003_600,
            refresh_token: "r".into(),
            user,
        })
    );
    let text = "Invalid login credentials".to_owned();
    let code = "invalid_credentials".to_owned();
    insta::assert_json_snapshot!(
        "auth_problem",
        travelled(&AuthProblem { code: code.clone(), error_code: code, message: text.clone(), msg: text })
    );
}

#[test]
fn every_code_travels_under_its_own_name() {
    let all = [
        ErrorCode::MalformedRequest,
        ErrorCode::TooDeep,
        ErrorCode::DuplicateOperationId,
        ErrorCode::TooManyOperations,
        ErrorCode::BodyTooLarge,
        ErrorCode::UnsupportedEncoding,
        ErrorCode::InvalidToken,
        ErrorCode::Forbidden,
        ErrorCode::NotFound,
        ErrorCode::MethodNotAllowed,
        ErrorCode::RateLimited,
        ErrorCode::Unavailable,
        ErrorCode::DeadlineExceeded,
        ErrorCode::Internal,
        ErrorCode::UpgradeRequired,
        ErrorCode::InvalidCursor,
        ErrorCode::ValidationFailed,
        ErrorCode::InvalidReference,
        ErrorCode::TextRequired,
        ErrorCode::UnknownVerse,
        ErrorCode::UnknownOperation,
        ErrorCode::OperationIdReused,
        ErrorCode::ProviderUnavailable,
    ];
    for code in all {
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        assert_eq!(serde_json::from_value::<ErrorCode>(code.as_str().into()).unwrap(), code);
    }
    assert_eq!(serde_json::from_value::<ErrorCode>("of_the_future".into()).unwrap(), ErrorCode::Unknown);
}

#[test]
fn an_operation_without_a_usable_type_does_not_spoil_the_batch() {
    let operations =
        json!([{ "id": "a" }, { "id": "b", "type": 7 }, { "id": "c", "type": null }, { "id": "d", "type": "create" }]);
    let request = json!({ "operation": "batch", "batchId": "b", "operations": operations });
    let request: BatchRequest = serde_json::from_value(request).unwrap();
    let kinds: Vec<&str> = request.operations.iter().map(|o| o.kind.as_str()).collect();
    assert_eq!(kinds, ["", "", "", "create"]);
}

#[test]
fn unknown_fields_and_absent_optional_ones_are_no_error() {
    let request: BatchRequest = serde_json::from_value(json!({
        "operation": "batch", "batchId": "b", "surprise": 1, "userId": "somebody else",
        "operations": [{ "id": "a", "type": "lookup", "extra": true }],
    }))
    .unwrap();
    assert_eq!((request.cursor, request.pull, &request.operations[0].data), (None, false, &Value::Null));
}
