//! Which rows go into the next request: first in first out, entities in order, parents before children.
//!
//! The work grows with the size of the request, not with the size of the queue.

use std::collections::BTreeSet;

use super::{Key, Queue, Slot, State, Symbol};

/// What a request may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Selection {
    /// The most rows.
    pub(crate) operations: usize,
    /// The most uncompressed bytes; the first row may exceed them.
    pub(crate) bytes: u64,
    /// What a row adds to its payload.
    pub(crate) envelope: u64,
}

impl Queue {
    /// The rows of `owner` for the next request. A row for which `alone` holds travels by itself.
    pub(crate) fn select(&self, owner: Symbol, limit: Selection, alone: impl Fn(Slot) -> bool) -> Vec<Slot> {
        let mut heads = self.ready.range((owner, Key::MIN)..=(owner, Key::MAX)).map(|&(_, key)| key).peekable();
        // Rows that may go because rows chosen before them go in the same request.
        let mut unlocked: BTreeSet<Key> = BTreeSet::new();
        let mut chosen: Vec<Slot> = Vec::new();
        let mut members: BTreeSet<Slot> = BTreeSet::new();
        let mut bytes = 0_u64;
        while chosen.len() < limit.operations {
            let next = match (heads.peek().copied(), unlocked.first().copied()) {
                (Some(head), Some(other)) if other < head => unlocked.pop_first(),
                (None, Some(_)) => unlocked.pop_first(),
                _ => heads.next(),
            };
            let Some(Key { slot, .. }) = next else { break };
            let Some(row) = self.row(slot) else { continue };
            if alone(slot) {
                if chosen.is_empty() {
                    return vec![slot];
                }
                // Its successors stay locked, so nothing of its entity overtakes it.
                continue;
            }
            bytes = bytes.saturating_add(u64::from(row.payload_bytes) + limit.envelope);
            if bytes > limit.bytes && !chosen.is_empty() {
                break;
            }
            chosen.push(slot);
            members.insert(slot);
            let children = self.children.range((row.id.clone(), Key::MIN)..=(row.id.clone(), Key::MAX));
            let children = children.map(|(_, key)| key.slot);
            for candidate in self.after_in_chain(slot).into_iter().chain(children) {
                if !members.contains(&candidate) && self.unlocks(candidate, owner, &members) {
                    unlocked.insert(self.key(candidate));
                }
            }
        }
        chosen
    }

    /// Whether a row may go, given that `members` go before it in the same request.
    fn unlocks(&self, slot: Slot, owner: Symbol, members: &BTreeSet<Slot>) -> bool {
        let Some(row) = self.row(slot) else { return false };
        row.state == State::Pending
            && row.owner == owner
            && !self.delays.contains_key(&slot)
            && !self.entity_in_flight(row)
            && self.before_in_chain(slot).is_none_or(|before| members.contains(&before))
            && self.waits_for(row).is_none_or(|parent| members.contains(&parent))
    }
}
