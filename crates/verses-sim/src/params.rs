//! The parameters of a run, all drawn from its seed: who takes part, what they do, how bad the world is. A swarm: each
//! run draws which faults exist at all and how often, so that a rare combination is some run's daily bread. What
//! happens when is in `plan`.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

/// Everything about a run that does not change while it goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Params {
    /// The seed of the run.
    pub seed: u64,
    /// Devices.
    pub devices: usize,
    /// Accounts.
    pub users: usize,
    /// Server processes over one database.
    pub instances: usize,
    /// Steps of the plan.
    pub steps: usize,
    /// Milliseconds since the epoch at the start: near changes of the clock, ends of years and leap days too.
    pub start_ms: i64,
    /// How often a call of a store lets others run first, per mille.
    pub interleave: u32,
    /// The network.
    pub link: LinkParams,
    /// The devices' settings.
    pub client: ClientParams,
    /// The server's settings.
    pub server: ServerParams,
    /// How likely steps of each kind are.
    pub mix: Mix,
}

/// How bad the network is. Rates are per mille of requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinkParams {
    /// One way, milliseconds: least and most.
    pub latency_ms: (u64, u64),
    /// Bytes a second: least and most.
    pub bytes_per_second: (u64, u64),
    /// The request is lost.
    pub lose_request: u32,
    /// The answer is lost after the server has done the work.
    pub lose_answer: u32,
    /// The request arrives twice.
    pub duplicate: u32,
    /// The second copy arrives minutes to hours later.
    pub late_copy: u32,
    /// Requests and answers overtake each other.
    pub reorder: u32,
    /// A web page answers with 200.
    pub portal: u32,
    /// A proxy answers 502 or 504; in half the cases the server has done the work.
    pub proxy: u32,
    /// The answer is cut after some bytes.
    pub cut: u32,
    /// Bytes come very slowly, but they come.
    pub drip: u32,
    /// The server is busy: 429 or 503, mostly with Retry-After.
    pub busy: u32,
    /// Nothing comes, ever; in half the cases the server has done the work.
    pub silence: u32,
}

/// Settings of the devices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientParams {
    /// `BatchConfig::max_batch_size`.
    pub max_batch_size: u32,
    /// `BatchConfig::max_in_flight`.
    pub max_in_flight: u32,
    /// `BatchConfig::network_aware_throttling`.
    pub adaptive: bool,
    /// Never batches.
    pub individual_only: bool,
    /// Whether profile updates that were never sent are folded into one.
    pub coalesce_profile: bool,
    /// `BatchConfig::max_queue_len`.
    pub max_queue_len: u64,
    /// `BatchConfig::max_age_ms`.
    pub max_age_ms: i64,
    /// Changes asked for in one page.
    pub changes_per_page: u32,
    /// How often an open app fetches, milliseconds.
    pub fetch_interval_ms: u64,
}

/// Settings of the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerParams {
    /// Operations in one batch.
    pub max_operations: u32,
    /// Changes in one page.
    pub max_changes: u32,
    /// Life of an access token, seconds.
    pub token_life_s: u64,
    /// Longest wait of a transaction for its turn, milliseconds.
    pub database_ms: u64,
}

/// Weights of the kinds of steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mix {
    /// Adding one passage, or a few.
    pub add: u32,
    /// Adding many at once.
    pub bulk: u32,
    /// Reviewing.
    pub review: u32,
    /// Archiving, restoring, setting a phase.
    pub manage: u32,
    /// Changing the profile, time zones among it.
    pub profile: u32,
    /// Signing out, and in again as somebody else.
    pub accounts: u32,
    /// Retrying and discarding what failed.
    pub inbox: u32,
    /// Opening the app for a while, or one sync.
    pub sync: u32,
    /// Killing a device's processes.
    pub kill: u32,
    /// Suspending a device, for minutes to days.
    pub suspend: u32,
    /// Clocks that jump or drift.
    pub clock: u32,
    /// A full disk, or an older release that cannot read what is queued.
    pub disk: u32,
    /// The link: partitions, portals, another quality.
    pub link: u32,
    /// Server processes that die, now or at a call of the database.
    pub crash: u32,
    /// Backups, and going back to one.
    pub restore: u32,
    /// Limits lowered, tokens expired or revoked, the batch route gone.
    pub server: u32,
    /// A user who sends other people's ids.
    pub hostile: u32,
}

const HOUR_MS: i64 = 3_600_000;

impl Params {
    /// The parameters of a seed.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        let rng = &mut SmallRng::seed_from_u64(seed ^ 0x5EED_0001);
        let devices = pick(rng, &[1, 2, 2, 2, 3, 3]);
        let users = if devices > 1 { pick(rng, &[1, 1, 1, 2]) } else { pick(rng, &[1, 1, 2]) };
        Self {
            seed,
            devices,
            users,
            instances: pick(rng, &[1, 1, 2]),
            steps: rng.random_range(50..=130),
            start_ms: start(rng),
            interleave: pick(rng, &[0, 20, 100, 400]),
            link: LinkParams::draw(rng),
            client: ClientParams::draw(rng),
            server: ServerParams {
                max_operations: pick(rng, &[1_000, 1_000, 50, 5, 2]),
                max_changes: pick(rng, &[1_000, 1_000, 10, 3]),
                token_life_s: pick(rng, &[3_600, 3_600, 300, 70]),
                database_ms: pick(rng, &[0, 2, 50, 2_000]),
            },
            mix: Mix::draw(rng),
        }
    }
}

fn pick<T: Copy>(rng: &mut SmallRng, from: &[T]) -> T {
    from[rng.random_range(0..from.len())]
}

/// A rate that is zero in half of the runs.
fn rate(rng: &mut SmallRng, most: u32) -> u32 {
    if rng.random_bool(0.5) { 0 } else { rng.random_range(1..=most) }
}

/// A weight that is zero in a quarter of the runs.
fn weight(rng: &mut SmallRng, most: u32) -> u32 {
    if rng.random_bool(0.25) { 0 } else { rng.random_range(1..=most) }
}

fn start(rng: &mut SmallRng) -> i64 {
    /// 2026-03-02 08:00; 2026-03-29 00:30, before a change to summer time; 2026-10-25 00:30, before the change back;
    /// 2027-12-31 22:00; 2028-02-28 23:00, before a leap day. All UTC.
    const STARTS_MS: [i64; 5] =
        [1_772_438_400_000, 1_774_744_200_000, 1_792_888_200_000, 1_830_290_400_000, 1_835_391_600_000];
    pick(rng, &STARTS_MS) + rng.random_range(0..HOUR_MS)
}

impl LinkParams {
    fn draw(rng: &mut SmallRng) -> Self {
        let base = pick(rng, &[5, 40, 150, 600]);
        let speed = pick(rng, &[1_000, 10_000, 100_000, 1_000_000]);
        Self {
            latency_ms: (base, base * pick(rng, &[1, 2, 10])),
            bytes_per_second: (speed, speed * 4),
            lose_request: rate(rng, 400),
            lose_answer: rate(rng, 400),
            duplicate: rate(rng, 600),
            late_copy: rate(rng, 400),
            reorder: rate(rng, 600),
            portal: rate(rng, 250),
            proxy: rate(rng, 300),
            cut: rate(rng, 300),
            drip: rate(rng, 200),
            busy: rate(rng, 300),
            silence: rate(rng, 100),
        }
    }

    /// A network without faults and with the same distances.
    #[must_use]
    pub fn calm(&self) -> Self {
        Self {
            latency_ms: self.latency_ms,
            bytes_per_second: self.bytes_per_second,
            lose_request: 0,
            lose_answer: 0,
            duplicate: 0,
            late_copy: 0,
            reorder: 0,
            portal: 0,
            proxy: 0,
            cut: 0,
            drip: 0,
            busy: 0,
            silence: 0,
        }
    }
}

impl ClientParams {
    fn draw(rng: &mut SmallRng) -> Self {
        Self {
            max_batch_size: pick(rng, &[10, 10, 1, 3, 50]),
            max_in_flight: pick(rng, &[1, 1, 2, 3]),
            adaptive: rng.random_bool(0.75),
            individual_only: rng.random_bool(0.15),
            coalesce_profile: rng.random_bool(0.5),
            max_queue_len: pick(rng, &[100_000, 100_000, 100_000, 30, 8]),
            max_age_ms: pick(rng, &[720 * HOUR_MS, 720 * HOUR_MS, 720 * HOUR_MS, 48 * HOUR_MS]),
            changes_per_page: pick(rng, &[1_000, 50, 7, 2]),
            fetch_interval_ms: pick(rng, &[5_000, 20_000, 60_000]),
        }
    }
}

impl Mix {
    fn draw(rng: &mut SmallRng) -> Self {
        Self {
            add: weight(rng, 30),
            bulk: weight(rng, 8),
            review: 10 + weight(rng, 50),
            manage: weight(rng, 15),
            profile: weight(rng, 10),
            accounts: rate(rng, 6),
            inbox: weight(rng, 8),
            sync: 20 + weight(rng, 40),
            kill: weight(rng, 12),
            suspend: weight(rng, 8),
            clock: rate(rng, 10),
            disk: rate(rng, 8),
            link: weight(rng, 12),
            crash: weight(rng, 10),
            restore: rate(rng, 10),
            server: weight(rng, 10),
            hostile: rate(rng, 8),
        }
    }
}
