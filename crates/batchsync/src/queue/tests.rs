//! What the queue keeps behind its answers: memory that is used again, and indexes that agree with the rows.

use proptest::prelude::*;

use super::{Delay, Queue, Slot, State};
use crate::operation::{Failure, FailureReason, OperationStatus, QueuedMeta};

fn meta(position: i64, id: &str, owner: &str, entity: &str, depends_on: Option<String>) -> QueuedMeta {
    QueuedMeta {
        position,
        id: id.into(),
        kind: "note".into(),
        user_id: owner.into(),
        entity: entity.into(),
        depends_on,
        payload_bytes: u32::try_from(position).unwrap_or(0) + 10,
        queued_at: position % 5,
        retry_count: 0,
        ever_sent: false,
        status: OperationStatus::Pending,
    }
}

fn take_in(queue: &mut Queue, meta: &QueuedMeta) -> Option<Slot> {
    let slot = queue.place(meta)?;
    queue.enter_all(&[slot]);
    Some(slot)
}

#[test]
fn a_queue_that_rows_pass_through_does_not_grow() {
    let mut queue = Queue::default();
    for n in 0..100 {
        let slot = take_in(&mut queue, &meta(n, &format!("op-{n}"), "ann", &format!("entity-{n}"), None)).unwrap();
        queue.set_state(slot, State::Processing { request: 1 });
        assert!(queue.remove(slot).is_some());
    }
    assert_eq!((queue.rows.len(), queue.entities.len()), (1, 1), "places and numbers are used again");
    assert_eq!((queue.totals().len, queue.totals().bytes), (0, 0));
}

fn failure(blocked: bool) -> State {
    let reason = if blocked { FailureReason::Blocked { parent: "op-0".into() } } else { FailureReason::Rejected };
    State::Failed(Box::new(Failure { reason, code: "c".into(), message: "m".into(), failed_at: 0 }))
}

/// One step: what is done, and to which operation.
fn step(queue: &mut Queue, number: i64, what: u8, which: usize) {
    let slots: Vec<Slot> = queue.slots().collect();
    let Some(&slot) = slots.get(which % slots.len().max(1)).filter(|_| what > 2) else {
        let depends_on = (what == 1).then(|| format!("op-{}", which % 12));
        let (owner, entity) = (["ann", "bob"][which % 2], ["x", "y", "z"][which % 3]);
        take_in(queue, &meta(number, &format!("op-{number}"), owner, entity, depends_on));
        return;
    };
    match what {
        3 => queue.set_state(slot, State::Processing { request: 1 }),
        4 => queue.set_state(slot, State::Pending),
        5 => queue.set_state(slot, failure(which.is_multiple_of(2))),
        6 if queue.row(slot).is_some_and(|row| row.state == State::Pending) => {
            queue.set_delay(slot, Delay { until: number, hard: which.is_multiple_of(2) });
        }
        7 => queue.end_delays(number - 3),
        8 => queue.end_soft_delays(),
        9 => queue.set_payload_bytes(slot, 7),
        10 => queue.renew(slot, number),
        _ => drop(queue.remove(slot)),
    }
}

/// The same rows, all taken in at once by a queue that knows no history.
fn rebuilt(queue: &Queue) -> (Queue, Vec<(Slot, Slot)>) {
    let mut fresh = Queue::default();
    let mut pairs = Vec::new();
    for slot in queue.slots() {
        let placed = queue.meta(slot).and_then(|meta| fresh.place(&meta)).expect("every id is there once");
        pairs.push((slot, placed));
    }
    let placed: Vec<Slot> = pairs.iter().map(|&(_, placed)| placed).collect();
    fresh.enter_all(&placed);
    for &(slot, placed) in &pairs {
        if let Some(row) = queue.row(slot).filter(|row| matches!(row.state, State::Processing { .. })) {
            fresh.set_state(placed, row.state.clone());
        }
        if let Some(delay) = queue.delay(slot) {
            fresh.set_delay(placed, delay);
        }
    }
    (fresh, pairs)
}

proptest! {
    #[test]
    fn whatever_was_done_the_indexes_are_those_of_the_rows(
        steps in prop::collection::vec((0u8..13, any::<usize>()), 0..40),
    ) {
        let mut queue = Queue::default();
        for (number, (what, which)) in steps.into_iter().enumerate() {
            step(&mut queue, number as i64, what, which);
        }
        let (fresh, pairs) = rebuilt(&queue);
        prop_assert_eq!(queue.totals(), fresh.totals());
        prop_assert_eq!(queue.next_delay(), fresh.next_delay());
        for &(slot, placed) in &pairs {
            let names = |queue: &Queue, slot: Option<Slot>| slot.and_then(|it| queue.row(it)).map(|row| row.id.to_string());
            let before = |queue: &Queue, slot| names(queue, queue.before_in_chain(slot));
            prop_assert_eq!(before(&queue, slot), before(&fresh, placed));
            let parent = |queue: &Queue, slot| names(queue, queue.failed_parent(slot));
            prop_assert_eq!(parent(&queue, slot), parent(&fresh, placed));
        }
        for name in ["ann", "bob"] {
            let (of_queue, of_fresh) = (queue.symbols.get(name), fresh.symbols.get(name));
            let (Some(ours), Some(theirs)) = (of_queue, of_fresh) else { continue };
            prop_assert_eq!(queue.counts(ours), fresh.counts(theirs), "{}", name);
            let ready = queue.first_ready(ours).map(|key| key.position);
            prop_assert_eq!(ready, fresh.first_ready(theirs).map(|key| key.position), "{}", name);
            prop_assert_eq!(queue.oldest(ours).map(|(from, _)| from), fresh.oldest(theirs).map(|(from, _)| from));
        }
        let failed = |queue: &Queue| queue.failed().map(|slot| queue.key(slot).position).collect::<Vec<_>>();
        prop_assert_eq!(failed(&queue), failed(&fresh));
    }
}
