//! The queue in memory: rows without payloads, and the indexes that make every question cheap.
//!
//! Rows change state here and nowhere else, so the indexes always agree. Why a row changes state is not known here.

mod intern;
mod select;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) use intern::Symbol;
use intern::{Entities, EntityNumber, Symbols};
pub(crate) use select::Selection;

use crate::admission::QueueTotals;
use crate::operation::{Failure, FailureReason, Millis, OperationStatus, QueuePosition, QueuedMeta};

/// The place of a row in memory.
pub(crate) type Slot = u32;

/// The order of rows: by position; the slot only tells rows apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) position: QueuePosition,
    pub(crate) slot: Slot,
}

impl Key {
    pub(crate) const MIN: Self = Self { position: QueuePosition::MIN, slot: 0 };
    pub(crate) const MAX: Self = Self { position: QueuePosition::MAX, slot: Slot::MAX };
}

/// The state of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    Pending,
    /// In the request of this number.
    Processing {
        request: u64,
    },
    Failed(Box<Failure>),
}

#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: Arc<str>,
    pub(crate) parent: Option<Arc<str>>,
    pub(crate) position: QueuePosition,
    /// From when its age counts: when it was queued, or when the user tried it again.
    pub(crate) aged_from: Millis,
    pub(crate) owner: Symbol,
    pub(crate) kind: Symbol,
    pub(crate) entity: EntityNumber,
    pub(crate) payload_bytes: u32,
    pub(crate) retry_count: u32,
    pub(crate) ever_sent: bool,
    pub(crate) state: State,
}

/// A wait of one row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delay {
    pub(crate) until: Millis,
    /// Whether the server asked for it; then a flush does not end it.
    pub(crate) hard: bool,
}

/// How many rows of an owner are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) pending: u64,
    pub(crate) processing: u64,
    pub(crate) failed: u64,
    pub(crate) blocked: u64,
    /// Payload bytes of rows that are pending or processing.
    pub(crate) live_bytes: u64,
    /// Payload bytes of rows that are pending.
    pub(crate) pending_bytes: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Queue {
    rows: Vec<Option<Row>>,
    free: Vec<Slot>,
    by_id: BTreeMap<Arc<str>, Slot>,
    symbols: Symbols,
    entities: Entities,
    /// Live rows (pending or processing) of each entity, in order.
    chains: BTreeSet<(EntityNumber, Key)>,
    /// Rows by what they depend on.
    children: BTreeSet<(Arc<str>, Key)>,
    /// The first live row of each entity, if nothing keeps it from being sent.
    ready: BTreeSet<(Symbol, Key)>,
    delays: BTreeMap<Slot, Delay>,
    delays_by_time: BTreeSet<(Millis, Slot)>,
    failed: BTreeSet<Key>,
    /// Pending rows by owner and age.
    ages: BTreeSet<(Symbol, Millis, Slot)>,
    counts: BTreeMap<Symbol, Counts>,
    totals: QueueTotals,
    last: Option<Key>,
}

/// Reading.
impl Queue {
    pub(crate) fn totals(&self) -> QueueTotals {
        self.totals
    }

    /// The last place any row has stood at.
    pub(crate) fn last(&self) -> Option<Key> {
        self.last
    }

    pub(crate) fn find(&self, id: &str) -> Option<Slot> {
        self.by_id.get(id).copied()
    }

    pub(crate) fn row(&self, slot: Slot) -> Option<&Row> {
        self.rows.get(slot as usize).and_then(Option::as_ref)
    }

    pub(crate) fn key(&self, slot: Slot) -> Key {
        Key { position: self.row(slot).map_or(QueuePosition::MIN, |row| row.position), slot }
    }

    pub(crate) fn owner_name(&self, owner: Symbol) -> &str {
        self.symbols.name(owner)
    }

    pub(crate) fn kind_name(&self, kind: Symbol) -> &str {
        self.symbols.name(kind)
    }

    pub(crate) fn entity_name(&self, row: &Row) -> &str {
        &self.entities.entity(row.entity).name
    }

    pub(crate) fn owner(&mut self, name: &str) -> Symbol {
        self.symbols.intern(name)
    }

    pub(crate) fn counts(&self, owner: Symbol) -> Counts {
        self.counts.get(&owner).copied().unwrap_or_default()
    }

    pub(crate) fn all_counts(&self) -> impl Iterator<Item = (Symbol, Counts)> + '_ {
        self.counts.iter().map(|(&owner, &counts)| (owner, counts))
    }

    pub(crate) fn delay(&self, slot: Slot) -> Option<Delay> {
        self.delays.get(&slot).copied()
    }

    pub(crate) fn next_delay(&self) -> Option<Millis> {
        self.delays_by_time.first().map(|&(until, _)| until)
    }

    pub(crate) fn first_ready(&self, owner: Symbol) -> Option<Key> {
        self.ready.range((owner, Key::MIN)..=(owner, Key::MAX)).next().map(|&(_, key)| key)
    }

    /// The oldest pending row of an owner, with the time its age counts from.
    pub(crate) fn oldest(&self, owner: Symbol) -> Option<(Millis, Slot)> {
        let range = (owner, Millis::MIN, 0)..=(owner, Millis::MAX, Slot::MAX);
        self.ages.range(range).next().map(|&(_, from, slot)| (from, slot))
    }

    pub(crate) fn failed(&self) -> impl DoubleEndedIterator<Item = Slot> + '_ {
        self.failed.iter().map(|key| key.slot)
    }

    pub(crate) fn slots(&self) -> impl Iterator<Item = Slot> + '_ {
        (0..self.rows.len() as Slot).filter(|&slot| self.row(slot).is_some())
    }

    /// Rows that depend on `id` directly.
    pub(crate) fn children(&self, id: &Arc<str>) -> Vec<Slot> {
        let range = (id.clone(), Key::MIN)..=(id.clone(), Key::MAX);
        self.children.range(range).map(|(_, key)| key.slot).collect()
    }

    /// What a row waits for: the queued operation it depends on. A later one is none: a dependency points back.
    pub(crate) fn waits_for(&self, row: &Row) -> Option<Slot> {
        let parent = self.find(row.parent.as_ref()?)?;
        (self.row(parent)?.position < row.position).then_some(parent)
    }

    /// The failed operation a row depends on, if there is one.
    pub(crate) fn failed_parent(&self, slot: Slot) -> Option<Slot> {
        let parent = self.waits_for(self.row(slot)?)?;
        matches!(self.row(parent)?.state, State::Failed(_)).then_some(parent)
    }

    /// The live row before this one in its entity.
    pub(crate) fn before_in_chain(&self, slot: Slot) -> Option<Slot> {
        let row = self.row(slot)?;
        self.chains.range((row.entity, Key::MIN)..(row.entity, self.key(slot))).next_back().map(|(_, key)| key.slot)
    }

    fn after_in_chain(&self, slot: Slot) -> Option<Slot> {
        let row = self.row(slot)?;
        let next = Key { slot: slot.saturating_add(1), ..self.key(slot) };
        self.chains.range((row.entity, next)..=(row.entity, Key::MAX)).next().map(|(_, key)| key.slot)
    }

    /// The last live row of an entity.
    pub(crate) fn last_in_chain(&self, owner: &str, entity: &str) -> Option<Slot> {
        let number = self.entities.get(self.symbols.get(owner)?, entity)?;
        self.chains.range((number, Key::MIN)..=(number, Key::MAX)).next_back().map(|(_, key)| key.slot)
    }

    /// Whether rows of the same entity are in a request.
    pub(crate) fn entity_in_flight(&self, row: &Row) -> bool {
        self.entities.entity(row.entity).in_flight > 0
    }

    pub(crate) fn meta(&self, slot: Slot) -> Option<QueuedMeta> {
        let row = self.row(slot)?;
        Some(QueuedMeta {
            position: row.position,
            id: row.id.to_string(),
            kind: self.kind_name(row.kind).to_owned(),
            user_id: self.owner_name(row.owner).to_owned(),
            entity: self.entity_name(row).to_owned(),
            depends_on: row.parent.as_ref().map(ToString::to_string),
            payload_bytes: row.payload_bytes,
            queued_at: row.aged_from,
            retry_count: row.retry_count,
            ever_sent: row.ever_sent,
            status: match &row.state {
                State::Pending => OperationStatus::Pending,
                State::Processing { .. } => OperationStatus::Processing { batch_id: String::new(), lease_until: 0 },
                State::Failed(failure) => OperationStatus::Failed((**failure).clone()),
            },
        })
    }
}

/// Changing.
impl Queue {
    /// Adds rows that `place` has taken in to the indexes of their states.
    ///
    /// Many at once are sorted and merged, which is faster and packs the indexes tightly.
    pub(crate) fn enter_all(&mut self, slots: &[Slot]) {
        if slots.len() < 64 || slots.len() * 4 < self.by_id.len() {
            for &slot in slots {
                self.enter(slot);
            }
            return;
        }
        let (mut chains, mut ages, mut children, mut failed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut entities = BTreeSet::new();
        for &slot in slots {
            let key = self.key(slot);
            let Some(row) = self.rows.get(slot as usize).and_then(Option::as_ref) else { continue };
            if row.state == State::Pending {
                chains.push((row.entity, key));
                ages.push((row.owner, row.aged_from, slot));
            } else {
                failed.push(key);
            }
            if let Some(parent) = &row.parent {
                children.push((parent.clone(), key));
            }
            entities.insert(row.entity);
            count(self.counts.entry(row.owner).or_default(), row, true);
        }
        self.chains.append(&mut chains.into_iter().collect());
        self.ages.append(&mut ages.into_iter().collect());
        self.children.append(&mut children.into_iter().collect());
        self.failed.append(&mut failed.into_iter().collect());
        for entity in entities {
            self.refresh(entity);
        }
    }

    /// Takes a row in; `None` if its id is there already. A row that was in a request comes in as pending. It is in
    /// no index before `enter_all`.
    pub(crate) fn place(&mut self, meta: &QueuedMeta) -> Option<Slot> {
        let slot = self.free.last().copied().unwrap_or(self.rows.len() as Slot);
        let id: Arc<str> = Arc::from(meta.id.as_str());
        match self.by_id.entry(id.clone()) {
            Entry::Occupied(_) => return None,
            Entry::Vacant(entry) => entry.insert(slot),
        };
        let owner = self.symbols.intern(&meta.user_id);
        let parent = meta.depends_on.as_ref().filter(|parent| **parent != meta.id).map(|parent| {
            // The parent's own name is shared while it is queued.
            self.by_id.get_key_value(parent.as_str()).map_or_else(|| Arc::from(parent.as_str()), |(id, _)| id.clone())
        });
        let row = Row {
            id,
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
        self.by_id.remove(&row.id);
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
        self.delays.insert(slot, delay);
        self.delays_by_time.insert((delay.until, slot));
        self.refresh_of(slot);
    }

    pub(crate) fn clear_delay(&mut self, slot: Slot) {
        if let Some(delay) = self.delays.remove(&slot) {
            self.delays_by_time.remove(&(delay.until, slot));
            self.refresh_of(slot);
        }
    }

    /// Ends the waits that are over.
    pub(crate) fn end_delays(&mut self, now: Millis) {
        while let Some(&(until, slot)) = self.delays_by_time.first() {
            if until > now {
                break;
            }
            self.clear_delay(slot);
        }
    }

    /// Ends the waits the server did not ask for.
    pub(crate) fn end_soft_delays(&mut self) {
        let soft: Vec<Slot> = self.delays.iter().filter(|(_, delay)| !delay.hard).map(|(&slot, _)| slot).collect();
        for slot in soft {
            self.clear_delay(slot);
        }
    }

    /// The clock went back: waits go with it.
    pub(crate) fn shift_delays(&mut self, back: i64) {
        for delay in self.delays.values_mut() {
            delay.until = delay.until.saturating_sub(back);
        }
        self.delays_by_time = self.delays.iter().map(|(&slot, delay)| (delay.until, slot)).collect();
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
            set(&mut self.children, (parent.clone(), key), add);
        }
        count(self.counts.entry(row.owner).or_default(), row, add);
        match &row.state {
            State::Pending => {
                set(&mut self.chains, (entity, key), add);
                set(&mut self.ages, (row.owner, row.aged_from, slot), add);
            }
            State::Processing { .. } => {
                set(&mut self.chains, (entity, key), add);
                let entity = self.entities.entity_mut(entity);
                entity.in_flight = if add { entity.in_flight + 1 } else { entity.in_flight.saturating_sub(1) };
            }
            State::Failed(_) => set(&mut self.failed, key, add),
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
            .then(|| self.chains.range((number, Key::MIN)..=(number, Key::MAX)).next())
            .flatten()
            .map(|&(_, key)| key)
            .filter(|key| self.is_free(key.slot));
        if head == old {
            return;
        }
        if let Some(old) = old {
            self.ready.remove(&(owner, old));
        }
        if let Some(head) = head {
            self.ready.insert((owner, head));
        }
        self.entities.entity_mut(number).ready = head;
    }

    /// Whether a row is pending and waits for neither time nor another row.
    fn is_free(&self, slot: Slot) -> bool {
        self.row(slot).is_some_and(|row| {
            row.state == State::Pending && !self.delays.contains_key(&slot) && self.waits_for(row).is_none()
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

fn set<T: Ord>(index: &mut BTreeSet<T>, item: T, add: bool) {
    if add {
        index.insert(item);
    } else {
        index.remove(&item);
    }
}

fn step(count: &mut u64, by: u64, add: bool) {
    *count = if add { *count + by } else { count.saturating_sub(by) };
}
