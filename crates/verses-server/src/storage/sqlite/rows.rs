//! Rows of the sync tables: how domain values become columns and come back. The order of statements is in the parent.

use jiff::civil::Date;
use rusqlite::{Connection, Row};
use uuid::Uuid;
use verses_core::{Card, CardEvent, OperationId, OperationKind, UnixMillis, Verse, VerseId};

use super::bulk::{BulkInsert, RowBinder};
use crate::storage::columns::{self, damaged, from_json, named, phase_name, phase_of, to_json};
use crate::storage::{Chain, FeedEntry, LedgerEntry, StorageError, UserId};

pub(super) const LEDGER: &str =
    "o.operation_id, o.kind, o.content_hash, o.seq, o.chain, o.operation, o.verse_id, o.outcome, o.accepted_at";
pub(super) const EVENT: &str = "e.operation_id, e.verse_id, e.occurred_at, e.local_date, e.event, e.was_successful, \
                                e.review_time_seconds, e.phase, e.slot";
pub(super) const CARD: &str = "c.verse_id, c.current_phase, c.phase_progress_count, c.current_streak, c.best_streak, \
                               c.last_reviewed_at, c.next_due_date, c.assigned_day_of_week, c.assigned_week_parity, \
                               c.assigned_day_of_month, c.archived, c.created_at, c.updated_at, c.fold";
pub(super) const VERSE: &str =
    "v.verse_id, v.reference, v.osis, v.text, v.translation, v.is_verified, v.created_at, v.updated_at";

static INSERT_LEDGER: BulkInsert = BulkInsert::new(
    "INSERT INTO sync_operations (user_id, seq, operation_id, kind, content_hash, chain, operation, verse_id, outcome, \
     accepted_at)",
    10,
    "",
);
static INSERT_EVENTS: BulkInsert = BulkInsert::new(
    "INSERT INTO card_events (user_id, verse_id, occurred_at, operation_id, local_date, event, was_successful, \
     review_time_seconds, phase, slot)",
    10,
    "",
);
static UPSERT_CARDS: BulkInsert = BulkInsert::new(
    "INSERT INTO verse_cards (user_id, verse_id, current_phase, phase_progress_count, current_streak, best_streak, \
     last_reviewed_at, next_due_date, assigned_day_of_week, assigned_week_parity, assigned_day_of_month, archived, \
     created_at, updated_at, fold)",
    15,
    "ON CONFLICT (user_id, verse_id) DO UPDATE SET current_phase = excluded.current_phase, \
     phase_progress_count = excluded.phase_progress_count, current_streak = excluded.current_streak, \
     best_streak = excluded.best_streak, last_reviewed_at = excluded.last_reviewed_at, \
     next_due_date = excluded.next_due_date, assigned_day_of_week = excluded.assigned_day_of_week, \
     assigned_week_parity = excluded.assigned_week_parity, assigned_day_of_month = excluded.assigned_day_of_month, \
     archived = excluded.archived, created_at = excluded.created_at, updated_at = excluded.updated_at, \
     fold = excluded.fold",
);
static UPSERT_OWN_VERSES: BulkInsert = BulkInsert::new(
    "INSERT INTO user_verses (user_id, verse_id, reference, osis, text, translation, is_verified, created_at, \
     updated_at)",
    9,
    "ON CONFLICT (user_id, verse_id) DO UPDATE SET reference = excluded.reference, osis = excluded.osis, \
     text = excluded.text, translation = excluded.translation, is_verified = excluded.is_verified, \
     created_at = excluded.created_at, updated_at = excluded.updated_at",
);
static UPSERT_CATALOGUE: BulkInsert = BulkInsert::new(
    "INSERT INTO verses (verse_id, reference, osis, text, translation, is_verified, created_at, updated_at)",
    8,
    "ON CONFLICT (verse_id) DO UPDATE SET text = excluded.text, updated_at = excluded.updated_at \
     WHERE verses.text = '' AND excluded.text <> ''",
);

pub(super) fn insert_ledger(c: &Connection, user: UserId, entries: &[LedgerEntry]) -> Result<(), StorageError> {
    INSERT_LEDGER.run(c, entries, |entry, row| {
        row.push(user.as_bytes())?;
        row.push(entry.seq.cast_signed())?;
        row.push(entry.operation_id.as_str())?;
        row.push(entry.kind.as_str())?;
        row.push(entry.content_hash)?;
        row.push(entry.chain)?;
        row.push(&entry.operation)?;
        row.push(entry.verse_id.as_ref().map(|id| id.0.as_bytes()))?;
        row.push(&entry.outcome)?;
        row.push(entry.accepted_at.0)
    })
}

pub(super) fn insert_events(c: &Connection, user: UserId, events: &[CardEvent]) -> Result<(), StorageError> {
    INSERT_EVENTS.run(c, events, |event, row| {
        row.push(user.as_bytes())?;
        row.push(event.verse_id.0.as_bytes())?;
        row.push(event.occurred_at.0)?;
        row.push(event.operation_id.as_str())?;
        row.push(event.local_date.to_string())?;
        let columns = bindable(columns::event_columns(&event.kind))?;
        row.push(columns.name)?;
        row.push(columns.was_successful)?;
        row.push(columns.review_time_seconds)?;
        row.push(columns.phase)?;
        row.push(columns.slot)
    })
}

pub(super) fn upsert_cards(c: &Connection, user: UserId, cards: &[Card]) -> Result<(), StorageError> {
    UPSERT_CARDS.run(c, cards, |card, row| {
        row.push(user.as_bytes())?;
        row.push(card.verse_id.0.as_bytes())?;
        row.push(phase_name(card.current_phase))?;
        row.push(card.phase_progress_count)?;
        row.push(card.current_streak)?;
        row.push(card.best_streak)?;
        row.push(card.last_reviewed_at.map(|at| at.0))?;
        row.push(card.next_due_date.to_string())?;
        row.push(card.assigned_day_of_week)?;
        row.push(card.assigned_week_parity)?;
        row.push(card.assigned_day_of_month)?;
        row.push(card.archived)?;
        row.push(card.created_at.0)?;
        row.push(card.updated_at.0)?;
        row.push(bindable(to_json(&card.fold))?)
    })
}

pub(super) fn upsert_own_verses(c: &Connection, user: UserId, verses: &[Verse]) -> Result<(), StorageError> {
    UPSERT_OWN_VERSES.run(c, verses, |verse, row| {
        row.push(user.as_bytes())?;
        bind_verse(verse, row)
    })
}

pub(super) fn upsert_catalogue(c: &Connection, verses: &[Verse]) -> Result<(), StorageError> {
    UPSERT_CATALOGUE.run(c, verses, bind_verse)
}

fn bind_verse(verse: &Verse, row: &mut RowBinder<'_, '_>) -> rusqlite::Result<()> {
    row.push(verse.id.0.as_bytes())?;
    row.push(&verse.reference)?;
    row.push(&verse.osis)?;
    row.push(&verse.text)?;
    row.push(&verse.translation)?;
    row.push(verse.is_verified)?;
    row.push(verse.created_at.0)?;
    row.push(verse.updated_at.0)
}

pub(super) fn ledger_entry(row: &Row<'_>) -> Result<LedgerEntry, StorageError> {
    Ok(LedgerEntry {
        operation_id: operation_id(row, 0)?,
        kind: name(row, 1, OperationKind::from_name)?,
        content_hash: row.get(2)?,
        seq: row.get::<_, i64>(3)?.cast_unsigned(),
        chain: row.get(4)?,
        operation: row.get(5)?,
        verse_id: row.get::<_, Option<[u8; 16]>>(6)?.map(|bytes| VerseId(Uuid::from_bytes(bytes))),
        outcome: row.get(7)?,
        accepted_at: UnixMillis(row.get(8)?),
    })
}

/// `o.operation_id, o.seq, o.chain, o.operation`, then a verse or NULLs.
pub(super) fn feed_entry(row: &Row<'_>) -> Result<FeedEntry, StorageError> {
    let has_verse = row.get_ref(4)? != rusqlite::types::ValueRef::Null;
    Ok(FeedEntry {
        operation_id: operation_id(row, 0)?,
        seq: row.get::<_, i64>(1)?.cast_unsigned(),
        chain: row.get::<_, Chain>(2)?,
        operation: row.get(3)?,
        verse: if has_verse { Some(verse(row, 4)?) } else { None },
    })
}

pub(super) fn event(row: &Row<'_>) -> Result<CardEvent, StorageError> {
    let text = |index| row.get_ref(index)?.as_str_or_null().map_err(rusqlite::Error::from);
    let name = text(4)?.unwrap_or_default();
    let kind = columns::event_kind(name, row.get(5)?, row.get(6)?, text(7)?, text(8)?)?;
    Ok(CardEvent {
        operation_id: operation_id(row, 0)?,
        verse_id: verse_id(row, 1)?,
        occurred_at: UnixMillis(row.get(2)?),
        local_date: date(row, 3)?,
        kind,
    })
}

pub(super) fn card(row: &Row<'_>) -> Result<Card, StorageError> {
    Ok(Card {
        verse_id: verse_id(row, 0)?,
        current_phase: name(row, 1, phase_of)?,
        phase_progress_count: row.get(2)?,
        current_streak: row.get(3)?,
        best_streak: row.get(4)?,
        last_reviewed_at: row.get::<_, Option<i64>>(5)?.map(UnixMillis),
        next_due_date: date(row, 6)?,
        assigned_day_of_week: row.get(7)?,
        assigned_week_parity: row.get(8)?,
        assigned_day_of_month: row.get(9)?,
        archived: row.get(10)?,
        created_at: UnixMillis(row.get(11)?),
        updated_at: UnixMillis(row.get(12)?),
        fold: from_json(row.get_ref(13)?.as_str().map_err(rusqlite::Error::from)?, "fold of a card")?,
    })
}

/// A verse whose columns start at `first`.
pub(super) fn verse(row: &Row<'_>, first: usize) -> Result<Verse, StorageError> {
    Ok(Verse {
        id: verse_id(row, first)?,
        reference: row.get(first + 1)?,
        osis: row.get(first + 2)?,
        text: row.get(first + 3)?,
        translation: row.get(first + 4)?,
        is_verified: row.get(first + 5)?,
        created_at: UnixMillis(row.get(first + 6)?),
        updated_at: UnixMillis(row.get(first + 7)?),
    })
}

/// A value that could not be written is an error of the statement that needs it.
fn bindable<T>(value: Result<T, StorageError>) -> rusqlite::Result<T> {
    value.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

fn operation_id(row: &Row<'_>, index: usize) -> Result<OperationId, StorageError> {
    columns::operation_id(row.get(index)?)
}

fn verse_id(row: &Row<'_>, index: usize) -> Result<VerseId, StorageError> {
    Ok(VerseId(Uuid::from_bytes(row.get(index)?)))
}

fn date(row: &Row<'_>, index: usize) -> Result<Date, StorageError> {
    let text = row.get_ref(index)?.as_str().map_err(rusqlite::Error::from)?;
    text.parse().map_err(|error: jiff::Error| damaged(&error.to_string()))
}

fn name<T>(row: &Row<'_>, index: usize, of: fn(&str) -> Option<T>) -> Result<T, StorageError> {
    let text = row.get_ref(index)?.as_str().map_err(rusqlite::Error::from)?;
    named(text, of)
}
