//! Sending: batches and single operations, what comes back, and what a network in trouble may not do.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod common;

use batchsync::WaitReason;
use common::device::{add_many, in_translation, signed_up};
use common::{Device, Fault, Route, Server, World, add, new_verse, patient};
use futures_util::FutureExt;
use serde_json::json;
use verses_client::{ClientConfig, ClientError, Drained, NewVerse, ProfileChange, SyncEvent, SyncOptions};
use verses_store::LocalStore;

#[tokio::test]
async fn ten_queued_operations_go_out_in_exactly_one_batch() {
    let (_, server, device) = signed_up().await;
    add_many(&device, 10).await;
    let queued = device.queue();
    let (result, drained) = device.engine().await.process_batch_queue(SyncOptions::default()).await.unwrap();
    let sent = device.link.sent_operations();
    assert_eq!(sent.len(), 1);
    assert!(sent[0].is_batch());
    assert_eq!(sent[0].ids(), queued);
    assert_eq!(drained, Drained::Empty);
    let summary = result.summary;
    assert_eq!((summary.total, summary.successful, summary.failed, summary.requests), (10, 10, 0, 1));
    assert!(device.queue().is_empty());
    assert_eq!(device.cards().await, server.cards(&device.user().await));
}

#[tokio::test]
async fn an_empty_queue_gives_an_empty_result_and_no_request() {
    let (_, _, device) = signed_up().await;
    let (result, drained) = device.engine().await.process_batch_queue(SyncOptions::default()).await.unwrap();
    assert_eq!(drained, Drained::Empty);
    assert!(result.operations.is_empty() && device.link.sent_operations().is_empty());
    assert_eq!((result.summary.total, result.summary.requests), (0, 0));
}

#[tokio::test]
async fn one_invalid_operation_of_three_fails_alone() {
    let (_, server, device) = signed_up().await;
    let ids = add(&device, &["John 3:16", "Psalm 23:1"]).await;
    let odd = NewVerse { reference: "not a passage".into(), translation: None, text: None };
    // A reference that is no passage is refused on the device already; the server's own refusal is what is tested here.
    let refused = device.service.add_verses(&[odd], |_| {}).await.unwrap();
    assert!(!refused[0].success);
    let unknown = device.service.add_verses(&[in_translation("John 3:17", "NOPE")], |_| {}).await.unwrap();
    let failing = unknown[0].operation_id.clone();
    let (result, drained) = device.engine().await.process_batch_queue(SyncOptions::default()).await.unwrap();
    assert_eq!(drained, Drained::Empty);
    let summary = result.summary;
    assert_eq!((summary.total, summary.successful, summary.failed, summary.validation_errors), (3, 2, 1, 1));
    assert_eq!(device.queue(), std::slice::from_ref(&failing));
    let told = result.operations.iter().find(|o| o.operation_id == failing).unwrap();
    assert_eq!((told.success, told.errors[0].code.as_str()), (false, "text_required"));
    assert!(told.local_id.starts_with("card/"));
    let there: Vec<_> = server.cards(&device.user().await).iter().map(|c| c.verse_id).collect();
    assert!(ids.iter().all(|id| there.contains(id)) && there.len() == 2);
    // Nothing is sent again by itself.
    device.link.forget_sent();
    device.engine().await.process_batch_queue(SyncOptions::default()).await.unwrap();
    assert!(device.link.sent_operations().is_empty());
}

#[tokio::test]
async fn without_the_batch_endpoint_operations_go_one_by_one_and_batches_come_back_after_the_probe_interval() {
    let (world, server, device) = signed_up().await;
    device.link.always(Route::Operations, Fault::NoBatchRoute);
    add_many(&device, 4).await;
    let mut engine = device.engine().await;
    let (result, _) = engine.process_batch_queue(SyncOptions::default()).await.unwrap();
    assert_eq!(result.summary.successful, 4);
    let batches: Vec<bool> = device.link.sent_operations().iter().map(common::link::Sent::is_batch).collect();
    assert_eq!(batches, [true, false, false, false, false]);
    device.link.always(Route::Operations, Fault::None);
    device.link.forget_sent();
    add(&device, &["John 3:16", "John 3:17", "John 3:18"]).await;
    engine.process_batch_queue(SyncOptions::default()).await.unwrap();
    assert_eq!(device.link.sent_operations().len(), 3, "not probed before the interval is over");
    world.advance(5 * 60_000);
    device.link.forget_sent();
    add(&device, &["John 4:16", "John 4:17", "John 4:18"]).await;
    engine.process_batch_queue(SyncOptions::default()).await.unwrap();
    let sent = device.link.sent_operations();
    assert_eq!((sent.len(), sent[0].is_batch()), (1, true));
    assert_eq!(server.cards(&device.user().await).len(), 10);
}

#[tokio::test]
async fn one_operation_on_a_good_network_goes_by_itself() {
    let (_, server, device) = signed_up().await;
    let mut engine = device.engine().await;
    add_many(&device, 12).await;
    engine.process_batch_queue(SyncOptions::default()).await.unwrap();
    device.link.forget_sent();
    let verse = add(&device, &["John 3:16"]).await[0];
    engine.process_batch_queue(SyncOptions::default()).await.unwrap();
    device.service.record_review(verse, true, Some(9)).await.unwrap();
    engine.process_batch_queue(SyncOptions::default()).await.unwrap();
    let sent = device.link.sent_operations();
    assert_eq!(sent.iter().map(common::link::Sent::is_batch).collect::<Vec<_>>(), [false, false]);
    assert_eq!(device.cards().await, server.cards(&device.user().await));
}

#[tokio::test]
async fn individual_only_delivery_ends_in_the_same_server_state_as_batches() {
    let mut states = Vec::new();
    for delivery in [batchsync::Delivery::Auto, batchsync::Delivery::IndividualOnly] {
        let world = World::default();
        let server = Server::new(&world);
        let mut config = ClientConfig::default();
        config.batch.delivery = delivery;
        let device = Device::with(&server, &world, 1, config);
        device.service.sign_up(None, None).await.unwrap();
        let ids = add(&device, &["John 3:16", "Psalm 23", "Romans 8:28"]).await;
        world.advance(1_000);
        device.service.record_review(ids[0], true, None).await.unwrap();
        device.service.set_phase(ids[1], verses_core::Phase::Monthly).await.unwrap();
        device.service.archive(ids[2], true).await.unwrap();
        let own =
            NewVerse { reference: "Grandmother's saying".into(), translation: None, text: Some("Be kind".into()) };
        device.service.add_verses(&[own], |_| {}).await.unwrap();
        let name = ProfileChange { full_name: Some("Ada".into()), ..ProfileChange::default() };
        device.service.update_profile(name).await.unwrap();
        device.sync().await;
        assert!(device.queue().is_empty());
        let user = device.user().await;
        assert_eq!(device.cards().await, server.cards(&user));
        let all_single = device.link.sent_operations().iter().all(|s| !s.is_batch());
        assert_eq!(all_single, delivery == batchsync::Delivery::IndividualOnly);
        states.push((server.cards(&user), server.profile(&user), server.history(&user)));
    }
    assert_eq!(states[0], states[1]);
}

#[tokio::test]
async fn an_answer_lost_on_the_way_is_asked_for_again_and_nothing_is_applied_twice() {
    let (_, server, device) = signed_up().await;
    let queued = {
        add_many(&device, 5).await;
        device.queue()
    };
    device.link.next(Route::Operations, [Fault::LostAnswer]);
    let (result, drained) = device.engine().await.process_batch_queue(patient()).await.unwrap();
    assert_eq!(drained, Drained::Empty);
    assert_eq!((result.summary.successful, result.summary.network_errors), (5, 1));
    assert!(result.operations.iter().all(|o| o.success && o.is_duplicate));
    let sent = device.link.sent_operations();
    let repeated: Vec<String> = sent.iter().flat_map(common::link::Sent::ids).collect();
    assert!(queued.iter().all(|id| repeated.iter().filter(|r| *r == id).count() == 2));
    assert_eq!(server.history(&device.user().await), queued);
    assert_eq!(device.cards().await, server.cards(&device.user().await));
}

#[tokio::test]
async fn every_passing_fault_ends_with_everything_synced_once() {
    let faults = [
        Fault::Offline,
        Fault::LostRequest,
        Fault::LostAnswer,
        Fault::Page(200),
        Fault::Page(302),
        Fault::Page(403),
        Fault::Page(502),
        Fault::RateLimited { retry_after_ms: 7_000 },
        Fault::Unauthorized,
        Fault::Unavailable,
        Fault::Stall,
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        let (_, server, device) = signed_up().await;
        add_many(&device, 12).await;
        let queued = device.queue();
        device.link.next(Route::Operations, [fault.clone(), fault]);
        let (result, drained) = device.engine().await.sync(patient()).await.unwrap();
        assert_eq!(drained, Drained::Empty, "fault {number}");
        assert_eq!(result.to_remote.summary.successful, 12, "fault {number}");
        let history = server.history(&device.user().await);
        assert_eq!(history.len(), 12, "fault {number}");
        assert!(queued.iter().all(|id| history.contains(id)), "fault {number}");
    }
}

#[tokio::test]
async fn without_patience_a_run_ends_at_the_first_wait_and_keeps_everything() {
    let (_, _, device) = signed_up().await;
    add_many(&device, 5).await;
    let queued = device.queue();
    for (fault, reason) in [
        (Fault::Offline, WaitReason::Offline),
        (Fault::LostRequest, WaitReason::Backoff),
        (Fault::RateLimited { retry_after_ms: 7_000 }, WaitReason::RetryAfter),
    ] {
        device.link.next(Route::Operations, [fault]);
        let (result, drained) = device.engine().await.process_batch_queue(SyncOptions::default()).await.unwrap();
        assert_eq!(drained, Drained::Waiting(reason));
        assert_eq!((result.summary.successful, result.summary.failed, result.summary.total), (0, 0, 5));
        assert_eq!(device.queue(), queued);
    }
}

#[tokio::test]
async fn a_server_that_asks_to_wait_is_left_alone_so_long() {
    let (_, _, device) = signed_up().await;
    add_many(&device, 5).await;
    device.link.next(Route::Operations, [Fault::RateLimited { retry_after_ms: 90_000 }]);
    device.engine().await.process_batch_queue(patient()).await.unwrap();
    let at: Vec<u64> = device.link.sent_operations().iter().map(|s| s.at_ms).collect();
    assert_eq!(at.len(), 2);
    assert!(at[1] >= at[0] + 90_000, "{at:?}");
}

#[tokio::test]
async fn a_captive_portal_changes_nothing_on_the_device() {
    let (_, _, device) = signed_up().await;
    add_many(&device, 4).await;
    let before = (device.queue(), device.cards().await, device.service.session().await.unwrap());
    for status in [200, 302, 401, 403, 511] {
        device.link.all_routes(&Fault::Page(status));
        let mut engine = device.engine().await;
        let (result, drained) = engine.sync(SyncOptions::default()).await.unwrap();
        assert_ne!(drained, Drained::Empty);
        assert_eq!((result.to_remote.summary.successful, result.to_remote.summary.failed), (0, 0));
        let error = engine.sync_from_remote().await.unwrap_err();
        assert!(matches!(error, ClientError::NotTheServer { .. }) && error.is_retryable(), "{error}");
        let after = (device.queue(), device.cards().await, device.service.session().await.unwrap());
        assert_eq!(after, before, "page with status {status}");
    }
}

#[tokio::test]
async fn a_batch_refused_as_too_large_is_halved_until_it_fits() {
    let (_, server, device) = signed_up().await;
    device.link.always(Route::Operations, Fault::TooMany { most: 3, told: false });
    add_many(&device, 16).await;
    let (result, drained) = device.engine().await.process_batch_queue(patient()).await.unwrap();
    assert_eq!((drained, result.summary.successful, result.summary.failed), (Drained::Empty, 16, 0));
    let sizes: Vec<usize> = device.link.sent_operations().iter().map(|s| s.ids().len()).collect();
    assert!(sizes.iter().rev().take(5).all(|n| *n <= 3), "{sizes:?}");
    assert_eq!(server.history(&device.user().await).len(), 16);
}

#[tokio::test]
async fn a_server_that_tells_its_limit_is_obeyed_from_the_next_request_on() {
    let (_, _, device) = signed_up().await;
    device.link.always(Route::Operations, Fault::TooMany { most: 4, told: true });
    add_many(&device, 10).await;
    device.engine().await.process_batch_queue(patient()).await.unwrap();
    let sizes: Vec<usize> = device.link.sent_operations().iter().map(|s| s.ids().len()).collect();
    assert!(sizes[1..].iter().all(|n| *n <= 4), "{sizes:?}");
    assert!(device.queue().is_empty());
}

#[tokio::test]
async fn a_process_killed_in_the_middle_of_a_request_sends_the_same_ids_when_it_starts_again() {
    let (_, server, device) = signed_up().await;
    add_many(&device, 6).await;
    let queued = device.queue();
    device.link.next(Route::Operations, [Fault::Silence]);
    {
        let mut engine = device.engine().await;
        let run = engine.process_batch_queue(patient());
        tokio::select! {
            biased;
            _ = run => panic!("there is no answer"),
            () = settle() => {}
        }
    }
    let survivor = Device::on(device.store.fork(), &server, device.clock.world(), 99, ClientConfig::default());
    let result = survivor.sync().await;
    assert_eq!(result.to_remote.summary.successful, 6);
    let again: Vec<String> = survivor.link.sent_operations().iter().flat_map(common::link::Sent::ids).collect();
    assert_eq!(again, queued);
    assert_eq!(server.history(&survivor.user().await), queued);
    assert_eq!(survivor.cards().await, server.cards(&survivor.user().await));
}

/// Lets everything run that can.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_another_process_queues_while_a_run_is_on_goes_out_in_the_same_run() {
    let (world, server, device) = signed_up().await;
    let other = Device::on(device.store.clone(), &server, &world, 2, ClientConfig::default());
    add_many(&device, 4).await;
    let queue_more = move || {
        let verses = [new_verse("John 3:16")];
        other.service.add_verses(&verses, |_| {}).now_or_never().unwrap().unwrap();
    };
    device.link.next(Route::Operations, [Fault::meanwhile(queue_more)]);
    let (result, drained) = device.engine().await.process_batch_queue(SyncOptions::default()).await.unwrap();
    assert_eq!((drained, result.summary.successful), (Drained::Empty, 5));
    assert!(device.queue().is_empty());
    assert_eq!(server.history(&device.user().await).len(), 5);
}

#[tokio::test]
async fn progress_never_counts_a_failed_operation_as_synced() {
    let (_, _, device) = signed_up().await;
    add_many(&device, 25).await;
    let failing = [in_translation("John 3:16", "NOPE"), in_translation("John 3:17", "NOPE")];
    device.service.add_verses(&failing, |_| {}).await.unwrap();
    device.link.next(Route::Operations, [Fault::LostAnswer, Fault::Unavailable]);
    let (observer, seen) = common::device::recorder();
    let mut engine = device.engine().await.observed(observer);
    engine.process_batch_queue(patient()).await.unwrap();
    let seen = seen.lock().unwrap();
    let progress: Vec<_> =
        seen.iter().filter_map(|e| if let SyncEvent::Progress(p) = e { Some(*p) } else { None }).collect();
    assert!(progress.iter().all(|p| p.successful + p.failed + p.pending == p.total), "{progress:?}");
    assert!(progress.windows(2).all(|w| w[0].successful <= w[1].successful));
    let last = progress.last().unwrap();
    assert_eq!((last.total, last.successful, last.failed, last.pending), (27, 25, 2, 0));
    let failed = seen.iter().filter(|e| matches!(e, SyncEvent::OperationFailed { .. })).count();
    assert_eq!(failed, 2);
}

#[tokio::test]
async fn a_lookup_asks_the_server_and_changes_nothing() {
    let (_, server, device) = signed_up().await;
    let found = device.service.lookup_remote("Jn 3.16", Some("KJV")).await.unwrap();
    let verse = found.verse.unwrap();
    assert!(verse.is_verified && verse.text.contains("loved the world"), "{verse:?}");
    assert!(found.user_card.is_none());
    let error = device.service.lookup_remote("no such place", None).await.unwrap_err();
    assert!(matches!(&error, ClientError::Server { code, .. } if code == "invalid_reference"), "{error}");
    assert!(!error.is_retryable());
    server.end_sessions();
    device.service.lookup_remote("John 3:16", None).await.unwrap_err();
    assert!(device.queue().is_empty() && server.history(&device.user().await).is_empty());
}

#[tokio::test]
async fn what_is_due_what_was_reviewed_and_what_is_on_its_way_can_be_read() {
    let (world, _, device) = signed_up().await;
    let ids = add(&device, &["John 3:16", "Psalm 23:1", "Romans 8:28"]).await;
    world.advance(24 * 3_600_000);
    device.service.record_review(ids[0], true, Some(4)).await.unwrap();
    device.service.archive(ids[1], true).await.unwrap();
    let today = device.service.today(None).await.unwrap();
    let due: Vec<_> = device.service.due(today).await.unwrap().into_iter().map(|c| c.card.verse_id).collect();
    assert_eq!(due, [ids[2]]);
    assert_eq!(device.service.library().await.unwrap().len(), 3);
    let logs = device.service.review_logs(10).await.unwrap();
    assert_eq!((logs.len(), logs[0].event.verse_id), (1, ids[0]));
    let totals = device.service.queue_totals().await.unwrap();
    assert_eq!((totals.waiting, totals.failed), (5, 0));
    device.sync().await;
    assert_eq!(device.service.queue_totals().await.unwrap().waiting, 0);
    let journal = device.service.journal(10).await.unwrap();
    assert_eq!(journal.len(), 5);
}

#[tokio::test]
async fn a_feed_that_does_not_go_on_is_given_up_and_asked_again_later() {
    let page = |cursor: &str| {
        let answer = json!({ "changes": [], "cursor": cursor, "hasMore": true, "serverTime": 1_772_438_400_000_i64 });
        Fault::Answer(200, answer)
    };
    let refused = Fault::Answer(400, json!({ "code": "invalid_cursor", "error": "of another server" }));
    for faults in [vec![page("a"), page("a"), page("a")], vec![page("a"), refused.clone(), page("b"), refused]] {
        let (_, _, device) = signed_up().await;
        device.link.next(Route::Changes, faults.into_iter().cycle().take(100));
        let mut engine = device.engine().await;
        engine.sync_from_remote().await.unwrap_err();
        assert!(device.link.sent(Route::Changes).len() <= 4);
        device.link.stop_faults();
        engine.sync_from_remote().await.unwrap();
    }
}

#[tokio::test]
async fn a_clock_that_shows_no_date_is_not_taken_for_the_servers() {
    let (_, _, device) = signed_up().await;
    let answer = json!({ "changes": [], "cursor": "a", "hasMore": false, "serverTime": i64::MAX });
    device.link.next(Route::Changes, [Fault::Answer(200, answer)]);
    device.engine().await.sync_from_remote().await.unwrap();
    assert_eq!(device.store.meta(verses_store::meta_key::CLOCK_OFFSET_MS).await.unwrap(), None);
}
