//! What is told of a request that ended: its sum, the failures' words, and the events; and late or repeated answers.

use batchsync::{
    BatchConfig, BatchSyncSummary, ChildPolicy, Connectivity, Event, FailureReason, HttpFault, JournalOutcome,
    NetworkQuality, OperationOutcome, OperationStatus, QueuedMeta, Response, SendRequest, Signal,
};

use crate::common::{Answer, Sim, applied, fixed, rejected, respond, retry_later};

fn summary(sim: &mut Sim, request: &SendRequest, answer: Answer) -> BatchSyncSummary {
    sim.advance(250);
    sim.answer(request, answer).summary.expect("a request that ends has a sum")
}

fn outcomes(request: &SendRequest, outcomes: &[Option<OperationOutcome>]) -> Answer {
    let of = |id: &str| request.operations.iter().position(|other| other == id).and_then(|at| outcomes[at].clone());
    Answer::Response(respond(request, of))
}

fn http(status: u16, operation: Option<&str>) -> HttpFault {
    HttpFault { status, operation: operation.map(str::to_owned), ..HttpFault::default() }
}

#[test]
fn the_sum_of_an_answered_request_counts_each_kind_of_result() {
    let mut sim = Sim::new(fixed(7));
    sim.add_many(7);
    let request = sim.request();
    let (applied, duplicate) = (Some(OperationOutcome::Applied), Some(OperationOutcome::Duplicate));
    let results =
        [applied.clone(), duplicate.clone(), duplicate, Some(rejected()), Some(rejected()), Some(retry_later()), None];
    let expected = BatchSyncSummary {
        total: 7,
        successful: 3,
        failed: 4,
        network_errors: 0,
        validation_errors: 2,
        duplicates: 2,
        processing_time_ms: 250,
    };
    let answer = outcomes(&request, &results);
    assert_eq!(summary(&mut sim, &request, answer), expected);
}

#[test]
fn the_sum_of_a_request_the_network_swallowed_counts_all_of_it() {
    for (signal, network_errors) in [(Signal::ConnectionLost, 3), (Signal::status(503), 3), (Signal::status(401), 0)] {
        let mut sim = Sim::new(fixed(3));
        sim.add_many(3);
        let request = sim.request();
        let expected =
            BatchSyncSummary { total: 3, failed: 3, network_errors, processing_time_ms: 250, ..Default::default() };
        assert_eq!(summary(&mut sim, &request, Answer::Fault(signal)), expected);
    }
}

#[test]
fn an_operation_refused_with_its_whole_request_is_the_only_one_counted_as_invalid() {
    let mut sim = Sim::new(fixed(1));
    sim.add("parent");
    sim.add_child("child", "parent");
    let request = sim.request();
    assert_eq!(request.operations, ["parent"]);
    let sum = summary(&mut sim, &request, Answer::Fault(http(422, None).into()));
    let expected = BatchSyncSummary {
        total: 1,
        failed: 1,
        validation_errors: 1,
        processing_time_ms: 250,
        ..BatchSyncSummary::default()
    };
    assert_eq!(sum, expected, "what waits for it was not in the request");
    assert_eq!(sim.failure("child"), FailureReason::Blocked { parent: "parent".into() });

    sim.add("lone");
    let request = sim.wait_for_request().unwrap();
    assert_eq!(summary(&mut sim, &request, Answer::Fault(http(422, None).into())), expected);
}

#[test]
fn an_operation_named_by_a_server_fault_is_not_counted_as_the_networks() {
    let config = BatchConfig { max_retries: 1, ..fixed(3) };
    let mut sim = Sim::new(config);
    sim.add_many(3);
    let request = sim.request();
    let sum = summary(&mut sim, &request, Answer::Fault(http(500, Some("op-0001")).into()));
    assert_eq!((sum.total, sum.failed, sum.network_errors, sum.validation_errors), (3, 3, 2, 1));
    assert_eq!(sim.failure("op-0001"), FailureReason::RetriesExhausted);
}

fn failure_words(sim: &Sim, id: &str) -> (String, String) {
    match sim.status(id) {
        Some(OperationStatus::Failed(failure)) => (failure.code.clone(), failure.message.clone()),
        other => panic!("{id} should have failed, but is {other:?}"),
    }
}

#[test]
fn a_failure_carries_the_servers_words_or_our_own() {
    let cases = [
        (422, None, "invalid", "the server refused it"),
        (422, Some(("bad_field", "the field is bad")), "bad_field", "the field is bad"),
        (413, None, "too_large", "too large for the server, even alone"),
        (413, Some(("huge", "far too much")), "huge", "far too much"),
    ];
    for (status, words, code, message) in cases {
        let mut sim = Sim::new(fixed(1));
        sim.add("a");
        let request = sim.request();
        let mut fault = http(status, None);
        if let Some((code, message)) = words {
            fault = HttpFault { code: Some(code.into()), message: Some(message.into()), ..fault };
        }
        sim.fault(&request, fault.into());
        assert_eq!(failure_words(&sim, "a"), (code.to_owned(), message.to_owned()), "{status}");
    }
}

#[test]
fn a_refused_batch_as_large_as_it_was_teaches_half_of_its_operations_and_bytes() {
    let mut sim = Sim::new(fixed(10));
    sim.add_many(10);
    let request = sim.request();
    let settlement = sim.fault(&request, Signal::status(413));
    let learned = Event::CeilingLearned { operations: 5, bytes: 10 * (156 + 64) / 2 };
    assert!(settlement.events.contains(&learned), "{:?}", settlement.events);
}

#[test]
fn being_offline_and_online_again_is_told_once_each() {
    let mut sim = Sim::new(fixed(1));
    sim.add("a");
    for _ in 0..3 {
        let request = sim.wait_for_request().unwrap();
        sim.fault(&request, Signal::ConnectFailed);
    }
    for to in [Connectivity::Offline, Connectivity::Online, Connectivity::Online] {
        let settlement = sim.engine.network_changed(sim.now, to, None);
        sim.persist(settlement);
    }
    for to in [Connectivity::Offline, Connectivity::Offline] {
        let settlement = sim.engine.network_changed(sim.now, to, None);
        sim.persist(settlement);
    }
    let told: Vec<&Event> =
        sim.events.iter().filter(|event| matches!(event, Event::WentOffline | Event::CameOnline)).collect();
    assert_eq!(told, [&Event::WentOffline, &Event::CameOnline, &Event::WentOffline]);
}

#[test]
fn a_server_in_trouble_says_nothing_of_the_network() {
    let mut sim = Sim::new(fixed(10));
    sim.add_many(10);
    for _ in 0..6 {
        let request = sim.wait_for_request().unwrap();
        sim.fault(&request, Signal::status(500));
    }
    assert_eq!(sim.engine.quality(), NetworkQuality::Fair);
}

#[test]
fn the_rate_comes_from_the_transports_time_or_else_from_the_clock() {
    for (told, rate) in [(500, 20.0), (0, 40.0)] {
        let mut sim = Sim::new(fixed(10));
        sim.add_many(10);
        let request = sim.request();
        sim.advance(250);
        let response = Response { elapsed_ms: told, ..applied(&request) };
        sim.answer(&request, Answer::Response(response));
        let progress = sim.engine.progress(sim.now);
        assert_eq!(progress.operations_per_second, Some(rate), "{told} ms told, 250 ms passed");
        assert_eq!(progress.eta_ms, Some(0), "nothing is left");
    }
}

#[test]
fn rows_that_come_during_a_run_belong_to_it() {
    let mut sim = Sim::new(fixed(2));
    sim.add_many(4);
    let request = sim.request();
    sim.accept(&request);
    sim.add("later");
    let request = sim.request();
    sim.add("latest");
    let progress = sim.engine.progress(sim.now);
    assert_eq!((progress.total, progress.successful, progress.pending, progress.in_flight), (6, 2, 4, 2));
    sim.accept(&request);
    assert_eq!(sim.engine.progress(sim.now).successful, 4);
}

/// Lets the lease of a request end, so that its answer comes late.
fn let_lease_end(sim: &mut Sim) {
    sim.advance(2 * 60_000);
    sim.poll();
}

#[test]
fn a_late_success_is_written_down_as_what_it_was() {
    for (outcome, expected) in
        [(OperationOutcome::Applied, JournalOutcome::Applied), (OperationOutcome::Duplicate, JournalOutcome::Duplicate)]
    {
        let mut sim = Sim::new(fixed(1));
        sim.add("a");
        let request = sim.request();
        let_lease_end(&mut sim);
        sim.answer(&request, Answer::Response(respond(&request, |_| Some(outcome.clone()))));
        assert_eq!(sim.journal.last().map(|entry| entry.outcome.clone()), Some(expected));
    }
}

#[test]
fn what_is_missing_from_an_answer_may_still_follow() {
    let mut sim = Sim::new(fixed(3));
    sim.add_many(3);
    let request = sim.request();
    let first = outcomes(&request, &[Some(OperationOutcome::Applied), None, None]);
    sim.answer(&request, first);
    assert!(sim.is_pending("op-0001") && sim.is_pending("op-0002"));
    let second = outcomes(&request, &[None, Some(rejected()), None]);
    sim.answer(&request, second);
    assert_eq!(sim.failure("op-0001"), FailureReason::Rejected);
    assert!(sim.is_pending("op-0002"));
}

#[test]
fn late_refusals_count_for_the_last_64_requests() {
    for (others, counts) in [(63, true), (64, false)] {
        let mut sim = Sim::new(fixed(1));
        sim.add("a");
        let request = sim.request();
        let told =
            OperationOutcome::Retry { code: "busy".into(), message: "m".into(), retry_after_ms: Some(3_600_000) };
        sim.answer(&request, Answer::Response(respond(&request, |_| Some(told.clone()))));
        for n in 0..others {
            sim.add(&format!("other-{n}"));
            let other = sim.request();
            sim.accept(&other);
        }
        sim.answer(&request, Answer::Response(respond(&request, |_| Some(rejected()))));
        assert_eq!(sim.is_pending("a"), !counts, "{others} requests later");
    }
}

#[test]
fn an_operation_settled_from_elsewhere_while_under_way_counts_as_done_unless_it_is_queued_again() {
    for (queued_again, successful) in [(false, 1), (true, 0)] {
        let mut sim = Sim::new(fixed(1));
        sim.add("a");
        let request = sim.request();
        // Another answer lists it as applied.
        let listed = sim.engine.handle_response(sim.now, "feed", &applied(&request));
        sim.persist(listed);
        assert!(sim.is_done("a"));
        if queued_again {
            sim.add("a");
        }
        let answer = outcomes(&request, &[None]);
        let sum = summary(&mut sim, &request, answer);
        assert_eq!((sum.total, sum.successful, sum.failed), (1, successful, 1 - successful));
    }
}

#[test]
fn a_renewed_session_that_was_expired_and_not_a_strangers_is_asked_for_again() {
    let mut sim = Sim::new(fixed(1));
    sim.add("a");
    let request = sim.request();
    sim.fault(&request, Signal::status(401));
    sim.sign_in("ann");
    let request = sim.wait_for_request().unwrap();
    sim.fault(&request, Signal::status(403));
    assert!(sim.is_pending("a"), "the session is doubted first, not the operation");
    let asked = |sim: &Sim| sim.count_events(|event| matches!(event, Event::Reauthenticate { .. }));
    assert_eq!(asked(&sim), 2);
    let settlement = sim.engine.flush(sim.now);
    sim.persist(settlement);
    assert_eq!(asked(&sim), 3, "who wants it sent now is told what is missing");
}

#[test]
fn adopting_a_guests_rows_leaves_the_requests_of_others_alone() {
    let mut sim = Sim::new(fixed(1));
    sim.add("a");
    let request = sim.request();
    let settlement = sim.engine.adopt(sim.now, "guest", "ann");
    sim.persist(settlement);
    assert!(sim.engine.requests_in_flight().eq([request.request_id.as_str()]));
    let settlement = sim.engine.adopt(sim.now, "ann", "eve");
    sim.persist(settlement);
    assert_eq!(sim.engine.requests_in_flight().count(), 0);
}

#[test]
fn retrying_everything_touches_only_what_failed_of_the_one_signed_in_and_each_once() {
    let mut sim = Sim::new(fixed(1));
    sim.add("parent");
    sim.add_child("child", "parent");
    let request = sim.request();
    sim.answer(&request, Answer::Response(respond(&request, |_| Some(rejected()))));
    let failure = sim.store["parent"].status.clone();
    let of_bob = QueuedMeta { user_id: "bob".into(), status: failure, ..sim.meta("bobs", "bobs") };
    sim.put(of_bob);
    let settlement = sim.engine.retry_all_failed(sim.now);
    let freed: Vec<&str> = settlement.results.iter().map(|result| result.id.as_str()).collect();
    // Each gets a new age and a new status.
    assert_eq!((freed, settlement.changes.len()), (vec!["parent", "child"], 4));
    sim.persist(settlement);
    assert!(matches!(sim.status("bobs"), Some(OperationStatus::Failed(_))));
}

#[test]
fn a_child_that_is_discarded_with_its_parent_leaves_no_trace_in_the_timer() {
    let mut sim = Sim::new(fixed(10));
    sim.add("parent");
    sim.add_child("child", "parent");
    let settlement = sim.engine.discard(sim.now, "parent", ChildPolicy::Cascade).unwrap();
    sim.persist(settlement);
    assert_eq!(sim.wait(), (None, batchsync::WaitReason::Idle));
    assert_eq!(sim.engine.config(), &fixed(10));
}
