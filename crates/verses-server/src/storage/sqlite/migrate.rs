//! Numbered schema changes, forward only, each in a transaction of its own. Which they are, their owners say.

use rusqlite::{Connection, OptionalExtension};

use super::Database;
use crate::storage::StorageError;

/// One step of a schema.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// 1, 2, 3, ... without gaps, in order.
    pub version: u32,
    /// What it does, for messages.
    pub name: &'static str,
    /// The statements.
    pub sql: &'static str,
}

impl Database {
    /// Brings the tables of one component up to its last migration. Each component counts on its own. Blocks; meant
    /// for the start of a process.
    ///
    /// # Errors
    /// [`StorageError::Failed`] when the file was made by a newer version, when the numbers of the migrations have a
    /// gap, or when a step fails; steps before it stay done.
    pub fn migrate(&self, component: &'static str, migrations: &'static [Migration]) -> Result<(), StorageError> {
        if migrations.iter().zip(1..).any(|(migration, expected)| migration.version != expected) {
            return Err(StorageError::Failed(format!("the migrations of {component} are not numbered 1, 2, 3, ...")));
        }
        let known = u32::try_from(migrations.len()).unwrap_or(u32::MAX);
        let found = self.write_blocking(move |connection| version(connection, component))?;
        if found > known {
            return Err(StorageError::Failed(format!(
                "the {component} tables have version {found} and this program knows versions up to {known}: they were \
                 made by a newer version of it, use that one"
            )));
        }
        for migration in migrations.iter().skip(found as usize) {
            self.write_blocking(move |connection| step(connection, component, migration))?;
        }
        Ok(())
    }
}

fn version(connection: &Connection, component: &str) -> Result<u32, StorageError> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_versions (component TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL) STRICT",
    )?;
    let sql = "SELECT version FROM schema_versions WHERE component = ?1";
    Ok(connection.query_row(sql, [component], |row| row.get(0)).optional()?.unwrap_or(0))
}

fn step(connection: &Connection, component: &str, migration: &Migration) -> Result<(), StorageError> {
    // Another process may have been faster since the version was read.
    if version(connection, component)? >= migration.version {
        return Ok(());
    }
    let named = |error: rusqlite::Error| {
        let Migration { version, name, .. } = migration;
        StorageError::Failed(format!("migration {version} of {component} ({name}) failed: {error}"))
    };
    connection.execute_batch(migration.sql).map_err(named)?;
    let sql = "INSERT INTO schema_versions (component, version) VALUES (?1, ?2) \
               ON CONFLICT (component) DO UPDATE SET version = excluded.version";
    connection.execute(sql, (component, migration.version)).map_err(named)?;
    Ok(())
}
