//! Power cuts after every operation of the disk. What was reported committed is there afterwards, whole; what was being
//! committed is there whole or not at all; and the same holds when the power goes again meanwhile.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use verses_crashfs::{Broken, Campaign, Disk, Image, Promises, Rng, Subject, Syncs, Tally};
use verses_store::conformance::block_on;
use verses_store::{LocalStore, Revision};
use verses_store_sqlite::SqliteStore;

use crate::work::{Contents, Model, transact};

/// Crash states of one campaign, unless the environment variable `VERSES_POWER_STATES` says more.
const STATES: u64 = 4_000;

/// Crash states in which a disk that breaks its word must be found out.
const STATES_OF_CONTROLS: u64 = 600;

/// Transactions of the work whose every place is cut: each kind once, and the bulk twice.
const TRANSACTIONS: u64 = 13;

fn database(folder: &Path) -> PathBuf {
    folder.join("verses.db")
}

fn broken(error: impl std::fmt::Display) -> Broken {
    Broken::Corrupt(error.to_string())
}

/// The application's store, and what must be in it.
pub(crate) struct Home {
    model: Model,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { model: Model::new() }
    }

    /// Everything that can be read is what some transaction left, and it is one of those it may be.
    fn compare(&mut self, store: &SqliteStore, promises: &Promises) -> Result<u64, Broken> {
        let promise = promises.get(&0).copied().unwrap_or_default();
        let Revision(found) = block_on(store.revision()).map_err(broken)?;
        if found < promise.done {
            return Err(Broken::Lost(format!("revision {found} where {} was reported durable", promise.done)));
        }
        if found > promise.begun {
            return Err(broken(format!("revision {found} where {} was the last begun", promise.begun)));
        }
        if block_on(Contents::of(store)).map_err(broken)? != *self.model.after(found) {
            return Err(broken(format!("revision {found} has other rows than it should")));
        }
        Ok(found)
    }
}

/// Another process that has the file open moves the log into the database.
fn checkpoint(folder: &Path, mode: &str) -> Result<(), Broken> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database(folder), flags).map_err(broken)?;
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(())).map_err(broken)
}

impl Subject for Home {
    fn session(
        &mut self,
        folder: &Path,
        disk: &Disk,
        promises: &Promises,
        rng: &mut Rng,
    ) -> Result<BTreeMap<u8, u64>, Broken> {
        let is_new = disk.image().files.is_empty();
        let mut store = SqliteStore::open(&database(folder)).map_err(broken)?;
        let found = self.compare(&store, promises)?;
        SqliteStore::check(&database(folder)).map_err(broken)?;
        let last = if is_new { TRANSACTIONS } else { found + rng.below(4) };
        for number in found + 1..=last {
            disk.begun(0, number);
            block_on(transact(&store, number)).map_err(broken)?;
            disk.done(0, number);
            match rng.below(8) {
                0 => checkpoint(folder, ["PASSIVE", "FULL", "RESTART", "TRUNCATE"][rng.index(4)])?,
                1 => {
                    drop(store);
                    store = SqliteStore::open(&database(folder)).map_err(broken)?;
                }
                _ => {}
            }
        }
        Ok(BTreeMap::from([(0, found)]))
    }
}

fn campaign(seed: u64, states: u64, stride: usize, syncs: Syncs, start: (Image, BTreeMap<u8, u64>)) -> Tally {
    let home = TempDir::new().unwrap();
    let campaign = Campaign { seed, states, stride, syncs, folder: home.path().to_owned(), start };
    let tally = campaign.run(&mut Home::new());
    println!("seed {seed}, {syncs:?}: {tally}");
    tally
}

fn states() -> u64 {
    env::var("VERSES_POWER_STATES").ok().and_then(|text| text.parse().ok()).unwrap_or(STATES)
}

#[test]
fn a_power_cut_at_any_place_loses_nothing_committed_and_damages_nothing() {
    let states = states();
    let tally = campaign(1, states, 1, Syncs::Honest, Default::default());
    assert!(tally.states >= states && tally.again >= states / 10, "{tally}");
    assert_eq!((tally.lost, tally.corrupt), (0, 0), "{tally}");
}

#[test]
fn a_store_that_never_synced_would_be_found_out() {
    let tally = campaign(2, STATES_OF_CONTROLS, 7, Syncs::Ignored, Default::default());
    assert!(tally.lost > 0 && tally.corrupt > 0, "{tally}");
}

#[test]
fn a_store_that_synced_at_checkpoints_only_would_be_found_out() {
    let tally = campaign(3, STATES_OF_CONTROLS, 7, Syncs::OnlyAtCheckpoint, Default::default());
    assert!(tally.lost > 0, "{tally}");
}

/// A disk with a store as the release before left it, in the middle of its work.
fn of_the_release_before(transactions: u64) -> Image {
    let home = TempDir::new().unwrap();
    let path = database(home.path());
    let disk = Disk::mount(home.path(), &Image::default(), 0).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    (1..=transactions).for_each(|number| block_on(transact(&store, number)).unwrap());
    drop(store);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags).unwrap();
    // The release before left no trace of this one, also not on pages given up.
    let undo = "PRAGMA secure_delete = ON; ALTER TABLE sync_queue DROP COLUMN checksum; ALTER TABLE store_state DROP COLUMN home; DROP TABLE home;
        PRAGMA user_version = 3; PRAGMA wal_checkpoint(TRUNCATE);
        UPDATE store_state SET revision = revision;";
    connection.execute_batch(undo).unwrap();
    // While it is open, so that there is a log.
    disk.image()
}

#[test]
fn a_power_cut_while_the_schema_is_brought_up_to_date_loses_nothing() {
    const BEFORE: u64 = 6;
    let start = (of_the_release_before(BEFORE), BTreeMap::from([(0, BEFORE)]));
    let tally = campaign(4, STATES_OF_CONTROLS, 1, Syncs::Honest, start);
    assert_eq!((tally.lost, tally.corrupt), (0, 0), "{tally}");
}
