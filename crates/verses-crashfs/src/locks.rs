//! Who holds which lock on a file: SQLite's five levels, and the eight slots of a log's index. No waiting here.

use std::collections::BTreeMap;

/// SQLite's levels of a lock on a database file, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    None,
    Shared,
    Reserved,
    Pending,
    Exclusive,
}

/// Somebody else is in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Busy;

/// The locks on one file, by the number of the handle that holds them.
#[derive(Debug, Default)]
pub(crate) struct FileLocks(BTreeMap<u64, Level>);

impl FileLocks {
    fn strongest_of_others(&self, handle: u64) -> Level {
        let others = self.0.iter().filter(|(other, _)| **other != handle);
        others.map(|(_, level)| *level).max().unwrap_or(Level::None)
    }

    pub(crate) fn lock(&mut self, handle: u64, wanted: Level) -> Result<(), Busy> {
        let mine = self.0.get(&handle).copied().unwrap_or(Level::None);
        if mine >= wanted {
            return Ok(());
        }
        let others = self.strongest_of_others(handle);
        let free = match wanted {
            Level::None => true,
            Level::Shared => others < Level::Pending,
            Level::Reserved => others < Level::Reserved,
            Level::Pending | Level::Exclusive => others < Level::Reserved,
        };
        if !free {
            return Err(Busy);
        }
        if wanted == Level::Exclusive && others > Level::None {
            // No new readers from here on; the old ones have to go first.
            self.0.insert(handle, Level::Pending);
            return Err(Busy);
        }
        self.0.insert(handle, wanted);
        Ok(())
    }

    pub(crate) fn unlock(&mut self, handle: u64, down_to: Level) {
        match self.0.get_mut(&handle) {
            Some(_) if down_to == Level::None => {
                self.0.remove(&handle);
            }
            Some(level) => *level = down_to.min(*level),
            None => {}
        }
    }

    pub(crate) fn is_reserved(&self) -> bool {
        self.0.values().any(|level| *level >= Level::Reserved)
    }

    pub(crate) fn is_exclusive(&self) -> bool {
        self.0.values().any(|level| *level == Level::Exclusive)
    }
}

/// Slots of a log's index that can be locked.
const SLOTS: usize = 8;

/// The slot held while the log is moved into the database.
const CHECKPOINT_SLOT: usize = 1;

#[derive(Debug, Default)]
struct Slot {
    shared: Vec<u64>,
    exclusive: Option<u64>,
}

/// The locks on a log's index.
#[derive(Debug, Default)]
pub(crate) struct IndexLocks([Slot; SLOTS]);

impl IndexLocks {
    fn range(&mut self, first: usize, count: usize) -> &mut [Slot] {
        let end = first.saturating_add(count).min(SLOTS);
        &mut self.0[first.min(end)..end]
    }

    pub(crate) fn lock_shared(&mut self, handle: u64, first: usize, count: usize) -> Result<(), Busy> {
        let slots = self.range(first, count);
        if slots.iter().any(|slot| slot.exclusive.is_some_and(|holder| holder != handle)) {
            return Err(Busy);
        }
        for slot in slots.iter_mut().filter(|slot| !slot.shared.contains(&handle)) {
            slot.shared.push(handle);
        }
        Ok(())
    }

    pub(crate) fn lock_exclusive(&mut self, handle: u64, first: usize, count: usize) -> Result<(), Busy> {
        let slots = self.range(first, count);
        let held = |slot: &Slot| {
            slot.exclusive.is_some_and(|holder| holder != handle) || slot.shared.iter().any(|holder| *holder != handle)
        };
        if slots.iter().any(held) {
            return Err(Busy);
        }
        slots.iter_mut().for_each(|slot| slot.exclusive = Some(handle));
        Ok(())
    }

    pub(crate) fn unlock(&mut self, handle: u64, first: usize, count: usize) {
        for slot in self.range(first, count) {
            slot.shared.retain(|holder| *holder != handle);
            slot.exclusive = slot.exclusive.filter(|holder| *holder != handle);
        }
    }

    pub(crate) fn unlock_all(&mut self, handle: u64) {
        self.unlock(handle, 0, SLOTS);
    }

    pub(crate) fn is_checkpointing(&self) -> bool {
        self.0[CHECKPOINT_SLOT].exclusive.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_share_and_one_writer_waits_for_them_to_go() {
        let mut locks = FileLocks::default();
        assert_eq!(locks.lock(1, Level::Shared), Ok(()));
        assert_eq!(locks.lock(2, Level::Shared), Ok(()));
        assert_eq!(locks.lock(1, Level::Reserved), Ok(()));
        assert!(locks.is_reserved());
        assert_eq!(locks.lock(2, Level::Reserved), Err(Busy));
        assert_eq!(locks.lock(1, Level::Exclusive), Err(Busy), "a reader is there");
        assert_eq!(locks.lock(3, Level::Shared), Err(Busy), "and no new one may come");
        locks.unlock(2, Level::None);
        assert_eq!(locks.lock(1, Level::Exclusive), Ok(()));
        locks.unlock(1, Level::Shared);
        assert_eq!(locks.lock(3, Level::Shared), Ok(()));
    }

    #[test]
    fn slots_of_the_index_are_shared_or_one_handles() {
        let mut locks = IndexLocks::default();
        assert_eq!(locks.lock_shared(1, 3, 1), Ok(()));
        assert_eq!(locks.lock_exclusive(2, 3, 1), Err(Busy));
        assert_eq!(locks.lock_exclusive(2, 0, 3), Ok(()));
        assert!(locks.is_checkpointing());
        assert_eq!(locks.lock_shared(1, 2, 2), Err(Busy));
        locks.unlock_all(2);
        assert!(!locks.is_checkpointing());
        assert_eq!(locks.lock_exclusive(1, 0, 8), Ok(()), "its own shared lock is not in its way");
    }
}
