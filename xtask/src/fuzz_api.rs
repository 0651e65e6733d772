//! `cargo xtask fuzz-api`: requests made from the server's own description of its interface, good ones and bad ones, sent to
//! the real binary. Schemathesis makes and judges them; here are its installation, the server, and what is asked of it.
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::prerequisites;
use crate::process::{announce, run};
use crate::run::build;
use crate::workspace::Workspace;

/// The requirements that were installed last.
const INSTALLED: &str = "installed.txt";
/// Lines of the server's log that are shown after a failure.
const LOG_LINES: usize = 40;
/// Never ends by itself: a stream.
const EVENTS: &str = "/functions/v1/verse-events";
/// Ends the session of the token that it is called with: it has a run and a session of its own.
const LOGOUT: &str = "/auth/v1/logout";

/// Deletes the account of the token that it is called with.
const ACCOUNT: &str = "/functions/v1/verse-account";

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
    let server = Server::start(&binary, &folder)?;
    let others =
        ["--exclude-path", EVENTS, "--exclude-path", LOGOUT, "--exclude-path", ACCOUNT, "--max-examples", "50"];
    let runs: [&[&str]; 3] = [
        &others,
        &["--include-path", LOGOUT, "--max-examples", "20"],
        &["--include-path", ACCOUNT, "--max-examples", "20"],
    ];
    for paths in runs {
        let token = sign_up(&server.address)?;
        let mut asking = Command::new(&tool);
        asking.current_dir(&folder).arg("run").arg(format!("http://{}/openapi.json", server.address));
        asking.arg("--header").arg(format!("Authorization: Bearer {token}"));
        let asked = run(asking.args(ARGUMENTS).args(paths));
        asked.with_context(|| format!("the server's log ends with:\n{}", server.log_end()))?;
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

/// A server that ends with its value.
struct Server {
    process: Child,
    /// `127.0.0.1:PORT`.
    address: String,
    log: PathBuf,
}

impl Server {
    fn start(binary: &Path, folder: &Path) -> Result<Self> {
        let log = folder.join("server.log");
        let data = folder.join("data");
        match fs::remove_dir_all(&data) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("removing {}", data.display()));
            }
            _ => fs::create_dir(&data)?,
        }
        let mut command = Command::new(binary);
        command.args(["--json", "serve", "--listen", "127.0.0.1:0", "--database"]);
        command.arg(format!("sqlite:{}", data.join("verses.db").display()));
        // Allowances are not what is looked at, and all requests come from one address.
        for allowance in ["--sign-ins-per-minute", "--operations-per-minute", "--requests-per-minute-per-address"] {
            command.args([allowance, "10000000"]);
        }
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("VERSES_") {
                command.env_remove(name);
            }
        }
        command.stdout(Stdio::piped()).stderr(File::create(&log)?);
        let line = announce(&command);
        let process = command.spawn().with_context(|| format!("cannot start `{line}`"))?;
        let mut server = Self { process, address: String::new(), log };
        server.address = server.first_words()?;
        Ok(server)
    }

    fn first_words(&mut self) -> Result<String> {
        let output = self.process.stdout.take().context("the server's output is not read")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        ensure!(!line.is_empty(), "the server ended at once; its log:\n{}", self.log_end());
        address(&line).with_context(|| format!("the server said {line:?} and no address"))
    }

    fn log_end(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to end.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The address in the server's first line of output.
fn address(line: &str) -> Result<String> {
    let said: Value = serde_json::from_str(line)?;
    let Some(address) = said["url"].as_str().and_then(|url| url.strip_prefix("http://")) else {
        bail!("no `url` in it")
    };
    Ok(address.to_owned())
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
    fn the_address_and_the_token_are_read() {
        assert_eq!(address("{\"url\":\"http://127.0.0.1:7\"}\n").unwrap(), "127.0.0.1:7");
        assert!(address("Verses is ready").is_err() && address("{}").is_err());
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
