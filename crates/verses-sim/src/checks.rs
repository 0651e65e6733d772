//! The checkers, one file per invariant, and what they are shown. Each sees everything that happens, while faults run and
//! after they have stopped; the first thing that is wrong ends the run.

mod i01_never_lost;
mod i02_at_most_once;
mod i03_together;
mod i04_in_order;
mod i05_converges;
mod i06_fold;
mod i07_own_account;
mod i08_cursor;
mod i09_progress;
mod i10_same_result;
mod i11_restored;

use std::fmt;

use batchsync::QueueChange;
use futures_util::FutureExt;
use uuid::Uuid;
use verses_client::{SyncEvent, SyncResult};
use verses_server::storage::Writes;
use verses_store::{MemoryStore, StoreChange};

use crate::facts::Facts;
use crate::world::World;

/// Something that happened, as the checkers see it.
pub(crate) enum Seen<'a> {
    /// A device committed.
    Committed { device: usize, changes: &'a [StoreChange], store: &'a MemoryStore },
    /// A device lost its processes.
    Killed { device: usize },
    /// The client told its face something.
    Told { device: usize, event: &'a SyncEvent },
    /// A sync ended.
    Synced { device: usize, result: &'a SyncResult },
    /// A request with a good token reached the server. The device is the one that sent it.
    Arrived { device: usize, user: Uuid, body: &'a [u8] },
    /// The server committed.
    Accepted { user: Uuid, writes: &'a Writes },
    /// The server gave a cursor out.
    Listed { cursor: &'a str },
    /// The answer to somebody who sent other people's ids.
    Attacked { attacker: Uuid, status: u16, body: &'a [u8] },
    /// A backup was taken.
    BackedUp,
    /// The database went back to a backup, counted from the first.
    Restored { backup: usize },
    /// Faults are over, and the apps stay open: the queues have had the time they may take.
    Settled,
    /// Everybody has synced after the faults were over.
    Ended,
}

impl Seen<'_> {
    /// A line for the trace, with the ids of the operations it is about.
    pub(crate) fn describe(&self) -> Option<String> {
        match self {
            Seen::Committed { device, changes, .. } => {
                let about: Vec<String> = changes.iter().filter_map(describe_change).collect();
                (!about.is_empty()).then(|| format!("device {device} commits: {}", about.join(", ")))
            }
            Seen::Arrived { device, user, body } => {
                let device = if *device == usize::MAX { "an attacker".to_owned() } else { format!("device {device}") };
                let body = String::from_utf8_lossy(body);
                Some(format!("the server reads, from {device} as {user}: {body}"))
            }
            Seen::Accepted { user, writes } if !writes.ledger.is_empty() => {
                let ids: Vec<String> =
                    writes.ledger.iter().map(|entry| format!("{} as {}", entry.operation_id, entry.seq)).collect();
                Some(format!("the server accepts for {user}: {}", ids.join(", ")))
            }
            Seen::Restored { backup } => Some(format!("the server goes back to backup {backup}")),
            _ => None,
        }
    }
}

fn describe_change(change: &StoreChange) -> Option<String> {
    match change {
        StoreChange::Enqueue(new) => {
            let meta = &new.operation.meta;
            Some(format!("queued {} ({} of {} for {})", meta.id, meta.kind, meta.entity, meta.user_id))
        }
        StoreChange::Queue(QueueChange::SetStatus { id, status, .. }) => Some(format!("{id} is {status:?}")),
        StoreChange::Queue(QueueChange::Complete { id, entry }) => Some(format!("{id} done: {:?}", entry.outcome)),
        StoreChange::Queue(QueueChange::Discard { id, .. }) => Some(format!("{id} discarded")),
        StoreChange::PutEvent { event, seq, .. } => Some(format!("event of {} at {seq:?}", event.operation_id)),
        StoreChange::DeleteEvent { operation_id, .. } => Some(format!("event of {operation_id} gone")),
        StoreChange::ForgetSeqs { owner } => Some(format!("places forgotten for {owner}")),
        StoreChange::PutMeta { key, value } if key != "session" => Some(format!("{key} = {value}")),
        StoreChange::DeleteMeta { key } => Some(format!("{key} gone")),
        StoreChange::MoveOwner { from, to } => Some(format!("rows of {from} move to {to}")),
        StoreChange::ForgetOwner { owner } => Some(format!("rows of {owner} forgotten")),
        _ => None,
    }
}

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Its number in the design.
    pub invariant: u8,
    /// What is wrong.
    pub what: String,
    /// The operation it is about, if it is about one.
    pub operation: Option<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invariant {}: {}", self.invariant, self.what)
    }
}

/// What a checker finds wrong: the text, and the operation it is about.
pub(crate) type Finding = (String, Option<String>);

pub(crate) fn wrong(text: impl Into<String>, operation: &str) -> Finding {
    (text.into(), Some(operation.to_owned()))
}

pub(crate) fn wrong_in_general(text: impl Into<String>) -> Finding {
    (text.into(), None)
}

/// A checker of one invariant.
trait Checker: Send {
    /// Its number in the design.
    fn invariant(&self) -> u8;
    /// Judges what happened. `facts` hold it already.
    fn see(&mut self, world: &World, facts: &Facts, seen: &Seen<'_>) -> Result<(), Finding>;
}

/// All checkers of a run, with what is known.
pub(crate) struct Checks {
    pub(crate) facts: Facts,
    checkers: Vec<Box<dyn Checker>>,
    violation: Option<Violation>,
}

impl Checks {
    /// All checkers, or only that of one invariant.
    pub(crate) fn new(only: Option<u8>) -> Self {
        let all: [Box<dyn Checker>; 11] = [
            Box::new(i01_never_lost::NeverLost),
            Box::new(i02_at_most_once::AtMostOnce),
            Box::new(i03_together::Together),
            Box::new(i04_in_order::InOrder::default()),
            Box::new(i05_converges::Converges),
            Box::new(i06_fold::Fold),
            Box::new(i07_own_account::OwnAccount),
            Box::new(i08_cursor::CursorSkipsNothing::default()),
            Box::new(i09_progress::HonestProgress::default()),
            Box::new(i10_same_result::SameResult),
            Box::new(i11_restored::Restored),
        ];
        let checkers = all.into_iter().filter(|c| only.is_none_or(|only| c.invariant() == only)).collect();
        Self { facts: Facts::default(), checkers, violation: None }
    }

    pub(crate) fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// The run could not begin.
    pub(crate) fn cannot_run(&mut self, why: &str) {
        self.violation =
            Some(Violation { invariant: 0, what: format!("the run could not begin: {why}"), operation: None });
    }

    /// The last syncs did not come to an end in the time they may take.
    pub(crate) fn never_ended(&mut self) {
        if self.checkers.iter().any(|checker| checker.invariant() == 5) {
            let what = "the last syncs did not come to an end although the faults are over".to_owned();
            self.violation = Some(Violation { invariant: 5, what, operation: None });
        }
    }

    /// Takes in what happened, then lets every checker judge it.
    pub(crate) fn see(&mut self, world: &World, seen: &Seen<'_>) {
        if self.violation.is_some() {
            return;
        }
        // What must not have been so before is judged before it becomes part of what is known.
        let before = matches!(seen, Seen::Accepted { .. });
        if !before {
            self.facts.take_in(seen);
        }
        for checker in &mut self.checkers {
            if let Err((what, operation)) = checker.see(world, &self.facts, seen) {
                self.violation = Some(Violation { invariant: checker.invariant(), what, operation });
                break;
            }
        }
        if before {
            self.facts.take_in(seen);
        }
    }
}

impl Facts {
    fn take_in(&mut self, seen: &Seen<'_>) {
        match seen {
            Seen::Committed { device, changes, .. } => self.committed(*device, changes),
            Seen::Accepted { user, writes } => self.accepted(*user, writes),
            Seen::Listed { cursor, .. } => {
                let history = self.history();
                self.cursors.insert((*cursor).to_owned(), history);
            }
            Seen::BackedUp => self.backed_up(),
            Seen::Restored { backup } => self.restored(*backup),
            _ => {}
        }
    }
}

/// Reads of a store in memory complete at once.
pub(crate) fn at_once<T, E>(read: impl Future<Output = Result<T, E>>) -> Option<T> {
    read.now_or_never().and_then(Result::ok)
}
