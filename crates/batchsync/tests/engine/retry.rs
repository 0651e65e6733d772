//! Retries: backoff, Retry-After, the operation's own faults, offline.

use batchsync::{
    BatchConfig, Connectivity, Event, FailureReason, HttpFault, OperationOutcome, Response, Signal, WaitReason,
};

use crate::common::{Answer, Sim, applied, fixed, respond, retry_later};

fn throttled(status: u16, ms: u64) -> Signal {
    Signal::from(HttpFault { status, retry_after_ms: Some(ms), ..HttpFault::default() })
}

#[test]
fn the_backoff_grows_from_the_base_to_the_cap_and_never_ends() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add_many(10);
    let mut longest = 0;
    for n in 0..60_u32 {
        let request = sim.wait_for_request().expect("it never gives up");
        sim.fault(&request, Signal::ConnectionLost);
        let wait = sim.wait().0.unwrap();
        assert!(wait >= 1 && wait <= (1_000_i64 << n.min(20)).min(300_000), "fault {n}: {wait} ms");
        longest = longest.max(wait);
    }
    assert!(longest > 100_000, "the backoff never grew: {longest} ms");
    assert!(sim.store.values().all(|row| row.retry_count == 0), "faults of the network count against nothing");
}

#[test]
fn a_success_resets_the_backoff() {
    let mut sim = Sim::new(fixed(5));
    sim.add_many(10);
    for _ in 0..10 {
        let request = sim.wait_for_request().unwrap();
        sim.fault(&request, Signal::ConnectionLost);
    }
    let request = sim.wait_for_request().unwrap();
    sim.accept(&request);
    let request = sim.request();
    sim.fault(&request, Signal::ConnectionLost);
    assert!(sim.wait().0.unwrap() <= 1_000);
}

#[test]
fn retry_after_is_waited_for_and_a_flush_does_not_shorten_it() {
    for status in [429, 503] {
        let mut sim = Sim::new(BatchConfig::default());
        sim.add_many(10);
        let request = sim.request();
        sim.fault(&request, throttled(status, 30_000));
        let _ = sim.engine.flush(sim.now);
        assert_eq!(sim.wait(), (Some(30_000), WaitReason::RetryAfter), "{status}");
        sim.advance(30_000);
        assert_eq!(sim.request().operations.len(), 10, "throttling does not shrink the batch");
        assert!(sim.store.values().all(|row| row.retry_count == 0));
    }
}

#[test]
fn a_flush_ends_a_backoff() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add_many(10);
    let request = sim.request();
    sim.fault(&request, Signal::ConnectionLost);
    sim.wait();
    let _ = sim.engine.flush(sim.now);
    sim.request();
}

#[test]
fn an_absurd_retry_after_is_believed_for_an_hour_at_most() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add_many(10);
    let request = sim.request();
    sim.fault(&request, throttled(429, u64::MAX));
    assert_eq!(sim.wait().0, Some(3_600_000));
}

#[test]
fn retry_after_zero_still_backs_off() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add_many(10);
    let request = sim.request();
    sim.fault(&request, throttled(429, 0));
    assert_eq!(sim.wait().1, WaitReason::Backoff);
}

#[test]
fn retry_after_on_a_success_is_honoured_too() {
    let mut sim = Sim::new(fixed(5));
    sim.add_many(10);
    let request = sim.request();
    let response = Response { retry_after_ms: Some(7_000), ..applied(&request) };
    sim.answer(&request, Answer::Response(response));
    assert_eq!(sim.wait(), (Some(7_000), WaitReason::RetryAfter));
}

#[test]
fn a_clock_that_goes_back_does_not_lengthen_a_wait() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add_many(10);
    let request = sim.request();
    sim.fault(&request, throttled(503, 30_000));
    sim.advance(10_000);
    assert_eq!(sim.wait().0, Some(20_000));
    sim.advance(-365 * 86_400_000);
    assert_eq!(sim.wait().0, Some(20_000));
}

#[test]
fn an_operation_with_max_retries_faults_of_its_own_goes_to_the_inbox_and_the_others_go_on() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add_many(10);
    sim.drive(|request| {
        Answer::Response(respond(request, |id| {
            Some(if id == "op-0004" { retry_later() } else { OperationOutcome::Applied })
        }))
    });
    assert_eq!(sim.failure("op-0004"), FailureReason::RetriesExhausted);
    assert_eq!(sim.journal.len(), 9);
    let tries = sim.sent.iter().filter(|request| request.operations.iter().any(|id| id == "op-0004")).count();
    assert_eq!(tries, 3);
}

#[test]
fn an_operation_missing_from_the_answer_stays_pending_and_is_sent_again_with_the_same_id() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add_many(10);
    let request = sim.request();
    let response = respond(&request, |id| (id != "op-0002").then_some(OperationOutcome::Applied));
    let settlement = sim.answer(&request, Answer::Response(response));
    let summary = settlement.summary.unwrap();
    assert_eq!((summary.total, summary.successful, summary.failed), (10, 9, 1));
    assert!(sim.is_pending("op-0002"));
    assert_eq!(sim.store["op-0002"].retry_count, 1);
    let (wait, reason) = sim.wait();
    assert!(wait.is_some_and(|wait| (1..=1_000).contains(&wait)) && reason == WaitReason::Backoff);
    assert_eq!(sim.wait_for_request().unwrap().operations, ["op-0002"]);
}

#[test]
fn an_operation_told_to_wait_keeps_its_own_wait_even_when_flushed() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add_many(10);
    let request = sim.request();
    let told = OperationOutcome::Retry { code: "busy".into(), message: "later".into(), retry_after_ms: Some(60_000) };
    let response = respond(&request, |id| Some(if id == "op-0000" { told.clone() } else { OperationOutcome::Applied }));
    sim.answer(&request, Answer::Response(response));
    let _ = sim.engine.flush(sim.now);
    assert_eq!(sim.wait().0, Some(60_000));
}

#[test]
fn offline_pauses_and_both_the_network_and_a_timer_wake_it() {
    let mut sim = Sim::new(BatchConfig::default());
    let _ = sim.engine.network_changed(sim.now, Connectivity::Offline, None);
    sim.add_many(10);
    let (until, reason) = sim.wait();
    assert_eq!(reason, WaitReason::Offline);
    sim.advance(until.expect("a timer wakes it too"));
    let request = sim.request();
    sim.fault(&request, Signal::ConnectFailed);
    assert_eq!(sim.wait().1, WaitReason::Offline);
    let settlement = sim.engine.network_changed(sim.now, Connectivity::Online, None);
    assert_eq!(settlement.events, [Event::CameOnline]);
    let request = sim.request();
    assert_eq!(request.operations.len(), 10);
    sim.accept(&request);
    assert!(sim.store.is_empty());
}

#[test]
fn a_failed_connection_leaves_operations_as_unsent_as_before() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add_many(10);
    let request = sim.request();
    assert!(sim.store.values().all(|row| row.ever_sent), "the claim says that it may reach the server");
    sim.fault(&request, Signal::ConnectFailed);
    assert!(sim.store.values().all(|row| !row.ever_sent));
    let request = sim.wait_for_request().unwrap();
    sim.fault(&request, Signal::ConnectionLost);
    assert!(sim.store.values().all(|row| row.ever_sent));
}

#[test]
fn an_operation_that_breaks_the_server_is_isolated_while_the_others_get_through() {
    let mut sim = Sim::new(fixed(8));
    sim.add_many(20);
    let answer = |sim: &mut Sim, request: &batchsync::SendRequest| {
        if request.operations.iter().any(|id| id == "op-0006") {
            sim.fault(request, Signal::status(500));
        } else {
            sim.accept(request);
        }
    };
    for _ in 0..20 {
        let request = sim.wait_for_request().unwrap();
        answer(&mut sim, &request);
    }
    assert_eq!(sim.journal.len(), 19);
    // Alone it is tried on and on, for nothing tells it from an outage; once others have passed it by, it is its own fault.
    for n in 0..20 {
        if sim.engine.failed().count() == 1 {
            break;
        }
        sim.add(&format!("later-{n}"));
        for _ in 0..2 {
            let request = sim.wait_for_request().unwrap();
            answer(&mut sim, &request);
        }
    }
    assert_eq!(sim.failure("op-0006"), FailureReason::RetriesExhausted);
}

#[test]
fn an_outage_of_the_server_sets_nothing_aside_however_long_it_lasts() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add_many(30);
    for _ in 0..100 {
        let request = sim.wait_for_request().unwrap();
        sim.fault(&request, Signal::status(500));
    }
    assert!(sim.store.values().all(|row| row.status == batchsync::OperationStatus::Pending && row.retry_count == 0));
    sim.drive_accepting();
    assert_eq!(sim.journal.len(), 30);
}

#[test]
fn an_individual_call_that_meets_a_server_fault_says_nothing_of_batches() {
    let mut sim = Sim::new(fixed(10));
    sim.add("lone");
    let request = sim.wait_for_request().unwrap();
    sim.fault(&request, Signal::status(503));
    sim.add_many(12);
    let sizes: Vec<usize> = (0..2)
        .map(|_| {
            let request = sim.wait_for_request().unwrap();
            sim.accept(&request);
            request.operations.len()
        })
        .collect();
    assert!(sizes.contains(&10), "{sizes:?}");
}

#[test]
fn a_success_beside_a_fault_ends_the_backoff() {
    let mut sim = Sim::new(BatchConfig { max_in_flight: 2, ..fixed(5) });
    sim.add_many(10);
    let (first, second) = (sim.request(), sim.request());
    sim.fault(&first, Signal::ConnectionLost);
    assert_eq!(sim.wait().1, WaitReason::Backoff);
    sim.accept(&second);
    assert_eq!(sim.request().operations, first.operations);
}

#[test]
fn a_5xx_that_names_an_operation_counts_against_that_one() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add_many(10);
    let fault = HttpFault { status: 500, operation: Some("op-0001".into()), ..HttpFault::default() };
    sim.drive(|request| {
        if request.operations.iter().any(|id| id == "op-0001") {
            Answer::Fault(Signal::from(fault.clone()))
        } else {
            Answer::Response(applied(request))
        }
    });
    assert_eq!(sim.failure("op-0001"), FailureReason::RetriesExhausted);
    assert_eq!(sim.journal.len(), 9);
}

#[test]
fn claims_that_could_not_be_stored_are_given_back_after_a_backoff() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add_many(10);
    let request = sim.request();
    sim.fault(&request, Signal::Storage);
    assert_eq!(sim.wait().1, WaitReason::Backoff);
    assert_eq!(sim.drive_accepting(), 1);
}
