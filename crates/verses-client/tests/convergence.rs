//! Several devices and one server end with the same cards: concurrent work, wrong clocks, servers that lost data.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod common;

use common::device::{add_many, second_device, signed_up};
use common::{Device, Fault, Route, Server, World, add, new_verse, patient};
use verses_client::{ClientConfig, Drained, NewVerse, ProfileChange, SyncOptions};
use verses_core::{Phase, UnixMillis};
use verses_protocol::Limits;
use verses_server::storage::memory::MemoryStorage;
use verses_store::{LocalStore, StoreChange, meta_key};

const DAY_MS: i64 = 24 * 3_600_000;

fn named(name: &str) -> ProfileChange {
    ProfileChange { full_name: Some(name.into()), ..ProfileChange::default() }
}

/// Syncs until everybody has seen everything, then everybody must hold what the server holds.
async fn assert_agreement(server: &Server, devices: &[&Device]) {
    for device in devices.iter().chain(devices) {
        let (_, drained) = device.engine().await.sync(patient()).await.unwrap();
        assert_eq!(drained, Drained::Empty);
    }
    let user = devices[0].user().await;
    let (cards, profile) = (server.cards(&user), server.profile(&user));
    for (number, device) in devices.iter().enumerate() {
        assert!(device.queue().is_empty(), "device {number}");
        assert_eq!(device.cards().await, cards, "device {number}");
        let local = verses_protocol::ProfileView::from(&device.service.profile().await.unwrap());
        assert_eq!((local.full_name, local.timezone), (profile.full_name.clone(), profile.timezone.clone()));
    }
}

#[tokio::test]
async fn two_devices_that_review_the_same_card_apart_end_with_the_servers_card() {
    let (world, server, one) = signed_up().await;
    let two = second_device(&server, &world).await;
    let verse = add(&one, &["John 3:16"]).await[0];
    assert_agreement(&server, &[&one, &two]).await;
    for day in 0..20 {
        world.advance(DAY_MS as u64);
        one.service.record_review(verse, day % 5 != 0, None).await.unwrap();
        world.advance(60_000);
        two.service.record_review(verse, day % 3 != 0, None).await.unwrap();
        if day == 9 {
            two.service.set_phase(verse, Phase::Weekly).await.unwrap();
            two.sync().await;
        }
    }
    one.service.archive(verse, true).await.unwrap();
    assert_agreement(&server, &[&one, &two]).await;
    assert_eq!(two.store.events(&two.user().await, verse).await.unwrap().len(), 43);
}

#[tokio::test]
async fn reviews_that_arrive_long_after_they_happened_are_folded_where_they_belong() {
    let (world, server, one) = signed_up().await;
    let two = second_device(&server, &world).await;
    let verse = add(&one, &["John 3:16"]).await[0];
    assert_agreement(&server, &[&one, &two]).await;
    world.advance(DAY_MS as u64);
    two.service.record_review(verse, false, None).await.unwrap();
    for _ in 0..6 {
        world.advance(DAY_MS as u64);
        one.service.record_review(verse, true, None).await.unwrap();
        one.sync().await;
    }
    // The failed review of a week ago reaches the server last.
    assert_agreement(&server, &[&two, &one]).await;
}

#[tokio::test]
async fn the_same_verse_added_on_two_devices_is_one_card_with_the_reviews_of_both() {
    let (world, server, one) = signed_up().await;
    let two = second_device(&server, &world).await;
    let verse = add(&one, &["John 3:16"]).await[0];
    world.advance(5_000);
    assert_eq!(add(&two, &["Jn 3.16"]).await[0], verse);
    two.service.record_review(verse, true, None).await.unwrap();
    assert_agreement(&server, &[&one, &two]).await;
    assert_eq!(server.cards(&one.user().await).len(), 1);
}

#[tokio::test]
async fn adding_a_verse_again_is_a_duplicate_and_queues_nothing() {
    let (_, _, device) = signed_up().await;
    let verse = add(&device, &["John 3:16"]).await[0];
    let again = device.service.add_verses(&[new_verse("Joh 3:16")], |_| {}).await.unwrap().remove(0);
    assert!(again.success && again.is_duplicate && again.operation_id.is_empty());
    assert_eq!(again.existing.unwrap().card.verse_id, verse);
    assert_eq!(device.queue().len(), 1);
}

#[tokio::test]
async fn a_long_history_comes_in_pages() {
    let (world, server, one) = signed_up().await;
    add_many(&one, 25).await;
    one.sync().await;
    let config = ClientConfig { changes_per_page: 10, ..ClientConfig::default() };
    let two = Device::with(&server, &world, 3, config);
    two.service.sign_in("a@example.org", "password").await.unwrap();
    let result = two.sync().await;
    assert_eq!((result.from_remote.changes, result.from_remote.pages), (25, 3));
    assert_agreement(&server, &[&one, &two]).await;
    let verses = two.service.library().await.unwrap();
    assert!(verses.iter().all(|v| v.verse.as_ref().is_some_and(|v| v.is_verified && !v.text.is_empty())));
    assert!(one.service.unverified_verses(50).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_sent_from_far_behind_is_not_offered_again() {
    let world = World::default();
    let server = Server::with_limits(&world, Limits { max_changes: 4, ..Limits::default() });
    let one = Device::new(&server, &world, 1);
    one.service.sign_up(Some("a@example.org"), Some("password")).await.unwrap();
    let two = second_device(&server, &world).await;
    two.sync().await;
    add_many(&one, 2).await;
    one.sync().await;

    // The page that comes with the answer ends between these.
    two.service.update_profile(named("Ada")).await.unwrap();
    add(&two, &["John 1:1", "John 1:2", "John 1:3"]).await;
    for _ in 0..3 {
        assert_eq!(two.sync().await.from_remote.offered_again, 0);
    }
    two.service.update_profile(named("Grace")).await.unwrap();
    assert_agreement(&server, &[&one, &two]).await;
    assert_eq!(server.history(&two.user().await).len(), 7);
}

/// Both devices have worked on `storage`'s server; then the server is replaced by `lost` and everything must come back.
async fn nothing_is_lost_when_the_server_becomes(restored: impl FnOnce(MemoryStorage) -> MemoryStorage) {
    let (world, server, one) = signed_up().await;
    let two = second_device(&server, &world).await;
    let ids = add_many(&one, 4).await;
    let with_zone = ProfileChange { timezone: Some("Europe/Berlin".into()), ..named("Ada") };
    one.service.update_profile(with_zone).await.unwrap();
    assert_agreement(&server, &[&one, &two]).await;
    let backup = server.backup();
    world.advance(DAY_MS as u64);
    one.service.record_review(ids[0], true, Some(12)).await.unwrap();
    one.service.set_phase(ids[1], Phase::Monthly).await.unwrap();
    let own = NewVerse { reference: "Saying".into(), translation: None, text: Some("Be kind".into()) };
    one.service.add_verses(&[own], |_| {}).await.unwrap();
    one.service.update_profile(named("Grace")).await.unwrap();
    two.service.record_review(ids[2], false, None).await.unwrap();
    assert_agreement(&server, &[&one, &two]).await;
    let user = one.user().await;
    let (cards, profile) = (server.cards(&user), server.profile(&user));
    let mut history = server.history(&user);

    server.restore(restored(backup));
    world.advance(60_000);
    // The restored server goes on with something new, so that its history differs from the lost one.
    add(&two, &["Romans 8:28"]).await;
    let result = two.sync().await;
    assert!(result.from_remote.was_reset);
    assert!(result.from_remote.offered_again > 0);
    assert_agreement(&server, &[&two, &one]).await;
    let mut after = server.history(&user);
    assert_eq!(after.len(), history.len() + 1);
    after.sort();
    history.sort();
    assert!(history.iter().all(|id| after.binary_search(id).is_ok()), "an id is missing");
    assert!(cards.iter().all(|card| server.cards(&user).contains(card)));
    assert_eq!(server.profile(&user).full_name, profile.full_name);
    // Once is enough: the next run offers nothing.
    for device in [&one, &two] {
        let again = device.sync().await.from_remote;
        assert_eq!((again.offered_again, again.was_reset), (0, false));
    }
}

#[tokio::test]
async fn what_a_server_lost_with_an_older_backup_is_offered_again_under_the_same_ids() {
    nothing_is_lost_when_the_server_becomes(|backup| backup).await;
}

#[tokio::test]
async fn what_a_new_server_never_had_is_offered_to_it_under_the_same_ids() {
    nothing_is_lost_when_the_server_becomes(|_| MemoryStorage::with_epoch(uuid::Uuid::from_u128(77))).await;
}

#[tokio::test]
async fn a_recovery_cut_short_is_finished_by_the_next_run() {
    let (world, server, one) = signed_up().await;
    let empty = server.backup();
    let config = ClientConfig { changes_per_page: 3, ..ClientConfig::default() };
    let device = Device::on(one.store.clone(), &server, &world, 4, config);
    add_many(&device, 8).await;
    device.sync().await;
    let user = device.user().await;
    server.restore(empty);
    // Another device has put some of its own on the restored server.
    let two = second_device(&server, &world).await;
    add(&two, &["John 1:1", "John 1:2", "John 1:3", "John 1:4", "John 1:5"]).await;
    two.sync().await;
    device.link.next(Route::Changes, [Fault::None, Fault::Offline]);
    assert!(device.engine().await.sync_from_remote().await.is_err());
    let result = device.engine().await.sync(patient()).await.unwrap().0;
    assert_eq!(result.from_remote.offered_again, 8);
    assert_eq!(server.history(&user).len(), 13);
    assert_agreement(&server, &[&device, &two]).await;
}

#[tokio::test]
async fn a_cursor_the_server_cannot_read_is_dropped_and_everything_goes_on() {
    for individual_work in [0, 1, 5] {
        let (_, server, device) = signed_up().await;
        add_many(&device, 3).await;
        device.sync().await;
        let key = meta_key::cursor(&device.user().await);
        let put = StoreChange::PutMeta { key, value: "of-another-age".into() };
        device.store.commit(None, vec![put]).await.unwrap();
        add(&device, &["John 3:1", "John 3:2", "John 3:3", "John 3:4", "John 3:5"][..individual_work]).await;
        let result = device.sync().await;
        assert_eq!((result.to_remote.summary.failed, device.queue().len()), (0, 0));
        assert!(device.link.sent_operations().iter().all(common::link::Sent::is_batch) || individual_work == 1);
        assert_agreement(&server, &[&device]).await;
    }
}

#[tokio::test]
async fn a_device_whose_clock_is_wrong_takes_the_corrected_stamps_and_agrees_with_everybody() {
    for skew in [3 * DAY_MS, 400 * DAY_MS, -common::world::START_MS, -3 * DAY_MS] {
        let (world, server, one) = signed_up().await;
        one.clock.set_skew_ms(skew);
        let two = second_device(&server, &world).await;
        let ids = add(&one, &["John 3:16", "Psalm 23:1"]).await;
        one.service.record_review(ids[0], true, None).await.unwrap();
        one.service.update_profile(named("Ada")).await.unwrap();
        assert_agreement(&server, &[&one, &two]).await;
        // From now on the device knows the offset: what it does next counts as of now, and comes last.
        for _ in 0..3 {
            world.advance(3_600_000);
            let review = one.service.record_review(ids[0], true, None).await.unwrap();
            let stamp = review.local.unwrap().card.last_reviewed_at.unwrap();
            assert!((stamp.0 - world.now_ms()).abs() < 1_000, "skew {skew}: {stamp:?}");
            world.advance(60_000);
            two.service.record_review(ids[0], false, None).await.unwrap();
            two.service.update_profile(named(&format!("Name {}", world.now_ms()))).await.unwrap();
            assert_agreement(&server, &[&one, &two]).await;
            let name = one.service.profile().await.unwrap().full_name.value.unwrap();
            assert!(name.starts_with("Name"), "skew {skew}: {name}");
        }
    }
}

#[tokio::test]
async fn a_profile_field_set_under_a_wrong_clock_does_not_hide_what_others_set_before_it_was_corrected() {
    let (world, server, one) = signed_up().await;
    let two = second_device(&server, &world).await;
    one.clock.set_skew_ms(3 * DAY_MS);
    one.service.update_profile(named("From the future")).await.unwrap();
    world.advance(1_000);
    two.service.update_profile(named("Two")).await.unwrap();
    two.sync().await;
    // The answer with the correction is lost: the device learns of it only when it asks again.
    one.link.next(Route::Operations, [Fault::LostAnswer]);
    one.sync().await;
    world.advance(1_000);
    two.service.update_profile(named("Two again")).await.unwrap();
    assert_agreement(&server, &[&two, &one]).await;
    assert_eq!(server.profile(&one.user().await).full_name.as_deref(), Some("Two again"));
}

#[tokio::test]
async fn a_clock_known_to_be_wrong_does_not_make_new_operations_too_old() {
    let (_, _, device) = signed_up().await;
    device.clock.set_skew_ms(60 * DAY_MS);
    device.sync().await;
    add_many(&device, 3).await;
    let (result, drained) = device.engine().await.process_batch_queue(SyncOptions::default()).await.unwrap();
    assert_eq!((result.summary.successful, result.summary.failed, drained), (3, 0, Drained::Empty));
}

#[tokio::test]
async fn a_clock_that_is_set_while_the_process_runs_is_measured_anew() {
    let (world, _, device) = signed_up().await;
    let mut engine = device.engine().await;
    engine.sync(patient()).await.unwrap();
    device.clock.set_skew_ms(2 * DAY_MS);
    engine.sync(patient()).await.unwrap();
    let now = device.service.corrected_now().await.unwrap();
    assert!((now.0 - world.now_ms()).abs() < 1_000, "{now:?}");
    assert_ne!(now, UnixMillis(0));
}

#[tokio::test]
async fn one_operation_that_must_wait_does_not_keep_the_device_from_fetching() {
    let (world, server, one) = signed_up().await;
    let two = second_device(&server, &world).await;
    add_many(&two, 3).await;
    two.sync().await;
    // A review of a card the server does not know waits for its own reason.
    one.sync().await;
    add_many(&two, 6).await;
    two.sync().await;
    let verse = add(&one, &["John 3:16"]).await[0];
    let review = one.service.record_review(verse, true, None).await.unwrap();
    let creation = one.queue().remove(0);
    let gone = batchsync::JournalEntry {
        operation_id: creation.clone(),
        kind: "create".into(),
        user_id: one.user().await,
        batch_id: String::new(),
        outcome: batchsync::JournalOutcome::Discarded,
        at: 0,
        payload_bytes: 0,
    };
    let drop_it = StoreChange::Queue(batchsync::QueueChange::Discard { id: creation, entry: gone });
    one.store.commit(None, vec![drop_it]).await.unwrap();
    let (result, drained) = one.engine().await.sync(SyncOptions::default()).await.unwrap();
    assert_eq!(drained, Drained::Waiting(batchsync::WaitReason::Backoff));
    assert_eq!(result.from_remote.changes, 3);
    assert_eq!(one.queue(), [review.operation_id]);
}
