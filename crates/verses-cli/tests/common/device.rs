//! A device: a home folder and the `verses` commands run in it, as separate processes.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{PASSWORD, PATIENCE, VERSES};

/// A home folder, the address of a server, and the environment of its commands.
pub(crate) struct Device {
    folder: tempfile::TempDir,
    env: Vec<(String, String)>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Output {
    /// Exit code; -1 if a signal ended it.
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// The JSON on standard output.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("no JSON ({e}): {self:?}"))
    }

    /// The JSON on standard error, where errors go.
    pub(crate) fn error_json(&self) -> Value {
        serde_json::from_str(&self.stderr).unwrap_or_else(|e| panic!("no JSON ({e}): {self:?}"))
    }

    /// Checks the exit code and that the message has every one of `parts`.
    #[track_caller]
    pub(crate) fn says(&self, status: i32, parts: &[&str]) -> &Self {
        assert_eq!(self.status, status, "{self:?}");
        let all = format!("{}\n{}", self.stdout, self.stderr);
        for part in parts {
            assert!(all.contains(part), "{part:?} is missing in {self:?}");
        }
        self
    }
}

impl Device {
    /// A device without an account.
    pub(crate) fn new(server: &str) -> Self {
        let mut device = Self { folder: tempfile::tempdir().unwrap(), env: Vec::new() };
        device.set("VERSES_SERVER", server);
        device.set("VERSES_TIMEZONE", "Europe/Berlin");
        device.set("VERSES_PASSWORD", PASSWORD);
        device
    }

    /// Sets a variable for the commands to come.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.unset(name);
        self.env.push((name.to_owned(), value.to_owned()));
    }

    /// Forgets a variable.
    pub(crate) fn unset(&mut self, name: &str) {
        self.env.retain(|(n, _)| n != name);
    }

    /// The home folder.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A file beside the home folder.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The command line, ready to run.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(VERSES);
        self.dress(&mut command);
        command.args(args);
        command
    }

    /// The command line under a shell line in which `"$0" "$@"` stands for it.
    pub(crate) fn under_shell(&self, line: &str, args: &[&str]) -> Command {
        let mut command = Command::new("sh");
        self.dress(&mut command);
        command.args(["-c", line, VERSES]).args(args);
        command
    }

    fn dress(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("VERSES_HOME", self.home())
            .envs(self.env.iter().map(|(n, v)| (n, v)))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
    }

    /// Starts a command.
    pub(crate) fn spawn(&self, args: &[&str]) -> Running {
        Running::new(self.command(args))
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.spawn(args).end()
    }

    /// Runs a command with something on its standard input.
    pub(crate) fn run_with_input(&self, args: &[&str], input: &[u8]) -> Output {
        let mut command = self.command(args);
        command.stdin(Stdio::piped());
        let mut running = Running::new(command);
        running.child.stdin.take().unwrap().write_all(input).unwrap();
        running.end()
    }

    /// Runs a command that must succeed.
    #[track_caller]
    pub(crate) fn ok(&self, args: &[&str]) -> Output {
        let output = self.run(args);
        assert_eq!(output.status, 0, "verses {args:?}: {output:?}");
        output
    }

    /// Runs a command that must succeed, with `--json`.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        self.ok(&[args, &["--json"]].concat()).json()
    }

    /// `add`, as a user does with a list of references.
    #[track_caller]
    pub(crate) fn add(&self, references: &[impl AsRef<str>]) {
        let mut args = vec!["add"];
        args.extend(references.iter().map(AsRef::as_ref));
        self.ok(&args);
    }

    /// How many operations wait.
    #[track_caller]
    pub(crate) fn waiting(&self) -> u64 {
        self.json(&["status"])["waiting"].as_u64().unwrap()
    }
}

/// A command that runs, with what it has written so far.
pub(crate) struct Running {
    command: String,
    child: Child,
    stdout: Arc<Mutex<Vec<u8>>>,
    stderr: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Running {
    /// Starts it.
    pub(crate) fn new(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let (stdout, stderr) = (Arc::default(), Arc::default());
        let mut readers = Vec::new();
        if let Some(pipe) = child.stdout.take() {
            readers.push(collect(pipe, Arc::clone(&stdout)));
        }
        if let Some(pipe) = child.stderr.take() {
            readers.push(collect(pipe, Arc::clone(&stderr)));
        }
        Self { command: format!("{command:?}"), child, stdout, stderr, readers }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs. A process that has ended keeps its id until [`Running::end`], so a signal to it is safe.
    pub(crate) fn is_running(&self) -> bool {
        std::fs::metadata(format!("/proc/{}", self.pid())).is_ok()
    }

    /// What it has written to standard error.
    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr.lock().unwrap()).into_owned()
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) -> Output {
        self.child.kill().unwrap();
        self.end()
    }

    /// Sends it Ctrl-C and waits for its end.
    pub(crate) fn interrupt(self) -> Output {
        signal(self.pid(), "INT");
        self.end()
    }

    fn give_up(&mut self) -> ! {
        let _ = self.child.kill();
        let command = &self.command;
        panic!("waited too long for {command} to end; it has said: {}", self.stderr());
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Output {
        let started = Instant::now();
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if started.elapsed() > PATIENCE => self.give_up(),
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        for reader in std::mem::take(&mut self.readers) {
            reader.join().unwrap();
        }
        let text = |bytes: &Mutex<Vec<u8>>| String::from_utf8(bytes.lock().unwrap().clone()).unwrap();
        Output { status: status.code().unwrap_or(-1), stdout: text(&self.stdout), stderr: text(&self.stderr) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(mut pipe: impl Read + Send + 'static, into: Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut piece = [0; 4096];
        while let Ok(n @ 1..) = pipe.read(&mut piece) {
            into.lock().unwrap().extend_from_slice(&piece[..n]);
        }
    })
}

/// Sends a signal by name.
pub(crate) fn signal(pid: u32, name: &str) {
    let status = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &pid.to_string()]).status().unwrap();
    assert!(status.success(), "sending {name} to {pid}");
}

/// The store in a home folder.
pub(crate) fn store_file(home: &Path) -> PathBuf {
    home.join(verses_cli::app::STORE_FILE)
}
