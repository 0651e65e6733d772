//! The world of one run: devices, the network, the server, and what is known of them. The parts are in the modules; the
//! kernel moves them.

pub(crate) mod accounts;
pub(crate) mod act;
pub(crate) mod clock;
pub(crate) mod device;
pub(crate) mod edge;
pub(crate) mod link;
pub(crate) mod server;
pub(crate) mod steps;
pub(crate) mod storage;
pub(crate) mod store;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use verses_core::UnixMillis;

use self::accounts::Accounts;
use self::device::Device;
use self::edge::Edge;
use self::server::Server;
use crate::broken::Broken;
use crate::checks::{Checks, Seen};
use crate::kernel::Kernel;
use crate::params::{LinkParams, Params};
use crate::stats::{FaultKind, Stats};

/// A lock that cannot be poisoned into a second failure: the first panic is the one that counts.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The world. Everything in it is reached through a shared handle.
pub(crate) struct World {
    pub(crate) kernel: Kernel,
    pub(crate) params: Params,
    pub(crate) devices: Vec<Device>,
    pub(crate) server: Mutex<Server>,
    pub(crate) accounts: Mutex<Accounts>,
    pub(crate) link: Mutex<LinkParams>,
    pub(crate) checks: Mutex<Checks>,
    pub(crate) stats: Mutex<Stats>,
    pub(crate) broken: Option<Broken>,
    /// The real router, if the run uses it.
    pub(crate) edge: Mutex<Option<Arc<Edge>>>,
}

pub(crate) type Shared = Arc<World>;

impl World {
    /// The true time.
    pub(crate) fn now(&self) -> UnixMillis {
        UnixMillis(self.params.start_ms + i64::try_from(self.kernel.now_ms()).unwrap_or(0))
    }

    pub(crate) fn fault(&self, kind: FaultKind) {
        self.kernel.event(100, kind as u64);
        lock(&self.stats).fault(kind);
    }

    /// Tells the checkers. The first thing that is wrong ends the run.
    pub(crate) fn seen(&self, seen: &Seen<'_>) {
        self.kernel.note_some(|| seen.describe());
        let mut checks = lock(&self.checks);
        checks.see(self, seen);
        if checks.violation().is_some() {
            self.kernel.stop();
        }
    }

    /// The real router, if the run uses it.
    pub(crate) fn edge(&self) -> Option<Arc<Edge>> {
        lock(&self.edge).clone()
    }

    pub(crate) fn is_broken(&self, variant: Broken) -> bool {
        self.broken == Some(variant)
    }
}
