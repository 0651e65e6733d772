//! Hostile texts in every place that takes one: what is taken comes back byte for byte and is never anything but data; the
//! database stays as it was made.

use serde_json::{Value, json};

use crate::http::{ALICE, BOB, CHANGES, OPERATIONS, batch, send, token};
use crate::target::{Target, refused_by_auth, results};

const SQL: [&str; 14] = [
    "'; DROP TABLE verses.sync_operations; --",
    "'); DELETE FROM verse_cards; --",
    "' OR '1'='1",
    "1; UPDATE accounts SET email = 'x'",
    "x' UNION SELECT password_hash FROM accounts --",
    "$1",
    "$$; DROP SCHEMA verses CASCADE; $$",
    "\\'; SELECT pg_sleep(60); --",
    "E'\\x27'",
    "%' AND 1=0 UNION ALL SELECT 1--",
    "?1 :name @name {} {0} %s %n",
    "\"; PRAGMA writable_schema = 1; --",
    "/* */ ATTACH DATABASE 'x' AS y",
    "COPY t FROM PROGRAM 'id'",
];

const SCRIPT: [&str; 8] = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "\"><svg/onload=alert(1)>",
    "javascript:alert(1)",
    "<!--#exec cmd=\"id\"-->",
    "{{7*7}}${7*7}#{7*7}<%= 7*7 %>",
    "${jndi:ldap://127.0.0.1/x}",
    "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>",
];

/// Characters that look like nothing, turn the line around, pile up, or are at an edge of what there is.
fn unicode() -> Vec<String> {
    vec![
        format!("Z{}", "\u{0301}".repeat(2_000)),
        "\u{202e}txet sdrawkcab\u{202c}".into(),
        "a\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}b".into(),
        "\u{2066}\u{2067}\u{2068}\u{2069}x".into(),
        "👩‍👩‍👧‍👦🏳️‍🌈🇩🇪".into(),
        "x\u{10ffff}\u{fffe}\u{ffff}\u{fdd0}x".into(),
        "x\u{e000}\u{f8ff}\u{100000}x".into(),
        "a\u{2028}b\u{2029}c".into(),
        "ﷺ𒐫⸻꧅".into(),
        "İıſK\u{212a}ß".into(),
        "e\u{301} and \u{e9}".into(),
        "\u{1f468}".repeat(500),
        "\u{7f}\u{80}\u{9f}x".into(),
        "a\u{1}\u{2}\u{8}\u{1b}[31mb".into(),
        "line\r\nheader: x\nline".into(),
        "x\u{fffd}x".into(),
    ]
}

fn everything() -> Vec<String> {
    let plain = SQL.into_iter().chain(SCRIPT).map(str::to_owned);
    plain.chain(unicode()).chain(["\0".into(), "a\0b".into(), "x".repeat(30_000), "../../etc/passwd".into()]).collect()
}

/// An address with a text in its query.
fn in_query(path: &str, (name, text): &(&str, &str)) -> String {
    let escaped: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
    format!("{path}?{name}={escaped}")
}

/// The outcomes that a hostile text may have: taken, or refused for a reason of its sender's.
fn is_verdict(result: &Value) -> bool {
    let codes = ["validation_failed", "invalid_reference", "text_required", "unknown_operation", "unknown_verse"];
    result["success"] == true || result["code"].as_str().is_some_and(|code| codes.contains(&code))
}

#[tokio::test(flavor = "multi_thread")]
async fn words_come_back_byte_for_byte_and_the_database_stays_as_it_is() {
    for target in [Target::sqlite().await, Target::postgres().await] {
        let server = &target.server;
        let bystander = json!([{ "id": "1", "type": "create", "data": { "reference": "Mine", "text": "Bob's" } }]);
        server.post_as(BOB, &batch(&bystander)).await.ok();
        let (bobs, made) = (server.get_as(BOB, CHANGES).await.ok()["changes"].clone(), target.definitions());
        let hostile = everything();
        let create = |(n, text): (usize, &String)| json!({ "id": format!("{n}-{}", text.chars().take(25).collect::<String>().replace('\0', "")), "type": "create", "data": { "reference": format!("Poem {n}"), "text": text } });
        let request = batch(&hostile.iter().enumerate().map(create).collect());
        let first = server.post_as(ALICE, &request).await;
        assert_eq!(
            (first.header("content-type"), first.header("x-content-type-options")),
            ("application/json", "nosniff")
        );
        let (first, again) = (first.ok(), server.post_as(ALICE, &request).await.ok());
        let changes = server.get_as(ALICE, CHANGES).await;
        assert_eq!(
            (changes.header("content-type"), changes.header("x-content-type-options")),
            ("application/json", "nosniff")
        );
        let mut changes = changes.ok()["changes"].as_array().unwrap().clone().into_iter();
        for (n, text) in hostile.iter().enumerate() {
            let (sent, result) = (&request["operations"][n]["id"], &results(&first)[n]);
            if text.contains('\0') {
                assert_eq!(result["code"], "validation_failed", "{result}");
                continue;
            }
            assert_eq!((&result["id"], &result["data"]["verse"]["text"]), (sent, &json!(text.trim())), "{text:?}");
            assert_eq!(results(&again)[n]["data"]["verse"], result["data"]["verse"], "{text:?}");
            let change = changes.next().unwrap();
            assert_eq!((&change["id"], &change["verse"]["text"]), (sent, &json!(text.trim())), "{text:?}");
            let looked = json!({ "operation": "lookup", "reference": format!("Poem {n}") });
            assert_eq!(server.post_as(ALICE, &looked).await.ok()["verse"]["text"], text.trim(), "{text:?}");
        }
        assert!(changes.next().is_none());
        assert_eq!(target.definitions(), made);
        assert_eq!(server.get_as(BOB, CHANGES).await.ok()["changes"], bobs);
        target.still_serves().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_texts_in_every_field_of_every_operation_are_data_or_refused() {
    for target in [Target::sqlite().await, Target::postgres().await] {
        let server = &target.server;
        let john = json!([{ "id": "john", "type": "create", "data": { "reference": "John 3:16" } }]);
        server.post_as(ALICE, &batch(&john)).await.ok();
        let made = target.definitions();
        for (n, text) in everything().iter().enumerate() {
            let at = 1_772_452_800_000_i64;
            let card = json!({ "verseId": text, "occurredAt": at, "localDate": "2026-03-02", "wasSuccessful": true, "phase": "daily" });
            let data = [
                ("create", json!({ "reference": text })),
                ("create", json!({ "reference": text, "text": "with words" })),
                ("create", json!({ "reference": "John 3:17", "translation": text })),
                ("create", json!({ "reference": "John 3:18", "localDate": text, "occurredAt": at })),
                ("create", json!({ (text): text, "reference": "John 3:19" })),
                ("lookup", json!({ "reference": text })),
                ("lookup", json!({ "reference": "John 3:16", "translation": text })),
                ("record_review", card.clone()),
                ("archive_verse", card.clone()),
                ("restore_verse", card.clone()),
                ("set_phase", card.clone()),
                ("set_phase", json!({ "verseId": "8b2cbd3c-1f5c-5f7a-9d5d-0e4e6b1c0001", "phase": text })),
                (
                    "record_review",
                    json!({ "verseId": "8b2cbd3c-1f5c-5f7a-9d5d-0e4e6b1c0001", "localDate": text, "occurredAt": at, "wasSuccessful": true, "slot": { (text): 1 } }),
                ),
                ("update_profile", json!({ "fullName": text, "occurredAt": at + n as i64 })),
                ("update_profile", json!({ "preferredTranslation": text, "occurredAt": at })),
                ("update_profile", json!({ "timezone": text, "occurredAt": at })),
                ("update_profile", json!({ "referenceDisplayMode": text, "occurredAt": at })),
            ];
            let operation = |(m, (kind, data)): (usize, &(&str, Value))| json!({ "id": format!("{n}.{m}"), "type": kind, "data": data });
            let mut operations: Vec<Value> = data.iter().enumerate().map(operation).collect();
            operations.push(json!({ "id": format!("{n}.type"), "type": text, "data": {} }));
            let id: String = text.chars().take(30).collect();
            operations.push(json!({ "id": id, "type": "create", "data": { "reference": "John 3:20" } }));
            let answer = server.post_as(ALICE, &batch(&json!(operations))).await.ok();
            for (result, sent) in results(&answer).iter().zip(&operations) {
                assert!(is_verdict(result), "{sent}: {result}");
                assert_eq!(result["id"], sent["id"]);
            }
            // In the envelope, and as an operation on its own.
            let mut envelope = batch(&json!([{ "id": "e", "type": "lookup", "data": { "reference": "John 3:16" } }]));
            envelope["batchId"] = id.into();
            let answer = server.post_as(ALICE, &envelope).await;
            assert_eq!(answer.ok()["batchId"], envelope["batchId"]);
            for body in [
                json!({ "operation": text, "reference": "John 3:16" }),
                json!({ "operation": "lookup", "reference": text }),
                json!({ "operation": "batch", "batchId": text, "operations": [], "cursor": text }),
                json!({ "operation": "create", "id": text, "reference": "John 3:20" }),
            ] {
                let answer = server.post_as(ALICE, &body).await;
                assert!(answer.status == 200 || answer.status.is_client_error(), "{body}: {}", answer.text());
                assert!(answer.header("content-type").starts_with("application/"), "{body}");
                assert!(answer.bytes.len() < 40_000, "a refusal repeats little: {} bytes", answer.bytes.len());
            }
            let query = [("cursor", text.as_str()), ("limit", text)];
            for pair in query.iter().filter(|(_, text)| text.len() < 20_000) {
                let request = server.request("GET", &in_query(CHANGES, pair)).bearer_auth(token(ALICE));
                assert!(send(request).await.status.is_client_error(), "{pair:?}");
            }
        }
        assert_eq!(target.definitions(), made);
        // Everything that was taken can still be read.
        let mut cursor = String::new();
        loop {
            let page = server.get_as(ALICE, &format!("{CHANGES}?cursor={cursor}")).await.ok();
            cursor = page["cursor"].as_str().unwrap().to_owned();
            if page["hasMore"] == false {
                break;
            }
        }
        target.still_serves().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_texts_in_accounts_are_data_or_refused() {
    for target in [Target::sqlite().await, Target::postgres().await] {
        let server = &target.server;
        let made = target.definitions();
        let sign_up = json!({ "email": "good@example.org", "password": "a good password" });
        server.auth("POST", "/signup", "", &sign_up).await.ok();
        for (n, text) in everything().iter().enumerate().filter(|(_, text)| text.len() < 5_000) {
            // Metadata is a user's own: all of it comes back, names and values.
            let data = json!({ "name": text, (text): [text, { (text): text }] });
            let session = server.auth("POST", "/signup", "", &json!({ "data": data })).await;
            if session.status == 200 {
                let session = session.ok();
                let user = server.auth("GET", "/user", session["access_token"].as_str().unwrap(), &Value::Null).await;
                assert_eq!(
                    (&user.ok()["user_metadata"], user.header("content-type")),
                    (&data, "application/json"),
                    "{text:?}"
                );
            } else {
                assert_eq!(refused_by_auth(&session, text), "validation_failed", "{text:?}");
            }
            let query = server.request("POST", &in_query("/auth/v1/token", &("grant_type", text))).body("{}");
            refused_by_auth(&send(query).await, text);
            let grant = json!({ "refresh_token": text });
            refused_by_auth(&server.auth("POST", "/token?grant_type=refresh_token", "", &grant).await, text);
            // Hashing takes its time: some of them.
            if n % 6 != 0 {
                continue;
            }
            for (path, body) in [
                ("/signup", json!({ "email": text, "password": "a good password" })),
                ("/signup", json!({ "email": format!("{text}@example.org"), "password": "pw" })),
                ("/token?grant_type=password", json!({ "email": text, "password": text })),
                ("/token?grant_type=password", json!({ "email": "good@example.org", "password": text })),
            ] {
                refused_by_auth(&server.auth("POST", path, "", &body).await, &format!("{path} {text:?}"));
            }
            // A password may be anything that is not too long.
            let account = json!({ "email": format!("user{n}@example.org"), "password": format!("{text}-password") });
            let signed_up = server.auth("POST", "/signup", "", &account).await;
            if signed_up.status == 200 {
                server.auth("POST", "/token?grant_type=password", "", &account).await.ok();
            } else {
                refused_by_auth(&signed_up, text);
            }
        }
        assert_eq!(target.definitions(), made);
        server.auth("POST", "/token?grant_type=password", "", &sign_up).await.ok();
        target.still_serves().await;
    }
}

#[tokio::test]
async fn hostile_texts_in_headers_do_not_get_into_the_answers_head() {
    let target = Target::sqlite().await;
    let body = json!({ "operation": "lookup", "reference": "John 3:16" }).to_string();
    for text in everything().iter().filter(|text| text.len() < 5_000) {
        let Ok(value) = reqwest::header::HeaderValue::from_bytes(text.as_bytes()) else { continue };
        for name in [
            "x-request-id",
            "verses-protocol",
            "x-client-info",
            "accept",
            "accept-encoding",
            "content-type",
            "origin",
            "if-none-match",
            "user-agent",
            "x-forwarded-for",
            "x-supabase-api-version",
            "cookie",
            "referer",
            "range",
            "x-http-method-override",
        ] {
            let request =
                target.server.request("POST", OPERATIONS).bearer_auth(token(ALICE)).header(name, value.clone());
            let answer = send(request.body(body.clone())).await;
            assert!(answer.status == 200 || answer.status.is_client_error(), "{name} {text}: {}", answer.status);
            for (answered, found) in &answer.headers {
                let found = String::from_utf8_lossy(found.as_bytes());
                assert!(!found.contains(text.as_str()), "{name} came back in {answered}: {found}");
            }
        }
    }
    target.still_serves().await;
}
