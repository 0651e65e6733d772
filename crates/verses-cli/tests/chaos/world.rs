//! What the threads of a run share: the server that can be killed, whether faults go on, and what is counted. Also the
//! thread that kills the server at random moments.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::common::Server;
use crate::rng::Rng;

/// Size and seed of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// Everything random but the scheduling of processes follows from it.
    pub(crate) seed: u64,
    /// So many kills of clients and server at work end the run, a fifth of them or more of the server.
    pub(crate) kills: u64,
    /// Accounts.
    pub(crate) users: u64,
}

/// Seconds, one of them in each run. A device renews a token that has less than a minute left.
const TOKEN_LIVES: [&str; 3] = ["61", "64", "3600"];
/// Starts on the new database that are killed before one is let live.
const FIRST_STARTS: u64 = 4;

/// How long a run may take for each kill, and at least, before it stops for want of time.
const TIME_PER_KILL: Duration = Duration::from_millis(400);
const LEAST_TIME: Duration = Duration::from_secs(25);

impl Settings {
    /// From `VERSES_CHAOS_KILLS` and `VERSES_CHAOS_SEED`; without them a run that fits into a test suite.
    pub(crate) fn from_env() -> Self {
        let number = |name: &str, default: u64| match std::env::var(name) {
            Ok(text) => text.parse().unwrap_or_else(|e| panic!("{name}={text:?}: {e}")),
            Err(_) => default,
        };
        Self { seed: number("VERSES_CHAOS_SEED", 1), kills: number("VERSES_CHAOS_KILLS", 60), users: 3 }
    }

    /// The command that runs the same plan again.
    pub(crate) fn replay(&self) -> String {
        format!(
            "VERSES_CHAOS_SEED={} VERSES_CHAOS_KILLS={} cargo test -p verses-cli --test chaos -- --nocapture",
            self.seed, self.kills
        )
    }
}

/// Counts by name.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<BTreeMap<String, u64>>);

impl Tally {
    /// One more.
    pub(crate) fn add(&self, name: &str) {
        *self.0.lock().unwrap().entry(name.to_owned()).or_default() += 1;
    }

    /// All whose name begins so.
    pub(crate) fn of(&self, beginning: &str) -> u64 {
        self.0.lock().unwrap().iter().filter(|(name, _)| name.starts_with(beginning)).map(|(_, n)| n).sum()
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counts = self.0.lock().unwrap();
        let parts: Vec<String> = counts.iter().map(|(name, n)| format!("{name} {n}")).collect();
        write!(f, "{} ({})", counts.values().sum::<u64>(), parts.join(", "))
    }
}

/// What the threads of a run share.
pub(crate) struct World {
    pub(crate) settings: Settings,
    server: Mutex<Server>,
    /// Where the server is now.
    pub(crate) address: Arc<Mutex<String>>,
    started: Instant,
    /// No faults any more.
    calm: AtomicBool,
    /// So many devices need the server to live for a while.
    truces: AtomicU32,
    pub(crate) kills: Tally,
    pub(crate) faults: Tally,
    pub(crate) commands: Tally,
    /// How commands ended that did not succeed and were not killed.
    pub(crate) endings: Tally,
}

impl World {
    /// A running server on a new database, and nothing else.
    pub(crate) fn new(settings: Settings) -> Arc<Self> {
        let mut rng = Rng::named(settings.seed, "first start");
        let moments: Vec<Duration> = (0..FIRST_STARTS).map(|_| rng.millis(60)).collect();
        let life = *rng.pick(&TOKEN_LIVES);
        let server =
            Server::start_at_last(&["--operations-per-minute", "100000000", "--token-life-seconds", life], &moments);
        let address = Arc::new(Mutex::new(server.url.clone()));
        let kills = Tally::default();
        (0..FIRST_STARTS).for_each(|_| kills.add("server at its first start"));
        Arc::new(Self {
            settings,
            server: Mutex::new(server),
            address,
            started: Instant::now(),
            calm: AtomicBool::new(true),
            truces: AtomicU32::new(0),
            kills,
            faults: Tally::default(),
            commands: Tally::default(),
            endings: Tally::default(),
        })
    }

    /// Faults begin, or end.
    pub(crate) fn set_calm(&self, calm: bool) {
        self.calm.store(calm, Ordering::SeqCst);
    }

    /// Whether there are no faults now.
    pub(crate) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::SeqCst)
    }

    /// The server is not killed until [`World::end_truce`]; everything else goes on.
    pub(crate) fn begin_truce(&self) {
        self.truces.fetch_add(1, Ordering::SeqCst);
    }

    /// This device needs it no more.
    pub(crate) fn end_truce(&self) {
        self.truces.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether the run has had its kills, or its time is over.
    pub(crate) fn is_over(&self) -> bool {
        let time = (TIME_PER_KILL * u32::try_from(self.settings.kills).unwrap()).max(LEAST_TIME);
        // Signing in goes on until it is done, and has its own kills on the way.
        let apart = ["client in signup", "client in login", "server at its first start"];
        let kills = self.kills.of("") - apart.iter().map(|name| self.kills.of(name)).sum::<u64>();
        let enough = kills >= self.settings.kills && self.kills.of("server") >= self.settings.kills / 5;
        enough || self.started.elapsed() > time
    }

    /// How long the run has taken.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Notes that a client's process was killed while it ran `command`.
    pub(crate) fn client_killed(&self, command: &str) {
        self.kills.add(&format!("client in {command}"));
    }

    /// Kills the server, and starts it again after `down`; with a moment, not without killing that start as well.
    pub(crate) fn crash(&self, when: &str, down: Duration, in_start: Option<Duration>) {
        let mut server = self.server.lock().unwrap();
        if self.is_calm() || self.truces.load(Ordering::SeqCst) > 0 {
            return;
        }
        server.kill();
        self.kills.add(&format!("server {when}"));
        std::thread::sleep(down);
        if let Some(moment) = in_start {
            server.kill_while_starting(moment);
            self.kills.add("server while starting");
        }
        server.restart_anywhere();
        self.address.lock().unwrap().clone_from(&server.url);
    }

    /// Asks the server to stop; gives its database.
    pub(crate) fn stop(&self) -> PathBuf {
        let mut server = self.server.lock().unwrap();
        assert_eq!(server.terminate(), 0, "a server that is asked to stop ends well");
        server.database()
    }

    /// Kills the server at random moments until the run is over. Some lives are long enough to get something done.
    pub(crate) fn keep_killing_the_server(&self) {
        let mut rng = Rng::named(self.settings.seed, "server");
        while !self.is_over() {
            let life = if rng.percent(75) { 50 + rng.below(250) } else { 300 + rng.below(1_200) };
            std::thread::sleep(Duration::from_millis(life));
            let down = if rng.percent(50) { Duration::ZERO } else { rng.millis(120) };
            let in_start = rng.percent(25).then(|| rng.millis(50));
            self.crash("at any moment", down, in_start);
        }
    }
}
