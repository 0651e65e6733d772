//! Row-level security against a hostile user with a SQL prompt: somebody who got hold of the server's login, or comes in
//! through another way to the same database, under an own and valid identity.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod postgres_common;

use postgres_common::{database, options};
use verses_core::{CardEventKind, Profile};
use verses_pgtest::{PgTestError, TestDatabase};
use verses_server::storage::postgres::{PostgresStorage, migrate};
use verses_server::storage::{Storage, UserId, Wanted, Writes, conformance};

const USER_TABLES: [&str; 6] =
    ["sync_users", "sync_operations", "card_events", "verse_cards", "user_verses", "user_profiles"];

/// A database in which two users have rows in every table.
async fn with_two_users() -> (TestDatabase, UserId, UserId) {
    let database = database().await;
    let storage = PostgresStorage::open(options(database.url_as("verses_app"))).await.unwrap();
    let (victim, attacker) = (conformance::user(1), conformance::user(2));
    for user in [victim, attacker] {
        let mut profile = Profile::default();
        profile.full_name.value = Some("Ruth".into());
        let writes = Writes {
            ledger: vec![conformance::entry("a", 1)],
            events: vec![conformance::event("a", 1, 5, CardEventKind::Created)],
            cards: vec![conformance::card(1, 1)],
            own_verses: vec![conformance::verse(2, "own")],
            catalogue: vec![conformance::verse(1, "shared")],
            profile: Some(profile),
            ..Writes::default()
        };
        conformance::write(&storage, user, writes).await.unwrap();
    }
    (database, victim, attacker)
}

/// Runs SQL in a transaction as the server would for this user, and commits.
fn as_user(database: &TestDatabase, user: UserId, sql: &str) -> Result<String, PgTestError> {
    acting(database, "authenticated", &format!(r#"{{"sub":"{user}","role":"authenticated"}}"#), sql)
}

fn acting(database: &TestDatabase, role: &str, claims: &str, sql: &str) -> Result<String, PgTestError> {
    let who = format!("SET LOCAL ROLE {role}; SET LOCAL request.jwt.claims = '{claims}'");
    database.psql_as("verses_app", &format!("BEGIN; {who}; {sql}; COMMIT"))
}

fn refused(result: Result<String, PgTestError>, why: &str) {
    let error = result.expect_err("the database must refuse").to_string();
    assert!(error.contains(why), "{error}");
}

#[tokio::test]
async fn a_user_reads_no_row_of_another() {
    let (database, victim, attacker) = with_two_users().await;
    for table in USER_TABLES {
        let count = format!("SELECT count(*), count(*) FILTER (WHERE user_id = '{victim}') FROM verses.{table}");
        assert_eq!(as_user(&database, attacker, &count).unwrap(), "1|0", "{table}");
        let all = database.psql(&format!("SELECT count(*) FROM verses.{table}")).unwrap();
        assert_eq!(all, "2", "{table} has a row of each");
    }
}

#[tokio::test]
async fn a_user_changes_and_deletes_no_row_of_another() {
    let (database, victim, attacker) = with_two_users().await;
    let before: Vec<String> = USER_TABLES.iter().map(|table| rows_of(&database, table, victim)).collect();
    for table in USER_TABLES {
        for sql in [
            format!("UPDATE verses.{table} SET user_id = user_id WHERE user_id = '{victim}'"),
            format!("UPDATE verses.{table} SET user_id = user_id"),
            format!("DELETE FROM verses.{table} WHERE user_id = '{victim}'"),
            format!(
                "WITH gone AS (DELETE FROM verses.{table} WHERE user_id <> '{attacker}' RETURNING *) SELECT count(*) FROM gone"
            ),
        ] {
            as_user(&database, attacker, &sql).unwrap();
        }
        refused(
            as_user(&database, attacker, &format!("UPDATE verses.{table} SET user_id = '{victim}'")),
            "row-level security",
        );
        refused(as_user(&database, attacker, &format!("TRUNCATE verses.{table}")), "permission denied");
    }
    let after: Vec<String> = USER_TABLES.iter().map(|table| rows_of(&database, table, victim)).collect();
    assert_eq!(before, after);
}

fn rows_of(database: &TestDatabase, table: &str, user: UserId) -> String {
    database.psql(&format!("SELECT * FROM verses.{table} WHERE user_id = '{user}'")).unwrap()
}

/// The first hole of the schema that Verses replaces: anybody could write reviews that belong to another.
#[tokio::test]
async fn a_user_writes_no_row_that_belongs_to_another() {
    let (database, victim, attacker) = with_two_users().await;
    for row in [
        format!("sync_users VALUES ('{victim}', 9, '')"),
        format!("sync_operations VALUES ('{victim}', 2, 'b', 'record_review', '', '', '{{}}', NULL, '{{}}', 1)"),
        format!("card_events VALUES ('{victim}', gen_random_uuid(), 1, 'b', '2026-01-01', 'reviewed', true)"),
        format!("user_profiles (user_id, profile) VALUES ('{victim}', '{{}}')"),
        format!("user_verses VALUES ('{victim}', gen_random_uuid(), '', '', '', '', false, 1, 1)"),
        format!(
            "verse_cards SELECT '{victim}', gen_random_uuid(), current_phase, 0, 0, 0, NULL, next_due_date, NULL, \
                 NULL, NULL, false, 1, 1, fold FROM verses.verse_cards"
        ),
    ] {
        refused(as_user(&database, attacker, &format!("INSERT INTO verses.{row}")), "row-level security");
    }
}

#[tokio::test]
async fn the_same_ids_of_another_user_are_other_rows() {
    let (database, victim, attacker) = with_two_users().await;
    let before = rows_of(&database, "sync_operations", victim);
    // The attacker's ledger may hold the victim's operation id: it is a key only together with the user.
    let sql = "UPDATE verses.sync_operations SET outcome = '{\"stolen\":true}' WHERE operation_id = 'a'";
    as_user(&database, attacker, sql).unwrap();
    assert_eq!(rows_of(&database, "sync_operations", victim), before);
    let upsert = format!(
        "INSERT INTO verses.user_profiles (user_id, profile) VALUES ('{victim}', '{{}}') \
         ON CONFLICT (user_id) DO UPDATE SET profile = excluded.profile"
    );
    refused(as_user(&database, attacker, &upsert), "row-level security");
    let ignore = upsert.replace("DO UPDATE SET profile = excluded.profile", "DO NOTHING");
    refused(as_user(&database, attacker, &ignore), "row-level security");
}

#[tokio::test]
async fn nobody_but_the_server_writes_the_shared_catalogue() {
    let (database, _, attacker) = with_two_users().await;
    for sql in [
        "INSERT INTO verses.verses SELECT gen_random_uuid(), 'x', 'x', 'poison', 'KJV', true, 1, 1",
        "UPDATE verses.verses SET text = 'poison'",
        "DELETE FROM verses.verses",
        "UPDATE verses.meta SET value = gen_random_uuid()",
        "SELECT * FROM verses.schema_version",
    ] {
        refused(as_user(&database, attacker, sql), "permission denied");
        refused(acting(&database, "anon", "{}", sql), "permission denied");
    }
    refused(acting(&database, "service_role", "{}", "DELETE FROM verses.verses"), "permission denied");
    assert_eq!(as_user(&database, attacker, "SELECT text FROM verses.verses").unwrap(), "shared");
}

#[tokio::test]
async fn passwords_and_sessions_are_for_nobody_but_the_sign_in() {
    let (database, _, attacker) = with_two_users().await;
    for table in ["accounts", "account_sessions", "account_secrets", "account_keys"] {
        let read = format!("SELECT count(*) FROM verses.{table}");
        refused(as_user(&database, attacker, &read), "permission denied");
        for role in ["anon", "service_role"] {
            refused(acting(&database, role, "{}", &read), "permission denied");
        }
        assert_eq!(acting(&database, "verses_accounts", "{}", &read).unwrap(), "0");
    }
    // And the sign-in reaches nothing of the verses.
    for table in USER_TABLES {
        let read = format!("SELECT count(*) FROM verses.{table}");
        refused(
            acting(&database, "verses_accounts", &format!(r#"{{"sub":"{attacker}"}}"#), &read),
            "permission denied",
        );
    }
}

#[tokio::test]
async fn without_an_identity_there_is_nothing() {
    let (database, _, attacker) = with_two_users().await;
    for table in USER_TABLES {
        let read = format!("SELECT count(*) FROM verses.{table}");
        assert_eq!(acting(&database, "authenticated", "", &read).unwrap(), "0", "{table}: no claims");
        assert_eq!(acting(&database, "authenticated", "{}", &read).unwrap(), "0", "{table}: no subject");
        refused(acting(&database, "authenticated", r#"{"sub":"1 OR true"}"#, &read), "invalid input syntax");
        let claims = format!(r#"{{"sub":"{attacker}"}}"#);
        // Even with a name the server's own role and the anonymous one reach nothing of users.
        refused(acting(&database, "service_role", &claims, &read), "permission denied");
        refused(acting(&database, "anon", &claims, &read), "permission denied");
        // The login itself, before it says for whom it acts.
        refused(database.psql_as("verses_app", &read), "permission denied");
    }
    // What one transaction was told does not live on in the next.
    let next = format!(
        "BEGIN; SET LOCAL ROLE authenticated; SET LOCAL request.jwt.claims = '{{\"sub\":\"{attacker}\"}}'; COMMIT; \
         SELECT current_user, coalesce(nullif(current_setting('request.jwt.claims', true), ''), 'none')"
    );
    assert_eq!(database.psql_as("verses_app", &next).unwrap(), "verses_app|none");
}

#[tokio::test]
async fn the_login_can_become_nobody_else_and_owns_nothing() {
    let (database, ..) = with_two_users().await;
    for role in ["verses_owner", "postgres"] {
        refused(database.psql_as("verses_app", &format!("SET ROLE {role}")), "permission denied");
    }
    let owned = "SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname = 'verses_app'";
    assert_eq!(database.psql(owned).unwrap(), "0");
    let attributes = "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolinherit FROM pg_roles WHERE rolname = 'verses_app'";
    assert_eq!(database.psql(attributes).unwrap(), "f|f|f|f|f");
    refused(database.psql_as("verses_app", "CREATE TABLE verses.mine (n int)"), "permission denied");
}

/// The other two holes: functions that read or write for others, callable by anybody; and what hides in sequences.
#[tokio::test]
async fn there_is_no_function_and_no_sequence_to_misuse() {
    let (database, ..) = with_two_users().await;
    let functions = "SELECT count(*) FROM pg_proc WHERE pronamespace = 'verses'::regnamespace";
    assert_eq!(database.psql(functions).unwrap(), "0");
    let definers =
        "SELECT string_agg(proname, ',') FROM pg_proc WHERE prosecdef AND pronamespace = 'auth'::regnamespace";
    assert_eq!(database.psql(definers).unwrap(), "");
    let sequences = "SELECT count(*) FROM pg_class WHERE relkind = 'S' AND relnamespace = 'verses'::regnamespace";
    assert_eq!(database.psql(sequences).unwrap(), "0");
}

/// For tables to come as well.
#[tokio::test]
async fn every_table_with_a_user_is_closed_and_keyed_by_the_user() {
    let (database, ..) = with_two_users().await;
    let tables = "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'user_id' \
                  WHERE c.relkind = 'r' AND c.relnamespace = 'verses'::regnamespace ORDER BY 1";
    let mut expected = USER_TABLES;
    expected.sort_unstable();
    assert_eq!(database.psql(tables).unwrap().lines().collect::<Vec<_>>(), expected);

    let open = "SELECT string_agg(relname, ',') FROM pg_class WHERE relkind = 'r' AND relnamespace = 'verses'::regnamespace \
                AND relname <> 'schema_version' AND NOT (relrowsecurity AND relforcerowsecurity)";
    assert_eq!(database.psql(open).unwrap(), "", "without forced row-level security");

    let policies = "SELECT string_agg(tablename, ',') FROM pg_policies WHERE schemaname = 'verses' AND tablename NOT IN ('meta', 'verses') \
                    AND tablename NOT LIKE 'account%' \
                    AND (qual NOT LIKE '(user_id = ( SELECT auth.uid()%' OR with_check IS DISTINCT FROM qual OR roles <> '{authenticated}')";
    assert_eq!(database.psql(policies).unwrap(), "", "a policy that is not wrapped, or for others");

    let keys = "SELECT string_agg(c.relname, ',') FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid \
                JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'user_id' \
                WHERE c.relnamespace = 'verses'::regnamespace AND i.indkey[0] <> a.attnum";
    assert_eq!(database.psql(keys).unwrap(), "", "an index that does not begin with the user");
}

#[tokio::test]
async fn functions_of_a_supabase_project_are_left_alone() {
    let database = TestDatabase::new().unwrap();
    database
        .psql(
            "CREATE SCHEMA auth; CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS \
             $$ SELECT nullif(current_setting('request.jwt.claims', true)::jsonb ->> 'sub', '')::uuid /* theirs */ $$",
        )
        .unwrap();
    migrate(&database.url()).await.unwrap();
    let source = database.psql("SELECT prosrc FROM pg_proc WHERE oid = 'auth.uid()'::regprocedure").unwrap();
    assert!(source.contains("theirs"), "{source}");
    assert_eq!(database.psql("SELECT to_regprocedure('auth.role()') IS NOT NULL").unwrap(), "t");
    // And it serves.
    (0..20).any(|_| {
        database.psql("GRANT USAGE ON SCHEMA auth TO authenticated, service_role; ALTER ROLE verses_app LOGIN").is_ok()
    });
    let storage = PostgresStorage::open(options(database.url_as("verses_app"))).await.unwrap();
    let writes = Writes { ledger: vec![conformance::entry("a", 1)], ..Writes::default() };
    conformance::write(&storage, conformance::user(1), writes).await.unwrap();
    assert_eq!(storage.read(conformance::user(1), Wanted::default()).await.unwrap().last_seq, 1);
    assert_eq!(storage.read(conformance::user(2), Wanted::default()).await.unwrap().last_seq, 0);
}
