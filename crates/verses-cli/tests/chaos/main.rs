//! The real `verses` binary under fire: several users with several devices, a server on SQLite, a relay that loses, cuts,
//! doubles and invents, and kills of clients and server at random moments. Then the server's rows are compared with what
//! the devices were told, and every device with the server.
//!
//! `VERSES_CHAOS_KILLS` and `VERSES_CHAOS_SEED` set size and seed. The plan of every thread follows from the seed; how
//! the processes interleave does not.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop where it stands")]

#[path = "../common/mod.rs"]
mod common;
mod compare;
mod faults;
mod record;
mod rng;
mod rows;
mod traffic;
mod world;

use std::path::PathBuf;
use std::sync::Arc;

use compare::{DeviceFacts, Findings, compare};
use rows::{ClientRows, ServerRows};
use traffic::Actor;
use world::{Settings, World};

#[test]
fn clients_and_a_server_killed_at_random_moments_lose_nothing_and_double_nothing() {
    let settings = Settings::from_env();
    println!("seed {}, {} kills", settings.seed, settings.kills);
    let world = World::new(settings);
    let mut actors: Vec<Actor> = (0..settings.users)
        .flat_map(|user| (0..settings.devices).map(move |device| (user, device)))
        .map(|(user, device)| Actor::new(&world, user, device))
        .collect();

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
        for actor in &mut actors {
            actor.settle();
        }
    }
    let mut findings = Findings::default();
    for actor in &mut actors {
        actor.hand_over(&mut findings);
    }
    let (server_file, exit) = world.server(|server| {
        let exit = server.terminate();
        (server.database(), exit)
    });
    assert_eq!(exit, 0, "the server stops when asked");
    let server = ServerRows::read(&server_file);
    let clients: Vec<ClientRows> = actors.iter().map(|a| ClientRows::read(&a.store(), 0)).collect();
    let devices: Vec<DeviceFacts<'_>> = actors
        .iter()
        .zip(&clients)
        .map(|(a, rows)| DeviceFacts { name: &a.name, user: &a.user, record: &a.record, rows })
        .collect();
    findings.0.extend(compare(&server, &devices));

    report(&world, &server, &devices, stormy);
    assert!(world.kills.of("client") > 0 && world.kills.of("server") > 0, "nothing was killed: {}", world.kills);
    if !findings.0.is_empty() {
        let kept = keep(&world, &actors, &server_file);
        for finding in findings.0.iter().take(40) {
            println!("  {finding}");
        }
        panic!(
            "{} findings; the databases are in {}; once more: {}",
            findings.0.len(),
            kept.display(),
            settings.replay()
        );
    }
}

fn report(world: &World, server: &ServerRows, devices: &[DeviceFacts<'_>], stormy: std::time::Duration) {
    println!("kills: {}", world.kills);
    println!("faults of the relay: {}", world.faults);
    println!("commands: {}", world.commands);
    let told: u64 = devices.iter().flat_map(|d| d.record.told.values()).sum();
    let seen: usize = devices.iter().map(|d| d.record.queued.len()).sum();
    println!("operations: {told} told as saved, {seen} seen in queues, {} accepted by the server", server.ledger.len());
    for device in devices {
        for (why, ids) in &device.record.failures {
            println!("inbox of {}: {} with {why}", device.name, ids.len());
        }
    }
    println!("{:.1} s of faults, {:.1} s in all", stormy.as_secs_f64(), world.elapsed().as_secs_f64());
}

/// Copies the databases to a place that outlives the test.
fn keep(world: &Arc<World>, actors: &[Actor], server: &std::path::Path) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("chaos-{}", world.settings.seed));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(server, folder.join("server.sqlite")).unwrap();
    for actor in actors {
        std::fs::copy(actor.store(), folder.join(format!("{}.sqlite", actor.name))).unwrap();
    }
    folder
}
