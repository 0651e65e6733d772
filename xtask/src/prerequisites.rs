//! What the tasks need besides cargo: one function per tool, each looks first and installs only what is missing.
//! Nothing here is installed without saying so.
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use verses_pgtest::{PgTestError, Programs};

use crate::process::{cargo, run, succeeds};
use crate::workspace::Workspace;

/// The version `cargo xtask deny` was written for.
const CARGO_DENY_VERSION: &str = "0.20.2";
/// The version `cargo xtask fuzz` was written for.
const CARGO_FUZZ_VERSION: &str = "0.13.2";
/// The oldest Node that the scripts of `e2e` run on.
const OLDEST_NODE: u32 = 18;
/// Names under which Chromium is installed.
const CHROMIUMS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Names under which a Python may be installed.
const PYTHONS: [&str; 5] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11"];

/// A C compiler, for the bundled SQLite, zstd and TLS code.
pub(crate) fn c_compiler() -> Result<()> {
    if let Ok(compiler) = std::env::var("CC") {
        return chosen_compiler(&compiler);
    }
    if succeeds("cc", &["--version"]) {
        return Ok(());
    }
    match route_here() {
        AptRoute::None => bail!(
            "no C compiler: `cc` does not start. It is needed to build SQLite, zstd and TLS. \
             Install one (Debian, Ubuntu: `apt-get install build-essential`; Fedora: `dnf install gcc`; \
             macOS: `xcode-select --install`) and try again."
        ),
        route => {
            eprintln!("xtask: no C compiler found; installing build-essential with apt-get");
            install(route, "build-essential")
        }
    }
}

/// The programs of a PostgreSQL server, for the tests. No server of the system is used or changed.
pub(crate) fn postgresql() -> Result<()> {
    match Programs::find() {
        Ok(_) => return Ok(()),
        Err(PgTestError::NotInstalled { .. }) => {}
        Err(other) => return Err(other.into()),
    }
    match route_here() {
        AptRoute::None => bail!(
            "no PostgreSQL server programs (initdb, postgres): the tests need them. Install them (Debian, Ubuntu: \
             `apt-get install postgresql`; Fedora: `dnf install postgresql-server`; macOS: `brew install postgresql`) \
             and try again."
        ),
        route => {
            eprintln!("xtask: no PostgreSQL found; installing postgresql with apt-get");
            install(route, "postgresql")
        }
    }
}

/// An empty Python environment in this folder, in place of what was there, for what `fuzz-api` runs.
pub(crate) fn python_environment(folder: &Path) -> Result<()> {
    let find = || {
        PYTHONS
            .into_iter()
            .find(|program| succeeds(program, &["-c", "import sys; sys.exit(sys.version_info < (3, 11))"]))
    };
    let make = |python: &str| {
        let made = Command::new(python).args(["-m", "venv", "--clear"]).arg(folder).output();
        made.is_ok_and(|output| output.status.success())
    };
    if find().is_some_and(make) {
        return Ok(());
    }
    match route_here() {
        AptRoute::None => bail!(
            "no Python 3.11 or newer that makes environments (`python3 -m venv`): the requests to the interface are made with \
             one. Install it (Debian, Ubuntu: `apt-get install python3-venv`; macOS: `brew install python`) and try again."
        ),
        route => {
            eprintln!("xtask: no Python with venv found; installing python3-venv with apt-get");
            install(route, "python3-venv")?;
        }
    }
    let python = find().context("Python 3.11 or newer is needed, and the package python3-venv brought an older one")?;
    run(Command::new(python).args(["-m", "venv", "--clear"]).arg(folder))
}

/// Node and npm, for the Supabase client.
pub(crate) fn node() -> Result<()> {
    for (program, package) in [("node", "nodejs"), ("npm", "npm")] {
        if succeeds(program, &["--version"]) {
            continue;
        }
        match route_here() {
            AptRoute::None => bail!(
                "`{program}` does not start: the tests with the Supabase client need Node {OLDEST_NODE} or newer and npm. \
                 Install them (Debian, Ubuntu: `apt-get install nodejs npm`; macOS: `brew install node`) and try again."
            ),
            route => {
                eprintln!("xtask: no {program} found; installing {package} with apt-get");
                install(route, package)?;
            }
        }
    }
    let said = Command::new("node").arg("--version").output().context("cannot start node")?;
    let version = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    if major(&version).is_none_or(|major| major < OLDEST_NODE) {
        bail!("Node {OLDEST_NODE} or newer is needed, and this one is {version:?}");
    }
    Ok(())
}

/// The number before the first dot of "v20.20.2".
fn major(version: &str) -> Option<u32> {
    version.trim_start_matches('v').split('.').next()?.parse().ok()
}

/// A Chromium that can be driven; gives its name on the path.
pub(crate) fn chromium() -> Result<&'static str> {
    let find = || CHROMIUMS.into_iter().find(|program| succeeds(program, &["--version"]));
    if let Some(found) = find() {
        return Ok(found);
    }
    match route_here() {
        AptRoute::None => bail!(
            "no Chromium: the tests with the Supabase client drive one. Install it (Debian: `apt-get install chromium`) and \
             try again."
        ),
        route => {
            eprintln!("xtask: no Chromium found; installing chromium with apt-get");
            install(route, "chromium")?;
        }
    }
    find().context("chromium was installed and does not start: `chromium --version` says why")
}

/// Packages of Debian for what has no other source here; `what` names it for people who must install it themselves.
pub(crate) fn packages(names: &[&str], what: &str) -> Result<()> {
    match route_here() {
        AptRoute::None => bail!("missing: {what}. Install it and try again."),
        route => {
            eprintln!("xtask: installing {} with apt-get", names.join(", "));
            run(&mut apt_get(route, &["update"]))?;
            let arguments = [&["install", "--yes", "--no-install-recommends"], names].concat();
            run(&mut apt_get(route, &arguments)).with_context(|| format!("missing: {what}"))
        }
    }
}

fn route_here() -> AptRoute {
    apt_route(succeeds("apt-get", &["--version"]), is_root(), succeeds("sudo", &["-n", "true"]))
}

fn install(route: AptRoute, package: &str) -> Result<()> {
    run(&mut apt_get(route, &["update"]))?;
    run(&mut apt_get(route, &["install", "--yes", "--no-install-recommends", package]))
}

/// A compiler somebody chose is theirs to mend: another one from a package would not be used. `CC` may hold flags
/// or a wrapper ("ccache cc"), so only its first word must start.
fn chosen_compiler(compiler: &str) -> Result<()> {
    let program = compiler.split_whitespace().next().unwrap_or_default();
    if succeeds(program, &["--version"]) {
        return Ok(());
    }
    bail!("no C compiler: CC is `{compiler}`, which does not start. Unset CC or set it to one that does.")
}

/// `cargo fmt`.
pub(crate) fn rustfmt(workspace: &Workspace) -> Result<()> {
    rustup_component(workspace, "fmt", "rustfmt")
}

/// `cargo clippy`.
pub(crate) fn clippy(workspace: &Workspace) -> Result<()> {
    rustup_component(workspace, "clippy", "clippy")
}

/// `cargo deny`.
pub(crate) fn cargo_deny(workspace: &Workspace) -> Result<()> {
    if has_subcommand(workspace, "deny") {
        return Ok(());
    }
    eprintln!("xtask: cargo-deny is missing; installing version {CARGO_DENY_VERSION} (this compiles it)");
    run(&mut cargo(workspace, &format!("install cargo-deny --locked --version {CARGO_DENY_VERSION}")))
}

/// `cargo fuzz`. It also needs a C++ compiler, which comes with the C compiler of [`c_compiler`].
pub(crate) fn cargo_fuzz(workspace: &Workspace) -> Result<()> {
    if has_subcommand(workspace, "fuzz") {
        return Ok(());
    }
    eprintln!("xtask: cargo-fuzz is missing; installing version {CARGO_FUZZ_VERSION} (this compiles it)");
    run(&mut cargo(workspace, &format!("install cargo-fuzz --locked --version {CARGO_FUZZ_VERSION}")))
}

/// Whether `cargo nextest` is here. It is used where present and never installed: `cargo test` does as well.
pub(crate) fn has_nextest(workspace: &Workspace) -> bool {
    has_subcommand(workspace, "nextest")
}

fn rustup_component(workspace: &Workspace, subcommand: &str, component: &str) -> Result<()> {
    if has_subcommand(workspace, subcommand) {
        return Ok(());
    }
    eprintln!("xtask: `cargo {subcommand}` is missing; adding the component {component} with rustup");
    run(Command::new("rustup").args(["component", "add", component])).with_context(|| {
        format!("`cargo {subcommand}` is missing; install the {component} of your Rust toolchain and try again")
    })
}

fn has_subcommand(workspace: &Workspace, name: &str) -> bool {
    cargo(workspace, &format!("{name} --version")).output().is_ok_and(|output| output.status.success())
}

/// How this user may install a Debian package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AptRoute {
    Direct,
    Sudo,
    None,
}

fn apt_route(has_apt: bool, is_root: bool, has_sudo: bool) -> AptRoute {
    match (has_apt, is_root, has_sudo) {
        (true, true, _) => AptRoute::Direct,
        (true, false, true) => AptRoute::Sudo,
        _ => AptRoute::None,
    }
}

fn apt_get(route: AptRoute, arguments: &[&str]) -> Command {
    let mut command = match route {
        AptRoute::Sudo => {
            let mut command = Command::new("sudo");
            // sudo clears the environment, so the variable is set behind it.
            command.args(["-n", "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
            command
        }
        AptRoute::Direct | AptRoute::None => {
            let mut command = Command::new("apt-get");
            command.env("DEBIAN_FRONTEND", "noninteractive");
            command
        }
    };
    command.args(arguments);
    command
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_installed_only_where_the_user_may() {
        let cases = [
            ((true, true, false), AptRoute::Direct),
            ((true, true, true), AptRoute::Direct),
            ((true, false, true), AptRoute::Sudo),
            ((true, false, false), AptRoute::None),
            ((false, true, true), AptRoute::None),
        ];
        for ((has_apt, is_root, has_sudo), expected) in cases {
            assert_eq!(apt_route(has_apt, is_root, has_sudo), expected, "{has_apt} {is_root} {has_sudo}");
        }
    }

    #[test]
    fn the_version_of_node_is_read() {
        assert_eq!((major("v20.20.2"), major("v8"), major("node")), (Some(20), Some(8), None));
    }

    #[test]
    fn a_chosen_compiler_that_does_not_start_is_named() {
        let error = chosen_compiler("verses-no-such-cc -O2").unwrap_err().to_string();
        assert!(error.contains("CC is `verses-no-such-cc -O2`"), "{error}");
        assert!(chosen_compiler("").is_err());
        assert!(chosen_compiler("cargo --some-flag").is_ok());
    }

    #[test]
    fn with_sudo_apt_get_is_asked_not_to_prompt() {
        let command = apt_get(AptRoute::Sudo, &["update"]);
        let arguments: Vec<_> = command.get_args().map(|it| it.to_string_lossy().into_owned()).collect();
        assert_eq!(command.get_program(), "sudo");
        assert_eq!(arguments, ["-n", "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "update"]);
    }
}
