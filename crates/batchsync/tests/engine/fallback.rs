//! Individual calls when the batch endpoint is absent or refuses, and the way back.

use batchsync::{BatchConfig, Event, FailureReason, HttpFault, SendMode, Signal};

use crate::common::{Answer, Sim, applied, fixed};

const PROBE: i64 = 300_000;

fn lost(sim: &Sim) -> usize {
    sim.count_events(|event| matches!(event, Event::BatchEndpointLost { .. }))
}

#[test]
fn an_absent_batch_endpoint_sends_the_same_operations_individually_at_once() {
    for status in [404, 405, 501, 400, 422] {
        let mut sim = Sim::new(BatchConfig::default());
        sim.add_many(10);
        let batch = sim.request();
        sim.fault(&batch, Signal::status(status));
        assert_eq!(lost(&sim), 1, "{status}");
        let mut seen = Vec::new();
        for _ in 0..10 {
            let request = sim.request();
            assert_eq!(request.mode, SendMode::Individual, "{status}");
            seen.extend(request.operations.clone());
            sim.accept(&request);
        }
        assert_eq!(seen, batch.operations, "{status}");
        assert!(sim.journal.len() == 10 && sim.store.is_empty(), "{status}");
    }
}

#[test]
fn the_batch_endpoint_is_tried_again_after_the_probe_interval_and_used_again_when_it_answers() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add_many(10);
    let batch = sim.request();
    sim.fault(&batch, Signal::status(404));
    sim.drive_accepting();
    sim.advance(PROBE - 1_101);
    for n in 0..10 {
        sim.add(&format!("b-{n}"));
    }
    assert_eq!(sim.request().mode, SendMode::Individual);
    sim.advance(200_000);
    let open = sim.sent.last().unwrap().clone();
    sim.accept(&open);
    let probe = sim.request();
    assert_eq!(probe.mode, SendMode::Probe);
    assert!(probe.mode.uses_batch_endpoint() && probe.operations.len() == 9);
    sim.accept(&probe);
    assert_eq!(sim.count_events(|event| *event == Event::BatchEndpointRestored), 1);
    for n in 0..10 {
        sim.add(&format!("c-{n}"));
    }
    assert_eq!(sim.request().mode, SendMode::Batch);
}

#[test]
fn a_probe_that_is_refused_costs_nothing_and_rests_for_another_interval() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add_many(10);
    let batch = sim.request();
    sim.fault(&batch, Signal::status(404));
    sim.advance(PROBE);
    let probe = sim.request();
    assert_eq!(probe.mode, SendMode::Probe);
    sim.fault(&probe, Signal::status(405));
    assert_eq!(sim.request().mode, SendMode::Individual);
    assert!(sim.store.values().all(|row| row.retry_count == 0));
}

#[test]
fn faults_of_the_network_or_the_server_never_switch_to_individual_calls() {
    for signal in [
        Signal::ConnectFailed,
        Signal::Stalled,
        Signal::ConnectionLost,
        Signal::UnexpectedBody,
        Signal::status(500),
        Signal::status(503),
        Signal::status(429),
    ] {
        let mut sim = Sim::new(BatchConfig::default());
        sim.add_many(10);
        let batch = sim.request();
        sim.fault(&batch, signal.clone());
        assert_eq!(lost(&sim), 0, "{signal:?}");
        let wait = sim.wait().0.unwrap();
        sim.advance(wait);
        assert_eq!(sim.request().mode, SendMode::Batch, "{signal:?}");
    }
}

#[test]
fn a_400_that_names_no_operation_is_bisected_once_batches_have_worked() {
    let mut sim = Sim::new(fixed(16));
    sim.add_many(16);
    let batch = sim.request();
    sim.accept(&batch);
    for n in 0..16 {
        sim.add(&format!("b-{n:02}"));
    }
    let requests = sim.drive(|request| {
        if request.operations.iter().any(|id| id == "b-05") {
            Answer::Fault(Signal::status(400))
        } else {
            Answer::Response(applied(request))
        }
    });
    assert_eq!(sim.failure("b-05"), FailureReason::Rejected);
    assert_eq!((sim.store.len(), sim.journal.len()), (1, 31));
    assert!(requests <= 14, "{requests} requests to find one bad operation among 16");
    assert_eq!(lost(&sim), 0);
}

#[test]
fn a_400_that_names_an_operation_sets_that_one_aside_and_costs_the_others_nothing() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add_many(10);
    let batch = sim.request();
    let fault = HttpFault { status: 400, operation: Some("op-0003".into()), ..HttpFault::default() };
    sim.fault(&batch, Signal::from(fault));
    assert_eq!(sim.failure("op-0003"), FailureReason::Rejected);
    let again = sim.request();
    assert_eq!((again.mode, again.operations.len()), (SendMode::Batch, 9));
    assert!(sim.store.values().all(|row| row.retry_count == 0));
}

#[test]
fn a_400_that_names_an_operation_of_another_request_still_comes_to_an_end() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add_many(10);
    let fault = HttpFault { status: 400, operation: Some("stranger".into()), ..HttpFault::default() };
    sim.drive(|_| Answer::Fault(Signal::from(fault.clone())));
    assert!((0..10).all(|n| sim.failure(&format!("op-{n:04}")) == FailureReason::Rejected));
}

#[test]
fn a_server_without_any_of_the_endpoints_is_tried_again_and_nothing_is_set_aside() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add_many(10);
    for _ in 0..50 {
        match sim.wait_for_request() {
            Some(request) => sim.fault(&request, Signal::status(404)),
            None => panic!("it gave up"),
        };
    }
    assert!(sim.store.values().all(|row| row.status == batchsync::OperationStatus::Pending && row.retry_count == 0));
}
