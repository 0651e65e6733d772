//! Damage of every kind: what is salvaged is what was saved, and no bytes at all make it fail.

use rusqlite::Connection;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::civil::date;
use tempfile::TempDir;
use verses_core::Phase;
use verses_store::conformance::{ANNA, BEN, block_on, card, enqueue, event, reviewed, verse};
use verses_store::{LocalStore, StoreChange};

use super::*;
use crate::SqliteStore;

/// Operations in the queue, of two users.
const OPERATIONS: u32 = 300;

fn changes(n: u32) -> Vec<StoreChange> {
    let owner = [ANNA, BEN][n as usize % 2];
    vec![
        StoreChange::PutVerse { owner: owner.to_owned(), verse: verse(n) },
        StoreChange::PutCard { owner: owner.to_owned(), card: card(n, Phase::Daily, date(2025, 6, 16)) },
        StoreChange::PutEvent { owner: owner.to_owned(), event: event(n, n, 0, reviewed()), seq: None },
        enqueue(owner, n),
    ]
}

fn home() -> (TempDir, PathBuf, SqliteStore) {
    let home = TempDir::new().unwrap();
    let path = home.path().join("verses.db");
    let store = SqliteStore::open(&path).unwrap();
    for bulk in 0..OPERATIONS / 50 {
        block_on(store.commit(None, (bulk * 50..(bulk + 1) * 50).flat_map(changes).collect())).unwrap();
    }
    (home, path, store)
}

fn whole(store: &SqliteStore) -> Vec<QueuedOperation> {
    let ids: Vec<String> = block_on(store.queue_metas(None, u32::MAX)).unwrap().into_iter().map(|m| m.id).collect();
    block_on(store.queued(&ids)).unwrap()
}

#[test]
fn a_healthy_queue_is_salvaged_whole_from_the_log_and_from_the_file() {
    let (_home, path, store) = home();
    let expected = whole(&store);
    assert_eq!(expected.len(), OPERATIONS as usize);
    let good = SalvagedQueue { operations: expected, unreadable: vec![], is_whole: true };
    assert_eq!(salvage_queue(&path).unwrap(), good, "from the log");
    drop(store);
    assert!(!with_suffix(&path, "-wal").exists());
    assert_eq!(salvage_queue(&path).unwrap(), good, "from the file");
}

#[test]
fn without_a_header_and_schema_every_row_is_found_all_the_same() {
    let (_home, path, store) = home();
    let expected = whole(&store);
    drop(store);
    let mut bytes = fs::read(&path).unwrap();
    for end in [16, 100, 4096] {
        bytes[..end].fill(0);
        let salvaged = from_bytes(&bytes, &[]).unwrap();
        assert_eq!(salvaged.operations, expected);
        assert!(salvaged.unreadable.is_empty(), "{:?}", salvaged.unreadable);
    }
}

#[test]
fn of_a_queue_with_a_lost_page_the_rest_is_found_and_nothing_else() {
    let (_home, path, store) = home();
    let expected = whole(&store);
    drop(store);
    let good = fs::read(&path).unwrap();
    let mut incomplete = 0;
    for page in 0..good.len() / log::PAGE {
        let mut bytes = good.clone();
        bytes[page * log::PAGE..(page + 1) * log::PAGE].fill(0xA5);
        let salvaged = from_bytes(&bytes, &[]).unwrap();
        assert!(salvaged.operations.iter().all(|operation| expected.contains(operation)));
        // A page holds a few rows of the queue, none at all, or the way to many of them.
        assert!(salvaged.operations.len() + 25 > expected.len(), "page {page}: {}", salvaged.operations.len());
        if salvaged.operations.len() < expected.len() {
            assert!(!salvaged.is_whole, "page {page}");
            incomplete += 1;
        }
    }
    assert!(incomplete > 5, "{incomplete} pages with rows");
}

#[test]
fn operations_that_were_settled_are_not_brought_back_from_pages_given_up() {
    use batchsync::{JournalOutcome, QueueChange};
    use verses_store::conformance::{journal_entry, operation_id};
    let (_home, path, store) = home();
    let settle = |n: u32| {
        let entry = journal_entry([ANNA, BEN][n as usize % 2], n, JournalOutcome::Applied);
        StoreChange::Queue(QueueChange::Complete { id: operation_id(n).into_string(), entry })
    };
    block_on(store.commit(None, (0..OPERATIONS - 10).map(settle).collect())).unwrap();
    let expected = whole(&store);
    assert_eq!(expected.len(), 10);
    drop(store);
    let mut bytes = fs::read(&path).unwrap();
    bytes[..100].fill(0);
    assert_eq!(from_bytes(&bytes, &[]).unwrap().operations, expected);
}

#[test]
fn no_bytes_make_it_fail_and_no_row_is_made_up() {
    let (_home, path, store) = home();
    let expected = whole(&store);
    let wal = fs::read(with_suffix(&path, "-wal")).unwrap();
    drop(store);
    let file = fs::read(&path).unwrap();
    let mut state = 7_u64;
    let mut draw = |end: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % end
    };
    for round in 0..150 {
        let (mut file, mut wal) = if round % 2 == 0 { (file.clone(), Vec::new()) } else { (Vec::new(), wal.clone()) };
        let bytes = if round % 2 == 0 { &mut file } else { &mut wal };
        for _ in 0..=draw(40) {
            let at = draw(bytes.len());
            bytes[at] = draw(256) as u8;
        }
        if round % 5 == 0 {
            bytes.truncate(draw(bytes.len()));
        }
        for operation in from_bytes(&file, &wal).unwrap().operations {
            let saved = expected.iter().find(|saved| saved.meta.id == operation.meta.id).unwrap();
            assert_eq!(saved.data, operation.data);
        }
    }
}

#[test]
fn what_is_no_database_has_no_queue() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("verses.db");
    for content in [&b""[..], b"hello", &[0; 10_000], &[0x0d; 10_000], &[0xff; 10_000]] {
        fs::write(&path, content).unwrap();
        let salvaged = salvage_queue(&path).unwrap();
        assert!(salvaged.operations.is_empty() && !salvaged.is_whole);
    }
    let missing = salvage_queue(Path::new("nowhere/verses.db")).unwrap_err();
    assert!(missing.to_string().contains("nowhere/verses.db"), "{missing}");
    drop(Connection::open(&path));
}
