//! What holds for everything a device reads back: lines of an exported queue, and a store in which values were changed
//! by somebody else. Shared with the fuzz targets `queue_export` and `store_rows`.

use std::collections::BTreeSet;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use batchsync::{BatchConfig, Engine, Session, Step};
use rusqlite::Connection;
use rusqlite::types::Value;
use verses_client::{ClientConfig, ClientError, DataService, NoTexts, ProfileChange, SyncEngine, SyncOptions};
use verses_core::Phase;
use verses_store::{
    Committed, GUEST, LocalStore, MemoryStore, NewQueuedOperation, QueuedOperation, StoreChange, StoreError,
};
use verses_store_sqlite::SqliteStore;

use crate::common::device::new_verse;
use crate::common::{Clock, Fault, Link, Server, World};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for the threads of the store on SQLite.
fn run<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// Each line that is an operation reads back as it was written, both stores take the same ones and give them back as they
/// were, and an engine can be started over them.
pub(crate) fn exported_operations_read_back(lines: &[u8]) {
    let (memory, sqlite) = (MemoryStore::new(), SqliteStore::in_memory().expect("a thread starts"));
    let mut kept: Vec<QueuedOperation> = Vec::new();
    for line in lines.split(|&byte| byte == b'\n') {
        let Ok(operation) = serde_json::from_slice::<QueuedOperation>(line) else { continue };
        let text = serde_json::to_string(&operation).expect("what was read can be written");
        assert_eq!(serde_json::from_str::<QueuedOperation>(&text).expect("and read again"), operation);
        let taken = enqueue(&memory, &operation);
        assert_eq!(enqueue(&sqlite, &operation), taken, "{operation:?}");
        if taken.is_ok() {
            kept.push(operation);
        }
    }
    let owners: BTreeSet<&str> = kept.iter().map(|operation| operation.meta.user_id.as_str()).collect();
    for owner in owners {
        let stored = run(memory.queue_of(owner, false, u32::MAX));
        assert_eq!(run(sqlite.queue_of(owner, false, u32::MAX)), stored);
        let mut stored = stored.expect("this release has written it");
        let mine: Vec<&QueuedOperation> = kept.iter().filter(|it| it.meta.user_id == owner).collect();
        for (stored, kept) in stored.iter_mut().zip(&mine) {
            stored.meta.position = kept.meta.position;
        }
        assert_eq!(stored.iter().collect::<Vec<_>>(), mine);
        start_over(&memory, owner);
    }
}

fn enqueue<S: LocalStore>(store: &S, operation: &QueuedOperation) -> Result<Committed, StoreError> {
    let row = NewQueuedOperation { operation: operation.clone() };
    run(store.commit(None, vec![StoreChange::Enqueue(Box::new(row))]))
}

/// An engine over the rows of a store has something to say at any time, and no row is sent twice at once.
fn start_over<S: LocalStore>(store: &S, owner: &str) {
    let rows = run(store.queue_metas(None, u32::MAX)).expect("reads");
    for now in [0, 1_772_438_400_000, i64::MAX] {
        let mut engine = Engine::new(BatchConfig::default(), 1).expect("the defaults are valid");
        drop(engine.load(now, rows.clone()));
        drop(engine.set_session(now, Some(Session { owner: owner.to_owned() })));
        for _ in 0..100 {
            match engine.poll(now) {
                Step::Persist(_) => {}
                Step::Send(request) => {
                    let ids: BTreeSet<&String> = request.operations.iter().collect();
                    assert_eq!(ids.len(), request.operations.len());
                }
                Step::Wait { .. } => break,
            }
        }
        let _ = engine.progress(now);
    }
}

type Service = DataService<SqliteStore, Link, Clock>;

fn device(store: SqliteStore) -> (Link, Service) {
    let world = World::default();
    let link = Link::new(&Server::new(&world), &world);
    let clock = Clock::new(&world, 1);
    let service = DataService::new(store, link.clone(), clock, Arc::new(NoTexts), ClientConfig::default());
    (link, service)
}

/// The file of a device on which things were done, sent, refused and queued, some as a guest.
fn template() -> &'static [u8] {
    static TEMPLATE: OnceLock<Vec<u8>> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let home = tempfile::tempdir().expect("a folder");
        let path = home.path().join("verses.db");
        let store = SqliteStore::open(&path).expect("opens");
        let (link, service) = device(store);
        run(service.add_verses(&[new_verse("John 3:16")], |_| {})).expect("works");
        run(service.sign_up(Some("a@example.org"), Some("password"))).expect("signs up");
        let unknown = verses_client::NewVerse { reference: "Hezekiah 1".into(), translation: None, text: None };
        run(service.add_verses(&[unknown, new_verse("Psalm 1")], |_| {})).expect("works");
        sync(&service);
        link.all_routes(&Fault::Offline);
        let verses = run(service.library()).expect("reads");
        let verse = verses.first().expect("a card").card.verse_id;
        run(service.record_review(verse, true, Some(7))).expect("works");
        run(service.set_phase(verse, Phase::Weekly)).expect("works");
        run(service.archive(verse, true)).expect("works");
        let change = ProfileChange { timezone: Some("UTC".into()), ..ProfileChange::default() };
        run(service.update_profile(change)).expect("works");
        sync(&service);
        drop(service);
        let connection = Connection::open(&path).expect("opens");
        connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE;").expect("one file");
        drop(connection);
        std::fs::read(&path).expect("reads")
    })
}

fn sync(service: &Service) {
    let mut engine = run(SyncEngine::open(service.clone())).expect("opens");
    run(engine.sync(SyncOptions::default())).map_or_else(|error| assert!(error.is_retryable(), "{error}"), drop);
}

const TABLES: [&str; 9] = [
    "sync_queue",
    "card_events",
    "verse_cards",
    "verses",
    "user_profiles",
    "sync_journal",
    "sync_queue_counts",
    "meta",
    "store_state",
];

/// A store in which values were changed is read, or refused with words that name the damage; nothing panics.
///
/// `choices` names a table, a row, a column and a value, again and again.
pub(crate) fn a_damaged_store_is_read_or_refused(choices: &[u8]) {
    let home = tempfile::tempdir().expect("a folder");
    let path = home.path().join("verses.db");
    std::fs::write(&path, template()).expect("writes");
    damage(&path, choices);
    let store = match SqliteStore::open(&path) {
        Ok(store) => store,
        Err(error) => return named(&error),
    };
    let (_, service) = device(store.clone());
    read_all(&store);
    use_all(&service);
    read_all(&store);
}

fn damage(path: &Path, choices: &[u8]) {
    let connection = Connection::open(path).expect("opens");
    let mut choices = choices.iter().copied();
    for _ in 0..4 {
        let Some(table) = choices.next() else { break };
        let table = TABLES[usize::from(table) % TABLES.len()];
        let mut byte = || choices.next().unwrap_or(0);
        let (row, column) = (i64::from(byte() % 16), byte());
        let columns: Vec<String> = connection
            .prepare(&format!("SELECT name FROM pragma_table_info('{table}')"))
            .and_then(|mut it| it.query_map([], |row| row.get(0))?.collect())
            .expect("the table is there");
        let column = &columns[usize::from(column) % columns.len()];
        let value = value(&mut byte);
        let chosen = format!(
            "SELECT {column} FROM {table} LIMIT 1 OFFSET min({row}, max(0, (SELECT count(*) - 1 FROM {table})))"
        );
        // What the schema itself refuses is no damage.
        drop(connection.execute(&format!("UPDATE {table} SET {column} = ?1 WHERE {column} IS ({chosen})"), [value]));
    }
}

fn value(byte: &mut impl FnMut() -> u8) -> Value {
    match byte() % 18 {
        0 => Value::Null,
        1 => Value::Integer(0),
        2 => Value::Integer(-1),
        3 => Value::Integer(i64::MAX),
        4 => Value::Integer(i64::MIN),
        5 => Value::Real(f64::NAN),
        6 => Value::Real(1e300),
        7 => Value::Text(String::new()),
        8 => Value::Text("{}".into()),
        9 => Value::Text("null".into()),
        10 => Value::Text("-009999-01-01".into()),
        11 => Value::Text("9999-12-31".into()),
        12 => Value::Blob(vec![0xff, 0x00]),
        13 => Value::Text("guest".into()),
        14 => Value::Integer(i64::from(byte())),
        15 => Value::Integer(i64::from(u32::MAX)),
        16 => Value::Text("x".repeat(200)),
        _ => {
            let length = byte();
            let text: Vec<u8> = (0..length).map(|_| byte()).collect();
            Value::Text(String::from_utf8_lossy(&text).into_owned())
        }
    }
}

fn named(error: &StoreError) {
    let damaged = matches!(error, StoreError::Corrupt(_) | StoreError::NewerPayload { .. });
    assert!(damaged && error.to_string().len() > 20, "{error:?}");
}

fn named_by_client(error: &ClientError) {
    match error {
        ClientError::Store(error) => named(error),
        other => assert!(!other.to_string().is_empty()),
    }
}

fn read_all(store: &SqliteStore) {
    fn check<T>(read: Result<T, StoreError>) -> Option<T> {
        read.inspect_err(named).ok()
    }
    check(run(store.revision()));
    let metas = check(run(store.queue_metas(None, u32::MAX))).unwrap_or_default();
    check(run(store.queued(&metas.into_iter().map(|meta| meta.id).collect::<Vec<_>>())));
    check(run(store.journal(u32::MAX)));
    let owners = check(run(store.queue_owners())).unwrap_or_default();
    for owner in owners.iter().map(|(owner, _)| owner.as_str()).chain([GUEST]) {
        check(run(store.verses(owner)));
        let cards = check(run(store.cards(owner))).unwrap_or_default();
        check(run(store.events_of(owner, &cards.iter().map(|card| card.verse_id).collect::<Vec<_>>())));
        check(run(store.events_without_seq(owner)));
        check(run(store.review_logs(owner, u32::MAX)));
        check(run(store.profile(owner)));
        check(run(store.queue_of(owner, false, u32::MAX)));
        check(run(store.queue_totals(owner)));
    }
}

/// Everything an application does, on whatever is there.
fn use_all(service: &Service) {
    fn check<T>(done: Result<T, ClientError>) -> Option<T> {
        done.inspect_err(named_by_client).ok()
    }
    let today = check(run(service.today(None)));
    check(run(service.profile()));
    let library = check(run(service.library())).unwrap_or_default();
    if let Some(today) = today {
        check(run(service.due(today)));
    }
    check(run(service.review_logs(u32::MAX)));
    check(run(service.add_verses(&[new_verse("Romans 8:28")], |_| {})));
    if let Some(card) = library.first() {
        check(run(service.record_review(card.card.verse_id, true, None)));
    }
    if let Some(mut engine) = check(run(SyncEngine::open(service.clone()))) {
        check(run(engine.sync(SyncOptions { patience_ms: 60_000 })));
        check(run(engine.sync_from_remote()));
    }
}
