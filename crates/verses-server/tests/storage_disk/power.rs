//! Power cuts after every operation of the disk. What was answered is there afterwards: ledger, event, card and sequence
//! number together, or a renewal; what was not answered is there whole or not at all; the epoch never changes; and the same holds when
//! the power goes again meanwhile.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

use futures_util::future::join_all;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use verses_crashfs::{Broken, Campaign, Disk, Promises, Rng, Subject, Syncs, Tally};
use verses_server::storage::Storage;

use crate::work::{Model, SESSION, Server, USERS, transact};

/// Crash states of one campaign, unless the environment variable `VERSES_POWER_STATES` says more.
const STATES: u64 = 4_000;

/// Crash states in which a disk that breaks its word must be found out.
const STATES_OF_CONTROLS: u64 = 600;

/// Transactions of each lane in the work whose every place is cut.
const TRANSACTIONS: u64 = 5;

/// The lane that carries the epoch in the place of a number.
const EPOCH: u8 = 0;

fn database(folder: &Path) -> PathBuf {
    folder.join("server.db")
}

fn broken(error: impl std::fmt::Display) -> Broken {
    Broken::Corrupt(error.to_string())
}

fn connect(folder: &Path) -> Result<Connection, Broken> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(database(folder), flags).map_err(broken)
}

fn check_integrity(folder: &Path) -> Result<(), Broken> {
    let connection = connect(folder)?;
    let found: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).map_err(broken)?;
    if found != "ok" {
        return Err(broken(found));
    }
    let mut orphans = connection.prepare("PRAGMA foreign_key_check").map_err(broken)?;
    if orphans.exists([]).map_err(broken)? {
        return Err(broken("a row refers to one that is not there"));
    }
    Ok(())
}

struct Machine {
    model: Model,
    runtime: Runtime,
}

impl Machine {
    fn new() -> Self {
        Self { model: Model::default(), runtime: Builder::new_current_thread().build().unwrap() }
    }

    /// How many transactions of each lane are there: as many as were promised, each of them whole. And the epoch.
    fn compare(&mut self, server: &Server, promises: &Promises) -> Result<(BTreeMap<u8, u64>, u64), Broken> {
        let mut present = BTreeMap::new();
        for lane in USERS.into_iter().chain([SESSION]) {
            let promise = promises.get(&lane).copied().unwrap_or_default();
            let found = self.runtime.block_on(server.found(lane, &mut self.model)).map_err(broken)?;
            if found < promise.done {
                return Err(Broken::Lost(format!("lane {lane} has {found} where {} were answered", promise.done)));
            }
            if found > promise.begun {
                return Err(broken(format!("lane {lane} has {found} where {} were sent", promise.begun)));
            }
            present.insert(lane, found);
        }
        let epoch = self.runtime.block_on(server.storage.epoch()).map_err(broken)?.as_u64_pair().0;
        if let Some(promise) = promises.get(&EPOCH) {
            if promise.done != epoch {
                return Err(Broken::Lost("the epoch is another".into()));
            }
            present.insert(EPOCH, epoch);
        }
        Ok((present, epoch))
    }

    /// Transactions of some lanes at once; those that wait at the same moment share a commit.
    fn write(&self, server: &Server, disk: &Disk, next: &[(u8, u64)]) -> Result<(), Broken> {
        let one = async |(lane, number): (u8, u64)| {
            disk.begun(lane, number);
            transact(server, lane, number).await.map_err(|error| broken(format!("lane {lane}, {number}: {error}")))?;
            disk.done(lane, number);
            Ok(())
        };
        self.runtime.block_on(join_all(next.iter().map(|next| one(*next)))).into_iter().collect()
    }
}

impl Subject for Machine {
    fn session(
        &mut self,
        folder: &Path,
        disk: &Disk,
        promises: &Promises,
        rng: &mut Rng,
    ) -> Result<BTreeMap<u8, u64>, Broken> {
        let is_new = disk.image().files.is_empty();
        let mut server = Server::open(&database(folder)).map_err(broken)?;
        let (present, epoch) = self.compare(&server, promises)?;
        // From here on it is promised: the server may have told it to somebody.
        disk.done(EPOCH, epoch);
        check_integrity(folder)?;
        let mut at = present.clone();
        for _ in 0..if is_new { TRANSACTIONS } else { rng.below(3) } {
            let mut lanes: Vec<u8> = USERS.into_iter().chain([SESSION]).collect();
            if !is_new && rng.chance(50) {
                lanes = vec![lanes[rng.index(lanes.len())]];
            }
            let next: Vec<(u8, u64)> = lanes.iter().map(|lane| (*lane, at[lane] + 1)).collect();
            self.write(&server, disk, &next)?;
            at.extend(next);
            match rng.below(8) {
                0 => {
                    let mode = ["PASSIVE", "FULL", "RESTART", "TRUNCATE"][rng.index(4)];
                    let sql = format!("PRAGMA wal_checkpoint({mode})");
                    connect(folder)?.query_row(&sql, [], |_| Ok(())).map_err(broken)?;
                }
                1 => {
                    drop(server);
                    server = Server::open(&database(folder)).map_err(broken)?;
                }
                _ => {}
            }
        }
        Ok(present)
    }
}

fn campaign(seed: u64, states: u64, stride: usize, syncs: Syncs) -> Tally {
    let home = TempDir::new().unwrap();
    let start = Default::default();
    let campaign = Campaign { seed, states, stride, syncs, folder: home.path().to_owned(), start };
    let tally = campaign.run(&mut Machine::new());
    println!("seed {seed}, {syncs:?}: {tally}");
    tally
}

fn states() -> u64 {
    env::var("VERSES_POWER_STATES").ok().and_then(|text| text.parse().ok()).unwrap_or(STATES)
}

#[test]
fn a_power_cut_at_any_place_loses_nothing_answered_and_damages_nothing() {
    let states = states();
    let tally = campaign(1, states, 1, Syncs::Honest);
    assert!(tally.states >= states && tally.again >= states / 10, "{tally}");
    assert_eq!((tally.lost, tally.corrupt), (0, 0), "{tally}");
}

#[test]
fn a_storage_that_never_synced_would_be_found_out() {
    let tally = campaign(2, STATES_OF_CONTROLS, 7, Syncs::Ignored);
    assert!(tally.lost > 0 && tally.corrupt > 0, "{tally}");
}

#[test]
fn a_storage_that_synced_at_checkpoints_only_would_be_found_out() {
    let tally = campaign(3, STATES_OF_CONTROLS, 7, Syncs::OnlyAtCheckpoint);
    assert!(tally.lost > 0, "{tally}");
}
