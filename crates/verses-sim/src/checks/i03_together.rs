//! Invariant 3: the local write and its queue row commit together or not at all. Looked at where it would show: when the
//! processes of a device have died, and at the end.

use std::collections::BTreeSet;

use verses_core::Operation;
use verses_store::LocalStore;

use super::{Checker, Finding, Seen, at_once, wrong};
use crate::facts::{Facts, key_of};
use crate::world::World;

pub(super) struct Together;

impl Checker for Together {
    fn invariant(&self) -> u8 {
        3
    }

    fn see(&mut self, world: &World, facts: &Facts, seen: &Seen<'_>) -> Result<(), Finding> {
        match seen {
            Seen::Killed { device } => check(world, facts, *device),
            Seen::Ended => (0..world.devices.len()).try_for_each(|device| check(world, facts, device)),
            _ => Ok(()),
        }
    }
}

fn check(world: &World, facts: &Facts, device: usize) -> Result<(), Finding> {
    let store = world.devices[device].rows();
    let metas = at_once(store.queue_metas(None, u32::MAX)).unwrap_or_default();
    let queued: BTreeSet<&str> = metas.iter().map(|meta| meta.id.as_str()).collect();
    let mut owners: BTreeSet<&str> = metas.iter().map(|meta| meta.user_id.as_str()).collect();
    owners.extend(facts.made.values().filter(|made| made.device == device).map(|made| made.owner.as_str()));
    for owner in owners {
        for stored in at_once(store.events_without_seq(owner)).unwrap_or_default() {
            let id = stored.event.operation_id.as_str();
            if !queued.contains(id) && !facts.accepted.contains_key(&key_of(id)) {
                return Err(wrong(format!("device {device} shows the effect of {id}, which waits nowhere"), id));
            }
        }
        for row in at_once(store.queue_of(owner, false, u32::MAX)).unwrap_or_default() {
            let Some(verse) = verse_of(&row.meta.entity).filter(|_| !is_profile(&row.data)) else { continue };
            let events = at_once(store.events(owner, verse)).unwrap_or_default();
            if events.iter().all(|stored| stored.event.operation_id.as_str() != row.meta.id) {
                let id = &row.meta.id;
                return Err(wrong(format!("device {device} has {id} in its queue without its effect"), id));
            }
        }
    }
    Ok(())
}

fn is_profile(operation: &Operation) -> bool {
    matches!(operation, Operation::UpdateProfile(_))
}

fn verse_of(entity: &str) -> Option<verses_core::VerseId> {
    entity.strip_prefix("verse/")?.parse().ok().map(verses_core::VerseId)
}
