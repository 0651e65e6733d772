//! The server on PostgreSQL as its operator runs it: the tables made by the command, the login that owns nothing, a backup
//! taken while people work, and put back.

use std::path::Path;
use std::process::Command;

use verses_pgtest::{Programs, TestDatabase};

use crate::common::{Device, Server, TEN, VERSES, len, sorted_field};

/// A database with the tables, made by `--migrate-only`.
fn migrated() -> TestDatabase {
    let database = TestDatabase::new().unwrap();
    let made = Command::new(VERSES).args(["serve", "--migrate-only", "--database", &database.url()]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    // The role is one for all databases of the server: another test may change it at the same moment.
    assert!((0..20).any(|_| database.psql("ALTER ROLE verses_app LOGIN").is_ok()));
    database
}

fn program(name: &str, args: &[&str]) {
    let done = Command::new(Programs::find().unwrap().path(name)).args(args).output().unwrap();
    assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
}

fn references(device: &Device) -> Vec<String> {
    sorted_field(&device.json(&["list"]), "reference")
}

fn back_up(database: &TestDatabase, file: &Path) {
    program("pg_dump", &["--format=custom", "--file", file.to_str().unwrap(), "--dbname", &database.url()]);
}

fn put_back(database: &TestDatabase, file: &Path) {
    program(
        "pg_restore",
        &["--clean", "--if-exists", "--single-transaction", "--dbname", &database.url(), file.to_str().unwrap()],
    );
}

#[test]
fn a_database_put_back_to_its_backup_gets_again_what_it_lacks() {
    let database = migrated();
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("verses.dump");
    let mut server = Server::start_with(&["--database", &database.url_as("verses_app")]);
    let device = server.device("ann");
    device.add(&TEN[..5]);
    device.ok(&["sync"]);
    back_up(&database, &backup);
    device.add(&TEN[5..]);
    device.ok(&["review", TEN[0], "--pass"]);
    device.ok(&["sync"]);
    let cards = || database.psql("SELECT count(*) FROM verses.verse_cards").unwrap();
    assert_eq!(cards(), "10");

    assert_eq!(server.terminate(), 0);
    put_back(&database, &backup);
    assert_eq!(cards(), "5");
    server.restart();
    device.run(&["sync", "--patience", "60"]).says(0, &["started over"]);

    let second = server.second_device("ann");
    second.ok(&["sync"]);
    assert_eq!((len(&second.json(&["list"])), references(&second)), (10, references(&device)));
    let reviews = "SELECT count(*) FROM verses.card_events WHERE event = 'reviewed'";
    assert_eq!(database.psql(reviews).unwrap(), "1");
    let forced = "SELECT count(*) FROM pg_class WHERE relnamespace = 'verses'::regnamespace AND relname = 'verse_cards' \
                  AND relrowsecurity AND relforcerowsecurity";
    assert_eq!(database.psql(forced).unwrap(), "1", "the wall between users comes back with the tables");
}

#[test]
fn a_login_that_row_level_security_does_not_bind_is_refused_and_so_are_typed_passwords() {
    let database = migrated();
    let refused = |url: &str| {
        let ended =
            Command::new(VERSES).args(["serve", "--listen", "127.0.0.1:0", "--database", url]).output().unwrap();
        (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
    };
    let (code, text) = refused(&database.url());
    assert!(code == Some(1) && text.contains("verses_app"), "{text}");
    let (code, text) = refused(&database.url_as("verses_app:a-secret-word"));
    assert!(code == Some(2) && text.contains("--database-file") && !text.contains("a-secret-word"), "{text}");
}
