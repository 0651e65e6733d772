//! The server on PostgreSQL next to the database alone, side by side in one run on one machine: batches against bare bulk
//! inserts of the very same rows, single operations against pgbench, pulling against the bare query, and many users at
//! once over HTTP. `cargo bench -p verses-server --bench postgres [-- batches|singles|pull|load]`; needs the programs of a PostgreSQL server.

mod bare;
mod load;
mod singles;
mod work;

use std::time::{Duration, Instant};

use verses_pgtest::{Cluster, Durability, TestDatabase};
use verses_server::service::Service;
use verses_server::storage::postgres::{PostgresOptions, PostgresStorage, migrate};

use self::work::{CARDS, Reviews, service_on, user};

/// Settings of an ordinary small database server; commits wait for the disk.
const SETTINGS: [&str; 3] = ["shared_buffers=256MB", "max_wal_size=4GB", "checkpoint_timeout=30min"];

/// As in the `verses` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    if let Ok(url) = std::env::var(load::SERVE_VARIABLE) {
        return load::serve(url);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let cluster = Cluster::start(Durability::Full, &SETTINGS).expect("a PostgreSQL server");
    // Names of parts after `--` choose among them.
    let chosen: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |part: &str| chosen.is_empty() || chosen.iter().any(|name| name == part);
    runtime.block_on(async {
        if wanted("batches") {
            batches(&cluster).await;
        }
        if wanted("singles") {
            singles::compare(&cluster).await;
        }
        if wanted("pull") {
            pull(&cluster).await;
        }
        if wanted("load") {
            load::many_users(&cluster).await;
        }
    });
}

/// A database with the tables of Verses, served by the login that the migrations make.
async fn database(cluster: &Cluster) -> TestDatabase {
    let database = TestDatabase::in_server(&cluster.url()).expect("a database");
    migrate(&database.url()).await.expect("migrates");
    database.psql("ALTER ROLE verses_app LOGIN").expect("may log in");
    database
}

async fn storage(database: &TestDatabase, max_connections: u32) -> PostgresStorage {
    let options = PostgresOptions { max_connections, ..PostgresOptions::new(database.url_as("verses_app")) };
    PostgresStorage::open(options).await.expect("opens")
}

async fn batches(cluster: &Cluster) {
    println!("batches of reviews of one user; bare: the same rows with unnest, same indexes, RLS and durability");
    println!("{:>6} {:>8} {:>16} {:>16} {:>7}", "batch", "batches", "service ops/s", "bare ops/s", "ratio");
    for (size, count) in [(1, 400), (10, 300), (50, 200), (500, 60)] {
        let (of_service, of_bare) = batches_of(cluster, size, count).await;
        let rate = |time: Duration| (size * count) as f64 / time.as_secs_f64();
        let ratio = rate(of_service) / rate(of_bare) * 100.0;
        println!("{size:>6} {count:>8} {:>16.0} {:>16.0} {ratio:>6.0}%", rate(of_service), rate(of_bare));
    }
}

async fn batches_of(cluster: &Cluster, size: usize, count: usize) -> (Duration, Duration) {
    let (of_service, of_bare) = (database(cluster).await, database(cluster).await);
    let service = service_on(storage(&of_service, 2).await);
    let mut reviews = Reviews::start(&service, user(1)).await;
    let mut bare = bare::Bare::start(&of_service, &of_bare, user(1)).await;
    bare.insert(bare.last(CARDS).await).await;
    let mut times = (Duration::ZERO, Duration::ZERO);
    for round in 0..count + 10 {
        let request = reviews.next(size);
        let started = Instant::now();
        let response = service.batch(user(1), reviews.now(), request).await.expect("a batch");
        let served = started.elapsed();
        assert_eq!(response.summary.successful as usize, size, "{:?}", response.results.first());
        let rows = bare.last(size).await;
        let started = Instant::now();
        bare.insert(rows).await;
        let inserted = started.elapsed();
        // The first rounds fill caches.
        if round >= 10 {
            times = (times.0 + served, times.1 + inserted);
        }
    }
    times
}

/// What rows take on the disk, with their indexes.
fn sizes(database: &TestDatabase) {
    println!();
    for table in ["sync_operations", "card_events", "verse_cards"] {
        let sql = format!(
            "VACUUM FULL verses.{table}; SELECT pg_total_relation_size('verses.{table}') / (SELECT count(*) FROM verses.{table})"
        );
        // VACUUM wants a statement of its own.
        let (vacuum, size) = sql.split_once("; ").expect("two statements");
        database.psql(vacuum).expect("vacuums");
        println!("{table}: {} bytes a row with its indexes", database.psql(size).expect("a size"));
    }
}

async fn pull(cluster: &Cluster) {
    let database = database(cluster).await;
    let service: Service<PostgresStorage> = service_on(storage(&database, 2).await);
    let mut reviews = Reviews::start(&service, user(1)).await;
    while reviews.sent() + CARDS < 10_000 {
        let request = reviews.next(500);
        service.batch(user(1), reviews.now(), request).await.expect("a batch");
    }
    sizes(&database);
    let bare = bare::Feed::start(&database, user(1)).await;
    let (mut of_service, mut of_bare) = (Duration::ZERO, Duration::ZERO);
    for round in 0..12 {
        let started = Instant::now();
        let (mut cursor, mut changes) = (None, 0);
        loop {
            let page = service.changes(user(1), reviews.now(), cursor.as_deref(), Some(1_000)).await.expect("a page");
            changes += serde_json::to_vec(&page).expect("JSON").len().min(1) * page.changes.len();
            if !page.has_more {
                break;
            }
            cursor = Some(page.cursor);
        }
        let served = started.elapsed();
        let started = Instant::now();
        let rows = bare.read(1_000).await;
        let read = started.elapsed();
        assert!(changes >= 10_000 && rows == changes, "{changes} {rows}");
        if round >= 2 {
            (of_service, of_bare) = (of_service + served, of_bare + read);
        }
    }
    let ratio = of_service.as_secs_f64() / of_bare.as_secs_f64();
    println!(
        "\npulling 10,000 changes in pages of 1,000, as JSON: {:.1} ms; the bare query: {:.1} ms; {ratio:.2} times",
        of_service.as_secs_f64() * 100.0,
        of_bare.as_secs_f64() * 100.0
    );
}
