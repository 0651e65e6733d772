//! The SQLite backend against the rules every storage keeps, on a file and in memory, and across restarts.

use std::fs;

use verses_server::storage::sqlite::{Migration, SqliteStorage};
use verses_server::storage::{Storage, StorageError, Wanted, Writes, conformance};

fn on_file() -> (SqliteStorage, tempfile::TempDir) {
    let home = tempfile::tempdir().expect("a directory");
    (SqliteStorage::open(&home.path().join("verses.db")).expect("opens"), home)
}

mod file {
    verses_server::storage_conformance!(super::on_file);
}

mod in_memory {
    use verses_server::storage::sqlite::SqliteStorage;

    verses_server::storage_conformance!(|| (SqliteStorage::in_memory().expect("opens"), ()));
}

#[tokio::test]
async fn after_a_restart_everything_is_there_and_the_epoch_is_the_same() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("verses.db");
    let storage = SqliteStorage::open(&path).expect("opens");
    let epoch = storage.epoch().await.expect("reads");
    let writes =
        Writes { ledger: vec![conformance::entry("a", 1)], cards: vec![conformance::card(1, 4)], ..Writes::default() };
    conformance::write(&storage, conformance::user(1), writes).await.expect("writes");
    drop(storage);

    let storage = SqliteStorage::open(&path).expect("opens again");
    assert_eq!(storage.epoch().await, Ok(epoch));
    let wanted = Wanted { cards: [conformance::verse_id(1)].into(), ..Wanted::default() };
    let loaded = storage.read(conformance::user(1), wanted).await.expect("reads");
    assert_eq!((loaded.last_seq, loaded.cards.len()), (1, 1));
    let other = on_file();
    assert_ne!(other.0.epoch().await, Ok(epoch), "another database is another history");
}

#[tokio::test]
async fn two_handles_of_one_file_see_each_others_commits() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("verses.db");
    let (first, second) = (SqliteStorage::open(&path).expect("opens"), SqliteStorage::open(&path).expect("opens"));
    for (storage, id, seq) in [(&first, "a", 1), (&second, "b", 2), (&first, "c", 3)] {
        let writes = Writes { ledger: vec![conformance::entry(id, seq)], ..Writes::default() };
        conformance::write(storage, conformance::user(1), writes).await.expect("writes");
    }
    let page = second.ledger_after(conformance::user(1), 0, 10).await.expect("reads");
    assert_eq!(page.last_seq, 3);
}

#[test]
fn a_file_that_is_no_database_is_refused_with_its_path() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("notes.txt");
    fs::write(&path, "this is certainly not a database, and long enough to be read as a header".repeat(20))
        .expect("writes");
    let error = SqliteStorage::open(&path).expect_err("refused");
    assert!(matches!(&error, StorageError::Failed(text) if text.contains("notes.txt")), "{error}");
    let missing = home.path().join("no/such/directory/verses.db");
    let error = SqliteStorage::open(&missing).expect_err("refused");
    assert!(error.to_string().contains("no/such/directory"), "{error}");
}

#[test]
fn a_schema_of_a_newer_version_is_refused_and_says_so() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("verses.db");
    drop(SqliteStorage::open(&path).expect("opens"));
    let direct = rusqlite::Connection::open(&path).expect("opens");
    direct.execute("UPDATE schema_versions SET version = 99 WHERE component = 'sync'", []).expect("writes");
    drop(direct);
    let error = SqliteStorage::open(&path).expect_err("refused");
    assert!(error.to_string().contains("99") && error.to_string().contains("newer"), "{error}");
}

#[tokio::test]
async fn components_migrate_step_by_step_and_a_failing_step_leaves_the_ones_before() {
    const ONE: Migration = Migration { version: 1, name: "a table", sql: "CREATE TABLE auth_a (x INTEGER) STRICT;" };
    const TWO: Migration =
        Migration { version: 2, name: "a row", sql: "INSERT INTO auth_a VALUES (1); CREATE TABLE auth_b (x TEXT);" };
    const BROKEN: Migration =
        Migration { version: 2, name: "broken", sql: "INSERT INTO auth_a VALUES (7); CREATE TABLE auth_a (x TEXT);" };
    let (storage, _home) = on_file();
    let database = storage.database();
    database.migrate("auth", &[ONE]).expect("migrates");
    let error = database.migrate("auth", &[ONE, BROKEN]).expect_err("fails");
    assert!(error.to_string().contains("migration 2 of auth (broken)"), "{error}");
    let count = |sql: &'static str| async move {
        let (value,): (i64,) =
            database.read(move |c| Ok(c.query_row(sql, [], |row| Ok((row.get(0)?,)))?)).await.expect("reads");
        value
    };
    const OF_SYNC: &str = "SELECT version FROM schema_versions WHERE component = 'sync'";
    let of_sync = count(OF_SYNC).await;
    assert_eq!(count("SELECT count(*) FROM auth_a").await, 0, "the failed step left nothing");
    database.migrate("auth", &[ONE, TWO]).expect("migrates");
    database.migrate("auth", &[ONE, TWO]).expect("and once is enough");
    assert_eq!(count("SELECT count(*) FROM auth_a").await, 1);
    assert_eq!(count("SELECT version FROM schema_versions WHERE component = 'auth'").await, 2);
    assert_eq!(count(OF_SYNC).await, of_sync, "each component counts on its own");
    database.migrate("auth", &[TWO]).expect_err("numbers with a gap are refused");
    database.migrate("auth", &[ONE]).expect_err("a newer schema is refused");
}

#[tokio::test]
async fn a_write_that_fails_leaves_nothing_and_its_neighbours_stand() {
    let (storage, _home) = on_file();
    let database = storage.database().clone();
    database.write(|c| Ok(c.execute_batch("CREATE TABLE t (x INTEGER PRIMARY KEY)")?)).await.expect("writes");
    // Sent without waiting in between, so that they share commits.
    let jobs = (0..60_i64).map(|number| {
        database.write(move |c| {
            c.execute("INSERT INTO t VALUES (?1)", [number])?;
            match number % 3 {
                0 => Err(StorageError::Failed("on purpose".into())),
                1 if number % 2 == 0 => panic!("on purpose"),
                _ => Ok(()),
            }
        })
    });
    let answers = futures_util::future::join_all(jobs).await;
    let stands = |number: &usize| match number % 3 {
        0 => false,
        1 => number % 2 == 1,
        _ => true,
    };
    let accepted: Vec<_> = (0..60).filter(|number| answers[*number].is_ok()).collect();
    assert_eq!(accepted, (0..60).filter(stands).collect::<Vec<_>>());
    let rows: Vec<usize> = database
        .read(|c| {
            let mut statement = c.prepare("SELECT x FROM t ORDER BY x")?;
            let rows = statement.query_map([], |row| row.get::<_, i64>(0))?.collect::<Result<Vec<_>, _>>()?;
            Ok(rows.into_iter().map(|x| usize::try_from(x).expect("not negative")).collect())
        })
        .await
        .expect("reads");
    assert_eq!(rows, accepted);
}

#[tokio::test]
async fn readers_cannot_write() {
    let (storage, _home) = on_file();
    let error = storage.database().read(|c| Ok(c.execute("DELETE FROM meta", [])?)).await.expect_err("refused");
    assert!(error.to_string().contains("readonly"), "{error}");
}
