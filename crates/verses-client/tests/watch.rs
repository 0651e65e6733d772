//! Staying in sync: when the loop sends, when it fetches, which hints it takes and how it ends. In virtual time.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod common;

use common::device::{add_many, in_translation, second_device, signed_up};
use common::{Device, Fault, Route, add, new_verse};
use futures_util::FutureExt;
use verses_client::{ClientError, Hints, SyncEvent};

const INTERVAL_MS: u64 = 60_000;

/// Queues a passage at a moment of virtual time.
fn add_at(device: &Device, at_ms: u64, reference: &'static str) {
    let here = device.clone();
    device.clock.world().at(at_ms, move || {
        here.service.add_verses(&[new_verse(reference)], |_| {}).now_or_never().unwrap().unwrap();
    });
}

/// Watches until `until_ms`.
async fn watch(device: &Device, hints: &Hints, until_ms: u64) -> Result<(), ClientError> {
    let stop = hints.clone();
    device.clock.world().at(until_ms, move || stop.stop());
    device.engine().await.watch(hints, INTERVAL_MS).await
}

fn sent_at(device: &Device, route: Route) -> Vec<u64> {
    device.link.sent(route).iter().map(|s| s.at_ms).collect()
}

#[tokio::test]
async fn a_change_is_sent_when_the_batch_timeout_is_over_with_what_came_meanwhile() {
    let (_, _, device) = signed_up().await;
    for (at, reference) in [(10_000, "John 3:16"), (11_000, "John 3:17"), (12_000, "John 3:18")] {
        add_at(&device, at, reference);
    }
    watch(&device, &Hints::default(), 30_000).await.unwrap();
    let sent = device.link.sent_operations();
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!(sent[0].ids().len(), 3);
    assert!((13_000..=13_600).contains(&sent[0].at_ms), "{}", sent[0].at_ms);
}

#[tokio::test]
async fn a_full_batch_does_not_wait_for_the_timeout() {
    let (world, _, device) = signed_up().await;
    let here = device.clone();
    world.at(10_000, move || {
        add_many(&here, 10).now_or_never().unwrap();
    });
    watch(&device, &Hints::default(), 20_000).await.unwrap();
    let at = sent_at(&device, Route::Operations);
    assert!(at.len() == 1 && at[0] < 10_600, "{at:?}");
}

#[tokio::test]
async fn changes_of_others_are_fetched_at_the_start_and_at_every_interval() {
    let (world, server, device) = signed_up().await;
    let other = second_device(&server, &world).await;
    add(&other, &["John 3:16"]).await;
    other.sync().await;
    let start = world.elapsed_ms();
    watch(&device, &Hints::default(), start + 4 * INTERVAL_MS - 5_000).await.unwrap();
    let at = sent_at(&device, Route::Changes);
    assert_eq!(at.len(), 4, "{at:?}");
    assert!(at.windows(2).all(|w| (INTERVAL_MS..INTERVAL_MS + 1_000).contains(&(w[1] - w[0]))), "{at:?}");
    assert_eq!(device.cards().await, other.cards().await);
}

#[tokio::test]
async fn a_network_that_comes_back_is_used_at_once_when_the_platform_says_so() {
    let (world, _, device) = signed_up().await;
    device.link.all_routes(&Fault::Offline);
    add_many(&device, 3).await;
    let hints = Hints::default();
    let (link, told) = (device.link.clone(), hints.clone());
    world.at(500_000, move || {
        link.all_routes(&Fault::None);
        told.online();
    });
    watch(&device, &hints, 502_000).await.unwrap();
    assert!(device.queue().is_empty());
    let last = sent_at(&device, Route::Operations).pop().unwrap();
    assert!((500_000..501_000).contains(&last), "{last}");
    let fetched = sent_at(&device, Route::Changes).pop().unwrap();
    assert!((500_000..501_000).contains(&fetched), "{fetched}");
}

#[tokio::test]
async fn a_network_that_comes_back_unannounced_is_found_all_the_same() {
    let (world, _, device) = signed_up().await;
    device.link.all_routes(&Fault::Offline);
    add_many(&device, 3).await;
    let hints = Hints::default();
    hints.offline();
    let link = device.link.clone();
    world.at(500_000, move || link.all_routes(&Fault::None));
    watch(&device, &hints, 500_000 + 700_000).await.unwrap();
    assert!(device.queue().is_empty());
}

#[tokio::test]
async fn a_flush_sends_at_once_and_the_foreground_fetches_too() {
    let (world, _, device) = signed_up().await;
    let hints = Hints::default();
    add_at(&device, 10_000, "John 3:16");
    let flush = hints.clone();
    world.at(10_001, move || flush.flush());
    add_at(&device, 20_000, "John 3:17");
    let front = hints.clone();
    world.at(20_001, move || front.foregrounded());
    watch(&device, &hints, 22_000).await.unwrap();
    let at = sent_at(&device, Route::Operations);
    assert!(at.len() == 2 && at[0] < 10_600 && at[1] < 20_600, "{at:?}");
    let fetched = sent_at(&device, Route::Changes);
    assert!(fetched.len() == 2 && (20_000..20_700).contains(&fetched[1]), "{fetched:?}");
}

#[tokio::test]
async fn a_poke_fetches_and_a_stop_ends_the_loop_at_once() {
    let (world, _, device) = signed_up().await;
    let hints = Hints::default();
    let poke = hints.clone();
    world.at(5_000, move || poke.fetch());
    watch(&device, &hints, 8_000).await.unwrap();
    assert!(world.elapsed_ms() < 8_600, "{}", world.elapsed_ms());
    let at = sent_at(&device, Route::Changes);
    assert!(at.len() == 2 && (5_000..5_600).contains(&at[1]), "{at:?}");
}

#[tokio::test]
async fn faults_of_the_network_and_the_server_do_not_end_the_loop_and_are_told() {
    let (_, server, device) = signed_up().await;
    let faults = [Fault::Offline, Fault::Page(200), Fault::NotFound, Fault::Unavailable, Fault::LostAnswer];
    device.link.next(Route::Changes, faults);
    device.link.next(Route::Operations, [Fault::Stall, Fault::Page(503), Fault::RateLimited { retry_after_ms: 9_000 }]);
    add_many(&device, 3).await;
    let (observer, seen) = common::device::recorder();
    let hints = Hints::default();
    let stop = hints.clone();
    device.clock.world().at(10 * INTERVAL_MS, move || stop.stop());
    device.engine().await.observed(observer).watch(&hints, INTERVAL_MS).await.unwrap();
    assert_eq!(server.history(&device.user().await).len(), 3);
    let failed = seen.lock().unwrap().iter().filter(|e| matches!(e, SyncEvent::FetchFailed { .. })).count();
    assert_eq!(failed, 5);
}

#[tokio::test]
async fn an_outage_while_the_session_is_renewed_does_not_end_the_loop_nor_flood_the_server() {
    let (world, server, device) = signed_up().await;
    add_many(&device, 3).await;
    server.expire_access_tokens();
    device.link.always(Route::Auth, Fault::Offline);
    let link = device.link.clone();
    world.at(600_000, move || link.always(Route::Auth, Fault::None));
    watch(&device, &Hints::default(), 800_000).await.unwrap();
    assert!(device.queue().is_empty());
    let renewals = sent_at(&device, Route::Auth).len();
    assert!(renewals < 60, "{renewals} renewals in ten minutes");
}

#[tokio::test]
async fn a_session_that_ended_ends_the_loop_and_signing_in_lets_it_start_again() {
    let (_, server, device) = signed_up().await;
    server.end_sessions();
    add_many(&device, 3).await;
    let error = watch(&device, &Hints::default(), 100_000).await.unwrap_err();
    assert!(matches!(error, ClientError::SignInNeeded), "{error}");
    device.service.sign_in("a@example.org", "password").await.unwrap();
    watch(&device, &Hints::default(), 120_000).await.unwrap();
    assert!(device.queue().is_empty());
}

#[tokio::test]
async fn a_running_loop_follows_what_another_process_retries_and_adopts() {
    let (world, _, device) = signed_up().await;
    let failing = device.service.add_verses(&[in_translation("John 3:16", "NOPE")], |_| {}).await.unwrap();
    let id = failing[0].operation_id.clone();
    let other = device.clone();
    world.at(20_000, move || {
        other.service.supply_text(&id, "My words").now_or_never().unwrap().unwrap();
        other.service.retry_failed(std::slice::from_ref(&id)).now_or_never().unwrap().unwrap();
    });
    let hints = Hints::default();
    watch(&device, &hints, 30_000).await.unwrap();
    assert!(device.queue().is_empty());
    let last = sent_at(&device, Route::Operations).pop().unwrap();
    assert!((20_000..24_000).contains(&last), "{last}");
}

#[tokio::test]
async fn what_a_restored_server_lost_is_offered_again_by_the_loop() {
    let (world, server, device) = signed_up().await;
    let empty = server.backup();
    add_many(&device, 3).await;
    device.sync().await;
    let restored = server.clone();
    world.at(70_000, move || restored.restore(empty.clone()));
    watch(&device, &Hints::default(), 300_000).await.unwrap();
    assert_eq!(server.history(&device.user().await).len(), 3);
}
