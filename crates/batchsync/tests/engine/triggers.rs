//! When a send starts, and whether it is a batch.

use crate::common::{Answer, Sim, fixed, respond};
use batchsync::{
    BatchConfig, Connectivity, Delivery, NetworkHint, NetworkQuality, OperationOutcome, SendMode, WaitReason,
    should_use_batch_sync,
};

#[test]
fn ten_queued_operations_make_exactly_one_request() {
    let mut sim = Sim::new(BatchConfig::default());
    for n in 0..9 {
        sim.add(&format!("op-{n}"));
        assert_eq!(sim.wait(), (Some(3_000), WaitReason::Collecting));
    }
    sim.add("op-9");
    let request = sim.request();
    assert_eq!(request.mode, SendMode::Batch);
    assert_eq!(request.operations.len(), 10);
    sim.accept(&request);
    assert_eq!(sim.wait(), (None, WaitReason::Idle));
    assert_eq!(sim.sent.len(), 1);
}

#[test]
fn a_changed_batch_size_changes_the_trigger() {
    let mut sim = Sim::new(BatchConfig { max_batch_size: 4, ..BatchConfig::default() });
    sim.add_many(4);
    assert_eq!(sim.request().operations.len(), 4);
}

#[test]
fn fewer_operations_go_when_the_oldest_has_waited_batch_timeout() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add("a");
    sim.advance(1_000);
    sim.add("b");
    sim.add("c");
    assert_eq!(sim.wait(), (Some(2_000), WaitReason::Collecting));
    sim.advance(1_999);
    assert_eq!(sim.wait().0, Some(1));
    sim.advance(1);
    assert_eq!(sim.request().operations, ["a", "b", "c"]);
}

#[test]
fn a_flush_a_network_a_foreground_and_a_token_each_send_at_once() {
    type Act = fn(&mut Sim);
    let acts: [(&str, Act); 4] = [
        ("flush", |sim| assert!(sim.engine.flush(sim.now).is_empty())),
        ("network", |sim| assert!(sim.engine.network_changed(sim.now, Connectivity::Online, None).is_empty())),
        ("foreground", |sim| assert!(sim.engine.foregrounded(sim.now).is_empty())),
        ("token", |sim| sim.sign_in("ann")),
    ];
    for (name, act) in acts {
        let mut sim = Sim::new(BatchConfig::default());
        sim.add_many(3);
        assert_eq!(sim.wait().1, WaitReason::Collecting, "{name}");
        act(&mut sim);
        assert_eq!(sim.request().operations.len(), 3, "{name}");
    }
}

#[test]
fn a_drain_goes_on_without_waiting_between_requests_and_leaves_newcomers_to_their_own_trigger() {
    let mut sim = Sim::new(fixed(10));
    sim.add_many(25);
    let first = sim.request();
    sim.add("late");
    sim.accept(&first);
    let second = sim.request();
    sim.accept(&second);
    // The last request of the drain has room, so the newcomer rides along.
    let third = sim.request();
    assert_eq!(third.operations.len(), 6);
    sim.accept(&third);
    sim.advance(1_000);
    sim.add("later");
    assert_eq!(sim.wait(), (Some(3_000), WaitReason::Collecting));
}

#[test]
fn an_operation_whose_own_wait_ends_first_is_not_held_back_by_newcomers() {
    let mut sim = Sim::new(fixed(10));
    sim.add("a");
    let _ = sim.engine.flush(sim.now);
    let request = sim.request();
    let told = OperationOutcome::Retry { code: "busy".into(), message: "m".into(), retry_after_ms: Some(2_000) };
    sim.answer(&request, Answer::Response(respond(&request, |_| Some(told.clone()))));
    sim.add("b");
    assert_eq!(sim.wait().0, Some(2_000));
    sim.advance(2_000);
    assert_eq!(sim.request().operations, ["a"]);
}

#[test]
fn newcomers_are_not_held_back_by_an_operation_with_a_long_wait_of_its_own() {
    let mut sim = Sim::new(fixed(10));
    sim.add("a");
    let _ = sim.engine.flush(sim.now);
    let request = sim.request();
    let told = OperationOutcome::Retry { code: "busy".into(), message: "m".into(), retry_after_ms: Some(60_000) };
    sim.answer(&request, Answer::Response(respond(&request, |_| Some(told.clone()))));
    sim.add("b");
    assert_eq!(sim.wait(), (Some(3_000), WaitReason::Collecting));
}

#[test]
fn batches_pay_from_three_on_or_from_one_on_a_poor_network() {
    use NetworkQuality::{Fair, Good, Poor};
    for (size, quality, batch) in [
        (0, Good, false),
        (0, Poor, false),
        (1, Good, false),
        (1, Fair, false),
        (1, Poor, true),
        (2, Good, false),
        (2, Fair, false),
        (2, Poor, true),
        (3, Good, true),
        (3, Fair, true),
        (3, Poor, true),
    ] {
        assert_eq!(should_use_batch_sync(size, quality), batch, "{size} {quality:?}");
    }
}

#[test]
fn two_operations_go_individually_unless_the_network_is_poor() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add_many(2);
    let _ = sim.engine.flush(sim.now);
    for _ in 0..2 {
        let request = sim.request();
        assert_eq!((request.mode, request.operations.len()), (SendMode::Individual, 1));
        sim.accept(&request);
    }
    let poor = NetworkHint { quality: Some(NetworkQuality::Poor), ..NetworkHint::default() };
    let _ = sim.engine.network_changed(sim.now, Connectivity::Online, Some(poor));
    sim.add("x");
    sim.add("y");
    let _ = sim.engine.flush(sim.now);
    let request = sim.request();
    assert_eq!((request.mode, request.operations.len()), (SendMode::Batch, 2));
}

#[test]
fn individual_only_delivery_never_uses_the_batch_endpoint() {
    let mut sim = Sim::new(BatchConfig { delivery: Delivery::IndividualOnly, ..BatchConfig::default() });
    sim.add_many(12);
    assert_eq!(sim.drive_accepting(), 12);
    assert!(sim.sent.iter().all(|request| request.mode == SendMode::Individual));
}

#[test]
fn an_empty_queue_waits_for_nothing_even_when_flushed() {
    let mut sim = Sim::new(BatchConfig::default());
    let _ = sim.engine.flush(sim.now);
    assert_eq!(sim.wait(), (None, WaitReason::Idle));
}

#[test]
fn a_clock_that_goes_back_does_not_postpone_the_trigger() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add_many(3);
    sim.wait();
    sim.advance(-86_400_000);
    assert_eq!(sim.wait(), (Some(3_000), WaitReason::Collecting));
    sim.advance(3_000);
    assert_eq!(sim.request().operations.len(), 3);
}
