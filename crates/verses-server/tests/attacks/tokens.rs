//! Forged tokens: whoever knows everything that is public still signs nothing.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use verses_server::ServerConfig;
use verses_server::auth::SigningKey;

use crate::http::{ALICE, Answer, CHANGES, Server, claims, config, send, start, start_with, token};
use crate::raw::exchange;
use crate::target::{Target, refused, refused_by_auth};

const JWKS: &str = "/auth/v1/.well-known/jwks.json";
/// What stands before a point on P-256 in the usual encoding of public keys (SubjectPublicKeyInfo).
const SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A server that signs with a key of its own, and a good token of it.
async fn with_own_key() -> (Server, tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let database_url = format!("sqlite:{}", folder.path().join("verses.db").display());
    let server = start_with(ServerConfig { database_url, jwt_secret: None, ..config() }).await;
    let session = server.auth("POST", "/signup", "", &json!({ "data": {} })).await.ok();
    (server, folder, session["access_token"].as_str().unwrap().to_owned())
}

fn signed(head: &Value, payload: &str, key: &EncodingKey, algorithm: Algorithm) -> String {
    let message = format!("{}.{payload}", base64url(head.to_string()));
    format!("{message}.{}", crypto::sign(message.as_bytes(), key, algorithm).unwrap())
}

/// Refused by the functions and by the accounts.
async fn believed_nowhere(server: &Server, token: &str, what: &str) {
    let answer = send(server.request("GET", CHANGES).bearer_auth(token)).await;
    assert_eq!((answer.status.as_u16(), refused(&answer, what)), (401, "invalid_token".into()), "{what}");
    for (method, path) in [("GET", "/user"), ("PUT", "/user"), ("POST", "/logout")] {
        let answer = server.auth(method, path, token, &json!({ "data": { "mine": true } })).await;
        assert_eq!(refused_by_auth(&answer, what), "bad_jwt", "{what}");
    }
}

/// Every text and number that can be made of a public key.
fn public_forms(jwk: &Value, whole_set: &str) -> Vec<Vec<u8>> {
    let text = |name: &str| jwk[name].as_str().unwrap().to_owned();
    let (x, y) = (URL_SAFE_NO_PAD.decode(text("x")).unwrap(), URL_SAFE_NO_PAD.decode(text("y")).unwrap());
    let point = [&[4], &*x, &*y].concat();
    let compressed = [&[2 + (y[31] & 1)], &*x].concat();
    let der = [&SPKI, &*point].concat();
    let body = STANDARD.encode(&der);
    let lines: Vec<&str> = [&body[..64], &body[64..]].into();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", lines.join("\n"));
    vec![
        Vec::new(),
        text("x").into_bytes(),
        text("y").into_bytes(),
        text("kid").into_bytes(),
        x.clone(),
        y.clone(),
        [x, y].concat(),
        point,
        compressed,
        body.into_bytes(),
        der,
        format!("{pem}\n").into_bytes(),
        pem.replace('\n', "\r\n").into_bytes(),
        pem.into_bytes(),
        jwk.to_string().into_bytes(),
        json!({ "keys": [jwk] }).to_string().into_bytes(),
        whole_set.as_bytes().to_vec(),
        vec![0; 32],
    ]
}

#[tokio::test]
async fn a_published_key_is_no_secret_in_any_of_its_forms() {
    let (server, _folder, good) = with_own_key().await;
    let payload = good.split('.').nth(1).unwrap();
    let set = server.get(JWKS).await;
    let jwk = set.ok()["keys"][0].clone();
    assert!(jwk.get("d").is_none(), "the private part stays here");
    for secret in public_forms(&jwk, &set.text()) {
        let key = EncodingKey::from_secret(&secret);
        for head in [
            json!({ "alg": "HS256", "typ": "JWT", "kid": jwk["kid"] }),
            json!({ "alg": "HS256", "typ": "JWT" }),
            json!({ "alg": "HS256", "kid": "another" }),
            // The algorithm of the key, the signature of a secret.
            json!({ "alg": "ES256", "kid": jwk["kid"] }),
        ] {
            let token = signed(&head, payload, &key, Algorithm::HS256);
            believed_nowhere(&server, &token, &format!("{head} {}", String::from_utf8_lossy(&secret))).await;
        }
    }
    assert_eq!(send(server.request("GET", CHANGES).bearer_auth(&good)).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn signatures_that_fit_every_message_fit_none() {
    let (server, _folder, good) = with_own_key().await;
    let message = good.rsplit_once('.').unwrap().0;
    // The order of P-256: as good as zero.
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let order: Vec<u8> = (0..64).step_by(2).map(|at| u8::from_str_radix(&order[at..at + 2], 16).unwrap()).collect();
    let one = [&[0; 31][..], &[1]].concat();
    let zero = vec![0; 32];
    for (r, s) in [(&zero, &zero), (&one, &zero), (&zero, &one), (&order, &order), (&one, &order), (&one, &one)] {
        believed_nowhere(&server, &format!("{message}.{}", base64url([&**r, &**s].concat())), "a trivial signature")
            .await;
    }
    for length in [0, 1, 32, 63, 65, 128] {
        believed_nowhere(&server, &format!("{message}.{}", base64url(vec![7; length])), "another length").await;
    }
    server.stop().await;
}

#[tokio::test]
async fn the_head_of_a_token_chooses_no_key_and_calls_nobody() {
    let (server, _folder, good) = with_own_key().await;
    let payload = good.split('.').nth(1).unwrap();
    let real_kid = jsonwebtoken::decode_header(&good).unwrap().kid.unwrap();
    let trap = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/jwks.json", trap.local_addr().unwrap());
    let mine = SigningKey::generate(0, 3_600).unwrap();
    let jwk = mine.jwk().unwrap();
    let secrets = [b"".as_slice(), b"\0", b"secret", mine.kid.as_bytes()];
    let kids = [
        json!("../../../../../../dev/null"),
        json!("/dev/null"),
        json!("file:///dev/null"),
        json!(address),
        json!("x' UNION SELECT 'secret' --"),
        json!("' OR '1'='1"),
        json!(format!("{real_kid}' OR '1'='1")),
        json!(format!("{real_kid}\u{0}")),
        json!(format!(" {real_kid}")),
        json!("|cat /etc/passwd"),
        json!("\u{0}"),
        json!(""),
        json!("k".repeat(10_000)),
        json!(mine.kid),
        json!(real_kid),
    ];
    for kid in &kids {
        for secret in secrets {
            let head = json!({ "alg": "HS256", "kid": kid });
            let token = signed(&head, payload, &EncodingKey::from_secret(secret), Algorithm::HS256);
            believed_nowhere(&server, &token, &head.to_string()).await;
        }
        let head = json!({ "alg": "ES256", "kid": kid, "jku": address, "x5u": address, "jwk": jwk });
        believed_nowhere(&server, &signed(&head, payload, &mine.signing(), Algorithm::ES256), &head.to_string()).await;
    }
    for kid in [Value::Null, json!(7), json!([real_kid]), json!({ "kid": real_kid }), json!(true)] {
        let head = json!({ "alg": "ES256", "kid": kid });
        believed_nowhere(&server, &signed(&head, payload, &mine.signing(), Algorithm::ES256), &head.to_string()).await;
    }
    // Whoever came would wait in the queue.
    let came = futures_util::FutureExt::now_or_never(trap.accept());
    assert!(came.is_none(), "the server fetched what a token named");
    assert_eq!(send(server.request("GET", CHANGES).bearer_auth(&good)).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn tokens_of_any_size_and_shape_are_refused_in_the_same_way() {
    let server = start().await;
    let good = token(ALICE);
    let (head, rest) = good.split_once('.').unwrap();
    let deep = base64url(format!("{}{}", "[".repeat(8_000), "]".repeat(8_000)));
    let deep_member = base64url(format!(r#"{{"alg":"HS256","x":{}{}}}"#, "[".repeat(4_000), "]".repeat(4_000)));
    let twice = base64url(r#"{"alg":"none","alg":"HS256"}"#);
    for token in [
        ".".to_owned(),
        "..".to_owned(),
        ".".repeat(16_000),
        "a.".repeat(8_000),
        format!("{head}..{rest}"),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{good}"),
        format!("{good},{good}"),
        format!("{head}={}", &good[head.len()..]),
        format!("{deep}.{rest}"),
        format!("{deep_member}.{rest}"),
        format!("{twice}.{rest}"),
        format!("{head}.{}", "A".repeat(20_000)),
        "A".repeat(17 * 1024),
        "A".repeat(28 * 1024),
        "%00".to_owned(),
        "null".to_owned(),
        "undefined".to_owned(),
        "eyJ".to_owned(),
        "{\"sub\":\"me\"}".to_owned(),
    ] {
        let shown: String = token.chars().take(60).collect();
        believed_nowhere(&server, &token, &shown).await;
    }
    for bytes in [b"Bearer \xff\xfe".as_slice(), "Bearer \u{e9}".as_bytes(), b"Bearer\t", b"Bearer  ", b"\xc0\xae"] {
        let request = server.request("GET", CHANGES).header("authorization", bytes);
        assert_eq!(refused(&send(request).await, "no text"), "invalid_token");
    }
    // Larger than a head may be: there is no request yet that could be answered in detail.
    let head = format!("GET {CHANGES} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", "A".repeat(500_000));
    let answer = exchange(server.address, head.as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert_eq!(send(server.request("GET", CHANGES).bearer_auth(&good)).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_token_in_any_other_place_is_no_token() {
    let server = start().await;
    let good = token(ALICE);
    for path in [format!("{CHANGES}?access_token={good}"), format!("{CHANGES}?apikey={good}&token={good}")] {
        assert_eq!(refused(&server.get(&path).await, "in the address"), "invalid_token");
    }
    for (name, value) in [
        ("apikey", good.clone()),
        ("x-authorization", format!("Bearer {good}")),
        ("proxy-authorization", format!("Bearer {good}")),
        ("cookie", format!("access_token={good}; sb-access-token={good}; Authorization=Bearer {good}")),
        ("x-user-id", ALICE.to_owned()),
        ("x-forwarded-user", ALICE.to_owned()),
    ] {
        let answer = send(server.request("GET", CHANGES).header(name, value)).await;
        assert_eq!(refused(&answer, name), "invalid_token");
    }
    // A key of the project beside a user's token changes nothing.
    let mut project = claims(ALICE);
    project["role"] = "service_role".into();
    let beside = server.request("GET", CHANGES).bearer_auth(&good).header("apikey", crate::http::sign(&project));
    assert_eq!(send(beside).await.status, 200);
    server.stop().await;
}

/// Answers of the refresh grant to what somebody made up.
async fn refresh(server: &Server, token: &Value) -> Answer {
    server.auth("POST", "/token?grant_type=refresh_token", "", &json!({ "refresh_token": token })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn refresh_tokens_cannot_be_made_from_others() {
    for target in [Target::sqlite().await, Target::postgres().await] {
        let server = &target.server;
        let sign_up = async || server.auth("POST", "/signup", "", &json!({ "data": {} })).await.ok();
        let (mine, other) = (sign_up().await, sign_up().await);
        let text = |session: &Value| session["refresh_token"].as_str().unwrap().to_owned();
        let (mine, other) = (text(&mine), text(&other));
        let half = mine.len() / 2;
        let mut flipped = Vec::new();
        for at in 0..mine.len() {
            let mut bytes = mine.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            flipped.push(String::from_utf8(bytes).unwrap());
        }
        let made_up = [
            format!("{}{}", &other[..half], &mine[half..]),
            format!("{}{}", &mine[..half], &other[half..]),
            mine[..mine.len() - 1].to_owned(),
            format!("{mine}A"),
            format!("{mine}\u{0}"),
            mine.to_uppercase(),
            String::new(),
            "' OR 1=1 --".to_owned(),
            "\u{0}".to_owned(),
            "A".repeat(60_000),
        ];
        for token in made_up.iter().chain(&flipped).filter(|token| **token != mine) {
            let answer = refresh(server, &json!(token)).await;
            assert_eq!(refused_by_auth(&answer, token), "refresh_token_not_found", "{token}");
        }
        for token in [json!(null), json!(7), json!([mine]), json!({ "token": mine })] {
            assert_eq!(refused_by_auth(&refresh(server, &token).await, "no text"), "bad_json");
        }
        refresh(server, &json!(mine)).await.ok();
        refresh(server, &json!(other)).await.ok();
        target.still_serves().await;
    }
}
