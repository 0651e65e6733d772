//! The arguments of `cargo xtask`, read by hand: which task to do, and nothing of how it is done.
use anyhow::{Result, bail};

use crate::ci::Step;
use crate::workspace::Workspace;
use crate::{bench, ci, e2e, fuzz, fuzz_api, run, sim, web, web_test};

const USAGE: &str = "\
The tool runner of Verses.

Usage: cargo xtask COMMAND

  run [-- ARGS]   build the release binary and start the server, or run `verses ARGS`
                  (try `cargo xtask run -- demo`)
  test            all tests, doctests included; installs what is missing
  ci              every check below in one go, with a summary
    fmt           formatting (`cargo fmt` mends it)
    tidy          house rules: crate directions, sizes, purity, printing, words
    clippy        lints, warnings are errors
    deny          licences, banned crates, sources, advisories
    docs          API documentation, warnings are errors
    test          as above
  e2e             the unmodified Supabase client against the binary, in Node and Chromium; a part of `test`
  web [--dev]     the web app, for the next build of `verses`; with --dev it is served and built again on every change.
                  Installs what is missing of Node, a Rust toolchain for WebAssembly and packages
  web-test        the web app and its store in Chromium; a part of `test`
  fuzz [TARGET] [--minutes N]
                  every fuzz target, or one, for some minutes each; installs what is missing
  fuzz-api        requests made from the server's own description of its interface; a part of `test`
  sim [ARGS]      the simulator: --seed N, --seeds N, --minutes N, --router, --broken, --trace; `sim --help` tells all
  bench [NAME]    all benchmarks one after the other, or those of one target or crate";

/// One task, as asked for on the command line.
#[derive(Debug, PartialEq, Eq)]
enum Task {
    Help,
    Run(Vec<String>),
    Ci,
    E2e,
    Web { dev: bool },
    WebTest,
    Step(Step),
    Bench(Option<String>),
    Fuzz(fuzz::Wanted),
    FuzzApi,
    Sim(Vec<String>),
}

/// Does what the arguments (without the program name) ask for.
///
/// # Errors
/// Unknown arguments, a tool that is missing and cannot be installed, or a check that failed.
pub fn run(arguments: &[String]) -> Result<()> {
    let task = parse(arguments)?;
    if task == Task::Help {
        println!("{USAGE}");
        return Ok(());
    }
    let workspace = Workspace::load()?;
    match task {
        Task::Help => Ok(()),
        Task::Run(arguments) => run::run(&workspace, arguments),
        Task::Ci => ci::run_all(&workspace),
        Task::E2e => e2e::run_all(&workspace),
        Task::Web { dev } => web::run_task(&workspace, dev),
        Task::WebTest => web_test::run_all(&workspace),
        Task::Step(step) => ci::run_one(&workspace, step),
        Task::Bench(name) => bench::run(&workspace, name.as_deref()),
        Task::Fuzz(wanted) => fuzz::run(&workspace, &wanted),
        Task::FuzzApi => fuzz_api::run_all(&workspace),
        Task::Sim(arguments) => sim::run(&workspace, &arguments),
    }
}

fn parse(arguments: &[String]) -> Result<Task> {
    let Some((command, rest)) = arguments.split_first() else {
        return Ok(Task::Help);
    };
    let task = match command.as_str() {
        "help" | "-h" | "--help" => return Ok(Task::Help),
        "run" => {
            let rest = rest.strip_prefix(&["--".to_owned()]).unwrap_or(rest);
            return Ok(Task::Run(rest.to_vec()));
        }
        "sim" => return Ok(Task::Sim(rest.strip_prefix(&["--".to_owned()]).unwrap_or(rest).to_vec())),
        "fuzz" => return Ok(Task::Fuzz(fuzz::Wanted::parse(rest)?)),
        "bench" => match rest {
            [] => return Ok(Task::Bench(None)),
            [name] => return Ok(Task::Bench(Some(name.clone()))),
            _ => bail!("`bench` takes at most one name, got {}", rest.join(" ")),
        },
        "ci" => Task::Ci,
        "fuzz-api" => Task::FuzzApi,
        "e2e" => Task::E2e,
        "web" if rest == ["--dev"] => return Ok(Task::Web { dev: true }),
        "web" => Task::Web { dev: false },
        "web-test" => Task::WebTest,
        name => match Step::ALL.into_iter().find(|step| step.name() == name) {
            Some(step) => Task::Step(step),
            None => bail!("there is no command `{name}`\n\n{USAGE}"),
        },
    };
    match rest.first() {
        None => Ok(task),
        Some(extra) => bail!("`{command}` takes no arguments, got `{extra}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Task> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&arguments)
    }

    #[test]
    fn each_command_line_names_one_task() {
        let cases = [
            ("", Task::Help),
            ("--help", Task::Help),
            ("run", Task::Run(vec![])),
            ("run --", Task::Run(vec![])),
            ("run -- demo --json", Task::Run(vec!["demo".into(), "--json".into()])),
            ("run status", Task::Run(vec!["status".into()])),
            ("ci", Task::Ci),
            ("e2e", Task::E2e),
            ("web", Task::Web { dev: false }),
            ("web --dev", Task::Web { dev: true }),
            ("web-test", Task::WebTest),
            ("fmt", Task::Step(Step::Fmt)),
            ("test", Task::Step(Step::Test)),
            ("sim", Task::Sim(vec![])),
            ("sim --seed 7 --trace", Task::Sim(vec!["--seed".into(), "7".into(), "--trace".into()])),
            ("bench", Task::Bench(None)),
            ("bench enqueue", Task::Bench(Some("enqueue".into()))),
            ("fuzz-api", Task::FuzzApi),
            ("fuzz", Task::Fuzz(fuzz::Wanted { target: None, minutes: fuzz::DEFAULT_MINUTES })),
            ("fuzz cursor --minutes 1", Task::Fuzz(fuzz::Wanted { target: Some("cursor".into()), minutes: 1 })),
        ];
        for (line, expected) in cases {
            assert_eq!(parsed(line).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn every_step_is_a_command_and_stands_in_the_usage() {
        for step in Step::ALL {
            assert_eq!(parsed(step.name()).unwrap(), Task::Step(step));
            assert!(USAGE.contains(&format!("\n    {} ", step.name())), "{}", step.name());
        }
    }

    #[test]
    fn wrong_arguments_are_named() {
        assert!(parsed("tset").unwrap_err().to_string().contains("`tset`"));
        assert!(parsed("ci --fast").unwrap_err().to_string().contains("`--fast`"));
        assert!(parsed("web --fast").unwrap_err().to_string().contains("`--fast`"));
        assert!(parsed("bench a b").unwrap_err().to_string().contains("a b"));
    }
}
