//! What a batch costs: reviews through the service on a SQLite file, next to bare multi-row inserts of the very same
//! rows into the same schema with the same durability, in turns in one run. Then the memory over 1,000 batches.
//!
//! `cargo bench -p verses-server`. A batch begins as the decoded request; HTTP is not in it.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use serde_json::json;
use uuid::Uuid;
use verses_core::UnixMillis;
use verses_protocol::{BatchOperation, BatchRequest, BatchTag, Limits};
use verses_server::service::Service;
use verses_server::storage::sqlite::SqliteStorage;
use verses_server::texts::Texts;

const CARDS: usize = 500;
const START: i64 = 1_750_000_000_000;
const DAY: i64 = 86_400_000;
const USER: Uuid = Uuid::from_u128(0xB0B);

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    println!("{:>6} {:>8} {:>16} {:>16} {:>7}", "batch", "batches", "service ops/s", "bare ops/s", "ratio");
    for (size, batches) in [(10, 400), (50, 300), (500, 100)] {
        let (service, bare) = runtime.block_on(compare(size, batches));
        let rate = |time: Duration| (size * batches) as f64 / time.as_secs_f64();
        let ratio = rate(service) / rate(bare) * 100.0;
        println!("{size:>6} {batches:>8} {:>16.0} {:>16.0} {ratio:>6.0}%", rate(service), rate(bare));
    }
    runtime.block_on(memory());
}

/// Times of all batches through the service, and of the same rows inserted bare.
async fn compare(size: usize, batches: usize) -> (Duration, Duration) {
    let home = tempfile::tempdir().expect("a directory");
    let mut bench = Bench::start(&home.path().join("service.db")).await;
    let mut bare = Bare::start(&home.path().join("bare.db"), &home.path().join("service.db"), size);
    let (mut service_time, mut bare_time) = (Duration::ZERO, Duration::ZERO);
    for round in 0..batches + 5 {
        let request = bench.reviews(size);
        let now = bench.now();
        let started = Instant::now();
        let response = bench.service.batch(USER, now, request).await.expect("a batch");
        let of_service = started.elapsed();
        assert_eq!(response.summary.successful as usize, size, "{:?}", response.results.first());
        let rows = bare.rows_of_last(size);
        let started = Instant::now();
        bare.insert(rows);
        let of_bare = started.elapsed();
        // The first rounds prepare statements and fill caches.
        if round >= 5 {
            service_time += of_service;
            bare_time += of_bare;
        }
    }
    (service_time, bare_time)
}

async fn memory() {
    let home = tempfile::tempdir().expect("a directory");
    let mut bench = Bench::start(&home.path().join("service.db")).await;
    for round in 1..=1_000 {
        let request = bench.reviews(50);
        bench.service.batch(USER, bench.now(), request).await.expect("a batch");
        if round == 100 || round == 1_000 {
            println!("resident memory after {round} batches of 50: {} KiB", resident_kib());
        }
    }
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}

struct Bench {
    service: Service<SqliteStorage>,
    verses: Vec<String>,
    sent: usize,
}

impl Bench {
    async fn start(path: &Path) -> Self {
        let storage = SqliteStorage::open(path).expect("opens");
        let service = Service::new(storage, Texts::none(), Limits::default());
        let operations = (0..CARDS)
            .map(|number| BatchOperation {
                id: format!("create-{number}"),
                kind: "create".into(),
                data: json!({"reference": format!("My text {number}"), "text": "Some words to learn by heart.",
                             "occurredAt": START, "localDate": "2025-06-15"}),
            })
            .collect();
        let response = service.batch(USER, UnixMillis(START), request(operations)).await.expect("a batch");
        let verse = |data: &serde_json::Value| data["verse"]["id"].as_str().map(str::to_owned);
        let verses: Vec<_> = response.results.iter().filter_map(|result| verse(result.data.as_ref()?)).collect();
        assert_eq!(verses.len(), CARDS, "{:?}", response.results.first());
        Self { service, verses, sent: 0 }
    }

    /// Reviews of one card after the other, a day later each time round.
    fn reviews(&mut self, size: usize) -> BatchRequest {
        let operations = (0..size).map(|_| {
            let (number, day) = (self.sent, (self.sent / CARDS) as i64 + 1);
            self.sent += 1;
            let date = jiff::civil::date(2025, 6, 15).saturating_add(jiff::Span::new().days(day));
            BatchOperation {
                id: Uuid::from_u128((1 << 100) | number as u128).to_string(),
                kind: "record_review".into(),
                data: json!({"verseId": self.verses[number % CARDS], "wasSuccessful": number % 7 != 0,
                             "occurredAt": START + day * DAY + (number % CARDS) as i64, "localDate": date.to_string(),
                             "reviewTimeSeconds": 20}),
            }
        });
        request(operations.collect())
    }

    fn now(&self) -> UnixMillis {
        UnixMillis(START + (self.sent / CARDS) as i64 * DAY + 2 * DAY)
    }
}

fn request(operations: Vec<BatchOperation>) -> BatchRequest {
    BatchRequest { operation: BatchTag::Batch, batch_id: "bench".into(), operations, cursor: None, pull: false }
}

/// The same rows without the service: prepared multi-row inserts, one transaction per batch.
struct Bare {
    target: Connection,
    source: Connection,
    statements: [String; 3],
}

/// Rows of the three tables, flattened.
type Rows = [Vec<Value>; 3];

const TABLES: [(&str, usize, &str, &str); 3] = [
    ("sync_operations", 10, "seq > (SELECT max(seq) FROM sync_operations) - ?1", ""),
    ("card_events", 10, "operation_id IN (SELECT operation_id FROM sync_operations ORDER BY seq DESC LIMIT ?1)", ""),
    (
        "verse_cards",
        15,
        "verse_id IN (SELECT verse_id FROM sync_operations ORDER BY seq DESC LIMIT ?1)",
        "ON CONFLICT (user_id, verse_id) DO UPDATE SET current_phase = excluded.current_phase, \
         phase_progress_count = excluded.phase_progress_count, current_streak = excluded.current_streak, \
         best_streak = excluded.best_streak, last_reviewed_at = excluded.last_reviewed_at, \
         next_due_date = excluded.next_due_date, assigned_day_of_week = excluded.assigned_day_of_week, \
         assigned_week_parity = excluded.assigned_week_parity, assigned_day_of_month = excluded.assigned_day_of_month, \
         archived = excluded.archived, updated_at = excluded.updated_at, fold = excluded.fold",
    ),
];

impl Bare {
    fn start(path: &Path, service: &Path, size: usize) -> Self {
        drop(SqliteStorage::open(path).expect("opens"));
        let target = Connection::open(path).expect("opens");
        for (name, value) in [("synchronous", "FULL"), ("foreign_keys", "ON"), ("temp_store", "MEMORY")] {
            target.pragma_update(None, name, value).expect("settings");
        }
        target.execute("INSERT INTO sync_users VALUES (?1, 0, zeroblob(16))", [USER.as_bytes()]).expect("a user");
        let source = Connection::open(service).expect("opens");
        let statement = |(table, columns, _, tail): (&str, usize, &str, &str)| {
            let row = format!("({})", vec!["?"; columns].join(","));
            format!("INSERT INTO {table} VALUES {} {tail}", vec![row; size].join(","))
        };
        Self { target, source, statements: TABLES.map(statement) }
    }

    fn rows_of_last(&self, size: usize) -> Rows {
        TABLES.map(|(table, columns, condition, _)| {
            let sql = format!("SELECT * FROM {table} WHERE {condition}");
            let mut statement = self.source.prepare_cached(&sql).expect("prepares");
            let mut rows = statement.query([size as i64]).expect("reads");
            let mut values = Vec::new();
            while let Some(row) = rows.next().expect("reads") {
                values.extend((0..columns).map(|column| row.get::<_, Value>(column).expect("a value")));
            }
            assert_eq!(values.len(), size * columns, "{table}");
            values
        })
    }

    fn insert(&mut self, rows: Rows) {
        let transaction = self.target.transaction().expect("begins");
        for (sql, values) in self.statements.iter().zip(rows) {
            transaction.prepare_cached(sql).and_then(|mut s| s.execute(params_from_iter(values))).expect("inserts");
        }
        transaction.commit().expect("commits");
    }
}
