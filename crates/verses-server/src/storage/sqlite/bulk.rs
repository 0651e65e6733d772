//! Bulk statements: many rows in one `INSERT`, whatever their number. Which tables and columns, `rows` says.
//!
//! A statement is prepared for 16, 128 or 1024 rows and rows that are not needed are left NULL, which the statement
//! skips. So a handful of prepared statements serves every size, and up to 1024 rows one statement is enough.

use std::sync::OnceLock;

use rusqlite::{Connection, Statement, ToSql};

use crate::storage::StorageError;

/// Row counts statements are prepared for.
const SIZES: [usize; 3] = [16, 128, 1024];

/// One `INSERT` for many rows.
pub(super) struct BulkInsert {
    /// `INSERT INTO table (columns)`.
    head: &'static str,
    /// Columns per row; the first is never NULL.
    columns: usize,
    /// `ON CONFLICT ...` or nothing.
    tail: &'static str,
    sql: [OnceLock<String>; SIZES.len()],
}

impl BulkInsert {
    pub(super) const fn new(head: &'static str, columns: usize, tail: &'static str) -> Self {
        Self { head, columns, tail, sql: [const { OnceLock::new() }; SIZES.len()] }
    }

    /// Writes all rows; `bind` gives one row's values in the order of the columns.
    pub(super) fn run<R>(
        &self,
        connection: &Connection,
        rows: &[R],
        bind: impl Fn(&R, &mut RowBinder<'_, '_>) -> rusqlite::Result<()>,
    ) -> Result<(), StorageError> {
        for chunk in rows.chunks(SIZES[SIZES.len() - 1]) {
            let mut statement = connection.prepare_cached(self.sql_for(chunk.len()))?;
            let mut binder = RowBinder { statement: &mut statement, next: 1 };
            for row in chunk {
                let start = binder.next;
                bind(row, &mut binder)?;
                debug_assert_eq!(binder.next, start + self.columns, "one value per column");
            }
            statement.raw_execute()?;
        }
        Ok(())
    }

    fn sql_for(&self, rows: usize) -> &str {
        let index = SIZES.iter().position(|size| rows <= *size).unwrap_or(SIZES.len() - 1);
        self.sql[index].get_or_init(|| {
            let row = format!("({})", vec!["?"; self.columns].join(","));
            let rows = vec![row.as_str(); SIZES[index]].join(",");
            format!("{} SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL {}", self.head, self.tail)
        })
    }
}

/// Binds one value after the other.
pub(super) struct RowBinder<'a, 'c> {
    statement: &'a mut Statement<'c>,
    next: usize,
}

impl RowBinder<'_, '_> {
    pub(super) fn push(&mut self, value: impl ToSql) -> rusqlite::Result<()> {
        self.statement.raw_bind_parameter(self.next, value)?;
        self.next += 1;
        Ok(())
    }
}
