//! Invariant 4: within one entity operations take effect in the order the user made them. Looked at in the server's
//! history, device by device, as long as nothing failed and was retried and nothing had to be offered again; and in the
//! stamps that decide the fold.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Checker, Finding, Seen, wrong};
use crate::facts::{Facts, key_of};
use crate::world::World;

/// User, device and entity; the last operation made on it that took effect, and its stamp.
#[derive(Default)]
pub(super) struct InOrder {
    last: BTreeMap<(Uuid, usize, String), (u64, i64, String)>,
}

impl Checker for InOrder {
    fn invariant(&self) -> u8 {
        4
    }

    fn see(&mut self, _: &World, facts: &Facts, seen: &Seen<'_>) -> Result<(), Finding> {
        match seen {
            // What comes after is offered again in whatever order it is remembered.
            Seen::Restored { .. } => self.last.clear(),
            Seen::Accepted { user, writes } => {
                let owner = user.to_string();
                for entry in &writes.ledger {
                    let id = entry.operation_id.as_str();
                    let Some(made) = facts.made.get(&key_of(id)).filter(|made| !made.disturbed && made.owner == owner)
                    else {
                        continue;
                    };
                    let event = writes.events.iter().find(|event| event.operation_id == entry.operation_id);
                    let stamp = event.map_or(i64::MIN, |event| event.occurred_at.0);
                    let place = (*user, made.device, made.entity.clone());
                    let now = (made.order, stamp, id.to_owned());
                    if let Some((order, last_stamp, last)) = self.last.get(&place) {
                        // After a restore what was offered again may let later operations pass; their stamps decide.
                        if *order > made.order && facts.ended.is_empty() {
                            return Err(wrong(format!("{id} took effect after {last}, which was made later"), id));
                        }
                        if event.is_some() && *order < made.order && (*last_stamp, last.as_str()) > (stamp, id) {
                            let text = format!("{id} is folded before {last}, which was made earlier");
                            return Err(wrong(text, id));
                        }
                    }
                    self.last.insert(place, now);
                }
            }
            _ => {}
        }
        Ok(())
    }
}
