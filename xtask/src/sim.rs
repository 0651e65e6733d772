//! `cargo xtask sim`: builds the simulator in the profile made for it and runs it; and the runs of it that are part of the
//! tests. What a run is, the simulator says.
use anyhow::Result;

use crate::prerequisites;
use crate::process::{cargo, run as run_command};
use crate::workspace::Workspace;

/// What the tests run: the fixed seeds, those through the real router and SQLite, and the broken variants, which must be
/// caught.
const IN_THE_TESTS: [&[&str]; 3] = [&["--seeds", "20000"], &["--router", "--seeds", "4000"], &["--broken"]];

/// Runs the simulator with these arguments.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    prerequisites::c_compiler()?;
    let mut command = cargo(workspace, "run --quiet --profile sim --package verses-sim --");
    run_command(command.args(arguments))
}

/// The simulator's part of the tests.
pub(crate) fn run_tests(workspace: &Workspace) -> Result<()> {
    for arguments in IN_THE_TESTS {
        let arguments: Vec<String> = arguments.iter().map(|it| (*it).to_owned()).collect();
        run(workspace, &arguments)?;
    }
    Ok(())
}
