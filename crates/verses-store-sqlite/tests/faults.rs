//! Files that are no database, damaged, full, locked, or not ours; each says what to do and loses nothing.
#![expect(clippy::unwrap_used, reason = "also the helpers are tests, and stop by failing")]

use std::fs;
use std::path::{Path, PathBuf};

use jiff::civil::date;
use tempfile::TempDir;
use verses_core::Phase;
use verses_store::conformance::{ANNA, block_on, card, enqueue, event, queued, reviewed, verse, verse_id};
use verses_store::{LocalStore, StoreChange, StoreError};
use verses_store_sqlite::{HomeLock, SqliteStore};

fn home() -> (TempDir, PathBuf) {
    let home = TempDir::new().unwrap();
    let path = home.path().join("verses.db");
    (home, path)
}

/// What one review or one added verse writes.
fn dual_write(n: u32) -> Vec<StoreChange> {
    let owner = || ANNA.to_owned();
    vec![
        StoreChange::PutVerse { owner: owner(), verse: verse(n) },
        StoreChange::PutCard { owner: owner(), card: card(n, Phase::Daily, date(2025, 6, 16)) },
        StoreChange::PutEvent { owner: owner(), event: event(n, n, 0, reviewed()), seq: None },
        enqueue(ANNA, n),
    ]
}

fn assert_corrupt_and_untouched(path: &Path) {
    let before = fs::read(path).unwrap();
    let error = SqliteStore::open(path).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("verses.db") && text.contains("Keep a copy"), "{text}");
    assert!(!error.is_retryable());
    assert_eq!(fs::read(path).unwrap(), before);
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let (_home, path) = home();
    for content in [&b"hello, this is my shopping list"[..], b"S", &[0; 8192], b"SQLite format 2\0"] {
        fs::write(&path, content).unwrap();
        assert_corrupt_and_untouched(&path);
        assert!(matches!(SqliteStore::check(&path), Err(StoreError::Corrupt(_))));
    }
}

#[test]
fn a_database_of_another_application_is_refused_and_left_alone() {
    let (_home, path) = home();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE photos (x); PRAGMA user_version = 3").unwrap();
    drop(other);
    assert_corrupt_and_untouched(&path);
}

#[test]
fn an_empty_file_is_a_new_home() {
    let (_home, path) = home();
    fs::write(&path, b"").unwrap();
    let store = SqliteStore::open(&path).unwrap();
    block_on(store.commit(None, dual_write(1))).unwrap();
}

/// The power went while SQLite wrote the first page of a new file: the page is torn, and the journal beside it says that
/// the file was empty before.
#[test]
fn a_home_whose_first_page_never_fully_arrived_begins_anew() {
    let (_home, path) = home();
    let mut page = vec![0; 4096];
    page[2048..].fill(7);
    fs::write(&path, page).unwrap();
    let mut journal = vec![0; 512];
    journal[..8].copy_from_slice(&[0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7]);
    journal[20..28].copy_from_slice(&[0, 0, 2, 0, 0, 0, 0x10, 0]);
    fs::write(path.with_extension("db-journal"), &journal).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    block_on(store.commit(None, dual_write(1))).unwrap();
}

#[test]
fn a_file_that_is_no_database_is_refused_also_beside_a_journal_that_is_none() {
    let (_home, path) = home();
    for content in [&[0; 8192][..], b"hello, this is my shopping list"] {
        fs::write(path.with_extension("db-journal"), "not a journal".repeat(99)).unwrap();
        fs::write(&path, content).unwrap();
        assert_corrupt_and_untouched(&path);
    }
}

#[test]
fn damaged_pages_are_found_when_they_are_read_and_by_a_check() {
    let (_home, path) = home();
    let store = SqliteStore::open(&path).unwrap();
    block_on(store.commit(None, (0..500).flat_map(dual_write).collect())).unwrap();
    drop(store);
    SqliteStore::check(&path).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    // Everything behind the schema: no table can be read any more, and the header is fine.
    let tail = 24 * 4096;
    assert!(bytes.len() > 2 * tail);
    bytes[tail..].fill(0xA5);
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(SqliteStore::check(&path), Err(StoreError::Corrupt(_))));
    let store = SqliteStore::open(&path).unwrap();
    let read = block_on(store.queue_metas(None, u32::MAX));
    assert!(matches!(read, Err(StoreError::Corrupt(_))), "{read:?}");
}

#[test]
fn a_row_no_release_ever_wrote_is_damage_and_is_named() {
    let (_home, path) = home();
    let store = SqliteStore::open(&path).unwrap();
    block_on(store.commit(None, dual_write(1))).unwrap();
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute("UPDATE verse_cards SET current_phase = 9", []).unwrap();
    raw.execute("UPDATE sync_queue SET data = '{\"type\":\"nonsense\"}', checksum = NULL", []).unwrap();
    let error = block_on(store.cards(ANNA)).unwrap_err();
    assert!(error.to_string().contains(&format!("card {}", verse_id(1))), "{error}");
    let error = block_on(store.queue_of(ANNA, false, 9)).unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt(text) if text.contains("payload of operation")), "{error}");
}

#[test]
fn a_payload_that_changed_on_the_disk_is_never_taken_for_what_was_saved() {
    let (_home, path) = home();
    let store = SqliteStore::open(&path).unwrap();
    block_on(store.commit(None, dual_write(1))).unwrap();
    let raw = rusqlite::Connection::open(&path).unwrap();
    let other_result = "UPDATE sync_queue SET data = replace(data, '2025-06-15', '2025-06-14')";
    assert_eq!(raw.execute(other_result, []).unwrap(), 1);
    let error = block_on(store.queue_of(ANNA, false, 9)).unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt(text) if text.contains("not what was saved")), "{error}");
    // Replaced by the application it is good again.
    let queued = queued(ANNA, 1);
    let id = queued.meta.id;
    let change = StoreChange::ReplacePayload { id: id.clone(), data: Box::new(queued.data.clone()), payload_bytes: 9 };
    block_on(store.commit(None, vec![change])).unwrap();
    assert_eq!(block_on(store.queued(&[id])).unwrap()[0].data, queued.data);
}

#[test]
fn an_operation_of_a_later_release_says_so_and_stays() {
    let (_home, path) = home();
    let store = SqliteStore::open(&path).unwrap();
    block_on(store.commit(None, dual_write(1))).unwrap();
    let raw = rusqlite::Connection::open(&path).unwrap();
    let later = "UPDATE sync_queue SET data = '{\"type\":\"share_verse\"}', payload_version = 2, checksum = NULL";
    raw.execute(later, []).unwrap();
    let id = block_on(store.queue_metas(None, 9)).unwrap().remove(0).id;
    let error = block_on(store.queued(std::slice::from_ref(&id))).unwrap_err();
    assert_eq!(error, StoreError::NewerPayload { id, found: 2, known: 1 });
    assert_eq!(block_on(store.queue_totals(ANNA)).unwrap().waiting, 1);
}

#[test]
fn a_full_disk_writes_nothing_and_the_store_works_on_when_there_is_room() {
    let (_home, path) = home();
    let store = SqliteStore::open(&path).unwrap();
    block_on(store.limit_size(Some(60 * 4096))).unwrap();
    let mut written = 0;
    let full = loop {
        match block_on(store.commit(None, dual_write(written))) {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 10_000, "the cap holds");
    };
    assert!(matches!(full, StoreError::Full(_)), "{full:?}");
    assert!(full.to_string().contains("free some space"));
    assert!(written > 0);
    let revision = block_on(store.revision()).unwrap();
    assert_eq!(revision.0, u64::from(written));
    assert_eq!(block_on(store.verse(ANNA, verse_id(written))).unwrap(), None);
    assert_eq!(block_on(store.card(ANNA, verse_id(written))).unwrap(), None);
    assert_eq!(block_on(store.events(ANNA, verse_id(written))).unwrap(), vec![]);
    assert_eq!(block_on(store.queue_metas(None, u32::MAX)).unwrap().len(), written as usize);
    let many = (written..written + 50).flat_map(dual_write).collect();
    assert!(matches!(block_on(store.commit(Some(revision), many)), Err(StoreError::Full(_))));
    block_on(store.limit_size(None)).unwrap();
    block_on(store.commit(Some(revision), dual_write(written))).unwrap();
    drop(store);
    SqliteStore::check(&path).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(block_on(store.queue_totals(ANNA)).unwrap().waiting, u64::from(written) + 1);
}

#[test]
fn a_file_that_cannot_be_written_says_so() {
    let (home, path) = home();
    drop(SqliteStore::open(&path).unwrap());
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    let opened = SqliteStore::open(&path);
    // An administrator may write it all the same; then it simply works.
    match fs::OpenOptions::new().write(true).open(&path) {
        Ok(_) => drop(opened.unwrap()),
        Err(_) => {
            let text = opened.unwrap_err().to_string();
            assert!(text.contains("cannot be written") && text.contains("permission"), "{text}");
        }
    }
    drop(home);
}

#[test]
fn paths_that_can_be_no_file_say_so() {
    let (home, path) = home();
    let text = SqliteStore::open(home.path()).unwrap_err().to_string();
    assert!(text.contains("is a folder"), "{text}");
    fs::write(&path, b"").unwrap();
    let text = SqliteStore::open(&path.join("below").join("verses.db")).unwrap_err().to_string();
    assert!(text.contains("cannot be made"), "{text}");
    assert!(matches!(SqliteStore::check(&home.path().join("nothing.db")), Err(StoreError::Backend(_))));
}

#[cfg(unix)]
#[test]
fn a_new_home_is_for_its_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let home = TempDir::new().unwrap();
    let dir = home.path().join("new").join("home");
    let path = dir.join("verses.db");
    let store = SqliteStore::open(&path).unwrap();
    block_on(store.commit(None, dual_write(1))).unwrap();
    let _lock = HomeLock::try_acquire(&dir).unwrap().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&dir), mode(&home.path().join("new"))), (0o700, 0o700));
    for entry in fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    assert!(dir.join("verses.db-wal").exists(), "the log is one of them");
}

#[test]
fn the_last_handle_may_be_dropped_by_a_listener() {
    use std::sync::{Arc, Mutex};
    let (_home, path) = home();
    let store = SqliteStore::open(&path).unwrap();
    let slot = Arc::new(Mutex::new(None));
    let held = slot.clone();
    let subscription = store.subscribe(Box::new(move |_| drop(held.lock().unwrap().take())));
    *slot.lock().unwrap() = Some(store.clone());
    let commit = {
        let store = store.clone();
        async move { store.commit(None, dual_write(1)).await }
    };
    drop(store);
    block_on(commit).unwrap();
    assert!(slot.lock().unwrap().is_none());
    drop(subscription);
    let again = SqliteStore::open(&path).unwrap();
    assert_eq!(block_on(again.queue_totals(ANNA)).unwrap().waiting, 1);
}

#[test]
fn one_handle_at_a_time_holds_the_lock_of_a_home() {
    let home = TempDir::new().unwrap();
    let dir = home.path().join("home");
    let first = HomeLock::try_acquire(&dir).unwrap().expect("free");
    assert!(HomeLock::try_acquire(&dir).unwrap().is_none());
    assert!(HomeLock::is_held(&dir).unwrap());
    assert!(first.path().starts_with(&dir));
    drop(first);
    assert!(!HomeLock::is_held(&dir).unwrap());
    assert!(HomeLock::try_acquire(&dir).unwrap().is_some());
}
