//! Invariant 4: within one entity operations take effect in the order the user made them. Looked at in the server's
//! history, device by device, as long as nothing failed and was retried and nothing had to be offered again; and in the
//! stamps that decide the fold. What the user gave up may reach the server all the same, at any time.

use std::collections::BTreeMap;

use uuid::Uuid;
use verses_core::Operation;

use super::{Checker, Finding, Seen, wrong};
use crate::facts::{Facts, Made, key_of};
use crate::world::World;

/// User, device and entity; the last operation made on it that took effect, and its stamp.
#[derive(Default)]
pub(super) struct InOrder {
    last: BTreeMap<(Uuid, usize, String), Last>,
}

struct Last {
    order: u64,
    stamp: i64,
    id: String,
    /// Its stamp was wrong, and counts as the moment at which the server read it.
    corrected: bool,
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
                    let judged = |made: &&Made| !made.disturbed && !made.discarded && made.owner == owner;
                    let Some(made) = facts.made.get(&key_of(id)).filter(judged) else { continue };
                    // Accepted a second time, by a server that had lost it: a copy of the first request may come hours
                    // late, and a stamp that must be corrected is corrected to then.
                    if facts.accepted.contains_key(&key_of(id)) {
                        continue;
                    }
                    let event = writes.events.iter().find(|event| event.operation_id == entry.operation_id);
                    let stamp = event.map_or(i64::MIN, |event| event.occurred_at.0);
                    let place = (*user, made.device, made.entity.clone());
                    let corrected = stamp_made(&made.operation) != Some(stamp);
                    let now = Last { order: made.order, stamp, id: id.to_owned(), corrected };
                    if let Some(last) = self.last.get(&place) {
                        // After a restore what was offered again may let later operations pass; their stamps decide.
                        if last.order > made.order && facts.ended.is_empty() {
                            return Err(wrong(format!("{id} took effect after {}, which was made later", last.id), id));
                        }
                        // A clock that was wrong and has been set right in between cannot be judged.
                        let comparable = event.is_some() && last.order < made.order && (corrected || !last.corrected);
                        if comparable && (last.stamp, last.id.as_str()) > (stamp, id) {
                            let text = format!("{id} is folded before {}, which was made earlier", last.id);
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

fn stamp_made(operation: &Operation) -> Option<i64> {
    let stamp = match operation {
        Operation::CreateVerse(create) => create.occurred_at?,
        Operation::RecordReview(review) => review.occurred_at,
        Operation::UpdateProfile(update) => update.occurred_at,
        Operation::ArchiveVerse(action) | Operation::RestoreVerse(action) => action.occurred_at,
        Operation::SetPhase(set) => set.occurred_at,
    };
    Some(stamp.0)
}
