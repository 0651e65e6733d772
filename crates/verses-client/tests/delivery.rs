//! Sending: batches and single operations, what comes back, and what a network in trouble may not do.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod common;

use common::device::add_many;
use common::{Device, Fault, Route, Server, World, add, new_verse, patient};
use verses_client::{ClientConfig, ClientError, Drained, SyncOptions};

async fn signed_up() -> (World, Server, Device) {
    let world = World::default();
    let server = Server::new(&world);
    let device = Device::new(&server, &world, 1);
    device.service.sign_up(Some("a@example.org"), Some("password")).await.unwrap();
    (world, server, device)
}

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
