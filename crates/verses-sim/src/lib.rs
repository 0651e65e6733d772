//! A deterministic simulator of Verses: many devices, a server, a hostile network, in virtual time, on one thread.
//!
//! Everything follows from a seed. The real client (`verses-client` with the engine in it), the real store in memory and
//! the real service of the server run here; the simulator owns only what is outside of them: time, randomness, the
//! network, crashes. While faults run, and after they have stopped, eleven checkers watch the invariants of the design.
//!
//! What it is not: it opens no socket, no file and no thread. Those are tested with the real binaries.
#![forbid(unsafe_code)]

mod bites;
mod broken;
mod checks;
mod facts;
mod kernel;
mod oracle;
mod params;
mod plan;
mod run;
mod shrink;
mod stats;
mod world;

pub use bites::{CAUGHT_WITHIN, caught_at};
pub use broken::Broken;
pub use checks::Violation;
pub use params::{ClientParams, LinkParams, Mix, Params, ServerParams};
pub use plan::{Act, Plan, PlannedStep, Step};
pub use run::{DRAIN_BOUND_MS, Options, Report, run};
pub use shrink::shrink;
pub use stats::{FaultKind, Stats};
