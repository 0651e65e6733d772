//! Leases, stalls, and answers that come when nobody waits for them any more.

use batchsync::{FailureReason, OperationOutcome, Signal, WaitReason};

use crate::common::{Answer, Sim, applied, fixed, rejected, respond};

#[test]
fn a_claim_without_progress_ends_and_its_operations_are_sent_again() {
    let mut sim = Sim::new(fixed(3));
    sim.add_many(3);
    let request = sim.request();
    assert_eq!(sim.wait(), (Some(120_000), WaitReason::InFlight));
    sim.advance(120_000);
    let again = sim.request();
    assert_eq!(again.operations, request.operations);
    assert_ne!(again.request_id, request.request_id);
}

#[test]
fn progress_renews_the_claim_so_a_slow_request_is_never_given_up() {
    let mut sim = Sim::new(fixed(3));
    sim.add_many(3);
    let request = sim.request();
    for _ in 0..100 {
        sim.advance(100_000);
        sim.engine.handle_progress(sim.now, &request.request_id, 10);
        assert_eq!(sim.wait(), (Some(120_000), WaitReason::InFlight));
    }
    assert_eq!(sim.engine.progress(sim.now).bytes_moving, 1_000);
    sim.accept(&request);
    assert!(sim.store.is_empty());
}

#[test]
fn a_late_success_completes_and_the_newer_request_takes_no_harm() {
    let mut sim = Sim::new(fixed(3));
    sim.add_many(3);
    let first = sim.request();
    sim.fault(&first, Signal::Stalled);
    let second = sim.wait_for_request().unwrap();
    sim.accept(&first);
    assert_eq!(sim.journal.len(), 3);
    let settlement = sim.answer(&second, Answer::Response(respond(&second, |_| Some(OperationOutcome::Duplicate))));
    assert!(settlement.changes.is_empty());
    assert!(settlement.summary.unwrap().failed == 0);
    sim.drive_accepting();
    assert_eq!((sim.journal.len(), sim.store.len()), (3, 0));
}

#[test]
fn a_late_failure_never_undoes_a_newer_claim() {
    let mut sim = Sim::new(fixed(3));
    sim.add_many(3);
    let first = sim.request();
    sim.fault(&first, Signal::ConnectionLost);
    let second = sim.wait_for_request().unwrap();
    let settlement = sim.answer(&first, Answer::Response(respond(&first, |_| Some(rejected()))));
    assert!(settlement.is_empty());
    sim.accept(&second);
    assert_eq!(sim.journal.len(), 3);
}

#[test]
fn a_late_failure_counts_while_the_operation_still_waits() {
    let mut sim = Sim::new(fixed(3));
    sim.add_many(3);
    let first = sim.request();
    sim.fault(&first, Signal::ConnectionLost);
    sim.answer(&first, Answer::Response(respond(&first, |_| Some(rejected()))));
    assert_eq!(sim.failure("op-0001"), FailureReason::Rejected);
}

#[test]
fn a_late_answer_about_content_that_was_edited_since_is_ignored() {
    let mut sim = Sim::new(fixed(1));
    sim.add("a");
    let first = sim.request();
    sim.fault(&first, Signal::ConnectionLost);
    let second = sim.wait_for_request().unwrap();
    sim.answer(&second, Answer::Response(respond(&second, |_| Some(rejected()))));
    let settlement = sim.engine.edited(sim.now, "a", 10).unwrap();
    sim.persist(settlement);
    assert!(sim.answer(&first, Answer::Response(applied(&first))).is_empty());
    assert!(sim.is_pending("a"));
    sim.drive_accepting();
    assert!(sim.is_done("a"));
}

#[test]
fn a_late_success_takes_an_operation_out_of_the_inbox_and_frees_its_children() {
    let mut sim = Sim::new(fixed(1));
    sim.add("parent");
    sim.add_child("child", "parent");
    let first = sim.request();
    sim.fault(&first, Signal::ConnectionLost);
    let second = sim.wait_for_request().unwrap();
    sim.answer(&second, Answer::Response(respond(&second, |_| Some(rejected()))));
    assert!(matches!(sim.failure("child"), FailureReason::Blocked { .. }));
    sim.accept(&first);
    assert!(sim.is_done("parent") && sim.is_pending("child"));
    assert_eq!(sim.request().operations, ["child"]);
}

#[test]
fn the_answer_to_a_request_of_an_earlier_process_completes_and_its_failures_do_nothing() {
    let mut sim = Sim::new(fixed(3));
    sim.add_many(3);
    let request = sim.request();
    sim.restart(2);
    let response = respond(&request, |id| Some(if id == "op-0000" { OperationOutcome::Applied } else { rejected() }));
    sim.answer(&request, Answer::Response(response));
    assert!(sim.is_done("op-0000") && sim.is_pending("op-0001") && sim.is_pending("op-0002"));
}

#[test]
fn an_answer_that_names_strangers_or_names_one_twice_does_nothing_more() {
    let mut sim = Sim::new(fixed(3));
    sim.add_many(3);
    let request = sim.request();
    let mut response = applied(&request);
    response.results.push(batchsync::OperationResult { id: "op-0000".into(), outcome: rejected() });
    response.results.push(batchsync::OperationResult { id: "stranger".into(), outcome: rejected() });
    sim.answer(&request, Answer::Response(response));
    assert_eq!((sim.journal.len(), sim.store.len()), (3, 0));
}

#[test]
fn a_fault_of_a_request_that_has_ended_changes_nothing() {
    let mut sim = Sim::new(fixed(3));
    sim.add_many(3);
    let request = sim.request();
    sim.accept(&request);
    assert!(sim.fault(&request, Signal::status(401)).is_empty());
    assert!(sim.fault(&request, Signal::Stalled).is_empty());
}
