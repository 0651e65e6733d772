//! Carrying out the steps of a plan.

use std::sync::Arc;

use verses_client::{Method, Request};
use verses_protocol::{CHANGES_PATH, OPERATIONS_PATH};

use super::accounts::user_id;
use super::storage::Inner;
use super::{Shared, World, lock};
use crate::checks::Seen;
use crate::plan::Step;
use crate::stats::FaultKind;

impl World {
    /// Plans the steps: each happens at its time.
    pub(crate) fn plan(world: &Shared, steps: &[crate::plan::PlannedStep]) {
        for planned in steps {
            let (shared, step) = (Arc::clone(world), planned.step.clone());
            world.kernel.after(planned.at_ms, move || Self::step(&shared, step));
        }
    }

    fn step(world: &Shared, step: Step) {
        world.kernel.note(|| format!("step: {step:?}"));
        let now_ms = world.kernel.now_ms();
        match step {
            Step::Act { device, act } => Self::act(world, device, act),
            Step::Open { device, for_ms } => {
                Self::open(world, device);
                Self::close_after(world, device, for_ms);
            }
            Step::Sync { device, patience_ms } => Self::sync_once(world, device, patience_ms),
            Step::Kill { device } => {
                world.fault(FaultKind::Kill);
                world.kill(device);
            }
            Step::KillAtCall { device, calls } => {
                lock(&world.devices[device].state).dies_in_calls = Some(calls);
            }
            Step::Suspend { device, ms } => Self::suspend(world, device, ms),
            Step::ClockJump { device, ms } => {
                world.fault(FaultKind::ClockJump);
                lock(&world.devices[device].state).skew_ms += ms;
            }
            Step::Drift { device, ppm } => {
                world.fault(FaultKind::Drift);
                let now = world.now().0;
                let mut state = lock(&world.devices[device].state);
                let drifted = now.saturating_sub(state.drifts_from_ms) / 1_000 * state.drift_ppm / 1_000;
                state.skew_ms += drifted;
                state.drift_ppm = ppm;
                state.drifts_from_ms = now;
            }
            Step::OldRelease { device, ms } => world.old_release(device, now_ms + ms),
            Step::DiskFull { device, ms } => lock(&world.devices[device].state).full_until_ms = now_ms + ms,
            Step::Partition { device, ms } => {
                lock(&world.devices[device].state).offline_until_ms = now_ms + ms;
                Self::hint(world, device, false);
                let shared = Arc::clone(world);
                world.kernel.after(ms, move || Self::hint(&shared, device, true));
            }
            Step::Portal { device, ms } => lock(&world.devices[device].state).portal_until_ms = now_ms + ms,
            Step::Quality { device, factor } => lock(&world.devices[device].state).slowness = factor,
            Step::Hostile { user } => Self::hostile(world, user),
            of_server => Self::server_step(world, now_ms, &of_server),
        }
    }

    fn server_step(world: &Shared, now_ms: u64, step: &Step) {
        match *step {
            Step::Crash { instance, ms } => Self::crash(world, instance, ms),
            Step::CrashAtCall { calls, ms } => lock(&world.server).dies_in_calls = Some((calls, ms)),
            Step::Backup => {
                let backup = lock(&lock(&world.server).database).backup();
                if let Some(backup) = backup {
                    lock(&world.server).backups.push(backup);
                    world.seen(&Seen::BackedUp);
                }
            }
            Step::Restore { newest } => Self::restore(world, newest),
            Step::Limits { max_operations, max_changes } => {
                world.fault(FaultKind::LimitsChanged);
                let mut server = lock(&world.server);
                server.limits.max_operations = max_operations;
                server.limits.max_changes = max_changes;
                let limits = server.limits.clone();
                drop(server);
                Self::renew_edge(world, &limits);
            }
            Step::ExpireTokens => {
                world.fault(FaultKind::TokensExpired);
                lock(&world.accounts).expire_access_tokens();
            }
            Step::RevokeSessions => {
                world.fault(FaultKind::SessionsRevoked);
                lock(&world.accounts).end_sessions();
            }
            Step::NoBatchRoute { ms } => lock(&world.server).no_batch_route_until_ms = now_ms + ms,
            Step::Overload { ms } => lock(&world.server).overloaded_until_ms = now_ms + ms,
            _ => {}
        }
    }

    /// Ends the app's process, politely, if it is still the one that was opened.
    fn close_after(world: &Shared, device: usize, ms: u64) {
        let starts = lock(&world.devices[device].state).starts;
        let shared = Arc::clone(world);
        world.kernel.after(ms, move || {
            let state = lock(&shared.devices[device].state);
            if state.starts == starts
                && let Some(hints) = &state.hints
            {
                hints.stop();
            }
        });
    }

    /// What the platform says of the network. Not every platform does, and some are wrong.
    fn hint(world: &Shared, device: usize, online: bool) {
        if world.kernel.chance(300) {
            return;
        }
        if let Some(hints) = &lock(&world.devices[device].state).hints {
            if online {
                hints.online();
            } else {
                hints.offline();
            }
        }
    }

    /// The operator puts a backup in the place of the database: all processes stop for it.
    fn restore(world: &Shared, newest: usize) {
        let (instances, backup) = {
            let server = lock(&world.server);
            let backups = &server.backups;
            let at = backups.len().checked_sub(1 + newest.min(backups.len().saturating_sub(1)));
            (world.params.instances, at.map(|at| (at, backups[at].backup())))
        };
        let Some((at, backup)) = backup else { return };
        for instance in 0..instances {
            Self::crash(world, instance, 1_000);
        }
        world.fault(FaultKind::Restore);
        *lock(&lock(&world.server).database) = Inner::Memory(backup);
        world.seen(&Seen::Restored { backup: at });
    }

    /// A user sends operations and questions that carry the ids of all others.
    fn hostile(world: &Shared, user: usize) {
        let attacker = user_id(world.params.users + user);
        let bodies = lock(&world.checks).facts.bodies_of_others();
        let token = lock(&world.accounts).token_for(attacker, world.now().0);
        for body in bodies {
            world.fault(FaultKind::Hostile);
            let request = Request {
                method: Method::Post,
                path: OPERATIONS_PATH.into(),
                bearer: Some(token.clone()),
                body: Some(body),
            };
            Self::attacked(world, attacker, request);
        }
        let path = format!("{CHANGES_PATH}?limit=50&user={}", user_id(0));
        Self::attacked(world, attacker, Request { method: Method::Get, path, bearer: Some(token), body: None });
    }

    /// A database as it was.
    pub(crate) fn database(&self) -> Inner {
        lock(&lock(&self.server).database).clone()
    }
}
