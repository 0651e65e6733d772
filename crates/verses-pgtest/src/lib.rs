//! PostgreSQL servers for tests: a cluster with a data directory of its own, on loopback, started and stopped by whoever
//! holds it. Runs the programs of an installed PostgreSQL and speaks no protocol; connecting is the tests' matter.

mod cluster;
mod database;
mod programs;

use std::io;
use std::path::PathBuf;

pub use cluster::{Cluster, Durability, Stop};
pub use database::TestDatabase;
pub use programs::Programs;

/// Names the superuser's address of a cluster that tests may share, without a database:
/// `postgres://postgres@127.0.0.1:PORT`.
pub const SHARED_CLUSTER_VARIABLE: &str = "VERSES_TEST_POSTGRES";

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum PgTestError {
    /// No PostgreSQL is installed.
    #[error("no PostgreSQL server programs found (looked in {looked_in}): install the package postgresql")]
    NotInstalled {
        /// Where they might have been.
        looked_in: String,
    },
    /// The superuser may not run a server, and there is nobody else to run it.
    #[error("PostgreSQL does not run as root, and there is no user named postgres to run it as")]
    NoUser,
    /// A program could not be run.
    #[error("{program} could not be run: {source}")]
    Io {
        /// Which one.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A program ran and failed.
    #[error("{what} failed: {output}")]
    Failed {
        /// What was tried.
        what: String,
        /// What it said.
        output: String,
    },
}
