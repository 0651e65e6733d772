//! `cargo xtask fuzz-api`: requests made from the server's own description of its interface, good ones and bad ones, sent to
//! the real binary. Schemathesis makes and judges them; here are its installation, the server, and what is asked of it.
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::prerequisites;
use crate::process::run;
use crate::run::build;
use crate::server::Server;
use crate::workspace::Workspace;

/// The requirements that were installed last.
const INSTALLED: &str = "installed.txt";
/// Never ends by itself: a stream.
const EVENTS: &str = "/functions/v1/verse-events";
/// Ends the session of the token that it is called with: it has a run and a session of its own.
const LOGOUT: &str = "/auth/v1/logout";
/// Deletes the account of the token that it is called with.
const ACCOUNT: &str = "/functions/v1/verse-account";
/// Allowances are not what is looked at.
const ALLOWANCES: [&str; 3] = ["--sign-ins-per-minute", "--operations-per-minute", "--requests-per-minute-per-address"];

/// What every run is told. The same seed makes the same requests.
const ARGUMENTS: [&str; 14] = [
    "--seed",
    "1",
    "--phases",
    "examples,coverage,fuzzing,stateful",
    "--checks",
    "all",
    // A good request may be refused for what a description cannot say: a cursor of another server, an unknown verse.
    "--exclude-checks",
    "positive_data_acceptance",
    "--continue-on-failure",
    "--generation-database",
    "none",
    "--request-timeout",
    "15",
    "--no-color",
];

/// Installs what is missing, starts a server on a fresh database and a port of its own, and lets it be asked.
pub(crate) fn run_all(workspace: &Workspace) -> Result<()> {
    prerequisites::c_compiler()?;
    let binary = build(workspace, "")?;
    let target = binary.parent().and_then(Path::parent).context("the binary is in no target folder")?;
    let folder = target.join("e2e").join("openapi");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let tool = install(&workspace.root.join("e2e").join("openapi").join("requirements.txt"), &folder)?;
    let server = Server::start(&binary, &folder, &ALLOWANCES)?;
    let others =
        ["--exclude-path", EVENTS, "--exclude-path", LOGOUT, "--exclude-path", ACCOUNT, "--max-examples", "50"];
    let runs: [&[&str]; 3] = [
        &others,
        &["--include-path", LOGOUT, "--max-examples", "20"],
        &["--include-path", ACCOUNT, "--max-examples", "20"],
    ];
    for paths in runs {
        let token = sign_up(server.address())?;
        let mut asking = Command::new(&tool);
        asking.current_dir(&folder).arg("run").arg(format!("{}/openapi.json", server.url));
        asking.arg("--header").arg(format!("Authorization: Bearer {token}"));
        let asked = run(asking.args(ARGUMENTS).args(paths));
        asked.with_context(|| server.log_end())?;
    }
    Ok(())
}

/// Installs exactly the files that the requirements have hashes of, into an environment under the target folder; nothing
/// of a package runs meanwhile. Gives the path of the program.
fn install(requirements: &Path, folder: &Path) -> Result<PathBuf> {
    let environment = folder.join("venv");
    let programs = environment.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let wanted = fs::read(requirements).with_context(|| format!("reading {}", requirements.display()))?;
    let tool = programs.join("schemathesis");
    if fs::read(folder.join(INSTALLED)).is_ok_and(|installed| installed == wanted) {
        return Ok(tool);
    }
    prerequisites::python_environment(&environment)?;
    let mut pip = Command::new(programs.join("python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]);
    run(pip.args(["--only-binary", ":all:", "--requirement"]).arg(requirements))?;
    fs::write(folder.join(INSTALLED), wanted)?;
    Ok(tool)
}

/// A new user's access token.
fn sign_up(address: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
    let body = r#"{"data":{}}"#;
    let head = format!("host: {address}\r\nconnection: close\r\ncontent-length: {}", body.len());
    write!(stream, "POST /auth/v1/signup HTTP/1.1\r\n{head}\r\n\r\n{body}")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    access_token(&answer).with_context(|| format!("no session in {answer:?}"))
}

/// The token in the answer to a sign-up.
fn access_token(answer: &str) -> Option<String> {
    let session: Value = serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()?;
    session["access_token"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_read_from_the_answer_to_a_sign_up() {
        assert_eq!(access_token("HTTP/1.1 200 OK\r\n\r\n{\"access_token\":\"t\"}").as_deref(), Some("t"));
        assert_eq!(access_token("HTTP/1.1 503 Busy\r\n\r\n{}"), None);
    }

    #[test]
    fn every_package_is_pinned_with_its_hashes_and_no_host_is_named() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("e2e/openapi/requirements.txt");
        let text = fs::read_to_string(file).unwrap();
        let packages: Vec<&str> = text.lines().filter(|l| !l.starts_with(['#', ' ']) && !l.is_empty()).collect();
        let pinned = |line: &&str| line.contains("==") && line.ends_with('\\');
        assert!(packages.len() > 20 && packages.iter().all(pinned), "{packages:?}");
        assert!(text.matches("--hash=sha256:").count() > packages.len() && !text.contains("://"));
    }
}
