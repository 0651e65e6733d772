//! The queue in memory: rows without payloads, and the indexes that make every question cheap.
//!
//! Rows change state here and nowhere else, so the indexes always agree. Why a row changes state is not known here.

mod change;
mod index;
mod intern;
mod select;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub(crate) use index::Notes;
use index::{Index, group_of};
pub(crate) use intern::{BySymbol, Symbol};
use intern::{Entities, EntityNumber, Symbols};
pub(crate) use select::Selection;

use crate::admission::QueueTotals;
use crate::operation::{Failure, Millis, OperationStatus, QueuePosition, QueuedMeta};

/// The place of a row in memory.
pub(crate) type Slot = u32;

/// The order of rows: by position; the slot only tells rows apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) position: QueuePosition,
    pub(crate) slot: Slot,
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
    /// By the group of their ids.
    by_id: Index,
    symbols: Symbols,
    entities: Entities,
    /// Live rows (pending or processing) by entity and position.
    chains: Index,
    /// By the group of what they depend on, and position.
    children: Index,
    /// The first live row of each entity, if nothing keeps it from being sent, by owner and position.
    ready: Index,
    /// The row as the group, the end of its delay, and whether the server asked for it.
    delays: Index,
    /// By the end of the delay; all of one group.
    delays_by_time: Index,
    /// By position; all of one group.
    failed: Index,
    /// Pending rows by owner and age.
    ages: Index,
    counts: BySymbol<Counts>,
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
        let slots = self.by_id.group(group_of(id)).map(|(_, _, slot)| slot);
        slots.into_iter().find(|&slot| self.row(slot).is_some_and(|row| *row.id == *id))
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
        self.counts.get(owner).copied().unwrap_or_default()
    }

    pub(crate) fn all_counts(&self) -> impl Iterator<Item = (Symbol, Counts)> + '_ {
        self.counts.iter().map(|(owner, &counts)| (owner, counts))
    }

    pub(crate) fn delay(&self, slot: Slot) -> Option<Delay> {
        self.delays.group(slot).next().map(|(_, until, hard)| Delay { until, hard: hard == 1 })
    }

    pub(crate) fn next_delay(&self) -> Option<Millis> {
        self.delays_by_time.first().map(|(_, until, _)| until)
    }

    pub(crate) fn first_ready(&self, owner: Symbol) -> Option<Key> {
        self.ready.first_of(owner.0)
    }

    /// The oldest pending row of an owner, with the time its age counts from.
    pub(crate) fn oldest(&self, owner: Symbol) -> Option<(Millis, Slot)> {
        self.ages.group(owner.0).next().map(|(_, from, slot)| (from, slot))
    }

    pub(crate) fn failed(&self) -> impl DoubleEndedIterator<Item = Slot> + '_ {
        self.failed.all().map(|(_, _, slot)| slot)
    }

    pub(crate) fn slots(&self) -> impl Iterator<Item = Slot> + '_ {
        (0..self.rows.len() as Slot).filter(|&slot| self.row(slot).is_some())
    }

    /// Rows that depend on `id` directly.
    pub(crate) fn children(&self, id: &str) -> Vec<Slot> {
        let slots = self.children.group(group_of(id)).map(|(_, _, slot)| slot);
        slots.filter(|&slot| self.row(slot).is_some_and(|row| row.parent.as_deref() == Some(id))).collect()
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
        self.chains.before(row.entity, self.key(slot)).map(|key| key.slot)
    }

    fn after_in_chain(&self, slot: Slot) -> Option<Slot> {
        let row = self.row(slot)?;
        self.chains.after(row.entity, self.key(slot)).map(|key| key.slot)
    }

    /// The last live row of an entity.
    pub(crate) fn last_in_chain(&self, owner: &str, entity: &str) -> Option<Slot> {
        let number = self.entities.get(self.symbols.get(owner)?, entity)?;
        self.chains.last_of(number).map(|key| key.slot)
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
