//! Invariant 11: a server restored from a backup gets back what its clients still hold.

use verses_store::LocalStore;

use super::{Checker, Finding, Seen, at_once, wrong};
use crate::facts::{Facts, key_of};
use crate::world::World;
use crate::world::accounts::user_id;

pub(super) struct Restored;

impl Checker for Restored {
    fn invariant(&self) -> u8 {
        11
    }

    fn see(&mut self, world: &World, facts: &Facts, seen: &Seen<'_>) -> Result<(), Finding> {
        if !matches!(seen, Seen::Ended) || facts.ended.is_empty() {
            return Ok(());
        }
        for (number, device) in world.devices.iter().enumerate() {
            let store = device.rows();
            let queued = at_once(store.queue_metas(None, u32::MAX)).unwrap_or_default();
            for user in (0..world.params.users).map(user_id) {
                let owner = user.to_string();
                let cards = at_once(store.cards(&owner)).unwrap_or_default();
                let verses: Vec<_> = cards.iter().map(|card| card.verse_id).collect();
                for stored in at_once(store.events_of(&owner, &verses)).unwrap_or_default() {
                    let id = stored.event.operation_id.as_str();
                    let waits = queued.iter().any(|meta| meta.id == id);
                    if !waits && !facts.in_ledger.contains(&(user, key_of(id))) && world.is_home(number, user) {
                        return Err(wrong(format!("device {number} holds {id}; the restored server lacks it"), id));
                    }
                }
            }
        }
        Ok(())
    }
}
