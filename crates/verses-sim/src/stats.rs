//! What a run did, in numbers: operations, requests, faults by kind. Nothing is decided by them.

use std::fmt;
use std::ops::AddAssign;

/// A kind of fault that was injected and took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(usize)]
pub enum FaultKind {
    /// A request was lost.
    LostRequest,
    /// An answer was lost after the server had done the work.
    LostAnswer,
    /// A request arrived twice.
    DuplicateRequest,
    /// A second copy arrived minutes or hours later.
    LateCopy,
    /// A request or an answer was held back so that others overtook it.
    Reordered,
    /// A web page answered with 200.
    Portal,
    /// A proxy answered 502 or 504.
    Proxy,
    /// An answer was cut.
    Cut,
    /// An answer came in very slowly.
    Drip,
    /// The server answered 429 or 503.
    Busy,
    /// Nothing ever came back.
    Silence,
    /// A request met no network.
    Partition,
    /// A request met a server that was down.
    ServerDown,
    /// A server process died.
    ServerCrash,
    /// A server process died with requests in work.
    CutOffByCrash,
    /// The database went back to a backup.
    Restore,
    /// A request met a missing batch endpoint.
    NoBatchRoute,
    /// A request met an overloaded server.
    Overload,
    /// Limits were changed while the server ran.
    LimitsChanged,
    /// A batch or page was refused for its size.
    TooLarge,
    /// Access tokens were made to expire.
    TokensExpired,
    /// Sessions were ended.
    SessionsRevoked,
    /// A request was refused for its token.
    TokenRefused,
    /// A device's processes were killed.
    Kill,
    /// A device's processes were killed in the middle of a call of the store.
    KillInCall,
    /// A device slept.
    Suspend,
    /// An exchange was under way while its device slept.
    SleptThrough,
    /// A clock was set.
    ClockJump,
    /// A clock began to drift.
    Drift,
    /// The time zone changed.
    TimeZone,
    /// A commit met a full disk.
    DiskFull,
    /// The queue was full.
    QueueFull,
    /// A commit met another one of the same store.
    Conflict,
    /// Somebody sent other people's ids.
    Hostile,
    /// An older release, or a row that it could not read.
    OldRelease,
}

impl FaultKind {
    /// Every kind, in order.
    pub const ALL: [Self; 35] = [
        Self::LostRequest,
        Self::LostAnswer,
        Self::DuplicateRequest,
        Self::LateCopy,
        Self::Reordered,
        Self::Portal,
        Self::Proxy,
        Self::Cut,
        Self::Drip,
        Self::Busy,
        Self::Silence,
        Self::Partition,
        Self::ServerDown,
        Self::ServerCrash,
        Self::CutOffByCrash,
        Self::Restore,
        Self::NoBatchRoute,
        Self::Overload,
        Self::LimitsChanged,
        Self::TooLarge,
        Self::TokensExpired,
        Self::SessionsRevoked,
        Self::TokenRefused,
        Self::Kill,
        Self::KillInCall,
        Self::Suspend,
        Self::SleptThrough,
        Self::ClockJump,
        Self::Drift,
        Self::TimeZone,
        Self::DiskFull,
        Self::QueueFull,
        Self::Conflict,
        Self::Hostile,
        Self::OldRelease,
    ];
}

/// Counts of one run, or of many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// Runs.
    pub runs: u64,
    /// Events: polls of tasks, timers and deliveries, calls of a store and of the database.
    pub events: u64,
    /// Operations made by people: each counted once.
    pub operations: u64,
    /// Operations the server accepted, again after it had lost them included.
    pub accepted: u64,
    /// Operations the server saw again and answered from its ledger, or refused.
    pub repeated: u64,
    /// Operations that ended in an inbox with a reason.
    pub in_inbox: u64,
    /// Requests sent.
    pub requests: u64,
    /// Commits of devices.
    pub commits: u64,
    /// Virtual milliseconds.
    pub virtual_ms: u64,
    /// Faults by kind.
    pub faults: [u64; FaultKind::ALL.len()],
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            runs: 0,
            events: 0,
            operations: 0,
            accepted: 0,
            repeated: 0,
            in_inbox: 0,
            requests: 0,
            commits: 0,
            virtual_ms: 0,
            faults: [0; FaultKind::ALL.len()],
        }
    }
}

impl Stats {
    pub(crate) fn fault(&mut self, kind: FaultKind) {
        self.faults[kind as usize] += 1;
    }

    /// All faults.
    #[must_use]
    pub fn all_faults(&self) -> u64 {
        self.faults.iter().sum()
    }
}

impl AddAssign<&Self> for Stats {
    fn add_assign(&mut self, other: &Self) {
        self.runs += other.runs;
        self.events += other.events;
        self.operations += other.operations;
        self.accepted += other.accepted;
        self.repeated += other.repeated;
        self.in_inbox += other.in_inbox;
        self.requests += other.requests;
        self.commits += other.commits;
        self.virtual_ms += other.virtual_ms;
        for (mine, more) in self.faults.iter_mut().zip(other.faults) {
            *mine += more;
        }
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours = self.virtual_ms / 3_600_000;
        writeln!(f, "{} runs, {} events, {hours} virtual hours", self.runs, self.events)?;
        writeln!(
            f,
            "{} operations made, {} accepted, {} sent again, {} in an inbox; {} requests, {} commits",
            self.operations, self.accepted, self.repeated, self.in_inbox, self.requests, self.commits
        )?;
        write!(f, "{} faults:", self.all_faults())?;
        for kind in FaultKind::ALL {
            write!(f, " {kind:?} {}", self.faults[kind as usize])?;
        }
        Ok(())
    }
}
