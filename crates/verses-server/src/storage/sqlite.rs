//! The storage on SQLite, the embedded default. Here: the statements and their order. The threads are in `database`,
//! the columns in `rows`, schema changes in `migrate`.
//!
//! The one thread that writes takes the place of the user's row lock. The number of statements of a transaction does
//! not depend on how many operations it carries, up to 1024 rows of a table.

mod bulk;
mod database;
mod file;
mod migrate;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Params, Row};
use uuid::Uuid;
use verses_core::{CardEvent, Profile, UnixMillis, Verse, VerseId};

pub use self::database::Database;
pub use self::migrate::Migration;
use super::columns::{self, check_sequence};
use super::{Chain, Decision, LedgerPage, Loaded, Storage, StorageError, UserId, Wanted, Writes};

const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "sync tables", sql: include_str!("sqlite/migrations/0001_sync.sql") },
    Migration { version: 2, name: "erased accounts", sql: include_str!("sqlite/migrations/0002_erased.sql") },
];

/// A [`Storage`] on SQLite. Cloning gives another handle to the same database.
#[derive(Debug, Clone)]
pub struct SqliteStorage {
    database: Database,
    epoch: Uuid,
}

impl SqliteStorage {
    /// Opens or creates the file and brings its tables up to date. Blocks; meant for the start of a process.
    ///
    /// # Errors
    /// [`StorageError`] naming the path, when it is no database, damaged, of a newer version or not accessible.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        Self::with_database(Database::open(path)?)
    }

    /// A storage in memory, gone with its last handle.
    ///
    /// # Errors
    /// [`StorageError`] when SQLite or a thread cannot be started.
    pub fn in_memory() -> Result<Self, StorageError> {
        Self::with_database(Database::open_in_memory()?)
    }

    fn with_database(database: Database) -> Result<Self, StorageError> {
        database.migrate("sync", MIGRATIONS)?;
        let epoch = database.write_blocking(|connection| {
            let insert = "INSERT INTO meta (key, value) VALUES ('epoch', ?1) ON CONFLICT (key) DO NOTHING";
            connection.execute(insert, [Uuid::new_v4().as_bytes()])?;
            let select = "SELECT value FROM meta WHERE key = 'epoch'";
            Ok(Uuid::from_bytes(connection.query_row(select, [], |row| row.get(0))?))
        })?;
        Ok(Self { database, epoch })
    }

    /// The database, for tables of other parts of the server.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }
}

impl Storage for SqliteStorage {
    async fn transact<D: Decision>(
        &self,
        user: UserId,
        wanted: Wanted,
        decision: D,
    ) -> Result<D::Answer, StorageError> {
        self.database
            .write(move |connection| {
                let loaded = load(connection, user, &wanted)?;
                let events = load_events(connection, user, &decision.wants_events(&loaded))?;
                let (writes, answer) = decision.decide(loaded, events);
                write(connection, user, &writes)?;
                Ok(answer)
            })
            .await
    }

    async fn read(&self, user: UserId, wanted: Wanted) -> Result<Loaded, StorageError> {
        self.database.read(move |connection| load(connection, user, &wanted)).await
    }

    async fn catalogue(&self, ids: BTreeSet<VerseId>) -> Result<BTreeMap<VerseId, Verse>, StorageError> {
        self.database
            .read(move |connection| {
                let verses = query(connection, &catalogue_sql(), [id_list(&ids)], |row| rows::verse(row, 0))?;
                Ok(verses.into_iter().map(|verse| (verse.id, verse)).collect())
            })
            .await
    }

    async fn ledger_after(&self, user: UserId, after: u64, limit: u32) -> Result<LedgerPage, StorageError> {
        self.database.read(move |connection| ledger_page(connection, user, after, limit)).await
    }

    async fn events_of(&self, user: UserId, verse: VerseId) -> Result<Vec<CardEvent>, StorageError> {
        self.database
            .read(move |connection| {
                position(connection, user)?;
                Ok(load_events(connection, user, &BTreeSet::from([verse]))?.remove(&verse).unwrap_or_default())
            })
            .await
    }

    async fn everything(&self, user: UserId) -> Result<Loaded, StorageError> {
        self.database.read(move |connection| load_everything(connection, user)).await
    }

    async fn erase(&self, user: UserId, now: UnixMillis) -> Result<(), StorageError> {
        self.database.write(move |connection| erase(connection, user, now)).await
    }

    async fn epoch(&self) -> Result<Uuid, StorageError> {
        Ok(self.epoch)
    }

    async fn ping(&self) -> Result<(), StorageError> {
        self.database.read(|connection| Ok(connection.query_row("SELECT 1", [], |_| Ok(()))?)).await
    }
}

// Lists arrive as one JSON parameter; CROSS JOIN keeps SQLite from turning the loop round.

fn ledger_by_id_sql() -> String {
    format!(
        "SELECT {} FROM json_each(?2) w CROSS JOIN sync_operations o ON o.user_id = ?1 AND o.operation_id = w.value",
        rows::LEDGER
    )
}

fn cards_sql() -> String {
    format!(
        "SELECT {} FROM json_each(?2) w CROSS JOIN verse_cards c ON c.user_id = ?1 AND c.verse_id = unhex(w.value)",
        rows::CARD
    )
}

fn all_cards_sql() -> String {
    format!("SELECT {} FROM verse_cards c WHERE c.user_id = ?1", rows::CARD)
}

fn events_sql() -> String {
    format!(
        "SELECT {} FROM json_each(?2) w CROSS JOIN card_events e ON e.user_id = ?1 AND e.verse_id = unhex(w.value) \
         ORDER BY w.key, e.occurred_at, e.operation_id",
        rows::EVENT
    )
}

fn catalogue_sql() -> String {
    format!("SELECT {} FROM json_each(?1) w CROSS JOIN verses v ON v.verse_id = unhex(w.value)", rows::VERSE)
}

fn own_verses_sql() -> String {
    format!(
        "SELECT {} FROM json_each(?2) w CROSS JOIN user_verses v ON v.user_id = ?1 AND v.verse_id = unhex(w.value)",
        rows::VERSE
    )
}

const PROFILE_SQL: &str = "SELECT profile FROM user_profiles WHERE user_id = ?1";
const POSITION_SQL: &str = "SELECT last_seq, last_chain, erased_at FROM sync_users WHERE user_id = ?1";
/// Everything of a user but the row that says so.
const ERASE_SQL: [&str; 5] = [
    "DELETE FROM sync_operations WHERE user_id = ?1",
    "DELETE FROM card_events WHERE user_id = ?1",
    "DELETE FROM verse_cards WHERE user_id = ?1",
    "DELETE FROM user_verses WHERE user_id = ?1",
    "DELETE FROM user_profiles WHERE user_id = ?1",
];
const MARK_ERASED_SQL: &str = "INSERT INTO sync_users (user_id, last_seq, last_chain, erased_at) VALUES (?1, 0, ?2, ?3) \
     ON CONFLICT (user_id) DO UPDATE SET last_seq = 0, last_chain = excluded.last_chain, \
     erased_at = coalesce(erased_at, excluded.erased_at)";
const CHAIN_SQL: &str = "SELECT chain FROM sync_operations WHERE user_id = ?1 AND seq = ?2";
const FEED_SQL: &str = "SELECT o.operation_id, o.seq, o.chain, o.operation, coalesce(u.verse_id, v.verse_id), \
     coalesce(u.reference, v.reference), coalesce(u.osis, v.osis), coalesce(u.text, v.text), \
     coalesce(u.translation, v.translation), coalesce(u.is_verified, v.is_verified), \
     coalesce(u.created_at, v.created_at), coalesce(u.updated_at, v.updated_at) \
     FROM sync_operations o \
     LEFT JOIN user_verses u ON o.kind = 'create_verse' AND u.user_id = o.user_id AND u.verse_id = o.verse_id \
     LEFT JOIN verses v ON o.kind = 'create_verse' AND v.verse_id = o.verse_id \
     WHERE o.user_id = ?1 AND o.seq > ?2 ORDER BY o.seq LIMIT ?3";
const SET_POSITION_SQL: &str = "INSERT INTO sync_users (user_id, last_seq, last_chain) VALUES (?1, ?2, ?3) \
     ON CONFLICT (user_id) DO UPDATE SET last_seq = excluded.last_seq, last_chain = excluded.last_chain";
const DROP_OWN_VERSES_SQL: &str = "DELETE FROM user_verses WHERE user_id = ?1 AND verse_id IN \
     (SELECT unhex(w.value) FROM json_each(?2) w)";
const SET_PROFILE_SQL: &str = "INSERT INTO user_profiles (user_id, profile) VALUES (?1, ?2) \
     ON CONFLICT (user_id) DO UPDATE SET profile = excluded.profile";

fn load(connection: &Connection, user: UserId, wanted: &Wanted) -> Result<Loaded, StorageError> {
    let (last_seq, last_chain) = position(connection, user)?;
    let mut loaded = Loaded { last_seq, last_chain, ..Loaded::default() };
    if wanted.profile {
        loaded.profile = profile(connection, user)?;
    }
    if !wanted.operations.is_empty() {
        let ids = serde_json::to_string(&wanted.operations).map_err(|error| StorageError::Failed(error.to_string()))?;
        let entries = query(connection, &ledger_by_id_sql(), (user.as_bytes(), ids), rows::ledger_entry)?;
        loaded.ledger = entries.into_iter().map(|entry| (entry.operation_id.clone(), entry)).collect();
    }
    if !wanted.cards.is_empty() {
        let cards = query(connection, &cards_sql(), (user.as_bytes(), id_list(&wanted.cards)), rows::card)?;
        loaded.cards = cards.into_iter().map(|card| (card.verse_id, card)).collect();
    }
    loaded.verses = load_verses(connection, user, &wanted.verses)?;
    Ok(loaded)
}

fn load_verses(
    connection: &Connection,
    user: UserId,
    ids: &BTreeSet<VerseId>,
) -> Result<BTreeMap<VerseId, Verse>, StorageError> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let list = id_list(ids);
    let shared = query(connection, &catalogue_sql(), [&list], |row| rows::verse(row, 0))?;
    let own = query(connection, &own_verses_sql(), (user.as_bytes(), &list), |row| rows::verse(row, 0))?;
    // The user's own come last and win.
    Ok(shared.into_iter().chain(own).map(|verse| (verse.id, verse)).collect())
}

fn load_events(
    connection: &Connection,
    user: UserId,
    verses: &BTreeSet<VerseId>,
) -> Result<BTreeMap<VerseId, Vec<CardEvent>>, StorageError> {
    let mut events: BTreeMap<VerseId, Vec<CardEvent>> = verses.iter().map(|verse| (*verse, Vec::new())).collect();
    if !events.is_empty() {
        for event in query(connection, &events_sql(), (user.as_bytes(), id_list(verses)), rows::event)? {
            events.entry(event.verse_id).or_default().push(event);
        }
    }
    Ok(events)
}

fn load_everything(connection: &Connection, user: UserId) -> Result<Loaded, StorageError> {
    let cards = query(connection, &all_cards_sql(), [user.as_bytes()], rows::card)?;
    let cards: BTreeMap<_, _> = cards.into_iter().map(|card| (card.verse_id, card)).collect();
    let wanted = Wanted { verses: cards.keys().copied().collect(), profile: true, ..Wanted::default() };
    Ok(Loaded { cards, ..load(connection, user, &wanted)? })
}

fn write(connection: &Connection, user: UserId, writes: &Writes) -> Result<(), StorageError> {
    if writes.is_empty() {
        return Ok(());
    }
    let (last_seq, last_chain) = position(connection, user)?;
    check_sequence(last_seq, writes)?;
    let (seq, chain) = writes.ledger.last().map_or((last_seq, last_chain), |last| (last.seq, last.chain));
    // First, because the other tables refer to it.
    connection.prepare_cached(SET_POSITION_SQL)?.execute((user.as_bytes(), seq.cast_signed(), chain))?;
    rows::insert_ledger(connection, user, &writes.ledger)?;
    rows::insert_events(connection, user, &writes.events)?;
    rows::upsert_cards(connection, user, &writes.cards)?;
    if !writes.dropped_own_verses.is_empty() {
        let ids = id_list(&writes.dropped_own_verses.iter().copied().collect());
        connection.prepare_cached(DROP_OWN_VERSES_SQL)?.execute((user.as_bytes(), ids))?;
    }
    rows::upsert_own_verses(connection, user, &writes.own_verses)?;
    rows::upsert_catalogue(connection, &writes.catalogue)?;
    if let Some(profile) = &writes.profile {
        connection.prepare_cached(SET_PROFILE_SQL)?.execute((user.as_bytes(), columns::to_json(profile)?))?;
    }
    Ok(())
}

/// Where the user's history ends.
///
/// # Errors
/// [`StorageError::Erased`] when it was deleted: every way to a user's rows begins here.
fn position(connection: &Connection, user: UserId) -> Result<(u64, Chain), StorageError> {
    let mut statement = connection.prepare_cached(POSITION_SQL)?;
    let found = statement.query_row([user.as_bytes()], |row| {
        let position = (row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?);
        Ok((position, row.get::<_, Option<i64>>(2)?.is_some()))
    });
    match found.optional()? {
        Some((_, true)) => Err(StorageError::Erased),
        Some((position, false)) => Ok(position),
        None => Ok(Default::default()),
    }
}

fn erase(connection: &Connection, user: UserId, now: UnixMillis) -> Result<(), StorageError> {
    for sql in ERASE_SQL {
        connection.prepare_cached(sql)?.execute([user.as_bytes()])?;
    }
    connection.prepare_cached(MARK_ERASED_SQL)?.execute((user.as_bytes(), Chain::default(), now.0))?;
    Ok(())
}

fn profile(connection: &Connection, user: UserId) -> Result<Profile, StorageError> {
    let mut statement = connection.prepare_cached(PROFILE_SQL)?;
    let text: Option<String> = statement.query_row([user.as_bytes()], |row| row.get(0)).optional()?;
    text.map_or_else(|| Ok(Profile::default()), |text| columns::from_json(&text, "profile"))
}

fn ledger_page(connection: &Connection, user: UserId, after: u64, limit: u32) -> Result<LedgerPage, StorageError> {
    // A position no 64-bit column can hold is beyond every history.
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let (last_seq, _) = position(connection, user)?;
    let mut chain = connection.prepare_cached(CHAIN_SQL)?;
    let chain_at = chain.query_row((user.as_bytes(), after), |row| row.get(0)).optional()?;
    let one_more = i64::from(limit) + 1;
    let mut entries = query(connection, FEED_SQL, (user.as_bytes(), after, one_more), rows::feed_entry)?;
    let has_more = entries.len() > limit as usize;
    entries.truncate(limit as usize);
    Ok(LedgerPage { entries, has_more, chain_at, last_seq })
}

fn query<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T, StorageError>,
) -> Result<Vec<T>, StorageError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(read(row)?);
    }
    Ok(all)
}

/// Ids as a JSON array of hexadecimal texts without hyphens.
fn id_list(ids: &BTreeSet<VerseId>) -> String {
    let mut list = String::with_capacity(ids.len() * 35 + 2);
    list.push('[');
    for id in ids {
        list.push_str(if list.len() == 1 { "\"" } else { ",\"" });
        list.push_str(id.0.simple().encode_lower(&mut [0; 32]));
        list.push('"');
    }
    list.push(']');
    list
}

#[cfg(test)]
fn hot_statements() -> Vec<String> {
    let mut all = vec![ledger_by_id_sql(), cards_sql(), all_cards_sql(), events_sql(), own_verses_sql()];
    all.extend([PROFILE_SQL, POSITION_SQL, CHAIN_SQL, FEED_SQL, SET_POSITION_SQL, SET_PROFILE_SQL].map(str::to_owned));
    all.extend([catalogue_sql(), DROP_OWN_VERSES_SQL.to_owned(), MARK_ERASED_SQL.to_owned()]);
    all.extend(ERASE_SQL.map(str::to_owned));
    all
}
