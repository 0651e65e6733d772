//! What only the inside shows: the number of statements, their plans, the settings of the file, a full disk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::trace::{TraceEvent, TraceEventCodes};

use super::*;
use crate::storage::LedgerEntry;
use crate::storage::conformance::{card, entry, event, user, verse, verse_id};
use verses_core::{CardEventKind, OperationId};

/// Writes `count` operations on as many cards after loading everything about them, and wants all events.
struct Everything {
    count: u64,
}

impl Decision for Everything {
    type Answer = ();

    fn wants_events(&self, _: &Loaded) -> BTreeSet<VerseId> {
        (1..=self.count).map(|number| verse_id(number.into())).collect()
    }

    fn decide(&self, loaded: Loaded, _: BTreeMap<VerseId, Vec<CardEvent>>) -> (Writes, ()) {
        let next = loaded.last_seq + 1;
        let numbers = next..next + self.count;
        let writes = Writes {
            ledger: numbers.clone().map(|seq| entry(&format!("op-{seq}"), seq)).collect(),
            events: numbers
                .map(|seq| event(&format!("op-{seq}"), 1, seq.cast_signed(), CardEventKind::Created))
                .collect(),
            cards: (1..=self.count).map(|number| card(number.into(), 1)).collect(),
            own_verses: (1..=self.count).map(|number| verse(number.into(), "own")).collect(),
            dropped_own_verses: (1..=self.count).map(|number| verse_id(number.into())).collect(),
            catalogue: (1..=self.count).map(|number| verse(number.into(), "shared")).collect(),
            profile: Some(Profile::default()),
        };
        (writes, ())
    }
}

async fn statements_of(storage: &SqliteStorage, count: u64) -> usize {
    let counter = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&counter);
    let trace = move |event: TraceEvent<'_>| {
        if matches!(event, TraceEvent::Stmt(..)) {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    };
    let set = |connection: &mut Connection, trace| Ok(connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, trace)?);
    storage.database.write_blocking(move |connection| set(connection, Some(trace))).expect("traces");
    let verses: BTreeSet<_> = (1..=count).map(|number| verse_id(number.into())).collect();
    let id = |number| OperationId::new(format!("op-{number}")).expect("short");
    let wanted = Wanted { operations: (1..=count).map(id).collect(), cards: verses.clone(), verses, profile: true };
    storage.transact(user(1), wanted, Everything { count }).await.expect("writes");
    counter.load(Ordering::Relaxed)
}

#[tokio::test]
async fn the_number_of_statements_does_not_depend_on_the_size_of_the_batch() {
    let home = tempfile::tempdir().expect("a directory");
    let storage = SqliteStorage::open(&home.path().join("verses.db")).expect("opens");
    let mut counts = Vec::new();
    for size in [1, 10, 500, 1_000] {
        counts.push(statements_of(&storage, size).await);
    }
    assert!(counts[0] > 10, "the trace sees statements: {counts:?}");
    assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
}

#[test]
fn no_hot_statement_scans_a_table() {
    let storage = SqliteStorage::in_memory().expect("opens");
    let plans = storage.database.write_blocking(|connection| {
        let mut plans = Vec::new();
        for sql in hot_statements() {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let count = statement.parameter_count();
            let nulls = vec![rusqlite::types::Null; count];
            let steps = statement.query_map(rusqlite::params_from_iter(nulls), |row| row.get::<_, String>(3))?;
            plans.push((sql, steps.collect::<Result<Vec<_>, _>>()?));
        }
        Ok(plans)
    });
    for (sql, steps) in plans.expect("plans") {
        for step in &steps {
            let scans_a_table = step.starts_with("SCAN") && !step.contains("VIRTUAL TABLE");
            assert!(!scans_a_table, "{sql}\n{steps:#?}");
        }
        let reads = sql.starts_with("SELECT");
        assert!(!reads || steps.iter().any(|step| step.contains("SEARCH")), "{sql}\n{steps:#?}");
    }
}

#[tokio::test]
async fn commits_are_durable_and_references_are_checked() {
    let home = tempfile::tempdir().expect("a directory");
    let storage = SqliteStorage::open(&home.path().join("verses.db")).expect("opens");
    let settings = storage.database.write(|connection| {
        let pragma =
            |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
        Ok([pragma("journal_mode")?, pragma("synchronous")?, pragma("foreign_keys")?, pragma("busy_timeout")?])
    });
    let full = 2;
    assert_eq!(settings.await.expect("reads"), ["wal".to_owned().into(), full.into(), 1.into(), 5_000.into()]);
}

#[tokio::test]
async fn a_full_disk_refuses_the_write_and_leaves_what_was_there() {
    let home = tempfile::tempdir().expect("a directory");
    let storage = SqliteStorage::open(&home.path().join("verses.db")).expect("opens");
    let first = Writes { ledger: vec![entry("a", 1)], ..Writes::default() };
    crate::storage::conformance::write(&storage, user(1), first).await.expect("writes");
    // The database may grow no further: what SQLite answers then is what it answers when the disk is full.
    let stop = |connection: &mut Connection| {
        let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
        Ok(connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?)
    };
    storage.database.write_blocking(stop).expect("limits");
    let big =
        Writes { ledger: vec![LedgerEntry { operation: "x".repeat(100_000), ..entry("b", 2) }], ..Writes::default() };
    let error = crate::storage::conformance::write(&storage, user(1), big.clone()).await.expect_err("refused");
    assert!(matches!(&error, StorageError::Failed(text) if text.contains("full")), "{error:?}");
    assert_eq!(storage.ledger_after(user(1), 0, 10).await.expect("reads").last_seq, 1);

    let grow = |connection: &mut Connection| {
        Ok(connection.pragma_update_and_check(None, "max_page_count", 1_000_000, |_| Ok(()))?)
    };
    storage.database.write_blocking(grow).expect("limits");
    crate::storage::conformance::write(&storage, user(1), big).await.expect("writes again");
    assert_eq!(storage.ledger_after(user(1), 0, 10).await.expect("reads").last_seq, 2);
}
