//! The real binary as a server of its own for one run: a fresh database, a free port, its log in a file. What is asked
//! of it is not here.
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::process::announce;

/// Lines of the server's log that are shown after a failure.
const LOG_LINES: usize = 40;
/// More than anybody asks in a run.
const WITHOUT_END: &str = "10000000";

/// A server that ends with its value.
pub(crate) struct Server {
    process: Child,
    /// `http://127.0.0.1:PORT`.
    pub(crate) url: String,
    log: PathBuf,
}

impl Server {
    /// Starts it, with its data and its log in this folder; what an earlier run left there is removed. All calls of a run
    /// come from one address, so the limits that are named in `allowances` are raised as far as it goes.
    pub(crate) fn start(binary: &Path, folder: &Path, allowances: &[&str]) -> Result<Self> {
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
        for allowance in allowances {
            command.args([allowance, WITHOUT_END]);
        }
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

    /// Where it listens: `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        self.url.strip_prefix("http://").unwrap_or(&self.url)
    }

    /// The last lines of its log, to be shown beside a failure.
    pub(crate) fn log_end(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        format!("the server's log ends with:\n{}", lines[lines.len().saturating_sub(LOG_LINES)..].join("\n"))
    }

    fn first_words(&mut self) -> Result<String> {
        let output = self.process.stdout.take().context("the server's output is not read")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        ensure!(!line.is_empty(), "the server ended at once; {}", self.log_end());
        address(&line).with_context(|| format!("the server said {line:?} and no address"))
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
}
