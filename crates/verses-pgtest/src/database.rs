//! A database of one test.

use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::{Cluster, Durability, PgTestError, Programs, SHARED_CLUSTER_VARIABLE};

/// A database of its own for one test, dropped with it.
#[derive(Debug)]
pub struct TestDatabase {
    server: String,
    name: String,
}

impl TestDatabase {
    /// A new database in the cluster that [`SHARED_CLUSTER_VARIABLE`] names, else in one of this process.
    ///
    /// # Errors
    /// [`PgTestError`].
    pub fn new() -> Result<Self, PgTestError> {
        Self::in_server(&shared()?)
    }

    /// A new database in the server at this superuser's address without a database.
    ///
    /// # Errors
    /// [`PgTestError`].
    pub fn in_server(server: &str) -> Result<Self, PgTestError> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        psql(&format!("{server}/postgres"), &format!("CREATE DATABASE {name}"))?;
        Ok(Self { server: server.to_owned(), name })
    }

    /// The superuser's address of it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/{}", self.server, self.name)
    }

    /// The address of it for another role, which needs no password.
    #[must_use]
    pub fn url_as(&self, role: &str) -> String {
        self.url().replacen("postgres@", &format!("{role}@"), 1)
    }

    /// Runs SQL as the superuser and gives what it prints, one row a line, columns between `|`.
    ///
    /// # Errors
    /// [`PgTestError::Failed`] with the server's message.
    pub fn psql(&self, sql: &str) -> Result<String, PgTestError> {
        psql(&self.url(), sql)
    }

    /// Runs SQL as another role.
    ///
    /// # Errors
    /// [`PgTestError::Failed`] with the server's message.
    pub fn psql_as(&self, role: &str, sql: &str) -> Result<String, PgTestError> {
        psql(&self.url_as(role), sql)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // A cluster that is gone has taken it along.
        drop(psql(
            &format!("{}/postgres", self.server),
            &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name),
        ));
    }
}

fn psql(url: &str, sql: &str) -> Result<String, PgTestError> {
    let mut command: Command = Programs::find()?.command("psql");
    command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]).stdin(Stdio::null());
    let output = Programs::run(command, "psql")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// The shared cluster's address. Without one, this process starts its own, which ends with it.
fn shared() -> Result<String, PgTestError> {
    static OWN: OnceLock<Result<Cluster, String>> = OnceLock::new();
    if let Ok(url) = std::env::var(SHARED_CLUSTER_VARIABLE) {
        return Ok(url.trim_end_matches('/').to_owned());
    }
    let own = OWN.get_or_init(|| Cluster::start(Durability::None, &[]).map_err(|error| error.to_string()));
    let failed =
        |output: &String| PgTestError::Failed { what: "a PostgreSQL of its own".into(), output: output.clone() };
    own.as_ref().map(Cluster::url).map_err(failed)
}
