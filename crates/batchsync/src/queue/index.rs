//! Ordered indexes over rows, all of one type. Trees of the standard library would be code for every kind of key anew, and in
//! a browser code must be fetched first. What is indexed is decided in `change`.

use super::{Key, Slot};

/// What an index holds of a row: a group, what orders the rows of a group (a position or a time), and the row itself.
pub(crate) type Entry = (u32, i64, Slot);

/// The most entries of a chunk. More make changes slower, fewer make more chunks to look through.
const CHUNK: usize = 256;

/// Entries in order, in chunks that are never empty: a change moves the entries of one chunk only.
#[derive(Debug, Default)]
pub(crate) struct Index {
    chunks: Vec<Vec<Entry>>,
}

fn key((_, position, slot): Entry) -> Key {
    Key { position, slot }
}

/// The group of a name. Names that share one are told apart by whoever looks them up.
pub(crate) fn group_of(name: &str) -> u32 {
    // FNV-1a.
    name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

impl Index {
    /// Puts a row in, or takes it out.
    pub(crate) fn set(&mut self, entry: Entry, add: bool) {
        let (chunk, place) = self.locate(entry);
        let found = self.at(chunk, place) == Some(entry);
        match (add, found) {
            (true, false) => self.insert(chunk, place, entry),
            (false, true) => {
                self.chunks[chunk].remove(place);
                if self.chunks[chunk].is_empty() {
                    self.chunks.remove(chunk);
                }
            }
            _ => {}
        }
    }

    /// Puts in many: sorted and merged, which is faster than one by one and leaves the chunks full.
    pub(crate) fn append(&mut self, mut entries: Vec<Entry>) {
        entries.extend(self.all());
        entries.sort_unstable();
        entries.dedup();
        self.chunks = entries.chunks(CHUNK).map(<[Entry]>::to_vec).collect();
    }

    pub(crate) fn contains(&self, entry: Entry) -> bool {
        self.from(entry).next() == Some(entry)
    }

    /// The first row of all.
    pub(crate) fn first(&self) -> Option<Entry> {
        self.at(0, 0)
    }

    pub(crate) fn pop_first(&mut self) -> Option<Entry> {
        let first = self.first()?;
        self.set(first, false);
        Some(first)
    }

    /// Every row, in order.
    pub(crate) fn all(&self) -> impl DoubleEndedIterator<Item = Entry> + '_ {
        self.chunks.iter().flatten().copied()
    }

    /// Rows of one group, in order.
    pub(crate) fn group(&self, group: u32) -> impl Iterator<Item = Entry> + '_ {
        self.from((group, i64::MIN, 0)).take_while(move |entry| entry.0 == group)
    }

    /// The first row of a group.
    pub(crate) fn first_of(&self, group: u32) -> Option<Key> {
        self.group(group).next().map(key)
    }

    /// The last row of a group.
    pub(crate) fn last_of(&self, group: u32) -> Option<Key> {
        // Nothing stands at the very end: there are not so many rows.
        self.before(group, Key { position: i64::MAX, slot: Slot::MAX })
    }

    /// The row of a group before this place.
    pub(crate) fn before(&self, group: u32, place: Key) -> Option<Key> {
        let (chunk, at) = self.locate((group, place.position, place.slot));
        let before = match (at.checked_sub(1), chunk.checked_sub(1)) {
            (Some(before), _) => self.at(chunk, before),
            (None, Some(chunk)) => self.chunks[chunk].last().copied(),
            (None, None) => None,
        };
        before.filter(|entry| entry.0 == group).map(key)
    }

    /// The row of a group after this place.
    pub(crate) fn after(&self, group: u32, place: Key) -> Option<Key> {
        let entry = (group, place.position, place.slot);
        self.from(entry).find(|found| *found != entry).filter(|found| found.0 == group).map(key)
    }

    /// Rows from an entry on, whether it is there or not.
    fn from(&self, entry: Entry) -> impl Iterator<Item = Entry> + '_ {
        let (chunk, place) = self.locate(entry);
        let rest = self.chunks.get(chunk).map_or(&[][..], |entries| &entries[place..]);
        rest.iter().chain(self.chunks.iter().skip(chunk + 1).flatten()).copied()
    }

    fn at(&self, chunk: usize, place: usize) -> Option<Entry> {
        self.chunks.get(chunk)?.get(place).copied()
    }

    /// Where an entry stands, or would stand: in the first chunk that ends with it or later, else after everything.
    fn locate(&self, entry: Entry) -> (usize, usize) {
        let chunk = self.chunks.partition_point(|chunk| chunk.last().is_some_and(|last| *last < entry));
        (chunk, self.chunks.get(chunk).map_or(0, |chunk| chunk.partition_point(|known| *known < entry)))
    }

    fn insert(&mut self, chunk: usize, place: usize, entry: Entry) {
        // What comes after everything goes on in the last chunk.
        let (chunk, place) = match self.chunks.len().checked_sub(1) {
            None => {
                self.chunks.push(Vec::new());
                (0, 0)
            }
            Some(last) if chunk > last => (last, self.chunks[last].len()),
            Some(_) => (chunk, place),
        };
        let entries = &mut self.chunks[chunk];
        entries.insert(place, entry);
        if entries.len() > CHUNK {
            // Rows mostly come at the end: a chunk that grew there stays as full as it is.
            let keep = if place == CHUNK { CHUNK } else { CHUNK / 2 };
            let rest = entries.split_off(keep);
            self.chunks.insert(chunk + 1, rest);
        }
    }
}

/// A number for some of the rows, below two to the 63.
#[derive(Debug, Default)]
pub(crate) struct Notes(Index);

impl Notes {
    pub(crate) fn get(&self, slot: Slot) -> Option<u64> {
        self.0.group(slot).next().map(|(_, number, _)| number as u64)
    }

    /// Gives the number there was.
    pub(crate) fn insert(&mut self, slot: Slot, number: u64) -> Option<u64> {
        let old = self.remove(slot);
        self.0.set((slot, number as i64, 0), true);
        old
    }

    pub(crate) fn remove(&mut self, slot: Slot) -> Option<u64> {
        let old = self.get(slot)?;
        self.0.set((slot, old as i64, 0), false);
        Some(old)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn place(position: i64, slot: Slot) -> Key {
        Key { position, slot }
    }

    #[test]
    fn neighbours_are_of_the_same_group() {
        let mut index = Index::default();
        index.append(vec![(1, 5, 0), (1, 7, 1), (2, 1, 2), (0, 9, 3)]);
        assert_eq!(index.before(1, place(7, 1)), Some(place(5, 0)));
        assert_eq!(index.before(1, place(5, 0)), None);
        assert_eq!(index.after(1, place(5, 0)), Some(place(7, 1)));
        assert_eq!(index.after(1, place(7, 1)), None);
        assert_eq!(index.after(1, place(6, 9)), Some(place(7, 1)), "a place where nothing stands");
        assert_eq!((index.first_of(1), index.last_of(1)), (Some(place(5, 0)), Some(place(7, 1))));
        assert_eq!(index.first(), Some((0, 9, 3)));
    }

    #[test]
    fn a_note_takes_the_place_of_the_one_before() {
        let mut notes = Notes::default();
        assert_eq!((notes.insert(3, 10), notes.insert(3, 11), notes.get(3)), (None, Some(10), Some(11)));
        assert_eq!((notes.remove(3), notes.remove(3), notes.get(3)), (Some(11), None, None));
    }

    proptest! {
        #[test]
        fn an_index_is_an_ordered_set(
            appended in prop::collection::vec((0u32..4, -40i64..40, 0u32..6), 0..700),
            changes in prop::collection::vec((0u32..4, -40i64..40, 0u32..6, any::<bool>()), 0..700),
        ) {
            let (mut index, mut set) = (Index::default(), BTreeSet::new());
            for (at, (group, order, slot, add)) in changes.into_iter().enumerate() {
                if at == 300 {
                    index.append(appended.clone());
                    set.extend(appended.iter().copied());
                }
                let entry = (group, order, slot);
                index.set(entry, add);
                if add { set.insert(entry) } else { set.remove(&entry) };
                prop_assert_eq!(index.contains(entry), add);
                let before = set.range((group, i64::MIN, 0)..entry).next_back().map(|&entry| key(entry));
                prop_assert_eq!(index.before(group, place(order, slot)), before);
                let after = set.range(entry..=(group, i64::MAX, Slot::MAX)).find(|found| **found != entry);
                prop_assert_eq!(index.after(group, place(order, slot)), after.map(|&entry| key(entry)));
            }
            prop_assert!(index.all().eq(set.iter().copied()));
            prop_assert!(index.group(2).eq(set.range((2, i64::MIN, 0)..(3, i64::MIN, 0)).copied()));
            prop_assert!(index.chunks.iter().all(|chunk| (1..=CHUNK).contains(&chunk.len())));
            while let Some(first) = set.pop_first() {
                prop_assert_eq!(index.pop_first(), Some(first));
            }
            prop_assert!(index.chunks.is_empty());
        }

        #[test]
        fn rows_that_come_in_order_fill_the_chunks(count in 0i64..2_000) {
            let mut index = Index::default();
            (0..count).for_each(|order| index.set((0, order, 0), true));
            prop_assert!(index.chunks.len() <= count as usize / CHUNK + 1);
            prop_assert_eq!(index.all().count() as i64, count);
        }
    }
}
