//! One run: the plan is carried out while faults run, then the faults stop, everybody syncs, and the end is judged.

use std::sync::{Arc, Mutex};

use uuid::Uuid;
use verses_client::{ClientError, Session, SyncOptions};
use verses_core::UnixMillis;
use verses_protocol::{Limits, UserCard};
use verses_server::service::Service;
use verses_server::texts::Texts;
use verses_store::{LocalStore, meta_key};

use crate::broken::Broken;
use crate::checks::{Checks, Seen, Violation, at_once};
use crate::kernel::{Kernel, Line, Owner, Runner};
use crate::plan::Plan;
use crate::stats::Stats;
use crate::world::accounts::{Accounts, user_id};
use crate::world::device::Device;
use crate::world::edge::Edge;
use crate::world::server::Server;
use crate::world::{Shared, World, lock};

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;

/// After the faults have stopped, a device that stays open has so long to send everything: the longest wait it may be in is
/// an hour (a `Retry-After`, a remembered size limit).
pub const DRAIN_BOUND_MS: u64 = 3 * HOUR_MS;
/// The last syncs of everybody together may take so long.
const END_BOUND_MS: u64 = 72 * HOUR_MS;
/// How long one of the last syncs keeps trying.
const PATIENCE_MS: u64 = 3 * HOUR_MS;

/// How to run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Keep a line for everything that happens.
    pub keep_trace: bool,
    /// A broken variant of the product.
    pub broken: Option<Broken>,
    /// Only the checker of this invariant.
    pub only: Option<u8>,
    /// Through the real router and SQLite in memory, which cannot overlap requests or be restored.
    pub router: bool,
}

/// What a run was.
#[derive(Debug, Clone)]
pub struct Report {
    /// The first thing that was wrong.
    pub violation: Option<Violation>,
    /// Counts.
    pub stats: Stats,
    /// The hash of everything that happened, in order: the same for the same plan.
    pub trace_hash: u64,
    trace: Vec<Line>,
}

impl Report {
    /// The trace, if it was kept: all of it, or the lines about one operation with what is about none.
    pub fn trace(&self) -> impl Iterator<Item = String> {
        self.trace.iter().map(|line| {
            let (minutes, ms) = (line.at_ms / MINUTE_MS, line.at_ms % MINUTE_MS);
            format!("{minutes:>6}:{:02}.{:03} {}", ms / 1_000, ms % 1_000, line.text)
        })
    }
}

/// Runs a plan.
#[must_use]
pub fn run(plan: &Plan, options: Options) -> Report {
    let world = build(plan, options);
    if options.router
        && let Err(error) = Edge::open(&world)
    {
        lock(&world.checks).cannot_run(&error.to_string());
    }
    let mut runner = Runner::new(&world.kernel);
    World::plan(&world, &plan.steps);
    runner.run_until(plan.ends_at_ms() + MINUTE_MS);
    calm_down(&world);
    if plan.params.seed.is_multiple_of(2) {
        settle(&world, &mut runner);
    }
    end(&world, &mut runner);
    report(&world)
}

fn build(plan: &Plan, options: Options) -> Shared {
    let params = plan.params.clone();
    let limits = Limits {
        max_operations: params.server.max_operations,
        max_changes: params.server.max_changes,
        ..Limits::default()
    };
    Arc::new(World {
        kernel: Kernel::new(params.seed, options.keep_trace),
        devices: (0..params.devices).map(|number| Device::new(number, &params.client)).collect(),
        server: Mutex::new(Server::new(params.instances, limits, Texts::corpus())),
        accounts: Mutex::new(Accounts::new(params.server.token_life_s)),
        link: Mutex::new(params.link.clone()),
        checks: Mutex::new(Checks::new(options.only)),
        stats: Mutex::default(),
        broken: options.broken,
        edge: Mutex::default(),
        params,
    })
}

/// No fault begins any more, and those that last end.
fn calm_down(world: &Shared) {
    world.kernel.note(|| "the faults stop".to_owned());
    let calm = lock(&world.link).calm();
    *lock(&world.link) = calm;
    lock(&world.server).heal();
    for (number, device) in world.devices.iter().enumerate() {
        let mut state = lock(&device.state);
        state.offline_until_ms = 0;
        state.portal_until_ms = 0;
        state.full_until_ms = 0;
        state.old_release_until_ms = 0;
        state.slowness = 1;
        state.dies_in_calls = None;
        state.wake(world.kernel.now_ms());
        if let Some(hints) = &state.hints {
            hints.online();
        }
        drop(state);
        world.kernel.resume(Owner::Device(number));
    }
}

/// Apps that stay open send everything by themselves.
fn settle(world: &Shared, runner: &mut Runner) {
    for device in 0..world.devices.len() {
        World::open(world, device);
    }
    let began = world.kernel.now_ms();
    let waits = |world: &Shared, device: usize| {
        let owner = world.sending_as(device);
        owner.is_some_and(|owner| {
            at_once(world.devices[device].rows().queue_totals(&owner)).is_some_and(|totals| totals.waiting > 0)
        })
    };
    for after in
        [5_000, 30_000, 2 * MINUTE_MS, 10 * MINUTE_MS, 40 * MINUTE_MS, HOUR_MS + 10 * MINUTE_MS, DRAIN_BOUND_MS]
    {
        if !runner.run_until(began + after) {
            return;
        }
        if !(0..world.devices.len()).any(|device| waits(world, device)) {
            break;
        }
    }
    world.seen(&Seen::Settled);
}

/// Everybody signs in, retries what failed (also what has become too old during the sync before), and syncs, a few times
/// over; then the end is judged.
fn end(world: &Shared, runner: &mut Runner) {
    for device in 0..world.devices.len() {
        world.kill(device);
    }
    let ended = Arc::new(Mutex::new(false));
    let (shared, done) = (Arc::clone(world), Arc::clone(&ended));
    world.kernel.spawn(Owner::World, async move {
        for round in 0..4 {
            for device in 0..shared.devices.len() {
                if let Err(error) = everything(&shared, device, round < 3).await {
                    shared.kernel.note(|| format!("device {device}: the last sync failed: {error}"));
                }
            }
        }
        *lock(&done) = true;
        shared.kernel.stop();
    });
    runner.run_until(world.kernel.now_ms() + END_BOUND_MS);
    let mut checks = lock(&world.checks);
    if checks.violation().is_none() && !*lock(&ended) {
        checks.never_ended();
    }
    checks.see(world, &Seen::Ended);
}

/// Syncs every account that has rows on a device, its own last.
async fn everything(world: &Shared, device: usize, retry: bool) -> Result<(), ClientError> {
    let service = World::service(world, device);
    let home = lock(&world.devices[device].state).belongs_to.unwrap_or(device % world.params.users);
    // Whoever did something here comes back to this device: a server that lost it gets it back then.
    let made = lock(&world.checks).facts.users_of(device, world.params.users);
    let parked = service.store().queue_owners().await?;
    let waits = |user: usize| parked.iter().any(|(owner, _)| *owner == user_id(user).to_string());
    let mut users: Vec<usize> =
        (0..world.params.users).filter(|user| *user != home && (made.contains(user) || waits(*user))).collect();
    users.push(home);
    for user in users {
        crate::world::act::sign_in(world, device, &service, user).await?;
        if retry {
            let owner = service.owner().await?;
            let failed: Vec<String> =
                service.store().queue_of(&owner, true, u32::MAX).await?.into_iter().map(|row| row.meta.id).collect();
            service.retry_failed(&failed).await?;
        }
        let (result, drained) =
            World::engine(world, device).await?.sync(SyncOptions { patience_ms: PATIENCE_MS }).await?;
        world.kernel.note(|| format!("device {device} as user {user}: the last sync ended: {drained:?}"));
        world.seen(&Seen::Synced { device, result: &result });
    }
    Ok(())
}

fn report(world: &Shared) -> Report {
    let checks = lock(&world.checks);
    let mut stats = lock(&world.stats).clone();
    stats.runs = 1;
    stats.events = world.kernel.events();
    stats.virtual_ms = world.kernel.now_ms();
    stats.operations = checks.facts.made.len() as u64;
    stats.accepted = checks.facts.acceptances;
    let failed =
        |device: &Device| at_once(device.rows().queue_metas(None, u32::MAX)).map_or(0, |rows| rows.len() as u64);
    stats.in_inbox = world.devices.iter().map(failed).sum();
    let report = Report {
        violation: checks.violation().cloned(),
        stats,
        trace_hash: world.kernel.trace_hash(),
        trace: world.kernel.take_trace(),
    };
    drop(checks);
    world.kernel.clear();
    world.close_edge();
    report
}

impl World {
    /// The cards of a user, as the server's export has them.
    pub(crate) fn cards_of(&self, user: Uuid) -> Vec<UserCard> {
        let (texts, limits) = lock(&self.server).texts_and_limits();
        let service = Service::new(self.database(), texts, limits);
        let export = service.export(user, UnixMillis(0));
        let export = match self.edge() {
            Some(edge) => edge.wait(export).ok(),
            None => at_once(export),
        };
        export.map(|export| export.cards).unwrap_or_default()
    }

    /// The user whose operations a device's open app sends; none if nobody is signed in or no app is open.
    pub(crate) fn sending_as(&self, device: usize) -> Option<String> {
        if !lock(&self.devices[device].state).syncing {
            return None;
        }
        let stored = at_once(self.devices[device].rows().meta(meta_key::SESSION)).flatten()?;
        let session: Session = serde_json::from_str(&stored).ok()?;
        session.is_usable().then_some(session.user_id)
    }

    pub(crate) fn is_attacker(&self, user: Uuid) -> bool {
        (0..self.params.users).all(|number| user_id(number) != user)
    }

    /// Whether a device ended the run signed in as this user.
    pub(crate) fn is_home(&self, device: usize, user: Uuid) -> bool {
        lock(&self.devices[device].state).belongs_to.is_some_and(|number| user_id(number) == user)
    }
}
