//! Whether the checkers bite: runs a broken variant until the checker of the invariant it breaks says so.

use crate::broken::Broken;
use crate::plan::Plan;
use crate::run::{Options, run};

/// Within so many seeds, from 1 on, every broken variant is caught by the checker of its invariant alone.
pub const CAUGHT_WITHIN: u64 = 1_000;

/// The first seed with which the checker of `invariant`, alone, catches a broken variant; `None` if none up to `seeds` does.
#[must_use]
pub fn caught_at(broken: Broken, invariant: u8, seeds: u64) -> Option<u64> {
    let options = Options { broken: Some(broken), only: Some(invariant), ..Options::default() };
    (1..=seeds).find(|seed| run(&Plan::from_seed(*seed), options).violation.is_some())
}
