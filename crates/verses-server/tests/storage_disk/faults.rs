//! A disk that is full, or fails, at each of its operations in turn: once, and from there on. What was answered stays and
//! can be read, what could not be written is reported and is not there, and the storage works on when the fault is over.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use verses_crashfs::{Disk, Fault, FaultKind, Image, Metadata, Replay, Rng, Syncs};
use verses_server::storage::StorageError;

use crate::work::{Model, SESSION, Server, USERS, transact};

/// Transactions of each lane in the storage before the fault, and tried during it.
const BEFORE: u64 = 1;
const DURING: u64 = 3;

/// More operations than any run has.
const ENDLESS: u64 = 5_000;

fn database(folder: &Path) -> PathBuf {
    folder.join("server.db")
}

fn lanes() -> impl Iterator<Item = u8> {
    USERS.into_iter().take(1).chain([SESSION])
}

/// A disk with a database that has its log beside it, as a power cut leaves it.
fn prepared(folder: &Path, runtime: &Runtime) -> Image {
    let disk = Disk::mount(folder, &Image::default(), 0).unwrap();
    let server = Server::open(&database(folder)).unwrap();
    for number in 1..=BEFORE {
        for lane in lanes() {
            runtime.block_on(transact(&server, lane, number)).unwrap();
        }
    }
    disk.image()
}

/// One fault at one place, and what came of it.
struct Run<'r> {
    fault: Fault,
    disk: Disk,
    folder: &'r Path,
    runtime: &'r Runtime,
    model: &'r mut Model,
    done: BTreeMap<u8, u64>,
    failed: BTreeMap<u8, u64>,
    errors: Vec<StorageError>,
}

impl Run<'_> {
    fn open(&mut self) -> Option<Server> {
        match Server::open(&database(self.folder)) {
            Ok(server) => {
                self.holds(&server, true);
                Some(server)
            }
            Err(error) => {
                assert!(self.disk.struck() > 0, "{error}");
                assert!(error.to_string().contains("server.db"), "{error}");
                self.errors.push(error);
                None
            }
        }
    }

    /// The storage shows what it should. A transaction whose sync failed is not there, but its bytes may be: whoever opens
    /// the file afresh may find it, whole. One that found no room is not.
    fn holds(&mut self, server: &Server, afresh: bool) {
        for lane in lanes() {
            let found = match self.runtime.block_on(server.found(lane, self.model)) {
                Ok(found) => found,
                Err(text) => {
                    // SQLite says the latter when it cannot read that the tables were made since it last looked.
                    let is_reason = text.contains("I/O error") || text.contains("no such table");
                    assert!(self.fault.kind == FaultKind::Read && is_reason, "{:?}: {text}", self.fault);
                    continue;
                }
            };
            let done = self.done.get(&lane).copied().unwrap_or_default();
            let in_doubt = afresh && self.fault.kind == FaultKind::Write && self.failed.get(&lane) == Some(&found);
            assert!(found == done || in_doubt, "{:?}: lane {lane} has {found}, {done} answered", self.fault);
            self.done.insert(lane, found);
        }
    }

    /// One transaction more of each lane, or a reason why not; either way the storage shows what it should.
    fn write(&mut self, server: &Server) {
        for lane in lanes() {
            let number = self.done.get(&lane).copied().unwrap_or_default() + 1;
            let before = self.disk.struck();
            match self.runtime.block_on(transact(server, lane, number)) {
                Ok(()) => {
                    self.done.insert(lane, number);
                }
                Err(error) => {
                    assert!(self.disk.struck() > before, "{:?}: failed without a fault: {error}", self.fault);
                    self.failed.insert(lane, number);
                    self.errors.push(error);
                }
            }
        }
        self.holds(server, false);
    }

    /// The power goes during the fault. A transaction that was reported as failed may turn out to be there, whole.
    fn cut_the_power(&mut self, elsewhere: &Path) {
        let mut rng = Rng::new(self.fault.at);
        let trace = self.disk.trace();
        let mut replay = Replay::new(&trace, Syncs::Honest, Metadata::Strict);
        trace.ops.iter().for_each(|op| replay.step(op, &mut rng));
        let _disk = Disk::mount(elsewhere, &replay.cut(&mut rng), 0).unwrap();
        let server = Server::open(&database(elsewhere)).unwrap();
        for lane in lanes() {
            let found = self.runtime.block_on(server.found(lane, self.model)).unwrap();
            let done = self.done.get(&lane).copied().unwrap_or_default();
            assert!(found == done || self.failed.get(&lane) == Some(&found), "{:?}: {found}, {done}", self.fault);
        }
    }

    /// Opens, writes, closes and opens again with the fault; then the fault is over, with or without a storage open.
    fn go(&mut self, elsewhere: &Path) {
        let mut server = self.open();
        for _ in 0..DURING {
            server.iter().for_each(|server| self.write(server));
        }
        self.cut_the_power(elsewhere);
        if self.fault.at.is_multiple_of(2) {
            drop(server.take());
            server = self.open();
        }
        self.disk.heal();
        let struck = self.errors.len();
        server.iter().for_each(|server| self.write(server));
        drop(server);
        let server = self.open().unwrap();
        self.write(&server);
        assert_eq!(self.errors.len(), struck, "{:?}: not usable again: {:?}", self.fault, self.errors.last());
    }
}

/// A fault at every place of a run; returns how many places there were, and the errors by text.
fn sweep(start: &Image, done: u64, kind: FaultKind, sticky: bool) -> (u64, BTreeMap<String, u64>) {
    let (home, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let runtime = Builder::new_current_thread().build().unwrap();
    let mut model = Model::default();
    let mut errors = BTreeMap::new();
    for at in 0..ENDLESS {
        let fault = Fault { kind, at, sticky };
        let disk = Disk::mount(home.path(), start, at).unwrap();
        disk.inject(fault);
        let mut run = Run {
            fault,
            disk,
            folder: home.path(),
            runtime: &runtime,
            model: &mut model,
            done: lanes().map(|lane| (lane, done)).collect(),
            failed: BTreeMap::new(),
            errors: Vec::new(),
        };
        run.go(elsewhere.path());
        for error in &run.errors {
            let text = error.to_string().replace(&home.path().display().to_string(), "");
            *errors.entry(format!("{text} (worth another try: {})", error.is_retryable())).or_default() += 1;
        }
        if run.disk.struck() == 0 {
            return (at, errors);
        }
    }
    panic!("the run does not end");
}

fn sweep_all(kind: FaultKind) {
    let home = TempDir::new().unwrap();
    let runtime = Builder::new_current_thread().build().unwrap();
    for (start, done) in [(Image::default(), 0), (prepared(home.path(), &runtime), BEFORE)] {
        for sticky in [false, true] {
            let (places, errors) = sweep(&start, done, kind, sticky);
            println!("{kind:?}, after {done} transactions, sticky {sticky}: {places} places");
            errors.iter().for_each(|(text, count)| println!("  {count} x {text}"));
            assert!(places > 30 && !errors.is_empty());
        }
    }
}

#[test]
fn a_disk_that_fills_up_at_any_place_keeps_what_is_there_and_says_so() {
    sweep_all(FaultKind::Full);
}

#[test]
fn a_disk_that_fails_to_write_at_any_place_keeps_what_is_there_and_says_so() {
    sweep_all(FaultKind::Write);
}

#[test]
fn a_disk_that_fails_to_read_at_any_place_is_never_misread() {
    sweep_all(FaultKind::Read);
}
