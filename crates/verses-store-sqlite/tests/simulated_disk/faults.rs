//! A disk that is full, or fails, at each of its operations in turn: once, and from there on. What was committed stays and
//! can be read, what could not be written is reported and is not there, and the store works on when the fault is over.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use verses_crashfs::{Disk, Fault, FaultKind, Image, Metadata, Replay, Rng, Syncs};
use verses_store::conformance::block_on;
use verses_store::{LocalStore, Revision, StoreError};
use verses_store_sqlite::SqliteStore;

use crate::work::{Contents, Model, transact};

/// Transactions in the store before the fault, and tried during it.
const BEFORE: u64 = 4;
const DURING: u64 = 3;

/// More operations than any run has.
const ENDLESS: u64 = 5_000;

fn database(folder: &Path) -> PathBuf {
    folder.join("verses.db")
}

/// A disk with a store that has its log beside it, as a power cut leaves it.
fn prepared(folder: &Path) -> Image {
    let disk = Disk::mount(folder, &Image::default(), 0).unwrap();
    let store = SqliteStore::open(&database(folder)).unwrap();
    for number in 1..=BEFORE {
        block_on(transact(&store, number)).unwrap();
    }
    disk.image()
}

/// A store with `done` transactions shows exactly those.
fn holds(store: &SqliteStore, model: &mut Model, done: u64) -> Result<(), StoreError> {
    let contents = block_on(Contents::of(store))?;
    assert_eq!(block_on(store.revision())?, Revision(done));
    assert!(contents == *model.after(done), "revision {done} has other rows than it should");
    Ok(())
}

/// One fault at one place, and what came of it.
struct Run<'r> {
    fault: Fault,
    disk: Disk,
    folder: &'r Path,
    model: &'r mut Model,
    done: u64,
    errors: Vec<StoreError>,
}

impl Run<'_> {
    fn open(&mut self) -> Option<SqliteStore> {
        match SqliteStore::open(&database(self.folder)) {
            Ok(store) => {
                self.settle(&store);
                Some(store)
            }
            Err(error) => {
                assert!(self.disk.struck() > 0, "{error}");
                self.errors.push(error);
                None
            }
        }
    }

    /// A transaction whose sync failed is not there, but its bytes may be: whoever opens the file afresh may find it, whole.
    /// One that found no room is not.
    fn settle(&mut self, store: &SqliteStore) {
        match block_on(store.revision()) {
            Ok(Revision(found)) if found == self.done => {}
            Ok(Revision(found)) => {
                assert_eq!((found, self.fault.kind), (self.done + 1, FaultKind::Write), "{:?}", self.fault);
                assert!(!self.errors.is_empty());
                self.done = found;
            }
            Err(error) => {
                assert_eq!(self.fault.kind, FaultKind::Read, "{:?}: what is there cannot be read: {error}", self.fault);
                self.errors.push(error);
            }
        }
    }

    /// One transaction more, or a reason why not; either way the store shows what it should.
    fn write(&mut self, store: &SqliteStore) {
        let before = self.disk.struck();
        match block_on(transact(store, self.done + 1)) {
            Ok(()) => self.done += 1,
            Err(error) => {
                assert!(self.disk.struck() > before, "{:?}: failed without a fault: {error}", self.fault);
                self.errors.push(error);
            }
        }
        match holds(store, self.model, self.done) {
            Ok(()) => {}
            Err(error) if self.fault.kind == FaultKind::Read => self.errors.push(error),
            Err(error) => panic!("{:?}: what is there cannot be read: {error}", self.fault),
        }
    }

    /// The power goes during the fault. A transaction that was reported as failed may turn out to be there, whole.
    fn cut_the_power(&mut self, elsewhere: &Path) {
        let mut rng = Rng::new(self.fault.at);
        let trace = self.disk.trace();
        let mut replay = Replay::new(&trace, Syncs::Honest, Metadata::Strict);
        trace.ops.iter().for_each(|op| replay.step(op, &mut rng));
        let _disk = Disk::mount(elsewhere, &replay.cut(&mut rng), 0).unwrap();
        let store = SqliteStore::open(&database(elsewhere)).unwrap();
        let Revision(found) = block_on(store.revision()).unwrap();
        assert!((self.done..=self.done + 1).contains(&found), "{:?}: {found}, {} reported", self.fault, self.done);
        holds(&store, self.model, found).unwrap();
        drop(store);
        SqliteStore::check(&database(elsewhere)).unwrap();
    }

    /// Opens, writes, closes and opens again with the fault; then the fault is over, with or without a store open.
    fn go(&mut self, elsewhere: &Path) {
        let mut store = self.open();
        for _ in 0..DURING {
            store.iter().for_each(|store| self.write(store));
        }
        self.cut_the_power(elsewhere);
        if self.fault.at.is_multiple_of(2) {
            drop(store.take());
            store = self.open();
        }
        self.disk.heal();
        if let Some(store) = store {
            block_on(transact(&store, self.done + 1)).unwrap_or_else(|e| panic!("{:?}: not usable: {e}", self.fault));
            self.done += 1;
            holds(&store, self.model, self.done).unwrap();
        }
        let store = SqliteStore::open(&database(self.folder)).unwrap();
        self.settle(&store);
        holds(&store, self.model, self.done).unwrap();
        block_on(transact(&store, self.done + 1)).unwrap();
        drop(store);
        SqliteStore::check(&database(self.folder)).unwrap();
    }
}

/// A fault at every place of a run; returns how many places there were, and the errors by text.
fn sweep(start: &Image, done: u64, kind: FaultKind, sticky: bool) -> (u64, BTreeMap<String, u64>) {
    let (home, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut model = Model::new();
    let mut errors = BTreeMap::new();
    for at in 0..ENDLESS {
        let fault = Fault { kind, at, sticky };
        let disk = Disk::mount(home.path(), start, at).unwrap();
        disk.inject(fault);
        let mut run = Run { fault, disk, folder: home.path(), model: &mut model, done, errors: Vec::new() };
        run.go(elsewhere.path());
        for error in &run.errors {
            assert!(is_expected(kind, error), "{fault:?}: {error:?}");
            let text = format!("{error:?}").replace(&home.path().display().to_string(), "");
            *errors.entry(text).or_default() += 1;
        }
        if run.disk.struck() == 0 {
            return (at, errors);
        }
    }
    panic!("the run does not end");
}

/// The error says what it is, and names the file. Where SQLite does not tell a full disk from a broken one, neither can
/// the store: a file that cannot be made, and the index of the log that cannot grow.
fn is_expected(kind: FaultKind, error: &StoreError) -> bool {
    let text = error.to_string();
    let fits = match error {
        StoreError::Full(_) => kind == FaultKind::Full || (kind == FaultKind::Write && text.contains("I/O error")),
        StoreError::Backend(_) => kind != FaultKind::Full || text.contains("the disk has room"),
        _ => false,
    };
    fits && text.contains("verses.db") && !error.is_retryable()
}

fn sweep_all(kind: FaultKind) {
    let home = TempDir::new().unwrap();
    for (start, done) in [(Image::default(), 0), (prepared(home.path()), BEFORE)] {
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
