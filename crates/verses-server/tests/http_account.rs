//! The rights of users over HTTP: all their data as a file, and its deletion with the account.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

#[path = "common/http.rs"]
mod http;
mod postgres_common;

use http::{
    ALICE, Answer, BOB, CHANGES, OPERATIONS, SECRET, Server, batch, config, send, start, start_over_both, start_with,
    token,
};
use serde_json::{Value, json};
use verses_server::ServerConfig;
use verses_server::auth::AuthBackend;

const ACCOUNT: &str = "/functions/v1/verse-account";
const PASSWORD: &str = "correct horse";

async fn export(server: &Server, token: &str) -> Answer {
    send(server.request("GET", ACCOUNT).bearer_auth(token)).await
}

async fn delete_with(server: &Server, token: &str, body: &str) -> Answer {
    send(server.request("DELETE", ACCOUNT).bearer_auth(token).body(body.to_owned())).await
}

async fn delete(server: &Server, token: &str) -> Answer {
    delete_with(server, token, r#"{"confirm":"delete my account"}"#).await
}

async fn add(server: &Server, token: &str, id: &str, reference: &str) -> Answer {
    let operation = json!([{ "id": id, "type": "create", "data": { "reference": reference, "translation": "KJV" } }]);
    server.post_bytes(token, batch(&operation).to_string()).await
}

async fn sign_up(server: &Server, email: &str) -> Value {
    let body = json!({ "email": email, "password": PASSWORD, "data": { "full_name": "Ann" } });
    server.auth("POST", "/signup", "", &body).await.ok()
}

fn access(session: &Value) -> &str {
    session["access_token"].as_str().unwrap()
}

#[tokio::test]
async fn the_export_is_a_file_with_the_account_and_all_verses_of_its_user_only() {
    let server = start().await;
    let session = sign_up(&server, "ann@example.org").await;
    assert_eq!(add(&server, access(&session), "one", "John 3:16").await.ok()["summary"]["successful"], 1);
    assert_eq!(add(&server, &token(BOB), "two", "Romans 8:28").await.ok()["summary"]["successful"], 1);
    let answer = export(&server, access(&session)).await;
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"verses-account.json\"");
    assert!(answer.header("access-control-expose-headers").contains("content-disposition"));
    assert_eq!((answer.header("content-type"), answer.header("cache-control")), ("application/json", "no-store"));
    let all = answer.ok();
    assert_eq!(all["account"]["id"], session["user"]["id"]);
    assert_eq!(all["account"]["email"], "ann@example.org");
    assert_eq!(all["account"]["user_metadata"]["full_name"], "Ann");
    assert!(all["exportedAt"].as_i64().unwrap() > 0 && all["profile"].is_object());
    assert_eq!(all["verses"].as_array().unwrap().len(), 1);
    assert_eq!(all["verses"][0]["reference"], "John 3:16");
    assert_eq!((all["cards"].as_array().unwrap().len(), all["history"].as_array().unwrap().len()), (1, 1));
    for secret in ["argon2", PASSWORD, "Romans"] {
        assert!(!answer.text().contains(secret), "{secret}");
    }
    // A token of somebody who never signed up here: what there is.
    let bob = export(&server, &token(BOB)).await.ok();
    assert_eq!((&bob["account"], &bob["verses"][0]["reference"]), (&json!({ "id": BOB }), &json!("Romans 8:28")));
    assert_eq!(send(server.request("GET", ACCOUNT)).await.problem(401), "invalid_token");
    server.stop().await;
}

#[tokio::test]
async fn nothing_is_deleted_without_the_words_that_confirm_it() {
    let server = start().await;
    let session = sign_up(&server, "ann@example.org").await;
    add(&server, access(&session), "one", "John 3:16").await.ok();
    let bodies =
        ["", "{", "{}", "[]", "true", r#"{"confirm":true}"#, r#"{"confirm":""}"#, r#"{"confirm":"Delete my account"}"#];
    for body in bodies {
        assert_eq!(delete_with(&server, access(&session), body).await.problem(422), "validation_failed", "{body}");
    }
    let large = format!("{{\"confirm\":\"{}\"}}", "x".repeat(5_000));
    assert_eq!(delete_with(&server, access(&session), &large).await.problem(413), "body_too_large");
    let good = r#"{"confirm":"delete my account"}"#;
    assert_eq!(send(server.request("DELETE", ACCOUNT).body(good)).await.problem(401), "invalid_token");
    assert_eq!(delete(&server, "nonsense").await.problem(401), "invalid_token");
    assert_eq!(send(server.request("POST", ACCOUNT).body(good)).await.problem(405), "method_not_allowed");
    assert_eq!(export(&server, access(&session)).await.ok()["cards"].as_array().unwrap().len(), 1);
    server.stop().await;
}

async fn a_deleted_account_is_gone(server: Server) {
    let here = sign_up(&server, "ann@example.org").await;
    let signed_in = json!({ "email": "ann@example.org", "password": PASSWORD });
    let there = server.auth("POST", "/token?grant_type=password", "", &signed_in).await.ok();
    let other = sign_up(&server, "bob@example.org").await;
    for session in [&here, &other] {
        add(&server, access(session), "one", "John 3:16").await.ok();
    }
    let deleted = delete(&server, access(&here)).await.ok();
    assert_eq!((&deleted["deleted"], &deleted["accountDeleted"]), (&json!(true), &json!(true)), "{deleted}");
    assert!(deleted["accountLivesAt"].is_null() && deleted["message"].is_string());

    // The answer may have been lost: whoever asks again is told the same.
    assert_eq!(delete(&server, access(&here)).await.ok(), deleted);
    assert_eq!(delete(&server, access(&there)).await.ok(), deleted);
    for session in [&here, &there] {
        assert_eq!(export(&server, access(session)).await.problem(401), "invalid_token");
        assert_eq!(add(&server, access(session), "late", "Romans 8:28").await.problem(401), "invalid_token");
        assert_eq!(server.auth("GET", "/user", access(session), &Value::Null).await.status, 403);
        let grant = json!({ "refresh_token": session["refresh_token"] });
        let refused = server.auth("POST", "/token?grant_type=refresh_token", "", &grant).await;
        assert_eq!((refused.status.as_u16(), refused.header("x-sb-error-code")), (400, "refresh_token_not_found"));
    }
    let refused = server.auth("POST", "/token?grant_type=password", "", &signed_in).await;
    assert_eq!((refused.status.as_u16(), refused.header("x-sb-error-code")), (400, "invalid_credentials"));

    // The other user keeps everything, and the address is free for a new account, which is empty.
    assert_eq!(export(&server, access(&other)).await.ok()["cards"].as_array().unwrap().len(), 1);
    let again = sign_up(&server, "ann@example.org").await;
    assert_ne!(again["user"]["id"], here["user"]["id"]);
    let all = export(&server, access(&again)).await.ok();
    assert_eq!((&all["cards"], &all["history"]), (&json!([]), &json!([])));
    assert_eq!(add(&server, access(&again), "one", "John 3:16").await.ok()["summary"]["successful"], 1);
    server.stop().await;
}

#[tokio::test]
async fn a_deleted_account_is_gone_with_its_sessions_and_verses_in_memory() {
    a_deleted_account_is_gone(start().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_account_is_gone_with_its_sessions_and_verses_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let database_url = format!("sqlite:{}", folder.path().join("verses.db").display());
    a_deleted_account_is_gone(start_with(ServerConfig { database_url, ..config() }).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_account_is_gone_with_its_sessions_and_verses_on_postgres() {
    let (storage, _database) = postgres_common::fresh(postgres_common::options);
    let accounts = AuthBackend::Postgres(storage.accounts());
    a_deleted_account_is_gone(start_over_both(config(), storage, accounts).await).await;
}

#[tokio::test]
async fn an_ended_session_of_a_living_account_deletes_nothing() {
    let server = start().await;
    let session = sign_up(&server, "ann@example.org").await;
    add(&server, access(&session), "one", "John 3:16").await.ok();
    server.auth("POST", "/logout", access(&session), &Value::Null).await;
    assert_eq!(delete(&server, access(&session)).await.problem(401), "invalid_token");
    let body = json!({ "email": "ann@example.org", "password": PASSWORD });
    let again = server.auth("POST", "/token?grant_type=password", "", &body).await.ok();
    assert_eq!(export(&server, access(&again)).await.ok()["cards"].as_array().unwrap().len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn where_accounts_live_elsewhere_the_verses_go_and_the_answer_says_where_the_account_is() {
    let issuer = "https://ref.supabase.co/auth/v1";
    let external = |issuers: &[&str]| ServerConfig {
        external_auth: true,
        jwt_issuers: issuers.iter().map(|i| (*i).to_owned()).collect(),
        ..config()
    };
    assert_eq!(external(&[]).jwt_secret.as_deref(), Some(SECRET));
    let server = start_with(external(&[issuer])).await;
    let mut claims = http::claims(ALICE);
    claims["iss"] = json!(issuer);
    let alice = http::sign(&claims);
    add(&server, &alice, "one", "John 3:16").await.ok();
    let all = export(&server, &alice).await.ok();
    assert_eq!((&all["account"], &all["accountLivesAt"]), (&json!({ "id": ALICE }), &json!(issuer)));
    for _ in 0..2 {
        let deleted = delete(&server, &alice).await.ok();
        assert_eq!((&deleted["deleted"], &deleted["accountDeleted"]), (&json!(true), &json!(false)));
        assert_eq!(deleted["accountLivesAt"], issuer);
        assert!(deleted["message"].as_str().unwrap().contains(issuer), "{deleted}");
    }
    // The token is good until it expires: what it asks for is refused.
    assert_eq!(export(&server, &alice).await.problem(403), "forbidden");
    assert_eq!(send(server.request("GET", CHANGES).bearer_auth(&alice)).await.problem(403), "forbidden");
    let waiting = json!([{ "id": "late", "type": "create", "data": { "reference": "Romans 8:28" } }]);
    let request = server.request("POST", OPERATIONS).bearer_auth(&alice).body(batch(&waiting).to_string());
    assert_eq!(send(request).await.problem(403), "forbidden");
    server.stop().await;

    let server = start_with(external(&[])).await;
    let deleted = delete(&server, &token(ALICE)).await.ok();
    assert!(deleted["accountLivesAt"].is_null() && deleted["accountDeleted"] == false, "{deleted}");
    server.stop().await;
}
