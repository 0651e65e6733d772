//! Progress and explanations.

use batchsync::{BatchConfig, Explanation, OperationOutcome, Phase, Progress, QueuedMeta, Signal, WaitReason};

use crate::common::{Answer, START, Sim, fixed, rejected, respond};

#[test]
fn failed_operations_are_never_counted_as_synced() {
    let mut sim = Sim::new(fixed(10));
    sim.add_many(10);
    let request = sim.request();
    sim.advance(500);
    let response = respond(&request, |id| Some(if id < "op-0004" { rejected() } else { OperationOutcome::Applied }));
    sim.answer(&request, Answer::Response(response));
    let progress = sim.engine.progress(sim.now);
    assert_eq!((progress.total, progress.successful, progress.failed, progress.pending), (10, 6, 4, 0));
    assert_eq!((progress.bytes_done, progress.phase), (6 * 156, Phase::Idle));
}

#[test]
fn phase_rate_and_time_left_follow_the_queue() {
    let mut sim = Sim::new(fixed(10));
    assert_eq!(sim.engine.progress(sim.now).phase, Phase::Idle);
    sim.add("op-x");
    sim.wait();
    let collecting = Phase::Waiting { until: Some(START + 3_000), reason: WaitReason::Collecting };
    assert_eq!(sim.engine.progress(sim.now).phase, collecting);
    sim.add_many(29);
    let request = sim.request();
    let progress = sim.engine.progress(sim.now);
    assert_eq!((progress.phase, progress.in_flight, progress.eta_ms), (Phase::Sending, 10, None));
    sim.advance(100);
    sim.accept(&request);
    let progress = sim.engine.progress(sim.now);
    assert_eq!(progress.operations_per_second, Some(100.0));
    assert_eq!(progress.eta_ms, Some(200));
    let request = sim.request();
    sim.fault(&request, Signal::ConnectFailed);
    assert!(matches!(sim.engine.progress(sim.now).phase, Phase::Offline { until: Some(_) }));
    let settlement = sim.engine.sign_out(sim.now);
    sim.persist(settlement);
    assert_eq!(sim.engine.progress(sim.now).phase, Phase::WaitingForSession);
}

#[test]
fn a_new_run_starts_when_something_is_queued_into_an_empty_queue() {
    let mut sim = Sim::new(fixed(5));
    sim.add_many(5);
    sim.drive_accepting();
    assert_eq!(sim.engine.progress(sim.now).successful, 5);
    sim.add("next");
    let progress = sim.engine.progress(sim.now);
    assert_eq!((progress.total, progress.successful, progress.pending), (1, 0, 1));
}

#[test]
fn progress_can_be_rebuilt_from_the_journal_and_the_rows() {
    let mut sim = Sim::new(fixed(5));
    sim.add_many(10);
    for _ in 0..2 {
        let request = sim.request();
        let response = respond(&request, |id| match id {
            "op-0001" => Some(rejected()),
            "op-0006" => None,
            _ => Some(OperationOutcome::Applied),
        });
        sim.answer(&request, Answer::Response(response));
    }
    let live = sim.engine.progress(sim.now);
    let rows: Vec<&QueuedMeta> = sim.store.values().collect();
    let rebuilt = Progress::from_journal(&sim.journal, rows, START);
    assert_eq!((rebuilt.total, rebuilt.successful, rebuilt.failed, rebuilt.pending), (10, 8, 1, 1));
    assert_eq!((live.total, live.successful, live.failed, live.pending), (10, 8, 1, 1));
    assert_eq!((rebuilt.bytes_done, rebuilt.bytes_total), (live.bytes_done, live.bytes_total));
}

#[test]
fn each_operation_can_say_why_it_is_not_done() {
    let mut sim = Sim::new(BatchConfig::default());
    sim.add("a");
    assert_eq!(sim.engine.explain(sim.now, "a"), Some(Explanation::Collecting { until: Some(START + 3_000) }));
    let _ = sim.engine.flush(sim.now);
    assert_eq!(sim.engine.explain(sim.now, "a"), Some(Explanation::Ready));
    let request = sim.request();
    let sending = Explanation::InFlight { request_id: request.request_id.clone(), since: sim.now };
    assert_eq!(sim.engine.explain(sim.now, "a"), Some(sending));
    sim.add("b");
    let _ = sim.engine.flush(sim.now);
    assert_eq!(sim.engine.explain(sim.now, "b"), Some(Explanation::RequestsInFlight));
    sim.answer(&request, Answer::Response(respond(&request, |_| None)));
    assert!(matches!(sim.engine.explain(sim.now, "a"), Some(Explanation::OwnBackoff { .. })));
    let request = sim.request();
    sim.fault(&request, Signal::ConnectionLost);
    let waits = sim.engine.explain(sim.now, "b");
    assert!(matches!(waits, Some(Explanation::QueueWaits { reason: WaitReason::Backoff, .. })), "{waits:?}");
    let request = sim.wait_for_request().unwrap();
    sim.fault(&request, Signal::status(401));
    assert_eq!(sim.engine.explain(sim.now, "b"), Some(Explanation::SessionRefused));
    assert_eq!(sim.engine.explain(sim.now, "nothing"), None);
}
