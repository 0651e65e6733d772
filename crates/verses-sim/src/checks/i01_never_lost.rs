//! Invariant 1: an operation accepted by `enqueue` is never lost. It is in the queue, in the inbox, or applied on the
//! server, through any crash.

use batchsync::QueueChange;
use verses_core::Operation;
use verses_store::{LocalStore, StoreChange};

use super::{Checker, Finding, Seen, at_once, wrong};
use crate::facts::{Facts, key_of};
use crate::world::World;

pub(super) struct NeverLost;

impl Checker for NeverLost {
    fn invariant(&self) -> u8 {
        1
    }

    fn see(&mut self, world: &World, facts: &Facts, seen: &Seen<'_>) -> Result<(), Finding> {
        match seen {
            Seen::Committed { device, changes, .. } => changes.iter().try_for_each(|change| match change {
                StoreChange::Queue(QueueChange::Complete { id, .. }) if !facts.accepted.contains_key(&key_of(id)) => {
                    Err(wrong(format!("device {device} took {id} out of its queue; no server ever accepted it"), id))
                }
                _ => Ok(()),
            }),
            Seen::Ended => everything_is_somewhere(world, facts),
            _ => Ok(()),
        }
    }
}

fn everything_is_somewhere(world: &World, facts: &Facts) -> Result<(), Finding> {
    let stores: Vec<_> = world.devices.iter().map(super::super::world::device::Device::rows).collect();
    for (key, made) in &facts.made {
        let on_the_server = facts.ledgers.keys().any(|user| facts.in_ledger.contains(&(*user, *key)));
        if made.discarded || on_the_server {
            continue;
        }
        let queued = |store: &verses_store::MemoryStore| {
            at_once(store.queued(std::slice::from_ref(&made.id))).is_some_and(|rows| !rows.is_empty())
        };
        // After a restore a profile update may be gone for good: later ones have taken its place, field by field.
        let superseded = matches!(made.operation, Operation::UpdateProfile(_)) && facts.accepted.contains_key(key);
        if !superseded && !stores.iter().any(queued) {
            let (id, device) = (&made.id, made.device);
            return Err(wrong(format!("{id}, made on device {device}, is in no queue and not on the server"), id));
        }
    }
    Ok(())
}
