//! What is known of a run, seen from outside: every operation made on a device, everything the server accepted, every
//! history it had. The checkers ask; nothing is judged here.

use std::collections::{BTreeMap, BTreeSet};

use batchsync::{OperationStatus, QueueChange};
use serde_json::Value;
use uuid::Uuid;
use verses_core::Operation;
use verses_server::storage::Writes;
use verses_store::StoreChange;

use crate::oracle::Fact;
use crate::world::accounts::user_id;

/// An operation's id as a number: cheaper to keep than text.
pub(crate) type Key = u128;

pub(crate) fn key_of(id: &str) -> Key {
    match Uuid::try_parse(id) {
        Ok(id) => id.as_u128(),
        // Not a client's id: FNV-1a, far away from any UUID of version 7.
        Err(_) => id.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash, byte| {
            (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
        }),
    }
}

/// An operation somebody made on a device.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) id: String,
    pub(crate) device: usize,
    /// Whose it is: changes once, when a guest signs in.
    pub(crate) owner: String,
    pub(crate) entity: String,
    /// Counts what was made, over all devices.
    pub(crate) order: u64,
    pub(crate) operation: Operation,
    /// It failed before, or was offered again: it may take effect out of order.
    pub(crate) disturbed: bool,
    pub(crate) discarded: bool,
}

/// Accepted operations by user, in the order of the server's history.
pub(crate) type Ledgers = BTreeMap<Uuid, Vec<Fact>>;

/// Everything known.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) made: BTreeMap<Key, Made>,
    /// Ever accepted by the server, in any of its histories.
    pub(crate) accepted: BTreeMap<Key, Uuid>,
    /// The present history.
    pub(crate) ledgers: Ledgers,
    /// Ids in it.
    pub(crate) in_ledger: BTreeSet<(Uuid, Key)>,
    /// Histories at the moments of backups.
    backups: Vec<Ledgers>,
    /// Histories that ended when a backup was put in their place.
    pub(crate) ended: Vec<Ledgers>,
    /// In which history a cursor was given out, last.
    pub(crate) cursors: BTreeMap<String, usize>,
    /// Operations that left the queue of a device as done.
    pub(crate) completed: BTreeMap<usize, u64>,
    /// How often an operation was accepted: more than once if the server had lost it.
    pub(crate) acceptances: u64,
    orders: u64,
}

impl Facts {
    /// Takes in a commit of a device.
    pub(crate) fn committed(&mut self, device: usize, changes: &[StoreChange]) {
        for change in changes {
            match change {
                StoreChange::Enqueue(new) => self.enqueued(device, new),
                StoreChange::MoveOwner { from, to } => {
                    let moved = self.made.values_mut().filter(|made| made.device == device && made.owner == *from);
                    moved.for_each(|made| made.owner.clone_from(to));
                }
                StoreChange::Queue(QueueChange::Complete { .. }) => {
                    *self.completed.entry(device).or_default() += 1;
                }
                StoreChange::Queue(QueueChange::Discard { id, .. }) => {
                    if let Some(made) = self.made.get_mut(&key_of(id)) {
                        made.discarded = true;
                    }
                }
                StoreChange::Queue(QueueChange::SetStatus { id, status: OperationStatus::Failed(_), .. }) => {
                    if let Some(made) = self.made.get_mut(&key_of(id)) {
                        made.disturbed = true;
                    }
                }
                StoreChange::ReplacePayload { id, data, .. } => {
                    if let Some(made) = self.made.get_mut(&key_of(id)) {
                        made.operation = (**data).clone();
                    }
                }
                _ => {}
            }
        }
    }

    fn enqueued(&mut self, device: usize, new: &verses_store::NewQueuedOperation) {
        let row = &new.operation;
        if let Some(made) = self.made.get_mut(&key_of(&row.meta.id)) {
            // Offered again, after the server had lost it; perhaps by another device than made it.
            made.disturbed = true;
            made.discarded = false;
            return;
        }
        self.orders += 1;
        let made = Made {
            id: row.meta.id.clone(),
            device,
            owner: row.meta.user_id.clone(),
            entity: row.meta.entity.clone(),
            order: self.orders,
            operation: row.data.clone(),
            disturbed: false,
            discarded: false,
        };
        self.made.insert(key_of(&row.meta.id), made);
    }

    /// Takes in a transaction of the server.
    pub(crate) fn accepted(&mut self, user: Uuid, writes: &Writes) {
        for entry in &writes.ledger {
            let key = key_of(entry.operation_id.as_str());
            if self.made.get(&key).is_some_and(|made| made.owner == user.to_string()) {
                self.accepted.insert(key, user);
                self.acceptances += 1;
            }
            self.in_ledger.insert((user, key));
            self.ledgers.entry(user).or_default().push(Fact {
                id: entry.operation_id.as_str().to_owned(),
                verse: entry.verse_id.map(|verse| verse.to_string()),
                operation: serde_json::from_str(&entry.operation).unwrap_or(Value::Null),
            });
        }
    }

    pub(crate) fn backed_up(&mut self) {
        self.backups.push(self.ledgers.clone());
    }

    pub(crate) fn restored(&mut self, backup: usize) {
        let Some(ledgers) = self.backups.get(backup).cloned() else { return };
        self.ended.push(std::mem::replace(&mut self.ledgers, ledgers));
        let ids = self.ledgers.iter().flat_map(|(user, facts)| facts.iter().map(|fact| (*user, key_of(&fact.id))));
        self.in_ledger = ids.collect();
    }

    /// The number of the present history.
    pub(crate) fn history(&self) -> usize {
        self.ended.len()
    }

    /// A history, present or ended.
    pub(crate) fn ledgers_of(&self, history: usize) -> &Ledgers {
        self.ended.get(history).unwrap_or(&self.ledgers)
    }

    /// The users of the plan who made something on a device.
    pub(crate) fn users_of(&self, device: usize, users: usize) -> Vec<usize> {
        let made_here = |user: &usize| {
            let owner = user_id(*user).to_string();
            self.made.values().any(|made| made.device == device && made.owner == owner)
        };
        (0..users).filter(made_here).collect()
    }

    /// Requests that carry the ids of operations and verses of everybody.
    pub(crate) fn bodies_of_others(&self) -> Vec<Vec<u8>> {
        let operation = |made: &Made| {
            let mut wire = serde_json::to_value(&made.operation).unwrap_or(Value::Null);
            wire["id"] = made.id.clone().into();
            wire["data"]["userId"] = made.owner.clone().into();
            wire
        };
        let some: Vec<Value> = self.made.values().rev().take(6).map(operation).collect();
        if some.is_empty() {
            return Vec::new();
        }
        let body = serde_json::json!({"operation": "batch", "batchId": "attack", "pull": true, "operations": some});
        vec![serde_json::to_vec(&body).unwrap_or_default()]
    }
}
