//! A `verses serve` process on a database file, on loopback, that can be killed and started again.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::{Device, PASSWORD, VERSES, wait_for};

/// A server process and its database.
pub(crate) struct Server {
    folder: tempfile::TempDir,
    flags: Vec<String>,
    child: Child,
    /// Where it listens, e.g. `http://127.0.0.1:40001`.
    pub(crate) url: String,
}

impl Server {
    /// A server on a new database.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// A server with more flags.
    pub(crate) fn start_with(flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let flags: Vec<String> = flags.iter().map(|f| (*f).to_owned()).collect();
        let (child, url) = spawn(folder.path(), "127.0.0.1:0", &flags).expect("a server that starts");
        Self { folder, flags, child, url }
    }

    /// A server on a new database whose first processes were killed at the given moments after their start.
    pub(crate) fn start_at_last(flags: &[&str], moments: &[std::time::Duration]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let flags: Vec<String> = flags.iter().map(|f| (*f).to_owned()).collect();
        for moment in moments {
            let mut child = process(folder.path(), "127.0.0.1:0", &flags);
            std::thread::sleep(*moment);
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let (child, url) = spawn(folder.path(), "127.0.0.1:0", &flags).expect("a server that starts");
        Self { folder, flags, child, url }
    }

    /// Ends the process as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop, and gives its exit code.
    pub(crate) fn terminate(&mut self) -> i32 {
        super::device::signal(self.child.id(), "TERM");
        wait_for("the server to stop", || self.child.try_wait().unwrap()).code().unwrap_or(-1)
    }

    /// Starts it again on the same file and the same port.
    pub(crate) fn restart(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let address = self.url.trim_start_matches("http://").to_owned();
        let (child, url) = wait_for("the port to be free", || spawn(self.folder.path(), &address, &self.flags));
        assert_eq!(url, self.url);
        self.child = child;
    }

    /// Starts it again on the same file, and on the same port unless somebody took that meanwhile.
    pub(crate) fn restart_anywhere(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let address = self.url.trim_start_matches("http://").to_owned();
        let started = spawn(self.folder.path(), &address, &self.flags);
        let elsewhere = || spawn(self.folder.path(), "127.0.0.1:0", &self.flags);
        (self.child, self.url) = started.or_else(elsewhere).expect("a server that starts");
    }

    /// Begins to start it, and kills it after `moment`, ready or not. It is not running then.
    pub(crate) fn kill_while_starting(&mut self, moment: std::time::Duration) {
        self.kill();
        let address = self.url.trim_start_matches("http://").to_owned();
        self.child = process(self.folder.path(), &address, &self.flags);
        std::thread::sleep(moment);
        self.kill();
    }

    /// A device that talks to this server and has signed up as `name`.
    pub(crate) fn device(&self, name: &str) -> Device {
        let device = Device::new(&self.url);
        device.ok(&["signup", "--email", &format!("{name}@example.org")]);
        device
    }

    /// Another device of the account `name`.
    pub(crate) fn second_device(&self, name: &str) -> Device {
        let device = Device::new(&self.url);
        device.ok(&["login", "--email", &format!("{name}@example.org")]);
        device
    }

    /// Its database file.
    pub(crate) fn database(&self) -> std::path::PathBuf {
        self.folder.path().join("server.db")
    }

    /// A backup of its database, taken while it runs.
    pub(crate) fn backup(&self) -> Vec<u8> {
        let file = self.folder.path().join("backup.db");
        let connection = rusqlite::Connection::open(self.database()).unwrap();
        connection.execute("vacuum into ?1", [file.to_str().unwrap()]).unwrap();
        std::fs::read(file).unwrap()
    }

    /// Rows of a table of its database.
    pub(crate) fn count(&self, table: &str) -> i64 {
        let connection = rusqlite::Connection::open(self.database()).unwrap();
        connection.busy_timeout(super::PATIENCE).unwrap();
        connection.query_row(&format!("select count(*) from {table}"), [], |row| row.get(0)).unwrap()
    }

    /// Signs up over the wire; the access token.
    pub(crate) fn token(&self, name: &str) -> String {
        let body = serde_json::json!({ "email": format!("{name}@example.org"), "password": PASSWORD });
        let answer = super::post(&self.url, "/auth/v1/signup", None, body.to_string().as_bytes());
        let tokens: Value = serde_json::from_slice(&answer.body).unwrap();
        tokens["access_token"].as_str().unwrap_or_else(|| panic!("no token: {tokens}")).to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn process(folder: &std::path::Path, listen: &str, flags: &[String]) -> Child {
    let mut command = Command::new(VERSES);
    command.args(["serve", "--json", "--listen", listen]);
    if !flags.iter().any(|flag| flag == "--database") {
        command.args(["--database", &format!("sqlite:{}", folder.join("server.db").display())]);
    }
    command
        .args(flags)
        .env("VERSES_LOG", "error")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// Starts a server and waits until it is ready. `None` if it cannot start there.
fn spawn(folder: &std::path::Path, listen: &str, flags: &[String]) -> Option<(Child, String)> {
    let mut child = process(folder, listen, flags);
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    match serde_json::from_str::<Value>(&line) {
        Ok(ready) => Some((child, ready["url"].as_str().unwrap().to_owned())),
        Err(_) => {
            child.wait().unwrap();
            None
        }
    }
}
