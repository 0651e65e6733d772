//! Which tokens are believed: each wrong one is refused with 401 and says so in the headers.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

#[path = "common/http.rs"]
mod http;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{ALICE, CHANGES, SECRET, claims, seconds, send, sign, start};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

/// Good claims with one of them changed, or taken away with null.
fn with(name: &str, value: Value) -> Value {
    let mut claims = claims(ALICE);
    if value.is_null() {
        claims.as_object_mut().unwrap().remove(name);
    } else {
        claims[name] = value;
    }
    claims
}

/// A token whose head says what it likes, signed with the right secret.
fn headed(header: &Value) -> String {
    let good = sign(&claims(ALICE));
    let mut parts = good.split('.');
    let (_, payload, _) = (parts.next(), parts.next().unwrap(), parts.next());
    let message = format!("{}.{payload}", URL_SAFE_NO_PAD.encode(header.to_string()));
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

#[tokio::test]
async fn tokens_that_are_not_a_signed_in_users_are_refused() {
    let server = start().await;
    let now = seconds();
    let key = |secret: &str| EncodingKey::from_secret(secret.as_bytes());
    let unsigned = |token: String| format!("{}.", token.rsplit_once('.').unwrap().0);
    let project_key = |role: &str| sign(&json!({ "iss": "supabase", "ref": "x", "role": role, "exp": now + 3_600 }));
    let good = sign(&claims(ALICE));
    for (what, token) in [
        ("no algorithm, no signature", unsigned(headed(&json!({ "alg": "none", "typ": "JWT" })))),
        ("no algorithm, signed", headed(&json!({ "alg": "none" }))),
        ("no signature", unsigned(good.clone())),
        ("claims RS256", headed(&json!({ "alg": "RS256", "typ": "JWT" }))),
        ("claims ES256", headed(&json!({ "alg": "ES256", "typ": "JWT" }))),
        ("HS384", encode(&Header::new(Algorithm::HS384), &claims(ALICE), &key(SECRET)).unwrap()),
        ("HS512", encode(&Header::new(Algorithm::HS512), &claims(ALICE), &key(SECRET)).unwrap()),
        (
            "another secret",
            encode(&Header::default(), &claims(ALICE), &key("another secret of the same length")).unwrap(),
        ),
        ("expired", sign(&with("exp", json!(now - 300)))),
        ("no expiry", sign(&with("exp", Value::Null))),
        ("an expiry that is a text", sign(&with("exp", json!("never")))),
        ("not valid yet", sign(&with("nbf", json!(now + 300)))),
        ("another audience", sign(&with("aud", json!("anon")))),
        ("other audiences", sign(&with("aud", json!(["anon", "x"])))),
        ("no audience", sign(&with("aud", Value::Null))),
        ("no subject", sign(&with("sub", Value::Null))),
        ("a subject that is no id", sign(&with("sub", json!("admin")))),
        ("no role", sign(&with("role", Value::Null))),
        ("another role", sign(&with("role", json!("service_role")))),
        ("the project's anon key", project_key("anon")),
        ("the project's service key", project_key("service_role")),
        ("a session that does not exist", sign(&with("session_id", json!(ALICE)))),
        ("cut", good[..good.len() - 1].to_owned()),
        ("no token at all", "x".to_owned()),
        ("empty", String::new()),
    ] {
        let answer = send(server.request("GET", CHANGES).bearer_auth(&token)).await;
        assert_eq!(answer.status, 401, "{what}");
        assert_eq!(answer.problem(401), "invalid_token", "{what}");
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{what}");
    }
    for value in ["", "Bearer", "Basic abc", &good] {
        let answer = send(server.request("GET", CHANGES).header("authorization", value)).await;
        assert_eq!(answer.problem(401), "invalid_token", "{value}");
    }
    assert_eq!(server.get(CHANGES).await.problem(401), "invalid_token");
    server.stop().await;
}

#[tokio::test]
async fn tokens_of_a_user_are_taken_in_every_shape_that_supabase_gives_them() {
    let server = start().await;
    let now = seconds();
    for (what, token) in [
        ("plain", sign(&claims(ALICE))),
        ("several audiences", sign(&with("aud", json!(["x", "authenticated"])))),
        ("expired within the leeway", sign(&with("exp", json!(now - 5)))),
        ("not valid for some seconds within the leeway", sign(&with("nbf", json!(now + 5)))),
        ("with a key id", headed(&json!({ "alg": "HS256", "typ": "JWT", "kid": "some-key" }))),
        ("without a session", sign(&with("session_id", Value::Null))),
    ] {
        let answer = send(server.request("GET", CHANGES).bearer_auth(&token)).await;
        assert_eq!(answer.status, 200, "{what}: {answer:?}");
    }
    let lower = format!("bearer {}", sign(&claims(ALICE)));
    assert_eq!(send(server.request("GET", CHANGES).header("authorization", lower)).await.status, 200);
    server.stop().await;
}
