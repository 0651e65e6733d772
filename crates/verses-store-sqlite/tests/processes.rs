//! Real processes on one file: killed at any moment, and writing at once. The test binary starts itself again as the child.
#![expect(clippy::unwrap_used, reason = "also the helpers are tests, and stop by failing")]

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use jiff::civil::date;
use tempfile::TempDir;
use verses_core::Phase;
use verses_store::conformance::{
    ANNA, BEN, block_on, card, enqueue, event, journal_entry, operation_id, reviewed, verse, verse_id,
};
use verses_store::{LocalStore, Revision, StoreChange, StoreError};
use verses_store_sqlite::{HomeLock, SqliteStore};

const HOME: &str = "VERSES_STORE_TEST_HOME";
const FROM: &str = "VERSES_STORE_TEST_FROM";
const ACK: &str = "ack ";

/// Rounds of the kill test.
const KILLS: u32 = 25;
/// Operations each of two processes enqueues.
const EACH: u32 = 150;

/// A child that is killed with its handle, so that a failing test leaves none behind.
struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    fn start(test: &str, home: &Path, from: u32) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture"])
            .env(HOME, home)
            .env(FROM, from.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// The next thing acknowledged; `None` when the child has ended.
    fn ack(&mut self) -> Option<u32> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.lines.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            // The harness prints its own lines, and may put one before ours.
            if let Some((_, number)) = line.trim_end().split_once(ACK) {
                return Some(number.parse().unwrap());
            }
        }
    }
}

fn child_home() -> Option<(PathBuf, u32)> {
    Some((env::var_os(HOME)?.into(), env::var(FROM).ok()?.parse().ok()?))
}

fn ack(number: u32) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{ACK}{number}").unwrap();
    out.flush().unwrap();
}

fn database(home: &Path) -> PathBuf {
    home.join("verses.db")
}

fn dual_write(n: u32) -> Vec<StoreChange> {
    let owner = || ANNA.to_owned();
    vec![
        StoreChange::PutVerse { owner: owner(), verse: verse(n) },
        StoreChange::PutCard { owner: owner(), card: card(n, Phase::Daily, date(2025, 6, 16)) },
        StoreChange::PutEvent { owner: owner(), event: event(n, n, 0, reviewed()), seq: None },
        enqueue(ANNA, n),
        StoreChange::PutMeta { key: "last".to_owned(), value: n.to_string() },
    ]
}

// Ends at once unless one of the tests started it as its child.
#[test]
fn child_that_commits_until_it_is_killed() {
    let Some((home, from)) = child_home() else { return };
    let store = SqliteStore::open(&database(&home)).unwrap();
    for n in from.. {
        block_on(store.commit(None, dual_write(n))).unwrap();
        ack(n);
    }
}

/// How many operations are there; each is there whole, and the next one is not there at all.
fn assert_whole(store: &SqliteStore) -> u32 {
    let metas = block_on(store.queue_metas(None, u32::MAX)).unwrap();
    let count = u32::try_from(metas.len()).unwrap();
    for (n, meta) in (0..).zip(&metas) {
        assert_eq!(meta.id, operation_id(n).into_string());
        assert_eq!(meta.position, i64::from(n) + 1);
    }
    for n in 0..=count {
        let there = n < count;
        assert_eq!(block_on(store.verse(ANNA, verse_id(n))).unwrap().is_some(), there, "verse {n} of {count}");
        assert_eq!(block_on(store.card(ANNA, verse_id(n))).unwrap().is_some(), there, "card {n} of {count}");
        assert_eq!(
            block_on(store.events(ANNA, verse_id(n))).unwrap().len(),
            usize::from(there),
            "event {n} of {count}"
        );
    }
    assert_eq!(block_on(store.revision()).unwrap(), Revision(u64::from(count)));
    assert_eq!(block_on(store.queue_totals(ANNA)).unwrap().waiting, u64::from(count));
    let last = count.checked_sub(1).map(|last| last.to_string());
    assert_eq!(block_on(store.meta("last")).unwrap(), last);
    count
}

#[test]
fn a_process_killed_at_any_moment_loses_nothing_it_acknowledged_and_leaves_nothing_half_written() {
    let home = TempDir::new().unwrap();
    let (mut next, mut random) = (0, 12_345_u32);
    for _ in 0..KILLS {
        let mut child = Running::start("child_that_commits_until_it_is_killed", home.path(), next);
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let mut acknowledged = None;
        for _ in 0..=(random >> 16) % 23 {
            acknowledged = child.ack();
        }
        // A little later than the answer, so that the next commit is under way: somewhere between its first and last page.
        for _ in 0..(random >> 8) % 200_000 {
            std::hint::spin_loop();
        }
        child.child.kill().unwrap();
        while let Some(number) = child.ack() {
            acknowledged = Some(number);
        }
        drop(child);
        let store = SqliteStore::open(&database(home.path())).unwrap();
        let count = assert_whole(&store);
        assert!(count > acknowledged.expect("the child committed something"), "an acknowledged commit is gone");
        next = count;
    }
    SqliteStore::check(&database(home.path())).unwrap();
}

// Ends at once unless one of the tests started it as its child.
#[test]
fn child_that_enqueues_its_share() {
    let Some((home, from)) = child_home() else { return };
    let store = SqliteStore::open(&database(&home)).unwrap();
    for n in from..from + EACH {
        let owner = if from == 0 { ANNA } else { BEN };
        // Decides on what it read, as the client does: the other process gets in between, and it reads again.
        loop {
            let base = block_on(store.revision()).unwrap();
            let count = StoreChange::PutMeta { key: "count".to_owned(), value: (base.0 + 1).to_string() };
            match block_on(store.commit(Some(base), vec![enqueue(owner, n), count])) {
                Ok(_) => break,
                // Never busy: a writer waits for its turn before it reads anything.
                Err(error) => assert_eq!(error, StoreError::Conflict),
            }
        }
        ack(n);
    }
}

#[test]
fn two_processes_that_open_and_enqueue_at_once_lose_nothing() {
    let home = TempDir::new().unwrap();
    // The file is not there yet: both make it.
    let mut children = [0, EACH].map(|from| Running::start("child_that_enqueues_its_share", home.path(), from));
    for child in &mut children {
        let mut count = 0;
        while child.ack().is_some() {
            count += 1;
        }
        assert_eq!(count, EACH);
        assert!(child.child.wait().unwrap().success());
    }
    let store = SqliteStore::open(&database(home.path())).unwrap();
    let metas = block_on(store.queue_metas(None, u32::MAX)).unwrap();
    let positions: Vec<_> = metas.iter().map(|meta| meta.position).collect();
    assert_eq!(positions, (1..=i64::from(2 * EACH)).collect::<Vec<_>>());
    for (owner, from) in [(ANNA, 0), (BEN, EACH)] {
        let own: Vec<_> = metas.iter().filter(|meta| meta.user_id == owner).map(|meta| meta.id.clone()).collect();
        let expected: Vec<_> = (from..from + EACH).map(|n| operation_id(n).into_string()).collect();
        assert_eq!(own, expected, "in the order they were made");
    }
    assert_eq!(block_on(store.revision()).unwrap(), Revision(u64::from(2 * EACH)));
    assert_eq!(block_on(store.meta("count")).unwrap(), Some((2 * EACH).to_string()));
}

#[test]
fn a_commit_of_another_handle_on_the_file_is_seen_and_is_a_conflict() {
    let home = TempDir::new().unwrap();
    let (one, two) =
        (SqliteStore::open(&database(home.path())).unwrap(), SqliteStore::open(&database(home.path())).unwrap());
    let base = block_on(one.revision()).unwrap();
    let seen = block_on(two.commit(None, dual_write(0))).unwrap().revision;
    let leave = batchsync::QueueChange::Complete {
        id: operation_id(0).into_string(),
        entry: journal_entry(ANNA, 0, batchsync::JournalOutcome::Applied),
    };
    let changes = vec![StoreChange::Queue(leave)];
    assert_eq!(block_on(one.commit(Some(base), changes.clone())), Err(StoreError::Conflict));
    assert_eq!(block_on(one.revision()).unwrap(), seen);
    block_on(one.commit(Some(seen), changes)).unwrap();
    assert_eq!(block_on(two.queue_metas(None, 9)).unwrap(), vec![]);
}

// Ends at once unless one of the tests started it as its child.
#[test]
fn child_that_holds_the_lock_until_it_is_killed() {
    let Some((home, _)) = child_home() else { return };
    let _lock = HomeLock::try_acquire(&home).unwrap().expect("free");
    ack(0);
    loop {
        std::thread::park();
    }
}

#[test]
fn the_lock_of_a_killed_process_is_free_again() {
    let home = TempDir::new().unwrap();
    let mut child = Running::start("child_that_holds_the_lock_until_it_is_killed", home.path(), 0);
    assert_eq!(child.ack(), Some(0));
    assert!(HomeLock::try_acquire(home.path()).unwrap().is_none());
    // Who does not sync can still add.
    let store = SqliteStore::open(&database(home.path())).unwrap();
    block_on(store.commit(None, dual_write(0))).unwrap();
    drop(child);
    assert!(HomeLock::try_acquire(home.path()).unwrap().is_some());
}
