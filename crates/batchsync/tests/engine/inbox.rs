//! The inbox: retry, edit, discard, and what they refuse.

use batchsync::{BatchConfig, ChildPolicy, CommandError, FailureReason, Signal};

use crate::common::{Answer, Sim, fixed, rejected, respond, retry_later};

fn rejecting(sim: &mut Sim) {
    sim.drive(|request| Answer::Response(respond(request, |_| Some(rejected()))));
}

#[test]
fn a_batch_of_three_with_one_invalid_gives_two_done_and_one_in_the_inbox_with_its_reason() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add_many(3);
    let request = sim.wait_for_request().unwrap();
    let response =
        respond(&request, |id| Some(if id == "op-0001" { rejected() } else { batchsync::OperationOutcome::Applied }));
    let settlement = sim.answer(&request, Answer::Response(response));
    let summary = settlement.summary.unwrap();
    assert_eq!((summary.total, summary.successful, summary.failed, summary.validation_errors), (3, 2, 1, 1));
    let inbox: Vec<(&str, &str)> = sim.engine.failed().map(|(id, failure)| (id, failure.code.as_str())).collect();
    assert_eq!(inbox, [("op-0001", "validation_failed")]);
}

#[test]
fn a_failed_operation_stays_until_the_user_acts() {
    let mut sim = Sim::new(fixed(1));
    sim.add("a");
    rejecting(&mut sim);
    let _ = sim.engine.flush(sim.now);
    sim.advance(100 * 86_400_000);
    assert!(matches!(sim.poll(), batchsync::Step::Wait { until: None, .. }));
    assert_eq!(sim.failure("a"), FailureReason::Rejected);
}

#[test]
fn retrying_everything_frees_parents_first_and_resets_the_counts() {
    let mut sim = Sim::new(fixed(1));
    sim.add("parent");
    sim.add_child("child", "parent");
    sim.add("b");
    sim.drive(|request| Answer::Response(respond(request, |_| Some(retry_later()))));
    assert_eq!(sim.failure("b"), FailureReason::RetriesExhausted);
    let settlement = sim.engine.retry_all_failed(sim.now);
    sim.persist(settlement);
    assert!(sim.store.values().all(|row| row.retry_count == 0));
    sim.drive_accepting();
    assert!(sim.store.is_empty());
}

#[test]
fn an_edit_is_refused_while_the_server_may_hold_the_old_content() {
    let mut sim = Sim::new(fixed(1));
    sim.add("a");
    let request = sim.request();
    assert_eq!(sim.engine.edited(sim.now, "a", 1), Err(CommandError::InFlight { id: "a".into() }));
    sim.fault(&request, Signal::ConnectionLost);
    assert_eq!(sim.engine.edited(sim.now, "a", 1), Err(CommandError::MayHaveBeenSent { id: "a".into() }));
    rejecting(&mut sim);
    let settlement = sim.engine.edited(sim.now, "a", 1).unwrap();
    sim.persist(settlement);
    assert!(!sim.store["a"].ever_sent, "nothing of the new content has reached the server");
}

#[test]
fn commands_name_an_operation_that_is_not_there() {
    let mut sim = Sim::new(BatchConfig::default());
    let unknown = || CommandError::Unknown { id: "x".into() };
    assert_eq!(sim.engine.retry(sim.now, "x"), Err(unknown()));
    assert_eq!(sim.engine.edited(sim.now, "x", 1), Err(unknown()));
    assert_eq!(sim.engine.discard(sim.now, "x", ChildPolicy::Cascade), Err(unknown()));
    assert!(!unknown().is_retryable());
}

#[test]
fn a_discarded_operation_leaves_with_a_line_in_the_journal() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add("a");
    let settlement = sim.engine.discard(sim.now, "a", ChildPolicy::Cascade).unwrap();
    sim.persist(settlement);
    assert_eq!(sim.journal[0].outcome, batchsync::JournalOutcome::Discarded);
    assert!(sim.store.is_empty());
    assert_eq!(sim.wait().0, None);
}
