//! Accounts as Supabase's unmodified client uses them: its bodies, its headers, and the answers it reads.

use reqwest::Method;
use serde_json::{Value, json};
use verses_protocol::CHANGES_PATH;
use verses_server::ServerConfig;

use super::{Answer, Server, config, read, text};

const SIGN_UP: &str = "/auth/v1/signup";
const PASSWORD: &str = "/auth/v1/token?grant_type=password";
const REFRESH: &str = "/auth/v1/token?grant_type=refresh_token";

/// A call as the client makes it: with an api key, and its key as bearer.
async fn call(server: &Server, path: &str, body: &Value) -> Answer {
    let request = server.post(path, body.to_string()).bearer_auth("anon-key").header("apikey", "anon-key");
    read(request.header("x-supabase-api-version", "2024-01-01").header("x-client-info", "supabase-js/2.119.1")).await
}

async fn session(server: &Server, path: &str, body: &Value) -> Value {
    let answer = call(server, path, body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn credentials(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password, "data": {}, "gotrue_meta_security": {}, "code_challenge": null, "code_challenge_method": null })
}

async fn user(server: &Server, method: Method, session: &Value, body: Value) -> Answer {
    let request = server.request(method, "/auth/v1/user").bearer_auth(text(&session["access_token"]));
    read(request.header("content-type", "application/json").body(body.to_string())).await
}

async fn refresh(server: &Server, token: &Value) -> Answer {
    call(server, REFRESH, &json!({ "refresh_token": token })).await
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    let body = answer.json();
    assert_eq!((&body["code"], &body["error_code"]), (&json!(code), &json!(code)), "{body}");
    assert_eq!(body["msg"], body["message"]);
    assert_eq!((answer.header("x-sb-error-code"), answer.header("x-supabase-api-version")), (code, "2024-01-01"));
}

#[tokio::test]
async fn signing_up_gives_a_session_the_client_takes() {
    let server = Server::start().await;
    let answer = call(&server, SIGN_UP, &credentials("Ada@Example.org", "secret")).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
    let session = answer.json();
    assert_eq!((&session["token_type"], &session["expires_in"]), (&json!("bearer"), &json!(3_600)));
    assert!(session["expires_at"].is_u64() && session["refresh_token"].is_string());
    let user = &session["user"];
    assert_eq!(
        (&user["email"], &user["is_anonymous"], &user["role"]),
        (&json!("ada@example.org"), &json!(false), &json!("authenticated"))
    );
    assert!(!session.to_string().contains("argon2"), "no hash leaves the server");
    for (body, status, code) in [
        (credentials("ada@example.ORG", "another"), 422, "user_already_exists"),
        (credentials("x@y.z", "12345"), 422, "weak_password"),
        (credentials("x@y.z", &"é".repeat(37)), 400, "validation_failed"),
        (credentials("x@y.z", ""), 400, "validation_failed"),
        (credentials("no address", "secret"), 400, "validation_failed"),
        (json!(7), 400, "bad_json"),
    ] {
        refused(&call(&server, SIGN_UP, &body).await, status, code);
    }
    let weak = call(&server, SIGN_UP, &credentials("x@y.z", "12345")).await.json();
    assert_eq!(weak["weak_password"]["reasons"], json!(["length"]));
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_are_the_same_answer() {
    let server = Server::start().await;
    session(&server, SIGN_UP, &credentials("ada@example.org", "secret")).await;
    let good = session(
        &server,
        PASSWORD,
        &json!({ "email": "ADA@example.org", "password": "secret", "gotrue_meta_security": {} }),
    )
    .await;
    assert_eq!(good["user"]["email"], "ada@example.org");
    let wrong = call(&server, PASSWORD, &credentials("ada@example.org", "wrong!")).await;
    let unknown = call(&server, PASSWORD, &credentials("nobody@example.org", "secret")).await;
    refused(&wrong, 400, "invalid_credentials");
    refused(&unknown, 400, "invalid_credentials");
    assert_eq!(wrong.bytes, unknown.bytes);
    refused(&call(&server, "/auth/v1/token?grant_type=magic", &json!({})).await, 400, "invalid_credentials");
    refused(&call(&server, PASSWORD, &json!({ "password": "x" })).await, 400, "validation_failed");
}

#[tokio::test]
async fn a_lost_answer_to_a_refresh_signs_nobody_out() {
    let server = Server::start().await;
    let first = server.sign_up().await;
    let second = refresh(&server, &first["refresh_token"]).await.json();
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    // The answer was lost: the client comes with the old token again, and gets the same new one.
    let repeated = refresh(&server, &first["refresh_token"]).await.json();
    assert_eq!(repeated["refresh_token"], second["refresh_token"]);
    let third = refresh(&server, &second["refresh_token"]).await.json();
    let changes = read(server.request(Method::GET, CHANGES_PATH).bearer_auth(text(&third["access_token"]))).await;
    assert_eq!(changes.status, 200);
    for garbage in [json!("garbage"), json!(""), second["access_token"].clone()] {
        refused(&refresh(&server, &garbage).await, 400, "refresh_token_not_found");
    }
}

#[tokio::test]
async fn an_anonymous_user_becomes_permanent_and_keeps_the_id() {
    let server = Server::start().await;
    let anonymous = server.sign_up().await;
    assert_eq!((&anonymous["user"]["is_anonymous"], &anonymous["user"]["email"]), (&json!(true), &json!("")));
    let alone = user(&server, Method::PUT, &anonymous, json!({ "password": "secret" })).await;
    refused(&alone, 400, "validation_failed");
    let change = json!({ "email": "ada@example.org", "password": "secret", "data": { "full_name": "Ada", "old": 1 }, "code_challenge": null });
    let permanent = user(&server, Method::PUT, &anonymous, change).await.json();
    assert_eq!((&permanent["id"], &permanent["is_anonymous"]), (&anonymous["user"]["id"], &json!(false)));
    let merged = user(&server, Method::PUT, &anonymous, json!({ "data": { "old": null, "new": true } })).await.json();
    assert_eq!(merged["user_metadata"], json!({ "full_name": "Ada", "new": true }));
    let again = session(&server, PASSWORD, &credentials("ada@example.org", "secret")).await;
    assert_eq!(again["user"]["id"], anonymous["user"]["id"]);
    let other = server.sign_up().await;
    let taken = user(&server, Method::PUT, &other, json!({ "email": "ada@example.org" })).await;
    refused(&taken, 422, "email_exists");
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let server = Server::start().await;
    let one = session(&server, SIGN_UP, &credentials("ada@example.org", "secret")).await;
    let two = session(&server, PASSWORD, &credentials("ada@example.org", "secret")).await;
    refused(&user(&server, Method::PUT, &one, json!({ "password": "secret" })).await, 422, "same_password");
    assert_eq!(user(&server, Method::PUT, &one, json!({ "password": "better secret" })).await.status, 200);
    assert_eq!(user(&server, Method::GET, &one, json!({})).await.status, 200);
    refused(&user(&server, Method::GET, &two, json!({})).await, 403, "session_not_found");
    refused(&call(&server, PASSWORD, &credentials("ada@example.org", "secret")).await, 400, "invalid_credentials");
}

#[tokio::test]
async fn signing_out_ends_what_its_scope_says() {
    for (scope, first_lives, second_lives) in
        [("local", false, true), ("others", true, false), ("global", false, false), ("", false, false)]
    {
        let server = Server::start().await;
        let first = session(&server, SIGN_UP, &credentials("ada@example.org", "secret")).await;
        let second = session(&server, PASSWORD, &credentials("ada@example.org", "secret")).await;
        let path =
            if scope.is_empty() { "/auth/v1/logout".to_owned() } else { format!("/auth/v1/logout?scope={scope}") };
        // The client sends a JSON content type and no body.
        let out = server.request(Method::POST, &path).bearer_auth(text(&first["access_token"]));
        assert_eq!(read(out.header("content-type", "application/json")).await.status, 204);
        for (session, lives) in [(&first, first_lives), (&second, second_lives)] {
            let functions =
                read(server.request(Method::GET, CHANGES_PATH).bearer_auth(text(&session["access_token"]))).await;
            assert_eq!(functions.status, if lives { 200 } else { 401 }, "{scope:?}");
            let refreshed = refresh(&server, &session["refresh_token"]).await;
            assert_eq!(refreshed.status, if lives { 200 } else { 400 }, "{scope:?}");
        }
    }
    let server = Server::start().await;
    let out = server.request(Method::POST, "/auth/v1/logout?scope=everything").bearer_auth(server.token().await);
    refused(&read(out).await, 400, "validation_failed");
}

#[tokio::test]
async fn calls_without_a_good_token_are_refused_in_the_clients_terms() {
    let server = Server::start().await;
    refused(&read(server.request(Method::GET, "/auth/v1/user")).await, 401, "no_authorization");
    refused(&read(server.request(Method::GET, "/auth/v1/user").bearer_auth("anon-key")).await, 403, "bad_jwt");
    for path in ["/auth/v1/health", "/auth/v1/settings"] {
        assert_eq!(read(server.request(Method::GET, path)).await.status, 200);
    }
    let keys = read(server.request(Method::GET, "/auth/v1/.well-known/jwks.json")).await;
    assert_eq!((keys.json(), keys.header("cache-control")), (json!({ "keys": [] }), "public, max-age=600"));
}

#[tokio::test]
async fn guessing_is_slowed_down_and_refreshing_is_not() {
    let server = Server::with(ServerConfig { sign_ins_per_minute: 3, ..config() }).await;
    let first = server.sign_up().await;
    for _ in 0..2 {
        refused(&call(&server, PASSWORD, &credentials("a@b.c", "guess!")).await, 400, "invalid_credentials");
    }
    refused(&call(&server, PASSWORD, &credentials("a@b.c", "guess!")).await, 429, "over_request_rate_limit");
    let mut token = first["refresh_token"].clone();
    for _ in 0..10 {
        token = refresh(&server, &token).await.json()["refresh_token"].clone();
    }
}

#[tokio::test]
async fn accounts_sessions_and_the_secret_outlive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("server.sqlite").display());
    let config = || ServerConfig { database_url: url.clone(), jwt_secret: None, ..config() };
    let mut server = Server::with(config()).await;
    let before = session(&server, SIGN_UP, &credentials("ada@example.org", "secret")).await;
    server.stop();
    (&mut server.running).await.unwrap().unwrap();
    let server = Server::with(config()).await;
    assert_eq!(user(&server, Method::GET, &before, json!({})).await.json()["id"], before["user"]["id"]);
    assert_eq!(refresh(&server, &before["refresh_token"]).await.status, 200);
    refused(&call(&server, SIGN_UP, &credentials("ada@example.org", "secret")).await, 422, "user_already_exists");
    session(&server, PASSWORD, &credentials("ada@example.org", "secret")).await;
}
