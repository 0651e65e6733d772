//! Schema changes of the storage on PostgreSQL, and what a login must and must not be. The changes are numbered, forward
//! only, each in a transaction of its own under one lock, so that several servers may start at once.

use tokio_postgres::Client;

use super::faults::{Fault, told};
use super::options::PostgresOptions;
use super::reach::{Reach, tls_hint};
use crate::storage::StorageError;

/// One step of the schema.
struct Step {
    version: i32,
    name: &'static str,
    sql: &'static str,
}

/// Never changed once released: only added to.
const STEPS: &[Step] = &[
    Step { version: 1, name: "roles", sql: include_str!("migrations/0001_roles.sql") },
    Step { version: 2, name: "sync tables", sql: include_str!("migrations/0002_sync.sql") },
    Step { version: 3, name: "accounts", sql: include_str!("migrations/0003_accounts.sql") },
    Step { version: 4, name: "erased accounts", sql: include_str!("migrations/0004_erased.sql") },
    Step { version: 5, name: "signing keys", sql: include_str!("migrations/0005_signing_keys.sql") },
    Step { version: 6, name: "revisions of accounts", sql: include_str!("migrations/0006_account_revisions.sql") },
];

/// Held by whoever changes the schema, until the end of its transaction: "verses" in ASCII.
const LOCK: i64 = 0x0076_6572_7365_7300;

/// Makes and reads the table of versions. It belongs to whoever runs the changes.
const BOOTSTRAP: &str = "
    CREATE SCHEMA IF NOT EXISTS verses;
    CREATE TABLE IF NOT EXISTS verses.schema_version (
        one boolean PRIMARY KEY DEFAULT true CHECK (one),
        version integer NOT NULL
    );
    INSERT INTO verses.schema_version (version) VALUES (0) ON CONFLICT DO NOTHING;";
const VERSION: &str = "SELECT version FROM verses.schema_version";

/// Brings the schema up to date, as the role in this address: a superuser, or one that may create roles and a schema.
/// Gives the version before and after. Can be repeated, interrupted, and run by several at once.
///
/// # Errors
/// [`StorageError`] names the step that failed; the steps before it stay done.
pub async fn migrate(url: &str) -> Result<(i32, i32), StorageError> {
    let mut client = connect(url).await?;
    let mut before = None;
    let latest = STEPS.last().map_or(0, |step| step.version);
    loop {
        let found = step(&mut client).await?;
        before.get_or_insert(found);
        if found > latest {
            return Err(newer(found, latest));
        }
        if found == latest {
            return Ok((before.unwrap_or(found), latest));
        }
    }
}

/// Does the next step, if there is one. Gives the version found.
async fn step(client: &mut Client) -> Result<i32, StorageError> {
    let plain = |error| Fault::from(error).error;
    let transaction = client.transaction().await.map_err(plain)?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await.map_err(plain)?;
    // Whoever waits for a table's lock makes everybody wait who comes after: rather fail, and be run again.
    transaction
        .batch_execute("SET LOCAL lock_timeout = '5s'; SET LOCAL client_min_messages = 'warning'")
        .await
        .map_err(plain)?;
    let exists: bool = transaction
        .query_one("SELECT to_regclass('verses.schema_version') IS NOT NULL", &[])
        .await
        .and_then(|row| row.try_get(0))
        .map_err(plain)?;
    if !exists {
        transaction.batch_execute(BOOTSTRAP).await.map_err(|error| named("the table of versions", error))?;
    }
    let found: i32 = transaction.query_one(VERSION, &[]).await.and_then(|row| row.try_get(0)).map_err(plain)?;
    let Some(step) = STEPS.iter().find(|step| step.version == found + 1) else { return Ok(found) };
    transaction.batch_execute(step.sql).await.map_err(|error| named(step.name, error))?;
    let update = "UPDATE verses.schema_version SET version = $1";
    transaction.execute(update, &[&step.version]).await.map_err(plain)?;
    transaction
        .batch_execute(
            "GRANT USAGE ON SCHEMA verses TO authenticated, service_role; \
         GRANT SELECT ON verses.schema_version TO service_role",
        )
        .await
        .map_err(plain)?;
    transaction.commit().await.map_err(plain)?;
    Ok(found)
}

fn named(step: &str, error: tokio_postgres::Error) -> StorageError {
    match Fault::from(error).error {
        StorageError::Unavailable(text) => StorageError::Unavailable(format!("migration {step:?}: {text}")),
        StorageError::Failed(text) => StorageError::Failed(format!("migration {step:?}: {text}")),
        StorageError::Erased => StorageError::Erased,
    }
}

fn newer(found: i32, known: i32) -> StorageError {
    StorageError::Failed(format!(
        "the tables have version {found} and this program knows versions up to {known}: they were made by a newer version \
         of it, use that one"
    ))
}

/// Checks that the tables are there, of the right version, and that row-level security binds the login.
pub(super) async fn check_login(options: &PostgresOptions) -> Result<(), StorageError> {
    let client = connect(&options.url).await?;
    let plain = |error| Fault::from(error).error;
    let sql = "SELECT r.rolsuper OR r.rolbypassrls OR coalesce(pg_has_role(r.oid, o.oid, 'MEMBER'), false), \
                      coalesce(pg_has_role(r.oid, to_regrole('authenticated'), 'MEMBER') \
                           AND pg_has_role(r.oid, to_regrole('service_role'), 'MEMBER'), false), \
                      EXISTS (SELECT FROM pg_class c WHERE c.relname = 'schema_version' AND c.relnamespace = to_regnamespace('verses')), \
                      r.rolname::text \
               FROM pg_roles r LEFT JOIN pg_roles o ON o.rolname = 'verses_owner' WHERE r.rolname = session_user";
    let row = client.query_one(sql, &[]).await.map_err(plain)?;
    let get = |index| row.try_get::<_, bool>(index).map_err(plain);
    let (privileged, member, there) = (get(0)?, get(1)?, get(2)?);
    let login: String = row.try_get(3).map_err(plain)?;
    if !there {
        return Err(StorageError::Failed(
            "the tables of Verses are not there: make them with `verses serve --migrate-only --database URL`, where URL names \
             a role that may create roles and a schema"
                .to_owned(),
        ));
    }
    if privileged && !options.allow_privileged_login {
        return Err(StorageError::Failed(format!(
            "row-level security does not bind the database login {login:?} (a superuser, an owner of the tables, or one with \
             BYPASSRLS): serve with one that it binds, such as verses_app (`ALTER ROLE verses_app LOGIN PASSWORD '...'`)"
        )));
    }
    if !member && !privileged {
        return Err(StorageError::Failed(format!(
            "the database login {login:?} may not act for users: run `GRANT authenticated, service_role TO {login}`"
        )));
    }
    client.batch_execute("BEGIN; SET LOCAL ROLE service_role").await.map_err(plain)?;
    let found: i32 = client.query_one(VERSION, &[]).await.and_then(|row| row.try_get(0)).map_err(plain)?;
    let latest = STEPS.last().map_or(0, |step| step.version);
    if found > latest {
        return Err(newer(found, latest));
    }
    if found < latest {
        return Err(StorageError::Failed(format!(
            "the tables have version {found} and this program needs {latest}: run `verses serve --migrate-only` as their owner"
        )));
    }
    Ok(())
}

async fn connect(url: &str) -> Result<Client, StorageError> {
    let Reach { config, tls } = Reach::read(url)?;
    let (client, connection) =
        config.connect(tls).await.map_err(|error| match (error.as_db_error(), tls_hint(&error)) {
            (_, Some(hint)) => StorageError::Failed(format!("{}: {hint}", told(&error))),
            // A refused password, an unknown database: trying again does not help.
            (Some(of_database), _) if Fault::stays(of_database.code()) => StorageError::Failed(told(&error)),
            _ => StorageError::Unavailable(told(&error)),
        })?;
    tokio::spawn(async move {
        // Its error is also the error of the statement that waits.
        drop(connection.await);
    });
    Ok(client)
}
