//! A transaction: who acts in it, its statements, its end. There is no other way to a statement in this module's
//! parent: whoever wants one says first for whom.
//!
//! Statements that do not depend on each other are sent together: their futures are joined, and are sent in the order in
//! which they are first polled. So [`Transaction::begin`] stands first in the first of such groups.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::connections::{Connections, Held};
use super::faults::Fault;
use super::options::PostgresOptions;
use super::sql::{self, Sql};
use crate::storage::UserId;

/// Parameters of a statement.
pub(super) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// Who acts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Acting {
    /// A user, seeing and changing rows of the user's own.
    User(UserId),
    /// The server itself: what belongs to nobody.
    Service,
    /// The embedded sign-in: accounts and sessions, and nothing else.
    Accounts,
}

/// What may be done.
#[derive(Debug, Clone, Copy)]
pub(super) enum Access {
    /// Each statement sees what is committed when it starts.
    ReadWrite,
    /// All statements see one snapshot.
    Snapshot,
}

/// A transaction on a connection of its own.
pub(super) struct Transaction {
    held: Held,
    begun: AtomicBool,
    prepares: bool,
    statement_timeout_ms: u64,
    lock_timeout_ms: u64,
}

impl Transaction {
    /// Takes a connection; nothing is sent yet.
    pub(super) async fn open(connections: &Connections, options: &PostgresOptions) -> Result<Self, Fault> {
        Ok(Self {
            held: connections.get().await?,
            begun: AtomicBool::new(false),
            prepares: connections.prepares,
            statement_timeout_ms: options.statement_timeout_ms,
            lock_timeout_ms: options.lock_timeout_ms,
        })
    }

    /// Begins it, and says who acts. Role and claims end with the transaction.
    pub(super) async fn begin(&self, acting: Acting, access: Access) -> Result<(), Fault> {
        self.begun.store(true, Ordering::Relaxed);
        let begin = match access {
            Access::ReadWrite => "BEGIN",
            Access::Snapshot => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        let (role, subject) = match acting {
            Acting::User(user) => ("authenticated", user.to_string()),
            Acting::Accounts => ("verses_accounts", String::new()),
            Acting::Service => ("service_role", String::new()),
        };
        let claims = match acting {
            Acting::User(user) => json!({ "sub": user, "role": role }),
            Acting::Accounts | Acting::Service => json!({ "role": role }),
        };
        let claims = claims.to_string();
        let who: Parameters<'_> = &[&role, &claims, &subject];
        let within = async {
            if self.prepares {
                // Set once, when the connection was made.
                return Ok(());
            }
            let (statement, lock) = (self.statement_timeout_ms.to_string(), self.lock_timeout_ms.to_string());
            self.rows(&sql::WITHIN, &[&statement, &lock]).await.map(drop)
        };
        tokio::try_join!(biased; self.say(begin), within, self.rows(&sql::ACT_AS, who))?;
        Ok(())
    }

    /// From here on the server itself acts.
    pub(super) async fn become_service(&self) -> Result<(), Fault> {
        self.rows(&sql::BECOME, &[&"service_role"]).await.map(drop)
    }

    /// A statement that gives rows.
    pub(super) async fn rows(&self, sql: &Sql, parameters: Parameters<'_>) -> Result<Vec<Row>, Fault> {
        let client = self.ready()?;
        if self.prepares {
            // It was prepared when the connection was made: this does not wait.
            let statement = client.prepare_typed_cached(sql.text, sql.types).await?;
            return Ok(client.query(&statement, parameters).await?);
        }
        Ok(client.query_typed(sql.text, &typed(sql, parameters)).await?)
    }

    /// A statement that gives no rows: how many it touched.
    pub(super) async fn run(&self, sql: &Sql, parameters: Parameters<'_>) -> Result<u64, Fault> {
        let client = self.ready()?;
        if self.prepares {
            let statement = client.prepare_typed_cached(sql.text, sql.types).await?;
            return Ok(client.execute(&statement, parameters).await?);
        }
        Ok(client.execute_typed(sql.text, &typed(sql, parameters)).await?)
    }

    /// Commits.
    pub(super) async fn commit(&self) -> Result<(), Fault> {
        self.say("COMMIT").await
    }

    /// Gives the connection back after a commit, or after an error once it is rolled back.
    pub(super) async fn end<T>(mut self, result: Result<T, Fault>) -> Result<T, Fault> {
        if result.is_ok() || self.say("ROLLBACK").await.is_ok() {
            self.held.settle();
        }
        result
    }

    async fn say(&self, text: &str) -> Result<(), Fault> {
        Ok(self.held.client()?.batch_execute(text).await?)
    }

    /// The connection, if somebody has said who acts.
    fn ready(&self) -> Result<&deadpool_postgres::Object, Fault> {
        if !self.begun.load(Ordering::Relaxed) {
            return Err(Fault::failed("a statement before its transaction began; this is a bug"));
        }
        self.held.client()
    }
}

fn typed<'a>(sql: &Sql, parameters: Parameters<'a>) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
    parameters.iter().copied().zip(sql.types.iter().cloned()).collect()
}
