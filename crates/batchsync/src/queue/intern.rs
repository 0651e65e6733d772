//! Names kept once: owners, kinds and entities of queued operations.
//!
//! A hundred thousand rows share a few owners and kinds, and often an entity.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Key;

/// An owner or a kind, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Symbol(pub(super) u32);

/// Owners and kinds: few, so they are never forgotten.
#[derive(Debug, Default)]
pub(crate) struct Symbols {
    numbers: BTreeMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
    /// The last two answers: rows come in runs of one owner and few kinds.
    recent: [Option<Symbol>; 2],
}

impl Symbols {
    pub(crate) fn intern(&mut self, name: &str) -> Symbol {
        for recent in self.recent.into_iter().flatten() {
            if self.name(recent) == name {
                return recent;
            }
        }
        let symbol = self.number(name);
        self.recent = [Some(symbol), self.recent[0]];
        symbol
    }

    fn number(&mut self, name: &str) -> Symbol {
        if let Some(&number) = self.numbers.get(name) {
            return Symbol(number);
        }
        let name: Arc<str> = Arc::from(name);
        // Two to the 32 different owners and kinds do not fit in memory.
        let number = self.names.len() as u32;
        self.numbers.insert(name.clone(), number);
        self.names.push(name);
        Symbol(number)
    }

    pub(crate) fn get(&self, name: &str) -> Option<Symbol> {
        self.numbers.get(name).copied().map(Symbol)
    }

    pub(crate) fn name(&self, symbol: Symbol) -> &str {
        self.names.get(symbol.0 as usize).map_or("", |name| name)
    }
}

/// A value for each owner, the default until it is changed. Numbers are dense, so a list does.
#[derive(Debug)]
pub(crate) struct BySymbol<T>(Vec<T>);

impl<T> Default for BySymbol<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Default> BySymbol<T> {
    pub(crate) fn get(&self, symbol: Symbol) -> Option<&T> {
        self.0.get(symbol.0 as usize)
    }

    pub(crate) fn get_mut(&mut self, symbol: Symbol) -> &mut T {
        let index = symbol.0 as usize;
        self.0.resize_with(self.0.len().max(index + 1), T::default);
        &mut self.0[index]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Symbol, &T)> {
        (0..).map(Symbol).zip(&self.0)
    }
}

/// An entity of one owner, by number.
pub(crate) type EntityNumber = u32;

/// What is known of an entity that has rows in the queue.
#[derive(Debug)]
pub(crate) struct Entity {
    pub(crate) name: Arc<str>,
    pub(crate) owner: Symbol,
    /// Rows of any state.
    pub(crate) rows: u32,
    /// Rows in a request.
    pub(crate) in_flight: u32,
    /// The row that stands in the ready index.
    pub(crate) ready: Option<Key>,
}

/// The entities with rows in the queue. A number is used again once its entity has no rows.
#[derive(Debug, Default)]
pub(crate) struct Entities {
    numbers: BySymbol<BTreeMap<Arc<str>, EntityNumber>>,
    entities: Vec<Entity>,
    free: Vec<EntityNumber>,
}

impl Entities {
    pub(crate) fn intern(&mut self, owner: Symbol, name: &str) -> EntityNumber {
        let numbers = self.numbers.get_mut(owner);
        if let Some(&number) = numbers.get(name) {
            return number;
        }
        let name: Arc<str> = Arc::from(name);
        let entity = Entity { name: name.clone(), owner, rows: 0, in_flight: 0, ready: None };
        let number = if let Some(number) = self.free.pop() {
            self.entities[number as usize] = entity;
            number
        } else {
            self.entities.push(entity);
            (self.entities.len() - 1) as EntityNumber
        };
        numbers.insert(name, number);
        number
    }

    pub(crate) fn get(&self, owner: Symbol, name: &str) -> Option<EntityNumber> {
        self.numbers.get(owner)?.get(name).copied()
    }

    /// How many entities there is room for without asking for more.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entities.len()
    }

    pub(crate) fn entity(&self, number: EntityNumber) -> &Entity {
        &self.entities[number as usize]
    }

    pub(crate) fn entity_mut(&mut self, number: EntityNumber) -> &mut Entity {
        &mut self.entities[number as usize]
    }

    /// Forgets an entity that has no rows left.
    pub(crate) fn release(&mut self, number: EntityNumber) {
        let entity = &self.entities[number as usize];
        if entity.rows == 0 {
            self.numbers.get_mut(entity.owner).remove(&entity.name);
            self.free.push(number);
        }
    }
}
