//! Sessions: tokens that expire, sessions that end, accounts that change, and a guest who signs up.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod common;

use common::device::{add_many, second_device, signed_up};
use common::{Device, Fault, Route, Server, World, add, patient};
use futures_util::FutureExt;
use verses_client::{ClientConfig, ClientError, Drained, NewVerse, Platform, ProfileChange, SyncEvent, SyncOptions};
use verses_core::OperationId;
use verses_store::{GUEST, LocalStore};

fn renewals(device: &Device) -> usize {
    device.link.sent(Route::Auth).iter().filter(|s| s.path.contains("refresh_token")).count()
}

#[tokio::test]
async fn a_token_that_expires_on_the_way_is_renewed_once_and_the_same_operations_go_again() {
    let (_, server, device) = signed_up().await;
    add_many(&device, 4).await;
    let queued = device.queue();
    server.expire_access_tokens();
    let result = device.sync().await;
    assert_eq!(result.to_remote.summary.successful, 4);
    assert_eq!(renewals(&device), 1);
    let sent = device.link.sent_operations();
    assert_eq!(sent.len(), 2);
    assert_eq!((sent[0].ids(), sent[1].ids()), (queued.clone(), queued));
    assert_ne!(sent[0].bearer, sent[1].bearer);
}

#[tokio::test]
async fn a_token_about_to_expire_is_renewed_before_it_is_used() {
    let (world, _, device) = signed_up().await;
    add_many(&device, 4).await;
    world.advance(3_590_000);
    device.sync().await;
    assert_eq!((renewals(&device), device.link.sent_operations().len()), (1, 1));
}

#[tokio::test]
async fn a_session_ended_by_the_server_parks_the_work_until_the_user_signs_in_again() {
    let (_, server, device) = signed_up().await;
    add_many(&device, 4).await;
    let (queued, user, cards) = (device.queue(), device.user().await, device.cards().await);
    server.end_sessions();
    let mut engine = device.engine().await;
    let error = engine.process_batch_queue(patient()).await.unwrap_err();
    assert!(matches!(error, ClientError::SignInNeeded), "{error}");
    assert!(!device.service.session().await.unwrap().unwrap().is_usable());
    assert_eq!((device.queue(), device.user().await, device.cards().await), (queued.clone(), user.clone(), cards));
    let again = engine.process_batch_queue(patient()).await.unwrap_err();
    assert!(matches!(again, ClientError::SignInNeeded));
    device.service.sign_in("a@example.org", "password").await.unwrap();
    let (result, drained) = engine.process_batch_queue(patient()).await.unwrap();
    assert_eq!((result.summary.successful, drained), (4, Drained::Empty));
    assert_eq!(server.history(&user), queued);
}

#[tokio::test]
async fn a_server_that_refuses_every_fresh_token_is_not_asked_for_ever_and_another_run_tries_again() {
    let (_, _, device) = signed_up().await;
    add_many(&device, 4).await;
    device.link.always(Route::Operations, Fault::Unauthorized);
    let mut engine = device.engine().await;
    let error = engine.process_batch_queue(patient()).await.unwrap_err();
    assert!(matches!(error, ClientError::SignInNeeded), "{error}");
    assert!(renewals(&device) <= 5, "{}", renewals(&device));
    device.link.always(Route::Operations, Fault::None);
    let (result, _) = engine.process_batch_queue(patient()).await.unwrap();
    assert_eq!(result.summary.successful, 4);
}

#[tokio::test]
async fn an_outage_while_the_token_is_renewed_ends_nothing() {
    for fault in [Fault::Offline, Fault::Page(200), Fault::Page(401), Fault::Unavailable, Fault::NotFound] {
        let (_, server, device) = signed_up().await;
        add_many(&device, 4).await;
        server.expire_access_tokens();
        device.link.next(Route::Auth, vec![fault; 4]);
        let mut engine = device.engine().await;
        let (_, drained) = engine.process_batch_queue(SyncOptions::default()).await.unwrap();
        assert_ne!(drained, Drained::Empty);
        assert!(device.service.session().await.unwrap().unwrap().is_usable());
        let (result, drained) = engine.process_batch_queue(patient()).await.unwrap();
        assert_eq!((result.summary.successful, drained), (4, Drained::Empty));
    }
}

#[tokio::test]
async fn a_server_too_busy_to_renew_a_token_is_not_taken_for_something_else() {
    let (world, _, device) = signed_up().await;
    add_many(&device, 4).await;
    world.advance(3_590_000);
    device.link.next(Route::Auth, [Fault::Unavailable]);
    let (observer, seen) = common::device::recorder();
    let mut engine = device.engine().await.observed(observer);
    let (result, _) = engine.process_batch_queue(patient()).await.unwrap();
    assert_eq!((result.summary.successful, renewals(&device)), (4, 2));
    assert!(!seen.lock().unwrap().iter().any(|event| matches!(event, SyncEvent::NotTheServer)));
}

#[tokio::test]
async fn two_processes_that_renew_at_the_same_time_keep_the_good_session() {
    let (world, server, device) = signed_up().await;
    let other = Device::on(device.store.clone(), &server, &world, 2, ClientConfig::default());
    let old = device.service.session().await.unwrap().unwrap();
    // The other process renews while this one's request is on its way: this one is refused.
    let also = other.clone();
    let theirs = old.clone();
    device
        .link
        .next(Route::Auth, [Fault::meanwhile(move || drop(also.service.refresh(theirs.clone()).now_or_never()))]);
    let mine = device.service.refresh(old).await;
    // The other's future could not complete at once if its link waited; then it had not renewed at all.
    let stored = device.service.session().await.unwrap().unwrap();
    assert!(stored.is_usable());
    assert_eq!(mine.unwrap(), stored);
}

#[tokio::test]
async fn signing_out_while_the_token_is_renewed_stays_signed_out() {
    let (_, _, device) = signed_up().await;
    let session = device.service.session().await.unwrap().unwrap();
    let store = device.store.clone();
    let forget = move || {
        let key = verses_store::meta_key::SESSION.to_owned();
        store.commit(None, vec![verses_store::StoreChange::DeleteMeta { key }]).now_or_never().unwrap().unwrap();
    };
    device.link.next(Route::Auth, [Fault::meanwhile(forget)]);
    let error = device.service.refresh(session).await.unwrap_err();
    assert!(matches!(error, ClientError::SignInNeeded), "{error}");
    assert_eq!(device.service.session().await.unwrap(), None);
}

#[tokio::test]
async fn signing_out_tells_the_server_even_with_an_expired_access_token_and_parks_what_waits() {
    let (_, server, device) = signed_up().await;
    add_many(&device, 3).await;
    device.clock.world().advance(2 * 3_600_000);
    let out = device.service.sign_out(false).await.unwrap();
    assert_eq!((out.parked_operations, out.server_told), (3, true));
    assert_eq!(server.refresh_tokens(), 0);
    assert_eq!(device.user().await, GUEST);
    assert!(matches!(device.service.sign_out(false).await, Err(ClientError::SignInNeeded)));
}

#[tokio::test]
async fn signing_out_offline_forgets_the_tokens_and_says_that_the_server_does_not_know() {
    let (_, _, device) = signed_up().await;
    device.link.all_routes(&Fault::Offline);
    let out = device.service.sign_out(true).await.unwrap();
    assert!(!out.server_told);
    assert_eq!(device.service.session().await.unwrap(), None);
}

#[tokio::test]
async fn nothing_of_one_account_is_sent_under_another() {
    let (_, server, device) = signed_up().await;
    let mut engine = device.engine().await;
    add_many(&device, 4).await;
    let first = device.user().await;
    let parked = device.queue();
    device.service.sign_out(false).await.unwrap();
    device.service.sign_up(Some("b@example.org"), Some("password")).await.unwrap();
    let second = device.user().await;
    assert!(device.cards().await.is_empty());
    add(&device, &["John 3:16"]).await;
    let (result, _) = engine.sync(patient()).await.unwrap();
    assert_eq!(result.to_remote.summary.successful, 1);
    assert_eq!((server.history(&second).len(), server.history(&first).len()), (1, 0));
    assert_eq!(device.queue(), parked);
    device.service.sign_out(false).await.unwrap();
    device.service.sign_in("a@example.org", "password").await.unwrap();
    engine.sync(patient()).await.unwrap();
    assert_eq!(server.history(&first), parked);
    assert_eq!(server.history(&second).len(), 1);
}

#[tokio::test]
async fn an_account_change_in_the_middle_of_fetching_mixes_nothing() {
    let (world, server, device) = signed_up().await;
    let first = device.user().await;
    add_many(&device, 3).await;
    device.sync().await;
    let config = ClientConfig { changes_per_page: 1, ..ClientConfig::default() };
    let fresh = Device::with(&server, &world, 7, config);
    fresh.service.sign_in("a@example.org", "password").await.unwrap();
    let other = Device::on(fresh.store.clone(), &server, &world, 8, ClientConfig::default());
    let b = Device::new(&server, &world, 9);
    b.service.sign_up(Some("b@example.org"), Some("password")).await.unwrap();
    add(&b, &["Romans 8:28"]).await;
    b.sync().await;
    let session = b.store.meta(verses_store::meta_key::SESSION).await.unwrap().unwrap();
    let switch = move || {
        let key = verses_store::meta_key::SESSION.to_owned();
        let put = verses_store::StoreChange::PutMeta { key, value: session.clone() };
        other.store.commit(None, vec![put]).now_or_never().unwrap().unwrap();
    };
    fresh.link.next(Route::Changes, [Fault::None, Fault::afterwards(switch)]);
    let outcome = fresh.engine().await.sync_from_remote().await;
    assert!(matches!(outcome, Err(ClientError::SignInNeeded)), "{outcome:?}");
    let owned = fresh.store.cards(&first).await.unwrap();
    assert!(owned.iter().all(|c| c.verse_id != add_id("Romans 8:28")));
    assert!(fresh.store.cards(&b.user().await).await.unwrap().is_empty());
}

/// A device that asks for changes page by page, with what its user does when an answer of the server is about to arrive.
async fn removed_when(route: Route, prepare: impl AsyncFnOnce(&Device)) -> (Device, String) {
    let (world, server, device) = signed_up().await;
    add_many(&device, 3).await;
    device.sync().await;
    let config = ClientConfig { changes_per_page: 1, ..ClientConfig::default() };
    let fresh = Device::with(&server, &world, 7, config);
    fresh.service.sign_in("a@example.org", "password").await.unwrap();
    prepare(&fresh).await;
    let leaving = fresh.clone();
    let leave = move || {
        leaving.service.sign_out_and_remove(false).now_or_never().unwrap().unwrap();
    };
    fresh.link.next(route, [Fault::None, Fault::afterwards(leave)]);
    (fresh, device.user().await)
}

async fn nothing_is_left(device: &Device, user: &str) {
    assert_eq!(device.service.session().await.unwrap(), None);
    assert_eq!(device.store.cards(user).await.unwrap(), []);
    assert_eq!(device.store.verses(user).await.unwrap(), []);
    assert_eq!(device.store.meta(&verses_store::meta_key::cursor(user)).await.unwrap(), None);
    assert_eq!(device.queue(), Vec::<String>::new());
}

#[tokio::test]
async fn what_was_removed_at_sign_out_does_not_come_back_with_a_page_that_was_on_its_way() {
    let (fresh, user) = removed_when(Route::Changes, async |_| {}).await;
    let outcome = fresh.engine().await.sync_from_remote().await;
    assert!(matches!(outcome, Err(ClientError::SignInNeeded)), "{outcome:?}");
    nothing_is_left(&fresh, &user).await;
    fresh.service.sign_in("a@example.org", "password").await.unwrap();
    fresh.sync().await;
    assert_eq!(fresh.cards().await.len(), 3);
}

#[tokio::test]
async fn what_was_removed_at_sign_out_does_not_come_back_with_the_answer_to_a_batch() {
    let prepare = async |device: &Device| {
        add(device, &["Jude 3"]).await;
        device.engine().await.process_batch_queue(patient()).await.unwrap();
        add(device, &["Jude 4"]).await;
    };
    let (fresh, user) = removed_when(Route::Operations, prepare).await;
    let mut engine = fresh.engine().await;
    engine.process_batch_queue(patient()).await.unwrap();
    add(&fresh, &["Jude 5"]).await;
    drop(engine.process_batch_queue(patient()).await);
    nothing_is_left(&fresh, &user).await;
}

#[tokio::test]
async fn a_page_asked_for_before_leaving_and_coming_back_is_not_taken_for_the_next_one() {
    let (fresh, _) = removed_when(Route::Changes, async |_| {}).await;
    let leaving = fresh.clone();
    let leave_and_return = move || {
        leaving.service.sign_out_and_remove(false).now_or_never().unwrap().unwrap();
        leaving.service.sign_in("a@example.org", "password").now_or_never().unwrap().unwrap();
    };
    fresh.link.stop_faults();
    fresh.link.next(Route::Changes, [Fault::None, Fault::afterwards(leave_and_return)]);
    fresh.engine().await.sync_from_remote().await.unwrap();
    assert_eq!(fresh.cards().await.len(), 3);
}

fn add_id(reference: &str) -> verses_core::VerseId {
    verses_core::parse_passage(reference).unwrap().verse_id("KJV")
}

#[tokio::test]
async fn a_guest_who_signs_up_keeps_everything_and_it_is_sent_even_by_an_engine_opened_before() {
    let world = World::default();
    let server = Server::new(&world);
    let device = Device::new(&server, &world, 1);
    let ids = add(&device, &["John 3:16", "Psalm 23:1", "Romans 8:28"]).await;
    device.service.record_review(ids[0], true, None).await.unwrap();
    let queued = device.queue();
    let mut engine = device.engine().await;
    let error = engine.process_batch_queue(SyncOptions::default()).await.unwrap_err();
    assert!(matches!(error, ClientError::SignInNeeded), "{error}");
    let signed_in = device.service.sign_up(None, None).await.unwrap();
    assert_eq!((signed_in.adopted_verses, signed_in.adopted_operations), (3, 4));
    assert!(device.store.cards(GUEST).await.unwrap().is_empty());
    let (result, drained) = engine.process_batch_queue(patient()).await.unwrap();
    assert_eq!((result.summary.successful, drained), (4, Drained::Empty));
    assert_eq!(server.history(&device.user().await), queued);
    assert_eq!(device.cards().await, server.cards(&device.user().await));
}

#[tokio::test]
async fn a_guest_who_signs_in_to_an_account_with_the_same_verse_loses_no_event() {
    let (world, server, elsewhere) = signed_up().await;
    let ids = add(&elsewhere, &["John 3:16", "Psalm 23:1"]).await;
    world.advance(60_000);
    elsewhere.service.record_review(ids[0], true, None).await.unwrap();
    let name = ProfileChange { full_name: Some("Ada".into()), ..ProfileChange::default() };
    elsewhere.service.update_profile(name).await.unwrap();
    elsewhere.sync().await;
    let user = elsewhere.user().await;

    // This device had been signed in before, so it has the account's cards; then a guest used it.
    let device = second_device(&server, &world).await;
    device.sync().await;
    device.service.sign_out(false).await.unwrap();
    world.advance(24 * 3_600_000);
    let as_guest = add(&device, &["John 3:16", "Romans 8:28"]).await;
    device.service.record_review(as_guest[0], false, None).await.unwrap();
    let zone = ProfileChange { timezone: Some("Europe/Berlin".into()), ..ProfileChange::default() };
    device.service.update_profile(zone).await.unwrap();
    let signed_in = device.service.sign_in("a@example.org", "password").await.unwrap();
    assert_eq!((signed_in.adopted_verses, signed_in.adopted_operations), (2, 4));
    let events = device.store.events(&user, ids[0]).await.unwrap();
    let reviews = events.iter().filter(|e| matches!(e.event.kind, verses_core::CardEventKind::Reviewed { .. }));
    assert_eq!((events.len(), reviews.count()), (4, 2));
    device.sync().await;
    elsewhere.sync().await;
    assert_eq!(device.cards().await, server.cards(&user));
    assert_eq!(elsewhere.cards().await, server.cards(&user));
    assert_eq!(server.cards(&user).len(), 3);
    for profile in [device.service.profile().await.unwrap(), elsewhere.service.profile().await.unwrap()] {
        assert_eq!(profile.full_name.value.as_deref(), Some("Ada"));
        assert_eq!(profile.timezone.value.as_deref(), Some("Europe/Berlin"));
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused_with_the_servers_words_and_changes_nothing() {
    let (_, _, device) = signed_up().await;
    let before = device.service.session().await.unwrap();
    let error = device.service.sign_in("a@example.org", "wrong").await.unwrap_err();
    assert!(matches!(&error, ClientError::Refused { code, .. } if code == "invalid_credentials"), "{error}");
    assert!(!error.is_retryable());
    assert_eq!(device.service.session().await.unwrap(), before);
}

#[tokio::test]
async fn ids_given_out_are_valid_operation_ids_and_all_different() {
    let world = World::default();
    let server = Server::new(&world);
    let device = Device::new(&server, &world, 1);
    let own = NewVerse { reference: "Saying".into(), translation: None, text: Some("Be kind".into()) };
    device.service.add_verses(&[own], |_| {}).await.unwrap();
    add_many(&device, 20).await;
    let mut ids = device.queue();
    assert!(ids.iter().all(|id| OperationId::new(id.clone()).is_ok()));
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 21);
    assert!(device.clock.now_ms() > 0);
}
