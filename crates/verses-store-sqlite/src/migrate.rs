//! The schema's steps. Each is a file that is never changed once released; opening runs those that are missing, all or none.

#[cfg(test)]
mod tests;

use rusqlite::{Connection, TransactionBehavior};
use verses_store::StoreError;

use crate::fault::Fault;
use crate::open::APPLICATION_ID;

/// `STEPS[n]` leads from version `n` to `n + 1`; a new file has version 0.
const STEPS: [&str; 4] = [
    include_str!("../schema/0001_first_layout.sql"),
    include_str!("../schema/0002_durable_outcomes.sql"),
    include_str!("../schema/0003_indexes.sql"),
    include_str!("../schema/0004_traces_of_damage.sql"),
];

/// The schema this release reads and writes.
pub const SCHEMA_VERSION: u32 = STEPS.len() as u32;

/// Version of an open file.
pub(crate) fn version(connection: &Connection) -> Result<u32, Fault> {
    Ok(connection.prepare_cached("PRAGMA user_version")?.query_row([], |row| row.get(0))?)
}

/// Refuses a file that a later release has changed, also while this one has it open.
pub(crate) fn refuse_newer(found: u32) -> Result<(), StoreError> {
    if found > SCHEMA_VERSION {
        return Err(StoreError::NewerSchema { found, known: SCHEMA_VERSION });
    }
    Ok(())
}

/// Brings the file to the present version.
pub(crate) fn to_present(connection: &mut Connection) -> Result<(), Fault> {
    to_version(connection, SCHEMA_VERSION)
}

/// Runs the missing steps up to `target` in one transaction. Another process that opens the file waits for it.
fn to_version(connection: &mut Connection, target: u32) -> Result<(), Fault> {
    let found = version(connection)?;
    refuse_newer(found)?;
    if found == target {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = version(&transaction)?;
    refuse_newer(found)?;
    for step in &STEPS[found.min(target) as usize..target as usize] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", target.max(found))?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    Ok(transaction.commit()?)
}
