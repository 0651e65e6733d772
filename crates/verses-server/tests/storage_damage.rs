//! A database of the server that is damaged at rest: opening and reading say so and name the file, nothing panics, and a
//! file that is refused stays as it was found.
#![allow(clippy::unwrap_used, reason = "also the helpers are tests, and stop by failing")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tempfile::TempDir;
use verses_core::CardEventKind;
use verses_server::storage::sqlite::SqliteStorage;
use verses_server::storage::{LedgerPage, Loaded, Storage, StorageError, UserId, Writes, conformance};

const PAGE: usize = 4096;
const OPERATIONS: u64 = 120;
const DAMAGES_PER_PAGE: usize = 5;

/// Numbers for choosing damage; the same in every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

fn user() -> UserId {
    conformance::user(1)
}

/// The bytes of a database with some operations, closed.
async fn database() -> Vec<u8> {
    let home = TempDir::new().unwrap();
    let path = home.path().join("server.db");
    let storage = SqliteStorage::open(&path).unwrap();
    for seq in 1..=OPERATIONS {
        let id = format!("op-{seq}");
        let writes = Writes {
            ledger: vec![conformance::entry(&id, seq)],
            events: vec![conformance::event(&id, seq.into(), 5, CardEventKind::Created)],
            cards: vec![conformance::card(seq.into(), 3)],
            catalogue: vec![conformance::verse(seq.into(), "a text of some length, as verses have it")],
            ..Writes::default()
        };
        conformance::write(&storage, user(), writes).await.unwrap();
    }
    drop(storage);
    fs::read(&path).unwrap()
}

async fn read(storage: &SqliteStorage) -> Result<(LedgerPage, Loaded), StorageError> {
    Ok((storage.ledger_after(user(), 0, 1_000).await?, storage.everything(user()).await?))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Came {
    Refused,
    Found,
    Same,
    Differs,
}

async fn came(path: &Path, bytes: &[u8], expected: &(LedgerPage, Loaded)) -> Came {
    fs::write(path, bytes).unwrap();
    let _ = fs::remove_file(path.with_extension("db-wal"));
    let names_the_file = |error: StorageError| {
        assert!(error.to_string().contains("server.db") && !error.is_retryable(), "{error}");
    };
    match SqliteStorage::open(path) {
        Err(error) => {
            names_the_file(error);
            assert!(fs::read(path).unwrap() == bytes, "a file that is refused stays as it is");
            Came::Refused
        }
        Ok(storage) => match read(&storage).await {
            Err(error) => {
                names_the_file(error);
                Came::Found
            }
            Ok(found) if found == *expected => Came::Same,
            Ok(_) => Came::Differs,
        },
    }
}

#[tokio::test]
async fn damage_anywhere_in_the_file_never_panics_and_errors_name_the_file() {
    let good = database().await;
    let home = TempDir::new().unwrap();
    let path = home.path().join("server.db");
    fs::write(&path, &good).unwrap();
    let expected = read(&SqliteStorage::open(&path).unwrap()).await.unwrap();
    assert_eq!(came(&path, &good, &expected).await, Came::Same);
    let mut draw = Draw(5);
    let mut tally: BTreeMap<Came, u32> = BTreeMap::new();
    for page in 0..good.len() / PAGE {
        for round in 0..DAMAGES_PER_PAGE {
            let mut bytes = good.clone();
            let end = if page == 0 && round % 2 == 0 { 100 } else { PAGE };
            for _ in 0..=draw.below(1 + round * 3) {
                bytes[page * PAGE + draw.below(end)] ^= 1 << draw.below(8);
            }
            *tally.entry(came(&path, &bytes, &expected).await).or_default() += 1;
        }
    }
    println!("{tally:?}");
    assert!(tally[&Came::Found] > 5 && tally[&Came::Same] > 20, "{tally:?}");
}

#[tokio::test]
async fn a_file_without_its_header_or_cut_short_is_refused_or_found_damaged() {
    let good = database().await;
    let home = TempDir::new().unwrap();
    let path = home.path().join("server.db");
    fs::write(&path, &good).unwrap();
    let expected = read(&SqliteStorage::open(&path).unwrap()).await.unwrap();
    for end in [1, 16, 100, PAGE] {
        let mut bytes = good.clone();
        bytes[..end].fill(0);
        assert_eq!(came(&path, &bytes, &expected).await, Came::Refused);
    }
    for at in (1..good.len()).step_by(PAGE / 2 - 1) {
        let came = came(&path, &good[..at], &expected).await;
        assert!(came == Came::Refused || came == Came::Found, "cut at {at}: {came:?}");
    }
}

/// Whoever copies the file of a server that was stopped has all of it.
#[tokio::test]
async fn a_closed_database_is_one_file() {
    for _ in 0..100 {
        let home = TempDir::new().unwrap();
        let storage = SqliteStorage::open(&home.path().join("server.db")).unwrap();
        let writes = Writes { ledger: vec![conformance::entry("a", 1)], ..Writes::default() };
        conformance::write(&storage, user(), writes).await.unwrap();
        drop(storage);
        let files: Vec<_> = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(files, ["server.db"]);
    }
}
