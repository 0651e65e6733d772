//! `cargo xtask deny`: licences, banned crates and sources always; advisories when their database can be fetched.
use anyhow::{Context, Result};

use crate::ci::Note;
use crate::prerequisites;
use crate::process::{announce, cargo, run};
use crate::workspace::Workspace;

/// Fails on a finding. A database that cannot be fetched is not a finding: the returned note says it was skipped.
///
/// Fetching and checking are two calls, so that no network fault can look like an advisory or hide one.
pub(crate) fn check(workspace: &Workspace) -> Result<Option<Note>> {
    prerequisites::cargo_deny(workspace)?;
    run(&mut cargo(workspace, "deny --workspace check bans licenses sources"))?;
    // cargo-deny leaves its summary line open.
    println!();

    let mut fetch = cargo(workspace, "deny --workspace fetch db");
    announce(&fetch);
    let fetched = fetch.output().context("cannot start cargo-deny")?;
    if !fetched.status.success() {
        let reason = fault_in(&String::from_utf8_lossy(&fetched.stderr));
        let note = format!("advisories SKIPPED, their database could not be fetched: {reason}");
        eprintln!("xtask: {note}");
        return Ok(Some(Note(note)));
    }
    run(&mut cargo(workspace, "deny --workspace --offline check advisories"))?;
    Ok(None)
}

/// The innermost cause in what cargo-deny printed: the last line that says something.
fn fault_in(output: &str) -> String {
    let line = output.lines().map(str::trim).rfind(|line| !line.is_empty());
    line.unwrap_or("cargo-deny gave no reason").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_cause_is_told() {
        assert_eq!(fault_in("[ERROR] failed to fetch\n\nCaused by:\n    no route to host\n\n"), "no route to host");
        assert_eq!(fault_in("\n"), "cargo-deny gave no reason");
    }
}
