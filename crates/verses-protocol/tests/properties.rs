//! Whatever reads as a message is written and read again as the same message; nothing panics. The inputs are real
//! messages in which bytes were changed, left out or doubled.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use verses_protocol::auth::{AuthProblem, SessionTokens};
use verses_protocol::{BatchRequest, BatchResponse, ChangesResponse, Limits, Problem};

const BATCH: &str = r#"{"operation":"batch","batchId":"b-1","cursor":"AQ","pull":true,"operations":[
    {"id":"1","type":"create","data":{"reference":"John 3:16","text":"words"}},{"id":"2","type":7},
    {"id":"3","type":"record_review","data":{"verseId":"e277688c-1c8a-53c4-979c-a6c4261eab0c","wasSuccessful":true}}]}"#;

const ANSWER: &str = r#"{"batchId":"b-1","results":[{"id":"1","success":true,"data":{"duplicate":false}},
    {"id":"2","success":false,"error":"no","code":"validation_failed","retryable":false},
    {"id":"3","success":false,"error":"later","code":"a_code_of_the_future","retryable":true}],
    "summary":{"total":3,"successful":1,"failed":2},"cursor":"AQ","hasMore":false,"reset":true,"serverTime":1772438400000,
    "changes":[{"seq":1,"id":"0","type":"update_profile","data":{"occurredAt":5,"fullName":"Ada"}}]}"#;

const PAGE: &str = r#"{"changes":[{"seq":1,"id":"a","type":"create_verse","data":{"reference":"John 3:16","translation":"KJV",
    "occurredAt":1772438400000,"localDate":"2026-03-02"},"verse":{"id":"e277688c-1c8a-53c4-979c-a6c4261eab0c",
    "reference":"John 3:16","osis":"John.3.16","text":"For God","translation":"KJV","isVerified":true,"createdAt":1,
    "updatedAt":2}},{"seq":2,"id":"b","type":"set_phase","data":{"verseId":"e277688c-1c8a-53c4-979c-a6c4261eab0c",
    "phase":"weekly","occurredAt":3,"localDate":"2026-03-02","slot":{"dayOfWeek":1}}}],"cursor":"AQ","hasMore":true,
    "serverTime":-5}"#;

const PROBLEM: &str = r#"{"type":"about:blank","title":"x","status":413,"detail":"too many","error":"too many",
    "code":"too_many_operations","retryable":false,"maxOperations":10,"maxRequestBytes":1000}"#;

const LIMITS: &str = r#"{"maxOperations":10,"maxRequestBytes":1000,"maxChanges":5,"operationsPerMinute":60,"oldestProtocol":1,
    "newestProtocol":1,"contentEncodings":["gzip"],"translations":["KJV"]}"#;

const TOKENS: &str = r#"{"access_token":"a","token_type":"bearer","expires_in":3600,"expires_at":1772438400,"refresh_token":"r",
    "user":{"id":"u","email":"a@example.org","is_anonymous":false}}"#;

const REFUSAL: &str = r#"{"code":"invalid_credentials","error_code":"invalid_credentials","message":"no","msg":"no"}"#;

/// Reads `bytes` as every kind of message.
fn read_as_everything(bytes: &[u8]) {
    read_as::<BatchRequest>(bytes);
    read_as::<BatchResponse>(bytes);
    read_as::<ChangesResponse>(bytes);
    read_as::<Problem>(bytes);
    read_as::<Limits>(bytes);
    read_as::<SessionTokens>(bytes);
    read_as::<AuthProblem>(bytes);
}

fn read_as<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(bytes: &[u8]) -> bool {
    let Ok(message) = serde_json::from_slice::<T>(bytes) else { return false };
    let written = serde_json::to_vec(&message).unwrap();
    let read: T = serde_json::from_slice(&written).unwrap();
    assert_eq!(read, message, "{}", String::from_utf8_lossy(bytes));
    true
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn what_reads_as_a_message_is_written_and_read_again_as_the_same(
        sample in prop::sample::select(&[BATCH, ANSWER, PAGE, PROBLEM, LIMITS, TOKENS, REFUSAL][..]),
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0u8..3, any::<u8>()), 0..5),
    ) {
        let mut bytes = sample.as_bytes().to_vec();
        for (place, what, byte) in damage {
            let place = place.index(bytes.len());
            match what {
                0 => bytes[place] = byte,
                1 => bytes.insert(place, bytes[place]),
                _ => drop(bytes.remove(place)),
            }
        }
        read_as_everything(&bytes);
    }
}

#[test]
fn each_sample_reads_as_its_own_kind() {
    assert!(read_as::<BatchRequest>(BATCH.as_bytes()));
    assert!(read_as::<BatchResponse>(ANSWER.as_bytes()));
    assert!(read_as::<ChangesResponse>(PAGE.as_bytes()));
    assert!(read_as::<Problem>(PROBLEM.as_bytes()));
    assert!(read_as::<Limits>(LIMITS.as_bytes()));
    assert!(read_as::<SessionTokens>(TOKENS.as_bytes()));
    assert!(read_as::<AuthProblem>(REFUSAL.as_bytes()));
}
