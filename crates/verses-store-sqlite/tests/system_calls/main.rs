//! A real process on a real file, stopped or refused at each of its system calls in turn. `strace` does that; where it is
//! missing, or not allowed to, the tests say so and check nothing. The test binary starts itself again as the process.
#![allow(clippy::unwrap_used, reason = "also the helpers are tests, and stop by failing")]

#[path = "../simulated_disk/work.rs"]
mod work;

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use verses_store::conformance::block_on;
use verses_store::{LocalStore, Revision};
use verses_store_sqlite::SqliteStore;
use work::{Contents, Model, transact};

const HOME: &str = "VERSES_STORE_TEST_HOME";
const ACK: &str = "ack ";
const REFUSED: &str = "refused ";

/// Transactions of one process; the third is a bulk.
const TRANSACTIONS: u64 = 4;

/// More calls of a kind than one thread of a process makes.
const ENDLESS: u32 = 2_000;

/// All that change a file, but for the first, whose number is far higher.
const SELDOM: &str = "fdatasync,fsync,ftruncate,unlink,unlinkat";
const WRITES: &str = "pwrite64";

fn database(home: &Path) -> PathBuf {
    home.join("verses.db")
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").unwrap();
    out.flush().unwrap();
}

/// The process: opens the store, works, says what is durable, closes.
#[test]
fn child() {
    let Some(home) = env::var_os(HOME).map(PathBuf::from) else {
        return;
    };
    let store = match SqliteStore::open(&database(&home)) {
        Ok(store) => store,
        Err(error) => return say(&format!("{REFUSED}{error}")),
    };
    let Revision(before) = block_on(store.revision()).unwrap();
    for number in before + 1..=before + TRANSACTIONS {
        match block_on(transact(&store, number)) {
            Ok(()) => say(&format!("{ACK}{number}")),
            Err(error) => return say(&format!("{REFUSED}{error}")),
        }
    }
}

/// What a process said.
struct Said {
    acked: u64,
    refused: Option<String>,
    /// It came to its end.
    ended: bool,
}

/// Runs the process with an injection into its system calls.
fn run(home: &Path, calls: &str, injection: &str) -> Said {
    let output = Command::new("strace")
        .args([
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            &format!("trace={calls}"),
            "-e",
            &format!("inject={calls}:{injection}"),
        ])
        .arg(env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture"])
        .env(HOME, home)
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    // The harness prints its own lines, and may put one before ours.
    let after = |mark: &str| text.lines().rev().find_map(|line| line.split_once(mark)).map(|(_, rest)| rest.to_owned());
    Said {
        acked: after(ACK).map_or(0, |number| number.trim().parse().unwrap()),
        refused: after(REFUSED),
        ended: output.status.success(),
    }
}

/// Whether `strace` is there and works here.
fn can_trace() -> bool {
    let works = Command::new("strace").args(["-f", "-qq", "-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    let works = works.is_ok_and(|status| status.success());
    if !works {
        say("skipped: strace is not installed or not allowed here");
    }
    works
}

/// Everything acknowledged is there, whole, and at most one transaction more.
fn holds(home: &Path, acked: u64, model: &mut Model, what: &str) -> u64 {
    let path = database(home);
    let store = SqliteStore::open(&path).unwrap_or_else(|error| panic!("{what}: {error}"));
    let Revision(found) = block_on(store.revision()).unwrap();
    assert!((acked..=acked + 1).contains(&found), "{what}: {found} where {acked} were acknowledged");
    assert!(block_on(Contents::of(&store)).unwrap() == *model.after(found), "{what}: {found} in part");
    drop(store);
    SqliteStore::check(&path).unwrap_or_else(|error| panic!("{what}: {error}"));
    found
}

/// A home with some transactions, so that a process on it does its work on the thread that writes.
fn prepare(home: &Path, transactions: u64) {
    let store = SqliteStore::open(&database(home)).unwrap();
    (1..=transactions).for_each(|number| block_on(transact(&store, number)).unwrap());
}

/// Every n-th place, or every single one if the environment variable `VERSES_POWER_STATES` asks for much.
fn step(usual: u32) -> u32 {
    if env::var_os("VERSES_POWER_STATES").is_some() { 1 } else { usual }
}

/// Stops, or refuses, at the n-th call for each n, on a new home and on one in use. Returns at how many places.
fn sweep(calls: &str, step: u32, injection: impl Fn(u32) -> String, judge: impl Fn(&Said, &str)) -> u32 {
    let mut model = Model::new();
    let mut places = 0;
    for before in [0, 2] {
        for n in (1..ENDLESS).step_by(step as usize) {
            let home = TempDir::new().unwrap();
            if before > 0 {
                prepare(home.path(), before);
            }
            let what = format!("{calls} {n}, after {before} transactions");
            let said = run(home.path(), calls, &injection(n));
            judge(&said, &what);
            let acked = said.acked.max(before);
            let found = if database(home.path()).exists() { holds(home.path(), acked, &mut model, &what) } else { 0 };
            if said.ended && said.refused.is_none() {
                assert_eq!(found, before + TRANSACTIONS, "{what}");
                break;
            }
            places += 1;
        }
    }
    places
}

#[test]
fn a_process_killed_at_any_system_call_loses_nothing_it_acknowledged() {
    if !can_trace() {
        return;
    }
    let kill = |n| format!("signal=KILL:when={n}");
    let judge = |said: &Said, what: &str| assert!(said.refused.is_none(), "{what}: {:?}", said.refused);
    let places = sweep(WRITES, step(3), kill, judge) + sweep(SELDOM, 1, kill, judge);
    say(&format!("killed at {places} places"));
    assert!(places > 40, "{places}");
}

#[test]
fn a_process_without_room_from_any_write_on_says_so_and_loses_nothing_it_acknowledged() {
    if !can_trace() {
        return;
    }
    let places = sweep(
        WRITES,
        step(7),
        |n| format!("error=ENOSPC:when={n}+"),
        |said, what| {
            assert!(said.ended, "{what}: it ends in order");
            let text = said.refused.as_deref().unwrap_or("no room left");
            assert!(text.contains("no room left"), "{what}: {text}");
        },
    );
    say(&format!("without room at {places} places"));
    assert!(places > 15, "{places}");
}
