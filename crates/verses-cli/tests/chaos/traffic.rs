//! One device of one user: commands one after the other, sometimes beside a `sync --watch`, many of them killed. After
//! each the store is looked at.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::common::{Device, Output, Proxy, Running, store_file};
use crate::compare::{Finding, Findings, Wrong, look};
use crate::faults;
use crate::record::{self, Deed, Record};
use crate::rng::Rng;
use crate::rows::ClientRows;
use crate::world::World;

/// Chapters whose verses are added: book, chapters, verses that every one of them has.
const BOOKS: [(&str, u64, u64); 3] = [("Genesis", 50, 16), ("Proverbs", 31, 18), ("Matthew", 28, 17)];
const TRANSLATIONS: [&str; 2] = ["KJV", "WEB"];
const PHASES: [&str; 4] = ["daily", "weekly", "biweekly", "monthly"];
/// Marks of one device. They travel as the seconds of a review, which are at most those of a day.
const MARKS: u64 = 28_000;
/// How often the last sync may be tried. Each may find the inbox full of what the relay called too large.
const LAST_SYNCS: u32 = 20;

/// What a device may do next.
#[derive(Debug, Clone, Copy)]
enum Step {
    AddMany,
    AddOwn,
    Review,
    Archive,
    Phase,
    Profile,
    Sync,
    Watch,
    StopWatching,
}

const STEPS: [(u64, Step); 9] = [
    (14, Step::AddMany),
    (6, Step::AddOwn),
    (26, Step::Review),
    (5, Step::Archive),
    (5, Step::Phase),
    (5, Step::Profile),
    (27, Step::Sync),
    (6, Step::Watch),
    (6, Step::StopWatching),
];

/// A passage in the collection, as typed and as shown.
#[derive(Debug, Clone)]
struct Passage {
    reference: String,
    translation: String,
}

impl Passage {
    fn name(&self) -> String {
        format!("{} {}", self.reference, self.translation)
    }
}

/// A device and what is known of it.
pub(crate) struct Actor {
    pub(crate) name: String,
    /// In hexadecimal digits.
    pub(crate) user: String,
    pub(crate) record: Record,
    pub(crate) findings: Vec<Finding>,
    world: Arc<World>,
    device: Device,
    proxy: Proxy,
    rng: Rng,
    collection: Vec<Passage>,
    archived: Vec<Passage>,
    watcher: Option<Running>,
    /// Makes every review, title and name of this device unlike all others of its user.
    next_mark: u64,
}

impl Actor {
    /// Device `number` of an account; the first one makes the account.
    pub(crate) fn new(world: &Arc<World>, account: u64, number: u64) -> Self {
        let name = format!("user{account}-device{number}");
        let seed = world.settings.seed;
        let proxy = Proxy::to_shared(Arc::clone(&world.address));
        proxy.rule(faults::rule(world, Rng::named(seed, &format!("{name} relay"))));
        let mut device = Device::new(&proxy.url);
        device.set("VERSES_BATCH_TIMEOUT_MS", "100");
        let command = if number == 0 { "signup" } else { "login" };
        let signed_in = device.json(&[command, "--email", &format!("user{account}@example.org")]);
        Self {
            user: signed_in["userId"].as_str().unwrap().replace('-', ""),
            record: Record::default(),
            findings: Vec::new(),
            world: Arc::clone(world),
            device,
            proxy,
            rng: Rng::named(seed, &name),
            collection: Vec::new(),
            archived: Vec::new(),
            watcher: None,
            next_mark: number * MARKS,
            name,
        }
    }

    /// Does one thing after the other until the run is over.
    pub(crate) fn live(&mut self) {
        while !self.world.is_over() {
            let step = *self.rng.weighted(&STEPS);
            match step {
                Step::AddMany => self.add_many(),
                Step::AddOwn => self.add_own(),
                Step::Review => self.review(),
                Step::Archive => self.archive(),
                Step::Phase => self.phase(),
                Step::Profile => self.profile(),
                Step::Sync => self.sync(),
                Step::Watch => self.watch(),
                Step::StopWatching => self.stop_watching(),
            }
            self.look();
            self.proxy.forget();
        }
        self.stop_watching();
        self.look();
    }

    fn mark(&mut self) -> u64 {
        self.next_mark += 1;
        self.next_mark
    }

    /// Runs a command, and kills it at a random moment in six of ten times. Gives what it printed if that is complete.
    fn run(&mut self, command: &str, args: &[&str]) -> Option<Value> {
        self.world.commands.add(command);
        let running = self.device.spawn(&[&[command], args, &["--json"]].concat());
        let output = if self.rng.percent(60) {
            let moment = if self.rng.percent(60) { 15 } else { 150 };
            std::thread::sleep(self.rng.millis(moment));
            running.kill()
        } else {
            running.end()
        };
        self.judge(command, &output);
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
            3 | 5 => command == "sync",
            1 => command == "sync" && output.stderr.contains("another process is syncing"),
            _ => false,
        };
        if !expected {
            let text = format!("{}: verses {command} ended with {output:?}", self.name);
            self.findings.push(Finding { wrong: Wrong::Command, text });
        }
    }

    fn look(&mut self) {
        let rows = ClientRows::read(&store_file(&self.device.home()), self.record.journal_seq);
        self.findings.extend(look(&self.name, &self.user, &rows, &self.record));
        self.record.saw(&rows);
    }

    fn passage(&mut self) -> Passage {
        let (book, chapters, verses) = *self.rng.pick(&BOOKS);
        let (chapter, verse) = (1 + self.rng.below(chapters), 1 + self.rng.below(verses));
        let translation = (*self.rng.pick(&TRANSLATIONS)).to_owned();
        Passage { reference: format!("{book} {chapter}:{verse}"), translation }
    }

    fn add_many(&mut self) {
        let first = self.passage();
        let mut list: Vec<Passage> = vec![first.clone()];
        for _ in 0..self.rng.below(40) {
            let next = Passage { translation: first.translation.clone(), ..self.passage() };
            if list.iter().all(|p| p.reference != next.reference) {
                list.push(next);
            }
        }
        for passage in &list {
            self.record.attempt(&record::create(&passage.name()));
        }
        let text: String = list.iter().map(|p| format!("{}\n", p.reference)).collect();
        let file = self.device.file("list.txt", text.as_bytes());
        let args = ["--file", file.to_str().unwrap(), "--translation", &first.translation];
        if let Some(output) = self.run("add", &args) {
            self.added(&output);
        }
    }

    fn add_own(&mut self) {
        let title = format!("My own words no {}", self.mark());
        let passage = Passage { reference: title.clone(), translation: "PRIVATE".to_owned() };
        self.record.attempt(&record::create(&passage.name()));
        if let Some(output) = self.run("add", &[&title, "--text", "Words that nobody else has"]) {
            self.added(&output);
        }
    }

    fn added(&mut self, output: &Value) {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        for (list, is_new) in [("added", true), ("duplicates", false)] {
            for card in output[list].as_array().into_iter().flatten() {
                let passage = Passage { reference: text(&card["reference"]), translation: text(&card["translation"]) };
                if is_new {
                    self.record.tell(&record::create(&passage.name()));
                    self.archived.retain(|p| p.name() != passage.name());
                }
                if self.archived.iter().chain(&self.collection).all(|p| p.name() != passage.name()) {
                    self.collection.push(passage);
                }
            }
        }
        let errors = output["errors"].as_array().map_or(0, Vec::len);
        if errors > 0 {
            self.findings.push(Finding { wrong: Wrong::Command, text: format!("{}: {output}", self.name) });
        }
    }

    fn any_passage(&mut self) -> Option<Passage> {
        if self.collection.is_empty() { None } else { Some(self.rng.pick(&self.collection).clone()) }
    }

    fn do_to(&mut self, deed: &Deed, command: &str, passage: &Passage, args: &[&str]) -> bool {
        self.record.attempt(deed);
        let all = [&[passage.reference.as_str()], args, &["--translation", &passage.translation]].concat();
        self.run(command, &all).is_some_and(|output| output["verseId"].is_string())
    }

    fn review(&mut self) {
        let Some(passage) = self.any_passage() else { return };
        let (passed, seconds) = (self.rng.percent(75), self.mark());
        let deed = record::review(&passage.name(), passed, seconds);
        let outcome = if passed { "--pass" } else { "--fail" };
        if self.do_to(&deed, "review", &passage, &[outcome, "--seconds", &seconds.to_string()]) {
            self.record.tell(&deed);
        }
    }

    /// What is told is not counted: putting away what another device has put away does nothing.
    fn archive(&mut self) {
        let restore = !self.archived.is_empty() && self.rng.percent(60);
        let passage = if restore { Some(self.rng.pick(&self.archived).clone()) } else { self.any_passage() };
        let Some(passage) = passage else { return };
        let deed = record::archive(&passage.name(), restore);
        self.do_to(&deed, "archive", &passage, if restore { &["--restore"] } else { &[] });
        // If it was killed it may be either; a review of it is right either way.
        let (from, to) = match restore {
            true => (&mut self.archived, &mut self.collection),
            false => (&mut self.collection, &mut self.archived),
        };
        from.retain(|p| p.name() != passage.name());
        to.push(passage);
    }

    fn phase(&mut self) {
        let Some(passage) = self.any_passage() else { return };
        let phase = *self.rng.pick(&PHASES);
        let deed = record::phase(&passage.name(), phase);
        if self.do_to(&deed, "phase", &passage, &[phase]) {
            self.record.tell(&deed);
        }
    }

    fn profile(&mut self) {
        let name = format!("Name {}", self.mark());
        let deed = record::profile(&name);
        self.record.attempt(&deed);
        let told = self.run("profile", &["--full-name", &name]).is_some_and(|o| o["fullName"] == *name);
        if told {
            self.record.tell(&deed);
            self.record.last_names.clear();
        }
        self.record.last_names.push(name);
    }

    fn sync(&mut self) {
        let flags = *self.rng.pick(&["", "", "--push-only", "--pull-only", "--patience=1"]);
        let args: Vec<&str> = [flags].into_iter().filter(|f| !f.is_empty()).collect();
        if let Some(output) = self.run("sync", &args) {
            self.record.synced(&output);
        }
    }

    fn watch(&mut self) {
        if self.watcher.is_none() {
            self.world.commands.add("sync --watch");
            self.watcher = Some(self.device.spawn(&["sync", "--watch", "--interval", "1", "--json"]));
        }
    }

    fn stop_watching(&mut self) {
        let Some(watcher) = self.watcher.take() else { return };
        let running = watcher.is_running();
        std::thread::sleep(self.rng.millis(if running { 300 } else { 1 }));
        let output = watcher.kill();
        match output.status {
            -1 => self.world.client_killed("sync --watch"),
            // A short sync was there first.
            1 if output.stderr.contains("another process is syncing") => {}
            _ => {
                let text = format!("{}: verses sync --watch ended with {output:?}", self.name);
                self.findings.push(Finding { wrong: Wrong::Command, text });
            }
        }
    }

    /// Syncs until nothing waits. What the relay's answers have put into the inbox is sent again.
    pub(crate) fn settle(&mut self) {
        for _ in 0..LAST_SYNCS {
            let output = self.device.run(&["sync", "--patience", "30", "--json"]);
            if let Ok(json) = serde_json::from_str::<Value>(&output.stdout) {
                self.record.synced(&json);
            }
            self.look();
            if output.status == 0 && self.device.waiting() == 0 {
                let failed = self.device.json(&["queue", "retry", "--all"]);
                if failed["retried"] == 0 {
                    return;
                }
            } else if output.status == 3 {
                self.device.ok(&["queue", "retry", "--all"]);
            } else {
                std::thread::sleep(Duration::from_millis(200));
            }
        }
        let status = self.device.run(&["status"]);
        let text = format!("{}: never gets everything sent: {status:?}", self.name);
        self.findings.push(Finding { wrong: Wrong::Stuck, text });
    }

    /// The store's file.
    pub(crate) fn store(&self) -> std::path::PathBuf {
        store_file(&self.device.home())
    }

    /// Everything found so far goes to `findings`.
    pub(crate) fn hand_over(&mut self, findings: &mut Findings) {
        findings.0.append(&mut self.findings);
    }
}
