//! A database of PostgreSQL with the tables of Verses, for one test.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]
#![allow(dead_code, reason = "not every test that includes this uses all of it")]

use tokio::runtime::Handle;
use tokio::task::block_in_place;
use verses_pgtest::TestDatabase;
use verses_server::storage::postgres::{PostgresOptions, PostgresStorage, migrate};

/// Serves as the login that the migrations make.
pub(crate) fn options(url: String) -> PostgresOptions {
    PostgresOptions { max_connections: 8, ..PostgresOptions::new(url) }
}

/// A new database with its tables.
pub(crate) async fn database() -> TestDatabase {
    let database = TestDatabase::new().unwrap();
    migrate(&database.url()).await.unwrap();
    // The role is one for all databases of the server: another test may change it at the same moment.
    let allowed = (0..20).any(|_| database.psql("ALTER ROLE verses_app LOGIN").is_ok());
    assert!(allowed);
    database
}

/// The same and a storage on it, for a test on several threads.
pub(crate) fn fresh(options: impl Fn(String) -> PostgresOptions) -> (PostgresStorage, TestDatabase) {
    block_in_place(|| {
        Handle::current().block_on(async {
            let database = database().await;
            let storage = PostgresStorage::open(options(database.url_as("verses_app"))).await.unwrap();
            (storage, database)
        })
    })
}
