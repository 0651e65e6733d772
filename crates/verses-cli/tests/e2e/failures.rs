//! Operations that the server refuses, what the inbox says of them, and what the user can do: supply a text, try
//! again, give up. Also what `status`, `queue` and `logout` say of work that is not done.

use crate::common::{Action, Device, Proxy, Server, TEN, len, sorted_field};

/// Ten passages, one of which the server has no text for.
fn nine_and_one(device: &Device) {
    device.add(&TEN[..9]);
    device.ok(&["add", "--translation", "NIV", TEN[9]]);
}

/// The id of the one failed operation.
fn failed_id(device: &Device) -> String {
    let failed = device.json(&["queue", "list", "--failed"]);
    assert_eq!(len(&failed), 1, "{failed}");
    failed[0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn one_refused_operation_among_ten_keeps_no_other_back_and_says_why() {
    let server = Server::start();
    let device = server.device("ann");
    nine_and_one(&device);

    let output = device.run(&["sync"]);

    output.says(
        3,
        &["sent 9 operations in 1 request", "failed: Hebrews 11:1: no text of NIV", "verses queue list --failed"],
    );
    let failed = device.json(&["queue", "list", "--failed"]);
    assert_eq!(failed[0]["about"], "Hebrews 11:1");
    assert_eq!(failed[0]["reason"], "rejected");
    assert_eq!(failed[0]["code"], "text_required");
    device.run(&["queue", "list", "--failed"]).says(0, &["Hebrews 11:1", "supply the text"]);
    device.run(&["status"]).says(0, &["0 waiting, 1 failed", "verses queue retry", "verses queue discard"]);
    assert_eq!(server.count("verse_cards"), 9);
}

#[test]
fn a_text_supplied_for_a_refused_passage_lets_it_through() {
    let server = Server::start();
    let device = server.device("ben");
    nine_and_one(&device);
    device.run(&["sync"]).says(3, &[]);
    let id = failed_id(&device);

    device.ok(&["queue", "retry", &id[..18], "--text", "Now faith is confidence in what we hope for"]);
    device.ok(&["sync"]);

    assert_eq!(len(&device.json(&["queue", "list"])), 0);
    let second = server.second_device("ben");
    second.ok(&["sync"]);
    let texts = sorted_field(&second.json(&["list"]), "text");
    assert!(texts.iter().any(|t| t.starts_with("Now faith is confidence")), "{texts:?}");
}

#[test]
fn retrying_without_a_change_ends_in_the_inbox_again() {
    let server = Server::start();
    let device = server.device("cem");
    nine_and_one(&device);
    device.run(&["sync"]).says(3, &[]);
    device.ok(&["queue", "retry", "--all"]);
    assert_eq!(device.waiting(), 1);
    device.run(&["sync"]).says(3, &["no text of NIV"]);
    failed_id(&device);
}

#[test]
fn a_refused_passage_given_up_is_gone_with_the_reviews_that_follow_it() {
    let server = Server::start();
    let device = server.device("dee");
    nine_and_one(&device);
    device.ok(&["review", TEN[9], "--pass"]);
    device.run(&["sync"]).says(3, &["no text of NIV", "2 operations are in the inbox"]);
    let failed = device.json(&["queue", "list", "--failed"]);
    assert_eq!(sorted_field(&failed, "reason"), ["blocked", "rejected"]);
    device.run(&["status"]).says(0, &["blocked: it needs"]);

    let create = failed.as_array().unwrap().iter().find(|o| o["type"] == "create_verse").unwrap();
    device.ok(&["queue", "discard", create["id"].as_str().unwrap()]);

    assert_eq!(len(&device.json(&["queue", "list"])), 0, "the review went with it");
    let references = sorted_field(&device.json(&["list"]), "reference");
    assert_eq!(references.len(), 9);
    assert!(!references.contains(&TEN[9].to_owned()), "{references:?}");
    device.ok(&["sync"]);
}

#[test]
fn ids_that_are_not_in_the_queue_are_a_usage_error() {
    let device = Device::new("http://127.0.0.1:9");
    for verb in ["retry", "discard"] {
        device.run(&["queue", verb, "nope"]).says(2, &["\"nope\"", "verses queue list"]);
    }
    device.add(&TEN[..2]);
    device.run(&["queue", "discard", "0"]).says(2, &["type more of the id"]);
    assert_eq!(device.waiting(), 2);
}

#[test]
fn the_queue_exports_as_json_lines_to_standard_output_and_to_a_file() {
    let device = Device::new("http://127.0.0.1:9");
    device.add(&TEN);
    device.ok(&["review", "John 3:16", "--pass"]);
    let text = device.ok(&["queue", "export"]).stdout;
    let ids: Vec<String> = text
        .lines()
        .map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap()["id"].as_str().unwrap().to_owned())
        .collect();
    let queue = device.json(&["queue", "list"]);
    assert_eq!(ids.len(), 11);
    assert!(queue.as_array().unwrap().iter().all(|o| ids.contains(&o["id"].as_str().unwrap().to_owned())));

    let file = device.file("queue.jsonl", b"");
    device.ok(&["queue", "export", "--file", file.to_str().unwrap()]);
    assert_eq!(std::fs::read_to_string(file).unwrap(), text);
    device.run(&["queue", "export", "--file", "/nowhere/queue.jsonl"]).says(2, &["/nowhere/queue.jsonl"]);
}

#[test]
fn what_waits_at_sign_out_is_parked_and_never_sent_by_another_account() {
    let server = Server::start();
    let device = server.device("eve");
    device.add(&TEN[..4]);
    device.run(&["logout"]).says(0, &["4 operations stay"]);
    let status = device.json(&["status"]);
    assert_eq!((status["waiting"].as_u64(), status["parked"][0]["operations"].as_u64()), (Some(0), Some(4)));

    device.ok(&["signup", "--email", "fay@example.org"]);
    assert_eq!(len(&device.json(&["list"])), 0, "nothing of the other account is in sight");
    device.add(&TEN[4..6]);
    device.ok(&["sync"]);
    assert_eq!(server.count("sync_operations"), 2);
    device.ok(&["logout"]);

    device.ok(&["login", "--email", "eve@example.org"]);
    assert_eq!(device.waiting(), 4);
    device.ok(&["sync"]);
    let second = server.second_device("eve");
    second.ok(&["sync"]);
    assert_eq!(len(&second.json(&["list"])), 4);
    assert_eq!(server.count("sync_operations"), 6);
}

#[test]
fn what_a_guest_did_becomes_the_accounts_on_sign_up_and_on_sign_in() {
    let server = Server::start();
    let first = Device::new(&server.url);
    first.add(&TEN[..3]);
    first.ok(&["review", TEN[0], "--pass"]);
    first.run(&["status"]).says(0, &["nobody is signed in", "verses signup"]);
    let adopted = first.json(&["signup", "--email", "gil@example.org"]);
    assert_eq!((adopted["adoptedVerses"].as_u64(), adopted["adoptedOperations"].as_u64()), (Some(3), Some(4)));
    first.ok(&["sync"]);

    let second = Device::new(&server.url);
    second.add(&TEN[2..5]);
    second.ok(&["login", "--email", "gil@example.org"]);
    second.ok(&["sync"]);
    first.ok(&["sync"]);
    for device in [&first, &second] {
        assert_eq!(len(&device.json(&["list"])), 5, "one of them was on both devices");
    }
    assert_eq!(server.count("card_events where event = 'reviewed'"), 1);
}

#[test]
fn an_anonymous_account_syncs() {
    let server = Server::start();
    let device = Device::new(&server.url);
    let account = device.json(&["signup", "--anonymous"]);
    assert_eq!(account["isAnonymous"], true);
    device.add(&TEN);
    device.ok(&["sync"]);
    assert_eq!(server.count("verse_cards"), 10);
}

#[test]
fn a_guest_is_asked_to_sign_in_before_a_sync_and_keeps_the_work() {
    let server = Server::start();
    let device = Device::new(&server.url);
    device.add(&TEN);
    device.run(&["sync"]).says(4, &["verses login", "verses signup", "saved"]);
    device.run(&["logout"]).says(4, &["sign in first"]);
    assert_eq!(device.waiting(), 10);
}

#[test]
fn a_body_too_large_for_a_proxy_is_sent_in_smaller_pieces() {
    let server = Server::start();
    let proxy = Proxy::to(&server.url);
    let device = Device::new(&proxy.url);
    device.ok(&["signup", "--email", "hal@example.org"]);
    device.add(&TEN);
    proxy.forget();
    proxy.rule(|seen| match seen.is_batch() && seen.ids().len() > 3 {
        true => Action::Answer(413, vec![("content-type", "text/html".into())], "<html>too large</html>".into()),
        false => Action::Pass,
    });

    device.run(&["sync", "--patience", "60"]).says(0, &["too much at once"]);

    let sizes: Vec<usize> = proxy.sends().iter().map(|s| s.ids().len()).collect();
    assert_eq!(sizes[..2], [10, 5], "halved: {sizes:?}");
    assert_eq!(server.count("verse_cards"), 10);
}
