//! The contract with scripts: every command speaks JSON when asked, the exit codes mean what the help says, and a
//! reader that goes away is no error.

use std::io::{BufRead, BufReader};

use crate::common::{Device, Server, TEN, len, signal, wait_for};

/// An address at which nothing listens.
const NOBODY: &str = "http://127.0.0.1:9";

#[test]
fn every_command_prints_one_json_value_and_nothing_else() {
    let server = Server::start();
    let device = server.device("ann");
    let export = device.file("export.jsonl", b"");
    let commands: Vec<Vec<&str>> = vec![
        vec!["add", TEN[0], TEN[1], TEN[2]],
        vec!["parse", "Rom 8:28; Eph 2:8-9"],
        vec!["lookup", "John 3:16"],
        vec!["lookup", "John 3:16", "--remote"],
        vec!["list"],
        vec!["list", "--all", "--phase", "daily"],
        vec!["list", "--unverified"],
        vec!["due"],
        vec!["review", TEN[0], "--pass", "--seconds", "12"],
        vec!["review", TEN[1], "--fail"],
        vec!["profile"],
        vec!["profile", "--full-name", "Ann", "--reference-display", "first", "--timezone", "Asia/Tokyo"],
        vec!["archive", TEN[2]],
        vec!["archive", TEN[2], "--restore"],
        vec!["phase", TEN[2], "biweekly"],
        vec!["queue", "list"],
        vec!["queue", "export", "--file", export.to_str().unwrap()],
        vec!["sync"],
        vec!["sync", "--pull-only"],
        vec!["sync", "--push-only"],
        vec!["queue", "list", "--failed"],
        vec!["queue", "retry", "--all"],
        vec!["status"],
        vec!["logout"],
        vec!["login", "--email", "ann@example.org"],
        vec!["logout", "--everywhere"],
        vec!["signup", "--anonymous"],
    ];
    for args in commands {
        let output = device.run(&[&args[..], &["--json"]].concat());
        assert_eq!(output.status, 0, "verses {args:?}: {output:?}");
        output.json();
        assert_eq!(output.stdout.lines().count(), 1, "verses {args:?}: {output:?}");
        assert_eq!(output.stderr, "", "verses {args:?}");
    }
}

#[test]
fn errors_are_json_on_standard_error_when_asked() {
    let device = Device::new(NOBODY);
    device.add(&TEN);
    let cases: [(&[&str], i32, &str); 5] = [
        (&["review", "John 1:1", "--pass"], 2, "usage"),
        (&["lookup", "Hezekiah 1:1"], 2, "invalid_reference"),
        (&["sync"], 4, "sign_in_needed"),
        (&["login", "--email", "a@example.org"], 5, "network"),
        (&["lookup", "John 3:16", "--remote"], 4, "sign_in_needed"),
    ];
    for (args, status, code) in cases {
        let output = device.run(&[args, &["--json"]].concat());
        assert_eq!(output.status, status, "verses {args:?}: {output:?}");
        let error = output.error_json();
        assert_eq!((error["code"].as_str(), error["exitCode"].as_i64()), (Some(code), Some(status.into())), "{error}");
        assert!(error["error"].as_str().is_some_and(|e| !e.is_empty()));
    }
}

#[test]
fn every_exit_code_is_reached_by_what_the_help_says() {
    let mut server = Server::start();
    let guest = Device::new(&server.url);
    let device = server.device("ben");
    assert_eq!(device.run(&["add", TEN[0]]).status, 0);
    assert_eq!(device.run(&["login", "--email", "nobody@example.org"]).status, 1);
    assert_eq!(device.run(&["add"]).status, 2);
    device.ok(&["add", "--translation", "NIV", TEN[1]]);
    assert_eq!(device.run(&["sync"]).status, 3);
    assert_eq!(guest.run(&["sync"]).status, 4);
    device.add(&[TEN[2]]);
    server.kill();
    assert_eq!(device.run(&["sync"]).status, 5);
    device.run(&["--help"]).says(0, &["0 done", "1 error", "2 usage", "3 done but", "4 sign-in", "5 offline"]);
}

#[test]
fn parse_shows_what_is_understood_of_each_input() {
    let device = Device::new(NOBODY);
    let output = device.run(&["parse", "--json", "jn 3:16", "Ps 23; Rom 8:28", "Nowhere 1"]);
    assert_eq!(output.status, 2);
    let parsed = output.json();
    assert_eq!(parsed[0]["passages"][0]["reference"], "John 3:16");
    assert_eq!(parsed[0]["passages"][0]["osis"][0], "John.3.16");
    assert_eq!(len(&parsed[1]["passages"]), 2);
    assert!(parsed[2]["error"].as_str().unwrap().contains("Nowhere"), "{parsed}");
    assert!(!device.home().exists(), "nothing is written");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let device = Device::new(NOBODY);
    device.ok(&["add", "--starter"]);
    for args in [&["list"][..], &["queue", "export"], &["queue", "list", "--json"], &["parse", "John 3:16"]] {
        let mut child = device.command(args).spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        drop(child.stdout.take());
        let status = wait_for("the command to end", || child.try_wait().unwrap());
        assert_eq!(status.code(), Some(0), "verses {args:?}");
        let said: Vec<String> = BufReader::new(stderr).lines().map(Result::unwrap).collect();
        assert!(said.is_empty(), "verses {args:?}: {said:?}");
    }
}

#[test]
fn a_review_session_needs_a_keyboard() {
    let device = Device::new(NOBODY);
    device.add(&TEN);
    device.run(&["review"]).says(2, &["nobody is at the keyboard", "--pass"]);
    device.run(&["signup"]).says(2, &["--email"]);
}

#[test]
fn passwords_come_from_a_file_or_standard_input_too() {
    let server = Server::start();
    let device = Device::new(&server.url);
    let file = device.file("password", b"another long password\n");
    device.ok(&["signup", "--email", "cem@example.org", "--password-file", file.to_str().unwrap()]);
    device.ok(&["logout"]);
    let args = ["login", "--email", "cem@example.org", "--password-file", "-"];
    assert_eq!(device.run_with_input(&args, b"another long password\n").status, 0);
    assert_eq!(device.run(&["login", "--email", "cem@example.org"]).status, 1, "VERSES_PASSWORD is another one");
}

#[test]
fn the_address_of_the_server_is_remembered_after_the_first_sign_in() {
    let server = Server::start();
    let mut device = server.device("dee");
    device.unset("VERSES_SERVER");
    device.add(&TEN);
    device.ok(&["sync"]);
    assert_eq!(device.json(&["status"])["server"], server.url);
}

#[test]
fn commands_that_are_interrupted_leave_a_home_that_works() {
    let device = Device::new(NOBODY);
    for name in ["INT", "TERM", "KILL"] {
        let running = device.spawn(&["add", "--starter"]);
        // It may have ended already; either way the home must be whole.
        if running.is_running() {
            signal(running.pid(), name);
        }
        running.end();
        let (passages, waiting) = (len(&device.json(&["list"])), device.waiting());
        assert_eq!(passages as u64, waiting, "after SIG{name}");
    }
}
