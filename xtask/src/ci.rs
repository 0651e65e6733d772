//! `cargo xtask ci`: the steps, their order, and the summary. What a step does lives with its tool.
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::process::{cargo, run};
use crate::workspace::Workspace;
use crate::{deny, prerequisites, test, tidy};

/// One check. Each is also a command of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Fmt,
    Tidy,
    Clippy,
    Deny,
    Docs,
    Test,
}

/// Something the reader of a green summary must still know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note(pub(crate) String);

impl Step {
    /// Quick ones first; tests last, so that their summary is the last thing on the screen before ours.
    pub(crate) const ALL: [Self; 6] = [Self::Fmt, Self::Tidy, Self::Clippy, Self::Deny, Self::Docs, Self::Test];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Tidy => "tidy",
            Self::Clippy => "clippy",
            Self::Deny => "deny",
            Self::Docs => "docs",
            Self::Test => "test",
        }
    }

    fn run(self, workspace: &Workspace) -> Result<Option<Note>> {
        match self {
            Self::Fmt => {
                prerequisites::rustfmt(workspace)?;
                run(&mut cargo(workspace, "fmt --all -- --check"))?;
            }
            Self::Tidy => tidy::run(workspace)?,
            Self::Clippy => {
                prerequisites::c_compiler()?;
                prerequisites::clippy(workspace)?;
                run(&mut cargo(workspace, "clippy --workspace --all-targets -- -D warnings"))?;
            }
            Self::Deny => return deny::check(workspace),
            Self::Docs => {
                prerequisites::c_compiler()?;
                run(cargo(workspace, "doc --workspace --no-deps").env("RUSTDOCFLAGS", "-D warnings"))?;
            }
            Self::Test => test::run_all(workspace)?,
        }
        Ok(None)
    }
}

/// How one step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Passed(Option<Note>),
    Failed,
    NotRun,
}

pub(crate) fn run_one(workspace: &Workspace, step: Step) -> Result<()> {
    step.run(workspace).map(drop)
}

/// Runs all steps in order, stops at the first failure, and always ends with the summary.
pub(crate) fn run_all(workspace: &Workspace) -> Result<()> {
    let mut rows: Vec<(Step, Outcome, Duration)> = Vec::new();
    let mut failure = None;
    for step in Step::ALL {
        if failure.is_some() {
            rows.push((step, Outcome::NotRun, Duration::ZERO));
            continue;
        }
        eprintln!("\n=== {} ===", step.name());
        let start = Instant::now();
        let outcome = match step.run(workspace) {
            Ok(note) => Outcome::Passed(note),
            Err(error) => {
                failure = Some(error);
                Outcome::Failed
            }
        };
        rows.push((step, outcome, start.elapsed()));
    }
    eprint!("\n=== summary ===\n{}", summary(&rows));
    match failure {
        None => Ok(()),
        Some(error) => bail!("{error:#}"),
    }
}

fn summary(rows: &[(Step, Outcome, Duration)]) -> String {
    let row = |(step, outcome, took): &(Step, Outcome, Duration)| {
        let seconds = took.as_secs_f64();
        match outcome {
            Outcome::Passed(None) => format!("{:<7} ok      {seconds:>7.1} s\n", step.name()),
            Outcome::Passed(Some(Note(note))) => format!("{:<7} ok      {seconds:>7.1} s  {note}\n", step.name()),
            Outcome::Failed => format!("{:<7} FAILED  {seconds:>7.1} s\n", step.name()),
            Outcome::NotRun => format!("{:<7} not run\n", step.name()),
        }
    };
    rows.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_tells_passed_failed_skipped_and_not_run_apart() {
        let rows = [
            (Step::Fmt, Outcome::Passed(None), Duration::from_millis(1_250)),
            (Step::Deny, Outcome::Passed(Some(Note("advisories SKIPPED".into()))), Duration::from_secs(2)),
            (Step::Docs, Outcome::Failed, Duration::from_secs(90)),
            (Step::Test, Outcome::NotRun, Duration::ZERO),
        ];
        let expected = "\
fmt     ok          1.2 s
deny    ok          2.0 s  advisories SKIPPED
docs    FAILED     90.0 s
test    not run
";
        assert_eq!(summary(&rows), expected);
    }
}
