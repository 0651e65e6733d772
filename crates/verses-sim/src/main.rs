//! `verses-sim`: runs seeds, reports figures, and makes a failing one small. What a run is, the library says.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use verses_sim::{Broken, CAUGHT_WITHIN, Options, Plan, Report, Stats, caught_at, run, shrink};

/// Tries of the shrinking of a failed plan.
const SHRINK_TRIES: u32 = 1_500;
/// Lines of a trace that are printed, the last ones.
const TRACE_LINES: usize = 300;
/// Characters of a line that are printed.
const TRACE_WIDTH: usize = 1_000;

/// Runs the simulator of Verses: devices, a server and a hostile network in virtual time.
#[derive(Debug, Parser)]
struct Arguments {
    /// One seed: prints its parameters, its plan and its figures.
    #[arg(long)]
    seed: Option<u64>,
    /// So many seeds.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Stop after so many minutes.
    #[arg(long)]
    minutes: Option<u64>,
    /// Threads; each runs seeds of its own.
    #[arg(long)]
    jobs: Option<usize>,
    /// A plan kept from a failed run.
    #[arg(long)]
    plan: Option<PathBuf>,
    /// Print everything that happens.
    #[arg(long)]
    trace: bool,
    /// Through the real router and SQLite in memory.
    #[arg(long)]
    router: bool,
    /// Run the broken variants of the product instead: each must be caught.
    #[arg(long)]
    broken: bool,
}

/// A quarter more seeds a second than with the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match simulate(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("verses-sim: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn simulate(arguments: &Arguments) -> anyhow::Result<bool> {
    if let Some(path) = &arguments.plan {
        let plan: Plan = serde_json::from_slice(&std::fs::read(path)?)?;
        return one(&plan, arguments);
    }
    if arguments.broken {
        return Ok(bites());
    }
    match arguments.seed {
        Some(seed) => one(&Plan::from_seed(seed), arguments),
        None => many(arguments),
    }
}

/// One plan, in detail.
fn one(plan: &Plan, arguments: &Arguments) -> anyhow::Result<bool> {
    let (trace, options) = (arguments.trace, options(arguments));
    println!("seed {}\n{:#?}", plan.params.seed, plan.params);
    let started = Instant::now();
    let report = run(plan, Options { keep_trace: trace, ..options });
    if trace {
        report.trace().for_each(|line| println!("{line}"));
    }
    println!("{}\ntrace hash {:016x}", report.stats, report.trace_hash);
    println!("{:.0} events a second", rate(report.stats.events, started.elapsed()));
    match report.violation {
        Some(_) => explain(plan, options).map(|()| false),
        None => Ok(true),
    }
}

/// Every broken variant, until its invariant's checker catches it.
fn bites() -> bool {
    let mut all = true;
    for (variant, invariant) in Broken::ALL {
        match caught_at(variant, invariant, CAUGHT_WITHIN) {
            Some(seed) => println!("invariant {invariant:>2}: {variant:?} is caught by seed {seed}"),
            None => {
                println!("invariant {invariant:>2}: {variant:?} is NOT caught by seeds 1 to {CAUGHT_WITHIN}");
                all = false;
            }
        }
    }
    all
}

fn options(arguments: &Arguments) -> Options {
    Options { router: arguments.router, ..Options::default() }
}

/// Many seeds, over all cores.
fn many(arguments: &Arguments) -> anyhow::Result<bool> {
    let jobs = arguments.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    let options = options(arguments);
    let (started, next, failed) = (Instant::now(), AtomicU64::new(arguments.from), AtomicBool::new(false));
    let end = arguments.from.saturating_add(arguments.seeds);
    let limit = arguments.minutes.map(|minutes| Duration::from_secs(minutes * 60));
    let total = Mutex::new((Stats::default(), Duration::ZERO));
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                let mut stats = Stats::default();
                let begun = Instant::now();
                while !failed.load(Ordering::Relaxed) && limit.is_none_or(|limit| started.elapsed() < limit) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        break;
                    }
                    let report = guarded(seed, options);
                    match report {
                        Ok(report) if report.violation.is_none() => stats += &report.stats,
                        _ => {
                            failed.store(true, Ordering::Relaxed);
                            failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(seed);
                        }
                    }
                }
                let mut total = total.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                total.0 += &stats;
                total.1 += begun.elapsed();
            });
        }
    });
    let (stats, busy) = total.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    println!("{stats}");
    let elapsed = started.elapsed();
    let per_core = rate(stats.events, busy);
    println!(
        "{:.1} s on {jobs} threads: {:.0} seeds a second, {per_core:.0} events a second and thread",
        elapsed.as_secs_f64(),
        rate(stats.runs, elapsed)
    );
    let mut failures = failures.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    failures.sort_unstable();
    match failures.first() {
        Some(seed) => explain(&Plan::from_seed(*seed), options).map(|()| false),
        None => Ok(true),
    }
}

/// A panic in the product is a failure of its seed, and must be replayable like one.
fn guarded(seed: u64, options: Options) -> Result<Report, ()> {
    std::panic::catch_unwind(|| run(&Plan::from_seed(seed), options)).map_err(drop)
}

/// Makes a failed plan small, and prints it with its trace and the way to see it again.
fn explain(plan: &Plan, options: Options) -> anyhow::Result<()> {
    let router = if options.router { " --router" } else { "" };
    let seed = plan.params.seed;
    let Ok(small) = std::panic::catch_unwind(|| shrink(plan, options, SHRINK_TRIES)) else {
        println!("FAILED: seed {seed} panics\nreplay: cargo xtask sim --seed {seed}{router} --trace");
        return Ok(());
    };
    let report = run(&small, Options { keep_trace: true, ..options });
    let Some(violation) = &report.violation else {
        println!("seed {seed} fails no more: not the same build");
        return Ok(());
    };
    let about = violation.operation.as_deref().unwrap_or("nothing in particular");
    println!("\nFAILED: seed {seed}: {violation}\nsmallest plan found ({} steps):", small.steps.len());
    println!("{:?}", small.params);
    for planned in &small.steps {
        println!("  {:>10} ms {:?}", planned.at_ms, planned.step);
    }
    println!("trace (operation {about}):");
    // Lines about other operations are left out, long ones cut.
    let id = violation.operation.as_deref().unwrap_or_default();
    let lines: Vec<String> = report.trace().filter(|line| line.contains(id) || !names_an_operation(line)).collect();
    let first = lines.len().saturating_sub(TRACE_LINES);
    lines.iter().skip(first).for_each(|line| println!("{}", line.chars().take(TRACE_WIDTH).collect::<String>()));
    let path = std::env::temp_dir().join(format!("verses-sim-{seed}.json"));
    std::fs::write(&path, serde_json::to_vec_pretty(&small)?)?;
    println!("replay: cargo xtask sim --seed {seed}{router} --trace");
    println!("replay the small plan: cargo xtask sim --plan {}{router} --trace", path.display());
    Ok(())
}

fn names_an_operation(line: &str) -> bool {
    line.contains("commits:") || line.contains("the server reads") || line.contains("the server accepts")
}

fn rate(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(1e-9)
}
