//! Child processes: every tool is announced, run in the workspace root, and its failure named.
use std::ffi::OsString;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;

/// Variables that `cargo run` sets for this tool. Passed on to another cargo they make build scripts that watch
/// them run again for nothing.
const OF_THIS_RUN: [&str; 5] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];

/// The cargo that runs this tool, else the one on the path.
pub(crate) fn cargo_path() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// A cargo call in the workspace root, with words parted by spaces.
pub(crate) fn cargo(workspace: &Workspace, words: &str) -> Command {
    let mut command = Command::new(cargo_path());
    command.args(words.split_whitespace()).current_dir(&workspace.root);
    clean(&mut command);
    command
}

/// Takes from a cargo what `cargo run` has set for this tool.
pub(crate) fn clean(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if OF_THIS_RUN.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
}

/// Announces the command, runs it with our streams, and fails when it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = announce(command);
    let status = command.status().with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// Prints the command line as one could type it, and returns it.
pub(crate) fn announce(command: &Command) -> String {
    let line = line(command);
    eprintln!("$ {line}");
    line
}

/// Whether the command starts and succeeds; its output is dropped.
pub(crate) fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

fn line(command: &Command) -> String {
    let program = command.get_program();
    let program = if program == cargo_path() { "cargo".into() } else { program.to_string_lossy() };
    let mut words = vec![program.into_owned()];
    words.extend(command.get_args().map(|it| it.to_string_lossy().into_owned()));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_tool_is_named_with_its_status() {
        let error = run(&mut Command::new("false")).unwrap_err().to_string();
        assert!(error.contains("`false` failed"), "{error}");
    }

    #[test]
    fn a_missing_tool_is_named() {
        let error = run(&mut Command::new("verses-no-such-tool")).unwrap_err().to_string();
        assert!(error.contains("cannot start `verses-no-such-tool`"), "{error}");
        assert!(!succeeds("verses-no-such-tool", &[]));
    }

    #[test]
    fn cargo_is_shown_without_its_path() {
        let mut command = Command::new(cargo_path());
        command.args(["fmt", "--all"]);
        assert_eq!(line(&command), "cargo fmt --all");
    }
}
