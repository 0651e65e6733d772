//! `cargo xtask fuzz`: the fuzz targets of `fuzz/`, one after the other, each for some minutes from its committed inputs.
//! What the targets hold true lives with the tests of the crates.
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::prerequisites;
use crate::process::{cargo, run as run_command};
use crate::workspace::Workspace;

/// Minutes for each target when nothing is said.
pub(crate) const DEFAULT_MINUTES: u32 = 4;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// A target; `None`: every one.
    pub(crate) target: Option<String>,
    /// How long each of them runs.
    pub(crate) minutes: u32,
}

impl Wanted {
    /// `[TARGET] [--minutes N]`, in any order.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut wanted = Self { target: None, minutes: DEFAULT_MINUTES };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            if argument == "--minutes" {
                let number = rest.next().map(String::as_str).unwrap_or_default();
                wanted.minutes = match number.parse() {
                    Ok(minutes) if minutes > 0 => minutes,
                    _ => bail!("`--minutes` takes a number from 1 on, got `{number}`"),
                };
            } else if argument.starts_with('-') || wanted.target.is_some() {
                bail!("`fuzz` takes one target and `--minutes N`, got `{argument}`");
            } else {
                wanted.target = Some(argument.clone());
            }
        }
        Ok(wanted)
    }
}

pub(crate) fn run(workspace: &Workspace, wanted: &Wanted) -> Result<()> {
    let folder = workspace.root.join("fuzz");
    let chosen = choose(&targets(&folder.join("fuzz_targets"))?, wanted.target.as_deref())?;
    prerequisites::c_compiler()?;
    prerequisites::cargo_fuzz(workspace)?;
    for target in chosen {
        // What the fuzzer finds worth keeping goes here; the committed inputs are only read.
        let found = folder.join("target/corpus").join(&target);
        fs::create_dir_all(&found).with_context(|| format!("cannot make {}", found.display()))?;
        let committed = folder.join("corpus").join(&target);
        let mut command = cargo(workspace, "fuzz run --fuzz-dir fuzz");
        command.arg(&target).arg(&found).arg(&committed).arg("--");
        command.arg(format!("-max_total_time={}", 60 * u64::from(wanted.minutes)));
        let words = folder.join(format!("{target}.dict"));
        if words.is_file() {
            command.arg(format!("-dict={}", words.display()));
        }
        // The sanitizer is not for the stable compiler by itself; this lets it be used there all the same.
        run_command(command.env("RUSTC_BOOTSTRAP", "1"))?;
    }
    Ok(())
}

/// Names of the targets, in order.
fn targets(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".rs").map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

fn choose(all: &[String], wanted: Option<&str>) -> Result<Vec<String>> {
    let Some(name) = wanted else { return Ok(all.to_vec()) };
    if all.iter().any(|target| target == name) {
        return Ok(vec![name.to_owned()]);
    }
    bail!("no fuzz target is called `{name}`; there are: {}", all.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Wanted> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Wanted::parse(&arguments)
    }

    #[test]
    fn a_target_and_minutes_may_be_given_in_any_order() {
        let wanted = |target: Option<&str>, minutes| Wanted { target: target.map(str::to_owned), minutes };
        for (line, expected) in [
            ("", wanted(None, DEFAULT_MINUTES)),
            ("cursor", wanted(Some("cursor"), DEFAULT_MINUTES)),
            ("--minutes 2", wanted(None, 2)),
            ("cursor --minutes 2", wanted(Some("cursor"), 2)),
            ("--minutes 2 cursor", wanted(Some("cursor"), 2)),
        ] {
            assert_eq!(parsed(line).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn wrong_arguments_are_named() {
        for line in ["a b", "--fast", "--minutes", "--minutes 0", "--minutes soon"] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }

    #[test]
    fn an_unknown_target_lists_the_known_ones() {
        let all = ["batches".to_owned(), "cursor".to_owned()];
        assert_eq!(choose(&all, None).unwrap(), all);
        assert_eq!(choose(&all, Some("cursor")).unwrap(), ["cursor"]);
        let error = choose(&all, Some("curser")).unwrap_err().to_string();
        assert!(error.contains("`curser`") && error.contains("batches, cursor"), "{error}");
    }

    #[test]
    fn every_target_has_inputs_to_start_from() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("fuzz");
        let targets = targets(&folder.join("fuzz_targets")).unwrap();
        assert!(!targets.is_empty());
        for target in targets {
            let inputs = fs::read_dir(folder.join("corpus").join(&target)).unwrap().count();
            assert!(inputs > 0, "{target}");
        }
    }
}
