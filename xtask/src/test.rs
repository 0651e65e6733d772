//! `cargo xtask test`: doctests, then all other tests with nextest where it is installed, else `cargo test`, beside a
//! PostgreSQL server of their own, then requests made from the description of the interface, then the Supabase client in
//! Node and a browser, then the web app in a browser, then the simulator.
use anyhow::Result;
use verses_pgtest::{Cluster, Durability, SHARED_CLUSTER_VARIABLE};

use crate::e2e;
use crate::fuzz_api;
use crate::prerequisites;
use crate::process::{cargo, run};
use crate::sim;
use crate::web_test;
use crate::workspace::Workspace;

/// Runs every test of the workspace. The doctests come first: their many short reports would push the summary of
/// the main run off the screen. The simulator comes last: it is built in a profile of its own.
pub(crate) fn run_all(workspace: &Workspace) -> Result<()> {
    prerequisites::c_compiler()?;
    prerequisites::postgresql()?;
    run(&mut cargo(workspace, "test --workspace --doc"))?;
    let cluster = Cluster::start(Durability::None, &[])?;
    eprintln!("xtask: PostgreSQL for the tests runs on port {} until they are through", cluster.port());
    let mut tests = cargo(workspace, main_run(prerequisites::has_nextest(workspace)));
    run(tests.env(SHARED_CLUSTER_VARIABLE, cluster.url()))?;
    drop(cluster);
    fuzz_api::run_all(workspace)?;
    e2e::run_all(workspace)?;
    web_test::run_all(workspace)?;
    sim::run_tests(workspace)
}

/// Benches are left out on purpose: as tests they would measure for minutes and assert nothing.
fn main_run(has_nextest: bool) -> &'static str {
    if has_nextest {
        "nextest run --workspace --profile ci"
    } else {
        "test --workspace --lib --bins --tests --examples --no-fail-fast"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_runners_cover_the_workspace_and_go_on_after_a_failure() {
        assert_eq!(main_run(true), "nextest run --workspace --profile ci");
        assert!(main_run(false).contains("--workspace") && main_run(false).contains("--no-fail-fast"));
    }
}
