//! JSON that is deep, ambiguous, no JSON, or within its grammar and out of all proportion.

use serde_json::{Value, json};

use crate::http::{ALICE, Answer, CHANGES, OPERATIONS, Server, batch, send, token};
use crate::target::{Target, refused, refused_by_auth, results};

async fn post(server: &Server, body: impl Into<Vec<u8>>) -> Answer {
    server.post_bytes(&token(ALICE), body.into()).await
}

async fn sign_up(server: &Server, body: impl Into<Vec<u8>>) -> Answer {
    send(server.request("POST", "/auth/v1/signup").body(body.into())).await
}

#[tokio::test]
async fn deep_json_is_refused_wherever_it_is() {
    let target = Target::sqlite().await;
    for depth in [33, 128, 1_000, 100_000, 450_000] {
        let arrays = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let unclosed = "[".repeat(depth);
        let depth = depth.min(150_000);
        let objects = format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        for deep in [&arrays, &objects, &unclosed] {
            for body in [
                format!(r#"{{"operation":"lookup","reference":{deep}}}"#),
                format!(
                    r#"{{"operation":"batch","batchId":"b","operations":[{{"id":"1","type":"create","data":{deep}}}]}}"#
                ),
                format!(r#"{{"operation":"batch","batchId":"b","operations":{deep}}}"#),
                format!(r#"{{"x":{deep},"operation":"lookup"}}"#),
                deep.clone(),
            ] {
                assert_eq!(refused(&post(&target.server, body).await, "deep"), "too_deep");
            }
            if deep.len() < 60_000 {
                let answer = sign_up(&target.server, format!(r#"{{"data":{{"a":{deep}}}}}"#)).await;
                assert_eq!(refused_by_auth(&answer, "deep"), "bad_json");
            }
        }
    }
    target.still_serves().await;
}

#[tokio::test]
async fn names_that_stand_twice_are_refused_at_every_door() {
    let target = Target::sqlite().await;
    for body in [
        r#"{"operation":"lookup","operation":"batch","reference":"John 3:16"}"#,
        r#"{"operation":"lookup","reference":"John 3:16","reference":"John 3:17"}"#,
        r#"{"operation":"lookup","\u006fperation":"create","reference":"John 3:16"}"#,
        r#"{"operation":"batch","batchId":"b","operations":[],"operations":[]}"#,
        r#"{"operation":"batch","batchId":"b","operations":[{"id":"1","id":"2","type":"lookup","data":{}}]}"#,
        r#"{"operation":"batch","batchId":"b","operations":[{"id":"1","type":"lookup","type":"create","data":{}}]}"#,
        r#"{"operation":"batch","batchId":"b","operations":[{"id":"1","type":"create","data":{"text":"a","text":"b"}}]}"#,
        r#"{"operation":"create","data":{"x":[{"y":{"z":1,"z":1}}]}}"#,
    ] {
        assert_eq!(refused(&post(&target.server, body).await, body), "malformed_request", "{body}");
    }
    for body in [
        r#"{"email":"a@example.org","email":"b@example.org","password":"a password"}"#,
        r#"{"password":"a password","email":"a@example.org","password":"another password"}"#,
        r#"{"data":{"name":"a","name":"b"}}"#,
        r#"{"data":{"a":[{"name":"a","n\u0061me":"b"}]}}"#,
        r#"{"data":{},"data":{}}"#,
        r#"{"x":1,"x":2}"#,
    ] {
        assert_eq!(refused_by_auth(&sign_up(&target.server, body).await, body), "bad_json", "{body}");
    }
    target.still_serves().await;
}

#[tokio::test]
async fn what_is_almost_json_is_none() {
    let target = Target::sqlite().await;
    let around = |value: &str| format!(r#"{{"operation":"lookup","reference":{value}}}"#).into_bytes();
    let mut bodies: Vec<Vec<u8>> = [
        "NaN",
        "Infinity",
        "-Infinity",
        "+1",
        "01",
        "0x1F",
        ".5",
        "5.",
        "1e",
        "1e+",
        "--1",
        "- 1",
        "1_000",
        "1,5",
        "undefined",
        "'John'",
        "\"a\nb\"",
        "\"a\tb\"",
        "\"\u{1}\"",
        "\"a",
        "\"\\x41\"",
        "\"\\u12\"",
        "\"\\u{41}\"",
        "True",
        "nul",
        // Halves of a pair, alone, in the wrong order, or beside something else.
        r#""\ud800""#,
        r#""\udc00""#,
        r#""\udc00\ud800""#,
        r#""\ud800x""#,
        r#""\ud800\u0041""#,
        r#""\ud83d\ud83d""#,
        r#""\uDBFF""#,
        "\"John 3:16\",",
        "\"a\" \"b\"",
        "1e999",
        "-1e999",
        "1e99999999999999999999",
        "/**/ 1",
        "1 // x",
        "#1",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
    ]
    .map(around)
    .to_vec();
    for bytes in [
        &b"\"\xff\""[..],
        b"\"\xc0\xaf\"",
        b"\"\xe0\x80\xaf\"",
        b"\"\xed\xa0\x80\"",
        b"\"\xf4\x90\x80\x80\"",
        b"\"\xc3\"",
    ] {
        bodies.push([br#"{"operation":"lookup","reference":"#, bytes, b"}"].concat());
    }
    let good = String::from_utf8(around("\"John 3:16\"")).unwrap();
    bodies.push(format!("\u{feff}{good}").into_bytes());
    bodies.push(format!("{good}{good}").into_bytes());
    bodies.push(format!("{good}x").into_bytes());
    bodies.push(format!("{good}\0").into_bytes());
    bodies.push(format!(")]}}',\n{good}").into_bytes());
    bodies.push(good.encode_utf16().flat_map(u16::to_le_bytes).collect());
    bodies.push(good.encode_utf16().flat_map(u16::to_be_bytes).collect());
    bodies.push(br#"{"\ud800":1,"operation":"lookup","reference":"John 3:16"}"#.to_vec());
    for body in bodies {
        let shown = String::from_utf8_lossy(&body).into_owned();
        assert_eq!(refused(&post(&target.server, body.clone()).await, &shown), "malformed_request", "{shown}");
        assert_eq!(refused_by_auth(&sign_up(&target.server, body).await, &shown), "bad_json", "{shown}");
    }
    target.still_serves().await;
}

/// Numbers that do not fit where numbers are expected, as they are written.
const NUMBERS: [&str; 22] = [
    "0",
    "-0",
    "-1",
    "0.5",
    "-0.0",
    "1e308",
    "-1e308",
    "1e-400",
    "2147483648",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "1772452800000.0",
    "1.0000000000000000000000000000000000000001",
    "340282366920938463463374607431768211456",
    "1e18",
    "253402300800000",
];

#[tokio::test(flavor = "multi_thread")]
async fn numbers_out_of_all_proportion_are_corrected_or_refused() {
    for target in [Target::sqlite().await, Target::postgres().await] {
        let john = json!([{ "id": "john", "type": "create", "data": { "reference": "John 3:16" } }]);
        let made = target.server.post_as(ALICE, &batch(&john)).await.ok();
        let verse = made["results"][0]["data"]["verse"]["id"].as_str().unwrap();
        let long = "9".repeat(5_000);
        let precise = format!("0.{}", "1".repeat(5_000));
        let review = |member: String| {
            let given = |name: &str| member.starts_with(&format!("\"{name}\""));
            let mut members = vec![format!(r#""verseId":"{verse}""#), member.clone()];
            for (name, value) in
                [("wasSuccessful", "true"), ("occurredAt", "1772452800000"), ("localDate", "\"2026-03-02\"")]
            {
                if !given(name) {
                    members.push(format!("\"{name}\":{value}"));
                }
            }
            ("record_review", members.join(","))
        };
        let mut operations = Vec::new();
        let too_long = format!(r#"{{"operation":"lookup","reference":"John 3:16","x":{long}}}"#);
        assert_eq!(refused(&post(&target.server, too_long).await, "a number of 5,000 digits"), "malformed_request");
        for number in NUMBERS.into_iter().chain([precise.as_str()]) {
            for (kind, data) in [
                review(format!("\"occurredAt\":{number}")),
                review(format!("\"reviewTimeSeconds\":{number}")),
                review(format!("\"wasSuccessful\":{number}")),
                review(format!("\"localDate\":{number}")),
                review(format!(r#""slot":{{"dayOfWeek":{number}}}"#)),
                review(format!(r#""slot":{{"weekParity":{number},"dayOfMonth":{number}}}"#)),
                review(format!("\"unknown\":{number}")),
                ("create", format!(r#""reference":"Psalm 23:1","occurredAt":{number}"#)),
                ("create", format!(r#""reference":{number}"#)),
                ("update_profile", format!(r#""fullName":"A","occurredAt":{number}"#)),
                ("lookup", format!(r#""reference":"John 3:{number}""#)),
                ("lookup", format!(r#""reference":"John {number}:16""#)),
                ("lookup", format!(r#""reference":"John 3:1-{number}""#)),
            ] {
                let id = operations.len();
                operations.push(format!(r#"{{"id":"n{id}","type":"{kind}","data":{{{data}}}}}"#));
            }
        }
        for date in ["9999-12-31", "-9999-01-01", "0000-00-00", "+010000-01-01", "2026-02-29", "2026-13-01", "x", ""] {
            let (kind, data) = review(format!("\"localDate\":\"{date}\""));
            operations.push(format!(r#"{{"id":"d{date}","type":"{kind}","data":{{{data}}}}}"#));
        }
        let mut seen = (0, 0);
        for some in operations.chunks(40) {
            let body = format!(r#"{{"operation":"batch","batchId":"b","operations":[{}]}}"#, some.join(","));
            let answer = post(&target.server, body).await.ok();
            for (result, sent) in results(&answer).iter().zip(some) {
                let code = result["code"].as_str();
                let fine = matches!(code, None | Some("validation_failed" | "invalid_reference" | "text_required"));
                assert!(fine, "{sent}: {result}");
                if code.is_none() { seen.0 += 1 } else { seen.1 += 1 }
            }
        }
        assert!(seen.0 > 40 && seen.1 > 200, "{seen:?}");
        // What was taken can be read back, and cards are as they should be.
        let mut cursor = String::new();
        loop {
            let page = target.server.get_as(ALICE, &format!("{CHANGES}?cursor={cursor}")).await.ok();
            cursor = page["cursor"].as_str().unwrap().to_owned();
            if page["hasMore"] == false {
                break;
            }
        }
        target.still_serves().await;
    }
}

#[tokio::test]
async fn numbers_in_the_address_are_held_to_the_same() {
    let target = Target::sqlite().await;
    for number in NUMBERS.into_iter().chain(["abc", "%00", "1%00", "%31%30", "1,2", "١", "0x10", "1 OR 1=1", "1;"]) {
        let answer = target.server.get_as(ALICE, &format!("{CHANGES}?limit={}", number.replace(' ', "%20"))).await;
        if answer.status != 200 {
            assert_eq!(refused(&answer, number), "malformed_request", "{number}");
        }
    }
    for query in [
        "limit",
        "cursor",
        "cursor=&cursor=",
        "limit[]=1",
        "%",
        "%zz=1",
        "&&&&",
        "=",
        "limit=1&LIMIT=2",
        "a=b&c=d",
        "cursor=%ff%fe",
    ] {
        let answer = target.server.get_as(ALICE, &format!("{CHANGES}?{query}")).await;
        if answer.status != 200 {
            refused(&answer, query);
        }
    }
    target.still_serves().await;
}

#[tokio::test]
async fn an_envelope_with_anything_in_any_place_is_answered() {
    let target = Target::sqlite().await;
    let odd = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1.5),
        json!(""),
        json!("x"),
        json!([]),
        json!([[]]),
        json!({}),
        json!({ "a": null }),
    ];
    let operation = json!({ "id": "1", "type": "lookup", "data": { "reference": "John 3:16" } });
    let whole = json!({ "operation": "batch", "batchId": "b", "operations": [operation], "cursor": "", "pull": true });
    let paths = [
        "/operation",
        "/batchId",
        "/operations",
        "/operations/0",
        "/operations/0/id",
        "/operations/0/type",
        "/operations/0/data",
        "/operations/0/data/reference",
        "/cursor",
        "/pull",
    ];
    for path in paths {
        for value in &odd {
            let mut body = whole.clone();
            *body.pointer_mut(path).unwrap() = value.clone();
            let answer = target.server.post_as(ALICE, &body).await;
            if answer.status != 200 {
                refused(&answer, &format!("{path} {value}"));
            }
        }
    }
    let many: Vec<Value> = (0..100_000).map(|_| json!({})).collect();
    let answer =
        target.server.post_as(ALICE, &json!({ "operation": "batch", "batchId": "b", "operations": many })).await;
    refused(&answer, "a hundred thousand empty operations");
    let names: serde_json::Map<String, Value> = (0..60_000).map(|n| (format!("n{n}"), json!(n))).collect();
    let mut body = json!({ "operation": "lookup", "reference": "John 3:16" });
    body.as_object_mut().unwrap().extend(names);
    assert_eq!(
        send(target.server.request("POST", OPERATIONS).bearer_auth(token(ALICE)).body(body.to_string())).await.status,
        200
    );
    target.still_serves().await;
}
