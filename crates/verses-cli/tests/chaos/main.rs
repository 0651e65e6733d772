//! The real `verses` binary under fire: several users with several devices, a server on SQLite, a relay that loses, cuts,
//! doubles and invents, and kills of clients and server at random moments. Then the server's rows are compared with what
//! the devices were told, and every device with the server.
//!
//! `VERSES_CHAOS_KILLS` and `VERSES_CHAOS_SEED` set size and seed. The plan of every thread follows from the seed; how
//! the processes interleave does not.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop where it stands")]

mod actor;
mod bites;
#[path = "../common/mod.rs"]
mod common;
mod compare;
mod deeds;
mod faults;
mod finding;
mod look;
mod record;
mod rng;
mod rows;
mod signing;
mod world;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use actor::Actor;
use compare::{DeviceFacts, compare};
use finding::{Finding, Wrong};
use rows::{ClientRows, ServerRows};
use world::{Settings, World};

#[test]
fn clients_and_a_server_killed_at_random_moments_lose_nothing_and_double_nothing() {
    let settings = Settings::from_env();
    println!("seed {}, {} kills", settings.seed, settings.kills);
    let world = World::new(settings);
    let mut actors = actors(&world);

    world.set_calm(false);
    std::thread::scope(|scope| {
        scope.spawn(|| world.keep_killing_the_server());
        for actor in &mut actors {
            scope.spawn(|| actor.live());
        }
    });
    world.set_calm(true);
    let stormy = world.elapsed();

    // Twice, so that the first device fetches what the last one sends.
    for _ in 0..2 {
        actors.iter_mut().for_each(Actor::settle);
    }
    let server_file = world.stop();
    let server = ServerRows::read(&server_file);
    let clients = client_rows(&actors);
    let devices = facts(&actors, &clients);
    let mut findings: Vec<Finding> = actors.iter().flat_map(|a| a.findings.clone()).collect();
    findings.extend(compare(&server, &devices));

    report(&world, &server, &devices, stormy);
    assert!(world.kills.of("client") > 0 && world.kills.of("server") > 0, "nothing was killed: {}", world.kills);
    if !findings.is_empty() {
        let kept = keep(&world, &actors, &server_file);
        print(&findings);
        let (n, kept, replay) = (findings.len(), kept.display(), settings.replay());
        panic!("{n} findings; the databases are in {kept}; once more: {replay}");
    }
}

/// Two devices of each user, and one that two users share.
fn actors(world: &Arc<World>) -> Vec<Actor> {
    let own = (0..world.settings.users).flat_map(|user| [(0, vec![user]), (1, vec![user])]);
    own.chain([(2, vec![0, 1])]).map(|(number, users)| Actor::new(world, number, &users)).collect()
}

fn client_rows(actors: &[Actor]) -> Vec<ClientRows> {
    actors.iter().map(|a| ClientRows::read(&a.store(), 0).expect("a store")).collect()
}

fn facts<'a>(actors: &'a [Actor], clients: &'a [ClientRows]) -> Vec<DeviceFacts<'a>> {
    let facts = |(actor, rows): (&'a Actor, &'a ClientRows)| DeviceFacts {
        name: &actor.name,
        users: actor.accounts.iter().map(|a| a.user.as_deref().expect("it has signed in")).collect(),
        record: &actor.record,
        rows,
    };
    actors.iter().zip(clients).map(facts).collect()
}

fn report(world: &World, server: &ServerRows, devices: &[DeviceFacts<'_>], stormy: Duration) {
    println!("kills: {}", world.kills);
    println!("faults of the relay: {}", world.faults);
    println!("commands: {}", world.commands);
    println!("other endings: {}", world.endings);
    let told: u64 = devices.iter().flat_map(|d| d.record.told.values()).sum();
    let seen: usize = devices.iter().map(|d| d.record.queued.len()).sum();
    println!("operations: {told} told as saved, {seen} seen in queues, {} accepted by the server", server.ledger.len());
    for (device, (why, ids)) in devices.iter().flat_map(|d| d.record.failures.iter().map(move |f| (d.name, f))) {
        println!("inbox of {device}: {} with the code {why}, all sent again later", ids.len());
    }
    println!("{:.1} s of faults, {:.1} s in all", stormy.as_secs_f64(), world.elapsed().as_secs_f64());
}

/// The first few of each kind.
fn print(findings: &[Finding]) {
    let mut kinds: BTreeMap<Wrong, Vec<&Finding>> = BTreeMap::new();
    findings.iter().for_each(|finding| kinds.entry(finding.wrong).or_default().push(finding));
    for (wrong, findings) in kinds {
        println!("{wrong:?}: {}", findings.len());
        findings.iter().take(10).for_each(|finding| println!("  {finding}"));
    }
}

/// Copies the databases to a place that outlives the test.
fn keep(world: &World, actors: &[Actor], server: &Path) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("chaos-{}", world.settings.seed));
    std::fs::create_dir_all(&folder).unwrap();
    let stores = actors.iter().map(|actor| (actor.store(), actor.name.as_str()));
    for (file, name) in stores.chain([(server.to_owned(), "server")]) {
        for part in ["", "-wal"] {
            let from = PathBuf::from(format!("{}{part}", file.display()));
            if from.exists() {
                std::fs::copy(from, folder.join(format!("{name}.sqlite{part}"))).unwrap();
            }
        }
    }
    folder
}
