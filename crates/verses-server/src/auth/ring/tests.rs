//! When keys are read, and what is believed meanwhile. The clock is the test's.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use uuid::Uuid;

use super::super::jwks::tests::{Behaviour, Provider, set};
use super::*;

const USER: Uuid = Uuid::from_u128(7);
/// When a test begins, milliseconds since the epoch.
const START: i64 = 1_800_000_000_000;
const MINUTE: i64 = 60_000;

fn at(after_ms: i64) -> UnixMillis {
    UnixMillis(START + after_ms)
}

/// A token that lives a day.
fn token(kid: &str, key: &EncodingKey, algorithm: Algorithm) -> String {
    let claims = json!({
        "sub": USER, "aud": "authenticated", "role": "authenticated", "exp": START / 1_000 + 86_400,
        "nonce": Uuid::new_v4(),
    });
    encode(&Header { kid: Some(kid.to_owned()), ..Header::new(algorithm) }, &claims, key).unwrap()
}

fn signed(key: &SigningKey) -> String {
    token(&key.kid, &key.signing(), Algorithm::ES256)
}

async fn ring(source: JwksSource) -> Arc<KeyRing> {
    let ring = Arc::new(KeyRing::new(Source::Jwks(source), Vec::new(), Vec::new()));
    // As at the start of a server: it may fail.
    drop(ring.read(at(0)).await);
    ring
}

/// Waits until what runs in the background has ended.
async fn settled(ring: &KeyRing, provider: &Provider, asked: usize) {
    while provider.asked() < asked {
        tokio::task::yield_now().await;
    }
    drop(ring.reading.lock().await);
}

#[tokio::test]
async fn a_new_key_is_found_at_once_and_random_names_cost_one_question_per_half_minute() {
    let (old, new) = (SigningKey::named("old"), SigningKey::named("new"));
    let provider = Provider::start(Behaviour::Set(set(&[&old]))).await;
    let ring = ring(provider.source()).await;
    assert!(ring.verify(&signed(&old), at(1_000)).await.is_ok());
    assert_eq!(provider.asked(), 1);

    provider.now_does(Behaviour::Set(set(&[&new, &old])));
    assert_eq!(ring.verify(&signed(&new), at(29_000)).await, Err(TokenError::UnknownKey), "asked a moment ago");
    assert_eq!(provider.asked(), 1);
    assert!(ring.verify(&signed(&new), at(30_000)).await.is_ok());
    assert_eq!(provider.asked(), 2);

    for n in 0..200 {
        let random = SigningKey { kid: format!("random {n}"), ..new.clone() };
        assert_eq!(ring.verify(&signed(&random), at(31_000 + n)).await, Err(TokenError::UnknownKey));
    }
    assert_eq!(provider.asked(), 2, "random names do not reach the account server");
    assert!(ring.verify(&signed(&old), at(31_000)).await.is_ok());
}

#[tokio::test]
async fn keys_are_read_every_ten_minutes_and_one_that_is_gone_takes_its_tokens_with_it() {
    let (old, new) = (SigningKey::named("old"), SigningKey::named("new"));
    let provider = Provider::start(Behaviour::Set(set(&[&old]))).await;
    let ring = ring(provider.source()).await;
    let token = signed(&old);
    assert!(ring.verify(&token, at(10 * MINUTE - 1)).await.is_ok());
    assert_eq!(provider.asked(), 1);

    provider.now_does(Behaviour::Set(set(&[&new])));
    assert!(ring.verify(&token, at(10 * MINUTE)).await.is_ok(), "nobody waits for the keys");
    settled(&ring, &provider, 2).await;
    assert_eq!(ring.verify(&token, at(10 * MINUTE + 1)).await, Err(TokenError::UnknownKey));
    assert!(ring.verify(&signed(&new), at(10 * MINUTE + 2)).await.is_ok());
    assert_eq!(provider.asked(), 2);
}

#[tokio::test]
async fn the_last_good_keys_stay_while_their_server_fails_and_a_new_key_waits() {
    let (old, new) = (SigningKey::named("old"), SigningKey::named("new"));
    let provider = Provider::start(Behaviour::Set(set(&[&old]))).await;
    let ring = ring(provider.impatient_source()).await;
    let mut now = 0;
    for (failures, behaviour) in [
        Behaviour::Status(503),
        Behaviour::Silent,
        Behaviour::Endless,
        Behaviour::Text("garbage"),
        Behaviour::Set(json!({ "keys": [] })),
    ]
    .into_iter()
    .enumerate()
    {
        provider.now_does(behaviour.clone());
        now += 10 * MINUTE;
        let unknown = ring.verify(&signed(&new), at(now)).await;
        assert_eq!(unknown, Err(TokenError::NoKeysNow), "{behaviour:?}: it may be a good token, nobody is signed out");
        assert!(ring.verify(&signed(&old), at(now)).await.is_ok(), "{behaviour:?}");
        settled(&ring, &provider, failures + 2).await;
        assert_eq!(provider.asked(), failures + 2, "{behaviour:?}: one question, not one per request");
    }
    provider.now_does(Behaviour::Set(set(&[&new])));
    assert!(ring.verify(&signed(&new), at(now + 30_000)).await.is_ok());
    let unknown = signed(&SigningKey::named("nobody's"));
    assert_eq!(ring.verify(&unknown, at(now + 30_001)).await, Err(TokenError::UnknownKey));
}

#[tokio::test]
async fn many_requests_at_once_ask_once() {
    let key = SigningKey::named("k");
    let provider = Provider::start(Behaviour::Status(500)).await;
    let ring = ring(provider.source()).await;
    provider.now_does(Behaviour::Set(set(&[&key])));
    let tokens: Vec<String> = (0..50).map(|_| signed(&key)).collect();
    let all = tokens.iter().map(|token| ring.verify(token, at(MINUTE)));
    let verified = futures_util::future::join_all(all).await;
    assert!(verified.iter().all(Result::is_ok), "{verified:?}");
    assert_eq!(provider.asked(), 2);
}

#[tokio::test]
async fn a_server_that_starts_before_the_account_server_catches_up() {
    let key = SigningKey::named("k");
    let provider = Provider::start(Behaviour::Status(502)).await;
    let ring = ring(provider.source()).await;
    let token = signed(&key);
    assert_eq!(ring.verify(&token, at(1)).await, Err(TokenError::NoKeysNow));
    provider.now_does(Behaviour::Set(set(&[&key])));
    assert_eq!(ring.verify(&token, at(29_999)).await, Err(TokenError::NoKeysNow));
    assert!(ring.verify(&token, at(30_000)).await.is_ok());
}

#[tokio::test]
async fn a_secret_and_keys_are_good_together() {
    let key = SigningKey::named("k");
    let provider = Provider::start(Behaviour::Set(set(&[&key]))).await;
    let secret = b"a secret that is being replaced by keys";
    let secrets = vec![VerifyingKey::secret(None, secret)];
    let ring = Arc::new(KeyRing::new(Source::Jwks(provider.source()), secrets, Vec::new()));
    ring.read(at(0)).await.unwrap();
    let old = token("legacy", &EncodingKey::from_secret(secret), Algorithm::HS256);
    assert!(ring.verify(&old, at(1)).await.is_ok());
    assert!(ring.verify(&signed(&key), at(1)).await.is_ok());
    let stranger = token("legacy", &EncodingKey::from_secret(b"another"), Algorithm::HS256);
    assert!(matches!(ring.verify(&stranger, at(60_000)).await, Err(TokenError::Invalid(_))));
    assert_eq!(provider.asked(), 1, "a bad signature is no reason to ask");
}

#[tokio::test]
async fn a_clock_that_goes_back_does_not_stop_reading() {
    let (old, new) = (SigningKey::named("old"), SigningKey::named("new"));
    let provider = Provider::start(Behaviour::Set(set(&[&old]))).await;
    let ring = ring(provider.source()).await;
    provider.now_does(Behaviour::Set(set(&[&new])));
    assert!(ring.verify(&signed(&new), at(-MINUTE)).await.is_ok());
}

#[tokio::test]
async fn a_remembered_token_expires_all_the_same() {
    let key = SigningKey::named("k");
    let provider = Provider::start(Behaviour::Set(set(&[&key]))).await;
    let ring = ring(provider.source()).await;
    let token = signed(&key);
    for _ in 0..2 {
        assert_eq!(ring.verify(&token, at(1)).await.unwrap().user, USER);
    }
    assert!(ring.verify(&token, at(86_430_000)).await.is_ok(), "within the leeway");
    assert_eq!(ring.verify(&token, at(86_431_000)).await, Err(TokenError::Expired));
}

#[tokio::test]
async fn own_keys_are_made_once_and_a_rotation_is_noticed() {
    let store = AuthBackend::memory();
    let open = || async {
        let source = Source::Stored { store: store.clone(), life_seconds: 3_600 };
        let ring = Arc::new(KeyRing::new(source, Vec::new(), Vec::new()));
        ring.read(at(0)).await.unwrap();
        ring
    };
    let (a, b) = (open().await, open().await);
    let first = a.signing(at(1)).unwrap();
    assert_eq!(b.signing(at(1)).unwrap(), first, "one key for all servers");
    let old = signed(&first);

    let rotated = rotation::rotate(&store, 60, at(10_000).0).await.unwrap();
    b.read(at(10_001)).await.unwrap();
    let second = b.signing(at(10_002)).unwrap();
    assert_eq!((&second.kid, second.life_seconds), (&rotated.kid, 3_600));
    assert!(a.verify(&signed(&second), at(10_003)).await.is_ok(), "an unknown name makes it look");
    assert_eq!(a.signing(at(10_004)).unwrap().kid, second.kid);
    assert_eq!(a.published(at(10_004)), set(&[&second, &first]), "both are published, public parts only");
    assert!(!a.published(at(10_004)).to_string().contains("\"d\""));

    let listed = rotation::list(&store).await.unwrap();
    assert_eq!(listed.iter().map(|key| key.current).collect::<Vec<_>>(), [true, false]);
    let end = listed[1].ends_at.unwrap();
    assert!(end >= at(10_000 + 3_600_000).0, "every token that the old key signed has its time");
    assert!(a.verify(&old, UnixMillis(end - 1)).await.is_ok());
    a.read(UnixMillis(end)).await.unwrap();
    assert_eq!(a.verify(&old, UnixMillis(end)).await, Err(TokenError::UnknownKey));
    assert_eq!(store.keys().await.unwrap().len(), 1, "it is gone from the store too");
}

#[tokio::test]
async fn a_damaged_key_stops_the_server_only_while_it_signs() {
    let store = AuthBackend::memory();
    let damaged = SigningKey { private: vec![1, 2, 3], ..SigningKey::named("damaged") };
    store.put_key(damaged).await.unwrap();
    let source = Source::Stored { store: store.clone(), life_seconds: 3_600 };
    let ring = Arc::new(KeyRing::new(source, Vec::new(), Vec::new()));
    let error = ring.read(at(0)).await.unwrap_err().to_string();
    assert!(error.contains("damaged") && error.contains("verses keys rotate"), "{error}");
    rotation::rotate(&store, 3_600, at(1).0).await.unwrap();
    ring.read(at(2)).await.unwrap();
    assert!(ring.signing(at(3)).is_some());
}
