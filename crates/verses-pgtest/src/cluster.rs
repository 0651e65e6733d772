//! A cluster: data directory, server process, port.

use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::PgTestError;
use crate::programs::{Programs, io_error};

/// How often a port that somebody took in between is given up for another.
const PORT_TRIES: usize = 5;
/// How long a server may take to answer, in steps of 50 ms.
const READY_STEPS: usize = 1_200;

/// Whether commits wait for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// As in production: for benches and for tests that stop the server.
    Full,
    /// Nothing is flushed: for everything else.
    None,
}

/// How to stop a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Connections are ended, the data is flushed.
    Fast,
    /// As if it had crashed.
    Immediate,
}

/// Waits until its input ends, which it does with the process that holds the other end, however that goes; then stops
/// the server that still runs, and deletes the data.
const GUARD: &str = r#"trap '' INT TERM; read -r _; pid=$(head -n 1 "$0/data/postmaster.pid" 2>/dev/null)
[ -n "$pid" ] && kill -QUIT "$pid" && while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done; rm -rf "$0""#;

/// A PostgreSQL server with a data directory of its own. Dropping it stops it and deletes the data; so does the end of
/// the process.
#[derive(Debug)]
pub struct Cluster {
    programs: Programs,
    home: TempDir,
    port: u16,
    settings: Vec<String>,
    server: Option<Child>,
    guard: Child,
}

impl Cluster {
    /// Makes a cluster and starts its server. `settings` are `name=value` pairs of `postgresql.conf`.
    ///
    /// # Errors
    /// [`PgTestError`].
    pub fn start(durability: Durability, settings: &[&str]) -> Result<Self, PgTestError> {
        let programs = Programs::find()?;
        let home = tempfile::Builder::new()
            .prefix("verses-pg-")
            .tempdir()
            .map_err(|source| PgTestError::Io { program: std::env::temp_dir(), source })?;
        let for_home = |source| PgTestError::Io { program: home.path().to_owned(), source };
        if let Some((user, group)) = programs.owner() {
            chown(home.path(), Some(user), Some(group)).map_err(for_home)?;
        }
        std::fs::set_permissions(home.path(), PermissionsExt::from_mode(0o700)).map_err(for_home)?;
        let mut initdb = programs.command("initdb");
        initdb.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]);
        initdb.arg("--data-checksums").arg("-D").arg(home.path().join("data"));
        Programs::run(initdb, "initdb")?;
        let mut all: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
        all.extend(["max_connections=200", "listen_addresses=127.0.0.1"].map(str::to_owned));
        if durability == Durability::None {
            all.extend(["fsync=off", "synchronous_commit=off", "full_page_writes=off"].map(str::to_owned));
        }
        let mut guard = Command::new("sh");
        guard.arg("-c").arg(GUARD).arg(home.path()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let guard = guard.spawn().map_err(|source| io_error(&guard, source))?;
        let mut cluster = Self { programs, home, port: 0, settings: all, server: None, guard };
        cluster.start_on_a_free_port()?;
        Ok(cluster)
    }

    fn start_on_a_free_port(&mut self) -> Result<(), PgTestError> {
        let mut last = None;
        for _ in 0..PORT_TRIES {
            let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
            self.port = free.map_err(|source| PgTestError::Io { program: self.data(), source })?.port();
            match self.start_again() {
                Ok(()) => return Ok(()),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or(PgTestError::NoUser))
    }

    /// Starts the server again after [`stop`](Self::stop), on the same port. Does nothing while it runs.
    ///
    /// # Errors
    /// [`PgTestError`], with the end of the server's log.
    pub fn start_again(&mut self) -> Result<(), PgTestError> {
        if self.server.is_some() {
            return Ok(());
        }
        let mut command = self.programs.command("postgres");
        command.arg("-D").arg(self.data()).arg("-p").arg(self.port.to_string());
        command.arg("-c").arg(format!("unix_socket_directories={}", self.home.path().display()));
        for setting in &self.settings {
            command.arg("-c").arg(setting);
        }
        let log = std::fs::File::options().create(true).append(true).open(self.log());
        let log = log.map_err(|source| PgTestError::Io { program: self.log(), source })?;
        let log_too = log.try_clone().map_err(|source| PgTestError::Io { program: self.log(), source })?;
        command.stdout(Stdio::from(log)).stderr(Stdio::from(log_too));
        self.server = Some(command.spawn().map_err(|source| io_error(&command, source))?);
        self.wait_until_ready()
    }

    fn wait_until_ready(&mut self) -> Result<(), PgTestError> {
        for _ in 0..READY_STEPS {
            if let Some(server) = &mut self.server
                && matches!(server.try_wait(), Ok(Some(_)))
            {
                self.server = None;
                break;
            }
            let mut ask = self.programs.command("pg_isready");
            ask.args(["-q", "-h", "127.0.0.1", "-p"]).arg(self.port.to_string());
            if ask.status().is_ok_and(|status| status.success()) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let end: Vec<&str> = log.lines().rev().take(20).collect();
        let output = end.into_iter().rev().collect::<Vec<_>>().join("\n");
        Err(PgTestError::Failed { what: "starting PostgreSQL".to_owned(), output })
    }

    /// Stops the server and waits for its end.
    ///
    /// # Errors
    /// [`PgTestError`].
    pub fn stop(&mut self, how: Stop) -> Result<(), PgTestError> {
        let Some(mut server) = self.server.take() else { return Ok(()) };
        let mode = if how == Stop::Fast { "fast" } else { "immediate" };
        let mut command = self.programs.command("pg_ctl");
        command.arg("stop").arg("-D").arg(self.data()).args(["-w", "-m", mode]);
        let stopped = Programs::run(command, "stopping PostgreSQL");
        if stopped.is_err() {
            // Nothing is left to ask.
            drop(server.kill());
        }
        drop(server.wait());
        stopped.map(drop)
    }

    /// The superuser's address, without a database: `postgres://postgres@127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}", self.port)
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// The server's log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        Path::join(self.home.path(), "log")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The data goes anyway; a server that cannot be asked is killed.
        drop(self.stop(Stop::Immediate));
        drop(self.guard.stdin.take());
        drop(self.guard.wait());
    }
}
