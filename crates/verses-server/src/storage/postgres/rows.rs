//! Rows of the sync tables: how domain values become columns, many rows in one statement, and how they come back.

use jiff::civil::Date;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, ToSql};
use uuid::Uuid;
use verses_core::{Card, CardEvent, OperationKind, UnixMillis, Verse, VerseId};

use super::faults::Fault;
use super::sql;
use super::transaction::{Parameters, Transaction};
use crate::storage::columns::{self, EventColumns, damaged, from_json, named, phase_name, phase_of, to_json};
use crate::storage::{Chain, FeedEntry, LedgerEntry, StorageError, UserId};

/// A parameter of a statement.
type Parameter<'a> = &'a (dyn ToSql + Sync);

/// Ledger entries column by column.
pub(super) struct LedgerColumns<'a> {
    seq: Vec<i64>,
    ids: Vec<&'a str>,
    kinds: Vec<&'a str>,
    hashes: Vec<&'a [u8]>,
    chains: Vec<&'a [u8]>,
    operations: Vec<&'a str>,
    verses: Vec<Option<Uuid>>,
    outcomes: Vec<&'a str>,
    accepted: Vec<i64>,
}

impl<'a> LedgerColumns<'a> {
    pub(super) fn of(entries: &'a [LedgerEntry]) -> Self {
        Self {
            seq: entries.iter().map(|e| e.seq.cast_signed()).collect(),
            ids: entries.iter().map(|e| e.operation_id.as_str()).collect(),
            kinds: entries.iter().map(|e| e.kind.as_str()).collect(),
            hashes: entries.iter().map(|e| e.content_hash.as_slice()).collect(),
            chains: entries.iter().map(|e| e.chain.as_slice()).collect(),
            operations: entries.iter().map(|e| e.operation.as_str()).collect(),
            verses: entries.iter().map(|e| e.verse_id.map(|id| id.0)).collect(),
            outcomes: entries.iter().map(|e| e.outcome.as_str()).collect(),
            accepted: entries.iter().map(|e| e.accepted_at.0).collect(),
        }
    }

    pub(super) fn parameters(&self) -> [Parameter<'_>; 9] {
        [
            &self.seq,
            &self.ids,
            &self.kinds,
            &self.hashes,
            &self.chains,
            &self.operations,
            &self.verses,
            &self.outcomes,
            &self.accepted,
        ]
    }
}

/// Events column by column.
pub(super) struct EventsColumns<'a> {
    verses: Vec<Uuid>,
    occurred: Vec<i64>,
    ids: Vec<&'a str>,
    dates: Vec<Date>,
    names: Vec<&'static str>,
    successful: Vec<Option<bool>>,
    seconds: Vec<Option<i64>>,
    phases: Vec<Option<&'static str>>,
    slots: Vec<Option<String>>,
}

impl<'a> EventsColumns<'a> {
    pub(super) fn of(events: &'a [CardEvent]) -> Result<Self, StorageError> {
        let columns: Vec<EventColumns> =
            events.iter().map(|e| columns::event_columns(&e.kind)).collect::<Result<_, _>>()?;
        Ok(Self {
            verses: events.iter().map(|e| e.verse_id.0).collect(),
            occurred: events.iter().map(|e| e.occurred_at.0).collect(),
            ids: events.iter().map(|e| e.operation_id.as_str()).collect(),
            dates: events.iter().map(|e| e.local_date).collect(),
            names: columns.iter().map(|c| c.name).collect(),
            successful: columns.iter().map(|c| c.was_successful).collect(),
            seconds: columns.iter().map(|c| c.review_time_seconds.map(i64::from)).collect(),
            phases: columns.iter().map(|c| c.phase).collect(),
            slots: columns.into_iter().map(|c| c.slot).collect(),
        })
    }

    pub(super) fn parameters(&self) -> [Parameter<'_>; 9] {
        [
            &self.verses,
            &self.occurred,
            &self.ids,
            &self.dates,
            &self.names,
            &self.successful,
            &self.seconds,
            &self.phases,
            &self.slots,
        ]
    }
}

/// Cards column by column.
pub(super) struct CardColumns {
    verses: Vec<Uuid>,
    phases: Vec<&'static str>,
    progress: Vec<i64>,
    streaks: Vec<i64>,
    best: Vec<i64>,
    reviewed: Vec<Option<i64>>,
    due: Vec<Date>,
    days: Vec<Option<i16>>,
    parities: Vec<Option<i16>>,
    month_days: Vec<Option<i16>>,
    archived: Vec<bool>,
    created: Vec<i64>,
    updated: Vec<i64>,
    folds: Vec<String>,
}

impl CardColumns {
    pub(super) fn of(cards: &[Card]) -> Result<Self, StorageError> {
        Ok(Self {
            verses: cards.iter().map(|c| c.verse_id.0).collect(),
            phases: cards.iter().map(|c| phase_name(c.current_phase)).collect(),
            progress: cards.iter().map(|c| c.phase_progress_count.into()).collect(),
            streaks: cards.iter().map(|c| c.current_streak.into()).collect(),
            best: cards.iter().map(|c| c.best_streak.into()).collect(),
            reviewed: cards.iter().map(|c| c.last_reviewed_at.map(|at| at.0)).collect(),
            due: cards.iter().map(|c| c.next_due_date).collect(),
            days: cards.iter().map(|c| c.assigned_day_of_week.map(i16::from)).collect(),
            parities: cards.iter().map(|c| c.assigned_week_parity.map(i16::from)).collect(),
            month_days: cards.iter().map(|c| c.assigned_day_of_month.map(i16::from)).collect(),
            archived: cards.iter().map(|c| c.archived).collect(),
            created: cards.iter().map(|c| c.created_at.0).collect(),
            updated: cards.iter().map(|c| c.updated_at.0).collect(),
            folds: cards.iter().map(|c| to_json(&c.fold)).collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn parameters(&self) -> [Parameter<'_>; 14] {
        [
            &self.verses,
            &self.phases,
            &self.progress,
            &self.streaks,
            &self.best,
            &self.reviewed,
            &self.due,
            &self.days,
            &self.parities,
            &self.month_days,
            &self.archived,
            &self.created,
            &self.updated,
            &self.folds,
        ]
    }
}

/// Verses column by column.
struct VerseColumns<'a> {
    ids: Vec<Uuid>,
    references: Vec<&'a str>,
    osis: Vec<&'a str>,
    texts: Vec<&'a str>,
    translations: Vec<&'a str>,
    verified: Vec<bool>,
    created: Vec<i64>,
    updated: Vec<i64>,
}

impl<'a> VerseColumns<'a> {
    fn of(verses: &'a [Verse]) -> Self {
        Self {
            ids: verses.iter().map(|v| v.id.0).collect(),
            references: verses.iter().map(|v| v.reference.as_str()).collect(),
            osis: verses.iter().map(|v| v.osis.as_str()).collect(),
            texts: verses.iter().map(|v| v.text.as_str()).collect(),
            translations: verses.iter().map(|v| v.translation.as_str()).collect(),
            verified: verses.iter().map(|v| v.is_verified).collect(),
            created: verses.iter().map(|v| v.created_at.0).collect(),
            updated: verses.iter().map(|v| v.updated_at.0).collect(),
        }
    }
}

pub(super) async fn upsert_own_verses(tx: &Transaction, user: UserId, verses: &[Verse]) -> Result<(), Fault> {
    let c = VerseColumns::of(verses);
    let parameters: Parameters<'_> =
        &[&user, &c.ids, &c.references, &c.osis, &c.texts, &c.translations, &c.verified, &c.created, &c.updated];
    tx.run(&sql::UPSERT_OWN_VERSES, parameters).await.map(drop)
}

pub(super) async fn upsert_catalogue(tx: &Transaction, verses: &[Verse]) -> Result<(), Fault> {
    let c = VerseColumns::of(verses);
    let parameters: Parameters<'_> =
        &[&c.ids, &c.references, &c.osis, &c.texts, &c.translations, &c.verified, &c.created, &c.updated];
    tx.run(&sql::UPSERT_CATALOGUE, parameters).await.map(drop)
}

pub(super) fn ledger_entry(row: &Row) -> Result<LedgerEntry, StorageError> {
    Ok(LedgerEntry {
        operation_id: columns::operation_id(get(row, 0)?)?,
        kind: named(get(row, 1)?, OperationKind::from_name)?,
        content_hash: bytes(row, 2)?,
        seq: get::<i64>(row, 3)?.cast_unsigned(),
        chain: bytes(row, 4)?,
        operation: get(row, 5)?,
        verse_id: get::<Option<Uuid>>(row, 6)?.map(VerseId),
        outcome: get(row, 7)?,
        accepted_at: UnixMillis(get(row, 8)?),
    })
}

/// `operation_id, seq, chain, operation`, then a verse or NULLs.
pub(super) fn feed_entry(row: &Row) -> Result<FeedEntry, StorageError> {
    let has_verse = get::<Option<Uuid>>(row, 4)?.is_some();
    Ok(FeedEntry {
        operation_id: columns::operation_id(get(row, 0)?)?,
        seq: get::<i64>(row, 1)?.cast_unsigned(),
        chain: bytes(row, 2)?,
        operation: get(row, 3)?,
        verse: if has_verse { Some(verse(row, 4)?) } else { None },
    })
}

pub(super) fn event(row: &Row) -> Result<CardEvent, StorageError> {
    let seconds = get::<Option<i64>>(row, 6)?.map(u32::try_from).transpose();
    let seconds = seconds.map_err(|_| damaged("the time of a review"))?;
    let slot: Option<&str> = get(row, 8)?;
    Ok(CardEvent {
        operation_id: columns::operation_id(get(row, 0)?)?,
        verse_id: VerseId(get(row, 1)?),
        occurred_at: UnixMillis(get(row, 2)?),
        local_date: get(row, 3)?,
        kind: columns::event_kind(get(row, 4)?, get(row, 5)?, seconds, get(row, 7)?, slot)?,
    })
}

pub(super) fn card(row: &Row) -> Result<Card, StorageError> {
    let count = |index| u32::try_from(get::<i64>(row, index)?).map_err(|_| damaged("a count of a card"));
    let slot = |index| {
        let small = get::<Option<i16>>(row, index)?.map(i8::try_from).transpose();
        small.map_err(|_| damaged("a slot of a card"))
    };
    Ok(Card {
        verse_id: VerseId(get(row, 0)?),
        current_phase: named(get(row, 1)?, phase_of)?,
        phase_progress_count: count(2)?,
        current_streak: count(3)?,
        best_streak: count(4)?,
        last_reviewed_at: get::<Option<i64>>(row, 5)?.map(UnixMillis),
        next_due_date: get(row, 6)?,
        assigned_day_of_week: slot(7)?,
        assigned_week_parity: slot(8)?,
        assigned_day_of_month: slot(9)?,
        archived: get(row, 10)?,
        created_at: UnixMillis(get(row, 11)?),
        updated_at: UnixMillis(get(row, 12)?),
        fold: from_json(get(row, 13)?, "fold of a card")?,
    })
}

/// A verse whose columns start at `first`.
pub(super) fn verse(row: &Row, first: usize) -> Result<Verse, StorageError> {
    Ok(Verse {
        id: VerseId(get(row, first)?),
        reference: get(row, first + 1)?,
        osis: get(row, first + 2)?,
        text: get(row, first + 3)?,
        translation: get(row, first + 4)?,
        is_verified: get(row, first + 5)?,
        created_at: UnixMillis(get(row, first + 6)?),
        updated_at: UnixMillis(get(row, first + 7)?),
    })
}

/// `last_seq, last_chain, erased_at`: where the user's history ends.
///
/// # Errors
/// [`StorageError::Erased`] when it was deleted: every way to a user's rows reads this.
pub(super) fn position(row: &Row) -> Result<(u64, Chain), StorageError> {
    if get::<Option<i64>>(row, 2)?.is_some() {
        return Err(StorageError::Erased);
    }
    let chain: &[u8] = get(row, 1)?;
    // The row of a user who has not sent anything yet holds no digest.
    let chain = if chain.is_empty() { Chain::default() } else { bytes(row, 1)? };
    Ok((get::<i64>(row, 0)?.cast_unsigned(), chain))
}

pub(super) fn bytes<const LENGTH: usize>(row: &Row, index: usize) -> Result<[u8; LENGTH], StorageError> {
    let found: &[u8] = get(row, index)?;
    found.try_into().map_err(|_| damaged("a digest of another length"))
}

pub(super) fn get<'a, T: FromSql<'a>>(row: &'a Row, index: usize) -> Result<T, StorageError> {
    row.try_get(index).map_err(|error| damaged(&error.to_string()))
}
