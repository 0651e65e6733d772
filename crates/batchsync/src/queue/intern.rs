//! Names kept once: owners, kinds and entities of queued operations.
//!
//! A hundred thousand rows share a few owners and kinds, and often an entity.

use std::sync::Arc;

use super::Key;
use super::index::{Index, group_of};

/// An owner or a kind, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Symbol(pub(super) u32);

/// Owners and kinds: few, so they are never forgotten.
#[derive(Debug, Default)]
pub(crate) struct Symbols {
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
        if let Some(symbol) = self.get(name) {
            return symbol;
        }
        // Two to the 32 different owners and kinds do not fit in memory.
        let number = self.names.len() as u32;
        self.names.push(Arc::from(name));
        Symbol(number)
    }

    pub(crate) fn get(&self, name: &str) -> Option<Symbol> {
        let number = self.names.iter().position(|known| **known == *name)?;
        Some(Symbol(number as u32))
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
    /// By the group of their names.
    numbers: Index,
    entities: Vec<Entity>,
    free: Vec<EntityNumber>,
}

impl Entities {
    pub(crate) fn intern(&mut self, owner: Symbol, name: &str) -> EntityNumber {
        if let Some(number) = self.get(owner, name) {
            return number;
        }
        let entity = Entity { name: Arc::from(name), owner, rows: 0, in_flight: 0, ready: None };
        let number = if let Some(number) = self.free.pop() {
            self.entities[number as usize] = entity;
            number
        } else {
            self.entities.push(entity);
            (self.entities.len() - 1) as EntityNumber
        };
        self.numbers.set((group_of(name), 0, number), true);
        number
    }

    pub(crate) fn get(&self, owner: Symbol, name: &str) -> Option<EntityNumber> {
        let numbers = self.numbers.group(group_of(name)).map(|(_, _, number)| number);
        let is_it = |entity: &Entity| entity.owner == owner && *entity.name == *name;
        numbers.into_iter().find(|&number| is_it(self.entity(number)))
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
            self.numbers.set((group_of(&entity.name), 0, number), false);
            self.free.push(number);
        }
    }
}
