//! What a new process makes of the rows it finds.

use batchsync::{Engine, OperationStatus, QueuedMeta};

use crate::common::{Answer, Sim, applied, fixed, rejected, respond};

#[test]
fn rows_that_were_being_sent_are_pending_again_and_go_out_with_the_same_ids() {
    let mut sim = Sim::new(fixed(5));
    sim.add_many(5);
    let request = sim.request();
    assert!(sim.store.values().all(|row| matches!(row.status, OperationStatus::Processing { .. })));
    sim.restart(9);
    assert!(sim.store.values().all(|row| row.status == OperationStatus::Pending && row.ever_sent));
    let again = sim.request();
    assert_eq!(again.operations, request.operations);
    assert_ne!(again.request_id, request.request_id);
}

#[test]
fn a_crash_between_the_answer_and_its_persisting_loses_nothing() {
    let mut sim = Sim::new(fixed(5));
    sim.add_many(5);
    let request = sim.request();
    // Settled, but never written.
    let _ = sim.engine.handle_response(sim.now, &request.request_id, &applied(&request));
    sim.restart(9);
    sim.drive_accepting();
    assert_eq!((sim.journal.len(), sim.store.len()), (5, 0));
}

#[test]
fn the_inbox_and_what_it_blocks_survive() {
    let mut sim = Sim::new(fixed(1));
    sim.add("parent");
    sim.add_child("child", "parent");
    sim.drive(|request| Answer::Response(respond(request, |_| Some(rejected()))));
    let before = sim.store.clone();
    sim.restart(9);
    assert_eq!(sim.store, before);
    assert_eq!(sim.wait().0, None);
    let settlement = sim.engine.retry(sim.now, "parent").unwrap();
    sim.persist(settlement);
    sim.drive_accepting();
    assert!(sim.store.is_empty());
}

#[test]
fn rows_at_odds_with_their_parents_are_put_right_when_loaded() {
    let mut sim = Sim::new(fixed(1));
    sim.add("parent");
    sim.add_child("child", "parent");
    sim.drive(|request| Answer::Response(respond(request, |_| Some(rejected()))));
    // Blocked by a parent that has left, and pending behind one that failed.
    let mut orphan: QueuedMeta = sim.store["child"].clone();
    orphan.id = "orphan".into();
    orphan.position = 50;
    orphan.depends_on = Some("gone".into());
    sim.store.insert("orphan".into(), orphan);
    sim.store.get_mut("child").unwrap().status = OperationStatus::Pending;
    sim.restart(9);
    assert!(sim.is_pending("orphan"));
    assert!(matches!(sim.failure("child"), batchsync::FailureReason::Blocked { .. }));
}

#[test]
fn loading_the_same_row_twice_changes_nothing() {
    let mut sim = Sim::new(fixed(5));
    sim.add_many(3);
    let rows: Vec<QueuedMeta> = sim.store.values().cloned().collect();
    assert!(sim.engine.handle_enqueued(sim.now, rows).is_empty());
    assert_eq!(sim.engine.totals().len, 3);
    let _ = sim.engine.flush(sim.now);
    assert_eq!(sim.request().operations.len(), 3);
}

#[test]
fn rows_left_from_before_are_due_at_once() {
    let mut sim = Sim::new(fixed(10));
    sim.add_many(3);
    sim.advance(60_000);
    sim.restart(9);
    assert_eq!(sim.request().operations.len(), 3);
}

#[test]
fn many_rows_taken_in_at_once_behave_as_rows_taken_in_one_by_one() {
    let mut sim = Sim::new(fixed(7));
    let failure = batchsync::Failure {
        reason: batchsync::FailureReason::Rejected,
        code: "c".into(),
        message: "m".into(),
        failed_at: sim.now,
    };
    let rows: Vec<QueuedMeta> = (0..300_usize)
        .map(|n| {
            let mut row = sim.meta(&format!("{n:03}"), &format!("e-{}", n * 7 % 40));
            row.depends_on = (n % 3 == 0 && n > 20).then(|| format!("{:03}", n - 20));
            if n % 50 == 17 {
                row.status = OperationStatus::Failed(failure.clone());
            }
            row
        })
        .collect();
    let run = |at_once: bool| {
        let mut sim = Sim::new(fixed(7));
        sim.store = rows.iter().map(|row| (row.id.clone(), row.clone())).collect();
        let pages: Vec<&[QueuedMeta]> = rows.chunks(if at_once { 300 } else { 1 }).collect();
        for page in pages {
            let settlement = sim.engine.load(sim.now, page.iter().cloned());
            sim.persist(settlement);
        }
        let _ = sim.engine.flush(sim.now);
        sim.drive_accepting();
        let settlement = sim.engine.retry_all_failed(sim.now);
        sim.persist(settlement);
        sim.drive_accepting();
        let sent: Vec<Vec<String>> = sim.sent.iter().map(|request| request.operations.clone()).collect();
        (sent, sim.store.len(), sim.journal.len())
    };
    let at_once = run(true);
    assert_eq!((at_once.1, at_once.2), (0, 300));
    assert_eq!(at_once, run(false));
}

#[test]
fn a_hundred_thousand_rows_are_taken_in_and_the_first_batch_is_ready() {
    let mut sim = Sim::new(fixed(10));
    let rows: Vec<QueuedMeta> =
        (0..100_000).map(|n| sim.meta(&format!("{n:06}"), &format!("e-{}", n % 5_000))).collect();
    let mut engine = Engine::new(fixed(10), 3).unwrap();
    assert!(engine.load(sim.now, rows).changes.is_empty());
    let _ = engine.set_session(sim.now, Some(batchsync::Session { owner: "ann".into() }));
    assert_eq!(engine.totals().len, 100_000);
    let batchsync::Step::Send(request) = engine.poll(sim.now) else { panic!("a batch is ready") };
    assert_eq!(request.operations[..2], ["000000", "000001"]);
}
