//! One device and the processes run on it, many of them killed: running, judging how they end, looking at the store after
//! each, and bringing it to rest. What it does is in `deeds`, signing in and out in `signing`.

use std::sync::Arc;
use std::time::Duration;

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

/// A device and what is known of it.
pub(crate) struct Actor {
    pub(crate) name: String,
    pub(crate) accounts: Vec<Account>,
    /// The account that is signed in, or will take over what the guest does.
    pub(crate) current: usize,
    pub(crate) signed_in: bool,
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

    /// Runs a command; while there are faults it is often killed at a random moment. Gives what it printed if that is
    /// complete.
    pub(crate) fn run(&mut self, command: &str, args: &[&str]) -> Option<Value> {
        self.world.commands.add(command);
        let running = self.device.spawn(&[&[command], args, &["--json"]].concat());
        let kills = if is_about_sessions(command) { SESSION_KILLS } else { KILLS };
        let output = if !self.world.is_calm() && self.rng.percent(kills) {
            let moment = if self.rng.percent(60) { 15 } else { 150 };
            std::thread::sleep(self.rng.millis(moment));
            running.kill()
        } else {
            running.end()
        };
        self.judge(command, &output);
        self.look();
        // Complete output is a promise, also of a process that was killed right after it.
        serde_json::from_str(&output.stdout).ok()
    }

    fn judge(&mut self, command: &str, output: &Output) {
        let expected = match output.status {
            -1 => {
                self.world.client_killed(command);
                return;
            }
            0 => true,
            // Some in the inbox; saved, but the network or the server is in trouble.
            3 | 5 => command == "sync" || is_about_sessions(command),
            1 => is_about_sessions(command) || command == "sync" && another_syncs(output),
            // A sign-out that was killed may have reached the server.
            4 => command == "logout",
            _ => false,
        };
        if !expected {
            self.found(Wrong::Command, format!("verses {command} ended with {output:?}"));
        }
    }

    /// Notes something wrong with this device.
    pub(crate) fn found(&mut self, wrong: Wrong, text: String) {
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
            _ => self.found(Wrong::Command, format!("verses sync --watch ended with {output:?}")),
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
        for _ in 0..LAST_SYNCS {
            let output = self.device.run(&["sync", "--patience", "30", "--json"]);
            if let Ok(json) = serde_json::from_str::<Value>(&output.stdout) {
                self.record.synced(&json);
            }
            self.look();
            if !matches!(output.status, 0 | 3 | 5) {
                self.found(Wrong::Command, format!("the last sync ended with {output:?}"));
            }
            let retried = self.device.json(&["queue", "retry", "--all"]);
            if output.status == 0 && retried["retried"] == 0 && self.device.waiting() == 0 {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let status = self.device.run(&["status"]);
        self.found(Wrong::Stuck, format!("never gets everything sent: {status:?}"));
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
