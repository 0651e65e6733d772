//! What is due and what still collects: which rows start the timer, which stop it, and who travels along.

use std::sync::{Arc, Mutex};

use batchsync::{
    Backlog, BatchConfig, BatchPolicy, BatchWindow, Delivered, Engine, Explanation, Failure, FailureReason,
    NetworkQuality, NewOperation, OperationOutcome, OperationStatus, Phase, QueuedMeta, Response, SendMode,
    ServerLimits, Signal, Undelivered, WaitReason,
};

use crate::common::{Answer, START, Sim, applied, fixed, rejected, respond};

fn of_bob(sim: &mut Sim, id: &str) -> QueuedMeta {
    QueuedMeta { user_id: "bob".into(), ..sim.meta(id, id) }
}

fn failed_before(sim: &mut Sim, id: &str) -> QueuedMeta {
    let reason = FailureReason::Rejected;
    let failure = Failure { reason, code: "c".into(), message: "m".into(), failed_at: START };
    QueuedMeta { status: OperationStatus::Failed(failure), ..sim.meta(id, id) }
}

/// One operation at a time goes out, though a batch may hold ten: what is not due does not travel along.
fn one_at_a_time() -> Sim {
    let mut sim = Sim::new(fixed(10));
    sim.engine.update_limits(ServerLimits { max_operations: Some(1), ..ServerLimits::default() });
    sim
}

const COLLECTING: (Option<i64>, WaitReason) = (Some(3_000), WaitReason::Collecting);

#[test]
fn rows_that_could_not_be_sent_neither_fill_a_batch_nor_start_its_timer() {
    let mut sim = Sim::new(fixed(3));
    for n in 0..3 {
        let parked = of_bob(&mut sim, &format!("parked-{n}"));
        sim.put(parked);
        let failed = failed_before(&mut sim, &format!("failed-{n}"));
        sim.put(failed);
    }
    assert_eq!(sim.wait(), (None, WaitReason::Idle));
    sim.advance(1_000);
    sim.add("a");
    assert_eq!(sim.wait(), COLLECTING);
    // Those that leave do not stop the timer of those that stay.
    for id in ["parked-0", "failed-0"] {
        let settlement = sim.engine.discard(sim.now, id, batchsync::ChildPolicy::Cascade).unwrap();
        sim.persist(settlement);
    }
    assert_eq!(sim.wait(), COLLECTING);
}

#[test]
fn an_operation_that_was_due_and_leaves_does_not_stop_the_timer_of_newcomers() {
    let mut sim = one_at_a_time();
    sim.add("a");
    let _ = sim.engine.flush(sim.now);
    sim.add("b");
    let settlement = sim.engine.discard(sim.now, "a", batchsync::ChildPolicy::Cascade).unwrap();
    sim.persist(settlement);
    assert_eq!(sim.wait(), COLLECTING);
    sim.advance(3_000);
    assert_eq!(sim.request().operations, ["b"]);
}

#[test]
fn the_last_newcomer_that_leaves_stops_the_timer() {
    let mut sim = one_at_a_time();
    for id in ["a", "b"] {
        sim.add(id);
    }
    for (id, expected) in [("a", WaitReason::Collecting), ("b", WaitReason::Idle)] {
        let settlement = sim.engine.discard(sim.now, id, batchsync::ChildPolicy::Cascade).unwrap();
        sim.persist(settlement);
        assert_eq!(sim.wait().1, expected);
    }
}

#[test]
fn a_retried_operation_that_was_due_does_not_drag_newcomers_along() {
    let mut sim = one_at_a_time();
    sim.add("a");
    let _ = sim.engine.flush(sim.now);
    let request = sim.request();
    sim.answer(&request, Answer::Response(respond(&request, |_| Some(rejected()))));
    sim.add("b");
    let settlement = sim.engine.retry(sim.now, "a").unwrap();
    sim.persist(settlement);
    let request = sim.request();
    assert_eq!(request.operations, ["a"]);
    sim.accept(&request);
    assert_eq!(sim.wait(), COLLECTING, "b is no part of it");
}

#[test]
fn a_retried_operation_that_came_as_failed_is_due_at_once() {
    let mut sim = one_at_a_time();
    let failed = failed_before(&mut sim, "a");
    sim.put(failed);
    let settlement = sim.engine.retry(sim.now, "a").unwrap();
    sim.persist(settlement);
    assert_eq!(sim.request().operations, ["a"]);
}

#[test]
fn whatever_is_queued_when_a_newcomer_travels_along_is_due_from_then_on() {
    let mut sim = Sim::new(fixed(10));
    sim.engine.update_limits(ServerLimits { max_operations: Some(2), ..ServerLimits::default() });
    sim.add("a");
    let _ = sim.engine.flush(sim.now);
    for id in ["b", "c"] {
        sim.add(id);
    }
    let request = sim.request();
    assert_eq!(request.operations, ["a", "b"]);
    sim.accept(&request);
    assert_eq!(sim.request().operations, ["c"]);
}

#[test]
fn a_request_without_newcomers_leaves_them_to_their_timer() {
    let mut sim = one_at_a_time();
    sim.add("a");
    let _ = sim.engine.flush(sim.now);
    sim.add("b");
    let request = sim.request();
    assert_eq!(request.operations, ["a"]);
    sim.accept(&request);
    assert_eq!(sim.wait(), COLLECTING);
}

#[test]
fn no_more_requests_are_under_way_than_the_settings_allow() {
    for most in [1, 2] {
        let config = BatchConfig { max_in_flight: most, ..fixed(2) };
        let mut sim = Sim::new(config);
        sim.add_many(8);
        let requests: Vec<String> = (0..most).map(|_| sim.request().request_id).collect();
        assert_eq!(sim.wait().1, WaitReason::InFlight);
        assert!(sim.engine.requests_in_flight().eq(requests.iter().map(String::as_str)), "oldest first");
    }
}

#[test]
fn with_nobody_signed_in_and_nothing_queued_nothing_is_waited_for() {
    let mut sim = Sim::signed_out(fixed(10));
    assert_eq!(sim.wait(), (None, WaitReason::Idle));
    sim.add("a");
    assert_eq!(sim.wait(), (None, WaitReason::Session));
}

/// Answers that an operation is to be left alone for `own` and, if there is one, the whole queue for `queue`.
fn told_to_wait(sim: &mut Sim, own: u64, queue: Option<u64>) {
    let _ = sim.engine.flush(sim.now);
    let request = sim.request();
    let outcome = OperationOutcome::Retry { code: "busy".into(), message: "m".into(), retry_after_ms: Some(own) };
    let response = Response { retry_after_ms: queue, ..respond(&request, |_| Some(outcome.clone())) };
    sim.answer(&request, Answer::Response(response));
}

#[test]
fn the_wake_up_is_when_both_the_queue_and_the_operation_may_go() {
    for (own, queue, expected) in [
        (60_000, Some(10_000), (Some(60_000), WaitReason::Backoff)),
        (10_000, Some(60_000), (Some(60_000), WaitReason::RetryAfter)),
        (60_000, Some(60_000), (Some(60_000), WaitReason::RetryAfter)),
        (60_000, None, (Some(60_000), WaitReason::Backoff)),
    ] {
        let mut sim = Sim::new(fixed(10));
        sim.add("a");
        told_to_wait(&mut sim, own, queue);
        assert_eq!(sim.wait(), expected, "{own} ms itself, {queue:?} the queue");
    }
}

#[test]
fn the_phase_names_what_ends_first_the_collecting_or_an_operations_own_wait() {
    for (own, until, reason) in [
        (2_000, 2_000, WaitReason::Backoff),
        (3_000, 3_000, WaitReason::Collecting),
        (4_000, 3_000, WaitReason::Collecting),
    ] {
        let mut sim = Sim::new(fixed(10));
        sim.add("a");
        told_to_wait(&mut sim, own, None);
        sim.add("b");
        let phase = sim.engine.progress(sim.now).phase;
        assert_eq!(phase, Phase::Waiting { until: Some(START + until), reason }, "{own} ms");
    }
}

#[test]
fn rows_at_one_position_that_depend_on_each_other_do_not_wait_for_ever() {
    let mut sim = Sim::new(fixed(10));
    let a = QueuedMeta { depends_on: Some("b".into()), ..sim.meta("a", "a") };
    let b = QueuedMeta { position: a.position, depends_on: Some("a".into()), ..sim.meta("b", "b") };
    for row in [&a, &b] {
        sim.store.insert(row.id.clone(), row.clone());
    }
    let settlement = sim.engine.handle_enqueued(sim.now, [a, b]);
    sim.persist(settlement);
    sim.drive_accepting();
    assert!(sim.store.is_empty());
}

#[test]
fn the_latest_of_an_entity_is_the_one_to_fold_into() {
    let config = BatchConfig { coalescing_kinds: vec!["profile".into()], ..BatchConfig::default() };
    let mut sim = Sim::new(config);
    let profile = |sim: &mut Sim, id, ever_sent| QueuedMeta { kind: "profile".into(), ever_sent, ..sim.meta(id, "me") };
    let first = profile(&mut sim, "first", false);
    sim.put(first);
    let new = |entity: &str| NewOperation {
        kind: "profile".into(),
        user_id: "ann".into(),
        entity: entity.into(),
        depends_on: None,
        payload_bytes: 1,
    };
    let into = |sim: &Sim, entity| sim.engine.admit(&new(entity)).unwrap().coalesce_into;
    assert_eq!((into(&sim, "me").as_deref(), into(&sim, "other")), (Some("first"), None));
    let other = QueuedMeta { kind: "profile".into(), ..sim.meta("another", "other") };
    sim.put(other);
    assert_eq!(into(&sim, "other").as_deref(), Some("another"));
    let second = profile(&mut sim, "second", false);
    sim.put(second);
    assert_eq!(into(&sim, "me").as_deref(), Some("second"));
    let third = profile(&mut sim, "third", true);
    sim.put(third);
    assert_eq!(into(&sim, "me"), None, "what comes later must not overtake the one that may have been sent");
}

#[test]
fn a_flush_ends_an_operations_own_backoff_and_not_what_the_server_asked() {
    for (retry_after_ms, ended) in [(None, true), (Some(60_000), false)] {
        let mut sim = Sim::new(fixed(10));
        sim.add("a");
        let _ = sim.engine.flush(sim.now);
        let request = sim.request();
        let outcome = OperationOutcome::Retry { code: "busy".into(), message: "m".into(), retry_after_ms };
        sim.answer(&request, Answer::Response(respond(&request, |_| Some(outcome.clone()))));
        assert!(sim.wait().0.is_some(), "it waits");
        let _ = sim.engine.flush(sim.now);
        assert_eq!(matches!(sim.poll(), batchsync::Step::Send(_)), ended, "told {retry_after_ms:?}");
    }
}

#[test]
fn an_operation_that_leaves_for_the_inbox_is_not_waited_for_any_more() {
    let config = BatchConfig { max_age_ms: 30_000, ..fixed(10) };
    let mut sim = Sim::new(config);
    sim.add("a");
    told_to_wait(&mut sim, 60_000, None);
    sim.advance(30_000);
    assert_eq!(sim.wait(), (None, WaitReason::Idle));
    assert_eq!(sim.failure("a"), FailureReason::Expired);
}

#[test]
fn what_depends_on_a_later_operation_is_not_blocked_by_it() {
    let mut sim = Sim::new(fixed(2));
    let early = QueuedMeta { depends_on: Some("late".into()), ..sim.meta("early", "early") };
    sim.put(early);
    sim.add("late");
    let _ = sim.engine.flush(sim.now);
    let request = sim.request();
    assert_eq!(request.operations, ["early"]);
    let outcome = OperationOutcome::Retry { code: "busy".into(), message: "m".into(), retry_after_ms: Some(60_000) };
    sim.answer(&request, Answer::Response(respond(&request, |_| Some(outcome.clone()))));
    let request = sim.request();
    assert_eq!(request.operations, ["late"]);
    sim.answer(&request, Answer::Response(respond(&request, |_| Some(rejected()))));
    assert!(sim.is_pending("early"));
}

#[test]
fn a_freed_operation_does_not_travel_while_a_later_one_of_its_entity_is_under_way() {
    let config = BatchConfig { max_in_flight: 2, ..fixed(10) };
    let mut sim = Sim::new(config);
    sim.add("parent");
    let child = QueuedMeta { depends_on: Some("parent".into()), ..sim.meta("child", "card") };
    sim.put(child);
    let _ = sim.engine.flush(sim.now);
    let request = sim.request();
    sim.answer(&request, Answer::Response(respond(&request, |_| Some(rejected()))));
    sim.add_to("card", "later");
    let _ = sim.engine.flush(sim.now);
    let under_way = sim.request();
    assert_eq!(under_way.operations, ["later"]);
    let settlement = sim.engine.retry(sim.now, "parent").unwrap();
    sim.persist(settlement);
    let request = sim.request();
    assert_eq!(request.operations, ["parent"]);
    sim.accept(&request);
    assert_eq!(sim.engine.explain(sim.now, "child"), Some(Explanation::RequestsInFlight));
    sim.accept(&under_way);
    assert_eq!(sim.request().operations, ["child"]);
}

#[test]
fn totals_go_down_with_every_operation_that_leaves() {
    let mut sim = Sim::new(fixed(3));
    sim.add_many(4);
    assert_eq!((sim.engine.totals().len, sim.engine.totals().bytes), (4, 4 * 156));
    let request = sim.request();
    sim.accept(&request);
    assert_eq!((sim.engine.totals().len, sim.engine.totals().bytes), (1, 156));
    let settlement = sim.engine.discard(sim.now, "op-0003", batchsync::ChildPolicy::Cascade).unwrap();
    sim.persist(settlement);
    assert_eq!((sim.engine.totals().len, sim.engine.totals().bytes), (0, 0));
}

/// Proposes what it is told to and notes what it is asked.
#[derive(Debug, Clone, Default)]
struct Told {
    operations: Arc<Mutex<u32>>,
    asked: Arc<Mutex<Vec<Backlog>>>,
}

impl BatchPolicy for Told {
    fn window(&mut self, _: i64, _: NetworkQuality, backlog: Backlog) -> BatchWindow {
        self.asked.lock().expect("no panic before").push(backlog);
        BatchWindow { operations: *self.operations.lock().expect("no panic before"), bytes: u64::MAX }
    }

    fn on_delivered(&mut self, _: i64, _: NetworkQuality, _: &Delivered) {}

    fn on_undelivered(&mut self, _: i64, _: &Undelivered) {}
}

fn told(operations: u32) -> (Told, Sim) {
    let policy = Told { operations: Arc::new(Mutex::new(operations)), ..Told::default() };
    let config = fixed(10);
    let engine = Engine::with_policy(config, 1, Box::new(policy.clone())).expect("the settings of a test are valid");
    let mut sim = Sim::with_engine(engine);
    sim.sign_in("ann");
    (policy, sim)
}

#[test]
fn a_policy_is_told_what_waits_with_its_envelopes() {
    let (policy, mut sim) = told(4);
    sim.add_many(12);
    let request = sim.request();
    sim.accept(&request);
    sim.request();
    let each = 156 + 64;
    let expected = [12, 8].map(|operations| Backlog { operations, bytes: operations * each });
    assert_eq!(*policy.asked.lock().unwrap(), expected);
}

#[test]
fn after_a_server_fault_batches_are_halved_and_double_with_each_success_until_they_are_whole() {
    let (policy, mut sim) = told(10);
    sim.add_many(200);
    let request = sim.request();
    sim.fault(&request, Signal::status(500));
    let mut sizes = Vec::new();
    for grown in [10, 10, 100] {
        *policy.operations.lock().unwrap() = grown;
        let request = sim.wait_for_request().unwrap();
        sizes.push(request.operations.len());
        sim.accept(&request);
    }
    assert_eq!(sizes, [5, 10, 100], "once it no longer narrows it is forgotten");
}

#[test]
fn an_odd_batch_is_halved_downwards_and_never_to_nothing() {
    for (size, half) in [(9, 4), (3, 1), (2, 1)] {
        let (_, mut sim) = told(size);
        sim.add_many(20);
        let request = sim.request();
        sim.fault(&request, Signal::status(500));
        assert_eq!(sim.wait_for_request().unwrap().operations.len(), half, "of {size}");
    }
}

#[test]
fn an_operation_exactly_as_large_as_the_server_takes_is_sent() {
    for (most, sent) in [(220, true), (219, false)] {
        let mut sim = Sim::new(fixed(10));
        sim.engine.update_limits(ServerLimits { max_operation_bytes: Some(most), ..ServerLimits::default() });
        sim.add("a");
        sim.drive_accepting();
        assert_eq!(sim.is_done("a"), sent, "156 and 64 bytes, {most} taken");
        assert_eq!(sim.engine.limits().max_operation_bytes, Some(most));
    }
}

#[test]
fn one_probe_is_under_way_at_a_time_and_the_others_go_individually() {
    let config = BatchConfig { max_in_flight: 2, ..fixed(10) };
    let mut sim = Sim::new(config);
    sim.add_many(20);
    let request = sim.request();
    sim.fault(&request, Signal::status(404));
    sim.advance(5 * 60_000);
    assert_eq!(sim.request().mode, SendMode::Probe);
    for _ in 0..3 {
        let other = sim.request();
        assert_eq!(other.mode, SendMode::Individual);
        sim.accept(&other);
    }
}

#[test]
fn a_batch_endpoint_that_is_lost_again_is_probed_again() {
    let mut sim = Sim::new(fixed(4));
    sim.add_many(40);
    for _ in 0..3 {
        let request = sim.request();
        assert_eq!(request.mode, SendMode::Batch);
        sim.fault(&request, Signal::status(404));
        sim.advance(5 * 60_000);
        let probe = sim.request();
        assert_eq!(probe.mode, SendMode::Probe);
        sim.answer(&probe, Answer::Response(applied(&probe)));
    }
}

#[test]
fn a_probe_that_is_never_answered_is_made_again() {
    let mut sim = Sim::new(fixed(10));
    sim.add_many(10);
    let request = sim.request();
    sim.fault(&request, Signal::status(404));
    sim.advance(5 * 60_000);
    for _ in 0..3 {
        let probe = sim.request();
        assert_eq!(probe.mode, SendMode::Probe);
        sim.advance(2 * 60_000);
    }
    assert_eq!(sim.engine.config().lease_ms, 2 * 60_000, "its lease is over by then");
}
