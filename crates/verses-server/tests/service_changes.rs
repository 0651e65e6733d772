//! The feed of changes: pages, cursors, other devices, and servers whose history is not the one a client knows.

mod common;

use common::*;
use serde_json::{Value, json};
use verses_protocol::{BatchRequest, ErrorCode, Limits};
use verses_server::service::Service;
use verses_server::storage::memory::MemoryStorage;
use verses_server::texts::Texts;

fn on(storage: MemoryStorage) -> Service<MemoryStorage> {
    Service::new(storage, Texts::corpus(), Limits::default())
}

fn ids(changes: &[verses_protocol::Change]) -> Vec<&str> {
    changes.iter().map(|change| change.id.as_str()).collect()
}

#[tokio::test]
async fn the_feed_comes_oldest_first_in_pages_until_nothing_is_left() {
    let service = service();
    for number in 1..=5 {
        send_one(&service, create(&format!("c{number}"), &format!("Ps {number}"))).await;
    }
    let (mut cursor, mut seen, mut sizes) = (None, Vec::new(), Vec::new());
    loop {
        let page = service.changes(USER, NOW, cursor.as_deref(), Some(2)).await.expect("reads");
        assert!(!page.reset);
        assert_eq!(page.server_time, NOW);
        sizes.push(page.changes.len());
        seen.extend(page.changes);
        cursor = Some(page.cursor);
        if !page.has_more {
            break;
        }
    }
    assert_eq!((ids(&seen), sizes), (vec!["c1", "c2", "c3", "c4", "c5"], vec![2, 2, 1]));
    assert_eq!(seen.iter().map(|change| change.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert!(seen.iter().all(|change| change.verse.as_ref().is_some_and(|verse| !verse.text.is_empty())));
    let idle = service.changes(USER, NOW, cursor.as_deref(), None).await.expect("reads");
    assert_eq!((idle.changes.len(), idle.has_more, Some(idle.cursor)), (0, false, cursor), "it stays where it is");
}

#[tokio::test]
async fn a_limit_of_nothing_or_too_much_is_brought_into_bounds() {
    let limits = Limits { max_changes: 2, ..Limits::default() };
    let service = Service::new(MemoryStorage::new(), Texts::corpus(), limits);
    for number in 1..=4 {
        send_one(&service, create(&format!("c{number}"), &format!("Ps {number}"))).await;
    }
    for (limit, expected) in [(Some(0), 1), (Some(1), 1), (Some(u32::MAX), 2), (None, 2)] {
        let page = service.changes(USER, NOW, None, limit).await.expect("reads");
        assert_eq!((page.changes.len(), page.has_more), (expected, true));
    }
}

#[tokio::test]
async fn a_batch_with_a_cursor_brings_what_other_devices_did_and_not_its_own() {
    let service = service();
    let verse = john_3_16(&service).await;
    let start = service.changes(USER, NOW, None, None).await.expect("reads").cursor;
    // Device B.
    send(&service, vec![review("b1", &verse, 3, true), create("b2", "Ps 23")]).await;
    // Device A, with one operation that fails.
    let from_a = vec![review("a1", &verse, 2, true), create("a2", "John 99"), review("b1", &verse, 3, false)];
    let request = BatchRequest { cursor: Some(start), ..request(from_a) };
    let response = service.batch(USER, NOW, request).await.expect("answers");
    let changes = response.changes.expect("asked for");
    assert_eq!(ids(&changes), ["b1", "b2"], "an id that was refused as reused is another device's change");
    assert_eq!((response.has_more, response.reset), (Some(false), false));
    // Nothing is left after the batch's cursor; from the first cursor everybody sees all of it.
    let idle = service.changes(USER, NOW, response.cursor.as_deref(), None).await.expect("reads");
    assert_eq!(idle.changes.len(), 0);
    let all = service.changes(USER, NOW, None, None).await.expect("reads");
    assert_eq!(ids(&all.changes), ["create-john", "b1", "b2", "a1"]);
}

#[tokio::test]
async fn a_batch_whose_answer_ends_before_the_feed_does_lists_its_own_as_well() {
    let limits = Limits { max_changes: 3, ..Limits::default() };
    let service = Service::new(MemoryStorage::new(), Texts::corpus(), limits);
    let start = service.changes(USER, NOW, None, None).await.expect("reads").cursor;
    send(&service, vec![create("b1", "Ps 1"), create("b2", "Ps 2")]).await;
    let from_a = vec![create("a1", "Ps 3"), create("a2", "Ps 4")];
    let response =
        service.batch(USER, NOW, BatchRequest { cursor: Some(start), ..request(from_a) }).await.expect("answers");
    // Whoever is told that there is more cannot know which of its own the cursor has passed.
    assert_eq!((ids(&response.changes.expect("asked for")), response.has_more), (vec!["b1", "b2", "a1"], Some(true)));
    let rest = service.changes(USER, NOW, response.cursor.as_deref(), None).await.expect("reads");
    assert_eq!((ids(&rest.changes), rest.has_more), (vec!["a2"], false));
}

#[tokio::test]
async fn a_batch_that_pulls_without_a_cursor_gets_everything_from_the_beginning_but_its_own() {
    let service = service();
    john_3_16(&service).await;
    let request = BatchRequest { pull: true, ..request(vec![create("new", "Ps 23")]) };
    let response = service.batch(USER, NOW, request).await.expect("answers");
    assert_eq!(ids(&response.changes.expect("asked for")), ["create-john"]);
    let silent = send(&service, Vec::new()).await;
    assert_eq!((silent.changes, silent.cursor, silent.has_more), (None, None, None));
}

#[tokio::test]
async fn a_text_that_is_no_cursor_is_refused() {
    let service = service();
    for cursor in ["", "x", "AAAA", &"A".repeat(300), "ä"] {
        let error = service.changes(USER, NOW, Some(cursor), None).await.expect_err("refused");
        assert_eq!(error.code(), ErrorCode::InvalidCursor, "{cursor}");
        assert!(!error.is_retryable());
    }
}

#[tokio::test]
async fn a_cursor_of_another_database_starts_over() {
    let (first, second) = (service(), service());
    john_3_16(&first).await;
    john_3_16(&second).await;
    let cursor = first.changes(USER, NOW, None, None).await.expect("reads").cursor;
    let page = second.changes(USER, NOW, Some(&cursor), None).await.expect("reads");
    assert_eq!((page.reset, ids(&page.changes)), (true, vec!["create-john"]));
    let on = second.changes(USER, NOW, Some(&page.cursor), None).await.expect("reads");
    assert!(!on.reset && on.changes.is_empty(), "the new cursor goes on");
}

#[tokio::test]
async fn a_server_restored_from_a_backup_is_noticed_at_once_and_after_it_moved_on() {
    let storage = MemoryStorage::new();
    let live = on(storage.clone());
    let verse = john_3_16(&live).await;
    let backup = storage.backup();
    send(&live, vec![review("a", &verse, 3, true), review("b", &verse, 2, true)]).await;
    let cursor = live.changes(USER, NOW, None, None).await.expect("reads").cursor;

    // The backup is shorter than what the client has seen.
    let restored = on(backup.backup());
    let page = restored.changes(USER, NOW, Some(&cursor), None).await.expect("reads");
    assert_eq!((page.reset, ids(&page.changes)), (true, vec!["create-john"]));

    // It moved on to the same length, with another last change.
    let restored = on(backup.backup());
    send(&restored, vec![review("x", &verse, 3, true), review("y", &verse, 2, true)]).await;
    let page = restored.changes(USER, NOW, Some(&cursor), None).await.expect("reads");
    assert_eq!((page.reset, ids(&page.changes)), (true, vec!["create-john", "x", "y"]));

    // Even with the very same last change: the one before it differs, and the client would miss it.
    let restored = on(backup.backup());
    send(&restored, vec![review("x", &verse, 3, true), review("b", &verse, 2, true)]).await;
    let page = restored.changes(USER, NOW, Some(&cursor), None).await.expect("reads");
    assert_eq!((page.reset, ids(&page.changes)), (true, vec!["create-john", "x", "b"]));

    // A cursor from before the backup is still good.
    let early = on(backup.backup()).changes(USER, NOW, None, None).await.expect("reads").cursor;
    let page = restored.changes(USER, NOW, Some(&early), None).await.expect("reads");
    assert_eq!((page.reset, ids(&page.changes)), (false, vec!["x", "b"]));
}

#[tokio::test]
async fn after_a_reset_a_batch_brings_its_own_operations_too() {
    let (old, new) = (service(), service());
    john_3_16(&old).await;
    let cursor = old.changes(USER, NOW, None, None).await.expect("reads").cursor;
    let request = BatchRequest { cursor: Some(cursor), ..request(vec![create("mine", "Ps 23")]) };
    let response = new.batch(USER, NOW, request).await.expect("answers");
    assert!(response.reset);
    assert_eq!(ids(&response.changes.expect("asked for")), ["mine"]);
}

#[tokio::test]
async fn the_cursor_of_an_empty_history_goes_on_when_the_first_change_comes() {
    let service = service();
    let start = service.changes(USER, NOW, None, None).await.expect("reads");
    assert_eq!((start.changes.len(), start.reset), (0, false));
    john_3_16(&service).await;
    let page = service.changes(USER, NOW, Some(&start.cursor), None).await.expect("reads");
    assert_eq!((page.reset, page.changes.len()), (false, 1));
}

#[tokio::test]
async fn a_device_that_folds_the_feed_has_the_servers_cards() {
    use verses_core::{ApplyContext, OperationId, TextLookup, UserState};

    let service = service();
    let verse = john_3_16(&service).await;
    let mut future = review("ahead", &verse, 0, true);
    future.data["occurredAt"] = json!(NOON + 90 * DAY);
    let profile = json!({"occurredAt": NOON, "preferredTranslation": "WEB", "fullName": "Ada"});
    send(
        &service,
        vec![
            review("r1", &verse, 4, true),
            create("own", "Jude 3"),
            operation("text", "create", json!({"reference": "Motto", "text": "Ad fontes"})),
            operation("p", "update_profile", profile),
            future,
            review("late", &verse, 5, true),
            create("again", "John 3:16"),
        ],
    )
    .await;
    let page = service.changes(USER, NOW, None, None).await.expect("reads");
    let mut state = UserState::default();
    // Every event is at hand, as on a device.
    let mut events: std::collections::BTreeMap<_, Vec<_>> = Default::default();
    for change in page.changes {
        let id = OperationId::new(change.id).expect("an id");
        let text = change.verse.map_or(TextLookup::NotAsked, TextLookup::Found);
        state.events = events.clone().into_iter().collect();
        let context = ApplyContext { operation_id: &id, now: NOW, text: &text };
        let effect = verses_core::apply(&mut state, &context, &change.operation).expect("what the server accepted");
        assert!(!effect.clock_corrected, "corrected once is corrected for all");
        if let Some(event) = effect.event {
            events.entry(event.verse_id).or_default().push(event);
        }
    }
    let folded: Vec<Value> = state
        .cards
        .values()
        .map(|card| serde_json::to_value(verses_protocol::UserCard::from(card)).expect("JSON"))
        .collect();
    assert_eq!(json!(folded), self::state(&service).await["cards"]);
}

#[tokio::test]
async fn a_page_with_long_texts_ends_early_and_nothing_is_skipped() {
    let service = service();
    let text = "A long text of my own. ".repeat(1_300);
    let own = |n: usize| operation(&format!("c{n}"), "create", json!({"reference": format!("Text {n}"), "text": text}));
    send(&service, (0..100).map(own).collect()).await;
    let (mut cursor, mut seen, mut pages) = (None, Vec::new(), 0);
    loop {
        let page = service.changes(USER, NOW, cursor.as_deref(), None).await.expect("reads");
        seen.extend(page.changes.iter().map(|change| change.seq));
        cursor = Some(page.cursor);
        pages += 1;
        if !page.has_more {
            break;
        }
    }
    assert!(pages > 1, "100 texts of 30 KB are more than one page");
    assert_eq!(seen, (1..=100).collect::<Vec<_>>());
}
