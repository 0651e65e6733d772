//! Many power cuts, and the account of them. What a store must show after a cut is said by the test, as a [`Subject`].

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::disk::Disk;
use crate::image::Image;
use crate::replay::{Metadata, Replay, Syncs};
use crate::rng::Rng;
use crate::trace::{Op, Trace};

/// Cuts in a row, each while the store recovers from the one before or works on after it.
const DEPTH: u32 = 3;

/// Descriptions of what went wrong that are kept.
const NOTES: usize = 5;

/// How many transactions of one lane must and may be there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Promise {
    /// The last one reported durable.
    pub done: u64,
    /// The last one handed over.
    pub begun: u64,
}

/// The promises by lane; lanes that nothing happened in are left out.
pub type Promises = BTreeMap<u8, Promise>;

/// What a store did wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// A transaction reported durable is gone.
    Lost(String),
    /// Anything else: it does not open, is damaged, has a transaction in part, or fails on a healthy disk.
    Corrupt(String),
}

/// A store under test.
pub trait Subject {
    /// Opens the store on the disk, compares what is there with what was promised, works on, and closes it. Each new
    /// transaction is noted with [`Disk::begun`] and [`Disk::done`].
    ///
    /// Returns how many transactions of each lane were there after opening.
    ///
    /// # Errors
    /// What is wrong with the store.
    fn session(
        &mut self,
        folder: &Path,
        disk: &Disk,
        promises: &Promises,
        rng: &mut Rng,
    ) -> Result<BTreeMap<u8, u64>, Broken>;
}

/// What to do to a store, and how often.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// Decides everything.
    pub seed: u64,
    /// At least so many disks after a cut are opened again.
    pub states: u64,
    /// The power is cut after every operation of the work, or after every second, third, ... one.
    pub stride: usize,
    /// Which syncs the disk keeps its word on.
    pub syncs: Syncs,
    /// The real folder that the disks stand for.
    pub folder: PathBuf,
    /// What is on the disk at first, and how many transactions of each lane are in it.
    pub start: (Image, BTreeMap<u8, u64>),
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Disks after a cut that were opened again.
    pub states: u64,
    /// Those of them after a second or third cut in a row.
    pub again: u64,
    /// Places in the work where the power was cut: after each operation on the disk.
    pub places: u64,
    /// Disks on which a transaction was missing that had been reported durable.
    pub lost: u64,
    /// Disks that could not be opened, were damaged, or held a transaction in part.
    pub corrupt: u64,
    /// The first things that went wrong, with where.
    pub notes: Vec<String>,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, again, places, lost, corrupt, notes } = self;
        write!(
            f,
            "{states} crash states ({again} after repeated cuts) at {places} places: {lost} lost, {corrupt} corrupt"
        )?;
        notes.iter().try_for_each(|note| write!(f, "\n  {note}"))
    }
}

impl Campaign {
    /// Works on the disk as it is at first, cuts the power after every operation of that work, and so on until there were
    /// enough cuts. A subject that fails without any cut counts as corrupt too, and ends the campaign.
    pub fn run(&self, subject: &mut impl Subject) -> Tally {
        let mut run = Run { campaign: self, subject, rng: Rng::new(self.seed), tally: Tally::default() };
        while run.tally.states < self.states && run.round().is_some() {}
        run.tally
    }
}

/// A campaign under way.
struct Run<'c, S> {
    campaign: &'c Campaign,
    subject: &'c mut S,
    rng: Rng,
    tally: Tally,
}

/// What is on a disk, what must be on it, and how it came about.
struct Scene {
    image: Image,
    promises: Promises,
    story: String,
}

/// What happened in a session, and how many transactions of each lane were there when it began.
struct Session {
    trace: Trace,
    present: BTreeMap<u8, u64>,
}

impl<S: Subject> Run<'_, S> {
    /// One piece of work from the beginning, and cuts in all its places. None if even that fails.
    fn round(&mut self) -> Option<()> {
        let (image, present) = self.campaign.start.clone();
        let scene = Scene { image, promises: after(&[], &present), story: "without a cut".into() };
        let session = self.session(&scene)?;
        let mut replay = self.replay(&session);
        for (place, op) in session.trace.ops.iter().enumerate() {
            replay.step(op, &mut self.rng);
            if !op.changes_the_disk() || !place.is_multiple_of(self.campaign.stride.max(1)) {
                continue;
            }
            self.tally.places += 1;
            let mut images = vec![replay.cut_after_all()];
            if replay.pending() > 0 {
                images.extend([replay.cut_before_all(), replay.cut(&mut self.rng), replay.cut(&mut self.rng)]);
            }
            for image in images {
                let promises = after(&session.trace.ops[..=place], &session.present);
                self.recover(Scene { image, promises, story: format!("cut after operation {place}, {op}") });
            }
        }
        Some(())
    }

    fn replay(&mut self, session: &Session) -> Replay {
        let metadata = if self.rng.chance(50) { Metadata::Ordered } else { Metadata::Strict };
        Replay::new(&session.trace, self.campaign.syncs, metadata)
    }

    /// Opens what a cut left, and cuts the power again in a random place of what follows, some times in a row.
    fn recover(&mut self, mut scene: Scene) {
        for depth in 1..=DEPTH {
            self.tally.states += 1;
            self.tally.again += u64::from(depth > 1);
            let Some(session) = self.session(&scene) else {
                return;
            };
            let ops = &session.trace.ops;
            if ops.is_empty() || self.rng.chance(50) {
                return;
            }
            // Half of them before anything new is handed over: in the recovery itself.
            let opening = ops.iter().position(|op| matches!(op, Op::Begun { .. })).unwrap_or(ops.len());
            let early = opening > 0 && self.rng.chance(50);
            let place = self.rng.index(if early { opening } else { ops.len() });
            let mut replay = self.replay(&session);
            ops[..=place].iter().for_each(|op| replay.step(op, &mut self.rng));
            scene = Scene {
                image: replay.cut(&mut self.rng),
                promises: after(&ops[..=place], &session.present),
                story: format!("{}; then after operation {place}, {}", scene.story, ops[place]),
            };
        }
    }

    /// A session on a fresh disk; none if the store broke, which is noted.
    fn session(&mut self, scene: &Scene) -> Option<Session> {
        let folder = &self.campaign.folder;
        let seed = self.rng.draw();
        let result = Disk::mount(folder, &scene.image, seed)
            .map_err(|error| Broken::Corrupt(format!("no disk: {error}")))
            .and_then(|disk| {
                let present = self.subject.session(folder, &disk, &scene.promises, &mut Rng::new(seed))?;
                Ok(Session { trace: disk.trace(), present })
            });
        result.map_err(|broken| self.note(scene, &broken)).ok()
    }

    fn note(&mut self, scene: &Scene, broken: &Broken) {
        let (count, text) = match broken {
            Broken::Lost(text) => (&mut self.tally.lost, text),
            Broken::Corrupt(text) => (&mut self.tally.corrupt, text),
        };
        *count += 1;
        let notes = &mut self.tally.notes;
        if notes.len() < NOTES {
            notes.push(format!("seed {}: {}: {text}", self.campaign.seed, scene.story));
            if let Some(folder) = std::env::var_os("VERSES_POWER_KEEP") {
                let folder = Path::new(&folder).join(format!("seed-{}-{}", self.campaign.seed, notes.len()));
                // A note without its files is still a note.
                let _ = scene.image.save(&folder);
            }
        }
    }
}

/// The promises after these operations, if `present` was there before them.
fn after(ops: &[Op], present: &BTreeMap<u8, u64>) -> Promises {
    let begin = |(lane, number): (&u8, &u64)| (*lane, Promise { done: *number, begun: *number });
    let mut promises: Promises = present.iter().map(begin).collect();
    for op in ops {
        match op {
            Op::Begun { lane, number } => promises.entry(*lane).or_default().begun = *number,
            Op::Done { lane, number } => promises.entry(*lane).or_default().done = *number,
            _ => {}
        }
    }
    promises
}
