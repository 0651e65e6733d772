//! `cargo xtask run`: builds the release `verses` and becomes it. It chooses where the server listens and keeps
//! its data when nobody else did; all else is the binary's own affair.
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::prerequisites;
use crate::process::{announce, cargo};
use crate::workspace::Workspace;

const LISTEN: &str = "127.0.0.1:54321";
const LISTEN_ANY_PORT: &str = "127.0.0.1:0";
const DATABASE: &str = "sqlite:verses.db";

pub(crate) fn run(workspace: &Workspace, arguments: Vec<String>) -> Result<()> {
    prerequisites::c_compiler()?;
    // Without the web app the server does all the rest.
    if let Err(error) = crate::web::build(workspace) {
        eprintln!("xtask: going on without the web app: {error:#}");
    }
    eprintln!("xtask: building the release binary (the first time this compiles every dependency)");
    let binary = build(workspace, "--release")?;
    let arguments = if arguments.is_empty() { serve_here() } else { arguments };
    eprintln!("xtask: running verses {}", arguments.join(" "));
    become_program(&binary, &arguments)
}

/// Builds the binary and asks cargo where it put it, so that any target directory or target triple is right.
pub(crate) fn build(workspace: &Workspace, profile: &str) -> Result<PathBuf> {
    let mut command = cargo(workspace, &format!("build {profile} --package verses-cli --bin verses"));
    command.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    let line = announce(&command);
    let output = command.output().with_context(|| format!("cannot start `{line}`"))?;
    if !output.status.success() {
        bail!("`{line}` failed ({})", output.status);
    }
    executable(&String::from_utf8_lossy(&output.stdout)).context("cargo built no binary named `verses`")
}

/// The folder that cargo builds in.
pub(crate) fn target_folder(workspace: &Workspace) -> Result<PathBuf> {
    let output = cargo(workspace, "metadata --no-deps --format-version 1").output().context("cannot start cargo")?;
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata is not JSON")?;
    metadata["target_directory"].as_str().map(PathBuf::from).context("cargo does not say where it builds")
}

/// The path of the `verses` executable among cargo's JSON messages, one a line.
fn executable(messages: &str) -> Option<PathBuf> {
    let artifact = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        let is_verses = message["reason"] == "compiler-artifact" && message["target"]["name"] == "verses";
        is_verses.then(|| message["executable"].as_str().map(PathBuf::from))?
    };
    messages.lines().find_map(artifact)
}

/// Arguments of `verses serve` for a first look. What the environment already says is left alone.
fn serve_here() -> Vec<String> {
    let mut arguments = vec!["serve".to_owned()];
    if std::env::var_os("VERSES_LISTEN").is_none() {
        arguments.extend(["--listen".to_owned(), free_address(LISTEN).to_owned()]);
    }
    if std::env::var_os("VERSES_DATABASE_URL").is_none() {
        arguments.extend(["--database".to_owned(), DATABASE.to_owned()]);
        eprintln!("xtask: the database is {DATABASE} in this folder; set VERSES_DATABASE_URL for another");
    }
    arguments
}

/// `wanted`, or any free port when another program holds it.
fn free_address(wanted: &str) -> &str {
    match TcpListener::bind(wanted) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            eprintln!("xtask: {wanted} is taken by another program; the server takes a free port and prints it");
            LISTEN_ANY_PORT
        }
        // Any other fault is for the server to meet and explain.
        _ => wanted,
    }
}

/// Replaces this process, so that Ctrl-C and the exit code belong to `verses` alone.
#[cfg(unix)]
fn become_program(binary: &Path, arguments: &[String]) -> Result<()> {
    use std::os::unix::process::CommandExt;
    let error = Command::new(binary).args(arguments).exec();
    Err(error).with_context(|| format!("cannot start {}", binary.display()))
}

/// Waits for the program. The console sends Ctrl-C to both processes.
#[cfg(not(unix))]
fn become_program(binary: &Path, arguments: &[String]) -> Result<()> {
    let status = Command::new(binary).args(arguments).status();
    let status = status.with_context(|| format!("cannot start {}", binary.display()))?;
    std::process::exit(status.code().unwrap_or(1));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_left_to_its_owner() {
        let holder = TcpListener::bind(LISTEN_ANY_PORT).unwrap();
        assert_eq!(free_address(&holder.local_addr().unwrap().to_string()), LISTEN_ANY_PORT);
    }

    #[test]
    fn an_address_nobody_holds_is_used_as_it_is() {
        assert_eq!(free_address("localhost:0"), "localhost:0");
    }

    #[test]
    fn the_executable_is_found_among_other_messages() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"verses_cli"},"executable":null}"#,
            "\nnot json\n",
            r#"{"reason":"compiler-artifact","target":{"name":"verses"},"executable":"/t/release/verses"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(executable(messages), Some(PathBuf::from("/t/release/verses")));
        assert_eq!(executable(r#"{"reason":"build-finished","success":true}"#), None);
    }
}
