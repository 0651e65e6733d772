//! A fixed set of seeds, every plan that ever failed, the same run twice, and the broken variants. The large numbers are
//! run by the tool runner, in the profile made for it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::path::Path;

use verses_sim::{Broken, Options, Plan, caught_at, run};

/// Seeds run here: few, for this profile is slow.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=120;

fn assert_holds(plan: &Plan, name: &str) {
    let report = run(plan, Options::default());
    assert_eq!(report.violation, None, "{name}: see it with `cargo xtask sim --seed {}`", plan.params.seed);
}

#[test]
fn every_invariant_holds_on_the_fixed_seeds() {
    for seed in SEEDS {
        assert_holds(&Plan::from_seed(seed), &format!("seed {seed}"));
    }
}

#[test]
fn plans_that_failed_once_do_not_fail_again() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/regressions");
    let mut plans = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let plan: Plan = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_holds(&plan, &path.display().to_string());
        plans += 1;
    }
    assert!(plans > 0, "the folder of failed plans is missing");
}

#[test]
fn a_seed_run_twice_gives_the_same_trace() {
    for seed in (1..=10).chain([777, 4_242]) {
        let plan = Plan::from_seed(seed);
        assert_eq!(plan, Plan::from_seed(seed), "seed {seed}");
        let kept = Options { keep_trace: true, ..Options::default() };
        let (one, other) = (run(&plan, kept), run(&plan, kept));
        assert_eq!(one.trace_hash, other.trace_hash, "seed {seed}");
        assert!(one.trace().eq(other.trace()), "seed {seed}");
        assert_eq!(one.stats, other.stats, "seed {seed}");
        // Keeping the trace makes no difference to what happens.
        assert_eq!(run(&plan, Options::default()).trace_hash, one.trace_hash, "seed {seed}");
    }
}

#[test]
fn different_seeds_give_different_traces() {
    let hashes: std::collections::BTreeSet<u64> =
        (1..=50).map(|seed| run(&Plan::from_seed(seed), Options::default()).trace_hash).collect();
    assert_eq!(hashes.len(), 50);
}

#[test]
fn the_checkers_catch_what_is_broken_often() {
    // Those that take many seeds are caught by the tool runner's larger run.
    const OFTEN: u64 = 40;
    let caught = Broken::ALL.iter().filter(|(variant, invariant)| caught_at(*variant, *invariant, OFTEN).is_some());
    let caught = caught.count();
    assert!(caught * 2 > Broken::ALL.len(), "{caught} of {} within {OFTEN} seeds", Broken::ALL.len());
}

#[test]
fn a_plan_survives_being_written_and_read() {
    for seed in SEEDS {
        let plan = Plan::from_seed(seed);
        let text = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    }
}
