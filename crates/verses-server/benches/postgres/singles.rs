//! Single operations of several users at once, next to pgbench with a transaction that writes the same rows.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use verses_pgtest::Cluster;

use crate::work::{Reviews, service_on, user};

const CLIENTS: usize = 8;
const SECONDS: u64 = 8;

pub(crate) async fn compare(cluster: &Cluster) {
    println!("\nsingle operations, {CLIENTS} users at once, {SECONDS} s each, in turns");
    let (mut service, mut pgbench) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        service.push(through_the_service(cluster).await);
        pgbench.push(through_pgbench(cluster).await);
    }
    let mean = |all: &[f64]| all.iter().sum::<f64>() / all.len() as f64;
    let (service, pgbench) = (mean(&service), mean(&pgbench));
    println!("service {service:.0}/s, pgbench {pgbench:.0}/s: {:.0}%", service / pgbench * 100.0);
}

async fn through_the_service(cluster: &Cluster) -> f64 {
    let database = crate::database(cluster).await;
    let service = service_on(crate::storage(&database, u32::try_from(CLIENTS).expect("few")).await);
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let user = user(number as u128 + 1);
        clients.push((user, Reviews::start(&service, user).await));
    }
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let started = Instant::now();
    let tasks: Vec<_> = clients
        .into_iter()
        .map(|(user, mut reviews)| {
            let (service, stop, done) = (service.clone(), Arc::clone(&stop), Arc::clone(&done));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let operation = reviews.one();
                    let result = service.operation(user, reviews.now(), operation).await.expect("an answer");
                    assert!(result.success, "{result:?}");
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(SECONDS)).await;
    let rate = done.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.expect("ends");
    }
    rate
}

async fn through_pgbench(cluster: &Cluster) -> f64 {
    let database = crate::database(cluster).await;
    let script = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(script.path(), SCRIPT).expect("writes");
    database.psql(&users()).expect("writes");
    let (url, path) = (database.url_as("verses_app"), script.path().to_owned());
    let output = tokio::task::spawn_blocking(move || run(&url, &path)).await.expect("ends");
    let rate = |line: &str| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok();
    output.lines().find_map(rate).unwrap_or_else(|| panic!("pgbench says no rate:\n{output}"))
}

fn run(url: &str, script: &std::path::Path) -> String {
    let programs = verses_pgtest::Programs::find().expect("PostgreSQL");
    let mut command = Command::new(programs.path("pgbench"));
    command.args(["-n", "-M", "prepared", "-c", &CLIENTS.to_string(), "-j", "2", "-T", &SECONDS.to_string()]);
    let output = command.args(["-D", "n=0", "-f"]).arg(script).arg(url).output().expect("pgbench runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A row to lock for each client.
fn users() -> String {
    (0..CLIENTS).fold(String::new(), |sql, client| {
        sql + &format!("INSERT INTO verses.sync_users VALUES ('00000000-0000-4000-8000-{client:012}', 0, ''); ")
    })
}

/// What a review writes, as pgbench can say it (a colon before a word would be a variable): who acts, the lock, a ledger entry, an event, a card, the position.
const SCRIPT: &str = r#"\set n :n + 1
BEGIN;
SELECT set_config('role', 'authenticated', true), set_config('request.jwt.claims', '{"sub":"00000000-0000-4000-8000-' || lpad(:client_id::text, 12, '0') || '","role":"authenticated"}', true), set_config('request.jwt.claim.sub', '00000000-0000-4000-8000-' || lpad(:client_id::text, 12, '0'), true);
SELECT last_seq, last_chain FROM verses.sync_users WHERE user_id = ('00000000-0000-4000-8000-' || lpad(:client_id::text, 12, '0'))::uuid FOR UPDATE;
INSERT INTO verses.sync_operations VALUES (('00000000-0000-4000-8000-' || lpad(:client_id::text, 12, '0'))::uuid, :n::bigint, '00000000-0000-4000-8000-' || lpad(:n::text, 12, '0'), 'record_review', '\x0000000000000000000000000000000000000000000000000000000000000000', '\x00000000000000000000000000000000', '{"type":"record_review","data": {"verseId":"00000000-0000-4000-8000-000000000000","wasSuccessful": true,"occurredAt": 1750000000000,"localDate":"2025-06-15","reviewTimeSeconds": 20}}', '00000000-0000-4000-8000-000000000000', '{"userCard": {"verseId":"00000000-0000-4000-8000-000000000000","currentPhase":"daily","phaseProgressCount": 3,"currentStreak": 3,"bestStreak": 9,"lastReviewedAt": 1750000000000,"nextDueDate":"2025-06-16","archived": false,"createdAt": 1750000000000,"updatedAt": 1750000000000},"duplicate": false}', 1750000000000);
INSERT INTO verses.card_events VALUES (('00000000-0000-4000-8000-' || lpad(:client_id::text, 12, '0'))::uuid, ('00000000-0000-4000-8000-' || lpad((:n % 500)::text, 12, '0'))::uuid, 1750000000000 + :n, '00000000-0000-4000-8000-' || lpad(:n::text, 12, '0'), '2025-06-15', 'reviewed', true, 20, NULL, NULL);
INSERT INTO verses.verse_cards VALUES (('00000000-0000-4000-8000-' || lpad(:client_id::text, 12, '0'))::uuid, ('00000000-0000-4000-8000-' || lpad((:n % 500)::text, 12, '0'))::uuid, 'daily', 1, 1, 1, 1750000000000, '2025-06-16', NULL, NULL, NULL, false, 1, 1, '{"lastEvent": {"occurredAt": 1750000000000,"operationId":"00000000-0000-4000-8000-000000000000"},"reviewDates": ["2025-06-15"]}') ON CONFLICT (user_id, verse_id) DO UPDATE SET phase_progress_count = excluded.phase_progress_count, current_streak = excluded.current_streak, best_streak = excluded.best_streak, last_reviewed_at = excluded.last_reviewed_at, next_due_date = excluded.next_due_date, updated_at = excluded.updated_at, fold = excluded.fold;
UPDATE verses.sync_users SET last_seq = :n, last_chain = '\x00000000000000000000000000000000' WHERE user_id = ('00000000-0000-4000-8000-' || lpad(:client_id::text, 12, '0'))::uuid;
COMMIT;
"#;
