//! What the simulated disk does to SQLite itself, in each of its ways to write: it finds what SQLite's documentation says
//! can be lost, and nothing where it says that nothing can. A disk that found nothing anywhere would prove nothing.
#![allow(clippy::unwrap_used, reason = "also the helpers are tests, and stop by failing")]

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use verses_crashfs::{Broken, Campaign, Disk, Image, Promises, Rng, Subject, Syncs, Tally};

/// A table of numbered rows, each with content that follows from its number.
struct Numbers {
    journal: &'static str,
    synchronous: &'static str,
}

fn content(number: u64) -> Vec<u8> {
    let mut rng = Rng::new(number);
    (0..700 * (number % 5)).map(|_| rng.draw().to_le_bytes()[0]).collect()
}

fn corrupt(error: impl std::fmt::Display) -> Broken {
    Broken::Corrupt(error.to_string())
}

impl Numbers {
    fn open(&self, folder: &Path) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(folder.join("numbers.db"), flags)?;
        connection.pragma_update(None, "synchronous", self.synchronous)?;
        connection.pragma_update(None, "journal_mode", self.journal)?;
        connection.execute_batch("CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, x BLOB)")?;
        connection.execute_batch("CREATE INDEX IF NOT EXISTS t_x ON t (x)")?;
        Ok(connection)
    }
}

/// Rows are 1, 2, 3, ..., whole, and as many as were promised.
fn check(connection: &Connection, promises: &Promises) -> Result<u64, Broken> {
    let ok: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).map_err(corrupt)?;
    if ok != "ok" {
        return Err(corrupt(ok));
    }
    let mut statement = connection.prepare("SELECT n, x FROM t ORDER BY n").map_err(corrupt)?;
    let rows = statement
        .query_map([], |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, Vec<u8>>(1)?)))
        .map_err(corrupt)?;
    let rows = rows.collect::<Result<Vec<_>, _>>().map_err(corrupt)?;
    for (row, number) in rows.iter().zip(1..) {
        if *row != (number, content(number)) {
            return Err(corrupt(format!("row {number} is wrong")));
        }
    }
    let found = rows.len() as u64;
    let promise = promises.get(&0).copied().unwrap_or_default();
    if found > promise.begun {
        return Err(corrupt(format!("{found} rows where {} were written", promise.begun)));
    }
    if found < promise.done {
        return Err(Broken::Lost(format!("{found} rows where {} were reported durable", promise.done)));
    }
    Ok(found)
}

impl Subject for Numbers {
    fn session(
        &mut self,
        folder: &Path,
        disk: &Disk,
        promises: &Promises,
        rng: &mut Rng,
    ) -> Result<BTreeMap<u8, u64>, Broken> {
        let connection = self.open(folder).map_err(corrupt)?;
        let found = check(&connection, promises)?;
        for number in found + 1..=found + 2 + rng.below(4) {
            disk.begun(0, number);
            connection
                .execute("INSERT INTO t VALUES (?1, ?2)", (number.cast_signed(), content(number)))
                .map_err(corrupt)?;
            disk.done(0, number);
            if rng.chance(25) {
                connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(())).map_err(corrupt)?;
            }
        }
        Ok(BTreeMap::from([(0, found)]))
    }
}

fn tally(journal: &'static str, synchronous: &'static str, syncs: Syncs) -> Tally {
    let home = TempDir::new().unwrap();
    let start = (Image::default(), BTreeMap::new());
    let campaign = Campaign { seed: 1, states: 1000, stride: 1, syncs, folder: home.path().to_owned(), start };
    let tally = campaign.run(&mut Numbers { journal, synchronous });
    assert!(tally.states >= 1000 && tally.again > 100, "{tally}");
    tally
}

#[test]
fn a_synced_log_loses_nothing() {
    let tally = tally("WAL", "FULL", Syncs::Honest);
    assert_eq!((tally.lost, tally.corrupt), (0, 0), "{tally}");
}

#[test]
fn a_log_synced_at_checkpoints_only_loses_the_last_transactions_and_damages_nothing() {
    let asked_for = tally("WAL", "NORMAL", Syncs::Honest);
    let imitated = tally("WAL", "FULL", Syncs::OnlyAtCheckpoint);
    for tally in [asked_for, imitated] {
        assert!(tally.lost > 0, "{tally}");
        assert_eq!(tally.corrupt, 0, "{tally}");
    }
}

#[test]
fn a_database_that_never_syncs_is_damaged() {
    let never = tally("WAL", "OFF", Syncs::Honest);
    let lied_to = tally("WAL", "FULL", Syncs::Ignored);
    for tally in [never, lied_to] {
        assert!(tally.lost > 0 && tally.corrupt > 0, "{tally}");
    }
}

#[test]
fn a_rollback_journal_needs_its_folder_synced_after_it_is_removed() {
    let full = tally("DELETE", "FULL", Syncs::Honest);
    assert!(full.lost > 0, "{full}");
    assert_eq!(full.corrupt, 0, "{full}");
    let extra = tally("DELETE", "EXTRA", Syncs::Honest);
    assert_eq!((extra.lost, extra.corrupt), (0, 0), "{extra}");
}
