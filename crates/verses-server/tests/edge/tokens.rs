//! Tokens that must be refused, and those that must not. The server decides the algorithm, never the token.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Method;
use serde_json::{Value, json};
use verses_protocol::CHANGES_PATH;

use super::{SECRET, Server, read};

const USER: &str = "00000000-0000-4000-8000-000000000001";

fn now() -> i64 {
    i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// A user's claims, with changes: a null removes a claim.
fn claims(change: &Value) -> Value {
    let mut claims =
        json!({ "sub": USER, "aud": "authenticated", "role": "authenticated", "exp": now() + 3_600, "iat": now() });
    for (name, value) in change.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

fn signed(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
    jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

/// A token put together by hand: whatever the header says, over these claims, with this signature.
fn forged(header: &Value, claims: &Value, signature: &str) -> String {
    use base64::Engine;
    let part = |v: &Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(v.to_string());
    format!("{}.{}.{signature}", part(header), part(claims))
}

async fn status(server: &Server, token: &str) -> u16 {
    let answer = read(server.request(Method::GET, CHANGES_PATH).bearer_auth(token)).await;
    if answer.status != 200 {
        answer.refused(401, "invalid_token");
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{answer:?}");
    }
    answer.status
}

#[tokio::test]
async fn tokens_of_the_secret_are_taken_if_their_claims_are_right() {
    let server = Server::start().await;
    for (what, change, good) in [
        ("a user's", json!({}), true),
        ("audience in a list", json!({ "aud": ["other", "authenticated"] }), true),
        ("just expired, within the leeway", json!({ "exp": now() - 10 }), true),
        ("expired", json!({ "exp": now() - 120 }), false),
        ("without expiry", json!({ "exp": null }), false),
        ("expiry as text", json!({ "exp": "tomorrow" }), false),
        ("not yet valid", json!({ "nbf": now() + 600 }), false),
        ("valid since a while", json!({ "nbf": now() - 600 }), true),
        ("another audience", json!({ "aud": "anon" }), false),
        ("without audience", json!({ "aud": null }), false),
        ("the project's anon key", json!({ "sub": null, "role": "anon", "aud": null }), false),
        ("a service key", json!({ "role": "service_role" }), false),
        ("without role", json!({ "role": null }), false),
        ("a subject that is no user id", json!({ "sub": "admin" }), false),
        ("a session that does not exist", json!({ "session_id": USER }), false),
    ] {
        let token = signed(Algorithm::HS256, SECRET, &claims(&change));
        assert_eq!(status(&server, &token).await == 200, good, "{what}");
    }
}

#[tokio::test]
async fn the_token_never_chooses_the_algorithm() {
    let server = Server::start().await;
    let user = claims(&json!({}));
    let good = signed(Algorithm::HS256, SECRET, &user);
    let signature = good.rsplit('.').next().unwrap();
    for (what, token) in [
        ("alg none", forged(&json!({ "alg": "none", "typ": "JWT" }), &user, "")),
        ("alg None with the signature of another token", forged(&json!({ "alg": "None" }), &user, signature)),
        ("alg RS256", forged(&json!({ "alg": "RS256" }), &user, signature)),
        ("a kid that is a path", forged(&json!({ "alg": "HS256", "kid": "../../dev/null" }), &user, signature)),
        ("HS384", signed(Algorithm::HS384, SECRET, &user)),
        ("HS512", signed(Algorithm::HS512, SECRET, &user)),
        ("another secret", signed(Algorithm::HS256, "another secret of thirty-two bytes!", &user)),
        ("an empty secret", signed(Algorithm::HS256, "", &user)),
        (
            "changed claims",
            forged(
                &json!({ "alg": "HS256", "typ": "JWT" }),
                &claims(&json!({ "sub": "00000000-0000-4000-8000-000000000002" })),
                signature,
            ),
        ),
        ("cut", good[..good.len() - 2].to_owned()),
        ("no token", "nonsense".to_owned()),
        ("empty", String::new()),
    ] {
        assert_eq!(status(&server, &token).await, 401, "{what}");
    }
    assert_eq!(status(&server, &good).await, 200);
}

#[tokio::test]
async fn the_scheme_is_bearer_in_whatever_case() {
    let server = Server::start().await;
    let good = signed(Algorithm::HS256, SECRET, &claims(&json!({})));
    for (value, expected) in [(format!("bearer {good}"), 200), (format!("Basic {good}"), 401), (good.clone(), 401)] {
        let answer = read(server.request(Method::GET, CHANGES_PATH).header("authorization", value)).await;
        assert_eq!(answer.status, expected);
    }
    read(server.request(Method::GET, CHANGES_PATH)).await.refused(401, "invalid_token");
}
