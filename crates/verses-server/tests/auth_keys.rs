//! Tokens signed with this server's own keys, and tokens of an account server elsewhere, over HTTP.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

#[path = "common/http.rs"]
mod http;
mod postgres_common;

use http::{ALICE, BOB, CHANGES, SECRET, Server, claims, config, seconds, send, sign, start, start_with};
use jsonwebtoken::{Algorithm, Header, encode};
use serde_json::{Value, json};
use verses_server::auth::{JwksSource, SigningKey};
use verses_server::{ServerConfig, list_keys, rotate_keys};

const JWKS: &str = "/auth/v1/.well-known/jwks.json";

/// A server that signs with keys of its own, on this file.
fn own_keys(file: &std::path::Path) -> ServerConfig {
    ServerConfig {
        database_url: format!("sqlite:{}", file.display()),
        jwt_secret: None,
        public_url: "https://verses.example.org/".into(),
        ..config()
    }
}

async fn sign_up(server: &Server) -> Value {
    server.auth("POST", "/signup", "", &json!({ "data": {} })).await.ok()
}

fn access(session: &Value) -> &str {
    session["access_token"].as_str().unwrap()
}

async fn status(server: &Server, token: &str) -> u16 {
    send(server.request("GET", CHANGES).bearer_auth(token)).await.status.as_u16()
}

fn head(token: &str) -> Header {
    jsonwebtoken::decode_header(token).unwrap()
}

fn payload(token: &str) -> Value {
    jsonwebtoken::dangerous::insecure_decode::<Value>(token).unwrap().claims
}

async fn kids(server: &Server) -> Vec<String> {
    let set = server.get(JWKS).await.ok();
    set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn tokens_are_signed_with_a_key_that_anybody_can_check_and_that_outlives_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let config = own_keys(&folder.path().join("server.db"));
    let server = start_with(config.clone()).await;
    let session = sign_up(&server).await;
    let token = access(&session);
    assert_eq!(head(token).alg, Algorithm::ES256);
    let kid = head(token).kid.unwrap();

    let answer = server.get(JWKS).await;
    assert_eq!(answer.header("cache-control"), "public, max-age=600");
    let set = answer.ok();
    let key = &set["keys"][0];
    assert_eq!(set["keys"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&key["kid"], &key["kty"], &key["crv"], &key["alg"], &key["use"]),
        (&json!(kid), &json!("EC"), &json!("P-256"), &json!("ES256"), &json!("sig"))
    );
    assert_eq!(key.get("d"), None);

    let claims = payload(token);
    assert_eq!(claims["iss"], "https://verses.example.org/auth/v1");
    assert_eq!(claims["amr"][0]["method"], "anonymous");
    assert_eq!(status(&server, token).await, 200);
    server.stop().await;

    let server = start_with(config).await;
    assert_eq!(kids(&server).await, [kid]);
    assert_eq!(status(&server, token).await, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_refreshed_token_says_when_and_how_the_session_began() {
    let folder = tempfile::tempdir().unwrap();
    let server = start_with(own_keys(&folder.path().join("server.db"))).await;
    let email = json!({ "email": "ann@example.org", "password": "correct horse" });
    let session = server.auth("POST", "/signup", "", &email).await.ok();
    let began = payload(access(&session))["amr"].clone();
    assert_eq!(began[0]["method"], "password");
    assert!(began[0]["timestamp"].as_u64().unwrap() <= seconds());
    let body = json!({ "refresh_token": session["refresh_token"] });
    let refreshed = server.auth("POST", "/token?grant_type=refresh_token", "", &body).await.ok();
    assert_eq!(payload(access(&refreshed))["amr"], began);
    server.stop().await;

    let server = start_with(own_keys(&folder.path().join("server.db"))).await;
    let body = json!({ "refresh_token": refreshed["refresh_token"] });
    let refreshed = server.auth("POST", "/token?grant_type=refresh_token", "", &body).await.ok();
    assert_eq!(payload(access(&refreshed))["amr"], began, "also after a restart");
    server.stop().await;
}

#[tokio::test]
async fn a_new_key_signs_at_the_next_start_and_the_old_one_still_checks() {
    let folder = tempfile::tempdir().unwrap();
    let config = own_keys(&folder.path().join("server.db"));
    let server = start_with(config.clone()).await;
    let session = sign_up(&server).await;
    let first = head(access(&session)).kid.unwrap();
    // Beside the running server.
    let rotated = rotate_keys(&config).await.unwrap();
    assert_ne!(rotated.kid, first);
    let listed = list_keys(&config).await.unwrap();
    assert_eq!(
        listed.iter().map(|key| (&*key.kid, key.current)).collect::<Vec<_>>(),
        [(&*rotated.kid, true), (&*first, false)]
    );
    server.stop().await;

    let server = start_with(config).await;
    assert_eq!(kids(&server).await, [rotated.kid.clone(), first]);
    assert_eq!(status(&server, access(&session)).await, 200);
    let new = sign_up(&server).await;
    assert_eq!(head(access(&new)).kid.unwrap(), rotated.kid);
    assert_eq!(status(&server, access(&new)).await, 200);
    server.stop().await;
}

#[tokio::test]
async fn what_the_secret_of_an_older_database_has_signed_stays_good_until_it_expires() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.db");
    let server = start_with(own_keys(&file)).await;
    server.stop().await;
    // As the version before left it: a secret, and no key.
    let database = rusqlite::Connection::open(&file).unwrap();
    database.execute("insert into auth_secrets (name, value) values ('jwt', ?1)", [SECRET.as_bytes()]).unwrap();
    database.execute("delete from auth_keys", []).unwrap();
    drop(database);

    let server = start_with(own_keys(&file)).await;
    assert_eq!(status(&server, &sign(&claims(ALICE))).await, 200);
    assert_eq!(head(access(&sign_up(&server).await)).alg, Algorithm::ES256);
    assert_eq!(kids(&server).await.len(), 1, "the secret is not published");
    server.stop().await;

    // Two hours later: the key is as old as if the change had been then.
    let database = rusqlite::Connection::open(&file).unwrap();
    database.execute("update auth_keys set created_at = created_at - 7200000", []).unwrap();
    let server = start_with(own_keys(&file)).await;
    assert_eq!(status(&server, &sign(&claims(ALICE))).await, 401);
    let left: i64 = database.query_row("select count(*) from auth_secrets", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0, "nobody can sign with it any more");
    server.stop().await;
}

#[tokio::test]
async fn with_a_secret_no_keys_are_published_and_no_key_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let with_secret = ServerConfig { jwt_secret: Some(SECRET.into()), ..own_keys(&folder.path().join("server.db")) };
    let server = start_with(with_secret.clone()).await;
    assert_eq!(server.get(JWKS).await.ok(), json!({ "keys": [] }));
    let session = sign_up(&server).await;
    assert_eq!((head(access(&session)).alg, head(access(&session)).kid), (Algorithm::HS256, None));
    assert_eq!(payload(access(&session))["iss"], "https://verses.example.org/auth/v1");
    assert_eq!(list_keys(&with_secret).await.unwrap(), []);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_on_postgres_share_their_keys() {
    let database = postgres_common::database().await;
    let config = ServerConfig { database_url: database.url_as("verses_app"), jwt_secret: None, ..config() };
    // Both start at once on a database without a key.
    let (first, second) = tokio::join!(start_with(config.clone()), start_with(config.clone()));
    let session = sign_up(&first).await;
    let rotated = rotate_keys(&config).await.unwrap();
    let listed = list_keys(&config).await.unwrap();
    assert!(listed[0].current && listed[0].kid == rotated.kid && listed.len() >= 2, "{listed:?}");
    let third = start_with(config).await;
    assert_eq!(head(access(&sign_up(&third).await)).kid.unwrap(), rotated.kid);
    assert_eq!(status(&third, access(&session)).await, 200);
    for server in [first, second, third] {
        server.stop().await;
    }
}

/// An account server elsewhere: its key, and the file with the public part.
struct Elsewhere {
    key: SigningKey,
    folder: tempfile::TempDir,
}

impl Elsewhere {
    fn new() -> Self {
        let key = SigningKey::generate(0, 3_600).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let set = json!({ "keys": [key.jwk().unwrap()] });
        std::fs::write(folder.path().join("jwks.json"), set.to_string()).unwrap();
        Self { key, folder }
    }

    fn sign(&self, claims: &Value) -> String {
        let head = Header { kid: Some(self.key.kid.clone()), ..Header::new(Algorithm::ES256) };
        encode(&head, claims, &self.key.signing()).unwrap()
    }

    fn config(&self) -> ServerConfig {
        ServerConfig {
            jwks_file: Some(self.folder.path().join("jwks.json")),
            jwt_secret: None,
            jwt_issuers: vec!["https://ref.supabase.co/auth/v1".into(), "https://auth.example.org/auth/v1".into()],
            ..config()
        }
    }
}

/// The claims of a token of Supabase's, with a session that is not known here.
fn foreign(user: &str) -> Value {
    let mut claims = claims(user);
    claims["iss"] = "https://ref.supabase.co/auth/v1".into();
    claims["session_id"] = BOB.into();
    claims
}

#[tokio::test]
async fn users_of_an_account_server_elsewhere_are_served_and_nobody_else() {
    let elsewhere = Elsewhere::new();
    let server = start_with(elsewhere.config()).await;
    assert_eq!(status(&server, &elsewhere.sign(&foreign(ALICE))).await, 200);
    let with = |name: &str, value: Value| {
        let mut claims = foreign(ALICE);
        claims[name] = value;
        claims
    };
    let project_key = |role: &str| json!({ "iss": "https://ref.supabase.co/auth/v1", "ref": "ref", "role": role, "exp": seconds() + 60 });
    for (what, token) in [
        ("another issuer", elsewhere.sign(&with("iss", json!("https://evil.supabase.co/auth/v1")))),
        ("the anon key", elsewhere.sign(&project_key("anon"))),
        ("the service key", elsewhere.sign(&project_key("service_role"))),
        ("a service role with a subject", elsewhere.sign(&with("role", json!("service_role")))),
        ("expired", elsewhere.sign(&with("exp", json!(seconds() - 60)))),
        ("a secret that nobody set", sign(&foreign(ALICE))),
        ("a key of somebody else", Elsewhere::new().sign(&foreign(ALICE))),
        ("a new-style key, which is no token", "sb_secret_abcdefghijklmnopqrstuvwxyz".to_owned()),
    ] {
        let answer = send(server.request("GET", CHANGES).bearer_auth(&token)).await;
        assert_eq!(answer.problem(401), "invalid_token", "{what}");
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{what}");
    }
    server.stop().await;
}

#[tokio::test]
async fn where_accounts_live_elsewhere_whoever_wants_to_sign_in_is_told_where() {
    let elsewhere = Elsewhere::new();
    let server = start_with(elsewhere.config()).await;
    for (method, path) in [
        ("POST", "/signup"),
        ("POST", "/token?grant_type=password"),
        ("GET", "/user"),
        ("GET", "/.well-known/jwks.json"),
        ("GET", ""),
    ] {
        let answer = server.auth(method, path, "", &json!({})).await;
        assert_eq!(answer.status, 404, "{path}");
        let body = answer.json();
        assert!(body["message"].as_str().unwrap().contains("https://ref.supabase.co/auth/v1"), "{body}");
        assert_eq!(
            (&body["msg"], &body["code"], &body["error_code"]),
            (&body["message"], &json!("not_found"), &json!("not_found"))
        );
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
    }
    server.stop().await;

    // Without issuers, the address of the keys tells.
    let by_address = ServerConfig {
        jwks_file: None,
        jwks_url: Some("http://127.0.0.1:9/auth/v1/.well-known/jwks.json".into()),
        jwt_issuers: Vec::new(),
        ..elsewhere.config()
    };
    let server = start_with(by_address).await;
    let answer = server.auth("POST", "/signup", "", &json!({})).await;
    assert!(answer.json()["message"].as_str().unwrap().ends_with("sign in at http://127.0.0.1:9/auth/v1"));
    server.stop().await;
}

#[tokio::test]
async fn while_the_keys_cannot_be_had_nobody_is_signed_out() {
    let elsewhere = Elsewhere::new();
    let nobody_there = ServerConfig {
        jwks_file: None,
        jwks_url: Some("http://127.0.0.1:9/auth/v1/.well-known/jwks.json".into()),
        ..elsewhere.config()
    };
    let server = start_with(nobody_there).await;
    let token = elsewhere.sign(&foreign(ALICE));
    let answer = send(server.request("GET", CHANGES).bearer_auth(token)).await;
    assert_eq!(answer.problem(503), "unavailable");
    assert_ne!(answer.header("retry-after"), "");
    assert_eq!(send(server.request("GET", CHANGES).bearer_auth("no token")).await.problem(401), "invalid_token");
    server.stop().await;
}

#[tokio::test]
async fn a_secret_alone_serves_users_of_elsewhere_too() {
    let server = start_with(ServerConfig { external_auth: true, ..config() }).await;
    assert_eq!(status(&server, &sign(&foreign(ALICE))).await, 200);
    assert_eq!(server.auth("POST", "/signup", "", &json!({})).await.status, 404);
    server.stop().await;
    let server = start().await;
    assert_eq!(status(&server, &sign(&foreign(ALICE))).await, 401, "with accounts here, the session must be known");
    server.stop().await;
}

#[tokio::test]
async fn a_file_of_keys_that_cannot_be_used_stops_the_start() {
    let elsewhere = Elsewhere::new();
    let path = elsewhere.folder.path().join("jwks.json");
    for (text, reason) in [("garbage", "no set of keys"), ("{\"keys\":[]}", "no public key")] {
        std::fs::write(&path, text).unwrap();
        let error = verses_server::App::open(elsewhere.config()).await.unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    std::fs::remove_file(&path).unwrap();
    let error = verses_server::App::open(elsewhere.config()).await.unwrap_err().to_string();
    assert!(error.contains("jwks.json"), "{error}");
    assert!(JwksSource::url("ftp://example.org").is_err());
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let base = ServerConfig { database_url: "memory:".into(), ..ServerConfig::default() };
    let url = || Some("https://ref.supabase.co/auth/v1/.well-known/jwks.json".to_owned());
    for (reason, config) in [
        ("--jwks-url and --jwks-file", ServerConfig { jwks_url: url(), jwks_file: Some("f".into()), ..base.clone() }),
        ("nothing checks", ServerConfig { external_auth: true, ..base.clone() }),
        ("--jwt-issuer", ServerConfig { jwt_issuers: vec!["x".into()], ..base.clone() }),
        ("no address", ServerConfig { public_url: "verses.example.org".into(), ..base.clone() }),
        ("no address", ServerConfig { public_url: "https:///".into(), ..base.clone() }),
    ] {
        let error = config.validate().unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    assert!(ServerConfig { jwks_url: url(), ..base.clone() }.validate().is_ok());
    assert!(ServerConfig { jwks_url: url(), jwt_secret: Some("x".repeat(32)), ..base }.validate().is_ok());
}

#[tokio::test]
async fn keys_of_a_database_that_is_not_there_are_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("typo.db");
    let error = rotate_keys(&own_keys(&file)).await.unwrap_err().to_string();
    assert!(error.contains("typo.db") && !file.exists(), "{error}");
    let memory = ServerConfig { database_url: "memory:".into(), ..ServerConfig::default() };
    assert!(list_keys(&memory).await.unwrap_err().to_string().contains("--database"));
}
