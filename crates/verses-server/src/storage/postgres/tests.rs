//! What only the inside shows: that each statement has the user's key and an index, and how many there are.

use verses_core::{CardEventKind, VerseId};
use verses_pgtest::{Cluster, Durability, TestDatabase};

use super::*;
use crate::storage::conformance::{card, entry, event, user, verse, verse_id};

/// Tables of users; the others are shared by all.
const USER_TABLES: [&str; 6] =
    ["sync_users", "sync_operations", "card_events", "verse_cards", "user_verses", "user_profiles"];

/// The distribution key: where the tables are spread over machines, a statement without it asks all of them.
#[test]
fn every_statement_on_a_users_table_names_the_user() {
    let mut seen = 0;
    for (name, sql) in sql::ALL {
        let tables = USER_TABLES.iter().filter(|table| sql.text.contains(&format!("verses.{table} "))).count();
        seen += tables;
        // Compared with, or written.
        let keys = ["user_id = $1", "SELECT $1", "VALUES ($1"].map(|key| sql.text.matches(key).count());
        assert!(keys.iter().sum::<usize>() >= tables, "{name}: {}", sql.text);
        assert!(!sql.text.contains("unnest($1,") || tables == 0, "{name} takes users from a list");
    }
    assert!(seen >= 12, "the tables are found in the statements: {seen}");
}

async fn migrated(server: Option<&str>) -> TestDatabase {
    let database = server.map_or_else(TestDatabase::new, TestDatabase::in_server).expect("a database");
    migrate(&database.url()).await.expect("migrates");
    assert!((0..20).any(|_| database.psql("ALTER ROLE verses_app LOGIN").is_ok()));
    database
}

#[tokio::test]
async fn every_statement_finds_its_rows_by_an_index() {
    let database = migrated(None).await;
    for (name, sql) in sql::ALL.iter().filter(|(_, sql)| sql.text.contains("verses.")) {
        let nulls = vec!["NULL"; sql.types.len()].join(", ");
        let parameters = if sql.types.is_empty() { String::new() } else { format!("({nulls})") };
        let types: Vec<&str> = sql.types.iter().map(tokio_postgres::types::Type::name).collect();
        let types = if types.is_empty() { String::new() } else { format!("({})", types.join(", ")) };
        let role = if USER_TABLES.iter().any(|table| sql.text.contains(&format!("verses.{table} "))) {
            "authenticated"
        } else if sql.text.contains("verses.account") {
            "verses_accounts"
        } else {
            "service_role"
        };
        // Small tables are read whole, whatever indexes they have: not here.
        let plan = database.psql(&format!(
            "SET ROLE {role}; SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan; \
             PREPARE s{types} AS {}; EXPLAIN (COSTS OFF) EXECUTE s{parameters}",
            sql.text
        ));
        let plan = plan.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!plan.contains("Seq Scan"), "{name}\n{plan}");
        let reads = plan.contains("Index") || plan.contains("Insert");
        assert!(reads, "{name}\n{plan}");
    }
}

/// Writes `count` operations on as many cards after loading everything about them, and wants all events.
struct Everything {
    count: u64,
}

impl Decision for Everything {
    type Answer = ();

    fn wants_events(&self, _: &Loaded) -> BTreeSet<VerseId> {
        (1..=self.count).map(|number| verse_id(number.into())).collect()
    }

    fn decide(&self, loaded: Loaded, _: BTreeMap<VerseId, Vec<CardEvent>>) -> (Writes, ()) {
        let numbers = loaded.last_seq + 1..=loaded.last_seq + self.count;
        let all = || (1..=self.count).map(u128::from);
        let writes = Writes {
            ledger: numbers.clone().map(|seq| entry(&format!("op-{seq}"), seq)).collect(),
            events: numbers
                .map(|seq| event(&format!("op-{seq}"), 1, seq.cast_signed(), CardEventKind::Created))
                .collect(),
            cards: all().map(|number| card(number, 1)).collect(),
            own_verses: all().map(|number| verse(number, "own")).collect(),
            dropped_own_verses: all().map(verse_id).collect(),
            catalogue: all().map(|number| verse(number, "shared")).collect(),
            profile: Some(Profile::default()),
        };
        (writes, ())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_number_of_statements_does_not_depend_on_the_size_of_the_batch() {
    let cluster = Cluster::start(Durability::None, &["log_statement=all"]).expect("starts");
    let database = migrated(Some(&cluster.url())).await;
    let options = PostgresOptions { max_connections: 1, ..PostgresOptions::new(database.url_as("verses_app")) };
    let storage = PostgresStorage::open(options).await.expect("opens");
    // A user's first transaction also makes the user's row.
    storage.transact(user(1), Wanted::default(), Everything { count: 1 }).await.expect("writes");
    let mut counts = Vec::new();
    for count in [1, 10, 500, 1_000] {
        let statements = || {
            let log = std::fs::read_to_string(cluster.log()).expect("a log");
            log.lines().filter(|line| line.contains(" execute ") || line.contains("statement: ")).count()
        };
        let before = statements();
        let verses: BTreeSet<_> = (1..=u128::from(count)).map(verse_id).collect();
        let operations = (1..=count).map(|n| OperationId::new(format!("op-{n}")).expect("short")).collect();
        let wanted = Wanted { operations, cards: verses.clone(), verses, profile: true };
        storage.transact(user(1), wanted, Everything { count }).await.expect("writes");
        counts.push(statements() - before);
    }
    assert!(counts[0] > 15, "the log shows them: {counts:?}");
    assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_before_its_transaction_is_refused() {
    let database = migrated(None).await;
    let storage = PostgresStorage::open(PostgresOptions::new(database.url_as("verses_app"))).await.expect("opens");
    let tx = storage.transaction().await.expect("a connection");
    let fault = tx.rows(&sql::ALIVE, &[]).await.expect_err("nobody acts");
    assert!(matches!(&fault.error, StorageError::Failed(text) if text.contains("before its transaction")), "{fault:?}");
    assert!(tx.begin(Acting::User(user(1)), Access::ReadWrite).await.is_ok());
    assert!(tx.rows(&sql::ALIVE, &[]).await.is_ok());
}
