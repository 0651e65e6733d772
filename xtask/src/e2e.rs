//! `cargo xtask e2e`: the unmodified Supabase client against the real binary, in Node and in a browser. What it does there
//! is in `e2e/supabase`; here are the tools, the server and the runs.
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::prerequisites;
use crate::process::{announce, run};
use crate::run::build;
use crate::workspace::Workspace;

/// The lock file the packages were last installed from.
const INSTALLED: &str = "installed.json";
/// Lines of the server's log that are shown after a failure.
const LOG_LINES: usize = 40;

/// Installs what is missing, starts a server on a fresh database and a port of its own, and runs every script against it.
pub(crate) fn run_all(workspace: &Workspace) -> Result<()> {
    prerequisites::c_compiler()?;
    prerequisites::node()?;
    let chromium = prerequisites::chromium()?;
    let binary = build(workspace, "")?;
    let target = binary.parent().and_then(Path::parent).context("the binary is in no target folder")?;
    let folder = target.join("e2e").join("supabase");
    install(&workspace.root.join("e2e").join("supabase"), &folder)?;
    for script in ["node.mjs", "browser.mjs"] {
        let server = Server::start(&binary, &folder)?;
        let mut node = Command::new("node");
        node.arg(script).arg(&server.url).env("CHROMIUM", chromium).current_dir(&folder);
        run(&mut node).with_context(|| format!("the server's log ends with:\n{}", server.log_end()))?;
    }
    Ok(())
}

/// Copies the scripts and installs exactly the packages of the lock file; install scripts of packages do not run.
fn install(source: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    for entry in fs::read_dir(source).with_context(|| format!("reading {}", source.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), folder.join(entry.file_name()))?;
        }
    }
    let wanted = fs::read(folder.join("package-lock.json"))?;
    if fs::read(folder.join(INSTALLED)).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let packages =
        run(Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder));
    packages.context("the packages of e2e/supabase/package-lock.json could not be installed: is there a network?")?;
    Ok(fs::write(folder.join(INSTALLED), wanted)?)
}

/// A server that ends with its value.
struct Server {
    process: Child,
    url: String,
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
        // All accounts come from one address here.
        command.args(["--sign-ins-per-minute", "100000"]);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("VERSES_") {
                command.env_remove(name);
            }
        }
        command.stdout(Stdio::piped()).stderr(File::create(&log)?);
        let line = announce(&command);
        let process = command.spawn().with_context(|| format!("cannot start `{line}`"))?;
        let mut server = Self { process, url: String::new(), log };
        server.url = server.first_words()?;
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
    let Some(url) = said["url"].as_str() else { bail!("no `url` in it") };
    Ok(url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_from_the_first_line() {
        assert_eq!(address("{\"url\":\"http://127.0.0.1:7\"}\n").unwrap(), "http://127.0.0.1:7");
        assert!(address("Verses is ready").is_err());
        assert!(address("{}").is_err());
    }

    #[test]
    fn the_lock_file_pins_every_package_and_names_no_host() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("e2e").join("supabase");
        let lock: Value = serde_json::from_str(&fs::read_to_string(folder.join("package-lock.json")).unwrap()).unwrap();
        let packages = lock["packages"].as_object().unwrap();
        assert!(packages.len() > 2);
        for (name, package) in packages.iter().filter(|(name, _)| !name.is_empty()) {
            assert!(package["integrity"].is_string() && package["resolved"].is_null(), "{name}");
            assert!(package["hasInstallScript"].is_null(), "{name}");
        }
        for (name, version) in lock["packages"][""]["dependencies"].as_object().unwrap() {
            assert!(!version.as_str().unwrap().contains(['^', '~', '*']), "{name} is not pinned");
        }
    }
}
