//! The storage on PostgreSQL, for production. Here: which statements a transaction has, and their order. The statements
//! themselves are in `sql`, the columns in `rows`, who acts in `transaction`, schema changes in `migrate`.
//!
//! A batch costs two round trips, or three when a card must be folded again: everything it touches is locked and loaded
//! with one, everything it writes is written and committed with another. The number of statements does not depend on its
//! size.

mod accounts;
mod connections;
mod faults;
mod migrate;
mod options;
mod pokes;
mod reach;
mod rows;
mod sql;
#[cfg(test)]
mod tests;
mod transaction;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;
use verses_core::{Card, CardEvent, OperationId, Profile, UnixMillis, Verse, VerseId};

pub use self::accounts::PostgresAuth;
pub use self::migrate::migrate;
pub use self::options::PostgresOptions;

use self::connections::Connections;
use self::faults::Fault;
use self::pokes::Pokes;
use self::transaction::{Access, Acting, Transaction};
use super::columns::{self, check_sequence};
use super::{
    Chain, Decision, Heard, LedgerEntry, LedgerPage, Loaded, Pool, Storage, StorageError, UserId, Wanted, Writes,
};

/// A snapshot that costs one round trip: everything that the work has to send, it sends when it is first polled.
macro_rules! look {
    ($this:expr, $acting:expr, $tx:ident => $work:expr) => {{
        let $tx = $this.transaction().await?;
        let looked = tokio::try_join!(biased; $tx.begin($acting, Access::Snapshot), $work, $tx.commit());
        let found = looked.map(|(_, found, _)| found);
        $tx.end(found).await
    }};
}

/// How often a transaction that the database gave up is begun.
const ATTEMPTS: usize = 3;

/// A [`Storage`] on PostgreSQL. Cloning gives another handle to the same pool.
#[derive(Debug, Clone)]
pub struct PostgresStorage {
    connections: Connections,
    options: Arc<PostgresOptions>,
    epoch: Uuid,
    pokes: Arc<OnceLock<Pokes>>,
}

impl PostgresStorage {
    /// Connects, and checks that the tables are there, of a version this program knows, and that the login is one that
    /// row-level security binds. Changes nothing: see [`migrate`].
    ///
    /// # Errors
    /// [`StorageError`] says what is wrong and what to do. No address is repeated: it may hold a password.
    pub async fn open(options: PostgresOptions) -> Result<Self, StorageError> {
        migrate::check_login(&options).await?;
        let connections = Connections::new(&options)?;
        let mut storage = Self { connections, options: Arc::new(options), epoch: Uuid::nil(), pokes: Arc::default() };
        storage.epoch = storage.again(|this| async move { this.read_epoch().await }).await?;
        Ok(storage)
    }

    /// Accounts in the same database.
    #[must_use]
    pub fn accounts(&self) -> PostgresAuth {
        PostgresAuth::new(self.clone())
    }

    /// Connections open, how many of them are idle, and how many requests wait for one.
    #[must_use]
    pub fn pool_status(&self) -> (usize, usize, usize) {
        self.connections.status()
    }

    async fn read_epoch(&self) -> Result<Uuid, Fault> {
        let rows = look!(self, Acting::Service, tx => async { tx.rows(&sql::EPOCH, &[]).await })?;
        let row = rows.first().ok_or_else(|| Fault::failed("the tables hold no epoch: they are damaged"))?;
        Ok(rows::get(row, 0)?)
    }

    async fn transaction(&self) -> Result<Transaction, Fault> {
        Transaction::open(&self.connections, &self.options).await
    }

    /// Runs a transaction on a task of its own, so that it comes to an end even if nobody waits for it any more, and
    /// begins it again when the database gave it up.
    async fn again<T, F>(&self, work: impl Fn(Self) -> F + Send + 'static) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Fault>> + Send,
    {
        let this = self.clone();
        let limit = Duration::from_millis(self.options.transaction_timeout_ms);
        let task = tokio::spawn(async move {
            let mut left = ATTEMPTS;
            loop {
                left -= 1;
                match tokio::time::timeout(limit, work(this.clone())).await {
                    Ok(Ok(done)) => return Ok(done),
                    Ok(Err(fault)) if fault.at_once && left > 0 => {}
                    Ok(Err(fault)) => return Err(fault.error),
                    Err(_) => return Err(StorageError::Unavailable("it did not answer in time".to_owned())),
                }
            }
        });
        task.await.unwrap_or_else(|error| Err(StorageError::Failed(format!("a transaction stopped: {error}"))))
    }

    async fn attempt<D: Decision>(&self, user: UserId, wanted: &Wanted, decision: &D) -> Result<D::Answer, Fault> {
        let tx = self.transaction().await?;
        let result = work(&tx, user, wanted, decision).await;
        tx.end(result).await
    }
}

/// All of a transaction but the connection.
async fn work<D: Decision>(tx: &Transaction, user: UserId, wanted: &Wanted, decision: &D) -> Result<D::Answer, Fault> {
    let (_, locked) =
        tokio::try_join!(biased; tx.begin(Acting::User(user), Access::ReadWrite), lock_and_load(tx, user, wanted))?;
    let loaded = match locked {
        Some(loaded) => loaded,
        // Nobody has this row yet: it is made, and locked by whoever comes first.
        None => {
            let no_chain: &[u8] = &[];
            tx.run(&sql::MAKE_USER, &[&user, &no_chain]).await?;
            let made = lock_and_load(tx, user, wanted).await?;
            made.ok_or_else(|| Fault::failed("a row that was just made is not there"))?
        }
    };
    let position = (loaded.last_seq, loaded.last_chain);
    let events = load_events(tx, user, &decision.wants_events(&loaded)).await?;
    let (writes, answer) = decision.decide(loaded, events);
    check_sequence(position.0, &writes)?;
    tokio::try_join!(biased; write(tx, user, position, &writes), tx.commit())?;
    Ok(answer)
}

impl Storage for PostgresStorage {
    async fn transact<D: Decision>(
        &self,
        user: UserId,
        wanted: Wanted,
        decision: D,
    ) -> Result<D::Answer, StorageError> {
        let shared = Arc::new((wanted, decision));
        let attempt = move |this: Self| {
            let shared = Arc::clone(&shared);
            async move { this.attempt(user, &shared.0, &shared.1).await }
        };
        self.again(attempt).await
    }

    async fn read(&self, user: UserId, wanted: Wanted) -> Result<Loaded, StorageError> {
        let wanted = Arc::new(wanted);
        let attempt = move |this: Self| {
            let wanted = Arc::clone(&wanted);
            async move { look!(this, Acting::User(user), tx => load_with_position(&tx, user, &wanted)) }
        };
        self.again(attempt).await
    }

    async fn catalogue(&self, ids: BTreeSet<VerseId>) -> Result<BTreeMap<VerseId, Verse>, StorageError> {
        let ids: Arc<[Uuid]> = uuids(&ids).into();
        let attempt = move |this: Self| {
            let ids = Arc::clone(&ids);
            async move {
                let ids: &[Uuid] = &ids;
                let found = look!(this, Acting::Service, tx => async { tx.rows(&sql::CATALOGUE, &[&ids]).await })?;
                Ok(found.iter().map(|row| rows::verse(row, 0).map(|v| (v.id, v))).collect::<Result<_, _>>()?)
            }
        };
        self.again(attempt).await
    }

    async fn ledger_after(&self, user: UserId, after: u64, limit: u32) -> Result<LedgerPage, StorageError> {
        self.again(
            move |this| async move { look!(this, Acting::User(user), tx => ledger_page(&tx, user, after, limit)) },
        )
        .await
    }

    async fn events_of(&self, user: UserId, verse: VerseId) -> Result<Vec<CardEvent>, StorageError> {
        self.again(move |this| async move {
            let one = BTreeSet::from([verse]);
            let mut events = look!(this, Acting::User(user), tx => load_events_of(&tx, user, &one))?;
            Ok(events.remove(&verse).unwrap_or_default())
        })
        .await
    }

    async fn everything(&self, user: UserId) -> Result<Loaded, StorageError> {
        self.again(move |this| async move { look!(this, Acting::User(user), tx => load_everything(&tx, user)) }).await
    }

    async fn erase(&self, user: UserId, now: UnixMillis) -> Result<(), StorageError> {
        self.again(move |this| async move {
            let tx = this.transaction().await?;
            let result = erase(&tx, user, now).await;
            tx.end(result).await
        })
        .await
    }

    async fn epoch(&self) -> Result<Uuid, StorageError> {
        Ok(self.epoch)
    }

    async fn ping(&self) -> Result<(), StorageError> {
        self.again(|this| async move {
            look!(this, Acting::Service, tx => async { tx.rows(&sql::ALIVE, &[]).await }).map(drop)
        })
        .await
    }

    fn pool(&self) -> Option<Pool> {
        let (open, idle, waiting) = self.pool_status();
        Some(Pool { open, idle, waiting })
    }

    fn listen(&self, heard: Heard) {
        let url = self.options.listen_url.clone().unwrap_or_else(|| self.options.url.clone());
        self.pokes.get_or_init(|| Pokes::start(url, heard));
    }

    fn announce(&self, user: UserId) {
        if let Some(pokes) = self.pokes.get() {
            pokes.announce(user);
        }
    }
}

// Each of these sends all it has to send when it is first polled.

/// What is wanted, as it is once the user's row is locked; nothing if there is no such row.
async fn lock_and_load(tx: &Transaction, user: UserId, wanted: &Wanted) -> Result<Option<Loaded>, Fault> {
    let (position, loaded) =
        tokio::try_join!(biased; async { tx.rows(&sql::LOCK_USER, &[&user]).await }, load(tx, user, wanted))?;
    let Some(row) = position.first() else { return Ok(None) };
    let (last_seq, last_chain) = rows::position(row)?;
    Ok(Some(Loaded { last_seq, last_chain, ..loaded }))
}

async fn load(tx: &Transaction, user: UserId, wanted: &Wanted) -> Result<Loaded, Fault> {
    let (profile, ledger, cards, verses) = tokio::try_join!(biased;
        profile(tx, user, wanted.profile),
        ledger(tx, user, &wanted.operations),
        cards(tx, user, &wanted.cards),
        verses(tx, user, &wanted.verses),
    )?;
    Ok(Loaded { ledger, cards, verses, profile, ..Loaded::default() })
}

async fn load_with_position(tx: &Transaction, user: UserId, wanted: &Wanted) -> Result<Loaded, Fault> {
    let (position, loaded) =
        tokio::try_join!(biased; async { tx.rows(&sql::POSITION, &[&user]).await }, load(tx, user, wanted))?;
    let (last_seq, last_chain) = position_of(&position)?;
    Ok(Loaded { last_seq, last_chain, ..loaded })
}

async fn load_everything(tx: &Transaction, user: UserId) -> Result<Loaded, Fault> {
    let (position, profile, cards, shared, own) = tokio::try_join!(biased;
        async { tx.rows(&sql::POSITION, &[&user]).await },
        profile(tx, user, true),
        async { tx.rows(&sql::ALL_CARDS, &[&user]).await },
        async { tx.rows(&sql::CATALOGUE_OF_CARDS, &[&user]).await },
        async { tx.rows(&sql::OWN_VERSES_OF_CARDS, &[&user]).await },
    )?;
    let (last_seq, last_chain) = position_of(&position)?;
    let verses = all_verses(&shared, &own)?;
    Ok(Loaded { last_seq, last_chain, ledger: BTreeMap::new(), cards: by_verse(&cards)?, verses, profile })
}

fn position_of(found: &[Row]) -> Result<(u64, Chain), StorageError> {
    found.first().map_or_else(|| Ok(Default::default()), rows::position)
}

async fn profile(tx: &Transaction, user: UserId, wanted: bool) -> Result<Profile, Fault> {
    if !wanted {
        return Ok(Profile::default());
    }
    let found = tx.rows(&sql::PROFILE, &[&user]).await?;
    let Some(row) = found.first() else { return Ok(Profile::default()) };
    Ok(columns::from_json(rows::get(row, 0)?, "profile")?)
}

async fn ledger(
    tx: &Transaction,
    user: UserId,
    wanted: &[OperationId],
) -> Result<BTreeMap<OperationId, LedgerEntry>, Fault> {
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ids: Vec<&str> = wanted.iter().map(OperationId::as_str).collect();
    let found = tx.rows(&sql::LEDGER_BY_ID, &[&user, &ids]).await?;
    let entries = found.iter().map(|row| rows::ledger_entry(row).map(|entry| (entry.operation_id.clone(), entry)));
    Ok(entries.collect::<Result<_, _>>()?)
}

async fn cards(tx: &Transaction, user: UserId, wanted: &BTreeSet<VerseId>) -> Result<BTreeMap<VerseId, Card>, Fault> {
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    Ok(by_verse(&tx.rows(&sql::CARDS, &[&user, &uuids(wanted)]).await?)?)
}

fn by_verse(found: &[Row]) -> Result<BTreeMap<VerseId, Card>, StorageError> {
    found.iter().map(|row| rows::card(row).map(|card| (card.verse_id, card))).collect()
}

async fn verses(tx: &Transaction, user: UserId, wanted: &BTreeSet<VerseId>) -> Result<BTreeMap<VerseId, Verse>, Fault> {
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ids = uuids(wanted);
    let (shared, own) = tokio::try_join!(biased; async { tx.rows(&sql::CATALOGUE, &[&ids]).await }, async { tx.rows(&sql::OWN_VERSES, &[&user, &ids]).await })?;
    Ok(all_verses(&shared, &own)?)
}

/// The user's own come last and win.
fn all_verses(shared: &[Row], own: &[Row]) -> Result<BTreeMap<VerseId, Verse>, StorageError> {
    shared.iter().chain(own).map(|row| rows::verse(row, 0).map(|verse| (verse.id, verse))).collect()
}

async fn load_events(
    tx: &Transaction,
    user: UserId,
    wanted: &BTreeSet<VerseId>,
) -> Result<BTreeMap<VerseId, Vec<CardEvent>>, Fault> {
    let mut events: BTreeMap<VerseId, Vec<CardEvent>> = wanted.iter().map(|verse| (*verse, Vec::new())).collect();
    if !events.is_empty() {
        for row in tx.rows(&sql::EVENTS, &[&user, &uuids(wanted)]).await? {
            let event = rows::event(&row)?;
            events.entry(event.verse_id).or_default().push(event);
        }
    }
    Ok(events)
}

async fn load_events_of(
    tx: &Transaction,
    user: UserId,
    wanted: &BTreeSet<VerseId>,
) -> Result<BTreeMap<VerseId, Vec<CardEvent>>, Fault> {
    let (position, events) = tokio::try_join!(biased;
        async { tx.rows(&sql::POSITION, &[&user]).await },
        load_events(tx, user, wanted),
    )?;
    position_of(&position)?;
    Ok(events)
}

async fn erase(tx: &Transaction, user: UserId, now: UnixMillis) -> Result<(), Fault> {
    let (no_chain, now): (&[u8], i64) = (&[], now.0);
    tokio::try_join!(biased;
        tx.begin(Acting::User(user), Access::ReadWrite),
        async { tx.run(&sql::MAKE_USER, &[&user, &no_chain]).await },
        // Whoever writes for this user has the row locked: this waits, and is waited for.
        async { tx.run(&sql::MARK_ERASED, &[&user, &no_chain, &now]).await },
        async { tx.run(&sql::ERASE_OPERATIONS, &[&user]).await },
        async { tx.run(&sql::ERASE_EVENTS, &[&user]).await },
        async { tx.run(&sql::ERASE_CARDS, &[&user]).await },
        async { tx.run(&sql::ERASE_VERSES, &[&user]).await },
        async { tx.run(&sql::ERASE_PROFILE, &[&user]).await },
        tx.commit(),
    )?;
    Ok(())
}

async fn ledger_page(tx: &Transaction, user: UserId, after: u64, limit: u32) -> Result<LedgerPage, Fault> {
    // A position no 64-bit column can hold is beyond every history.
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let one_more = i64::from(limit) + 1;
    let (position, chain, feed) = tokio::try_join!(biased;
        async { tx.rows(&sql::POSITION, &[&user]).await },
        async { tx.rows(&sql::CHAIN_AT, &[&user, &after]).await },
        async { tx.rows(&sql::FEED, &[&user, &after, &one_more]).await },
    )?;
    let has_more = feed.len() > limit as usize;
    let entries = feed.iter().take(limit as usize).map(rows::feed_entry).collect::<Result<_, _>>()?;
    let chain_at = chain.first().map(|row| rows::bytes(row, 0)).transpose()?;
    Ok(LedgerPage { entries, has_more, chain_at, last_seq: position_of(&position)?.0 })
}

async fn write(tx: &Transaction, user: UserId, position: (u64, Chain), writes: &Writes) -> Result<(), Fault> {
    tokio::try_join!(biased; write_own(tx, user, position, writes), write_catalogue(tx, &writes.catalogue))?;
    Ok(())
}

async fn write_own(tx: &Transaction, user: UserId, position: (u64, Chain), writes: &Writes) -> Result<(), Fault> {
    let Writes { ledger, events, cards, own_verses, dropped_own_verses, profile, .. } = writes;
    let nothing_on_cards = ledger.is_empty() && events.is_empty() && cards.is_empty();
    tokio::try_join!(biased;
        unless(nothing_on_cards, write_cards(tx, user, position, writes)),
        unless(dropped_own_verses.is_empty(), drop_own_verses(tx, user, dropped_own_verses)),
        unless(own_verses.is_empty(), rows::upsert_own_verses(tx, user, own_verses)),
        unless(profile.is_none(), set_profile(tx, user, profile.as_ref())),
    )?;
    Ok(())
}

async fn unless(nothing: bool, work: impl Future<Output = Result<(), Fault>>) -> Result<(), Fault> {
    if nothing { Ok(()) } else { work.await }
}

/// The position, the ledger, events and cards.
async fn write_cards(tx: &Transaction, user: UserId, before: (u64, Chain), writes: &Writes) -> Result<(), Fault> {
    let (seq, chain) = writes.ledger.last().map_or(before, |last| (last.seq, last.chain));
    let (seq, chain) = (seq.cast_signed(), chain.as_slice());
    let ledger = rows::LedgerColumns::of(&writes.ledger);
    let events = rows::EventsColumns::of(&writes.events)?;
    let cards = rows::CardColumns::of(&writes.cards)?;
    let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&user, &seq, &chain];
    parameters.extend(ledger.parameters().into_iter().chain(events.parameters()).chain(cards.parameters()));
    let one = writes.ledger.len() == 1 && writes.events.len() == 1 && writes.cards.len() == 1;
    tx.run(if one { &sql::WRITE_ONE } else { &sql::WRITE }, &parameters).await.map(drop)
}

async fn drop_own_verses(tx: &Transaction, user: UserId, verses: &[VerseId]) -> Result<(), Fault> {
    let ids: Vec<Uuid> = verses.iter().map(|id| id.0).collect();
    tx.run(&sql::DROP_OWN_VERSES, &[&user, &ids]).await.map(drop)
}

async fn set_profile(tx: &Transaction, user: UserId, profile: Option<&Profile>) -> Result<(), Fault> {
    let json = columns::to_json(&profile)?;
    tx.run(&sql::SET_PROFILE, &[&user, &json]).await.map(drop)
}

/// What everybody sees is not written as a user. It comes last: nothing after it acts as the user any more.
async fn write_catalogue(tx: &Transaction, verses: &[Verse]) -> Result<(), Fault> {
    if verses.is_empty() {
        return Ok(());
    }
    tokio::try_join!(biased; tx.become_service(), rows::upsert_catalogue(tx, verses))?;
    Ok(())
}

fn uuids(ids: &BTreeSet<VerseId>) -> Vec<Uuid> {
    ids.iter().map(|id| id.0).collect()
}
