//! The programs of the installed PostgreSQL, and the user they run as: its server refuses to run as root.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::PgTestError;

const DEBIAN: &str = "/usr/lib/postgresql";

/// Where the programs are and who runs them.
#[derive(Debug, Clone)]
pub struct Programs {
    folder: PathBuf,
    /// User and group to change to; none where the caller is not root.
    run_as: Option<(u32, u32)>,
}

impl Programs {
    /// Looks for an installed PostgreSQL: the newest below `/usr/lib/postgresql`, else on the `PATH`.
    ///
    /// # Errors
    /// [`PgTestError::NotInstalled`], [`PgTestError::NoUser`].
    pub fn find() -> Result<Self, PgTestError> {
        let mut folders: Vec<(u32, PathBuf)> = std::fs::read_dir(DEBIAN)
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                Some((path.file_name()?.to_str()?.parse().ok()?, path.join("bin")))
            })
            .collect();
        folders.sort();
        let on_path = std::env::var_os("PATH").unwrap_or_default();
        let mut all = folders.into_iter().rev().map(|(_, folder)| folder).chain(std::env::split_paths(&on_path));
        let folder = all.find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file());
        let looked_in = || PgTestError::NotInstalled { looked_in: format!("{DEBIAN}/*/bin and PATH") };
        Ok(Self { folder: folder.ok_or_else(looked_in)?, run_as: other_user()? })
    }

    /// Where a program is.
    #[must_use]
    pub fn path(&self, program: &str) -> PathBuf {
        self.folder.join(program)
    }

    /// User and group that the server runs as, if they are not the caller's.
    pub(crate) fn owner(&self) -> Option<(u32, u32)> {
        self.run_as
    }

    /// A command for one of the programs, as the right user, with nothing on its input.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.path(program));
        command.stdin(Stdio::null()).current_dir("/").env("LC_ALL", "C");
        if let Some((user, group)) = self.run_as {
            command.uid(user).gid(group);
        }
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(mut command: Command, what: &str) -> Result<Output, PgTestError> {
        let output = command.output().map_err(|source| io_error(&command, source))?;
        if output.status.success() {
            return Ok(output);
        }
        let said = [output.stdout, output.stderr].concat();
        Err(PgTestError::Failed { what: what.to_owned(), output: String::from_utf8_lossy(&said).trim().to_owned() })
    }
}

pub(crate) fn io_error(command: &Command, source: io::Error) -> PgTestError {
    PgTestError::Io { program: command.get_program().into(), source }
}

/// Root runs the server as `postgres`; everybody else as themselves.
fn other_user() -> Result<Option<(u32, u32)>, PgTestError> {
    let we_are_root = Path::new("/proc/self").metadata().is_ok_and(|of_us| of_us.uid() == 0);
    if !we_are_root {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let found = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == "postgres").then_some(())?;
        Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
    });
    found.map(Some).ok_or(PgTestError::NoUser)
}
