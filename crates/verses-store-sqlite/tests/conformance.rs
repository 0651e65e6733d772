//! The conformance suite on SQLite, on disk and in memory.

use tempfile::TempDir;
use verses_store_sqlite::SqliteStore;

mod on_disk {
    use super::{SqliteStore, TempDir};

    verses_store::conformance_tests!(|| {
        let home = TempDir::new().unwrap();
        (SqliteStore::open(&home.path().join("verses.db")).unwrap(), home)
    });
}

mod in_memory {
    use super::SqliteStore;

    verses_store::conformance_tests!(|| (SqliteStore::in_memory().unwrap(), ()));
}
