//! The plan of a run: what happens when, drawn from the seed before the run begins. It is data, so that a failing one can
//! be made smaller and kept. Carrying it out is in `world`.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::params::{Mix, Params};

/// A run, complete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What does not change.
    pub params: Params,
    /// What happens, by time.
    pub steps: Vec<PlannedStep>,
}

/// A step at its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// Milliseconds after the start.
    pub at_ms: u64,
    /// What happens.
    pub step: Step,
}

/// Something that happens to the world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Step {
    /// A person does something on a device.
    Act {
        /// Where.
        device: usize,
        /// What.
        act: Act,
    },
    /// The app is open, and stays in sync, for so long.
    Open {
        /// Where.
        device: usize,
        /// Milliseconds.
        for_ms: u64,
    },
    /// One sync, which keeps trying for so long.
    Sync {
        /// Where.
        device: usize,
        /// Milliseconds.
        patience_ms: u64,
    },
    /// All processes of a device end now.
    Kill {
        /// Where.
        device: usize,
    },
    /// All processes of a device end at the n-th call of the store from now, before or after its effect.
    KillAtCall {
        /// Where.
        device: usize,
        /// Which call.
        calls: u32,
    },
    /// The device sleeps.
    Suspend {
        /// Where.
        device: usize,
        /// Milliseconds.
        ms: u64,
    },
    /// The device's clock is set forward or back.
    ClockJump {
        /// Where.
        device: usize,
        /// Milliseconds.
        ms: i64,
    },
    /// The device's clock runs fast or slow from now on.
    Drift {
        /// Where.
        device: usize,
        /// Parts per million.
        ppm: i64,
    },
    /// Commits fail for want of space.
    DiskFull {
        /// Where.
        device: usize,
        /// Milliseconds.
        ms: u64,
    },
    /// The application goes back to an older release for a while: what was queued until now has a payload that it cannot
    /// read.
    OldRelease {
        /// Where.
        device: usize,
        /// Milliseconds.
        ms: u64,
    },
    /// There is no network.
    Partition {
        /// Where.
        device: usize,
        /// Milliseconds.
        ms: u64,
    },
    /// A sign-in page answers everything.
    Portal {
        /// Where.
        device: usize,
        /// Milliseconds.
        ms: u64,
    },
    /// Latency times this, bandwidth divided by it.
    Quality {
        /// Where.
        device: usize,
        /// Factor.
        factor: u64,
    },
    /// A server process dies, and starts again after so long.
    Crash {
        /// Which.
        instance: usize,
        /// Milliseconds.
        ms: u64,
    },
    /// The server process that makes the n-th call of the database from now dies there, before or after its effect.
    CrashAtCall {
        /// Which call.
        calls: u32,
        /// Milliseconds until it starts again.
        ms: u64,
    },
    /// A backup of the database is taken.
    Backup,
    /// The database is replaced by a backup.
    Restore {
        /// Which of those taken, counted from the newest.
        newest: usize,
    },
    /// The server's limits change while it runs.
    Limits {
        /// Operations in one batch.
        max_operations: u32,
        /// Changes in one page.
        max_changes: u32,
    },
    /// Every access token is refused from now on; they can be renewed.
    ExpireTokens,
    /// Every session is ended.
    RevokeSessions,
    /// The batch endpoint is missing.
    NoBatchRoute {
        /// Milliseconds.
        ms: u64,
    },
    /// The whole server answers 503 with Retry-After.
    Overload {
        /// Milliseconds.
        ms: u64,
    },
    /// A user sends operations and questions with the ids of others.
    Hostile {
        /// Which user attacks.
        user: usize,
    },
}

/// What a person does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Act {
    /// Adds passages.
    Add {
        /// Where in the list of passages to begin.
        first: usize,
        /// How many.
        count: usize,
    },
    /// Adds a text of their own, or something that is no passage.
    AddOdd {
        /// Which oddity.
        which: u32,
    },
    /// Reviews cards.
    Review {
        /// How many.
        count: usize,
    },
    /// Archives or restores a card.
    Archive {
        /// Whether to put it away.
        archived: bool,
    },
    /// Sets a phase by hand.
    SetPhase {
        /// Which, 0 to 3.
        phase: u8,
    },
    /// Changes the profile.
    Profile {
        /// Which change.
        which: u32,
    },
    /// Signs in, making the account if there is none.
    SignIn {
        /// As whom.
        user: usize,
    },
    /// Signs out.
    SignOut {
        /// On all devices.
        everywhere: bool,
    },
    /// Retries what failed.
    Retry,
    /// Gives one operation up.
    Discard,
}

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        let params = Params::from_seed(seed);
        let mut draw = Draw { rng: SmallRng::seed_from_u64(seed ^ 0x5EED_0002), steps: Vec::new(), at_ms: 0 };
        for device in 0..params.devices {
            // Some begin as guests and sign in later.
            if draw.rng.random_bool(0.7) {
                draw.push(Step::Act { device, act: Act::SignIn { user: device % params.users } });
            }
        }
        while draw.steps.len() < params.steps {
            draw.step(&params);
        }
        Self { params, steps: draw.steps }
    }

    /// When the last step happens.
    #[must_use]
    pub fn ends_at_ms(&self) -> u64 {
        self.steps.last().map_or(0, |step| step.at_ms)
    }
}

struct Draw {
    rng: SmallRng,
    steps: Vec<PlannedStep>,
    at_ms: u64,
}

impl Draw {
    fn push(&mut self, step: Step) {
        self.at_ms += match self.rng.random_range(0..20) {
            0..=5 => self.rng.random_range(0..200),
            6..=14 => self.rng.random_range(0..10 * SECOND),
            15..=17 => self.rng.random_range(0..5 * MINUTE),
            18 => self.rng.random_range(0..6 * HOUR),
            _ => self.rng.random_range(0..2 * DAY),
        };
        self.steps.push(PlannedStep { at_ms: self.at_ms, step });
    }

    fn step(&mut self, params: &Params) {
        let device = self.rng.random_range(0..params.devices);
        let kind = self.kind(&params.mix);
        let step = match kind {
            0..=6 => {
                let act = self.act(kind, params);
                Step::Act { device, act }
            }
            7 if self.rng.random_bool(0.6) => Step::Open { device, for_ms: self.rng.random_range(SECOND..15 * SECOND) },
            7 => Step::Sync { device, patience_ms: self.rng.random_range(0..2 * MINUTE) },
            8 if self.rng.random_bool(0.5) => Step::Kill { device },
            8 => Step::KillAtCall { device, calls: self.rng.random_range(1..60) },
            9 => Step::Suspend { device, ms: self.long() },
            10 if self.rng.random_bool(0.7) => Step::ClockJump { device, ms: self.jump() },
            10 => Step::Drift { device, ppm: self.rng.random_range(-2_000..=2_000) },
            11 if self.rng.random_bool(0.3) => Step::OldRelease { device, ms: self.rng.random_range(SECOND..HOUR) },
            11 => Step::DiskFull { device, ms: self.rng.random_range(100..MINUTE) },
            12 => self.link(device),
            13 if self.rng.random_bool(0.7) => {
                Step::CrashAtCall { calls: self.rng.random_range(1..30), ms: self.rng.random_range(10..MINUTE) }
            }
            13 => {
                let instance = self.rng.random_range(0..params.instances);
                Step::Crash { instance, ms: self.rng.random_range(10..MINUTE) }
            }
            14 if self.rng.random_bool(0.5) => Step::Backup,
            14 => Step::Restore { newest: self.rng.random_range(0..3) },
            15 => self.server(),
            _ => Step::Hostile { user: self.rng.random_range(0..params.users) },
        };
        self.push(step);
    }

    fn kind(&mut self, mix: &Mix) -> usize {
        let weights = [
            mix.add,
            mix.bulk,
            mix.review,
            mix.manage,
            mix.profile,
            mix.accounts,
            mix.inbox,
            mix.sync,
            mix.kill,
            mix.suspend,
            mix.clock,
            mix.disk,
            mix.link,
            mix.crash,
            mix.restore,
            mix.server,
            mix.hostile,
        ];
        let mut at = self.rng.random_range(0..weights.iter().sum());
        for (kind, weight) in weights.into_iter().enumerate() {
            if at < weight {
                return kind;
            }
            at -= weight;
        }
        weights.len() - 1
    }

    fn act(&mut self, kind: usize, params: &Params) -> Act {
        match kind {
            0 if self.rng.random_bool(0.15) => Act::AddOdd { which: self.rng.random_range(0..6) },
            0 => Act::Add { first: self.rng.random_range(0..40), count: self.rng.random_range(1..4) },
            1 => Act::Add { first: self.rng.random_range(0..10), count: self.rng.random_range(8..25) },
            2 => Act::Review { count: self.rng.random_range(1..6) },
            3 if self.rng.random_bool(0.6) => Act::Archive { archived: self.rng.random_bool(0.5) },
            3 => Act::SetPhase { phase: self.rng.random_range(0..4) },
            4 => Act::Profile { which: self.rng.random_range(0..32) },
            5 if self.rng.random_bool(0.4) => Act::SignOut { everywhere: self.rng.random_bool(0.3) },
            5 => Act::SignIn { user: self.rng.random_range(0..params.users) },
            _ if self.rng.random_bool(0.6) => Act::Retry,
            _ => Act::Discard,
        }
    }

    fn link(&mut self, device: usize) -> Step {
        match self.rng.random_range(0..3) {
            0 => Step::Partition { device, ms: self.long() },
            1 => Step::Portal { device, ms: self.rng.random_range(SECOND..5 * MINUTE) },
            _ => Step::Quality { device, factor: self.rng.random_range(1..6) },
        }
    }

    fn server(&mut self) -> Step {
        match self.rng.random_range(0..5) {
            0 => Step::Limits {
                max_operations: [1_000, 20, 5, 2, 1][self.rng.random_range(0..5)],
                max_changes: [1_000, 20, 5, 2, 1][self.rng.random_range(0..5)],
            },
            1 => Step::ExpireTokens,
            2 => Step::RevokeSessions,
            3 => Step::NoBatchRoute { ms: self.rng.random_range(SECOND..10 * MINUTE) },
            _ => Step::Overload { ms: self.rng.random_range(SECOND..10 * MINUTE) },
        }
    }

    fn long(&mut self) -> u64 {
        match self.rng.random_range(0..10) {
            0..=5 => self.rng.random_range(SECOND..MINUTE),
            6..=8 => self.rng.random_range(MINUTE..HOUR),
            _ => self.rng.random_range(HOUR..3 * DAY),
        }
    }

    fn jump(&mut self) -> i64 {
        let size = match self.rng.random_range(0..10) {
            0..=4 => self.rng.random_range(0..10 * MINUTE),
            5..=7 => self.rng.random_range(0..2 * DAY),
            8 => self.rng.random_range(0..400 * DAY),
            _ => self.rng.random_range(0..3_650 * DAY),
        };
        let size = i64::try_from(size).unwrap_or(0);
        if self.rng.random_bool(0.5) { -size } else { size }
    }
}
