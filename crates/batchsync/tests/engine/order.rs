//! Order within entities, and dependencies between operations.

use batchsync::{
    BatchConfig, ChildPolicy, CommandError, Explanation, FailureReason, OperationOutcome, QueueChange, Signal,
};

use crate::common::{Answer, Sim, applied, fixed, rejected, respond};

fn blocked_by(parent: &str) -> FailureReason {
    FailureReason::Blocked { parent: parent.into() }
}

/// A card, two reviews of it that depend on it, and one operation that has nothing to do with it.
fn family(sim: &mut Sim) {
    sim.add("parent");
    sim.add_child("child", "parent");
    sim.add_child("grandchild", "child");
    sim.add("other");
}

#[test]
fn operations_of_one_entity_ride_in_one_batch_in_order() {
    let mut sim = Sim::new(fixed(10));
    for n in 0..5 {
        sim.add_to("x", &format!("x-{n}"));
        sim.add_to("y", &format!("y-{n}"));
    }
    let request = sim.request();
    assert_eq!(request.operations, ["x-0", "y-0", "x-1", "y-1", "x-2", "y-2", "x-3", "y-3", "x-4", "y-4"]);
}

#[test]
fn an_entity_is_never_in_two_requests_at_once() {
    let mut sim = Sim::new(BatchConfig { max_in_flight: 3, ..fixed(2) });
    for n in 0..5 {
        sim.add_to("x", &format!("x-{n}"));
    }
    sim.add_to("y", "y-0");
    let first = sim.request();
    assert_eq!(first.operations, ["x-0", "x-1"]);
    let second = sim.request();
    assert_eq!(second.operations, ["y-0"]);
    sim.wait();
    sim.accept(&first);
    assert_eq!(sim.request().operations, ["x-2", "x-3"]);
}

#[test]
fn a_child_that_comes_back_does_not_ride_with_its_parent_while_its_own_entity_is_in_another_request() {
    let mut sim = Sim::new(BatchConfig { max_in_flight: 2, ..fixed(2) });
    sim.add("parent");
    sim.add_child_to("x", "x-0", "parent");
    let _ = sim.engine.flush(sim.now);
    let first = sim.request();
    let response = respond(&first, |_| Some(rejected()));
    sim.answer(&first, Answer::Response(response));
    assert_eq!(sim.failure("x-0"), blocked_by("parent"));

    sim.add_to("x", "x-1");
    let _ = sim.engine.flush(sim.now);
    assert_eq!(sim.request().operations, ["x-1"]);
    let settlement = sim.engine.retry(sim.now, "parent").unwrap();
    sim.persist(settlement);
    let _ = sim.engine.flush(sim.now);
    assert_eq!(sim.request().operations, ["parent"]);
    sim.wait();
    assert!(sim.is_pending("x-0"));
}

#[test]
fn an_operation_that_waits_holds_up_its_own_entity_and_no_other() {
    let mut sim = Sim::new(fixed(10));
    sim.add_to("x", "x-0");
    sim.add_to("x", "x-1");
    sim.add_to("y", "y-0");
    let _ = sim.engine.flush(sim.now);
    let request = sim.request();
    let told = OperationOutcome::Retry { code: "busy".into(), message: "m".into(), retry_after_ms: Some(5_000) };
    let response = respond(&request, |id| Some(if id == "x-0" { told.clone() } else { OperationOutcome::Applied }));
    sim.answer(&request, Answer::Response(response));
    sim.add_to("x", "x-2");
    sim.add_to("z", "z-0");
    let _ = sim.engine.flush(sim.now);
    assert_eq!(sim.request().operations, ["z-0"]);
    assert_eq!(sim.engine.explain(sim.now, "x-2"), Some(Explanation::Behind { earlier: "x-0".into() }));
}

#[test]
fn an_operation_that_waits_does_not_ride_along_behind_an_earlier_one() {
    let mut sim = Sim::new(fixed(10));
    sim.add_to("x", "x-0");
    sim.add_to("x", "x-1");
    sim.add_to("x", "x-2");
    let _ = sim.engine.flush(sim.now);
    let request = sim.request();
    let response = respond(&request, |id| {
        let retry_after_ms = Some(if id == "x-0" { 2_000 } else { 60_000 });
        Some(OperationOutcome::Retry { code: "busy".into(), message: "m".into(), retry_after_ms })
    });
    sim.answer(&request, Answer::Response(response));
    sim.advance(2_000);
    let request = sim.request();
    assert_eq!(request.operations, ["x-0"]);
    sim.accept(&request);
    assert_eq!(sim.wait().0, Some(58_000));
}

#[test]
fn a_rejected_operation_does_not_hold_up_later_ones_of_its_entity() {
    let mut sim = Sim::new(fixed(3));
    for n in 0..6 {
        sim.add_to("x", &format!("x-{n}"));
    }
    sim.drive(|request| {
        Answer::Response(respond(request, |id| Some(if id == "x-1" { rejected() } else { OperationOutcome::Applied })))
    });
    assert_eq!(sim.failure("x-1"), FailureReason::Rejected);
    assert_eq!(sim.journal.len(), 5);
}

#[test]
fn a_child_travels_behind_its_parent_or_after_it_but_never_before() {
    let mut sim = Sim::new(fixed(10));
    family(&mut sim);
    let _ = sim.engine.flush(sim.now);
    assert_eq!(sim.request().operations, ["parent", "child", "grandchild", "other"]);

    let mut sim = Sim::new(fixed(2));
    family(&mut sim);
    let _ = sim.engine.flush(sim.now);
    let first = sim.request();
    assert_eq!(first.operations, ["parent", "child"]);
    sim.accept(&first);
    assert_eq!(sim.request().operations, ["grandchild"]);
}

#[test]
fn with_requests_side_by_side_a_child_waits_for_the_answer_to_its_parent() {
    let mut sim = Sim::new(BatchConfig { max_in_flight: 2, ..fixed(1) });
    sim.add("parent");
    sim.add_child("child", "parent");
    let _ = sim.engine.flush(sim.now);
    let first = sim.request();
    assert_eq!(first.operations, ["parent"]);
    sim.wait();
    assert_eq!(sim.engine.explain(sim.now, "child"), Some(Explanation::WaitsFor { parent: "parent".into() }));
    sim.accept(&first);
    assert_eq!(sim.request().operations, ["child"]);
}

#[test]
fn a_failed_parent_blocks_its_descendants_visibly_and_a_retry_frees_them_all() {
    let mut sim = Sim::new(fixed(1));
    family(&mut sim);
    let _ = sim.engine.flush(sim.now);
    let request = sim.request();
    let response = respond(&request, |_| Some(rejected()));
    sim.answer(&request, Answer::Response(response));
    assert_eq!(sim.failure("parent"), FailureReason::Rejected);
    assert_eq!(sim.failure("child"), blocked_by("parent"));
    assert_eq!(sim.failure("grandchild"), blocked_by("child"));
    assert!(sim.is_pending("other"));
    let progress = sim.engine.progress(sim.now);
    assert_eq!((progress.failed, progress.blocked, progress.pending), (3, 2, 1));

    let refused = sim.engine.retry(sim.now, "child");
    assert_eq!(refused, Err(CommandError::Blocked { id: "child".into(), parent: "parent".into() }));
    let settlement = sim.engine.retry(sim.now, "parent").unwrap();
    sim.persist(settlement);
    sim.drive_accepting();
    assert_eq!(sim.journal.len(), 4);
}

#[test]
fn children_the_server_refuses_with_their_parent_in_one_batch_are_blocked_not_rejected() {
    let missing = OperationOutcome::DependencyMissing { code: "unknown_verse".into(), message: "none".into() };
    for childs in [rejected(), missing] {
        let mut sim = Sim::new(fixed(10));
        family(&mut sim);
        let _ = sim.engine.flush(sim.now);
        let request = sim.request();
        let response = respond(&request, |id| {
            Some(match id {
                "parent" => rejected(),
                "other" => OperationOutcome::Applied,
                _ => childs.clone(),
            })
        });
        sim.answer(&request, Answer::Response(response));
        assert_eq!(sim.failure("parent"), FailureReason::Rejected);
        assert_eq!(sim.failure("child"), blocked_by("parent"));
        assert_eq!(sim.failure("grandchild"), blocked_by("child"));
        let settlement = sim.engine.edited(sim.now, "parent", 99).unwrap();
        sim.persist(settlement);
        sim.drive_accepting();
        assert_eq!(sim.journal.len(), 4);
    }
}

#[test]
fn a_child_queued_after_its_parent_failed_is_blocked_at_once() {
    let mut sim = Sim::new(fixed(1));
    sim.add("parent");
    sim.drive(|request| Answer::Response(respond(request, |_| Some(rejected()))));
    sim.add_child("child", "parent");
    assert_eq!(sim.failure("child"), blocked_by("parent"));
}

#[test]
fn a_dependency_the_server_misses_is_tried_again_and_given_up_in_the_inbox() {
    let mut sim = Sim::new(fixed(1));
    sim.add_child("child", "long gone");
    sim.drive(|request| {
        let missing = OperationOutcome::DependencyMissing { code: "unknown".into(), message: "none".into() };
        Answer::Response(respond(request, |_| Some(missing.clone())))
    });
    assert_eq!(sim.sent.len(), 3);
    assert_eq!(sim.failure("child"), FailureReason::RetriesExhausted);
}

#[test]
fn a_parent_that_is_no_longer_queued_is_done() {
    let mut sim = Sim::new(fixed(1));
    sim.add_child("child", "long gone");
    sim.drive_accepting();
    assert!(sim.is_done("child"));
}

#[test]
fn operations_that_depend_on_themselves_on_each_other_or_on_later_ones_still_drain() {
    let mut sim = Sim::new(fixed(2));
    sim.add_child("self", "self");
    sim.add_child("a", "b");
    sim.add_child("b", "a");
    let meta = batchsync::QueuedMeta { depends_on: Some("y".into()), ..sim.meta("x", "same") };
    sim.put(meta);
    sim.add_to("same", "y");
    sim.drive_accepting();
    assert!(sim.store.is_empty());
}

#[test]
fn discarding_a_parent_takes_its_descendants_along_or_frees_them() {
    for (policy, left) in [(ChildPolicy::Cascade, 0), (ChildPolicy::Release, 2)] {
        let mut sim = Sim::new(fixed(1));
        sim.add("parent");
        sim.add_child("child", "parent");
        sim.add_child("grandchild", "child");
        let request = sim.request();
        let refused = sim.engine.discard(sim.now, "parent", policy);
        assert_eq!(refused, Err(CommandError::InFlight { id: "parent".into() }));
        sim.answer(&request, Answer::Response(respond(&request, |_| Some(rejected()))));
        assert_eq!(sim.engine.dependants("parent"), ["child", "grandchild"]);
        let settlement = sim.engine.discard(sim.now, "parent", policy).unwrap();
        let renewed = |change: &&QueueChange| matches!(change, QueueChange::Renew { .. });
        let others = settlement.changes.iter().filter(|change| !renewed(change)).count();
        assert_eq!(others, 3, "one change for each: {:?}", settlement.changes);
        sim.persist(settlement);
        assert_eq!(sim.store.len(), left, "{policy:?}");
        sim.drive_accepting();
        assert!(sim.store.is_empty());
        assert_eq!(sim.journal.len(), 3);
    }
}

#[test]
fn a_split_never_tears_an_entitys_order() {
    let mut sim = Sim::new(fixed(8));
    for n in 0..16 {
        sim.add_to(if n % 2 == 0 { "even" } else { "odd" }, &format!("{n:02}"));
    }
    let mut rounds = 0;
    sim.drive(|request| {
        rounds += 1;
        if rounds % 3 == 1 { Answer::Fault(Signal::status(500)) } else { Answer::Response(applied(request)) }
    });
    let done: Vec<&str> = sim.journal.iter().map(|entry| entry.operation_id.as_str()).collect();
    for parity in [0, 1] {
        let mine: Vec<&&str> = done.iter().filter(|id| id.parse::<u32>().unwrap() % 2 == parity).collect();
        assert!(mine.is_sorted(), "{mine:?}");
    }
}
