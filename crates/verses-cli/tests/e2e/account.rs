//! The rights of a user: all data from the server as a file, and the end of the account on the server and on this device.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::common::{Action, Device, Proxy, Server, TEN, len};

fn cards(server: &Server) -> i64 {
    server.count("verse_cards")
}

#[test]
fn an_export_holds_the_account_and_what_the_server_has_of_it() {
    let server = Server::start();
    let device = server.device("ann");
    device.add(&TEN[..3]);
    device.ok(&["review", TEN[0], "--pass"]);
    device.ok(&["sync"]);
    device.add(&[TEN[3]]);
    let all = device.json(&["account", "export"]);
    assert_eq!(all["account"]["email"], "ann@example.org");
    assert_eq!(
        (len(&all["cards"]), len(&all["verses"]), len(&all["history"])),
        (3, 3, 4),
        "what waits is not there yet"
    );

    let file = device.home().join("all.json");
    let output = device.ok(&["account", "export", "--output", file.to_str().unwrap()]);
    output.says(0, &["3 passages", "4 changes", "all.json"]);
    let written: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!((&written["account"], &written["history"]), (&all["account"], &all["history"]));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0, "only its owner may read it");
    device.run(&["account", "export", "--output", "/nowhere/at/all.json"]).says(2, &["/nowhere/at/all.json"]);
    Device::new(&server.url).run(&["account", "export"]).says(4, &["sign in"]);
}

#[test]
fn deleting_asks_first_and_says_what_was_never_sent() {
    let server = Server::start();
    let device = server.device("ann");
    device.add(&TEN[..2]);
    device.ok(&["sync"]);
    device.add(&TEN[2..5]);
    device.run(&["account", "delete"]).says(2, &["3 waiting operations", "--yes"]);
    assert_eq!(device.waiting(), 3);
    assert_eq!(cards(&server), 2, "nothing was deleted");

    device
        .run(&["account", "delete", "--yes"])
        .says(0, &["deleted", "3 waiting operations", "never sent", "signed out"]);
    assert_eq!(cards(&server), 0);
    assert_eq!((device.waiting(), len(&device.json(&["list", "--all"]))), (0, 0), "nothing is left here");
    assert_eq!(len(&device.json(&["queue", "list"])), 0);
    device.run(&["sync"]).says(4, &["sign in"]);
    device.run(&["account", "delete", "--yes"]).says(4, &["sign in"]);
    assert_eq!(device.run(&["login", "--email", "ann@example.org"]).status, 1);

    // The same address may sign up again, and begins with nothing.
    device.ok(&["signup", "--email", "ann@example.org"]);
    device.ok(&["sync"]);
    assert_eq!(len(&device.json(&["list", "--all"])), 0);
    device.add(&[TEN[0]]);
    device.ok(&["sync"]);
    assert_eq!(cards(&server), 1);
}

#[test]
fn another_device_of_a_deleted_account_keeps_what_it_has_and_is_told_to_sign_in() {
    let server = Server::start();
    let here = server.device("ann");
    here.add(&TEN[..2]);
    here.ok(&["sync"]);
    let there = server.second_device("ann");
    there.ok(&["sync"]);
    there.add(&[TEN[4]]);
    here.ok(&["account", "delete", "--yes"]);
    there.run(&["sync"]).says(4, &["sign in", "your work is saved"]);
    assert_eq!((there.waiting(), len(&there.json(&["list", "--all"]))), (1, 3));
    assert_eq!(cards(&server), 0, "nothing comes back to the server");
}

#[test]
fn others_on_the_same_device_keep_what_is_theirs() {
    let server = Server::start();
    let device = server.device("ann");
    device.add(&TEN[..2]);
    device.ok(&["logout"]);
    device.ok(&["signup", "--email", "ben@example.org"]);
    device.add(&TEN[2..3]);
    device.ok(&["sync"]);
    device.ok(&["account", "delete", "--yes"]);
    device.ok(&["login", "--email", "ann@example.org"]);
    assert_eq!(device.waiting(), 2);
    device.ok(&["sync"]);
    assert_eq!(cards(&server), 2);
}

#[test]
fn a_deletion_whose_answer_is_lost_forgets_nothing_here_and_can_be_asked_again() {
    let server = Server::start();
    let proxy = Proxy::to(&server.url);
    let device = Device::new(&proxy.url);
    device.ok(&["signup", "--email", "ann@example.org"]);
    device.add(&TEN[..2]);
    device.ok(&["sync"]);
    let mut deletions = 0;
    proxy.rule(move |seen| {
        deletions += usize::from(seen.method == "DELETE");
        if seen.method == "DELETE" && deletions == 1 { Action::LoseAnswer } else { Action::Pass }
    });
    let lost = device.run(&["account", "delete", "--yes"]);
    assert_eq!(lost.status, 5, "{lost:?}");
    assert_eq!(cards(&server), 0, "the server had done it");
    assert_eq!(len(&device.json(&["list", "--all"])), 2);
    device.run(&["account", "delete", "--yes"]).says(0, &["deleted", "signed out"]);
    assert_eq!(len(&device.json(&["list", "--all"])), 0);
}
