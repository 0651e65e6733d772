//! Several processes on one home: all may add, one syncs, and the one that syncs sends what the others add.

use crate::common::{Device, Running, Server, TEN, len, psalm_119, wait_for};

/// Waits until a process holds the home's sync lock.
fn wait_until_syncing(device: &Device) {
    wait_for("the watcher to sync", || (device.json(&["status"])["syncingNow"] == true).then_some(()));
}

#[test]
fn processes_that_add_at_once_while_another_watches_lose_nothing() {
    let server = Server::start();
    let device = server.device("ann");
    let watcher = device.spawn(&["sync", "--watch", "--interval", "3600"]);
    wait_until_syncing(&device);

    let verses = psalm_119(1..=60);
    let adders: Vec<Running> = verses
        .chunks(10)
        .map(|ten| {
            let args: Vec<&str> = [vec!["add"], ten.iter().map(String::as_str).collect()].concat();
            device.spawn(&args)
        })
        .collect();
    for adder in adders {
        assert_eq!(adder.end().status, 0);
    }

    assert_eq!(len(&device.json(&["list"])), 60);
    wait_for("the watcher to send what others added", || (server.count("verse_cards") == 60).then_some(()));
    wait_for("the queue to be empty", || (device.waiting() == 0).then_some(()));
    assert_eq!(server.count("sync_operations"), 60, "each once");
    watcher.interrupt().says(0, &["stopped"]);
}

#[test]
fn a_second_sync_of_one_home_is_refused_politely_and_the_first_goes_on() {
    let server = Server::start();
    let device = server.device("ben");
    let watcher = device.spawn(&["sync", "--watch", "--interval", "3600"]);
    wait_until_syncing(&device);

    device.run(&["sync"]).says(1, &["another process is syncing", "verses status"]);
    device.run(&["status"]).says(0, &["a process is syncing now"]);

    device.ok(&["add", TEN[0]]);
    wait_for("the watcher to send", || (server.count("verse_cards") == 1).then_some(()));
    watcher.kill();
    device.ok(&["sync"]);
}

#[test]
fn looking_at_the_status_keeps_no_sync_away() {
    let server = Server::start();
    let device = server.device("bea");
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::SeqCst) {
                device.ok(&["status"]);
            }
        });
        let outputs: Vec<_> = (0..15).map(|_| device.run(&["sync"])).collect();
        done.store(true, std::sync::atomic::Ordering::SeqCst);
        assert!(outputs.iter().all(|o| o.status == 0), "{outputs:?}");
    });
}

#[test]
fn a_watcher_fetches_what_another_device_sent() {
    let server = Server::start();
    let first = server.device("cem");
    let second = server.second_device("cem");
    let watcher = second.spawn(&["sync", "--watch", "--interval", "1"]);
    wait_until_syncing(&second);
    first.add(&TEN);
    first.ok(&["sync"]);
    wait_for("the other device's passages", || (len(&second.json(&["list"])) == 10).then_some(()));
    watcher.interrupt().says(0, &["fetched"]);
}

#[test]
fn a_watcher_outlives_the_server_and_sends_when_it_is_back() {
    let mut server = Server::start();
    let device = server.device("dee");
    let watcher = device.spawn(&["sync", "--watch", "--interval", "1"]);
    wait_until_syncing(&device);
    server.kill();
    device.add(&TEN);
    wait_for("the watcher to notice", || watcher.stderr().contains("failed").then_some(()));
    server.restart();
    wait_for("the watcher to send", || (server.count("verse_cards") == 10).then_some(()));
    assert_eq!(server.count("sync_operations"), 10);
    drop(watcher);
}

#[test]
fn two_devices_that_review_offline_end_with_the_same_cards() {
    let server = Server::start();
    let first = server.device("eve");
    first.add(&TEN);
    first.ok(&["sync"]);
    let second = server.second_device("eve");
    second.ok(&["sync"]);

    first.ok(&["review", TEN[0], "--pass"]);
    second.ok(&["review", TEN[0], "--fail"]);
    second.ok(&["review", TEN[1], "--pass"]);
    first.ok(&["archive", TEN[2]]);
    second.ok(&["phase", TEN[3], "monthly"]);
    for device in [&first, &second, &first] {
        device.ok(&["sync"]);
    }

    let sorted = |device: &Device| {
        let mut list = device.json(&["list", "--all"]);
        list.as_array_mut().unwrap().sort_by_key(|c| c["verseId"].as_str().unwrap().to_owned());
        list
    };
    assert_eq!(sorted(&first), sorted(&second));
    assert_eq!(server.count("card_events where event = 'reviewed'"), 3);
}
