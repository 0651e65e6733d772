//! What can happen to a PostgreSQL in production, done to a real one under a real server: requests are answered with 503 and
//! `Retry-After`, nothing is half-applied, nothing that was answered is lost, and everything goes on by itself afterwards.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

#[path = "common/http.rs"]
mod http;
mod postgres_common;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{ALICE, BOB, Server, batch, config, start_over, start_over_both};
use postgres_common::options;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use verses_pgtest::{Cluster, Durability, PgTestError, Stop, TestDatabase};
use verses_server::auth::AuthBackend;
use verses_server::storage::postgres::{PostgresOptions, PostgresStorage, migrate};

/// A cluster of its own, a database in it, and a server over that.
struct World {
    server: Arc<Server>,
    database: Arc<TestDatabase>,
    cluster: Cluster,
}

async fn world(options_of: impl Fn(String) -> PostgresOptions) -> World {
    let cluster = Cluster::start(Durability::Full, &[]).unwrap();
    let database = TestDatabase::in_server(&cluster.url()).unwrap();
    migrate(&database.url()).await.unwrap();
    database.psql("ALTER ROLE verses_app LOGIN").unwrap();
    let storage = PostgresStorage::open(options_of(database.url_as("verses_app"))).await.unwrap();
    let server = Arc::new(start_over(config(), storage).await);
    World { server, database: Arc::new(database), cluster }
}

fn impatient(url: String) -> PostgresOptions {
    PostgresOptions { statement_timeout_ms: 500, lock_timeout_ms: 300, ..options(url) }
}

fn review(id: &str) -> Value {
    let verse = verses_core::VerseId::of_passage("KJV", "John.3.16");
    let data = json!({ "verseId": verse, "wasSuccessful": true, "occurredAt": 1_780_000_000_000_i64, "localDate": "2026-05-28" });
    json!({ "id": id, "type": "record_review", "data": data })
}

fn create(id: &str) -> Value {
    json!({ "id": id, "type": "create", "data": { "reference": "John 3:16", "translation": "KJV" } })
}

/// One review as a user; `true` if it was accepted. Everything else must be a 503 that says when to come back.
async fn send(server: &Server, user: &str, operations: Value) -> bool {
    let answer = server.post_as(user, &batch(&operations)).await;
    if answer.status == 200 {
        let results = answer.json()["results"].clone();
        assert!(results.as_array().unwrap().iter().all(|result| result["success"] == true), "{results}");
        return true;
    }
    assert_eq!(answer.problem(503), "unavailable");
    assert!(answer.header("retry-after").parse::<u32>().unwrap() >= 1);
    false
}

/// Sends until it is accepted, as a client does.
async fn insist(server: &Server, user: &str, operations: &Value) {
    for _ in 0..200 {
        if send(server, user, operations.clone()).await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the server did not recover");
}

/// Somebody else's SQL, while the test goes on.
fn in_background(database: &Arc<TestDatabase>, sql: String) -> JoinHandle<Result<String, PgTestError>> {
    let database = Arc::clone(database);
    tokio::task::spawn_blocking(move || database.psql(&sql))
}

/// Waits until the SQL in the background sleeps.
async fn sleeping(database: &TestDatabase) {
    let asleep = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND wait_event = 'PgSleep'";
    while database.psql(asleep).unwrap() == "0" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The history of every user has no gap, and every operation its event.
fn assert_whole(database: &TestDatabase) {
    let broken = "SELECT u.user_id FROM verses.sync_users u LEFT JOIN verses.sync_operations o USING (user_id) \
                  GROUP BY u.user_id, u.last_seq HAVING count(o.seq) <> u.last_seq OR coalesce(max(o.seq), 0) <> u.last_seq";
    assert_eq!(database.psql(broken).unwrap(), "", "a history with a gap");
    let lonely = "SELECT count(*) FROM verses.sync_operations o FULL JOIN verses.card_events e USING (user_id, operation_id) \
                  WHERE o.seq IS NULL OR e.operation_id IS NULL";
    assert_eq!(
        database.psql(lonely).unwrap(),
        "0",
        "an operation without its event, or an event without its operation"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_stopped_is_waited_for() {
    let mut world = world(options).await;
    assert!(send(&world.server, ALICE, json!([create("c")])).await);
    assert_eq!(world.server.get("/ready").await.status, 200);

    world.cluster.stop(Stop::Fast).unwrap();
    assert!(!send(&world.server, ALICE, json!([review("r-1")])).await);
    assert_eq!(world.server.get("/ready").await.status, 503);
    assert_eq!(world.server.get("/health").await.status, 200, "the process itself is well");

    world.cluster.start_again().unwrap();
    insist(&world.server, ALICE, &json!([review("r-1")])).await;
    assert_eq!(world.server.get("/ready").await.status, 200);
    assert_whole(&world.database);
}

/// A client drops its session at any refusal of a refresh but 503.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_outlive_a_database_that_is_away() {
    let mut world = world(options).await;
    let storage = PostgresStorage::open(options(world.database.url_as("verses_app"))).await.unwrap();
    let accounts = AuthBackend::Postgres(storage.accounts());
    let server = start_over_both(config(), storage, accounts).await;
    let account = json!({ "email": "ann@example.org", "password": "correct horse" });
    let session = server.auth("POST", "/signup", "", &account).await.ok();
    let token = session["access_token"].as_str().unwrap();
    let grant = json!({ "refresh_token": session["refresh_token"] });
    let calls = [
        ("POST", "/token?grant_type=refresh_token", &grant),
        ("POST", "/token?grant_type=password", &account),
        ("GET", "/user", &Value::Null),
        ("PUT", "/user", &json!({ "data": { "a": 1 } })),
        ("POST", "/logout", &Value::Null),
    ];
    world.cluster.stop(Stop::Immediate).unwrap();
    for (method, path, body) in calls {
        let answer = server.auth(method, path, token, body).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-sb-error-code")), (503, "request_timeout"), "{path}");
        assert!(answer.header("retry-after").parse::<u32>().unwrap() >= 1);
        assert!(!answer.text().contains("connect"), "what a database says is not for callers: {answer:?}");
    }
    world.cluster.start_again().unwrap();
    let mut refreshed = server.auth("POST", "/token?grant_type=refresh_token", "", &grant).await;
    for _ in 0..200 {
        if refreshed.status == 200 {
            break;
        }
        assert_eq!(refreshed.status, 503);
        tokio::time::sleep(Duration::from_millis(50)).await;
        refreshed = server.auth("POST", "/token?grant_type=refresh_token", "", &grant).await;
    }
    assert_eq!(refreshed.ok()["user"]["id"], session["user"]["id"]);
    assert_eq!(server.auth("GET", "/user", token, &Value::Null).await.status, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_crashes_in_the_middle_of_batches_loses_and_doubles_nothing() {
    let mut world = world(options).await;
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|client| {
            let (server, stop) = (Arc::clone(&world.server), Arc::clone(&stop));
            tokio::spawn(async move {
                let user = format!("00000000-0000-4000-8000-0000000001{client:02}");
                insist(&server, &user, &json!([create("c")])).await;
                let mut accepted = vec!["c".to_owned()];
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    let ids: Vec<String> = (0..20).map(|i| format!("r-{}", number + i)).collect();
                    number += 20;
                    let operations = Value::Array(ids.iter().map(|id| review(id)).collect());
                    insist(&server, &user, &operations).await;
                    accepted.extend(ids);
                }
                (user, accepted)
            })
        })
        .collect();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        world.cluster.stop(Stop::Immediate).unwrap();
        world.cluster.start_again().unwrap();
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        let (user, accepted) = client.await.unwrap();
        let there =
            world.database.psql(&format!("SELECT operation_id FROM verses.sync_operations WHERE user_id = '{user}'"));
        let there = there.unwrap();
        assert_eq!(there.lines().count(), accepted.len());
        assert_eq!(there.lines().collect::<BTreeSet<_>>(), accepted.iter().map(String::as_str).collect());
    }
    assert_whole(&world.database);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_ended_are_replaced_without_anybody_noticing() {
    let world = world(options).await;
    assert!(send(&world.server, ALICE, json!([create("c")])).await);
    let terminate = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'verses_app'";
    for round in 0..5 {
        assert_ne!(world.database.psql(terminate).unwrap(), "0", "there are connections to end");
        // The driver may not have noticed yet: the request is then begun again on a new connection.
        assert!(send(&world.server, ALICE, json!([review(&format!("r-{round}"))])).await);
    }
    assert_whole(&world.database);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_lock_is_told_to_come_back_and_others_do_not_wait() {
    let world = world(impatient).await;
    for user in [ALICE, BOB] {
        assert!(send(&world.server, user, json!([create("c")])).await);
    }
    let sql =
        format!("BEGIN; SELECT 1 FROM verses.sync_users WHERE user_id = '{ALICE}' FOR UPDATE; SELECT pg_sleep(60)");
    let holder = in_background(&world.database, sql);
    sleeping(&world.database).await;
    assert!(!send(&world.server, ALICE, json!([review("r-1")])).await);
    assert!(send(&world.server, BOB, json!([review("r-1")])).await);
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()";
    world.database.psql(end).unwrap();
    holder.await.unwrap().unwrap_err();
    insist(&world.server, ALICE, &json!([review("r-1")])).await;
    assert_whole(&world.database);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_takes_too_long_is_ended_and_leaves_nothing() {
    let world = world(impatient).await;
    assert!(send(&world.server, ALICE, json!([create("c")])).await);
    let slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NEW; END'; \
                CREATE TRIGGER slow BEFORE INSERT ON verses.verse_cards FOR EACH STATEMENT EXECUTE FUNCTION slow()";
    world.database.psql(slow).unwrap();
    assert!(!send(&world.server, ALICE, json!([review("r-1")])).await);
    assert_whole(&world.database);
    world.database.psql("DROP TRIGGER slow ON verses.verse_cards").unwrap();
    insist(&world.server, ALICE, &json!([review("r-1")])).await;
    assert_whole(&world.database);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_a_free_connection_is_waited_for() {
    let world = world(options).await;
    assert!(send(&world.server, ALICE, json!([create("c")])).await);
    let none = "ALTER ROLE verses_app CONNECTION LIMIT 0; \
                SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'verses_app'";
    world.database.psql(none).unwrap();
    assert!(!send(&world.server, ALICE, json!([review("r-1")])).await);
    world.database.psql("ALTER ROLE verses_app CONNECTION LIMIT -1").unwrap();
    insist(&world.server, ALICE, &json!([review("r-1")])).await;
    assert_whole(&world.database);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_change_cut_by_a_crash_is_done_by_the_next_start() {
    let mut cluster = Cluster::start(Durability::Full, &[]).unwrap();
    let database = Arc::new(TestDatabase::in_server(&cluster.url()).unwrap());
    // The change waits for a table that somebody else is making: then the power goes.
    database.psql("CREATE SCHEMA verses").unwrap();
    let hold = "BEGIN; CREATE TABLE verses.verses (n int); SELECT pg_sleep(60)";
    let holder = in_background(&database, hold.to_owned());
    sleeping(&database).await;
    let url = database.url();
    let change = tokio::spawn(async move { migrate(&url).await });
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    for _ in 0..40 {
        if database.psql(waits).unwrap() != "0" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    cluster.stop(Stop::Immediate).unwrap();
    assert!(change.await.unwrap().unwrap_err().is_retryable());
    holder.await.unwrap().unwrap_err();
    cluster.start_again().unwrap();
    migrate(&database.url()).await.unwrap();
    assert_eq!(database.psql("SELECT count(*) FROM verses.meta").unwrap(), "1");
}

/// Rows of the ledger lie on a small disk of their own. Mounting one takes root; elsewhere this test has nothing to do.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_waited_out() {
    let disk = tempfile::tempdir().unwrap();
    let mount = |arguments: &[&str]| {
        std::process::Command::new("mount")
            .args(arguments)
            .arg(disk.path())
            .stderr(std::process::Stdio::null())
            .status()
    };
    if !mount(&["-t", "tmpfs", "-o", "size=4m,mode=0777", "tmpfs"]).is_ok_and(|status| status.success()) {
        eprintln!("no small disk can be mounted here: not tested");
        return;
    }
    let world = world(options).await;
    let folder = disk.path().display();
    let own = std::process::Command::new("chown").arg("postgres").arg(disk.path()).status();
    assert!(own.unwrap().success());
    world.database.psql(&format!("CREATE TABLESPACE small LOCATION '{folder}'")).unwrap();
    world.database.psql("ALTER TABLE verses.sync_operations SET TABLESPACE small").unwrap();
    insist(&world.server, ALICE, &json!([create("c")])).await;
    let mut number = 0;
    let refused = loop {
        let ids: Vec<String> = (0..200).map(|i| format!("r-{}", number + i)).collect();
        number += 200;
        let operations = Value::Array(ids.iter().map(|id| review(id)).collect());
        if !send(&world.server, ALICE, operations.clone()).await {
            break operations;
        }
        assert!(number < 100_000, "the disk is full at last");
    };
    assert_whole(&world.database);
    assert!(mount(&["-o", "remount,size=64m"]).unwrap().success());
    insist(&world.server, ALICE, &refused).await;
    assert_whole(&world.database);
    drop(world);
    assert!(std::process::Command::new("umount").arg(disk.path()).status().unwrap().success());
}
