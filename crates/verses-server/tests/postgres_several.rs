//! Several servers on one database: pokes reach the devices of the others, cursors skip nothing while transactions are held
//! open, and servers are replaced under load without a failed operation.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

#[path = "common/http.rs"]
mod http;
mod postgres_common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{ALICE, BOB, CHANGES, EVENTS, Server, batch, config, start_over, token};
use postgres_common::{database, options};
use serde_json::{Value, json};
use verses_pgtest::TestDatabase;
use verses_server::storage::postgres::PostgresStorage;

async fn server_on(database: &TestDatabase) -> Server {
    let storage = PostgresStorage::open(options(database.url_as("verses_app"))).await.unwrap();
    start_over(config(), storage).await
}

fn create(id: &str, reference: &str) -> Value {
    json!({ "id": id, "type": "create", "data": { "reference": reference, "translation": "KJV" } })
}

async fn add(server: &Server, user: &str, id: &str, reference: &str) {
    let answer = server.post_as(user, &batch(&json!([create(id, reference)]))).await.ok();
    assert_eq!(answer["summary"]["successful"], 1, "{answer}");
}

/// A stream of pokes that is read until one comes.
async fn poked(stream: &mut reqwest::Response) {
    loop {
        let piece = stream.chunk().await.unwrap().expect("the stream goes on");
        if String::from_utf8_lossy(&piece).contains("event: change") {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_server_accepts_is_told_to_devices_at_another() {
    let database = database().await;
    let (one, two) = (server_on(&database).await, server_on(&database).await);
    let listening = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'verses-pokes' AND datname = current_database() \
         AND state = 'idle' AND query <> ''";
    while database.psql(listening).unwrap() != "2" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut alice = two.request("GET", EVENTS).bearer_auth(token(ALICE)).send().await.unwrap();
    let mut bob = two.request("GET", EVENTS).bearer_auth(token(BOB)).send().await.unwrap();
    add(&one, ALICE, "a", "John 3:16").await;
    poked(&mut alice).await;
    let nothing = tokio::time::timeout(Duration::from_millis(300), poked(&mut bob)).await;
    assert!(nothing.is_err(), "nobody told Bob anything");

    // The connection that listens is lost: what was said meanwhile may have been missed, so everybody asks.
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'verses-pokes' AND datname = current_database()";
    assert_eq!(database.psql(cut).unwrap(), "2");
    poked(&mut bob).await;
    poked(&mut alice).await;
    while database.psql(listening).unwrap() != "2" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    add(&one, BOB, "b", "Psalm 23").await;
    poked(&mut bob).await;
}

/// Everything the feed lists after a cursor, and the cursor behind it.
async fn pull(server: &Server, user: &str, cursor: &mut Option<String>) -> Vec<String> {
    let mut ids = Vec::new();
    loop {
        let query = cursor.as_ref().map(|c| format!("&cursor={c}")).unwrap_or_default();
        let page = server.get_as(user, &format!("{CHANGES}?limit=7{query}")).await.ok();
        assert_ne!(page["reset"], true, "it is the same history");
        ids.extend(page["changes"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap().to_owned()));
        *cursor = Some(page["cursor"].as_str().unwrap().to_owned());
        if page["hasMore"] != true {
            return ids;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_skips_nothing_while_transactions_are_held_open() {
    let database = database().await;
    // Every third transaction stays open for a while after it has written, just before it commits.
    database
        .psql(
            "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN IF random() < 0.34 THEN PERFORM pg_sleep(random() * 0.05); END IF; RETURN NULL; END'; \
             CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT ON verses.sync_operations DEFERRABLE INITIALLY DEFERRED \
             FOR EACH ROW EXECUTE FUNCTION dawdle()",
        )
        .unwrap();
    let servers = Arc::new([server_on(&database).await, server_on(&database).await]);
    let done = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..6)
        .map(|writer| {
            let servers = Arc::clone(&servers);
            tokio::spawn(async move {
                for number in 0..25 {
                    let id = format!("w{writer}-{number}");
                    add(&servers[writer % 2], ALICE, &id, &format!("Psalm 119:{}", writer * 25 + number + 1)).await;
                }
            })
        })
        .collect();
    let pullers: Vec<_> = (0..2)
        .map(|puller| {
            let (servers, done) = (Arc::clone(&servers), Arc::clone(&done));
            tokio::spawn(async move {
                let (mut cursor, mut seen) = (None, Vec::new());
                loop {
                    let last_round = done.load(Ordering::SeqCst);
                    seen.extend(pull(&servers[puller], ALICE, &mut cursor).await);
                    if last_round {
                        return seen;
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    let order = database
        .psql(&format!("SELECT operation_id FROM verses.sync_operations WHERE user_id = '{ALICE}' ORDER BY seq"));
    let order: Vec<String> = order.unwrap().lines().map(str::to_owned).collect();
    assert_eq!(order.len(), 150);
    for puller in pullers {
        assert_eq!(puller.await.unwrap(), order, "everything, once, in order");
    }
}

/// Servers behind a balancer that knows which of them are there.
type Balancer = Arc<Mutex<BTreeMap<usize, Arc<Server>>>>;

fn pick(balancer: &Balancer, number: usize) -> Arc<Server> {
    let servers = balancer.lock().unwrap();
    Arc::clone(servers.values().nth(number % servers.len()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_are_replaced_under_load_without_a_failed_operation() {
    let database = database().await;
    let balancer: Balancer = Arc::default();
    for number in 0..2 {
        let server = Arc::new(server_on(&database).await);
        balancer.lock().unwrap().insert(number, server);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|client| {
            let (balancer, stop) = (Arc::clone(&balancer), Arc::clone(&stop));
            tokio::spawn(async move {
                let user = format!("00000000-0000-4000-8000-0000000002{client:02}");
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    let (id, server) = (format!("op-{number}"), pick(&balancer, client + number));
                    add(&server, &user, &id, &format!("Psalm 119:{}", number % 176 + 1)).await;
                    number += 1;
                }
                (user, number)
            })
        })
        .collect();
    for round in 2..8 {
        let server = Arc::new(server_on(&database).await);
        let old = {
            let mut servers = balancer.lock().unwrap();
            servers.insert(round, server);
            servers.remove(&(round - 2)).unwrap()
        };
        // Nobody is sent there any more; what is under way is finished.
        let mut old = Some(old);
        let old = loop {
            match Arc::try_unwrap(old.take().unwrap()) {
                Ok(server) => break server,
                Err(shared) => old = Some(shared),
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        old.stop().await;
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        let (user, made) = client.await.unwrap();
        let there = format!("SELECT count(*) FROM verses.sync_operations WHERE user_id = '{user}'");
        assert!(made > 0 && database.psql(&there).unwrap().parse::<usize>().unwrap() <= made);
    }
}
