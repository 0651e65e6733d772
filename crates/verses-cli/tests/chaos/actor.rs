//! One device and the processes run on it, many of them killed: running, judging how they end, looking at the store after
//! each, and bringing it to rest. What it does is in `deeds`, signing in and out in `signing`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::{Device, Output, Proxy, Running, store_file};
use crate::faults;
use crate::finding::{Finding, Wrong};
use crate::look::look;
use crate::record::Record;
use crate::rng::Rng;
use crate::rows::ClientRows;
use crate::world::World;

/// Marks of one device. They travel as the seconds of a review, which are at most those of a day.
const MARKS: u64 = 28_000;
/// How many of a hundred commands are killed, and of those that sign in and out: they take longer, and nothing else goes
/// on without them.
const KILLS: u64 = 60;
const SESSION_KILLS: u64 = 25;
/// How often the last sync may be tried. Each may find the inbox full of what the relay called too large.
const LAST_SYNCS: u32 = 20;

/// A passage in the collection, as typed and as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Passage {
    pub(crate) reference: String,
    pub(crate) translation: String,
}

impl Passage {
    /// "Psalm 119:1 KJV"
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.reference, self.translation)
    }
}

/// An account that a device uses.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) email: String,
    /// In hexadecimal digits; unknown before the device has signed in.
    pub(crate) user: Option<String>,
    pub(crate) collection: Vec<Passage>,
    pub(crate) archived: Vec<Passage>,
}

/// A command, and what its output will mean.
pub(crate) struct Plan<P> {
    command: &'static str,
    args: Vec<String>,
    promise: P,
}

impl<P> Plan<P> {
    /// The command with its arguments.
    pub(crate) fn new(command: &'static str, args: &[&str], promise: P) -> Self {
        Self { command, args: args.iter().map(|a| (*a).to_owned()).collect(), promise }
    }
}

/// A command that runs.
pub(crate) struct Begun<P> {
    command: &'static str,
    promise: P,
    kill_at: Option<Instant>,
    running: Running,
}

/// A device and what is known of it.
pub(crate) struct Actor {
    pub(crate) name: String,
    pub(crate) accounts: Vec<Account>,
    /// The account that is signed in, or will take over what the guest does.
    pub(crate) current: usize,
    pub(crate) signed_in: bool,
    /// Whether the account has changed since the sync that stays was started.
    pub(crate) has_switched: bool,
    pub(crate) record: Record,
    pub(crate) findings: Vec<Finding>,
    pub(crate) world: Arc<World>,
    pub(crate) device: Device,
    pub(crate) rng: Rng,
    pub(crate) watcher: Option<Running>,
    proxy: Proxy,
    /// Makes every review, title and name of this device unlike all others of its users.
    next_mark: u64,
}

impl Actor {
    /// Device `number` of the accounts; nobody has signed in on it.
    pub(crate) fn new(world: &Arc<World>, number: u64, accounts: &[u64]) -> Self {
        let name = format!("device {number} of {accounts:?}");
        let seed = world.settings.seed;
        let proxy = Proxy::to_shared(Arc::clone(&world.address));
        proxy.rule(faults::rule(world, Rng::named(seed, &format!("{name}, relay"))));
        let mut device = Device::new(&proxy.url);
        device.set("VERSES_BATCH_TIMEOUT_MS", "100");
        let account = |account: &u64| Account {
            email: format!("user{account}@example.org"),
            user: None,
            collection: Vec::new(),
            archived: Vec::new(),
        };
        Self {
            accounts: accounts.iter().map(account).collect(),
            current: 0,
            signed_in: false,
            has_switched: false,
            record: Record::default(),
            findings: Vec::new(),
            world: Arc::clone(world),
            device,
            rng: Rng::named(seed, &name),
            watcher: None,
            proxy,
            next_mark: number * MARKS,
            name,
        }
    }

    /// The account that is signed in, or will be.
    pub(crate) fn account(&mut self) -> &mut Account {
        &mut self.accounts[self.current]
    }

    /// A number that no other device of its users has.
    pub(crate) fn mark(&mut self) -> u64 {
        self.next_mark += 1;
        self.next_mark
    }

    /// Starts a command. While there are faults it is often killed at a random moment.
    pub(crate) fn begin<P>(&mut self, plan: Plan<P>) -> Begun<P> {
        let Plan { command, args, promise } = plan;
        self.world.commands.add(command);
        let kills = if is_about_sessions(command) { SESSION_KILLS } else { KILLS };
        let is_killed = !self.world.is_calm() && self.rng.percent(kills);
        let moment = if self.rng.percent(60) { 15 } else { 150 };
        let kill_at = is_killed.then(|| Instant::now() + self.rng.millis(moment));
        let all: Vec<&str> = [command].into_iter().chain(args.iter().map(String::as_str)).chain(["--json"]).collect();
        Begun { command, promise, kill_at, running: self.device.spawn(&all) }
    }

    /// Waits for the end of a command, or kills it, and looks at what is left. Gives its output if that is complete: it is
    /// a promise, also of a process that was killed right after it.
    pub(crate) fn end<P>(&mut self, begun: Begun<P>) -> (P, Option<Value>) {
        let Begun { command, promise, kill_at, running } = begun;
        let output = match kill_at {
            Some(at) => {
                std::thread::sleep(at.saturating_duration_since(Instant::now()));
                running.kill()
            }
            None => running.end(),
        };
        self.judge(command, &output);
        self.look();
        (promise, serde_json::from_str(&output.stdout).ok())
    }

    /// How the syncs to come send: as they like, in small batches, or one by one.
    pub(crate) fn choose_delivery(&mut self) {
        self.deliver_as_usual();
        match self.rng.below(4) {
            0 => self.device.set("VERSES_INDIVIDUAL_ONLY", "true"),
            1 => {
                self.device.set("VERSES_MAX_BATCH_SIZE", "3");
                self.device.set("VERSES_NETWORK_AWARE_THROTTLING", "false");
            }
            _ => {}
        }
    }

    fn deliver_as_usual(&mut self) {
        for name in ["VERSES_MAX_BATCH_SIZE", "VERSES_NETWORK_AWARE_THROTTLING", "VERSES_INDIVIDUAL_ONLY"] {
            self.device.unset(name);
        }
    }

    fn judge(&mut self, command: &str, output: &Output) {
        if output.status == 0 {
            return;
        }
        if output.status == -1 {
            self.world.client_killed(command);
            return;
        }
        let error: Value = serde_json::from_str(&output.stderr).unwrap_or_default();
        let code = error["code"].as_str().unwrap_or("none");
        self.world.endings.add(&format!("{command}: {}, {code}", output.status));
        let expected = match (command, output.status) {
            // Some in the inbox; saved, but the network or the server is in trouble.
            ("sync", 3 | 5) | ("signup" | "login" | "logout", 5) => true,
            ("sync", 1) => another_syncs(output),
            // Another device was there first; none was yet.
            ("signup" | "login", 1) => ["user_already_exists", "invalid_credentials"].contains(&code),
            // A sign-out that was killed may have reached the server.
            ("logout", 4) => true,
            _ => false,
        };
        if !expected {
            self.found(Wrong::Command, &format!("verses {command} ended with {output:?}"));
        }
    }

    /// Notes something wrong with this device.
    pub(crate) fn found(&mut self, wrong: Wrong, text: &str) {
        self.findings.push(Finding { wrong, text: format!("{}: {text}", self.name) });
    }

    /// Looks at the store, and learns who is signed in.
    pub(crate) fn look(&mut self) {
        self.proxy.forget();
        let Some(rows) = ClientRows::read(&self.store(), self.record.journal_seq) else { return };
        self.signed_in = rows.signed_in.is_some();
        if let Some(user) = &rows.signed_in {
            let known = self.accounts.iter().position(|a| a.user.as_ref() == Some(user));
            // Unknown until now: it is the one that is being signed in.
            self.current = known.unwrap_or(self.current);
            self.account().user = Some(user.clone());
        }
        let users: Vec<&str> = self.accounts.iter().filter_map(|a| a.user.as_deref()).collect();
        let findings = look(&self.name, &users, &rows, &self.record);
        self.findings.extend(findings);
        self.record.saw(&rows);
    }

    /// A sync that stays, beside whatever comes next.
    pub(crate) fn watch(&mut self) {
        if self.watcher.is_none() {
            self.world.commands.add("sync --watch");
            self.choose_delivery();
            self.has_switched = false;
            self.watcher = Some(self.device.spawn(&["sync", "--watch", "--interval", "1", "--json"]));
        }
    }

    /// Kills the sync that stays.
    pub(crate) fn stop_watching(&mut self) {
        let Some(watcher) = self.watcher.take() else { return };
        let running = watcher.is_running();
        std::thread::sleep(self.rng.millis(if running { 300 } else { 1 }));
        let output = watcher.kill();
        match output.status {
            -1 => self.world.client_killed("sync --watch"),
            1 if another_syncs(&output) => {}
            4 if self.has_switched => {}
            _ => self.found(Wrong::Command, &format!("verses sync --watch ended with {output:?}")),
        }
        self.look();
    }

    /// Signs in to every account of the device, and syncs until nothing waits. What the relay's answers have put into the
    /// inbox is sent again.
    pub(crate) fn settle(&mut self) {
        for account in 0..self.accounts.len() {
            self.sign_in(account);
            self.sync_all();
        }
    }

    fn sync_all(&mut self) {
        // One by one, all that waits could take minutes.
        self.deliver_as_usual();
        for _ in 0..LAST_SYNCS {
            let output = self.device.run(&["sync", "--patience", "30", "--json"]);
            if let Ok(json) = serde_json::from_str::<Value>(&output.stdout) {
                self.record.synced(&json);
            }
            self.look();
            if !matches!(output.status, 0 | 3 | 5) {
                self.found(Wrong::Command, &format!("the last sync ended with {output:?}"));
            }
            let retried = self.device.json(&["queue", "retry", "--all"]);
            if output.status == 0 && retried["retried"] == 0 && self.device.waiting() == 0 {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let status = self.device.run(&["status"]);
        self.found(Wrong::Stuck, &format!("never gets everything sent: {status:?}"));
    }

    /// The store's file.
    pub(crate) fn store(&self) -> std::path::PathBuf {
        store_file(&self.device.home())
    }
}

fn is_about_sessions(command: &str) -> bool {
    ["signup", "login", "logout"].contains(&command)
}

fn another_syncs(output: &Output) -> bool {
    output.stderr.contains("another process is syncing")
}
