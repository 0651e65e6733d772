//! What users do: which deed comes next, how it is typed, and what its output promises.

use serde_json::Value;

use crate::actor::{Actor, Passage};
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
}

const STEPS: [(u64, Step); 10] = [
    (14, Step::AddMany),
    (6, Step::AddOwn),
    (26, Step::Review),
    (5, Step::Archive),
    (5, Step::Phase),
    (5, Step::Profile),
    (25, Step::Sync),
    (5, Step::Watch),
    (5, Step::StopWatching),
    (4, Step::Switch),
];
/// Before anybody has signed in.
const GUEST_STEPS: [(u64, Step); 4] =
    [(40, Step::AddMany), (20, Step::AddOwn), (30, Step::Review), (10, Step::Profile)];
/// Most of them.
const MAX_GUEST_STEPS: u64 = 6;

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
            Step::AddMany => self.add_many(),
            Step::AddOwn => self.add_own(),
            Step::Review => self.review(),
            Step::Archive => self.archive(),
            Step::Phase => self.phase(),
            Step::Profile => self.profile(),
            Step::Sync => self.sync(),
            Step::Watch => self.watch(),
            Step::StopWatching => self.stop_watching(),
            Step::Switch if self.accounts.len() > 1 => self.switch(),
            Step::Switch => {}
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

    fn add_many(&mut self) {
        let first = self.passage();
        let mut list: Vec<Passage> = vec![first.clone()];
        for _ in 0..self.rng.below(40) {
            let next = Passage { translation: first.translation.clone(), ..self.passage() };
            if !list.contains(&next) {
                list.push(next);
            }
        }
        for passage in &list {
            self.attempt(&record::create(&passage.name()));
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
        self.attempt(&record::create(&passage.name()));
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
            self.found(Wrong::Command, format!("verses add said {output}"));
        }
    }

    fn any_passage(&mut self) -> Option<Passage> {
        let collection = &self.accounts[self.current].collection;
        if collection.is_empty() { None } else { Some(self.rng.pick(collection).clone()) }
    }

    fn do_to(&mut self, deed: &Deed, command: &str, passage: &Passage, args: &[&str]) -> bool {
        self.attempt(deed);
        let all = [&[passage.reference.as_str()], args, &["--translation", &passage.translation]].concat();
        self.run(command, &all).is_some_and(|output| output["verseId"].is_string())
    }

    fn review(&mut self) {
        let Some(passage) = self.any_passage() else { return };
        let (passed, seconds) = (self.rng.percent(75), self.mark());
        let deed = record::review(&passage.name(), passed, seconds);
        let outcome = if passed { "--pass" } else { "--fail" };
        if self.do_to(&deed, "review", &passage, &[outcome, "--seconds", &seconds.to_string()]) {
            self.tell(&deed);
        }
    }

    /// What is told is not counted: putting away what another device has put away does nothing.
    fn archive(&mut self) {
        let account = &self.accounts[self.current];
        let restore = !account.archived.is_empty() && self.rng.percent(60);
        let passage = if restore { Some(self.rng.pick(&account.archived).clone()) } else { self.any_passage() };
        let Some(passage) = passage else { return };
        let deed = record::archive(&passage.name(), restore);
        self.do_to(&deed, "archive", &passage, if restore { &["--restore"] } else { &[] });
        // If it was killed it may be either; a review of it is right either way.
        let account = self.account();
        let (from, to) = match restore {
            true => (&mut account.archived, &mut account.collection),
            false => (&mut account.collection, &mut account.archived),
        };
        from.retain(|p| *p != passage);
        to.push(passage);
    }

    fn phase(&mut self) {
        let Some(passage) = self.any_passage() else { return };
        let phase = *self.rng.pick(&PHASES);
        let deed = record::phase(&passage.name(), phase);
        if self.do_to(&deed, "phase", &passage, &[phase]) {
            self.tell(&deed);
        }
    }

    fn profile(&mut self) {
        let name = format!("Name {}", self.mark());
        let deed = record::profile(&name);
        self.attempt(&deed);
        let told = self.run("profile", &["--full-name", &name]).is_some_and(|o| o["fullName"] == *name);
        if told {
            self.tell(&deed);
        }
        self.record.called(self.current, name, told);
    }

    fn sync(&mut self) {
        let flags = *self.rng.pick(&["", "", "--push-only", "--pull-only", "--patience=1"]);
        let args: Vec<&str> = [flags].into_iter().filter(|f| !f.is_empty()).collect();
        if let Some(output) = self.run("sync", &args) {
            self.record.synced(&output);
        }
    }
}
