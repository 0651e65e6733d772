//! What users do: which deed comes next, how it is typed, and what its output promises.

use serde_json::Value;

use crate::actor::{Actor, Begun, Passage};
use crate::finding::Wrong;
use crate::record::{self, Deed};

/// Chapters whose verses are added: book, chapters, verses that every one of them has.
const BOOKS: [(&str, u64, u64); 3] = [("Genesis", 50, 16), ("Proverbs", 31, 18), ("Matthew", 28, 17)];
const TRANSLATIONS: [&str; 2] = ["KJV", "WEB"];
const PHASES: [&str; 4] = ["daily", "weekly", "biweekly", "monthly"];

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
    Switch,
    Crowd,
}

const STEPS: [(u64, Step); 11] = [
    (14, Step::AddMany),
    (6, Step::AddOwn),
    (26, Step::Review),
    (5, Step::Archive),
    (5, Step::Phase),
    (5, Step::Profile),
    (25, Step::Sync),
    (5, Step::Watch),
    (5, Step::StopWatching),
    (10, Step::Switch),
    (10, Step::Crowd),
];
/// Before anybody has signed in.
const GUEST_STEPS: [(u64, Step); 4] =
    [(40, Step::AddMany), (20, Step::AddOwn), (30, Step::Review), (10, Step::Profile)];
/// Most of them.
const MAX_GUEST_STEPS: u64 = 6;

/// What the complete output of a command promises.
#[derive(Debug)]
enum Promise {
    Added,
    Done(Deed),
    Called(String),
    Synced,
    Nothing,
}

type Plan = crate::actor::Plan<Promise>;

impl Actor {
    /// Begins as a guest, signs in, and does one thing after the other until the run is over.
    pub(crate) fn live(&mut self) {
        for _ in 0..self.rng.below(MAX_GUEST_STEPS + 1) {
            let step = *self.rng.weighted(&GUEST_STEPS);
            self.step(step);
        }
        self.sign_in(0);
        while !self.world.is_over() {
            let step = *self.rng.weighted(&STEPS);
            self.step(step);
        }
        self.stop_watching();
    }

    /// Everything that leaves rows, once, and nothing of it sent.
    pub(crate) fn do_everything_once(&mut self) {
        for step in [Step::AddMany, Step::AddOwn, Step::Review, Step::Phase, Step::Profile, Step::Review] {
            self.step(step);
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Watch => self.watch(),
            Step::StopWatching => self.stop_watching(),
            Step::Switch if self.accounts.len() > 1 => self.switch(),
            Step::Switch => {}
            Step::Crowd => self.crowd(),
            step => {
                if let Some(plan) = self.plan(step) {
                    let begun = self.begin(plan);
                    self.finish(begun);
                }
            }
        }
    }

    /// Several processes on the store at once.
    fn crowd(&mut self) {
        let mut all = Vec::new();
        for _ in 0..2 + self.rng.below(3) {
            let step = *self.rng.pick(&[Step::AddMany, Step::AddOwn, Step::Review, Step::Review, Step::Sync]);
            if let Some(plan) = self.plan(step) {
                all.push(self.begin(plan));
            }
        }
        all.into_iter().for_each(|begun| self.finish(begun));
    }

    /// What is typed, and what its output promises. The attempt is noted.
    fn plan(&mut self, step: Step) -> Option<Plan> {
        match step {
            Step::AddMany => Some(self.add_many()),
            Step::AddOwn => Some(self.add_own()),
            Step::Review => self.review(),
            Step::Archive => self.archive(),
            Step::Phase => self.phase(),
            Step::Profile => Some(self.profile()),
            Step::Sync => Some(self.sync()),
            Step::Watch | Step::StopWatching | Step::Switch | Step::Crowd => None,
        }
    }

    /// Waits for the end of a process, or ends it, and takes its output at its word.
    fn finish(&mut self, begun: Begun<Promise>) {
        let (promise, output) = self.end(begun);
        let Some(output) = output else {
            if let Promise::Called(name) = promise {
                self.record.called(self.current, name, false);
            }
            return;
        };
        match promise {
            Promise::Added => self.added(&output),
            Promise::Done(deed) if output["verseId"].is_string() => self.tell(&deed),
            Promise::Synced => self.record.synced(&output),
            Promise::Called(name) => {
                let told = output["fullName"] == *name;
                if told {
                    self.tell(&record::profile(&name));
                }
                self.record.called(self.current, name, told);
            }
            Promise::Done(_) | Promise::Nothing => {}
        }
    }

    fn attempt(&mut self, deed: &Deed) {
        self.record.attempt(self.current, deed);
    }

    fn tell(&mut self, deed: &Deed) {
        self.record.tell(self.current, deed);
    }

    fn passage(&mut self) -> Passage {
        let (book, chapters, verses) = *self.rng.pick(&BOOKS);
        let (chapter, verse) = (1 + self.rng.below(chapters), 1 + self.rng.below(verses));
        let translation = (*self.rng.pick(&TRANSLATIONS)).to_owned();
        Passage { reference: format!("{book} {chapter}:{verse}"), translation }
    }

    fn add_many(&mut self) -> Plan {
        let first = self.passage();
        let mut list: Vec<Passage> = vec![first.clone()];
        // Some are more than one transaction.
        let most = if self.rng.percent(5) { 500 } else { 40 };
        for _ in 0..self.rng.below(most) {
            let next = Passage { translation: first.translation.clone(), ..self.passage() };
            if !list.contains(&next) {
                list.push(next);
            }
        }
        for passage in &list {
            self.attempt(&record::create(&passage.name()));
        }
        let text: String = list.iter().map(|p| format!("{}\n", p.reference)).collect();
        let name = format!("list-{}.txt", self.mark());
        let file = self.device.file(&name, text.as_bytes());
        let args = ["--file", file.to_str().unwrap(), "--translation", &first.translation];
        Plan::new("add", &args, Promise::Added)
    }

    fn add_own(&mut self) -> Plan {
        let title = format!("My own words no {}", self.mark());
        let passage = Passage { reference: title.clone(), translation: "PRIVATE".to_owned() };
        self.attempt(&record::create(&passage.name()));
        Plan::new("add", &[&title, "--text", "Words that nobody else has"], Promise::Added)
    }

    fn added(&mut self, output: &Value) {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        for (list, is_new) in [("added", true), ("duplicates", false)] {
            for card in output[list].as_array().into_iter().flatten() {
                let passage = Passage { reference: text(&card["reference"]), translation: text(&card["translation"]) };
                if is_new {
                    self.tell(&record::create(&passage.name()));
                    self.account().archived.retain(|p| *p != passage);
                }
                let account = self.account();
                if !account.archived.contains(&passage) && !account.collection.contains(&passage) {
                    account.collection.push(passage);
                }
            }
        }
        if output["errors"].as_array().is_none_or(|errors| !errors.is_empty()) {
            self.found(Wrong::Command, &format!("verses add said {output}"));
        }
    }

    fn any_passage(&mut self) -> Option<Passage> {
        let collection = &self.accounts[self.current].collection;
        if collection.is_empty() { None } else { Some(self.rng.pick(collection).clone()) }
    }

    fn about(
        &mut self,
        deed: &Deed,
        command: &'static str,
        passage: &Passage,
        args: &[&str],
        promise: Promise,
    ) -> Plan {
        self.attempt(deed);
        let all = [&[passage.reference.as_str()], args, &["--translation", &passage.translation]].concat();
        Plan::new(command, &all, promise)
    }

    fn review(&mut self) -> Option<Plan> {
        let passage = self.any_passage()?;
        let (passed, seconds) = (self.rng.percent(75), self.mark());
        let deed = record::review(&passage.name(), passed, seconds);
        let args = [if passed { "--pass" } else { "--fail" }, "--seconds", &seconds.to_string()];
        Some(self.about(&deed, "review", &passage, &args, Promise::Done(deed.clone())))
    }

    /// What is told is not counted: putting away what another device has put away does nothing.
    fn archive(&mut self) -> Option<Plan> {
        let account = &self.accounts[self.current];
        let restore = !account.archived.is_empty() && self.rng.percent(60);
        let passage = if restore { self.rng.pick(&account.archived).clone() } else { self.any_passage()? };
        // If it is killed it may be either; a review of it is right either way.
        let account = self.account();
        let (from, to) = match restore {
            true => (&mut account.archived, &mut account.collection),
            false => (&mut account.collection, &mut account.archived),
        };
        from.retain(|p| *p != passage);
        to.push(passage.clone());
        let deed = record::archive(&passage.name(), restore);
        let args: &[&str] = if restore { &["--restore"] } else { &[] };
        Some(self.about(&deed, "archive", &passage, args, Promise::Nothing))
    }

    fn phase(&mut self) -> Option<Plan> {
        let passage = self.any_passage()?;
        let phase = *self.rng.pick(&PHASES);
        let deed = record::phase(&passage.name(), phase);
        Some(self.about(&deed, "phase", &passage, &[phase], Promise::Done(deed.clone())))
    }

    fn profile(&mut self) -> Plan {
        let name = format!("Name {}", self.mark());
        self.attempt(&record::profile(&name));
        Plan::new("profile", &["--full-name", &name], Promise::Called(name.clone()))
    }

    fn sync(&mut self) -> Plan {
        self.choose_delivery();
        let flags = *self.rng.pick(&["", "", "--push-only", "--pull-only", "--patience=1"]);
        let args: Vec<&str> = [flags].into_iter().filter(|f| !f.is_empty()).collect();
        Plan::new("sync", &args, Promise::Synced)
    }
}
