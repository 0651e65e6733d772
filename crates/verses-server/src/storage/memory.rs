//! The storage in memory: for tests, the simulator and trying things out. Its futures complete at once, without a
//! runtime. Nothing survives the process.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;
use verses_core::{Card, CardEvent, EventKey, OperationId, OperationKind, Profile, UnixMillis, Verse, VerseId};

use super::{
    Chain, Decision, FeedEntry, LedgerEntry, LedgerPage, Loaded, Storage, StorageError, UserId, Wanted, Writes,
};

/// A [`Storage`] in memory. Cloning gives another handle to the same data.
#[derive(Debug, Clone)]
pub struct MemoryStorage {
    epoch: Uuid,
    tables: Arc<Mutex<Tables>>,
}

#[derive(Debug, Clone, Default)]
struct Tables {
    users: BTreeMap<UserId, UserTables>,
    catalogue: BTreeMap<VerseId, Verse>,
}

#[derive(Debug, Clone, Default)]
struct UserTables {
    ledger: BTreeMap<u64, LedgerEntry>,
    seq_of: BTreeMap<OperationId, u64>,
    events: BTreeMap<VerseId, BTreeMap<EventKey, CardEvent>>,
    cards: BTreeMap<VerseId, Card>,
    own_verses: BTreeMap<VerseId, Verse>,
    profile: Option<Profile>,
    erased: bool,
}

impl MemoryStorage {
    /// An empty storage with an epoch of its own.
    #[must_use]
    pub fn new() -> Self {
        Self::with_epoch(Uuid::new_v4())
    }

    /// An empty storage with the given epoch, for runs that must be the same every time.
    #[must_use]
    pub fn with_epoch(epoch: Uuid) -> Self {
        Self { epoch, tables: Arc::default() }
    }

    /// A copy of everything under the same epoch: what a backup restored elsewhere is.
    #[must_use]
    pub fn backup(&self) -> Self {
        Self { epoch: self.epoch, tables: Arc::new(Mutex::new(self.lock().clone())) }
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        // A poisoned lock means that a decision panicked before anything was written: the tables are whole.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryStorage {
    fn not_erased(&self, user: UserId) -> Result<MutexGuard<'_, Tables>, StorageError> {
        let tables = self.lock();
        if tables.users.get(&user).is_some_and(|of_user| of_user.erased) {
            Err(StorageError::Erased)
        } else {
            Ok(tables)
        }
    }
}

impl Default for MemoryStorage {
    fn default() -> Self {
        Self::new()
    }
}

impl Tables {
    fn load(&self, user: UserId, wanted: &Wanted) -> Loaded {
        let empty = UserTables::default();
        let tables = self.users.get(&user).unwrap_or(&empty);
        Loaded {
            last_seq: tables.last_seq(),
            last_chain: tables.last_chain(),
            ledger: wanted
                .operations
                .iter()
                .filter_map(|id| Some((id.clone(), tables.ledger.get(tables.seq_of.get(id)?)?.clone())))
                .collect(),
            cards: wanted.cards.iter().filter_map(|id| Some((*id, tables.cards.get(id)?.clone()))).collect(),
            verses: wanted.verses.iter().filter_map(|id| Some((*id, self.verse(tables, *id)?))).collect(),
            profile: tables.profile.clone().filter(|_| wanted.profile).unwrap_or_default(),
        }
    }

    fn verse(&self, tables: &UserTables, id: VerseId) -> Option<Verse> {
        tables.own_verses.get(&id).or_else(|| self.catalogue.get(&id)).cloned()
    }

    fn write(&mut self, user: UserId, writes: Writes) {
        for verse in writes.catalogue {
            let there = self.catalogue.entry(verse.id).or_insert_with(|| verse.clone());
            if there.text.is_empty() && !verse.text.is_empty() {
                *there = verse;
            }
        }
        let tables = self.users.entry(user).or_default();
        for entry in writes.ledger {
            tables.seq_of.insert(entry.operation_id.clone(), entry.seq);
            tables.ledger.insert(entry.seq, entry);
        }
        for event in writes.events {
            tables.events.entry(event.verse_id).or_default().insert(event.key(), event);
        }
        tables.cards.extend(writes.cards.into_iter().map(|card| (card.verse_id, card)));
        tables.own_verses.retain(|id, _| !writes.dropped_own_verses.contains(id));
        tables.own_verses.extend(writes.own_verses.into_iter().map(|verse| (verse.id, verse)));
        if let Some(profile) = writes.profile {
            tables.profile = Some(profile);
        }
    }
}

impl UserTables {
    fn last_seq(&self) -> u64 {
        self.ledger.last_key_value().map_or(0, |(seq, _)| *seq)
    }

    fn last_chain(&self) -> Chain {
        self.ledger.last_key_value().map_or_else(Chain::default, |(_, entry)| entry.chain)
    }

    fn events(&self, verse: VerseId) -> Vec<CardEvent> {
        self.events.get(&verse).map(|events| events.values().cloned().collect()).unwrap_or_default()
    }

    /// What the primary keys of a database would refuse.
    fn check(&self, writes: &Writes) -> Result<(), StorageError> {
        let mut seq = self.last_seq();
        let mut ids = BTreeSet::new();
        for entry in &writes.ledger {
            seq += 1;
            if entry.seq != seq {
                return Err(StorageError::Failed(format!("sequence number {} written where {seq} is next", entry.seq)));
            }
            if self.seq_of.contains_key(&entry.operation_id) || !ids.insert(&entry.operation_id) {
                return Err(StorageError::Failed(format!("operation {} is in the ledger twice", entry.operation_id)));
            }
        }
        let known = |event: &&CardEvent| {
            self.events.get(&event.verse_id).is_some_and(|events| events.contains_key(&event.key()))
        };
        match writes.events.iter().find(known) {
            Some(event) => Err(StorageError::Failed(format!("event {} is written twice", event.operation_id))),
            None => Ok(()),
        }
    }
}

impl Storage for MemoryStorage {
    async fn transact<D: Decision>(
        &self,
        user: UserId,
        wanted: Wanted,
        decision: D,
    ) -> Result<D::Answer, StorageError> {
        let mut tables = self.not_erased(user)?;
        let loaded = tables.load(user, &wanted);
        let of_user = tables.users.get(&user);
        let events = decision
            .wants_events(&loaded)
            .into_iter()
            .map(|verse| (verse, of_user.map(|tables| tables.events(verse)).unwrap_or_default()))
            .collect();
        let (writes, answer) = decision.decide(loaded, events);
        match of_user {
            Some(tables) => tables.check(&writes)?,
            None => UserTables::default().check(&writes)?,
        }
        if !writes.is_empty() {
            tables.write(user, writes);
        }
        Ok(answer)
    }

    async fn read(&self, user: UserId, wanted: Wanted) -> Result<Loaded, StorageError> {
        Ok(self.not_erased(user)?.load(user, &wanted))
    }

    async fn catalogue(&self, ids: BTreeSet<VerseId>) -> Result<BTreeMap<VerseId, Verse>, StorageError> {
        let tables = self.lock();
        Ok(ids.into_iter().filter_map(|id| Some((id, tables.catalogue.get(&id)?.clone()))).collect())
    }

    async fn ledger_after(&self, user: UserId, after: u64, limit: u32) -> Result<LedgerPage, StorageError> {
        let all = self.not_erased(user)?;
        let Some(tables) = all.users.get(&user) else {
            return Ok(LedgerPage::default());
        };
        let mut following = tables.ledger.range((Bound::Excluded(after), Bound::Unbounded)).map(|(_, entry)| entry);
        let entries = following
            .by_ref()
            .take(limit as usize)
            .map(|entry| {
                let verse = entry.verse_id.filter(|_| entry.kind == OperationKind::CreateVerse);
                FeedEntry {
                    operation_id: entry.operation_id.clone(),
                    seq: entry.seq,
                    chain: entry.chain,
                    operation: entry.operation.clone(),
                    verse: verse.and_then(|id| all.verse(tables, id)),
                }
            })
            .collect();
        Ok(LedgerPage {
            entries,
            has_more: following.next().is_some(),
            chain_at: tables.ledger.get(&after).map(|entry| entry.chain),
            last_seq: tables.last_seq(),
        })
    }

    async fn events_of(&self, user: UserId, verse: VerseId) -> Result<Vec<CardEvent>, StorageError> {
        Ok(self.not_erased(user)?.users.get(&user).map(|tables| tables.events(verse)).unwrap_or_default())
    }

    async fn everything(&self, user: UserId) -> Result<Loaded, StorageError> {
        let tables = self.not_erased(user)?;
        let cards: BTreeSet<VerseId> =
            tables.users.get(&user).map(|of_user| of_user.cards.keys().copied().collect()).unwrap_or_default();
        Ok(tables.load(user, &Wanted { operations: Vec::new(), verses: cards.clone(), cards, profile: true }))
    }

    async fn erase(&self, user: UserId, _now: UnixMillis) -> Result<(), StorageError> {
        self.lock().users.insert(user, UserTables { erased: true, ..UserTables::default() });
        Ok(())
    }

    async fn epoch(&self) -> Result<Uuid, StorageError> {
        Ok(self.epoch)
    }

    async fn ping(&self) -> Result<(), StorageError> {
        Ok(())
    }
}
