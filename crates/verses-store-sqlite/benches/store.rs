//! Figures of the SQLite store: a durable enqueue beside a bare transaction, and opening a home with 100,000 queued operations.
//!
//! Prints; judges nothing. Run on the disk the store will live on: `cargo bench -p verses-store-sqlite`.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use batchsync::{BatchConfig, Engine, QueuePosition};
use jiff::civil::date;
use rusqlite::{Connection, TransactionBehavior, params};
use tempfile::TempDir;
use verses_core::Phase;
use verses_store::conformance::{ANNA, EPOCH, block_on, card, enqueue_row, event, queued, reviewed, verse, verse_id};
use verses_store::{LocalStore, StoreChange};
use verses_store_sqlite::SqliteStore;

/// Transactions of each kind.
const ROUNDS: u32 = 400;
/// Verses there before, each with a card, an event and a queued operation.
const LIBRARY: u32 = 4_000;
/// Operations in the home that is opened.
const QUEUED: u32 = 100_000;
/// Cards they are reviews of.
const CARDS: u32 = 2_000;
/// Rows per page of the queue.
const PAGE: u32 = 1_000;
const CHILD: &str = "VERSES_STORE_BENCH_OPEN";

fn main() {
    if let Some(path) = env::var_os(CHILD) {
        return open_and_load(Path::new(&path));
    }
    let home = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    compare_transactions(home.path());
    let path = home.path().join("full.db");
    fill(&path);
    println!(
        "\nopening a home with {QUEUED} queued reviews of {CARDS} cards ({} MiB), each time in a new process:",
        mebibytes(&path)
    );
    for _ in 0..5 {
        let child = Command::new(env::current_exe().expect("a path")).env(CHILD, &path).status();
        assert!(child.expect("a child").success());
    }
}

fn mebibytes(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len() >> 20)
}

struct Series {
    name: &'static str,
    times: Vec<Duration>,
}

impl Series {
    fn new(name: &'static str) -> Self {
        Self { name, times: Vec::new() }
    }

    fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let done = work();
        self.times.push(start.elapsed());
        done
    }

    /// Milliseconds at a share of the sorted times.
    fn at(&self, share: f64) -> f64 {
        let mut times = self.times.clone();
        times.sort();
        times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1_000.0
    }

    fn print(&self, bare: &Self) {
        let (half, most) = (self.at(0.5), self.at(0.95));
        let (ratio, most_ratio) = (half / bare.at(0.5), most / bare.at(0.95));
        println!("{:<58} p50 {half:7.3} ms ({ratio:4.2}x)  p95 {most:7.3} ms ({most_ratio:4.2}x)", self.name);
    }
}

/// A connection with the store's own settings and nothing else.
fn bare(path: &Path) -> Connection {
    let connection = Connection::open(path).expect("a file");
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).expect("a log");
    connection.pragma_update(None, "synchronous", "FULL").expect("full");
    connection
        .execute_batch("CREATE TABLE bare (id TEXT PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID")
        .expect("a table");
    connection
}

fn insert_bare(connection: &mut Connection, id: &str, data: &str) {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).expect("begin");
    transaction
        .prepare_cached("INSERT INTO bare VALUES (?1, ?2)")
        .expect("a statement")
        .execute(params![id, data])
        .expect("a row");
    transaction.commit().expect("commit");
}

fn lengthen_log(connection: &mut Connection) {
    let transaction = connection.transaction().expect("begin");
    for n in 0..10 * LIBRARY {
        let row = params![format!("before {n:020}"), "x".repeat(200)];
        transaction
            .prepare_cached("INSERT INTO bare VALUES (?1, ?2)")
            .expect("a statement")
            .execute(row)
            .expect("a row");
    }
    transaction.commit().expect("commit");
}

/// What a review writes: card, event, clock, queue.
fn review(n: u32, verse: u32) -> Vec<StoreChange> {
    let owner = || ANNA.to_owned();
    let mut row = queued(ANNA, n);
    row.meta.entity = format!("card/{}", verse_id(verse));
    vec![
        StoreChange::PutCard { owner: owner(), card: card(verse, Phase::Daily, date(2025, 6, 17)) },
        StoreChange::PutEvent { owner: owner(), event: event(n, verse, i64::from(n), reviewed()), seq: None },
        StoreChange::PutMeta { key: "last_occurred_at".to_owned(), value: n.to_string() },
        enqueue_row(row),
    ]
}

/// What adding a verse writes: the verse besides.
fn create(n: u32) -> Vec<StoreChange> {
    let mut changes = review(n, n);
    changes.push(StoreChange::PutVerse { owner: ANNA.to_owned(), verse: verse(n) });
    changes
}

/// Interleaved, so that whatever else the machine does falls on all of them alike.
fn compare_transactions(home: &Path) {
    let mut connection = bare(&home.join("bare.db"));
    let store = SqliteStore::open(&home.join("verses.db")).expect("a store");
    // Both logs have their full size before anything is timed: making a file longer costs more than writing over it.
    block_on(store.commit(None, (0..LIBRARY).flat_map(create).collect())).expect("a library");
    lengthen_log(&mut connection);
    let mut bare = Series::new("bare transaction, one row");
    let mut reviews = Series::new("review: card, event, clock, queue row");
    let mut creates = Series::new("added verse: verse, card, event, clock, queue row");
    let mut decided = Series::new("review as the client does it: totals, revision, commit");
    for round in 0..ROUNDS {
        let n = LIBRARY + round * 3;
        let row = queued(ANNA, n);
        let data = serde_json::to_string(&row.data).expect("JSON");
        bare.time(|| insert_bare(&mut connection, &row.meta.id, &data));
        let changes = review(n, round);
        reviews.time(|| block_on(store.commit(None, changes)).expect("a commit"));
        let changes = create(n + 1);
        creates.time(|| block_on(store.commit(None, changes)).expect("a commit"));
        let changes = review(n + 2, round);
        decided.time(|| {
            let base = block_on(store.revision()).expect("a revision");
            block_on(store.queue_totals(ANNA)).expect("totals");
            block_on(store.commit(Some(base), changes)).expect("a commit")
        });
    }
    println!("{ROUNDS} durable transactions of each kind, interleaved:");
    for series in [&bare, &reviews, &creates, &decided] {
        series.print(&bare);
    }
}

fn fill(path: &Path) {
    let store = SqliteStore::open(path).expect("a store");
    for from in (0..QUEUED).step_by(5_000) {
        let changes = (from..from + 5_000).flat_map(|n| review(n, n % CARDS)).collect();
        block_on(store.commit(None, changes)).expect("a commit");
    }
}

fn resident_mib() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = peak.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib / 1_024.0)
}

/// The queue page by page into an engine, as a client does at its start; then the store alone.
fn open_and_load(path: &Path) {
    let start = Instant::now();
    let store = SqliteStore::open(path).expect("a store");
    let opened = start.elapsed();
    let mut engine = Engine::new(BatchConfig::default(), 7).expect("a configuration");
    let mut rows = 0;
    let mut next = store.queue_metas(None, PAGE);
    loop {
        let page = block_on(next).expect("a page");
        let Some(last) = page.last() else { break };
        // Read while the engine takes in this one.
        next = store.queue_metas(Some(last.position), PAGE);
        rows += page.len();
        let settled = engine.load(EPOCH, page);
        assert!(settled.changes.is_empty(), "nothing was on its way");
    }
    let loaded = start.elapsed();
    let totals = block_on(store.queue_totals(ANNA)).expect("totals");
    assert_eq!((rows, totals.waiting), (QUEUED as usize, u64::from(QUEUED)));
    let peak = resident_mib().map_or_else(|| "not known here".to_owned(), |mib| format!("{mib:.1} MiB"));
    let reading = read_only(&store);
    let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
    println!(
        "opened in {:5.1} ms, all rows in the engine after {:6.1} ms; peak resident memory {peak}; reading alone {:6.1} ms",
        ms(opened),
        ms(loaded),
        ms(reading)
    );
}

/// The store's share: every row read and dropped.
fn read_only(store: &SqliteStore) -> Duration {
    let start = Instant::now();
    let mut after = None::<QueuePosition>;
    while let Some(last) = block_on(store.queue_metas(after, PAGE)).expect("a page").last() {
        after = Some(last.position);
    }
    start.elapsed()
}
