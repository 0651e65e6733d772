//! Every earlier schema is made, filled through its own columns, opened by this release, and compared row by row.

use std::path::Path;

use batchsync::OperationStatus;
use jiff::civil::date;
use rusqlite::{Connection, params};
use tempfile::TempDir;
use verses_core::{Card, CardEvent, Phase};
use verses_store::conformance::{
    ANNA, BEN, block_on, card, enqueue, event, every_event_kind, every_status, profile, queued, verse,
};
use verses_store::{GUEST, LocalStore, QueueTotals, QueuedOperation, Revision, StoreError};

use super::*;
use crate::SqliteStore;
use crate::rows;

/// Operations in the queue of an old file.
const OPERATIONS: u32 = 3_000;

/// Positions had gaps, from operations that left.
const LAST_POSITION: i64 = 9_000;

fn owner(n: u32) -> &'static str {
    [ANNA, BEN, GUEST][n as usize % 3]
}

/// The `n`th operation as it was queued by the release of a version.
fn operation(version: u32, n: u32) -> QueuedOperation {
    let mut row = queued(owner(n), n);
    let statuses = every_status();
    row.meta.position = i64::from(n) * 3 + 1;
    row.meta.status = statuses[n as usize % statuses.len()].clone();
    row.meta.retry_count = n % 4;
    row.meta.ever_sent = version == 1 || n.is_multiple_of(2);
    row.meta.depends_on = (version > 1 && n % 5 == 4).then(|| queued(owner(n), n - 3).meta.id);
    row
}

fn card_of(n: u32) -> Card {
    let mut card =
        card(n, [Phase::Daily, Phase::Weekly, Phase::Biweekly, Phase::Monthly][n as usize % 4], date(2025, 6, 16));
    card.archived = n % 7 == 6;
    card
}

fn event_of(n: u32) -> CardEvent {
    let kinds = every_event_kind();
    event(n, n / 2, i64::from(n % 5), kinds[n as usize % kinds.len()].clone())
}

fn put_local_rows(connection: &Connection) {
    let verse_row =
        "INSERT INTO verses (user_id, verse_id, reference, osis, text, translation, is_verified, created_at,
        updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let card_row = "INSERT INTO verse_cards VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
    for n in 0..200 {
        let v = verse(n);
        let id = v.id.to_string();
        let row =
            params![ANNA, id, v.reference, v.osis, v.text, v.translation, n % 2 == 0, v.created_at.0, v.updated_at.0];
        connection.prepare_cached(verse_row).unwrap().execute(row).unwrap();
        let c = card_of(n);
        let row = params![
            ANNA,
            id,
            rows::phase_code(c.current_phase),
            c.phase_progress_count,
            c.current_streak,
            c.best_streak,
            c.last_reviewed_at.map(|at| at.0),
            c.next_due_date.to_string(),
            c.assigned_day_of_week,
            c.assigned_week_parity,
            c.assigned_day_of_month,
            c.archived,
            c.created_at.0,
            c.updated_at.0,
            serde_json::to_string(&c.fold).unwrap()
        ];
        connection.prepare_cached(card_row).unwrap().execute(row).unwrap();
    }
    let profile = serde_json::to_string(&profile(1)).unwrap();
    connection.execute("INSERT INTO user_profiles VALUES (?1, ?2, 1)", params![ANNA, profile]).unwrap();
    connection.execute("INSERT INTO meta VALUES ('device_id', '\"d\"')", []).unwrap();
}

/// Events are put through their JSON, whose fields are the columns' names.
fn put_events(connection: &Connection) {
    let row = "INSERT INTO card_events (user_id, verse_id, occurred_at, operation_id, local_date, kind, was_successful,
        review_time_seconds, phase, slot) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let kinds = ["created", "reviewed", "archived", "restored", "phase_set"];
    let phases = ["daily", "weekly", "biweekly", "monthly"];
    for n in 0..400 {
        let e = event_of(n);
        let json = serde_json::to_value(&e).unwrap();
        let code = |names: &[&str], field: &str| {
            json[field].as_str().map(|name| names.iter().position(|known| *known == name).unwrap() as i64)
        };
        let slot = json.get("slot").map(ToString::to_string);
        let row_params = params![
            ANNA,
            e.verse_id.to_string(),
            e.occurred_at.0,
            e.operation_id.as_str(),
            e.local_date.to_string(),
            code(&kinds, "event"),
            json["wasSuccessful"].as_bool(),
            json["reviewTimeSeconds"].as_u64().map(|s| s as i64),
            code(&phases, "phase"),
            slot
        ];
        connection.prepare_cached(row).unwrap().execute(row_params).unwrap();
    }
}

fn put_queue(connection: &Connection, version: u32) {
    for n in 0..OPERATIONS {
        let QueuedOperation { meta, local_ref, data, .. } = operation(version, n);
        let data = serde_json::to_string(&data).unwrap();
        let code = rows::status_code(&meta.status);
        let detail = (meta.status != OperationStatus::Pending).then(|| serde_json::to_string(&meta.status).unwrap());
        let common =
            "position, id, kind, user_id, entity, local_ref, data, payload_bytes, queued_at, retry_count, status,
            status_detail";
        let sql =
            format!("INSERT INTO sync_queue ({common}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)");
        let later = format!(
            "INSERT INTO sync_queue ({common}, depends_on, ever_sent, payload_version)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, 1)"
        );
        let first = params![
            meta.position,
            meta.id,
            meta.kind,
            meta.user_id,
            meta.entity,
            local_ref,
            data,
            meta.payload_bytes,
            meta.queued_at,
            meta.retry_count,
            code,
            detail
        ];
        if version == 1 {
            connection.prepare_cached(&sql).unwrap().execute(first).unwrap();
        } else {
            let both = [first, params![meta.depends_on, meta.ever_sent]].concat();
            connection.prepare_cached(&later).unwrap().execute(&*both).unwrap();
        }
    }
    connection.execute("UPDATE store_state SET revision = 77, last_position = ?1", [LAST_POSITION]).unwrap();
}

/// A file as the release of `version` left it.
fn old_file(path: &Path, version: u32) {
    let mut connection = Connection::open(path).unwrap();
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
    to_version(&mut connection, version).unwrap();
    let transaction = connection.transaction().unwrap();
    put_local_rows(&transaction);
    put_events(&transaction);
    put_queue(&transaction, version);
    transaction.commit().unwrap();
}

fn assert_queue(store: &SqliteStore, version: u32) {
    let expected: Vec<_> = (0..OPERATIONS).map(|n| operation(version, n)).collect();
    let ids: Vec<_> = expected.iter().map(|row| row.meta.id.clone()).collect();
    assert_eq!(block_on(store.queued(&ids)).unwrap(), expected);
    let metas: Vec<_> = expected.iter().map(|row| row.meta.clone()).collect();
    assert_eq!(block_on(store.queue_metas(None, u32::MAX)).unwrap(), metas);
    for owner in [ANNA, BEN, GUEST] {
        let mut totals = QueueTotals::default();
        for meta in metas.iter().filter(|meta| meta.user_id == owner) {
            totals.bytes += u64::from(meta.payload_bytes);
            if matches!(meta.status, OperationStatus::Failed(_)) {
                totals.failed += 1;
            } else {
                totals.waiting += 1;
                totals.oldest_queued_at = totals.oldest_queued_at.or(Some(meta.queued_at));
            }
        }
        assert_eq!(block_on(store.queue_totals(owner)).unwrap(), totals);
    }
}

fn assert_local_rows(store: &SqliteStore) {
    for n in 0..200 {
        let mut expected = verse(n);
        expected.is_verified = n % 2 == 0;
        assert_eq!(block_on(store.verse(ANNA, expected.id)).unwrap(), Some(expected.clone()));
        assert_eq!(block_on(store.card(ANNA, expected.id)).unwrap(), Some(card_of(n)));
        let mut events = vec![event_of(2 * n), event_of(2 * n + 1)];
        events.sort_by_key(CardEvent::key);
        let found = block_on(store.events(ANNA, expected.id)).unwrap();
        assert!(found.iter().all(|stored| stored.seq.is_none()));
        assert_eq!(found.into_iter().map(|stored| stored.event).collect::<Vec<_>>(), events);
    }
    assert_eq!(block_on(store.unverified_verses(ANNA, 1_000)).unwrap().len(), 100);
    let due = (0..200).filter(|n| !card_of(*n).archived).count();
    assert_eq!(block_on(store.due_cards(ANNA, date(2025, 6, 16))).unwrap().len(), due);
    assert_eq!(block_on(store.profile(ANNA)).unwrap(), profile(1));
    assert_eq!(block_on(store.meta("device_id")).unwrap(), Some("\"d\"".to_owned()));
}

#[test]
fn a_full_queue_survives_the_way_from_every_earlier_version() {
    for version in 1..=SCHEMA_VERSION {
        let home = TempDir::new().unwrap();
        let path = home.path().join("verses.db");
        old_file(&path, version);
        let store = SqliteStore::open(&path).unwrap();
        assert_queue(&store, version);
        assert_local_rows(&store);
        assert_eq!(block_on(store.revision()).unwrap(), Revision(77));
        let committed = block_on(store.commit(None, vec![enqueue(ANNA, OPERATIONS)])).unwrap();
        assert_eq!(committed.positions, [LAST_POSITION + 1]);
        drop(store);
        SqliteStore::check(&path).unwrap();
    }
}

#[test]
fn every_way_to_the_present_ends_in_the_same_schema() {
    let schema = |steps: &[u32]| -> Vec<(String, String)> {
        let mut connection = Connection::open_in_memory().unwrap();
        for step in steps {
            to_version(&mut connection, *step).unwrap();
        }
        let mut rows = connection.prepare("SELECT name, coalesce(sql, '') FROM sqlite_schema ORDER BY name").unwrap();
        rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    };
    let at_once = schema(&[SCHEMA_VERSION]);
    assert_eq!(schema(&(1..=SCHEMA_VERSION).collect::<Vec<_>>()), at_once);
    assert!(at_once.iter().any(|(name, _)| name == "review_logs"));
}

#[test]
fn a_step_that_fails_leaves_the_old_version_whole() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("verses.db");
    old_file(&path, 1);
    // The name the last step wants is taken, after the step before it has moved the whole queue.
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("CREATE TABLE review_logs (x)").unwrap();
    drop(connection);
    assert!(matches!(SqliteStore::open(&path), Err(StoreError::Backend(_))));
    let connection = Connection::open(&path).unwrap();
    assert_eq!(version(&connection).unwrap(), 1);
    let count: u32 = connection.query_row("SELECT count(*) FROM sync_queue", [], |row| row.get(0)).unwrap();
    assert_eq!(count, OPERATIONS);
    connection.execute_batch("DROP TABLE review_logs").unwrap();
    drop(connection);
    assert_queue(&SqliteStore::open(&path).unwrap(), 1);
}

#[test]
fn a_file_of_a_later_release_is_refused_and_left_alone() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("verses.db");
    drop(SqliteStore::open(&path).unwrap());
    let later = Connection::open(&path).unwrap();
    later.pragma_update(None, "user_version", SCHEMA_VERSION + 1).unwrap();
    drop(later);
    let refused = SqliteStore::open(&path).unwrap_err();
    assert_eq!(refused, StoreError::NewerSchema { found: SCHEMA_VERSION + 1, known: SCHEMA_VERSION });
    assert!(refused.to_string().contains("install the newer release"));
    assert_eq!(version(&Connection::open(&path).unwrap()).unwrap(), SCHEMA_VERSION + 1);
}

#[test]
fn a_file_changed_by_a_later_release_while_open_is_not_written_any_more() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("verses.db");
    let store = SqliteStore::open(&path).unwrap();
    block_on(store.commit(None, vec![enqueue(ANNA, 1)])).unwrap();
    Connection::open(&path).unwrap().pragma_update(None, "user_version", SCHEMA_VERSION + 1).unwrap();
    let refused = block_on(store.commit(None, vec![enqueue(ANNA, 2)]));
    assert!(matches!(refused, Err(StoreError::NewerSchema { .. })), "{refused:?}");
    assert_eq!(block_on(store.queue_metas(None, 9)).unwrap().len(), 1);
}
