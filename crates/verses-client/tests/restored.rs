//! A server that went back to a backup while devices go on working: what it lost comes back, also where nothing tells that
//! it has lost anything, and nothing fails for want of it meanwhile. What the simulator has found, in small.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod common;

use batchsync::{BatchConfig, OperationStatus};
use common::device::{add_many, second_device, signed_up};
use common::{Device, Fault, Route, Server, World, add, new_verse, patient};
use futures_util::FutureExt;
use verses_client::{ClientConfig, Platform};
use verses_protocol::Limits;
use verses_store::LocalStore;

/// Everybody has everything, and nothing waits.
async fn assert_whole(server: &Server, devices: &[&Device], operations: usize) {
    for device in devices {
        device.sync().await;
    }
    for device in devices {
        device.sync().await;
        assert_eq!(device.queue(), Vec::<String>::new());
        assert_eq!(device.cards().await, server.cards(&device.user().await));
    }
    assert_eq!(server.history(&devices[0].user().await).len(), operations);
}

#[tokio::test]
async fn what_was_accepted_beyond_the_page_of_its_answer_comes_back() {
    let world = World::default();
    let server = Server::with_limits(&world, Limits { max_changes: 4, ..Limits::default() });
    let one = Device::new(&server, &world, 1);
    one.service.sign_up(Some("a@example.org"), Some("password")).await.unwrap();
    let two = second_device(&server, &world).await;
    add_many(&one, 10).await;
    one.sync().await;
    let backup = server.backup();

    // Its cursor is at the beginning of a history that begins the same in the backup.
    add(&two, &["John 1:1"]).await;
    two.engine().await.process_batch_queue(patient()).await.unwrap();
    assert_eq!(two.queue(), Vec::<String>::new());
    server.restore(backup);
    assert_whole(&server, &[&two, &one], 11).await;
}

#[tokio::test]
async fn reviews_of_a_verse_that_was_lost_wait_for_it_instead_of_failing() {
    for max_batch_size in [1, 10] {
        let world = World::default();
        let server = Server::new(&world);
        let fixed = BatchConfig { max_batch_size, network_aware_throttling: false, ..BatchConfig::default() };
        let config = ClientConfig { batch: fixed, ..ClientConfig::default() };
        let device = Device::with(&server, &world, 1, config);
        device.service.sign_up(Some("a@example.org"), Some("password")).await.unwrap();
        let empty = server.backup();
        let verses = add(&device, &["John 3:16", "Psalm 23"]).await;
        device.sync().await;
        server.restore(empty);
        for verse in &verses {
            for _ in 0..3 {
                device.service.record_review(*verse, true, None).await.unwrap();
                world.advance(1_000);
            }
        }
        let result = device.sync().await;
        assert_eq!(result.to_remote.summary.failed, 0, "batches of {max_batch_size}");
        assert_whole(&server, &[&device], 8).await;
    }
}

/// A review of a verse that the server has lost, refused for want of it until it failed: the feed did not answer meanwhile.
async fn review_that_failed_for_want_of_its_verse(device: &Device) {
    let verse = device.cards().await[0].verse_id;
    device.service.record_review(verse, true, None).await.unwrap();
    device.link.always(Route::Changes, Fault::Unavailable);
    device.engine().await.process_batch_queue(patient()).await.unwrap();
    device.link.stop_faults();
    let rows = device.store.queue_of(&device.user().await, true, 10).await.unwrap();
    let failures: Vec<_> = rows.iter().map(|row| &row.meta.status).collect();
    assert!(matches!(failures[..], [OperationStatus::Failed(f)] if f.code == "unknown_verse"), "{failures:?}");
}

#[tokio::test]
async fn a_review_that_failed_for_want_of_its_verse_is_sent_again_behind_it() {
    let (_, server, device) = signed_up().await;
    let empty = server.backup();
    add(&device, &["John 3:16"]).await;
    device.sync().await;
    server.restore(empty);
    review_that_failed_for_want_of_its_verse(&device).await;
    assert_whole(&server, &[&device], 2).await;
}

#[tokio::test]
async fn a_review_that_failed_for_want_of_its_verse_is_sent_again_when_another_device_has_brought_it() {
    let (world, server, one) = signed_up().await;
    let two = second_device(&server, &world).await;
    let empty = server.backup();
    add(&one, &["John 3:16"]).await;
    one.sync().await;
    two.sync().await;
    server.restore(empty);
    review_that_failed_for_want_of_its_verse(&one).await;
    two.sync().await;
    assert_eq!(server.history(&two.user().await).len(), 1);
    assert_whole(&server, &[&one, &two], 2).await;
}

#[tokio::test]
async fn an_expired_operation_that_is_retried_is_sent_by_the_next_process() {
    let (world, server, device) = signed_up().await;
    device.link.all_routes(&Fault::Offline);
    add(&device, &["John 3:16"]).await;
    world.advance(31 * 24 * 3_600_000);
    drop(device.engine().await.sync(patient()).await);
    let rows = device.store.queue_of(&device.user().await, true, 10).await.unwrap();
    assert!(matches!(rows[0].meta.status, OperationStatus::Failed(_)));
    device.link.stop_faults();
    device.service.retry_failed(&device.queue()).await.unwrap();
    assert_whole(&server, &[&device], 1).await;
}

#[tokio::test]
async fn what_is_done_after_a_stamp_was_corrected_still_comes_after_what_was_not_corrected() {
    let (world, server, device) = signed_up().await;
    let verse = add(&device, &["John 3:16"]).await[0];
    device.sync().await;
    // Four minutes ahead: a stamp that the server takes as it is.
    device.clock.set_skew_ms(4 * 60_000);
    device.service.archive(verse, true).await.unwrap();
    // Two days ahead: one that it corrects.
    device.clock.set_skew_ms(2 * 24 * 3_600_000);
    add(&device, &["Psalm 23"]).await;
    device.sync().await;
    // The clock is set right, and measured again.
    device.clock.set_skew_ms(0);
    device.sync().await;
    world.advance(1_000);
    device.service.archive(verse, false).await.unwrap();
    assert_whole(&server, &[&device], 4).await;
    let cards = server.cards(&device.user().await);
    let card = cards.iter().find(|card| card.verse_id == verse).unwrap();
    assert!(!card.archived, "taken out again at {}, after it was put away", device.clock.now_ms());
    assert!(device.link.sent(Route::Operations).len() >= 3);
}

#[tokio::test]
async fn what_a_guest_queued_before_a_stamp_was_corrected_comes_before_what_is_done_after_it() {
    let (world, server, device) = signed_up().await;
    let days = 2 * 24 * 3_600_000;
    device.clock.set_skew_ms(days);
    add(&device, &["Psalm 23"]).await;
    // While it is on its way, another process signs out, adds a verse as a guest and puts it away.
    let other = Device::on(device.store.clone(), &server, &world, 2, ClientConfig::default());
    other.clock.set_skew_ms(days);
    let guest = move || {
        let key = verses_store::meta_key::SESSION.to_owned();
        let forget = vec![verses_store::StoreChange::DeleteMeta { key }];
        other.store.commit(None, forget).now_or_never().unwrap().unwrap();
        other.service.add_verses(&[new_verse("John 3:16")], |_| {}).now_or_never().unwrap().unwrap();
        let verse = other.cards().now_or_never().unwrap()[0].verse_id;
        other.service.archive(verse, true).now_or_never().unwrap().unwrap();
    };
    device.link.next(Route::Operations, [Fault::afterwards(guest)]);
    drop(device.engine().await.process_batch_queue(patient()).await);
    let verse = device.cards().await[0].verse_id;

    // The clock is set right. When the guest's work is sent, its stamps no longer look wrong.
    device.clock.set_skew_ms(0);
    device.service.archive(verse, false).await.unwrap();
    world.advance(3 * u64::try_from(days).unwrap());
    device.service.sign_in("a@example.org", "password").await.unwrap();
    assert_whole(&server, &[&device], 4).await;
    let cards = server.cards(&device.user().await);
    assert!(cards.iter().any(|card| card.verse_id == verse && !card.archived), "it was taken out again at last");
}

#[tokio::test]
async fn what_is_done_by_a_clock_that_is_behind_comes_after_what_the_server_has_taken() {
    for behind_ms in [3 * 60_000, 90 * 24 * 3_600_000] {
        comes_after_what_the_server_has_taken(behind_ms).await;
    }
}

async fn comes_after_what_the_server_has_taken(behind_ms: i64) {
    let (world, server, device) = signed_up().await;
    let verse = add(&device, &["John 3:16"]).await[0];
    device.clock.set_skew_ms(4 * 60_000);
    device.service.archive(verse, true).await.unwrap();
    device.sync().await;
    // A stamp that is corrected: what this device remembers of its last one goes back.
    device.clock.set_skew_ms(2 * 24 * 3_600_000);
    add(&device, &["Psalm 23"]).await;
    device.sync().await;
    // The clock is set again, and nobody has measured it yet: it is more than five minutes behind the first stamp.
    device.clock.set_skew_ms(2 * 24 * 3_600_000 - behind_ms);
    world.advance(1_000);
    device.service.archive(verse, false).await.unwrap();
    assert_whole(&server, &[&device], 4).await;
    let cards = server.cards(&device.user().await);
    assert!(cards.iter().all(|card| !card.archived), "it was taken out again at last, {behind_ms} ms behind");
}
