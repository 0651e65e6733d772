//! Sets of keys as they come: good, exotic, and none at all; and a server of sets that behaves as a test likes.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use serde_json::json;

use super::*;
use crate::auth::keys::SigningKey;

/// How a server of sets answers.
#[derive(Debug, Clone)]
pub(crate) enum Behaviour {
    Set(Value),
    Text(&'static str),
    Status(u16),
    /// It takes the request and says nothing.
    Silent,
    /// It sends without an end.
    Endless,
    Redirect,
}

/// A server of sets on loopback.
#[derive(Debug, Clone)]
pub(crate) struct Provider {
    address: SocketAddr,
    behaviour: Arc<Mutex<Behaviour>>,
    asked: Arc<AtomicUsize>,
}

impl Provider {
    pub(crate) async fn start(behaviour: Behaviour) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let provider = Self { address, behaviour: Arc::new(Mutex::new(behaviour)), asked: Arc::default() };
        let routes = Router::new()
            .route("/jwks.json", get(Self::answer))
            .route("/elsewhere", get(|| async { "{}" }))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        provider
    }

    async fn answer(State(provider): State<Self>) -> Response {
        provider.asked.fetch_add(1, Ordering::SeqCst);
        let behaviour = provider.behaviour.lock().unwrap().clone();
        match behaviour {
            Behaviour::Set(set) => set.to_string().into_response(),
            Behaviour::Text(text) => text.into_response(),
            Behaviour::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
            Behaviour::Silent => std::future::pending().await,
            Behaviour::Endless => {
                let chunks =
                    futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![b' '; 65_536])));
                Body::from_stream(chunks).into_response()
            }
            Behaviour::Redirect => Redirect::temporary("/elsewhere").into_response(),
        }
    }

    pub(crate) fn now_does(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub(crate) fn source(&self) -> JwksSource {
        JwksSource::url(&format!("http://{}/jwks.json", self.address)).unwrap()
    }

    pub(crate) fn impatient_source(&self) -> JwksSource {
        JwksSource::url_within(&format!("http://{}/jwks.json", self.address), Duration::from_millis(100)).unwrap()
    }
}

/// A set of these keys.
pub(crate) fn set(keys: &[&SigningKey]) -> Value {
    json!({ "keys": keys.iter().map(|key| key.jwk().unwrap()).collect::<Vec<_>>() })
}

fn parsed(set: &Value) -> Result<Vec<VerifyingKey>, JwksError> {
    parse(set.to_string().as_bytes())
}

#[test]
fn an_exotic_key_does_not_void_the_set() {
    let good = SigningKey::named("good").jwk().unwrap();
    let changed = |name: &str, value: Value| {
        let mut jwk = good.clone();
        jwk["kid"] = format!("{name} {value}").into();
        jwk[name] = value;
        jwk
    };
    let n = "u".repeat(341) + "w";
    let rsa = json!({ "kty": "RSA", "kid": "rsa", "alg": "RS256", "use": "sig", "n": n, "e": "AQAB" });
    let mut plain = good.clone();
    for name in ["alg", "use", "key_ops", "ext", "kid"] {
        plain.as_object_mut().unwrap().remove(name);
    }
    let exotic = json!({ "keys": [
        null, 7, "key", [], {},
        { "kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "ed" },
        { "kty": "oct", "k": "c2VjcmV0", "alg": "HS256", "kid": "a secret in public" },
        changed("kty", json!("PQC")),
        changed("crv", json!("P-384")),
        changed("alg", json!("ES384")),
        changed("alg", json!("HS256")),
        changed("alg", json!("none")),
        changed("alg", json!(7)),
        changed("use", json!("enc")),
        changed("use", json!(null)),
        changed("key_ops", json!(["sign"])),
        changed("key_ops", json!("verify")),
        changed("x", json!("short")),
        changed("y", json!(7)),
        changed("kid", json!(7)),
        { "kty": "RSA", "kid": "512 bits", "n": "u".repeat(86), "e": "AQAB" },
        { "kty": "RSA", "kid": "no exponent", "n": n },
        { "kty": "RSA", "kid": "RS512", "alg": "RS512", "n": n, "e": "AQAB" },
        good, plain, rsa,
    ] });
    let keys = parsed(&exotic).unwrap();
    assert_eq!(keys.iter().map(VerifyingKey::kid).collect::<Vec<_>>(), [Some("good"), None, Some("rsa")]);
}

#[test]
fn what_is_no_set_is_refused_with_a_reason() {
    let says = |bytes: &[u8]| parse(bytes).unwrap_err().to_string();
    for (bytes, reason) in [
        (&b""[..], "no set of keys"),
        (b"<html>", "no set of keys"),
        (b"[]", "no list"),
        (b"{\"keys\": {}}", "no list"),
        (b"\xff", "no set of keys"),
        (b"{\"keys\": []}", "among its 0 keys"),
        (b"{\"keys\": [{\"kty\": \"oct\"}]}", "among its 1 keys"),
    ] {
        assert!(says(bytes).contains(reason), "{}: {}", String::from_utf8_lossy(bytes), says(bytes));
    }
    assert!(says("[".repeat(100_000).as_bytes()).contains("no set of keys"), "deep nesting is no crash");
    assert!(says(&vec![b' '; MAX_SET_BYTES + 1]).contains("bytes"));
    let one = SigningKey::named("k").jwk().unwrap();
    let many = json!({ "keys": vec![one; MAX_KEYS + 50] });
    assert_eq!(parsed(&many).unwrap().len(), MAX_KEYS);
}

#[tokio::test]
async fn a_set_comes_from_an_address_or_a_file() {
    let set = set(&[&SigningKey::named("k")]);
    let provider = Provider::start(Behaviour::Set(set.clone())).await;
    assert_eq!(provider.source().fetch().await.unwrap()[0].kid(), Some("k"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    let file = JwksSource::File(path.clone());
    assert!(file.fetch().await.unwrap_err().to_string().contains("jwks.json"));
    std::fs::write(&path, set.to_string()).unwrap();
    assert_eq!(file.fetch().await.unwrap()[0].kid(), Some("k"));
}

#[tokio::test]
async fn a_server_that_misbehaves_costs_a_bounded_time_and_memory() {
    let provider = Provider::start(Behaviour::Silent).await;
    let fetch = || async { provider.impatient_source().fetch().await.unwrap_err() };
    assert!(matches!(fetch().await, JwksError::Unreachable(text) if text.contains("in time")));
    provider.now_does(Behaviour::Endless);
    assert!(matches!(provider.source().fetch().await.unwrap_err(), JwksError::TooLarge));
    provider.now_does(Behaviour::Status(500));
    assert!(matches!(provider.source().fetch().await.unwrap_err(), JwksError::Status(500)));
    provider.now_does(Behaviour::Redirect);
    assert!(matches!(provider.source().fetch().await.unwrap_err(), JwksError::Status(307)));
    provider.now_does(Behaviour::Text("<html>welcome to this hotspot</html>"));
    assert!(matches!(provider.source().fetch().await.unwrap_err(), JwksError::Malformed(_)));
    for address in ["", "example.org", "ftp://example.org/jwks.json", "file:///etc/passwd"] {
        assert!(matches!(JwksSource::url(address), Err(JwksError::Address(_))), "{address}");
    }
}
