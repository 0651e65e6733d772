//! Every reason to refuse a token, and every shape of a good one.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::KeyPair;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{EncodingKey, encode};
use serde_json::json;

use super::*;
use crate::auth::keys::SigningKey;

/// What PKCS #8 writes before an RSA key of 2048 bits.
const PKCS8_HEAD_BYTES: usize = 26;
const SECRET: &[u8] = b"a secret of the tests that is long enough";
const NOW: u64 = 1_800_000_000;
const USER: &str = "00000000-0000-4000-8000-00000000000a";
const SESSION: &str = "00000000-0000-4000-8000-0000000000aa";
const ISSUER: &str = "https://example.supabase.co/auth/v1";

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": USER, "aud": "authenticated", "exp": NOW + 3_600, "iat": NOW, "role": "authenticated",
        "session_id": SESSION, "is_anonymous": false,
    })
}

/// Good claims with one of them changed, or taken away with null.
fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    if value.is_null() {
        claims.as_object_mut().unwrap().remove(name);
    } else {
        claims[name] = value;
    }
    claims
}

fn head(algorithm: Algorithm, kid: Option<&str>) -> Header {
    Header { kid: kid.map(str::to_owned), ..Header::new(algorithm) }
}

/// A token whose head says what it likes, signed by `key` with `algorithm`.
fn headed(head: &Value, key: &EncodingKey, algorithm: Algorithm) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(head), part(&claims()));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

/// A secret without a name, a key on P-256 named `ec`, another named `ec2`, and an RSA key named `rsa`.
struct Keys {
    ec: SigningKey,
    rsa: EncodingKey,
    rsa_public: (String, String),
    rsa_pem: String,
    verifier: Verifier,
}

fn keys() -> Keys {
    let ec = SigningKey::named("ec");
    let ec2 = SigningKey::named("ec2");
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let pkcs8: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let rsa_public = (
        part(pair.public_key().modulus().big_endian_without_leading_zero()),
        part(pair.public_key().exponent().big_endian_without_leading_zero()),
    );
    let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    let pem =
        |der: &[u8], what: &str| format!("-----BEGIN {what}-----\n{}\n-----END {what}-----\n", STANDARD.encode(der));
    let rsa_pem = pem(spki.as_ref(), "PUBLIC KEY");
    let rsa = EncodingKey::from_rsa_der(&pkcs8.as_ref()[PKCS8_HEAD_BYTES..]);
    let all = vec![
        VerifyingKey::secret(None, SECRET),
        ec.verifying().unwrap(),
        ec2.verifying().unwrap(),
        VerifyingKey::rs256(Some("rsa".into()), &rsa_public.0, &rsa_public.1).unwrap(),
    ];
    Keys {
        ec,
        rsa,
        rsa_public,
        rsa_pem,
        verifier: Verifier::new(all, vec![ISSUER.into(), "https://other/auth/v1".into()]),
    }
}

fn hmac(secret: &[u8]) -> EncodingKey {
    EncodingKey::from_secret(secret)
}

#[test]
fn tokens_of_each_kind_of_key_are_believed() {
    let keys = keys();
    let ec = keys.ec.signing();
    let sign = |algorithm, kid, key: &EncodingKey, claims: &Value| encode(&head(algorithm, kid), claims, key).unwrap();
    let hs = |claims: &Value| sign(Algorithm::HS256, None, &hmac(SECRET), claims);
    for (what, token) in [
        ("HS256", hs(&claims())),
        ("HS256 that names the secret", sign(Algorithm::HS256, Some("old"), &hmac(SECRET), &claims())),
        ("HS256 with a path for a name", sign(Algorithm::HS256, Some("../../etc/passwd"), &hmac(SECRET), &claims())),
        ("ES256", sign(Algorithm::ES256, Some("ec"), &ec, &claims())),
        ("RS256", sign(Algorithm::RS256, Some("rsa"), &keys.rsa, &claims())),
        ("several audiences", hs(&with("aud", json!(["x", "authenticated"])))),
        ("expired within the leeway", hs(&with("exp", json!(NOW - 30)))),
        ("not valid for some seconds within the leeway", hs(&with("nbf", json!(NOW + 30)))),
        ("the other issuer", hs(&with("iss", json!("https://other/auth/v1")))),
        ("issued by a clock that is ahead", hs(&with("iat", json!(NOW + 1_000)))),
    ] {
        let verified = keys.verifier.verify(&token, NOW).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(verified.user.to_string(), USER, "{what}");
        assert_eq!(verified.session.unwrap().to_string(), SESSION, "{what}");
    }
    let without = hs(&with("session_id", Value::Null));
    assert_eq!(keys.verifier.verify(&without, NOW).unwrap().session, None);
}

#[test]
fn the_token_chooses_neither_key_nor_algorithm() {
    let keys = keys();
    let ec = keys.ec.signing();
    let (modulus, exponent) = &keys.rsa_public;
    let (x, y) = keys.ec.coordinates().unwrap();
    let part = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let public_point = [&[4], &*part(&x), &*part(&y)].concat();
    let good = encode(&head(Algorithm::HS256, None), &claims(), &hmac(SECRET)).unwrap();
    let unsigned =
        |head: Value| format!("{}.", headed(&head, &hmac(SECRET), Algorithm::HS256).rsplit_once('.').unwrap().0);
    let hs = |head: Value, secret: &[u8]| headed(&head, &hmac(secret), Algorithm::HS256);
    let stranger = SigningKey::named("ec").signing();
    let jwk = json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode("mine"), "alg": "HS256" });
    for (what, token) in [
        ("no algorithm, no signature", unsigned(json!({ "alg": "none", "typ": "JWT" }))),
        ("no algorithm, signed", hs(json!({ "alg": "none" }), SECRET)),
        ("None", unsigned(json!({ "alg": "None" }))),
        ("no signature", unsigned(json!({ "alg": "HS256" }))),
        ("no algorithm field", hs(json!({ "typ": "JWT" }), SECRET)),
        ("HS384", encode(&head(Algorithm::HS384, None), &claims(), &hmac(SECRET)).unwrap()),
        ("HS512", encode(&head(Algorithm::HS512, None), &claims(), &hmac(SECRET)).unwrap()),
        ("another secret", hs(json!({ "alg": "HS256" }), b"another secret of the same length")),
        ("an empty secret", hs(json!({ "alg": "HS256" }), b"")),
        ("the RSA key's PEM as a secret", hs(json!({ "alg": "HS256", "kid": "rsa" }), keys.rsa_pem.as_bytes())),
        ("the RSA key's PEM as a secret, unnamed", hs(json!({ "alg": "HS256" }), keys.rsa_pem.as_bytes())),
        ("the RSA modulus as a secret", hs(json!({ "alg": "HS256", "kid": "rsa" }), modulus.as_bytes())),
        ("the RSA exponent as a secret", hs(json!({ "alg": "HS256", "kid": "rsa" }), exponent.as_bytes())),
        ("the point on the curve as a secret", hs(json!({ "alg": "HS256", "kid": "ec" }), &public_point)),
        ("the right secret under the RSA key's name", hs(json!({ "alg": "HS256", "kid": "rsa" }), SECRET)),
        ("claims ES256, signed with the secret", hs(json!({ "alg": "ES256", "kid": "ec" }), SECRET)),
        ("claims RS256, signed with the secret", hs(json!({ "alg": "RS256" }), SECRET)),
        ("ES256 under the RSA key's name", headed(&json!({ "alg": "ES256", "kid": "rsa" }), &ec, Algorithm::ES256)),
        (
            "RS256 under the curve key's name",
            headed(&json!({ "alg": "RS256", "kid": "ec" }), &keys.rsa, Algorithm::RS256),
        ),
        ("PS256 of the RSA key", headed(&json!({ "alg": "PS256", "kid": "rsa" }), &keys.rsa, Algorithm::PS256)),
        ("RS512 of the RSA key", headed(&json!({ "alg": "RS512", "kid": "rsa" }), &keys.rsa, Algorithm::RS512)),
        ("another key's name", headed(&json!({ "alg": "ES256", "kid": "ec2" }), &ec, Algorithm::ES256)),
        (
            "a stranger's key under a known name",
            headed(&json!({ "alg": "ES256", "kid": "ec" }), &stranger, Algorithm::ES256),
        ),
        ("a name in other case", headed(&json!({ "alg": "ES256", "kid": "EC" }), &ec, Algorithm::ES256)),
        ("a curve key without a name", headed(&json!({ "alg": "ES256" }), &ec, Algorithm::ES256)),
        (
            "an RSA key with an unknown name",
            headed(&json!({ "alg": "RS256", "kid": "?" }), &keys.rsa, Algorithm::RS256),
        ),
        ("a path for a name", headed(&json!({ "alg": "ES256", "kid": "../ec" }), &ec, Algorithm::ES256)),
        (
            "an address for a name",
            headed(&json!({ "alg": "ES256", "kid": "https://evil/jwks" }), &ec, Algorithm::ES256),
        ),
        ("a name that is no text", headed(&json!({ "alg": "ES256", "kid": 7 }), &ec, Algorithm::ES256)),
        ("a key in the head", hs(json!({ "alg": "HS256", "jwk": jwk }), b"mine")),
        (
            "an address of keys in the head",
            headed(&json!({ "alg": "ES256", "jku": "https://evil/jwks" }), &stranger, Algorithm::ES256),
        ),
        (
            "an address of a certificate",
            headed(&json!({ "alg": "RS256", "x5u": "https://evil/x" }), &keys.rsa, Algorithm::RS256),
        ),
        ("an extension that must be understood", hs(json!({ "alg": "HS256", "crit": ["b64"], "b64": false }), SECRET)),
        ("an empty list of extensions", hs(json!({ "alg": "HS256", "crit": [] }), SECRET)),
        ("cut", good[..good.len() - 1].to_owned()),
        ("more behind it", format!("{good}.x")),
        ("a line feed behind it", format!("{good}\n")),
        ("two parts", good.rsplit_once('.').unwrap().0.to_owned()),
        ("no token at all", "x".to_owned()),
        ("empty", String::new()),
        ("points", "..".to_owned()),
    ] {
        let error = keys.verifier.verify(&token, NOW).expect_err(what);
        assert!(matches!(error, TokenError::Invalid(_) | TokenError::UnknownKey), "{what}: {error}");
    }
    let jku = headed(&json!({ "alg": "ES256", "kid": "ec", "jku": "https://evil/jwks" }), &ec, Algorithm::ES256);
    assert!(keys.verifier.verify(&jku, NOW).is_ok(), "an address in the head is not looked at");
}

#[test]
fn a_signature_in_the_encoding_of_certificates_is_refused() {
    let keys = keys();
    let message = "a.b";
    let raw = jsonwebtoken::crypto::sign(message.as_bytes(), &keys.ec.signing(), Algorithm::ES256).unwrap();
    let raw = URL_SAFE_NO_PAD.decode(raw).unwrap();
    let mut der = vec![0x30, 0];
    for half in raw.chunks(32) {
        let padded = if half[0] & 0x80 == 0 { half.to_vec() } else { [&[0], half].concat() };
        der.extend([0x02, u8::try_from(padded.len()).unwrap()]);
        der.extend(padded);
    }
    der[1] = u8::try_from(der.len() - 2).unwrap();
    let good = encode(&head(Algorithm::ES256, Some("ec")), &claims(), &keys.ec.signing()).unwrap();
    let token = format!("{}.{}", good.rsplit_once('.').unwrap().0, URL_SAFE_NO_PAD.encode(der));
    assert!(matches!(keys.verifier.verify(&token, NOW), Err(TokenError::Invalid(_))));
}

#[test]
fn what_a_token_says_must_be_a_signed_in_users() {
    let keys = keys();
    let project_key = |role: &str| json!({ "iss": ISSUER, "ref": "x", "role": role, "exp": NOW + 3_600 });
    for (what, claims, says) in [
        ("expired", with("exp", json!(NOW - 31)), "expired"),
        ("no expiry", with("exp", Value::Null), "no expiry"),
        ("an expiry that is a text", with("exp", json!("never")), "no expiry"),
        ("an expiry before the epoch", with("exp", json!(-1)), "no expiry"),
        ("not valid yet", with("nbf", json!(NOW + 31)), "not valid yet"),
        ("never valid", with("nbf", json!("soon")), "not valid yet"),
        ("another audience", with("aud", json!("anon")), "audience"),
        ("other audiences", with("aud", json!(["anon", "x"])), "audience"),
        ("an audience within an audience", with("aud", json!([["authenticated"]])), "audience"),
        ("no audience", with("aud", Value::Null), "audience"),
        ("another issuer", with("iss", json!("https://evil/auth/v1")), "issuer"),
        ("no issuer", with("iss", Value::Null), "issuer"),
        ("no subject", with("sub", Value::Null), "not a user's"),
        ("a subject that is no text", with("sub", json!(7)), "not a user's"),
        ("a subject that is no id", with("sub", json!("admin")), "no user id"),
        ("no role", with("role", Value::Null), "not a user's"),
        ("the server's role", with("role", json!("service_role")), "not a user's"),
        ("roles", with("role", json!(["authenticated"])), "not a user's"),
        ("another role's name begins like it", with("role", json!("authenticated2")), "not a user's"),
        ("the project's anon key", project_key("anon"), "not a user's"),
        ("the project's service key", project_key("service_role"), "not a user's"),
        ("no object", json!([1]), "JSON"),
    ] {
        for (algorithm, kid, key) in
            [(Algorithm::HS256, None, hmac(SECRET)), (Algorithm::ES256, Some("ec"), keys.ec.signing())]
        {
            let token = encode(&head(algorithm, kid), &claims, &key).unwrap();
            let error = keys.verifier.verify(&token, NOW).expect_err(what).to_string();
            assert!(error.contains(says), "{what}: {error}");
        }
    }
}

#[test]
fn a_token_is_looked_at_up_to_its_largest_size() {
    let keys = keys();
    let sized = |bytes: usize| {
        let claims = with("user_metadata", json!("x".repeat(bytes)));
        encode(&head(Algorithm::HS256, None), &claims, &hmac(SECRET)).unwrap()
    };
    assert!(keys.verifier.verify(&sized(8 * 1024), NOW).is_ok());
    let error = keys.verifier.verify(&sized(MAX_TOKEN_BYTES), NOW).unwrap_err();
    assert!(error.to_string().contains("bytes"), "{error}");
    assert!(keys.verifier.verify(&"x.".repeat(1_000_000), NOW).is_err());
}

#[test]
fn keys_without_names_check_tokens_without_names() {
    let ec = SigningKey::named("any");
    let (x, y) = ec.coordinates().unwrap();
    let verifier = Verifier::new(
        vec![
            VerifyingKey::secret(None, b"the secret before this one, long enough"),
            VerifyingKey::secret(None, SECRET),
            VerifyingKey::es256(None, &x, &y).unwrap(),
        ],
        Vec::new(),
    );
    let unnamed = encode(&head(Algorithm::ES256, None), &claims(), &ec.signing()).unwrap();
    assert!(verifier.verify(&unnamed, NOW).is_ok());
    let named = encode(&head(Algorithm::ES256, Some("any")), &claims(), &ec.signing()).unwrap();
    assert_eq!(verifier.verify(&named, NOW), Err(TokenError::UnknownKey));
    let hs = encode(&head(Algorithm::HS256, None), &claims(), &hmac(SECRET)).unwrap();
    assert!(verifier.verify(&hs, NOW).is_ok(), "each secret is tried");
    let no_issuer = encode(&head(Algorithm::HS256, None), &with("iss", Value::Null), &hmac(SECRET)).unwrap();
    assert!(verifier.verify(&no_issuer, NOW).is_ok(), "without a list every issuer is taken");
    assert_eq!(Verifier::default().verify(&hs, NOW), Err(TokenError::UnknownKey));
}

#[test]
fn keys_of_a_wrong_shape_are_no_keys() {
    let part = |n: usize| URL_SAFE_NO_PAD.encode(vec![7; n]);
    for (x, y) in [(0, 32), (31, 33), (32, 31), (33, 32), (64, 0)] {
        assert!(VerifyingKey::es256(None, &part(x), &part(y)).is_none(), "{x} {y}");
    }
    assert!(VerifyingKey::es256(None, "not base64!", &part(32)).is_none());
    assert!(VerifyingKey::rs256(None, &part(128), "AQAB").is_none(), "1024 bits");
    assert!(VerifyingKey::rs256(None, &part(4_096), "AQAB").is_none());
    assert!(VerifyingKey::rs256(None, &part(256), "!").is_none());
    let shown = format!("{:?}", VerifyingKey::secret(Some("k".into()), b"do not show me"));
    assert!(shown.contains("HS256") && !shown.contains("show me"), "{shown}");
}
