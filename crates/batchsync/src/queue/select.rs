//! Which rows go into the next request: first in first out, entities in order, parents before children.
//!
//! The work grows with the size of the request, not with the size of the queue.

use super::index::Index;
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

/// Rows chosen so far.
#[derive(Default)]
struct Members(Index);

impl Members {
    fn add(&mut self, slot: Slot) {
        self.0.set((0, 0, slot), true);
    }

    fn contain(&self, slot: Slot) -> bool {
        self.0.contains((0, 0, slot))
    }
}

impl Queue {
    /// The rows of `owner` for the next request. A row for which `alone` holds travels by itself.
    pub(crate) fn select(&self, owner: Symbol, limit: Selection, alone: impl Fn(Slot) -> bool) -> Vec<Slot> {
        let mut heads = self.ready.group(owner.0).map(|(_, position, slot)| (0, position, slot)).peekable();
        // Rows that may go because rows chosen before them go in the same request.
        let mut unlocked = Index::default();
        let mut chosen: Vec<Slot> = Vec::new();
        let mut members = Members::default();
        let mut bytes = 0_u64;
        while chosen.len() < limit.operations {
            let next = match (heads.peek().copied(), unlocked.first()) {
                (Some(head), Some(other)) if other < head => unlocked.pop_first(),
                (None, Some(_)) => unlocked.pop_first(),
                _ => heads.next(),
            };
            let Some((_, _, slot)) = next else { break };
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
            members.add(slot);
            let children = self.children(&row.id);
            for candidate in self.after_in_chain(slot).into_iter().chain(children) {
                if !members.contain(candidate) && self.unlocks(candidate, owner, &members) {
                    let Key { position, slot } = self.key(candidate);
                    unlocked.set((0, position, slot), true);
                }
            }
        }
        chosen
    }

    /// Whether a row may go, given that `members` go before it in the same request.
    fn unlocks(&self, slot: Slot, owner: Symbol, members: &Members) -> bool {
        let Some(row) = self.row(slot) else { return false };
        row.state == State::Pending
            && row.owner == owner
            && self.delay(slot).is_none()
            && !self.entity_in_flight(row)
            && self.before_in_chain(slot).is_none_or(|before| members.contain(before))
            && self.waits_for(row).is_none_or(|parent| members.contain(parent))
    }
}
