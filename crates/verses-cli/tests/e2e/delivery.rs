//! Situations between a device and its server: killed processes, lost and broken answers, batches refused, expired
//! tokens. Whatever happens, each operation ends up on the server exactly once.

use std::sync::mpsc;

use crate::common::{Action, Device, PATIENCE, Proxy, Seen, Server, TEN, len, psalm_119, sorted_field, wait_for};

/// A signed-in device whose requests go through a relay.
fn device_behind(proxy: &Proxy, name: &str) -> Device {
    let device = Device::new(&proxy.url);
    device.ok(&["signup", "--email", &format!("{name}@example.org")]);
    proxy.forget();
    device
}

/// What the server says to a token that it takes no more.
fn token_refused() -> Action {
    let body = r#"{"status":401,"code":"invalid_token","title":"Unauthorized","detail":"the token has expired"}"#;
    Action::Answer(401, vec![("content-type", "application/problem+json".to_owned())], body.into())
}

/// Checks that another device of the account sees what `device` sees, and as many reviews as were made.
#[track_caller]
fn assert_in_sync(server: &Server, name: &str, device: &Device, passages: usize, reviews: i64) {
    assert_eq!(device.waiting(), 0);
    let second = server.second_device(name);
    second.ok(&["sync"]);
    for list in ["list", "due"] {
        let (ours, theirs) = (device.json(&[list]), second.json(&[list]));
        for field in ["reference", "text", "nextDueDate", "phaseProgressCount", "currentStreak"] {
            assert_eq!(sorted_field(&ours, field), sorted_field(&theirs, field), "{list}, {field}");
        }
    }
    assert_eq!(len(&second.json(&["list"])), passages);
    assert_eq!(server.count("card_events where event = 'reviewed'"), reviews);
    assert_eq!(server.count("verse_cards"), i64::try_from(passages).unwrap());
}

#[test]
fn offline_work_survives_kill_nine_of_add_and_of_sync_and_reaches_a_second_device() {
    let mut server = Server::start();
    let proxy = Proxy::to(&server.url);
    let device = device_behind(&proxy, "ann");
    server.kill();

    device.add(&TEN);
    device.ok(&["review", "John 3:16", "--pass"]);
    device.ok(&["review", "Romans 8:28", "--fail"]);
    let list = device.file("psalm.txt", psalm_119(1..=176).join("\n").as_bytes());
    let before = device.waiting();
    device.spawn(&["add", "--file", list.to_str().unwrap()]).kill();
    let passages = len(&device.json(&["list"]));
    assert_eq!(device.waiting() - before, passages as u64 - 10, "a passage and its operation are saved together");
    device.ok(&["add", "--file", list.to_str().unwrap()]);

    server.restart();
    let (release, gate) = mpsc::channel();
    proxy.once(Action::Hold(gate));
    let sync = device.spawn(&["sync"]);
    wait_for("the first batch", || proxy.sends().pop());
    sync.kill();
    drop(release);

    device.ok(&["sync"]);
    assert_in_sync(&server, "ann", &device, 186, 2);
}

#[test]
fn an_answer_lost_after_the_server_committed_is_asked_for_again_and_applied_once() {
    let server = Server::start();
    let proxy = Proxy::to(&server.url);
    let device = device_behind(&proxy, "ben");
    device.add(&TEN);
    device.ok(&["review", "John 3:16", "--pass"]);
    proxy.once(Action::LoseAnswer);

    let report = device.json(&["sync", "--patience", "60"]);

    let sends = proxy.sends();
    assert_eq!(sends.len(), 2, "sent, and sent again");
    assert_eq!(sends[0].ids(), sends[1].ids(), "the same operations under the same ids");
    let results = report["toRemote"]["operations"].as_array().unwrap();
    assert!(results.iter().all(|r| r["success"] == true && r["isDuplicate"] == true), "{report}");
    assert_in_sync(&server, "ben", &device, 10, 1);
}

#[test]
fn an_answer_cut_in_the_middle_counts_as_lost() {
    let server = Server::start();
    let proxy = Proxy::to(&server.url);
    let device = device_behind(&proxy, "cut");
    device.add(&TEN);
    proxy.once(Action::CutAnswer);

    device.ok(&["sync", "--patience", "60"]);

    assert_eq!(proxy.sends().len(), 2);
    assert_in_sync(&server, "cut", &device, 10, 0);
}

#[test]
fn ten_operations_are_one_request() {
    let server = Server::start();
    let proxy = Proxy::to(&server.url);
    let device = device_behind(&proxy, "one");
    device.add(&TEN);

    device.ok(&["sync"]);

    let posts: Vec<_> = proxy.seen().into_iter().filter(|s| s.method == "POST").collect();
    assert_eq!(posts.len(), 1, "{posts:?}");
    assert!(posts[0].is_batch() && posts[0].ids().len() == 10, "{posts:?}");
}

#[test]
fn a_server_without_a_batch_route_gets_every_operation_in_a_call_of_its_own() {
    for status in [404, 405] {
        let server = Server::start();
        let proxy = Proxy::to(&server.url);
        let mut device = device_behind(&proxy, "cem");
        // Long enough for the whole first sync, whatever the machine does.
        device.set("VERSES_PROBE_INTERVAL_MS", "3600000");
        device.add(&TEN);
        proxy.rule(move |seen| match seen.is_batch() {
            true => Action::Answer(status, Vec::new(), "no such route".into()),
            false => Action::Pass,
        });

        device.ok(&["sync", "--patience", "60"]);
        let shapes: Vec<bool> = proxy.sends().iter().map(|s| s.is_batch()).collect();
        assert_eq!(shapes, [vec![true], vec![false; 10]].concat(), "one try, then one by one");

        assert_in_sync(&server, "cem", &device, 10, 0);
    }
}

#[test]
fn batches_come_back_after_the_probe_of_a_route_that_was_away() {
    let server = Server::start();
    let proxy = Proxy::to(&server.url);
    let mut device = device_behind(&proxy, "cleo");
    device.set("VERSES_PROBE_INTERVAL_MS", "1");
    device.add(&TEN);
    proxy.once(Action::Answer(404, Vec::new(), "no such route".into()));

    device.run(&["sync", "--patience", "60"]).says(0, &["takes no batches now", "takes batches again"]);

    let shapes: Vec<bool> = proxy.sends().iter().map(Seen::is_batch).collect();
    assert!(shapes[0] && shapes[1..].contains(&true), "{shapes:?}");
    assert_in_sync(&server, "cleo", &device, 10, 0);
}

#[test]
fn a_token_refused_in_the_middle_is_renewed_and_the_same_operations_go_out_again() {
    let server = Server::start();
    let proxy = Proxy::to(&server.url);
    let device = device_behind(&proxy, "dee");
    device.add(&TEN);
    proxy.once(token_refused());

    let output = device.run(&["sync", "--patience", "60"]);
    assert_eq!(output.status, 0, "{output:?} {:?}", proxy.seen());

    let sends = proxy.sends();
    assert_eq!(sends.len(), 2);
    assert_eq!(sends[0].ids(), sends[1].ids());
    let refreshes = proxy.seen().iter().filter(|s| s.path.contains("grant_type=refresh_token")).count();
    assert_eq!(refreshes, 1, "{:?}", proxy.seen());
    assert_in_sync(&server, "dee", &device, 10, 0);
}

#[test]
fn tokens_that_live_a_second_lose_nothing() {
    let server = Server::start_with(&["--token-life-seconds", "1"]);
    let device = server.device("eve");
    device.add(&TEN);
    device.ok(&["sync", "--patience", "60"]);
    device.ok(&["review", "John 3:16", "--pass"]);
    device.ok(&["sync", "--patience", "60"]);
    assert_in_sync(&server, "eve", &device, 10, 1);
}

#[test]
fn a_session_that_the_server_ended_asks_for_a_sign_in_and_keeps_the_work() {
    let server = Server::start();
    let device = server.device("fay");
    let second = server.second_device("fay");
    second.ok(&["logout", "--everywhere"]);
    device.add(&TEN);
    // The access token may outlive the session by its short life; a refused one must not lose work either way.
    let proxy = Proxy::to(&server.url);
    proxy.rule(|seen| match seen.carries_operations() {
        true => token_refused(),
        false => Action::Pass,
    });
    let mut device = device;
    device.set("VERSES_SERVER", &proxy.url);

    device.run(&["sync"]).says(4, &["login"]);
    assert_eq!(device.waiting(), 10);

    device.set("VERSES_SERVER", &server.url);
    device.ok(&["login", "--email", "fay@example.org"]);
    device.ok(&["sync"]);
    assert_in_sync(&server, "fay", &device, 10, 0);
}

#[test]
fn a_server_killed_between_request_and_answer_gets_each_operation_once() {
    let mut server = Server::start();
    let proxy = Proxy::to(&server.url);
    let device = device_behind(&proxy, "gil");
    device.add(&psalm_119(1..=60));
    let pid = server.pid();
    let kill = move || drop(std::process::Command::new("kill").args(["-9", &pid.to_string()]).status());
    proxy.once(Action::Then(Box::new(kill)));

    device.run(&["sync"]).says(5, &["saved on this device"]);
    server.restart();
    device.ok(&["sync", "--patience", "60"]);

    assert_in_sync(&server, "gil", &device, 60, 0);
}

#[test]
fn a_server_killed_again_and_again_under_a_bulk_sync_gets_each_operation_once() {
    let mut server = Server::start();
    let proxy = Proxy::to(&server.url);
    let mut device = device_behind(&proxy, "hal");
    device.set("VERSES_NETWORK_AWARE_THROTTLING", "false");
    device.set("VERSES_MAX_BATCH_SIZE", "20");
    device.add(&psalm_119(1..=100));
    let sync = device.spawn(&["sync", "--patience", "60"]);
    for batches in [1, 3] {
        wait_for("some batches", || (proxy.sends().len() >= batches).then_some(()));
        server.kill();
        server.restart();
    }
    assert_eq!(sync.end().status, 0, "with patience it gets through");
    assert_in_sync(&server, "hal", &device, 100, 0);
}

#[test]
fn ctrl_c_in_the_middle_of_a_sync_loses_nothing() {
    let server = Server::start();
    let proxy = Proxy::to(&server.url);
    let device = device_behind(&proxy, "ida");
    device.add(&TEN);
    let (release, gate) = mpsc::channel();
    proxy.once(Action::Hold(gate));
    let sync = device.spawn(&["sync"]);
    wait_for("the batch", || proxy.sends().pop());

    sync.interrupt().says(0, &["stopped"]);
    assert_eq!(device.waiting(), 10);
    drop(release);

    device.ok(&["sync"]);
    assert_in_sync(&server, "ida", &device, 10, 0);
}

#[test]
fn single_calls_end_in_the_same_server_state_as_batches() {
    let (batching, single) = (Server::start(), Server::start());
    let mut lists = Vec::new();
    for (server, individual) in [(&batching, false), (&single, true)] {
        let proxy = Proxy::to(&server.url);
        let mut device = device_behind(&proxy, "jan");
        if individual {
            device.set("VERSES_INDIVIDUAL_ONLY", "true");
        }
        device.add(&TEN);
        device.ok(&["review", "John 3:16", "--pass", "--seconds", "7"]);
        device.ok(&["review", "Romans 8:28", "--fail"]);
        device.ok(&["phase", "Isaiah 40:31", "weekly"]);
        device.ok(&["archive", "Hebrews 11:1"]);
        device.ok(&["profile", "--full-name", "Jan", "--translation", "WEB"]);
        device.ok(&["sync", "--patience", "60"]);
        assert_eq!(proxy.sends().iter().all(|s| !s.is_batch()), individual);
        let second = server.second_device("jan");
        second.ok(&["sync"]);
        let mut list = second.json(&["list", "--all"]);
        for card in list.as_array_mut().unwrap() {
            for field in ["createdAt", "updatedAt"] {
                card[field] = 0.into();
            }
            if !card["lastReviewedAt"].is_null() {
                card["lastReviewedAt"] = 0.into();
            }
        }
        list.as_array_mut().unwrap().sort_by_key(|c| c["reference"].as_str().unwrap().to_owned());
        let mut profile = second.json(&["profile"]);
        profile["updatedAt"] = 0.into();
        lists.push((list, profile, server.count("card_events where event = 'reviewed'")));
    }
    assert_eq!(lists[0], lists[1]);
    assert_eq!(len(&lists[0].0), 10);
}

#[test]
fn a_server_that_asks_to_wait_is_waited_for() {
    let server = Server::start();
    let proxy = Proxy::to(&server.url);
    let device = device_behind(&proxy, "kai");
    device.add(&TEN);
    proxy.once(Action::Answer(429, vec![("retry-after", "3600".into())], "{}".into()));

    let started = std::time::Instant::now();
    device.run(&["sync"]).says(5, &["asked to wait", "saved on this device"]);
    assert!(started.elapsed() < PATIENCE, "it says so at once and does not sit there for an hour");
    assert_eq!(device.waiting(), 10);
    assert_eq!(proxy.sends().len(), 1);
}

#[test]
fn a_low_limit_of_the_server_is_known_from_the_sign_in_on_and_never_hit() {
    let server = Server::start_with(&["--max-operations", "3"]);
    let proxy = Proxy::to(&server.url);
    let device = device_behind(&proxy, "lim");
    device.add(&TEN);
    device.ok(&["sync"]);
    let sizes: Vec<usize> = proxy.sends().iter().map(|seen| seen.ids().len()).collect();
    assert_eq!(sizes.iter().sum::<usize>(), TEN.len(), "nothing was refused and sent again: {sizes:?}");
    assert!(sizes.iter().all(|size| (1..=3).contains(size)), "{sizes:?}");
}
