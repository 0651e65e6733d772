//! What holds for every text sent as a cursor. Shared with the fuzz target `cursor`.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use uuid::Uuid;
use verses_core::UnixMillis;
use verses_protocol::{BatchOperation, ErrorCode, MAX_CURSOR_BYTES};
use verses_server::service::ServiceError;
use verses_server::storage::UserId;
use verses_server::storage::memory::MemoryStorage;

use crate::requests::{Memory, NOW, USER, now, over};

const OTHER: Uuid = Uuid::from_u128(2);

/// A server with a history of five changes, every cursor it gives out for it, and cursors of other histories: another
/// user's, another server's, one that a backup went on with.
struct Fixture {
    service: Memory,
    own: Vec<String>,
    foreign: Vec<String>,
}

fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(|| {
        let service = over(MemoryStorage::with_epoch(Uuid::from_u128(7)));
        let elsewhere = over(MemoryStorage::with_epoch(Uuid::from_u128(8)));
        fill(&service, USER, "a", 3);
        let restored = over(service.storage().backup());
        fill(&restored, USER, "lost", 2);
        fill(&service, USER, "b", 2);
        fill(&service, OTHER, "other", 5);
        fill(&elsewhere, USER, "a", 3);
        let own = given_out(&service, USER);
        let others = [given_out(&service, OTHER), given_out(&elsewhere, USER), given_out(&restored, USER)];
        // Where histories agree, so do their cursors.
        let foreign = others.into_iter().flatten().filter(|cursor| !own.contains(cursor)).collect();
        Fixture { service, own, foreign }
    })
}

fn fill(service: &Memory, user: UserId, name: &str, changes: i64) {
    for number in 0..changes {
        let at = UnixMillis(NOW.0 - 1_000 + number);
        let data: Value = json!({"occurredAt": at, "fullName": name});
        let operation = BatchOperation { id: format!("{name}-{number}"), kind: "update_profile".into(), data };
        assert!(now(service.operation(user, NOW, operation)).expect("the envelope is good").success);
    }
}

/// Every cursor of a user's history, the one before the first change excepted: nobody is given that one who has any.
fn given_out(service: &Memory, user: UserId) -> Vec<String> {
    let mut cursors: Vec<String> = Vec::new();
    loop {
        let page = now(service.changes(user, NOW, cursors.last().map(String::as_str), Some(1))).expect("our own");
        assert!(!page.reset);
        cursors.push(page.cursor);
        if !page.has_more {
            return cursors;
        }
    }
}

/// A text is taken as a cursor only if it is one of those given out for this very history; one of another history
/// starts over; what is none is refused.
///
/// `input` is the text, or after a first byte below 32 a choice of a real cursor, with pairs of a place and a byte to
/// change in it.
pub(crate) fn a_cursor_is_our_own_or_refused(input: &[u8]) {
    let Fixture { service, own, .. } = fixture();
    let text = text_of(input);
    match now(service.changes(USER, NOW, Some(&text), Some(2))) {
        Ok(page) => {
            assert!(text.len() <= MAX_CURSOR_BYTES);
            let place = own.iter().position(|cursor| *cursor == text);
            assert_eq!(page.reset, place.is_none(), "{text:?}");
            let seqs: Vec<u64> = page.changes.iter().map(|change| change.seq).collect();
            let first = place.map_or(1, |place| place as u64 + 2);
            assert!(seqs.iter().copied().eq((first..=own.len() as u64).take(2)), "{text:?}: {seqs:?}");
            assert_eq!(page.has_more, first + 1 < own.len() as u64, "{text:?}");
            assert!(own.contains(&page.cursor), "{text:?}: {}", page.cursor);
        }
        Err(ServiceError::Request { code, .. }) => {
            assert_eq!(code, ErrorCode::InvalidCursor, "{text:?}");
            assert!(!own.contains(&text), "{text:?} is our own");
        }
        Err(error) => panic!("{text:?}: {error}"),
    }
}

fn text_of(input: &[u8]) -> String {
    let Fixture { own, foreign, .. } = fixture();
    match input.split_first() {
        Some((&chosen, changes)) if chosen < 32 => {
            let all: Vec<&String> = own.iter().chain(foreign).collect();
            let mut bytes = URL_SAFE_NO_PAD.decode(all[usize::from(chosen) % all.len()]).expect("a cursor is base64");
            for pair in changes.chunks_exact(2) {
                match bytes.get_mut(usize::from(pair[0])) {
                    Some(byte) => *byte = pair[1],
                    None => bytes.push(pair[1]),
                }
            }
            URL_SAFE_NO_PAD.encode(bytes)
        }
        _ => String::from_utf8_lossy(input).into_owned(),
    }
}
