//! Ordered indexes over rows, all of one type: a tree for each kind of key would be much code, and in a browser code must be
//! fetched first. What is indexed is decided in `change`.

use std::collections::BTreeSet;
use std::collections::btree_set::Range;

use super::{Key, Slot};

/// A row in an index: a group, what orders the rows of a group (a position or a time), and the row itself.
pub(crate) type Entry = (u32, i64, Slot);

/// Rows in groups, in order within each.
#[derive(Debug, Default)]
pub(crate) struct Index(BTreeSet<Entry>);

fn key((_, position, slot): &Entry) -> Key {
    Key { position: *position, slot: *slot }
}

impl Index {
    /// Puts a row in, or takes it out.
    pub(crate) fn set(&mut self, entry: Entry, add: bool) {
        if add {
            self.0.insert(entry);
        } else {
            self.0.remove(&entry);
        }
    }

    /// Puts in many: sorted and merged, which is faster than one by one and packs the tree tightly.
    pub(crate) fn append(&mut self, entries: Vec<Entry>) {
        self.0.append(&mut entries.into_iter().collect());
    }

    pub(crate) fn contains(&self, entry: Entry) -> bool {
        self.0.contains(&entry)
    }

    /// The first row of all.
    pub(crate) fn first(&self) -> Option<Entry> {
        self.0.first().copied()
    }

    pub(crate) fn pop_first(&mut self) -> Option<Entry> {
        self.0.pop_first()
    }

    /// Every row, in order.
    pub(crate) fn all(&self) -> Range<'_, Entry> {
        self.between((0, i64::MIN, 0), (u32::MAX, i64::MAX, Slot::MAX))
    }

    /// Rows of one group, in order.
    pub(crate) fn group(&self, group: u32) -> Range<'_, Entry> {
        self.between((group, i64::MIN, 0), (group, i64::MAX, Slot::MAX))
    }

    /// The first row of a group.
    pub(crate) fn first_of(&self, group: u32) -> Option<Key> {
        self.group(group).next().map(key)
    }

    /// The last row of a group.
    pub(crate) fn last_of(&self, group: u32) -> Option<Key> {
        self.group(group).next_back().map(key)
    }

    /// The row of a group before this place.
    pub(crate) fn before(&self, group: u32, place: Key) -> Option<Key> {
        self.between((group, i64::MIN, 0), (group, place.position, place.slot))
            .rev()
            .map(key)
            .find(|found| *found != place)
    }

    /// The row of a group after this place.
    pub(crate) fn after(&self, group: u32, place: Key) -> Option<Key> {
        let from = (group, place.position, place.slot);
        self.between(from, (group, i64::MAX, Slot::MAX)).map(key).find(|found| *found != place)
    }

    /// Both ends are among them.
    fn between(&self, from: Entry, to: Entry) -> Range<'_, Entry> {
        self.0.range(from..=to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_of_the_same_group() {
        let mut index = Index::default();
        index.append(vec![(1, 5, 0), (1, 7, 1), (2, 1, 2), (0, 9, 3)]);
        let place = |position, slot| Key { position, slot };
        assert_eq!(index.before(1, place(7, 1)), Some(place(5, 0)));
        assert_eq!(index.before(1, place(5, 0)), None);
        assert_eq!(index.after(1, place(5, 0)), Some(place(7, 1)));
        assert_eq!(index.after(1, place(7, 1)), None);
        assert_eq!(index.after(1, place(6, 9)), Some(place(7, 1)), "a place where nothing stands");
        assert_eq!((index.first_of(1), index.last_of(1)), (Some(place(5, 0)), Some(place(7, 1))));
        assert_eq!(index.first(), Some((0, 9, 3)));
    }
}
