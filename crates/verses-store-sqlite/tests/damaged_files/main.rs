//! Files damaged at rest: bytes that changed, files cut short, a log that belongs elsewhere. Nothing panics, nothing that
//! waits to be sent is read as something else, an error names the file, the file and its copy stay as they were found, and
//! what can be read of the queue comes out.
#![allow(clippy::unwrap_used, reason = "also the helpers are tests, and stop by failing")]

#[path = "../simulated_disk/work.rs"]
mod work;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use verses_store::conformance::block_on;
use verses_store::{LocalStore, QueuedOperation, StoreError};
use verses_store_sqlite::{SqliteStore, salvage_queue, set_aside};
use work::{Contents, Model, transact};

const PAGE: usize = 4096;

/// Transactions in the store.
const TRANSACTIONS: u64 = 23;

/// Damages per page of the file.
const PER_PAGE: usize = 5;

/// Numbers for choosing damage; the same in every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

/// The bytes of a home: the file, and its log if it has one.
#[derive(Debug, Clone, PartialEq)]
struct Bytes {
    file: Vec<u8>,
    log: Option<Vec<u8>>,
}

fn log_of(path: &Path) -> PathBuf {
    path.with_extension("db-wal")
}

impl Bytes {
    fn of(path: &Path) -> Self {
        // A log without a byte is none.
        let log = fs::read(log_of(path)).ok().filter(|log| !log.is_empty());
        Self { file: fs::read(path).unwrap(), log }
    }

    fn put(&self, path: &Path) {
        fs::write(path, &self.file).unwrap();
        if let Some(log) = &self.log {
            fs::write(log_of(path), log).unwrap();
        }
    }
}

/// A home after some transactions: closed, and as a power cut leaves it.
fn homes() -> (Bytes, Bytes) {
    let home = TempDir::new().unwrap();
    let path = home.path().join("verses.db");
    let store = SqliteStore::open(&path).unwrap();
    for number in 1..=TRANSACTIONS {
        block_on(transact(&store, number)).unwrap();
    }
    let running = Bytes::of(&path);
    drop(store);
    (Bytes::of(&path), running)
}

fn queue(store: &SqliteStore) -> Vec<QueuedOperation> {
    let ids: Vec<String> = block_on(store.queue_metas(None, u32::MAX)).unwrap().into_iter().map(|m| m.id).collect();
    block_on(store.queued(&ids)).unwrap()
}

/// What came of a damaged file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Came {
    /// It does not open.
    Refused,
    /// It opens, and reading says that it is damaged.
    Found,
    /// Nothing that can be read is different.
    Same,
    /// Something that the server has too is different.
    DiffersElsewhere,
}

/// What of an operation is sent, and what decides when.
fn what_counts(operation: &QueuedOperation) -> impl PartialEq + std::fmt::Debug {
    let QueuedOperation { meta, local_ref, data, .. } = operation.clone();
    (meta.id, meta.kind, meta.entity, meta.depends_on, local_ref, data)
}

/// Tries a damaged file, against what was saved in it.
struct Trial {
    expected: Contents,
    waiting: Vec<QueuedOperation>,
}

impl Trial {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        let path = home.path().join("verses.db");
        homes().0.put(&path);
        let store = SqliteStore::open(&path).unwrap();
        let expected = block_on(Contents::of(&store)).unwrap();
        Self { expected, waiting: queue(&store) }
    }

    fn run(&self, bytes: &Bytes) -> Came {
        let home = TempDir::new().unwrap();
        let path = home.path().join("verses.db");
        bytes.put(&path);
        let came = match SqliteStore::open(&path) {
            Err(error) => {
                says_what_it_is(&error);
                assert!(Bytes::of(&path) == *bytes, "a file that is refused stays as it is: {error}");
                Came::Refused
            }
            Ok(store) => self.read(&store),
        };
        self.salvage(&path, bytes);
        came
    }

    fn read(&self, store: &SqliteStore) -> Came {
        // Every reading there is, also after one of them failed.
        let metas = block_on(store.queue_metas(None, u32::MAX));
        let ids = metas.iter().flatten().map(|meta| meta.id.clone()).collect::<Vec<_>>();
        let queued: Vec<_> = ids.iter().map(|id| block_on(store.queued(std::slice::from_ref(id)))).collect();
        for operation in queued.iter().flatten().flatten() {
            let saved = self.waiting.iter().find(|saved| saved.meta.id == operation.meta.id).unwrap();
            assert_eq!(what_counts(saved), what_counts(operation), "made up or changed");
        }
        match block_on(Contents::of(store)) {
            Err(error) => {
                says_what_it_is(&error);
                Came::Found
            }
            Ok(contents) if contents == self.expected => Came::Same,
            // Reading a row by its id has said so.
            Ok(_) if queued.iter().any(Result::is_err) => Came::Found,
            Ok(_) => {
                assert_eq!(
                    queued.iter().flatten().flatten().count(),
                    self.waiting.len(),
                    "some of the queue is missing"
                );
                Came::DiffersElsewhere
            }
        }
    }

    /// What comes out was saved; and the copy set aside is what was there.
    fn salvage(&self, path: &Path, bytes: &Bytes) {
        let before = Bytes::of(path);
        let salvaged = salvage_queue(path).unwrap();
        for operation in &salvaged.operations {
            let saved = self.waiting.iter().find(|saved| saved.meta.id == operation.meta.id);
            assert!(saved.is_none_or(|saved| saved.data == operation.data), "changed: {operation:?}");
        }
        let copy = set_aside(path).unwrap();
        assert_eq!(Bytes { file: fs::read(&copy).unwrap(), log: read_log_of_copy(&copy) }, before);
        assert_eq!(set_aside(path).unwrap(), copy, "once is enough");
        assert_eq!(Bytes::of(path), before);
        if bytes.log.is_none() {
            assert_eq!(before.file.len(), bytes.file.len());
        }
    }
}

fn read_log_of_copy(copy: &Path) -> Option<Vec<u8>> {
    let mut name = copy.as_os_str().to_owned();
    name.push("-wal");
    fs::read(name).ok().filter(|log| !log.is_empty())
}

fn says_what_it_is(error: &StoreError) {
    let text = error.to_string();
    match error {
        StoreError::Corrupt(_) => assert!(text.contains("verses.db") && text.contains("Keep a copy"), "{text}"),
        StoreError::NewerSchema { .. } | StoreError::NewerPayload { .. } => {}
        _ => panic!("not the error of a damaged file: {error:?}"),
    }
    assert!(!error.is_retryable());
}

#[test]
fn bytes_that_changed_on_any_page_never_change_what_is_sent() {
    let (good, _) = homes();
    let trial = Trial::new();
    assert_eq!(trial.run(&good), Came::Same);
    let mut draw = Draw(1);
    let mut tally: BTreeMap<Came, u32> = BTreeMap::new();
    for page in 0..good.file.len() / PAGE {
        for round in 0..PER_PAGE {
            let mut bytes = good.clone();
            // On the first page the header gets its share.
            let end = if page == 0 && round % 2 == 0 { 100 } else { PAGE };
            for _ in 0..=draw.below(1 + round * 3) {
                bytes.file[page * PAGE + draw.below(end)] ^= 1 << draw.below(8);
            }
            *tally.entry(trial.run(&bytes)).or_default() += 1;
        }
    }
    println!("{tally:?}");
    assert!(tally[&Came::Found] > 20 && tally[&Came::Same] > 20, "{tally:?}");
}

#[test]
fn a_file_cut_short_is_damaged() {
    let (good, _) = homes();
    let trial = Trial::new();
    let mut tally: BTreeMap<Came, u32> = BTreeMap::new();
    for at in (1..good.file.len()).step_by(PAGE / 2 - 1) {
        let bytes = Bytes { file: good.file[..at].to_vec(), log: None };
        let came = trial.run(&bytes);
        assert!(matches!(came, Came::Refused | Came::Found), "cut at {at}: {came:?}");
        *tally.entry(came).or_default() += 1;
    }
    println!("{tally:?}");
}

#[test]
fn without_its_header_a_file_is_refused_and_its_queue_comes_out_whole() {
    let (good, _) = homes();
    let trial = Trial::new();
    for end in [1, 16, 100] {
        let mut bytes = good.clone();
        bytes.file[..end].fill(0);
        assert_eq!(trial.run(&bytes), Came::Refused);
        let home = TempDir::new().unwrap();
        let path = home.path().join("verses.db");
        bytes.put(&path);
        assert_eq!(salvage_queue(&path).unwrap().operations, trial.waiting);
    }
}

#[test]
fn damage_in_the_log_is_found_or_takes_the_last_transaction_alone() {
    let (_, good) = homes();
    let log = good.log.clone().unwrap();
    let waiting = Trial::new().waiting;
    let mut model = Model::new();
    let mut draw = Draw(3);
    let (mut refused, mut last, mut same) = (0, 0, 0);
    for _ in 0..150 {
        let home = TempDir::new().unwrap();
        let path = home.path().join("verses.db");
        let mut bytes = good.clone();
        // Half of it near the end, where a power cut would be.
        let from = if draw.below(2) == 0 { log.len() - 6 * PAGE } else { 0 };
        let at = from + draw.below(log.len() - from);
        bytes.log.as_mut().unwrap()[at] ^= 1 << draw.below(8);
        bytes.put(&path);
        let salvaged = salvage_queue(&path).unwrap();
        // What is not on the damaged page comes out, and perhaps some that was settled.
        let missing = waiting.iter().filter(|operation| !salvaged.operations.contains(operation)).count();
        assert!(missing < 25, "{missing} are missing, damaged at {at}");
        match SqliteStore::open(&path) {
            Err(error) => {
                assert!(matches!(&error, StoreError::Corrupt(text) if text.contains("log")), "{error}");
                assert!(Bytes::of(&path) == bytes);
                refused += 1;
            }
            Ok(store) => {
                let found = block_on(store.revision()).unwrap().0;
                assert!(found + 1 >= TRANSACTIONS, "{found} of {TRANSACTIONS}, damaged at {at}");
                assert!(block_on(Contents::of(&store)).unwrap() == *model.after(found));
                if found == TRANSACTIONS { same += 1 } else { last += 1 }
            }
        }
    }
    println!("{refused} refused, {last} without the last transaction, {same} the same");
    assert!(refused > 30 && last > 5);
}

#[test]
fn the_log_of_another_home_is_refused() {
    let (closed, _) = homes();
    for transactions in 1..=12 {
        let home = TempDir::new().unwrap();
        let other = home.path().join("other.db");
        drop(SqliteStore::open(&other).unwrap());
        let store = SqliteStore::open(&other).unwrap();
        for number in 1..=transactions {
            block_on(transact(&store, number)).unwrap();
        }
        let path = home.path().join("verses.db");
        let log = fs::read(home.path().join("other.db-wal")).unwrap();
        let bytes = Bytes { file: closed.file.clone(), log: Some(log) };
        bytes.put(&path);
        let error = SqliteStore::open(&path).unwrap_err();
        assert!(error.to_string().contains("belongs to another"), "{error}");
        says_what_it_is(&error);
        assert!(Bytes::of(&path) == bytes);
    }
}
