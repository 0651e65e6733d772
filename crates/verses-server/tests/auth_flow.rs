//! Accounts over HTTP, called as Supabase's client calls them.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

#[path = "common/http.rs"]
mod http;
mod postgres_common;

use http::{ALICE, Answer, CHANGES, Server, config, send, start, start_over_both, start_with, token};
use serde_json::{Value, json};
use verses_core::UnixMillis;
use verses_protocol::auth::Credentials;
use verses_server::ServerConfig;
use verses_server::auth::{Auth, AuthBackend, TokenSource};
use verses_server::storage::postgres::PostgresStorage;

const PASSWORD: &str = "correct horse";

/// Sign-up as the client sends it.
async fn sign_up(server: &Server, email: &str) -> Value {
    let body = json!({ "email": email, "password": PASSWORD, "data": { "full_name": "Ann" }, "gotrue_meta_security": {},
        "code_challenge": null, "code_challenge_method": null });
    server.auth("POST", "/signup", "", &body).await.ok()
}

async fn anonymous(server: &Server) -> Value {
    server.auth("POST", "/signup", "", &json!({ "data": {}, "gotrue_meta_security": {} })).await.ok()
}

async fn sign_in(server: &Server, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password, "gotrue_meta_security": {} });
    server.auth("POST", "/token?grant_type=password", "", &body).await
}

async fn refresh(server: &Server, token: &str) -> Answer {
    server.auth("POST", "/token?grant_type=refresh_token", "", &json!({ "refresh_token": token })).await
}

async fn functions_status(server: &Server, token: &str) -> u16 {
    send(server.request("GET", CHANGES).bearer_auth(token)).await.status.as_u16()
}

fn access(session: &Value) -> &str {
    session["access_token"].as_str().unwrap()
}

fn refresher(session: &Value) -> &str {
    session["refresh_token"].as_str().unwrap()
}

/// A refusal with everything that any version of the client reads.
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", String::from_utf8_lossy(&answer.bytes));
    let body = answer.json();
    assert_eq!((&body["code"], &body["error_code"]), (&json!(code), &json!(code)));
    assert!(!body["message"].as_str().unwrap().is_empty());
    assert_eq!(body["msg"], body["message"]);
    assert_eq!(answer.header("x-sb-error-code"), code);
    assert_eq!(answer.header("x-supabase-api-version"), "2024-01-01");
    assert_eq!(answer.header("content-type"), "application/json");
    let exposed = answer.header("access-control-expose-headers");
    assert!(exposed.contains("x-supabase-api-version") && exposed.contains("x-sb-error-code"));
}

#[tokio::test]
async fn signing_up_gives_a_session_as_the_client_reads_it() {
    let server = start().await;
    let session = sign_up(&server, "  Ann@Example.ORG ").await;
    assert_eq!(session["token_type"], "bearer");
    assert_eq!(session["expires_in"], 3_600);
    assert!(session["expires_at"].as_u64().unwrap() > http::seconds());
    let user = &session["user"];
    assert_eq!((&user["email"], &user["is_anonymous"]), (&json!("ann@example.org"), &json!(false)));
    assert_eq!(user["user_metadata"], json!({ "full_name": "Ann" }));
    assert_eq!(user["app_metadata"]["provider"], "email");
    assert!(!session.to_string().contains("argon2"));
    let read = server.auth("GET", "/user", access(&session), &Value::Null).await.ok();
    assert_eq!(read["id"], user["id"]);
    assert_eq!(functions_status(&server, access(&session)).await, 200);
    let again = json!({ "email": "ANN@example.org", "password": PASSWORD });
    refused(&server.auth("POST", "/signup", "", &again).await, 422, "user_already_exists");
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_are_told_alike() {
    let server = start().await;
    let session = sign_up(&server, "ann@example.org").await;
    let good = sign_in(&server, "Ann@example.org", PASSWORD).await.ok();
    assert_eq!(good["user"]["id"], session["user"]["id"]);
    let wrong = sign_in(&server, "ann@example.org", "wrong horse").await;
    let unknown = sign_in(&server, "bob@example.org", PASSWORD).await;
    let long = sign_in(&server, "ann@example.org", &"x".repeat(73)).await;
    for answer in [&wrong, &unknown, &long] {
        refused(answer, 400, "invalid_credentials");
        assert_eq!(answer.bytes, wrong.bytes);
    }
    server.stop().await;
}

#[tokio::test]
async fn an_anonymous_user_becomes_permanent_and_keeps_the_id() {
    let server = start().await;
    let session = anonymous(&server).await;
    assert_eq!((&session["user"]["is_anonymous"], &session["user"]["email"]), (&json!(true), &json!("")));
    let token = access(&session);
    let only_password = server.auth("PUT", "/user", token, &json!({ "password": PASSWORD })).await;
    refused(&only_password, 422, "validation_failed");
    let change = json!({ "email": "Ann@example.org", "password": PASSWORD, "data": { "full_name": "Ann" } });
    let user = server.auth("PUT", "/user", token, &change).await.ok();
    assert_eq!(user["id"], session["user"]["id"]);
    assert_eq!((&user["is_anonymous"], &user["email"]), (&json!(false), &json!("ann@example.org")));
    let signed_in = sign_in(&server, "ann@example.org", PASSWORD).await.ok();
    assert_eq!(signed_in["user"]["id"], session["user"]["id"]);
    let other = anonymous(&server).await;
    refused(&server.auth("PUT", "/user", access(&other), &change).await, 422, "email_exists");
    server.stop().await;
}

#[tokio::test]
async fn refresh_tokens_rotate_and_a_lost_answer_signs_nobody_out() {
    let server = start().await;
    let first = anonymous(&server).await;
    let second = refresh(&server, refresher(&first)).await.ok();
    assert_ne!(refresher(&first), refresher(&second));
    assert_eq!(second["user"]["id"], first["user"]["id"]);
    // The answer was lost: the token before gives the same next one again.
    let repeated = refresh(&server, refresher(&first)).await.ok();
    assert_eq!(refresher(&repeated), refresher(&second));
    let third = refresh(&server, refresher(&second)).await.ok();
    assert_ne!(refresher(&third), refresher(&second));
    // Tabs that refresh at once may be behind by more, for a short while.
    assert_eq!(refresher(&refresh(&server, refresher(&first)).await.ok()), refresher(&third));
    for garbage in ["", "garbage", &refresher(&third)[1..]] {
        refused(&refresh(&server, garbage).await, 400, "refresh_token_not_found");
    }
    assert_eq!(functions_status(&server, access(&third)).await, 200);
    server.stop().await;
}

/// Over the accounts themselves, where time is an argument.
#[tokio::test]
async fn a_token_used_long_ago_ends_the_session_except_shortly_after() {
    let start = 1_772_452_800_000;
    let at = |after_ms: i64| UnixMillis(start + after_ms);
    let source = TokenSource::Own { issuer: "https://verses.example.org/auth/v1".into() };
    let auth = Auth::open(AuthBackend::memory(), source, 3_600, at(0)).await.unwrap();
    let first = auth.sign_up(Credentials::default(), at(0)).await.unwrap();
    let second = auth.refresh(refresher(&first), at(1_000)).await.unwrap();
    let third = auth.refresh(refresher(&second), at(2_000)).await.unwrap();
    // The last refresh was at 2 s: until 12 s an older token may come from another tab.
    let tab = auth.refresh(refresher(&first), at(12_000)).await.unwrap();
    assert_eq!(refresher(&tab), refresher(&third));
    // The one before the newest is good for ever: its answer may have been lost.
    let lost = auth.refresh(refresher(&second), at(90_000_000)).await.unwrap();
    assert_eq!(refresher(&lost), refresher(&third));
    let verified = auth.verify(access(&third), at(3_000)).await.unwrap();
    let stolen = auth.refresh(refresher(&first), at(12_001)).await.unwrap_err();
    assert_eq!((stolen.code(), stolen.status()), ("refresh_token_already_used", 400));
    assert_eq!(auth.refresh(refresher(&third), at(12_002)).await.unwrap_err().code(), "refresh_token_not_found");
    assert_eq!(auth.verify(access(&third), at(12_002)).await.unwrap_err().code(), "session_not_found");
    assert!(verified.session.is_some());
}

#[tokio::test]
async fn metadata_merges_and_null_takes_a_key_away() {
    let server = start().await;
    let session = sign_up(&server, "ann@example.org").await;
    let change = json!({ "data": { "age": 7, "full_name": null } });
    let user = server.auth("PUT", "/user", access(&session), &change).await.ok();
    assert_eq!(user["user_metadata"], json!({ "age": 7 }));
    let user = server.auth("PUT", "/user", access(&session), &json!({ "data": { "x": 1 } })).await.ok();
    assert_eq!(user["user_metadata"], json!({ "age": 7, "x": 1 }));
    refused(&server.auth("PUT", "/user", access(&session), &json!({ "data": [] })).await, 400, "validation_failed");
    server.stop().await;
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions_only() {
    let server = start().await;
    let here = sign_up(&server, "ann@example.org").await;
    let there = sign_in(&server, "ann@example.org", PASSWORD).await.ok();
    let same = server.auth("PUT", "/user", access(&here), &json!({ "password": PASSWORD })).await;
    refused(&same, 422, "same_password");
    server.auth("PUT", "/user", access(&here), &json!({ "password": "battery staple" })).await.ok();
    assert_eq!(functions_status(&server, access(&here)).await, 200);
    assert_eq!(functions_status(&server, access(&there)).await, 401);
    refused(&server.auth("GET", "/user", access(&there), &Value::Null).await, 403, "session_not_found");
    refused(&refresh(&server, refresher(&there)).await, 400, "refresh_token_not_found");
    refused(&sign_in(&server, "ann@example.org", PASSWORD).await, 400, "invalid_credentials");
    sign_in(&server, "ann@example.org", "battery staple").await.ok();
    server.stop().await;
}

#[tokio::test]
async fn signing_out_ends_what_its_scope_says() {
    let server = start().await;
    let mut sessions = vec![sign_up(&server, "ann@example.org").await];
    for _ in 0..3 {
        sessions.push(sign_in(&server, "ann@example.org", PASSWORD).await.ok());
    }
    let mut expected = [200, 200, 200, 200];
    for (scope, index, after) in [
        ("?scope=local", 0, [401, 200, 200, 200]),
        ("?scope=others", 1, [401, 200, 401, 401]),
        ("?scope=nonsense", 1, [401, 200, 401, 401]),
        ("", 1, [401; 4]),
    ] {
        // An empty body, yet with the content type of JSON: so the client does it.
        let answer = server.auth("POST", &format!("/logout{scope}"), access(&sessions[index]), &Value::Null).await;
        assert_eq!(answer.status.as_u16(), if scope == "?scope=nonsense" { 400 } else { 204 }, "{scope}");
        expected = after;
        for (session, status) in sessions.iter().zip(expected) {
            assert_eq!(functions_status(&server, access(session)).await, status, "{scope}");
        }
    }
    assert_eq!(expected, [401; 4]);
    refused(&server.auth("POST", "/logout", access(&sessions[0]), &Value::Null).await, 403, "session_not_found");
    refused(&server.auth("POST", "/logout", "", &Value::Null).await, 401, "no_authorization");
    refused(&server.auth("GET", "/user", "nonsense", &Value::Null).await, 403, "bad_jwt");
    server.stop().await;
}

#[tokio::test]
async fn credentials_that_cannot_be_are_refused_with_the_reason() {
    let server = start().await;
    let try_with = async |email: &str, password: &str| {
        server.auth("POST", "/signup", "", &json!({ "email": email, "password": password })).await
    };
    let weak = try_with("ann@example.org", "12345").await;
    refused(&weak, 422, "weak_password");
    assert_eq!(weak.json()["weak_password"]["reasons"], json!(["length"]));
    refused(&try_with("ann@example.org", &"x".repeat(73)).await, 400, "validation_failed");
    refused(&try_with("ann@example.org", "").await, 400, "validation_failed");
    for email in ["ann", "@example.org", "ann@", "a b@example.org", "a@b@c.org", "ann@.org"] {
        refused(&try_with(email, PASSWORD).await, 400, "validation_failed");
    }
    try_with("ann@example.org", &"x".repeat(72)).await.ok();
    refused(&sign_in(&server, "", PASSWORD).await, 400, "validation_failed");
    refused(&server.auth("POST", "/token?grant_type=magic", "", &json!({})).await, 400, "invalid_credentials");
    let broken = send(server.request("POST", "/auth/v1/signup").body("{")).await;
    refused(&broken, 400, "bad_json");
    server.stop().await;
}

#[tokio::test]
async fn what_sign_in_offers_is_told() {
    let server = start().await;
    let settings = server.get("/auth/v1/settings").await.ok();
    assert_eq!(settings["external"]["anonymous_users"], true);
    assert_eq!(settings["mailer_autoconfirm"], true);
    assert!(server.get("/auth/v1/health").await.ok()["version"].is_string());
    assert_eq!(server.get("/auth/v1/.well-known/jwks.json").await.ok(), json!({ "keys": [] }));
    server.stop().await;
}

#[tokio::test]
async fn sessions_and_the_made_secret_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("verses.db").display());
    let sqlite = || ServerConfig { database_url: url.clone(), jwt_secret: None, ..config() };
    let server = start_with(sqlite()).await;
    let session = sign_up(&server, "ann@example.org").await;
    #[cfg(unix)]
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let mode = std::os::unix::fs::PermissionsExt::mode(&entry.unwrap().metadata().unwrap().permissions());
        assert_eq!(mode & 0o077, 0, "hashes and the secret are for the owner only");
    }
    server.stop().await;
    let server = start_with(sqlite()).await;
    assert_eq!(functions_status(&server, access(&session)).await, 200);
    let next = refresh(&server, refresher(&session)).await.ok();
    assert_eq!(next["user"]["id"], session["user"]["id"]);
    sign_in(&server, "ann@example.org", PASSWORD).await.ok();
    server.stop().await;
}

#[tokio::test]
async fn guessing_is_slowed_down_and_refreshing_is_not() {
    let server = start_with(ServerConfig { sign_ins_per_minute: 2, ..config() }).await;
    let session = anonymous(&server).await;
    refused(&sign_in(&server, "ann@example.org", "guess 1").await, 400, "invalid_credentials");
    let limited = sign_in(&server, "ann@example.org", "guess 2").await;
    refused(&limited, 429, "over_request_rate_limit");
    assert!(limited.header("retry-after").parse::<u64>().unwrap() > 0);
    for _ in 0..5 {
        refresh(&server, refresher(&session)).await.ok();
    }
    server.stop().await;
}

#[tokio::test]
async fn a_refresh_that_could_not_be_read_is_no_verdict_on_the_token() {
    let server = start().await;
    let large = format!("{{\"refresh_token\":\"{}\"}}", "x".repeat(70_000));
    let path = "/auth/v1/token?grant_type=refresh_token";
    for (coding, body) in [("identity", large), ("br", "x".to_owned()), ("gzip", "no gzip".to_owned())] {
        let answer = send(server.request("POST", path).header("content-encoding", coding).body(body)).await;
        assert_eq!(answer.status, 503, "{coding}: {answer:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn calls_that_are_written_wrongly_are_refused_in_the_clients_terms() {
    let server = start().await;
    for path in ["/auth/v1/token?grant_type=password&grant_type=x", "/auth/v1/logout?scope=local&scope=global"] {
        let answer = send(server.request("POST", path).bearer_auth(token(ALICE)).body("{}")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("x-sb-error-code")),
            (400, "validation_failed"),
            "{path}: {answer:?}"
        );
    }
    let body = json!({ "password": "a password without an address" }).to_string();
    let forgotten = send(server.request("POST", "/auth/v1/signup").body(body)).await;
    assert_eq!(
        (forgotten.status.as_u16(), forgotten.header("x-sb-error-code")),
        (400, "validation_failed"),
        "{forgotten:?}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_of_a_user_at_the_same_time_are_all_kept() {
    let server = std::sync::Arc::new(start().await);
    let session = sign_up(&server, "ann@example.org").await;
    let mut changes = Vec::new();
    for n in 0..12 {
        let (server, token) = (std::sync::Arc::clone(&server), access(&session).to_owned());
        changes.push(tokio::spawn(async move {
            let mut change = json!({ "data": { (format!("key{n}")): n } });
            if n == 5 {
                change["password"] = "another good password".into();
            }
            server.auth("PUT", "/user", &token, &change).await.ok();
        }));
    }
    for change in changes {
        change.await.unwrap();
    }
    let user = server.auth("GET", "/user", access(&session), &json!({})).await.ok();
    let kept = (0..12).filter(|n| user["user_metadata"][format!("key{n}")] == *n).count();
    assert_eq!(kept, 12, "{user}");
    refused(&sign_in(&server, "ann@example.org", PASSWORD).await, 400, "invalid_credentials");
    sign_in(&server, "ann@example.org", "another good password").await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sign_in_with_the_old_password_does_not_outlive_its_change() {
    let server = std::sync::Arc::new(start().await);
    let session = sign_up(&server, "ann@example.org").await;
    let mut signing_in = Vec::new();
    for _ in 0..8 {
        let server = std::sync::Arc::clone(&server);
        signing_in.push(tokio::spawn(async move { sign_in(&server, "ann@example.org", PASSWORD).await }));
    }
    let change = json!({ "password": "another good password" });
    server.auth("PUT", "/user", access(&session), &change).await.ok();
    for attempt in signing_in {
        let attempt = attempt.await.unwrap();
        if attempt.status == 200 {
            // It came before the change, which has ended its session.
            assert_eq!(functions_status(&server, access(&attempt.json())).await, 401);
        }
    }
    refused(&sign_in(&server, "ann@example.org", PASSWORD).await, 400, "invalid_credentials");
}

#[tokio::test]
async fn what_decides_about_rights_is_not_the_users_to_change() {
    let server = start().await;
    let mass = json!({ "email": "ann@example.org", "password": PASSWORD, "app_metadata": { "admin": true },
        "role": "service_role", "id": ALICE, "aud": "x", "is_anonymous": true, "email_confirmed_at": null });
    let session = server.auth("POST", "/signup", "", &mass).await.ok();
    for field in ["app_metadata", "role"] {
        for value in [json!({ "admin": true }), json!("service_role"), json!({})] {
            let change = json!({ (field): value, "data": { "sneaked": true } });
            refused(&server.auth("PUT", "/user", access(&session), &change).await, 403, "not_admin");
        }
    }
    let change = json!({ "app_metadata": null, "role": null, "aud": "x", "id": ALICE, "created_at": "2001-01-01", "data": { "a": 1 } });
    let user = server.auth("PUT", "/user", access(&session), &change).await.ok();
    assert_eq!(
        (&user["role"], &user["aud"], &user["user_metadata"]),
        (&json!("authenticated"), &json!("authenticated"), &json!({ "a": 1 }))
    );
    assert_eq!(user["app_metadata"], json!({ "provider": "email", "providers": ["email"] }));
    assert_ne!(user["id"], ALICE);
    assert_eq!((&user["id"], &user["created_at"]), (&session["user"]["id"], &session["user"]["created_at"]));
    server.stop().await;
}

#[tokio::test]
async fn telephones_and_half_a_pkce_are_refused_with_the_reason() {
    let server = start().await;
    let session = sign_up(&server, "ann@example.org").await;
    let phone = json!({ "phone": "+4912345678", "password": PASSWORD });
    for (method, path) in [("POST", "/signup"), ("POST", "/token?grant_type=password"), ("PUT", "/user")] {
        refused(&server.auth(method, path, access(&session), &phone).await, 400, "phone_provider_disabled");
    }
    // An empty one is what the client sends for none.
    let body = json!({ "phone": "", "email": "bob@example.org", "password": PASSWORD });
    server.auth("POST", "/signup", "", &body).await.ok();
    for (challenge, method) in [(json!("abc"), Value::Null), (Value::Null, json!("s256")), (json!("abc"), json!(""))] {
        let body = json!({ "email": "cem@example.org", "password": PASSWORD, "code_challenge": challenge, "code_challenge_method": method });
        refused(&server.auth("POST", "/signup", "", &body).await, 400, "validation_failed");
    }
    let whole = json!({ "email": "cem@example.org", "password": PASSWORD, "code_challenge": "abc", "code_challenge_method": "s256" });
    server.auth("POST", "/signup", "", &whole).await.ok();
    server.stop().await;
}

#[tokio::test]
async fn unknown_paths_wrong_methods_and_large_bodies_are_told_in_the_clients_form() {
    let server = start().await;
    let paths = [
        "",
        "/",
        "/otp",
        "/recover",
        "/verify?token=x",
        "/authorize?provider=github",
        "/admin/users",
        "/factors",
        "/a/b/c",
    ];
    for path in paths {
        for method in ["GET", "POST", "DELETE"] {
            refused(&server.auth(method, path, "", &json!({})).await, 404, "not_found");
        }
    }
    for (method, path, allowed) in [
        ("GET", "/token", "POST"),
        ("DELETE", "/user", "PUT"),
        ("PUT", "/signup", "POST"),
        ("GET", "/logout", "POST"),
        ("POST", "/settings", "GET"),
    ] {
        let answer = server.auth(method, path, "", &json!({})).await;
        refused(&answer, 405, "method_not_allowed");
        assert!(answer.header("allow").contains(allowed), "{path}: {answer:?}");
    }
    let session = sign_up(&server, "ann@example.org").await;
    let large = json!({ "email": "x".repeat(70_000) });
    for (method, path) in [("POST", "/signup"), ("POST", "/token?grant_type=password"), ("PUT", "/user")] {
        refused(&server.auth(method, path, access(&session), &large).await, 413, "request_entity_too_large");
    }
    server.stop().await;
}

/// Two servers on one database: neither may undo what the other wrote.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_of_a_user_on_two_servers_at_the_same_time_are_all_kept() {
    let (storage, database) = postgres_common::fresh(postgres_common::options);
    let other = PostgresStorage::open(postgres_common::options(database.url_as("verses_app"))).await.unwrap();
    let over = async |storage: PostgresStorage| {
        let accounts = AuthBackend::Postgres(storage.accounts());
        start_over_both(config(), storage, accounts).await
    };
    let servers = std::sync::Arc::new([over(storage).await, over(other).await]);
    let session = sign_up(&servers[0], "ann@example.org").await;
    let mut changes = Vec::new();
    for n in 0..12 {
        let (servers, token) = (std::sync::Arc::clone(&servers), access(&session).to_owned());
        changes.push(tokio::spawn(async move {
            let mut change = json!({ "data": { (format!("key{n}")): n } });
            if n == 5 {
                change["password"] = "another good password".into();
            }
            servers[n % 2].auth("PUT", "/user", &token, &change).await.ok();
        }));
    }
    for change in changes {
        change.await.unwrap();
    }
    for server in servers.iter() {
        let user = server.auth("GET", "/user", access(&session), &json!({})).await.ok();
        let kept = (0..12).filter(|n| user["user_metadata"][format!("key{n}")] == *n).count();
        assert_eq!(kept, 12, "{user}");
        refused(&sign_in(server, "ann@example.org", PASSWORD).await, 400, "invalid_credentials");
    }
}
