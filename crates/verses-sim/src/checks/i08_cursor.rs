//! Invariant 8: a cursor never skips a change, with any number of concurrent writers. When a device keeps a cursor, it must
//! hold every change up to there.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;
use verses_core::VerseId;
use verses_store::{LocalStore, MemoryStore, StoreChange};

use super::{Checker, Finding, Seen, at_once, wrong, wrong_in_general};
use crate::facts::{Facts, key_of};
use crate::oracle::Fact;
use crate::world::World;

/// Device and owner; the history and the place up to which the device is known to hold everything.
#[derive(Default)]
pub(super) struct CursorSkipsNothing {
    held: BTreeMap<(usize, String), (usize, usize)>,
}

impl Checker for CursorSkipsNothing {
    fn invariant(&self) -> u8 {
        8
    }

    fn see(&mut self, _: &World, facts: &Facts, seen: &Seen<'_>) -> Result<(), Finding> {
        match seen {
            Seen::Committed { device, changes, store } => {
                for change in *changes {
                    if let StoreChange::PutMeta { key, value } = change
                        && let Some(owner) = key.strip_prefix("cursor/")
                    {
                        self.kept(facts, *device, owner, value, store)?;
                    }
                }
                Ok(())
            }
            Seen::Killed { device } => {
                self.held.retain(|(of, _), _| of != device);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl CursorSkipsNothing {
    fn kept(
        &mut self,
        facts: &Facts,
        device: usize,
        owner: &str,
        cursor: &str,
        store: &MemoryStore,
    ) -> Result<(), Finding> {
        let Some(&history) = facts.cursors.get(cursor) else {
            return Err(wrong_in_general(format!("device {device} keeps a cursor that no server gave out: {cursor}")));
        };
        let Some(seq) = seq_of(cursor) else {
            return Err(wrong_in_general(format!("the cursor {cursor} cannot be read")));
        };
        let user = owner.parse::<Uuid>().unwrap_or_default();
        let Some(ledger) = facts.ledgers_of(history).get(&user) else { return Ok(()) };
        let place = (device, owner.to_owned());
        let known = self.held.get(&place).filter(|(of, _)| *of == history).map_or(0, |(_, upto)| *upto);
        let upto = seq.min(ledger.len());
        if let Some(fact) = missing(store, owner, ledger.get(known..upto).unwrap_or_default()) {
            let text = format!("device {device} keeps a cursor at {seq} and lacks {}", fact.id);
            return Err(wrong(text, &fact.id));
        }
        self.held.insert(place, (history, upto));
        Ok(())
    }
}

/// The first of these facts that the store has not.
fn missing<'a>(store: &MemoryStore, owner: &str, facts: &'a [Fact]) -> Option<&'a Fact> {
    let verses: BTreeSet<VerseId> =
        facts.iter().filter_map(|fact| fact.verse.as_deref()?.parse().ok().map(VerseId)).collect();
    let verses: Vec<VerseId> = verses.into_iter().collect();
    let events = at_once(store.events_of(owner, &verses)).unwrap_or_default();
    let held: BTreeSet<u128> = events.iter().map(|stored| key_of(stored.event.operation_id.as_str())).collect();
    facts.iter().find(|fact| fact.verse.is_some() && !held.contains(&key_of(&fact.id)))
}

/// The place a cursor stands for. It is opaque to clients; here it is read as the design describes it: version, epoch
/// (16 bytes), sequence number (8 bytes, big-endian), digest, in base64url.
fn seq_of(cursor: &str) -> Option<usize> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(u32::from(byte - b'A')),
        b'a'..=b'z' => Some(u32::from(byte - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(byte - b'0') + 52),
        b'-' => Some(62),
        b'_' => Some(63),
        _ => None,
    };
    let (mut bits, mut count, mut bytes) = (0u32, 0, Vec::new());
    for byte in cursor.bytes() {
        bits = bits << 6 | value(byte)?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    let seq: [u8; 8] = bytes.get(17..25)?.try_into().ok()?;
    usize::try_from(u64::from_be_bytes(seq)).ok()
}
