//! Failed operations and what is done about them, also beside a process that is syncing; and writes that are all or nothing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod common;

use batchsync::{FailureReason, OperationStatus};
use common::device::{add_many, in_translation, second_device, signed_up};
use common::{Device, Fault, Route, Server, World, add, new_verse, patient};
use futures_util::FutureExt;
use verses_client::{ClientConfig, ClientError, Drained, ProfileChange, SyncOptions};
use verses_core::{OperationKind, VerseId};
use verses_store::{LocalStore, StoreError};

/// A device whose creation in an unknown translation was refused, with a review that waits for it. Gives verse and ids.
async fn with_a_failed_creation() -> (World, Server, Device, VerseId, Vec<String>) {
    let (world, server, device) = signed_up().await;
    let added = device.service.add_verses(&[in_translation("John 3:16", "NOPE")], |_| {}).await.unwrap();
    let verse = added[0].local.as_ref().unwrap().card.verse_id;
    device.service.record_review(verse, true, None).await.unwrap();
    let (result, _) = device.engine().await.process_batch_queue(patient()).await.unwrap();
    assert_eq!((result.summary.successful, result.summary.failed), (0, 2));
    let ids = device.queue();
    assert_eq!(ids.len(), 2);
    (world, server, device, verse, ids)
}

async fn failure(device: &Device, id: &str) -> FailureReason {
    match device.store.queued(&[id.to_owned()]).await.unwrap().remove(0).meta.status {
        OperationStatus::Failed(failure) => failure.reason,
        other => panic!("{id} is {other:?}"),
    }
}

#[tokio::test]
async fn what_depends_on_a_refused_creation_is_blocked_not_blamed() {
    let (_, _, device, _, ids) = with_a_failed_creation().await;
    assert_eq!(failure(&device, &ids[0]).await, FailureReason::Rejected);
    assert!(matches!(failure(&device, &ids[1]).await, FailureReason::Blocked { .. }));
}

#[tokio::test]
async fn what_waited_for_a_creation_that_the_feed_lists_goes_out_with_the_same_sync() {
    let (_, _, device) = signed_up().await;
    let verse = add(&device, &["John 3:16"]).await[0];
    device.link.next(Route::Operations, [Fault::FalseRefusal]);
    device.engine().await.process_batch_queue(patient()).await.unwrap();
    device.service.record_review(verse, true, None).await.unwrap();
    let (sent, _) = device.engine().await.process_batch_queue(patient()).await.unwrap();
    assert_eq!(sent.summary.requests, 0);
    let waiting = device.queue();
    assert_eq!(waiting.len(), 2);
    assert!(matches!(failure(&device, &waiting[1]).await, FailureReason::Blocked { .. }));
    let (result, drained) = device.engine().await.sync(patient()).await.unwrap();
    assert_eq!((result.to_remote.summary.successful, drained), (1, Drained::Empty));
    assert!(device.queue().is_empty());
}

#[tokio::test]
async fn a_discarded_operation_takes_its_effect_and_its_dependants_along() {
    let (_, _, device, verse, ids) = with_a_failed_creation().await;
    assert_eq!(device.service.discard(&ids[..1]).await.unwrap(), 2);
    assert!(device.queue().is_empty());
    assert_eq!(device.service.find(verse).await.unwrap(), None);
    assert!(device.store.events(&device.user().await, verse).await.unwrap().is_empty());
}

#[tokio::test]
async fn discarding_a_parent_and_its_child_together_is_no_error() {
    let (_, _, device, _, ids) = with_a_failed_creation().await;
    assert_eq!(device.service.discard(&ids).await.unwrap(), 2);
    let error = device.service.discard(&ids).await.unwrap_err();
    assert!(matches!(error, ClientError::UnknownOperation { .. }), "{error}");
}

#[tokio::test]
async fn an_unknown_id_among_others_discards_nothing() {
    let (_, _, device, _, ids) = with_a_failed_creation().await;
    let with_a_stranger = [ids[0].clone(), "no such id".to_owned()];
    let error = device.service.discard(&with_a_stranger).await.unwrap_err();
    assert!(matches!(&error, ClientError::UnknownOperation { id } if id == "no such id"), "{error}");
    assert_eq!(device.queue(), ids);
}

#[tokio::test]
async fn a_discarded_review_leaves_the_card_as_the_other_events_make_it() {
    let (_, _, device) = signed_up().await;
    let verse = add(&device, &["John 3:16"]).await[0];
    let before = device.cards().await;
    let review = device.service.record_review(verse, true, None).await.unwrap();
    assert_ne!(device.cards().await, before);
    assert_eq!(device.service.discard(&[review.operation_id]).await.unwrap(), 1);
    assert_eq!(device.cards().await, before);
}

#[tokio::test]
async fn a_discarded_profile_update_leaves_what_the_server_has_once_it_is_fetched() {
    let (_, server, device) = signed_up().await;
    let named = |name: &str| ProfileChange { full_name: Some(name.into()), ..ProfileChange::default() };
    device.service.update_profile(named("Ada")).await.unwrap();
    device.sync().await;
    let update = device.service.update_profile(named("Grace")).await.unwrap();
    device.service.discard(&[update.operation_id]).await.unwrap();
    device.sync().await;
    let (local, remote) = (device.service.profile().await.unwrap(), server.profile(&device.user().await));
    assert_eq!(local.full_name.value, remote.full_name);
    assert_eq!(remote.full_name.as_deref(), Some("Ada"));
}

#[tokio::test]
async fn what_is_being_sent_cannot_be_discarded_beside_the_sender() {
    let (world, server, device) = signed_up().await;
    add_many(&device, 3).await;
    let other = Device::on(device.store.clone(), &server, &world, 2, ClientConfig::default());
    let id = device.queue().remove(0);
    let refused: std::sync::Arc<std::sync::Mutex<Option<ClientError>>> = std::sync::Arc::default();
    let keep = refused.clone();
    let discard = move || {
        let outcome = other.service.discard(std::slice::from_ref(&id)).now_or_never().unwrap();
        *keep.lock().unwrap() = outcome.err();
    };
    device.link.next(Route::Operations, [Fault::meanwhile(discard)]);
    device.sync().await;
    assert!(matches!(*refused.lock().unwrap(), Some(ClientError::NotNow { .. })));
    assert_eq!(device.cards().await, server.cards(&device.user().await));
    assert_eq!(device.cards().await.len(), 3);
}

#[tokio::test]
async fn what_another_process_discards_before_it_is_sent_is_not_sent() {
    let (world, server, device) = signed_up().await;
    let other = Device::on(device.store.clone(), &server, &world, 2, ClientConfig::default());
    for count in [1, 4] {
        let verses = add_many(&device, count).await;
        let mut engine = device.engine().await;
        let gone = device.queue().remove(0);
        other.service.discard(std::slice::from_ref(&gone)).await.unwrap();
        device.link.forget_sent();
        let (result, drained) = engine.process_batch_queue(SyncOptions::default()).await.unwrap();
        assert_eq!((drained, result.summary.failed), (Drained::Empty, 0));
        assert_eq!(result.summary.successful, count as u64 - 1);
        let sent: Vec<String> = device.link.sent_operations().iter().flat_map(common::link::Sent::ids).collect();
        assert!(!sent.contains(&gone) && sent.len() == count - 1, "{sent:?}");
        assert_eq!(device.cards().await, server.cards(&device.user().await));
        assert_eq!(verses.len(), count);
    }
}

#[tokio::test]
async fn a_retry_goes_out_again_and_frees_what_was_blocked_in_whatever_order_it_is_asked_for() {
    let (_, server, device, verse, mut ids) = with_a_failed_creation().await;
    device.service.supply_text(&ids[0], "For God so loved the world").await.unwrap();
    ids.reverse();
    assert!(device.service.retry_failed(&ids).await.unwrap() >= 1);
    let result = device.sync().await;
    assert_eq!((result.to_remote.summary.successful, result.to_remote.summary.failed), (2, 0));
    assert_eq!(device.cards().await, server.cards(&device.user().await));
    let found = device.service.find(verse).await.unwrap().unwrap();
    assert_eq!(found.verse.unwrap().text, "For God so loved the world");
}

#[tokio::test]
async fn a_running_engine_follows_a_retry_and_a_discard_of_another_process() {
    let (world, server, device, _, ids) = with_a_failed_creation().await;
    let more = device.service.add_verses(&[in_translation("John 4:1", "NOPE")], |_| {}).await.unwrap();
    let mut engine = device.engine().await;
    engine.process_batch_queue(patient()).await.unwrap();
    let other = Device::on(device.store.clone(), &server, &world, 2, ClientConfig::default());
    other.service.supply_text(&ids[0], "My words").await.unwrap();
    other.service.retry_failed(&ids[..1]).await.unwrap();
    other.service.discard(std::slice::from_ref(&more[0].operation_id)).await.unwrap();
    let (result, drained) = engine.process_batch_queue(patient()).await.unwrap();
    assert_eq!((result.summary.successful, result.summary.failed, drained), (2, 0, Drained::Empty));
    assert!(device.queue().is_empty());
    assert_eq!(engine.engine().failed().count(), 0);
    assert_eq!(device.cards().await, server.cards(&device.user().await));
}

#[tokio::test]
async fn a_text_is_not_changed_when_the_server_may_hold_the_creation_already() {
    let (_, _, device) = signed_up().await;
    let mut config = ClientConfig::default();
    config.batch.max_age_ms = 60_000;
    let impatient = Device { service: device.service.clone(), ..device.clone() };
    let added = impatient.service.add_verses(&[new_verse("John 3:16")], |_| {}).await.unwrap();
    let id = added[0].operation_id.clone();
    let error = device.service.supply_text(&id, "x").await.unwrap_err();
    assert!(matches!(error, ClientError::UnknownOperation { .. }), "it has not failed: {error}");
    // Sent, the answer lost, and then too old: it failed, and may be on the server.
    device.link.next(Route::Operations, [Fault::LostAnswer]);
    device.engine().await.process_batch_queue(SyncOptions::default()).await.unwrap();
    let later = Device::on(device.store.clone(), &Server::new(device.clock.world()), device.clock.world(), 5, config);
    device.clock.world().advance(120_000);
    later.link.all_routes(&Fault::Offline);
    later.engine().await.process_batch_queue(SyncOptions::default()).await.unwrap();
    assert_eq!(failure(&device, &id).await, FailureReason::Expired);
    let error = device.service.supply_text(&id, "x").await.unwrap_err();
    assert!(matches!(error, ClientError::NotNow { .. }), "{error}");
}

#[tokio::test]
async fn a_failed_commit_leaves_neither_half_of_a_write() {
    let (_, _, device) = signed_up().await;
    let verse = add(&device, &["John 3:16"]).await[0];
    let before = (device.cards().await, device.queue(), device.service.profile().await.unwrap());
    device.store.fail_commits(Some(StoreError::Full("no room".into())));
    assert!(device.service.add_verses(&[new_verse("John 3:17")], |_| {}).await.is_err());
    assert!(device.service.record_review(verse, true, None).await.is_err());
    let name = ProfileChange { full_name: Some("Ada".into()), ..ProfileChange::default() };
    assert!(device.service.update_profile(name).await.is_err());
    device.store.fail_commits(None);
    assert_eq!((device.cards().await, device.queue(), device.service.profile().await.unwrap()), before);
    assert_eq!(device.store.events(&device.user().await, verse).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_engine_goes_on_after_a_failed_commit_and_applies_nothing_twice() {
    for fault_at in 0..2 {
        let (_, server, device) = signed_up().await;
        add_many(&device, 4).await;
        let queued = device.queue();
        let mut engine = device.engine().await;
        let full = Some(StoreError::Full("no room".into()));
        if fault_at == 0 {
            device.store.fail_commits(full);
        } else {
            let store = device.store.clone();
            device.link.next(Route::Operations, [Fault::afterwards(move || store.fail_commits(full.clone()))]);
        }
        let error = engine.process_batch_queue(patient()).await.unwrap_err();
        assert!(matches!(error, ClientError::Store(_)), "{error}");
        device.store.fail_commits(None);
        let (result, drained) = engine.process_batch_queue(SyncOptions::default()).await.unwrap();
        assert_eq!((result.summary.successful, drained), (4, Drained::Empty));
        assert_eq!(server.history(&device.user().await), queued);
        assert!(device.queue().is_empty());
    }
}

#[tokio::test]
async fn an_engine_whose_run_was_dropped_in_the_middle_of_a_request_sends_it_again_at_once() {
    let (_, server, device) = signed_up().await;
    add_many(&device, 4).await;
    let queued = device.queue();
    device.link.next(Route::Operations, [Fault::Silence]);
    let mut engine = device.engine().await;
    assert!(engine.process_batch_queue(patient()).now_or_never().is_none());
    let (result, drained) = engine.process_batch_queue(SyncOptions::default()).await.unwrap();
    assert_eq!((result.summary.successful, drained), (4, Drained::Empty));
    assert_eq!(server.history(&device.user().await), queued);
}

#[tokio::test]
async fn a_full_queue_refuses_before_anything_is_written() {
    let world = World::default();
    let server = Server::new(&world);
    let mut config = ClientConfig::default();
    config.batch.max_queue_len = 3;
    let device = Device::with(&server, &world, 1, config);
    add_many(&device, 3).await;
    let before = (device.cards().await, device.queue());
    let error = device.service.add_verses(&[new_verse("John 3:16")], |_| {}).await.unwrap_err();
    assert!(matches!(error, ClientError::QueueFull(_)), "{error}");
    let verse = before.0[0].verse_id;
    assert!(matches!(device.service.record_review(verse, true, None).await, Err(ClientError::QueueFull(_))));
    assert_eq!((device.cards().await, device.queue()), before);
}

#[tokio::test]
async fn profile_updates_are_folded_while_they_were_never_sent_and_not_after() {
    let (_, server, device) = signed_up().await;
    let named = |name: &str| ProfileChange { full_name: Some(name.into()), ..ProfileChange::default() };
    let zone = ProfileChange { timezone: Some("Europe/Berlin".into()), ..ProfileChange::default() };
    let first = device.service.update_profile(named("Ada")).await.unwrap();
    let second = device.service.update_profile(zone).await.unwrap();
    assert_eq!(first.operation_id, second.operation_id);
    assert_eq!(device.queue().len(), 1);
    device.link.next(Route::Operations, [Fault::LostAnswer]);
    device.engine().await.process_batch_queue(SyncOptions::default()).await.unwrap();
    let third = device.service.update_profile(named("Grace")).await.unwrap();
    assert_ne!(third.operation_id, first.operation_id, "the first may be on the server as it was");
    device.sync().await;
    assert!(device.queue().is_empty());
    let profile = server.profile(&device.user().await);
    assert_eq!((profile.full_name.as_deref(), profile.timezone.as_deref()), (Some("Grace"), Some("Europe/Berlin")));
}

#[tokio::test]
async fn profile_fields_set_on_two_devices_are_merged_field_by_field() {
    let (world, server, one) = signed_up().await;
    let two = second_device(&server, &world).await;
    let change = |name: &str, translation: Option<&str>| ProfileChange {
        full_name: Some(name.into()),
        preferred_translation: translation.map(Into::into),
        ..ProfileChange::default()
    };
    one.service.update_profile(change("Ada", Some("WEB"))).await.unwrap();
    world.advance(1_000);
    two.service.update_profile(change("Grace", None)).await.unwrap();
    two.sync().await;
    one.sync().await;
    two.sync().await;
    for device in [&one, &two] {
        let profile = device.service.profile().await.unwrap();
        assert_eq!(profile.full_name.value.as_deref(), Some("Grace"));
        assert_eq!(profile.preferred_translation.value.as_deref(), Some("WEB"));
    }
    assert_eq!(server.profile(&one.user().await).full_name.as_deref(), Some("Grace"));
}

#[tokio::test]
async fn each_queued_operation_says_why_it_is_not_done() {
    let (_, _, device, _, ids) = with_a_failed_creation().await;
    add(&device, &["John 5:1"]).await;
    let queued = device.store.queue_of(&device.user().await, false, 10).await.unwrap();
    let asked: Vec<String> =
        queued.into_iter().map(|row| row.meta.id).chain(["no such operation".to_owned()]).collect();
    let why = device.service.explain_queue(&asked).await.unwrap();
    let place = asked.iter().position(|id| *id == ids[0]).unwrap();
    assert!(matches!(why[place], Some(batchsync::Explanation::SetAside(_))));
    assert_eq!(why.iter().filter(|explanation| explanation.is_some()).count(), 3);
    assert_eq!((why.len(), why.last()), (4, Some(&None)), "an id that is not queued has no reason");
    let kinds: Vec<String> = device
        .store
        .queue_of(&device.user().await, true, 10)
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.meta.kind)
        .collect();
    assert_eq!(kinds, [OperationKind::CreateVerse.as_str(), OperationKind::RecordReview.as_str()]);
}
