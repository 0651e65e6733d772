//! Sessions: pauses, re-authentication, owners, and the server's "upgrade required".

use batchsync::{BatchConfig, Event, Explanation, FailureReason, HttpFault, OperationOutcome, Signal, WaitReason};

use crate::common::{Answer, Sim, applied, fixed, rejected, respond};

fn reauthentications(sim: &Sim) -> usize {
    sim.count_events(|event| matches!(event, Event::Reauthenticate { owner } if owner == "ann"))
}

fn forbidden(session_matches: Option<bool>) -> Signal {
    Signal::from(HttpFault { status: 403, session_matches, ..HttpFault::default() })
}

#[test]
fn a_401_pauses_the_queue_asks_once_costs_nothing_and_goes_on_with_the_same_ids() {
    let mut sim = Sim::new(BatchConfig { max_in_flight: 2, ..fixed(5) });
    sim.add_many(10);
    let (first, second) = (sim.request(), sim.request());
    sim.fault(&first, Signal::status(401));
    sim.fault(&second, Signal::status(401));
    assert_eq!(reauthentications(&sim), 1);
    assert_eq!(sim.wait(), (None, WaitReason::Session));
    sim.add("later");
    sim.advance(86_400_000);
    assert_eq!(sim.wait(), (None, WaitReason::Session));
    assert!(sim.store.values().all(|row| row.retry_count == 0));
    sim.sign_in("ann");
    assert_eq!(sim.request().operations, first.operations);
}

#[test]
fn a_401_for_a_token_that_was_renewed_meanwhile_does_not_pause() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add_many(10);
    let request = sim.request();
    sim.sign_in("ann");
    sim.fault(&request, Signal::status(401));
    assert_eq!(reauthentications(&sim), 0);
    assert_eq!(sim.request().operations, request.operations);
}

#[test]
fn a_renewed_token_that_is_refused_again_backs_off_between_attempts() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add_many(10);
    let request = sim.request();
    sim.fault(&request, Signal::status(401));
    sim.sign_in("ann");
    let request = sim.request();
    sim.fault(&request, Signal::status(401));
    sim.sign_in("ann");
    assert_eq!(sim.wait().1, WaitReason::Backoff);
    assert_eq!(reauthentications(&sim), 2);
}

#[test]
fn a_token_that_expires_after_it_has_worked_is_renewed_without_a_backoff() {
    let mut sim = Sim::new(fixed(5));
    sim.add_many(10);
    for _ in 0..2 {
        let request = sim.request();
        sim.fault(&request, Signal::status(401));
        sim.sign_in("ann");
        let request = sim.request();
        sim.accept(&request);
    }
    assert!(sim.store.is_empty());
}

#[test]
fn rows_of_another_owner_are_never_sent() {
    let mut sim = Sim::new(BatchConfig::default());
    for n in 0..10 {
        let id = format!("bob-{n}");
        let meta = batchsync::QueuedMeta { user_id: "bob".into(), ..sim.meta(&id, &id) };
        sim.put(meta);
    }
    sim.add_many(10);
    sim.drive_accepting();
    assert!(sim.sent.iter().all(|request| request.owner == "ann"));
    assert_eq!(sim.store.len(), 10);
    assert_eq!(sim.engine.explain(sim.now, "bob-1"), Some(Explanation::OtherOwner { owner: "bob".into() }));
    sim.sign_in("bob");
    sim.drive_accepting();
    assert!(sim.store.is_empty());
    assert_eq!(sim.sent.last().unwrap().owner, "bob");
}

#[test]
fn signing_out_parks_everything_and_gives_up_requests_whose_late_answers_still_count() {
    let mut sim = Sim::new(fixed(5));
    sim.add_many(10);
    let request = sim.request();
    let settlement = sim.engine.sign_out(sim.now);
    sim.persist(settlement);
    assert_eq!(sim.wait(), (None, WaitReason::Session));
    assert_eq!(sim.engine.totals().len, 10);
    assert!(sim.store.values().all(|row| row.status == batchsync::OperationStatus::Pending));
    sim.accept(&request);
    assert_eq!(sim.journal.len(), 5);
    sim.sign_in("ann");
    sim.drive_accepting();
    assert_eq!(sim.journal.len(), 10);
}

#[test]
fn nothing_is_sent_before_somebody_signs_in() {
    let mut sim = Sim::signed_out(BatchConfig::default());
    sim.add_many(20);
    let _ = sim.engine.flush(sim.now);
    assert_eq!(sim.wait(), (None, WaitReason::Session));
    assert_eq!(sim.engine.explain(sim.now, "op-0000"), Some(Explanation::NoSession));
    sim.sign_in("ann");
    assert_eq!(sim.request().operations.len(), 20);
}

#[test]
fn what_a_guest_queued_goes_out_under_the_account_that_adopts_it() {
    let mut sim = Sim::signed_out(BatchConfig::default());
    for n in 0..4 {
        let meta = batchsync::QueuedMeta { user_id: "guest".into(), ..sim.meta(&format!("g-{n}"), "card") };
        sim.put(meta);
    }
    // A guest may stay one for longer than anything may wait.
    sim.advance(40 * 86_400_000);
    let settlement = sim.engine.adopt(sim.now, "guest", "ann");
    sim.persist(settlement);
    sim.sign_in("ann");
    let request = sim.request();
    assert_eq!((request.owner.as_str(), request.operations.len()), ("ann", 4));
    sim.accept(&request);
    assert!(sim.store.is_empty());
    assert_eq!(sim.journal[0].user_id, "ann");
}

#[test]
fn a_403_for_a_strangers_session_pauses_and_asks_for_the_right_one() {
    for matches in [Some(false), None] {
        let mut sim = Sim::new(BatchConfig::default());
        sim.add_many(10);
        let request = sim.request();
        sim.fault(&request, forbidden(matches));
        assert_eq!(reauthentications(&sim), 1, "{matches:?}");
        assert_eq!(sim.wait().1, WaitReason::Session, "{matches:?}");
        assert!(sim.store.values().all(|row| row.retry_count == 0));
    }
}

#[test]
fn a_403_with_the_right_session_finds_the_forbidden_operation_and_goes_on() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add_many(10);
    sim.drive(|request| {
        if request.operations.iter().any(|id| id == "op-0007") {
            Answer::Fault(forbidden(Some(true)))
        } else {
            Answer::Response(applied(request))
        }
    });
    assert_eq!(sim.failure("op-0007"), FailureReason::Forbidden);
    assert_eq!(sim.journal.len(), 9);
}

#[test]
fn a_403_that_comes_again_after_the_session_was_renewed_is_about_the_operation() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add_many(1);
    let request = sim.wait_for_request().unwrap();
    sim.fault(&request, forbidden(None));
    sim.sign_in("ann");
    let request = sim.request();
    sim.fault(&request, forbidden(None));
    assert_eq!(sim.failure("op-0000"), FailureReason::Forbidden);
}

#[test]
fn an_operation_forbidden_in_a_batch_is_set_aside_and_the_others_go_on() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add_many(10);
    sim.drive(|request| {
        Answer::Response(respond(request, |id| {
            Some(match id {
                "op-0001" => OperationOutcome::Forbidden { code: "forbidden".into(), message: "no".into() },
                "op-0002" => rejected(),
                _ => OperationOutcome::Applied,
            })
        }))
    });
    assert_eq!(sim.failure("op-0001"), FailureReason::Forbidden);
    assert_eq!(sim.failure("op-0002"), FailureReason::Rejected);
    assert_eq!(sim.journal.len(), 8);
}

#[test]
fn upgrade_required_pauses_visibly_loses_nothing_and_is_asked_again_after_an_hour() {
    let code = HttpFault { status: 400, code: Some("upgrade_required".into()), ..HttpFault::default() };
    for signal in [Signal::status(426), Signal::from(code)] {
        let mut sim = Sim::new(BatchConfig::default());
        sim.add_many(10);
        let request = sim.request();
        sim.fault(&request, signal);
        assert_eq!(sim.count_events(|event| *event == Event::UpgradeRequired), 1);
        assert_eq!(sim.wait(), (Some(3_600_000), WaitReason::Upgrade));
        assert!(matches!(sim.engine.progress(sim.now).phase, batchsync::Phase::UpgradeRequired { .. }));
        assert_eq!(sim.drive_accepting(), 1);
        assert_eq!(sim.journal.len(), 10);
    }
}
