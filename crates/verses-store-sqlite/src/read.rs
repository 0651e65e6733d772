//! The questions, one statement each. Every statement names the index it needs in a test of its plan.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use batchsync::{JournalEntry, QueuePosition, QueuedMeta};
use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use verses_core::{Card, Phase, Profile, Verse, VerseId};
use verses_store::{Owner, QueueTotals, QueuedOperation, Revision, StoredEvent};

use crate::fault::Fault;
use crate::rows::{
    self, CARD_COLUMNS, EVENT_COLUMNS, FAILED, JOURNAL_COLUMNS, META_COLUMNS, PENDING, PROCESSING, REST_COLUMNS,
    VERSE_COLUMNS,
};

macro_rules! statement {
    ($(#[$doc:meta])* $name:ident = $($text:tt)+) => {
        $(#[$doc])*
        static $name: LazyLock<String> = LazyLock::new(|| format!($($text)+));
    };
}

statement!(VERSE = "SELECT {VERSE_COLUMNS} FROM verses WHERE user_id = ?1 AND verse_id = ?2");
statement!(VERSES = "SELECT {VERSE_COLUMNS} FROM verses WHERE user_id = ?1 ORDER BY created_at, verse_id");
statement!(
    UNVERIFIED = "SELECT {VERSE_COLUMNS} FROM verses WHERE user_id = ?1 AND is_verified = 0
    ORDER BY created_at, verse_id LIMIT ?2"
);
statement!(CARD = "SELECT {CARD_COLUMNS} FROM verse_cards WHERE user_id = ?1 AND verse_id = ?2");
statement!(CARDS = "SELECT {CARD_COLUMNS} FROM verse_cards WHERE user_id = ?1 ORDER BY verse_id");
statement!(
    DUE = "SELECT {CARD_COLUMNS} FROM verse_cards WHERE user_id = ?1 AND archived = 0 AND next_due_date <= ?2
    ORDER BY next_due_date, verse_id"
);
statement!(
    /// Named, because without statistics the planner takes the primary key and steps over the other phases.
    BY_PHASE = "SELECT {CARD_COLUMNS} FROM verse_cards INDEXED BY verse_cards_phase
        WHERE user_id = ?1 AND archived = 0 AND current_phase = ?2 ORDER BY verse_id"
);
statement!(
    EVENTS = "SELECT {EVENT_COLUMNS} FROM card_events WHERE user_id = ?1 AND verse_id = ?2
    ORDER BY occurred_at, operation_id"
);
statement!(
    UNSENT_EVENTS = "SELECT {EVENT_COLUMNS} FROM card_events WHERE user_id = ?1 AND seq IS NULL
    ORDER BY occurred_at, operation_id"
);
statement!(
    REVIEWS = "SELECT {EVENT_COLUMNS} FROM card_events WHERE user_id = ?1 AND kind = 1
    ORDER BY occurred_at DESC, operation_id DESC LIMIT ?2"
);
statement!(METAS = "SELECT {META_COLUMNS} FROM sync_queue WHERE position > ?1 ORDER BY position LIMIT ?2");
statement!(QUEUED = "SELECT {META_COLUMNS}, {REST_COLUMNS} FROM sync_queue WHERE id = ?1");
statement!(OF_ENTITY = "SELECT {META_COLUMNS} FROM sync_queue WHERE user_id = ?1 AND entity = ?2 ORDER BY position");
statement!(
    /// The unary plus keeps the planner off the index by status, whose rows would have to be sorted by position.
    QUEUE_OF = "SELECT {META_COLUMNS}, {REST_COLUMNS} FROM sync_queue WHERE +user_id = ?1 ORDER BY position LIMIT ?2"
);
statement!(
    FAILED_OF = "SELECT {META_COLUMNS}, {REST_COLUMNS} FROM sync_queue WHERE user_id = ?1 AND status = {FAILED}
    ORDER BY position LIMIT ?2"
);
statement!(
    /// The first waiting row of each waiting status; two steps in the index, however long the queue.
    OLDEST = "SELECT queued_at FROM (
        SELECT * FROM (SELECT position, queued_at FROM sync_queue WHERE user_id = ?1 AND status = {PENDING}
                       ORDER BY position LIMIT 1)
        UNION ALL
        SELECT * FROM (SELECT position, queued_at FROM sync_queue WHERE user_id = ?1 AND status = {PROCESSING}
                       ORDER BY position LIMIT 1))
    ORDER BY position LIMIT 1"
);
statement!(JOURNAL = "SELECT {JOURNAL_COLUMNS} FROM sync_journal ORDER BY seq DESC LIMIT ?1");
const COUNTS: &str = "SELECT waiting, failed, bytes FROM sync_queue_counts WHERE user_id = ?1";
const OWNERS: &str = "SELECT user_id FROM sync_queue_counts WHERE waiting + failed > 0 ORDER BY user_id";
const ALL_COUNTS: &str =
    "SELECT user_id, waiting, failed, bytes FROM sync_queue_counts WHERE waiting + failed > 0 ORDER BY user_id";
/// From the rows themselves, by the way on which they are read.
const COUNTED: &str =
    "SELECT user_id, sum(status <> 2), sum(status = 2), sum(payload_bytes) FROM sync_queue NOT INDEXED
    GROUP BY user_id ORDER BY user_id";
const REVISION: &str = "SELECT revision FROM store_state";
const PROFILE: &str = "SELECT profile FROM user_profiles WHERE user_id = ?1";
const META: &str = "SELECT value FROM meta WHERE key = ?1";

fn all<T>(
    connection: &Connection,
    statement: &str,
    params: impl Params,
    row: impl Fn(&Row<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let mut statement = connection.prepare_cached(statement)?;
    let mut found = statement.query(params)?;
    let mut rows = Vec::new();
    while let Some(next) = found.next()? {
        rows.push(row(next)?);
    }
    Ok(rows)
}

fn one<T>(
    connection: &Connection,
    statement: &str,
    params: impl Params,
    row: impl Fn(&Row<'_>) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
    Ok(all(connection, statement, params, row)?.pop())
}

fn value<T: rusqlite::types::FromSql>(
    connection: &Connection,
    statement: &str,
    params: impl Params,
) -> Result<Option<T>, Fault> {
    Ok(connection.prepare_cached(statement)?.query_row(params, |row| row.get(0)).optional()?)
}

pub(crate) fn revision(connection: &Connection) -> Result<Revision, Fault> {
    let revision: i64 = connection.prepare_cached(REVISION)?.query_row([], |row| row.get(0))?;
    Ok(Revision(revision.cast_unsigned()))
}

pub(crate) fn verse(connection: &Connection, owner: &str, id: VerseId) -> Result<Option<Verse>, Fault> {
    one(connection, &VERSE, params![owner, id.to_string()], rows::verse)
}

pub(crate) fn verses(connection: &Connection, owner: &str) -> Result<Vec<Verse>, Fault> {
    all(connection, &VERSES, [owner], rows::verse)
}

/// Those found, in the order asked for.
pub(crate) fn verses_of(connection: &Connection, owner: &str, ids: &[VerseId]) -> Result<Vec<Verse>, Fault> {
    // One snapshot for all of them: another process may commit between two statements.
    let snapshot = connection.unchecked_transaction()?;
    let mut verses = Vec::with_capacity(ids.len());
    for id in ids {
        verses.extend(verse(&snapshot, owner, *id)?);
    }
    Ok(verses)
}

pub(crate) fn unverified_verses(connection: &Connection, owner: &str, limit: u32) -> Result<Vec<Verse>, Fault> {
    all(connection, &UNVERIFIED, params![owner, limit], rows::verse)
}

pub(crate) fn card(connection: &Connection, owner: &str, id: VerseId) -> Result<Option<Card>, Fault> {
    one(connection, &CARD, params![owner, id.to_string()], rows::card)
}

pub(crate) fn cards(connection: &Connection, owner: &str) -> Result<Vec<Card>, Fault> {
    all(connection, &CARDS, [owner], rows::card)
}

pub(crate) fn due_cards(connection: &Connection, owner: &str, date: Date) -> Result<Vec<Card>, Fault> {
    all(connection, &DUE, params![owner, date.to_string()], rows::card)
}

pub(crate) fn cards_by_phase(connection: &Connection, owner: &str, phase: Phase) -> Result<Vec<Card>, Fault> {
    all(connection, &BY_PHASE, params![owner, rows::phase_code(phase)], rows::card)
}

/// Events of the cards named, by (verse, fold); ids may repeat and come in any order.
pub(crate) fn events_of(
    connection: &Connection,
    owner: &str,
    mut ids: Vec<VerseId>,
) -> Result<Vec<StoredEvent>, Fault> {
    ids.sort_unstable();
    ids.dedup();
    // One snapshot for all of them: another process may commit between two statements.
    let snapshot = connection.unchecked_transaction()?;
    let mut events = Vec::new();
    for id in ids {
        events.extend(all(&snapshot, &EVENTS, params![owner, id.to_string()], rows::event)?);
    }
    Ok(events)
}

pub(crate) fn events_without_seq(connection: &Connection, owner: &str) -> Result<Vec<StoredEvent>, Fault> {
    all(connection, &UNSENT_EVENTS, [owner], rows::event)
}

pub(crate) fn review_logs(connection: &Connection, owner: &str, limit: u32) -> Result<Vec<StoredEvent>, Fault> {
    all(connection, &REVIEWS, params![owner, limit], rows::event)
}

pub(crate) fn profile(connection: &Connection, owner: &str) -> Result<Profile, Fault> {
    match value::<String>(connection, PROFILE, [owner])? {
        Some(text) => rows::from_json(&text, || format!("profile of {owner}")),
        None => Ok(Profile::default()),
    }
}

pub(crate) fn queue_metas(
    connection: &Connection,
    after: Option<QueuePosition>,
    limit: u32,
) -> Result<Vec<QueuedMeta>, Fault> {
    let params = params![after.unwrap_or(QueuePosition::MIN), limit];
    if after.is_some() {
        return all(connection, &METAS, params, rows::queued_meta);
    }
    let snapshot = connection.unchecked_transaction()?;
    let metas = all(&snapshot, &METAS, params, rows::queued_meta)?;
    check_counts(&snapshot)?;
    Ok(metas)
}

/// Rows can be missing without a sign of it, where a page that leads to them is damaged. The counts beside the queue are
/// written with every row, and tell. Asked when somebody begins to read the queue, who reads all of it then anyway.
fn check_counts(connection: &Connection) -> Result<(), Fault> {
    let counts =
        |statement| all(connection, statement, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
    let there: Vec<(String, i64, i64, i64)> = counts(COUNTED)?;
    let saved = counts(ALL_COUNTS)?;
    if there == saved {
        return Ok(());
    }
    let rows = |counts: &[(String, i64, i64, i64)]| {
        counts.iter().fold(0_i64, |sum, (_, waiting, failed, _)| {
            // Damaged counts may be any number.
            sum.saturating_add(*waiting).saturating_add(*failed)
        })
    };
    let reason = format!("{} operations can be found in it where {} were saved", rows(&there), rows(&saved));
    Err(Fault::row("the queue", reason))
}

pub(crate) fn queued(connection: &Connection, ids: &[String]) -> Result<Vec<QueuedOperation>, Fault> {
    let snapshot = connection.unchecked_transaction()?;
    let mut found = Vec::with_capacity(ids.len());
    let mut missing = BTreeSet::new();
    for id in ids {
        match one(&snapshot, &QUEUED, [id], rows::queued)? {
            Some(row) => found.push(row),
            None => {
                missing.insert(id.as_str());
            }
        }
    }
    check_missing(&snapshot, &missing)?;
    Ok(found)
}

/// An id that the index does not know has left the queue, or the index is damaged: then its operation would never be sent,
/// and nobody would notice. Seldom asked, so all rows may be looked at.
fn check_missing(connection: &Connection, missing: &BTreeSet<&str>) -> Result<(), Fault> {
    if missing.is_empty() {
        return Ok(());
    }
    let mut statement = connection.prepare_cached("SELECT id FROM sync_queue NOT INDEXED")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id = row.get_ref(0)?.as_str().map_err(|error| Fault::row("an operation", error))?;
        if missing.contains(id) {
            return Err(Fault::row(format!("operation {id}"), "the index of the queue does not lead to it"));
        }
    }
    Ok(())
}

pub(crate) fn queued_for_entity(connection: &Connection, owner: &str, entity: &str) -> Result<Vec<QueuedMeta>, Fault> {
    all(connection, &OF_ENTITY, [owner, entity], rows::queued_meta)
}

pub(crate) fn queue_of(
    connection: &Connection,
    owner: &str,
    failed_only: bool,
    limit: u32,
) -> Result<Vec<QueuedOperation>, Fault> {
    let statement = if failed_only { &FAILED_OF } else { &QUEUE_OF };
    all(connection, statement, params![owner, limit], rows::queued)
}

pub(crate) fn queue_totals(connection: &Connection, owner: &str) -> Result<QueueTotals, Fault> {
    let snapshot = connection.unchecked_transaction()?;
    let counts = one(&snapshot, COUNTS, [owner], |row| {
        let count = |column| -> Result<u64, Fault> { Ok(row.get::<_, i64>(column)?.cast_unsigned()) };
        Ok((count(0)?, count(1)?, count(2)?))
    })?;
    let Some((waiting, failed, bytes)) = counts else { return Ok(QueueTotals::default()) };
    let oldest_queued_at = value(&snapshot, &OLDEST, [owner])?;
    Ok(QueueTotals { waiting, failed, bytes, oldest_queued_at })
}

pub(crate) fn queue_owners(connection: &Connection) -> Result<Vec<(Owner, QueueTotals)>, Fault> {
    let owners: Vec<Owner> = all(connection, OWNERS, [], |row| Ok(row.get(0)?))?;
    owners.into_iter().map(|owner| queue_totals(connection, &owner).map(|totals| (owner, totals))).collect()
}

pub(crate) fn journal(connection: &Connection, limit: u32) -> Result<Vec<JournalEntry>, Fault> {
    all(connection, &JOURNAL, [limit], rows::journal_entry)
}

pub(crate) fn meta(connection: &Connection, key: &str) -> Result<Option<String>, Fault> {
    value(connection, META, [key])
}
