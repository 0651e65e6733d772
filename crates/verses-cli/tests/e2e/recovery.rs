//! Situations in which more than one answer goes missing: sessions whose renewal is lost or made twice at once, servers
//! restored from a backup, answers that end up nowhere, and operations too large to send.

use std::process::Stdio;

use crate::common::{Action, Device, Proxy, Running, Server, TEN, len, psalm_119, sorted_field, store_file};

#[test]
fn a_renewal_whose_answer_is_lost_does_not_end_the_session() {
    let server = Server::start_with(&["--token-life-seconds", "1"]);
    let proxy = Proxy::to(&server.url);
    let device = Device::new(&proxy.url);
    device.ok(&["signup", "--email", "ann@example.org"]);
    device.add(&TEN);
    let mut lost = 0;
    proxy.rule(move |seen| {
        if seen.path.contains("grant_type=refresh_token") && lost < 2 {
            lost += 1;
            return Action::LoseAnswer;
        }
        Action::Pass
    });

    device.ok(&["sync", "--patience", "60"]);

    assert_eq!(server.count("verse_cards"), 10);
    device.ok(&["sync"]);
}

#[test]
fn processes_that_renew_one_session_at_once_keep_it() {
    let server = Server::start_with(&["--token-life-seconds", "1"]);
    let device = server.device("ben");
    device.add(&TEN);
    for _ in 0..3 {
        let args = ["lookup", "John 3:16", "--remote"];
        let mut running: Vec<Running> = (0..5).map(|_| device.spawn(&args)).collect();
        running.push(device.spawn(&["sync", "--patience", "60"]));
        for process in running {
            let output = process.end();
            assert_eq!(output.status, 0, "{output:?}");
        }
    }
    assert_eq!(server.count("verse_cards"), 10);
}

#[test]
fn a_server_restored_from_a_backup_gets_again_what_it_lacks() {
    let mut server = Server::start();
    let device = server.device("cem");
    device.add(&TEN[..5]);
    device.ok(&["sync"]);
    let backup = server.backup();
    device.add(&TEN[5..]);
    device.ok(&["review", TEN[0], "--pass"]);
    device.ok(&["sync"]);
    assert_eq!(server.count("verse_cards"), 10);

    server.terminate();
    std::fs::write(server.database(), backup).unwrap();
    server.restart();
    assert_eq!(server.count("verse_cards"), 5);
    device.add(&psalm_119(1..=1));
    device.run(&["sync", "--patience", "60"]).says(0, &["started over"]);

    assert_eq!(device.waiting(), 0);
    let second = server.second_device("cem");
    second.ok(&["sync"]);
    let references = |device: &Device| sorted_field(&device.json(&["list"]), "reference");
    assert_eq!(references(&device), references(&second));
    assert_eq!(len(&second.json(&["list"])), 11);
    assert_eq!(server.count("card_events where event = 'reviewed'"), 1);
}

#[test]
fn every_other_answer_lost_still_ends_with_each_operation_once() {
    let server = Server::start();
    let proxy = Proxy::to(&server.url);
    let mut device = Device::new(&proxy.url);
    device.set("VERSES_NETWORK_AWARE_THROTTLING", "false");
    device.set("VERSES_MAX_BATCH_SIZE", "20");
    device.ok(&["signup", "--email", "dee@example.org"]);
    device.add(&psalm_119(1..=80));
    device.ok(&["review", "Psalm 119:1", "--pass"]);
    let mut count = 0;
    proxy.rule(move |seen| {
        count += u32::from(seen.carries_operations());
        match (seen.carries_operations(), count % 3) {
            (true, 1) => Action::LoseAnswer,
            (true, 2) => Action::CutAnswer,
            _ => Action::Pass,
        }
    });

    for _ in 0..20 {
        if device.run(&["sync", "--patience", "30"]).status == 0 {
            break;
        }
    }

    assert_eq!(device.waiting(), 0);
    assert_eq!(server.count("sync_operations"), 81);
    assert_eq!(server.count("card_events where event = 'reviewed'"), 1);
    assert_eq!(len(&device.json(&["queue", "list"])), 0);
}

#[test]
fn a_text_too_long_to_send_is_refused_before_it_is_saved() {
    let device = Device::new("http://127.0.0.1:9");
    let text = "word ".repeat(20_000);
    device.run(&["add", "My own passage", "--text", &text]).says(2, &["My own passage", "shorten it"]);
    assert_eq!(device.waiting(), 0);
}

#[test]
fn one_operation_that_a_proxy_never_lets_through_goes_to_the_inbox_alone() {
    let server = Server::start();
    let proxy = Proxy::to(&server.url);
    let device = Device::new(&proxy.url);
    device.ok(&["signup", "--email", "eve@example.org"]);
    device.add(&TEN);
    let large = |body: &serde_json::Value| body.to_string().contains(TEN[4]);
    proxy.rule(move |seen| match seen.carries_operations() && large(&seen.body) {
        true => Action::Answer(413, Vec::new(), "too large".into()),
        false => Action::Pass,
    });

    device.run(&["sync", "--patience", "60"]).says(3, &[TEN[4]]);

    let failed = device.json(&["queue", "list", "--failed"]);
    assert_eq!((len(&failed), failed[0]["reason"].as_str()), (1, Some("too_large")), "{failed}");
    assert_eq!(server.count("verse_cards"), 9);
}

#[test]
fn an_account_change_without_signing_out_mixes_nothing() {
    let server = Server::start();
    let first = server.device("fay");
    first.add(&TEN[..3]);
    server.device("gil");
    first.ok(&["login", "--email", "gil@example.org"]);
    assert_eq!(len(&first.json(&["list"])), 0);
    first.ok(&["sync"]);
    assert_eq!(server.count("verse_cards"), 0, "what waits for another account is not sent");
    first.ok(&["login", "--email", "fay@example.org"]);
    first.ok(&["sync"]);
    assert_eq!(server.count("verse_cards"), 3);
}

#[test]
fn output_that_cannot_be_written_is_an_error_and_no_progress_display_is_needed() {
    let device = Device::new("http://127.0.0.1:9");
    device.add(&TEN);
    let mut command = device.command(&["list"]);
    command.stdout(std::fs::File::create("/dev/full").unwrap());
    Running::new(command).end().says(1, &["standard output"]);

    let server = Server::start();
    let mut device = server.device("hal");
    device.set("VERSES_SERVER", &server.url);
    device.add(&TEN);
    let mut command = device.under_shell("exec \"$0\" \"$@\" 2>&-", &["sync"]);
    command.stderr(Stdio::null());
    assert_eq!(Running::new(command).end().status, 0, "without a standard error");
    assert_eq!(server.count("verse_cards"), 10);
}

#[test]
fn a_redirect_takes_no_token_elsewhere() {
    let server = Server::start();
    let elsewhere = Proxy::to(&server.url);
    let proxy = Proxy::to(&server.url);
    let device = Device::new(&proxy.url);
    device.ok(&["signup", "--email", "ida@example.org"]);
    device.add(&TEN);
    let target = format!("{}/functions/v1/verse-operations", elsewhere.url);
    proxy.rule(move |_| Action::Answer(307, vec![("location", target.clone())], String::new()));
    device.run(&["sync"]).says(5, &["saved on this device"]);
    assert_eq!(elsewhere.seen().len(), 0);
    assert_eq!(device.waiting(), 10);
}

#[test]
fn the_demonstration_runs_to_its_end() {
    let device = Device::new("http://127.0.0.1:9");
    let output = device.run(&["demo", "--rtt-ms", "5", "--up-kbit", "20000", "--down-kbit", "20000"]);
    assert_eq!(output.status, 0, "{output:?}");
    let json = device.run(&["demo", "--rtt-ms", "5", "--up-kbit", "20000", "--down-kbit", "20000", "--json"]);
    assert_eq!(json.status, 0, "{json:?}");
    json.json();
}

#[test]
fn a_damaged_store_is_set_aside_and_its_queue_comes_out() {
    let server = Server::start();
    let device = server.device("gus");
    device.add(&TEN);
    let path = store_file(&device.home());
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[..4096].fill(0);
    std::fs::write(&path, &bytes).unwrap();

    let copy = format!("{}.damaged-1", path.display());
    for _ in 0..2 {
        device.run(&["sync"]).says(1, &[path.to_str().unwrap(), &copy, "queue export"]);
    }
    assert!(std::fs::read(&copy).unwrap() == bytes, "the copy is what was found");
    assert!(!std::path::Path::new(&format!("{}.damaged-2", path.display())).exists(), "one copy is enough");

    // Without its first page nothing proves that this is all, and the command says so; it is all.
    let file = device.home().join("saved.jsonl");
    device.run(&["queue", "export", "--file", file.to_str().unwrap()]).says(1, &["10 operations", "damaged"]);
    let saved = std::fs::read_to_string(&file).unwrap();
    for passage in TEN {
        assert_eq!(saved.lines().filter(|line| line.contains(&format!("\"{passage}\""))).count(), 1, "{passage}");
    }
    assert!(std::fs::read(&path).unwrap() == bytes, "untouched");
}

#[test]
fn a_row_that_changed_on_the_disk_is_not_sent_and_the_others_come_out() {
    let server = Server::start();
    let device = server.device("hal");
    device.add(&TEN);
    let raw = rusqlite::Connection::open(store_file(&device.home())).unwrap();
    let change = "UPDATE sync_queue SET data = replace(data, 'John 3:16', 'John 3:15')";
    assert_eq!(raw.execute(change, []).unwrap(), 10, "all are touched, one is changed");
    drop(raw);

    device.run(&["sync"]).says(1, &["not what was saved", ".damaged-1"]);
    assert_eq!(server.count("sync_operations WHERE operation LIKE '%John 3:15%'"), 0);
    device.run(&["queue", "export"]).says(1, &["9 operations", "not what was saved"]);
}
