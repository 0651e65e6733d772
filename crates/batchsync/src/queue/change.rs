//! Changing the queue: rows in, rows out, changes of state, waits. Every index is kept here.

use std::sync::Arc;

use super::index::{Index, group_of};
use super::intern::EntityNumber;
use super::{Counts, Delay, Key, Queue, Row, Slot, State};
use crate::operation::{FailureReason, Millis, OperationStatus, QueuedMeta};

impl Queue {
    /// Adds rows that `place` has taken in to the indexes of their states.
    ///
    /// Many at once are sorted and merged, which is faster and packs the indexes tightly.
    pub(crate) fn enter_all(&mut self, slots: &[Slot]) {
        if slots.len() < 64 || slots.len() as u64 * 4 < self.totals.len {
            for &slot in slots {
                self.enter(slot);
            }
            return;
        }
        let (mut chains, mut ages, mut failed) = (Vec::new(), Vec::new(), Vec::new());
        let (mut children, mut entities) = (Vec::new(), Vec::new());
        for &slot in slots {
            let key = self.key(slot);
            let Some(row) = self.rows.get(slot as usize).and_then(Option::as_ref) else { continue };
            if row.state == State::Pending {
                chains.push((row.entity, key.position, slot));
                ages.push((row.owner.0, row.aged_from, slot));
            } else {
                failed.push((0, key.position, slot));
            }
            if let Some(parent) = &row.parent {
                children.push((group_of(parent), key.position, slot));
            }
            entities.push(row.entity);
            count(self.counts.get_mut(row.owner), row, true);
        }
        self.chains.append(chains);
        self.ages.append(ages);
        self.failed.append(failed);
        self.children.append(children);
        entities.sort_unstable();
        entities.dedup();
        for entity in entities {
            self.refresh(entity);
        }
    }

    /// Takes a row in; `None` if its id is there already. A row that was in a request comes in as pending. It is in
    /// no index before `enter_all`.
    pub(crate) fn place(&mut self, meta: &QueuedMeta) -> Option<Slot> {
        let slot = self.free.last().copied().unwrap_or(self.rows.len() as Slot);
        if self.find(&meta.id).is_some() {
            return None;
        }
        self.by_id.set((group_of(&meta.id), 0, slot), true);
        let owner = self.symbols.intern(&meta.user_id);
        let parent = meta.depends_on.as_ref().filter(|parent| **parent != meta.id).map(|parent| {
            // The parent's own name is shared while it is queued.
            let queued = self.find(parent).and_then(|slot| self.row(slot));
            queued.map_or_else(|| Arc::from(parent.as_str()), |row| row.id.clone())
        });
        let row = Row {
            id: Arc::from(meta.id.as_str()),
            parent,
            position: meta.position,
            aged_from: meta.queued_at,
            owner,
            kind: self.symbols.intern(&meta.kind),
            entity: self.entities.intern(owner, &meta.entity),
            payload_bytes: meta.payload_bytes,
            retry_count: meta.retry_count,
            ever_sent: meta.ever_sent,
            state: match &meta.status {
                OperationStatus::Pending | OperationStatus::Processing { .. } => State::Pending,
                OperationStatus::Failed(failure) => State::Failed(Box::new(failure.clone())),
            },
        };
        self.store(slot, row);
        Some(slot)
    }

    fn store(&mut self, slot: Slot, row: Row) {
        self.free.pop();
        let key = Key { position: row.position, slot };
        self.entities.entity_mut(row.entity).rows += 1;
        self.totals.len += 1;
        self.totals.bytes += u64::from(row.payload_bytes);
        self.last = self.last.max(Some(key));
        if slot as usize == self.rows.len() {
            self.rows.push(Some(row));
        } else {
            self.rows[slot as usize] = Some(row);
        }
    }

    /// Takes a row out. Rows that waited for it are free of it.
    pub(crate) fn remove(&mut self, slot: Slot) -> Option<Row> {
        self.row(slot)?;
        self.clear_delay(slot);
        self.leave(slot);
        let row = self.rows[slot as usize].take()?;
        self.by_id.set((group_of(&row.id), 0, slot), false);
        self.totals.len -= 1;
        self.totals.bytes -= u64::from(row.payload_bytes);
        self.free.push(slot);
        for child in self.children(&row.id) {
            self.refresh_of(child);
        }
        self.refresh(row.entity);
        self.entities.entity_mut(row.entity).rows -= 1;
        self.entities.release(row.entity);
        Some(row)
    }

    pub(crate) fn set_state(&mut self, slot: Slot, state: State) {
        if self.row(slot).is_none() {
            return;
        }
        self.leave(slot);
        if state != State::Pending {
            self.clear_delay(slot);
        }
        self.update(slot, |row| row.state = state);
        self.enter(slot);
    }

    pub(crate) fn set_retry_count(&mut self, slot: Slot, count: u32) {
        self.update(slot, |row| row.retry_count = count);
    }

    pub(crate) fn set_ever_sent(&mut self, slot: Slot, sent: bool) {
        self.update(slot, |row| row.ever_sent = sent);
    }

    pub(crate) fn set_payload_bytes(&mut self, slot: Slot, bytes: u32) {
        let Some(old) = self.row(slot).map(|row| row.payload_bytes) else { return };
        self.leave(slot);
        self.totals.bytes = self.totals.bytes - u64::from(old) + u64::from(bytes);
        self.update(slot, |row| row.payload_bytes = bytes);
        self.enter(slot);
    }

    /// Counts the row's age from another time.
    pub(crate) fn renew(&mut self, slot: Slot, from: Millis) {
        self.leave(slot);
        self.update(slot, |row| row.aged_from = from);
        self.enter(slot);
    }

    pub(crate) fn set_delay(&mut self, slot: Slot, delay: Delay) {
        self.clear_delay(slot);
        self.delays.set((slot, delay.until, u32::from(delay.hard)), true);
        self.delays_by_time.set((0, delay.until, slot), true);
        self.refresh_of(slot);
    }

    pub(crate) fn clear_delay(&mut self, slot: Slot) {
        if let Some(delay) = self.delay(slot) {
            self.delays.set((slot, delay.until, u32::from(delay.hard)), false);
            self.delays_by_time.set((0, delay.until, slot), false);
            self.refresh_of(slot);
        }
    }

    /// Ends the waits that are over.
    pub(crate) fn end_delays(&mut self, now: Millis) {
        while let Some((_, until, slot)) = self.delays_by_time.first() {
            if until > now {
                break;
            }
            self.clear_delay(slot);
        }
    }

    /// Ends the waits the server did not ask for.
    pub(crate) fn end_soft_delays(&mut self) {
        let soft: Vec<Slot> = self.delays.all().filter(|&(_, _, hard)| hard == 0).map(|(slot, _, _)| slot).collect();
        for slot in soft {
            self.clear_delay(slot);
        }
    }

    /// The clock went back: waits go with it.
    pub(crate) fn shift_delays(&mut self, back: i64) {
        let shifted = self.delays.all().map(|(slot, until, hard)| (slot, until.saturating_sub(back), hard));
        let shifted: Vec<_> = shifted.collect();
        (self.delays, self.delays_by_time) = (Index::default(), Index::default());
        self.delays_by_time.append(shifted.iter().map(|&(slot, until, _)| (0, until, slot)).collect());
        self.delays.append(shifted);
    }

    fn update(&mut self, slot: Slot, change: impl FnOnce(&mut Row)) {
        if let Some(row) = self.rows.get_mut(slot as usize).and_then(Option::as_mut) {
            change(row);
        }
    }

    /// Puts a row into the indexes of its state.
    fn enter(&mut self, slot: Slot) {
        self.index(slot, true);
    }

    /// Takes a row out of the indexes of its state.
    fn leave(&mut self, slot: Slot) {
        self.index(slot, false);
    }

    fn index(&mut self, slot: Slot, add: bool) {
        let key = self.key(slot);
        let Some(row) = self.rows.get(slot as usize).and_then(Option::as_ref) else { return };
        let entity = row.entity;
        if let Some(parent) = &row.parent {
            self.children.set((group_of(parent), key.position, slot), add);
        }
        count(self.counts.get_mut(row.owner), row, add);
        match &row.state {
            State::Pending => {
                self.chains.set((entity, key.position, slot), add);
                self.ages.set((row.owner.0, row.aged_from, slot), add);
            }
            State::Processing { .. } => {
                self.chains.set((entity, key.position, slot), add);
                let entity = self.entities.entity_mut(entity);
                entity.in_flight = if add { entity.in_flight + 1 } else { entity.in_flight.saturating_sub(1) };
            }
            State::Failed(_) => self.failed.set((0, key.position, slot), add),
        }
        self.refresh(entity);
    }

    fn refresh_of(&mut self, slot: Slot) {
        if let Some(row) = self.row(slot) {
            self.refresh(row.entity);
        }
    }

    /// Brings the ready index up to date for one entity.
    fn refresh(&mut self, number: EntityNumber) {
        let entity = self.entities.entity(number);
        let (owner, old) = (entity.owner, entity.ready);
        let head = (entity.in_flight == 0)
            .then(|| self.chains.first_of(number))
            .flatten()
            .filter(|key| self.is_free(key.slot));
        if head == old {
            return;
        }
        if let Some(old) = old {
            self.ready.set((owner.0, old.position, old.slot), false);
        }
        if let Some(head) = head {
            self.ready.set((owner.0, head.position, head.slot), true);
        }
        self.entities.entity_mut(number).ready = head;
    }

    /// Whether a row is pending and waits for neither time nor another row.
    fn is_free(&self, slot: Slot) -> bool {
        self.row(slot).is_some_and(|row| {
            row.state == State::Pending && self.delay(slot).is_none() && self.waits_for(row).is_none()
        })
    }
}

/// Counts a row in or out.
fn count(counts: &mut Counts, row: &Row, add: bool) {
    let bytes = u64::from(row.payload_bytes);
    match &row.state {
        State::Pending => {
            step(&mut counts.pending, 1, add);
            step(&mut counts.pending_bytes, bytes, add);
            step(&mut counts.live_bytes, bytes, add);
        }
        State::Processing { .. } => {
            step(&mut counts.processing, 1, add);
            step(&mut counts.live_bytes, bytes, add);
        }
        State::Failed(failure) => {
            step(&mut counts.failed, 1, add);
            step(&mut counts.blocked, u64::from(matches!(failure.reason, FailureReason::Blocked { .. })), add);
        }
    }
}

fn step(count: &mut u64, by: u64, add: bool) {
    *count = if add { *count + by } else { count.saturating_sub(by) };
}
