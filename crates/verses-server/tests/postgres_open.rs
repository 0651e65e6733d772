//! Opening a database of PostgreSQL: schema changes by several at once, interrupted, of a newer version; logins that may
//! not serve; addresses that lead nowhere.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod postgres_common;

use futures_util::future::join_all;
use postgres_common::{database, options};
use verses_pgtest::TestDatabase;
use verses_server::storage::postgres::{PostgresOptions, PostgresStorage, migrate};
use verses_server::storage::{Storage, StorageError};

async fn refusal(options: PostgresOptions) -> String {
    match PostgresStorage::open(options).await {
        Err(StorageError::Failed(text)) => text,
        other => panic!("it must be refused for good: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_servers_may_bring_the_schema_up_to_date_at_once() {
    let database = TestDatabase::new().unwrap();
    let url = database.url();
    let all = join_all((0..6).map(|_| {
        tokio::spawn({
            let url = url.clone();
            async move { migrate(&url).await }
        })
    }))
    .await;
    let versions: Vec<(i32, i32)> = all.into_iter().map(|done| done.unwrap().unwrap()).collect();
    let latest = versions[0].1;
    assert!(latest >= 2 && versions.iter().all(|(_, after)| *after == latest), "{versions:?}");
    assert_eq!(migrate(&url).await.unwrap(), (latest, latest), "again, there is nothing to do");
    assert_eq!(database.psql("SELECT count(*) FROM verses.meta").unwrap(), "1", "one history, not six");
}

#[tokio::test]
async fn a_change_that_is_interrupted_leaves_nothing_and_can_be_run_again() {
    let database = TestDatabase::new().unwrap();
    // Somebody's table stands where the second step wants to make its last one.
    database.psql("CREATE SCHEMA verses; CREATE TABLE verses.verses (mine int)").unwrap();
    let error = migrate(&database.url()).await.unwrap_err();
    assert!(error.to_string().contains("sync tables"), "{error}");
    let tables = "SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class \
                  WHERE relkind = 'r' AND relnamespace = 'verses'::regnamespace";
    assert_eq!(database.psql(tables).unwrap(), "schema_version,verses", "the first step is done, the second is not");
    assert_eq!(database.psql("SELECT version FROM verses.schema_version").unwrap(), "1");
    database.psql("DROP TABLE verses.verses").unwrap();
    assert_eq!(migrate(&database.url()).await.unwrap().0, 1);
}

#[tokio::test]
async fn tables_of_a_newer_version_are_left_alone_by_all() {
    let database = database().await;
    database.psql("UPDATE verses.schema_version SET version = 99").unwrap();
    let error = migrate(&database.url()).await.unwrap_err();
    assert!(error.to_string().contains("version 99"), "{error}");
    let text = refusal(options(database.url_as("verses_app"))).await;
    assert!(text.contains("version 99") && text.contains("newer"), "{text}");
}

#[tokio::test]
async fn tables_that_are_missing_or_old_are_said_to_be() {
    let database = TestDatabase::new().unwrap();
    let text = refusal(options(database.url())).await;
    assert!(text.contains("not there") && text.contains("--migrate-only"), "{text}");
    let database = postgres_common::database().await;
    database.psql("UPDATE verses.schema_version SET version = 1").unwrap();
    let text = refusal(options(database.url_as("verses_app"))).await;
    assert!(text.contains("version 1") && text.contains("--migrate-only"), "{text}");
}

#[tokio::test]
async fn a_login_that_row_level_security_does_not_bind_is_refused_unless_allowed() {
    let database = database().await;
    let text = refusal(options(database.url())).await;
    assert!(text.contains("\"postgres\"") && text.contains("verses_app"), "{text}");
    let role = format!("{}_login", database.url().rsplit('/').next().unwrap());
    let create = |attributes: &str| database.psql(&format!("CREATE ROLE {role} LOGIN NOINHERIT {attributes}")).unwrap();
    for (attributes, grants, word) in [
        ("BYPASSRLS", "authenticated, service_role", "BYPASSRLS"),
        ("", "verses_owner, authenticated, service_role", "owner"),
        ("", "authenticated", "GRANT"),
    ] {
        create(attributes);
        database.psql(&format!("GRANT {grants} TO {role}")).unwrap();
        let text = refusal(options(database.url_as(&role))).await;
        assert!(text.contains(word) && text.contains(&role), "{text}");
        database.psql(&format!("DROP ROLE {role}")).unwrap();
    }
    // Each transaction still acts as its user: Supabase gives out no other login than one that may bypass.
    let allowed = PostgresOptions { allow_privileged_login: true, ..options(database.url()) };
    let storage = PostgresStorage::open(allowed).await.unwrap();
    storage.ping().await.unwrap();
}

#[tokio::test]
async fn an_address_that_leads_nowhere_is_no_reason_to_give_up_and_a_wrong_one_is() {
    let nobody_listens = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("postgres://verses_app:secret-word@{nobody_listens}/verses");
    let error = PostgresStorage::open(options(url)).await.unwrap_err();
    assert!(error.is_retryable() && !error.to_string().contains("secret-word"), "{error}");
    let text = refusal(options("postgres://verses_app:secret-word@[/verses".to_owned())).await;
    assert!(text.contains("cannot be read") && !text.contains("secret-word"), "{text}");
    let database = TestDatabase::new().unwrap();
    let missing = format!("{}_missing", database.url());
    let text = refusal(options(missing)).await;
    assert!(text.contains("does not exist"), "{text}");
}
