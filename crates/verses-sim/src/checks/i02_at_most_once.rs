//! Invariant 2: an operation takes effect on the server at most once, whatever is resent, duplicated, reordered or
//! answered too late. What takes effect is what somebody made, under the id it was made with.

use std::collections::BTreeSet;

use super::{Checker, Finding, Seen, wrong};
use crate::facts::{Facts, key_of};
use crate::world::World;

pub(super) struct AtMostOnce;

impl Checker for AtMostOnce {
    fn invariant(&self) -> u8 {
        2
    }

    fn see(&mut self, _: &World, facts: &Facts, seen: &Seen<'_>) -> Result<(), Finding> {
        let Seen::Accepted { user, writes } = seen else { return Ok(()) };
        let mut ids = BTreeSet::new();
        for entry in &writes.ledger {
            let id = entry.operation_id.as_str();
            let key = key_of(id);
            if facts.in_ledger.contains(&(*user, key)) || !ids.insert(id) {
                return Err(wrong(format!("{id} took effect a second time"), id));
            }
            if !facts.made.contains_key(&key) {
                return Err(wrong(format!("{id} took effect, and nobody made it"), id));
            }
        }
        for event in &writes.events {
            let id = event.operation_id.as_str();
            if !ids.contains(id) {
                return Err(wrong(format!("an event of {id} was written without its entry in the ledger"), id));
            }
        }
        Ok(())
    }
}
