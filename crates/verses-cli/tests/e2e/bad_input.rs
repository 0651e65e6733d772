//! Input that cannot be used: each kind has its exit code and a message that names the input and what to do, and
//! harms nothing that is there.

use crate::common::{Action, Device, Proxy, Running, Server, TEN, len, store_file};

/// An address at which nothing listens.
const NOBODY: &str = "http://127.0.0.1:9";

#[test]
fn references_that_mean_nothing_are_usage_errors_that_name_them() {
    let device = Device::new(NOBODY);
    let cases: [(&str, &[&str]); 6] = [
        ("Hezekiah 3:16", &["Hezekiah"]),
        ("Jude 2:1", &["Jude has 1 chapter, no chapter 2"]),
        ("John 3:99", &["John 3", "36 verses"]),
        ("John 22", &["John has 21 chapters"]),
        ("John 5:9-3", &["9"]),
        ("", &["reference"]),
    ];
    for (reference, parts) in cases {
        for command in ["parse", "add", "lookup"] {
            device.run(&[command, reference]).says(2, parts);
        }
    }
    assert_eq!(device.waiting(), 0);
}

#[test]
fn a_review_of_what_is_not_in_the_collection_says_how_to_add_it() {
    let device = Device::new(NOBODY);
    device.run(&["review", "John 3:16", "--pass"]).says(2, &["John 3:16 is not in your collection", "verses add"]);
    device.run(&["archive", "John 3:16"]).says(2, &["verses add"]);
    device.run(&["phase", "Nowhere 1:1", "weekly"]).says(2, &["Nowhere"]);
}

#[test]
fn wrong_flags_are_usage_errors() {
    let device = Device::new(NOBODY);
    let cases: [&[&str]; 10] = [
        &["nonsense"],
        &["add"],
        &["add", "John 3:16", "--nonsense"],
        &["review", "John 3:16"],
        &["review", "John 3:16", "--pass", "--fail"],
        &["sync", "--push-only", "--pull-only"],
        &["sync", "--max-batch-size", "0"],
        &["sync", "--max-batch-size", "many"],
        &["phase", "John 3:16", "yearly"],
        &["list", "--timezone", "Atlantis/Capital"],
    ];
    for args in cases {
        let output = device.run(args);
        assert_eq!(output.status, 2, "verses {args:?}: {output:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "verses {args:?}: {output:?}");
    }
}

#[test]
fn lists_that_cannot_be_read_are_named() {
    let device = Device::new(NOBODY);
    let file = |name: &str, content: &[u8]| device.file(name, content).to_str().unwrap().to_owned();
    device.run(&["add", "--file", "/nowhere/list.txt"]).says(2, &["cannot read /nowhere/list.txt"]);
    device.run(&["add", "--file", "/"]).says(2, &["cannot read /"]);
    device.run(&["add", "--file", &file("empty.txt", b"")]).says(2, &["the list is empty"]);
    device.run(&["add", "--file", &file("comments.txt", b"# nothing\n\n")]).says(2, &["the list is empty"]);
    device.run(&["add", "--file", &file("latin1.txt", b"\xe4pfel 3:16\n")]).says(2, &["latin1.txt", "UTF-8"]);
    device.run(&["add", "--file", &file("binary.dat", &[0, 159, 146, 150])]).says(2, &["binary.dat", "UTF-8"]);
    let empty = device.run_with_input(&["add", "-"], b"");
    empty.says(2, &["the list is empty"]);
    device.run(&["add", "--starter", "nonsense"]).says(2, &["no starter pack \"nonsense\"", "there are"]);
    assert_eq!(device.waiting(), 0);
}

#[test]
fn one_bad_line_keeps_no_other_from_being_added() {
    let device = Device::new(NOBODY);
    let file = device.file("list.txt", b"John 3:16\nHezekiah 1:1\n\xef\xbb\xbfRomans 8:28\nJohn 99:1\n");
    let output = device.run(&["add", "--file", file.to_str().unwrap()]);
    output.says(3, &["added John 3:16", "not added: \"Hezekiah 1:1\"", "not added: \"John 99:1\""]);
    assert!(len(&device.json(&["list"])) >= 1);
    let output = device.run_with_input(&["add", "-", "--json"], b"Psalm 23\nnonsense\n");
    assert_eq!(output.status, 3);
    assert_eq!(output.json()["errors"][0]["input"], "nonsense");
}

#[test]
fn a_passage_that_is_there_already_is_no_error_and_is_not_added_twice() {
    let device = Device::new(NOBODY);
    device.add(&["John 3:16"]);
    device.run(&["add", "Jn 3.16"]).says(0, &["already in your collection: John 3:16"]);
    assert_eq!(device.waiting(), 1);
}

#[test]
fn a_damaged_store_is_named_and_left_as_it_is() {
    let device = Device::new(NOBODY);
    device.add(&TEN);
    let path = store_file(&device.home());
    for extra in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{extra}", path.display()));
    }
    let garbage = b"this was a database once".repeat(2_000);
    std::fs::write(&path, &garbage).unwrap();
    for args in [&["list"][..], &["add", "John 1:1"], &["sync"], &["status", "--json"]] {
        device.run(args).says(1, &[path.to_str().unwrap(), "left as it is", "verses login"]);
    }
    assert!(std::fs::read(&path).unwrap() == garbage, "untouched");
}

#[test]
fn a_store_of_a_newer_release_is_refused_and_left_as_it_is() {
    let device = Device::new(NOBODY);
    device.add(&TEN);
    let path = store_file(&device.home());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 9_999).unwrap();
    connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(())).unwrap();
    drop(connection);
    let before = std::fs::read(&path).unwrap();
    device.run(&["list"]).says(1, &[path.to_str().unwrap(), "newer"]);
    assert!(std::fs::read(&path).unwrap() == before, "untouched");
}

#[test]
fn a_home_that_cannot_be_made_is_named() {
    let device = Device::new(NOBODY);
    let file = device.file("file", b"in the way");
    let home = file.join("home");
    device.run(&["list", "--home", home.to_str().unwrap()]).says(1, &[home.to_str().unwrap()]);
}

#[test]
fn a_full_disk_is_said_and_what_was_saved_stays() {
    let device = Device::new(NOBODY);
    let allowed = device.under_shell("unshare -rm true", &[]).status().is_ok_and(|s| s.success());
    if !allowed {
        eprintln!("skipped: a small disk of its own needs user namespaces, which this machine does not give");
        return;
    }
    std::fs::create_dir(device.home()).unwrap();
    let script = r#"
        mount -t tmpfs -o size=2m tmpfs "$VERSES_HOME" && "$0" add "John 3:16" || exit 99
        dd if=/dev/zero of="$VERSES_HOME/ballast" 2>/dev/null
        "$0" add --starter; echo "exit code $?"
        rm "$VERSES_HOME/ballast"
        "$0" list; "$0" queue list"#;
    let output = Running::new(device.under_shell("exec unshare -rm sh -c \"$1\" \"$0\"", &[script])).end();
    output.says(0, &["no room left", "exit code 1", "streak 0", "pending"]);
    assert_eq!(output.stdout.matches("streak 0").count(), 1, "all or nothing: {output:?}");
}

#[test]
fn a_write_that_fails_changes_nothing_that_was_saved() {
    let device = Device::new(NOBODY);
    device.add(&TEN);
    let path = store_file(&device.home());
    let blocks = std::fs::metadata(&path).unwrap().len() / 512 + 16;
    // No file of this process may grow beyond so many blocks of 512 bytes.
    let line = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let output = Running::new(device.under_shell(&line, &["add", "--starter"])).end();
    output.says(1, &[path.to_str().unwrap(), "I/O error"]);
    assert_eq!(len(&device.json(&["list"])), 10);
    assert_eq!(device.waiting(), 10);
    device.ok(&["add", "--starter"]);
}

#[test]
fn without_a_server_the_work_is_kept_and_the_exit_code_is_five() {
    let mut server = Server::start();
    let device = server.device("ann");
    device.add(&TEN);
    server.kill();
    device.run(&["sync"]).says(5, &["a request failed: the server cannot be reached", "saved on this device"]);
    device.run(&["sync", "--pull-only"]).says(5, &["cannot reach", &server.url]);
    device.run(&["lookup", "John 3:16", "--remote"]).says(5, &[]);
    device.run(&["login", "--email", "ann@example.org"]).says(5, &[]);
    assert_eq!(device.waiting(), 10);
    device.run(&["status"]).says(0, &["10 waiting"]);
    device.run(&["logout"]).says(0, &["could not be told"]);
}

#[test]
fn addresses_that_are_wrong_are_named() {
    let device = Device::new(NOBODY);
    for url in ["not a url", "ftp://127.0.0.1", "localhost:54321", ""] {
        let output = device.run(&["status", "--server", url]);
        assert_eq!(output.status, 2, "{url:?}: {output:?}");
        assert!(output.stderr.contains("http"), "{url:?}: {output:?}");
    }
    let output = device.run(&["signup", "--email", "a@example.org", "--server", "http://nowhere.invalid"]);
    output.says(5, &["nowhere.invalid"]);
}

#[test]
fn a_sign_in_page_of_a_network_is_not_taken_for_the_server() {
    let server = Server::start();
    let proxy = Proxy::to(&server.url);
    let device = Device::new(&proxy.url);
    device.ok(&["signup", "--email", "ben@example.org"]);
    device.add(&TEN);
    let page = || {
        let html = "<html><body>Welcome to Hotel WiFi: please accept our terms</body></html>";
        Action::Answer(200, vec![("content-type", "text/html".into())], html.into())
    };
    proxy.rule(move |_| page());
    device.run(&["sync"]).says(5, &["sign-in page", "saved on this device"]);
    device.run(&["sync", "--pull-only"]).says(5, &["sign-in page"]);
    device.run(&["login", "--email", "ben@example.org"]).says(5, &["sign-in page"]);
    assert_eq!(device.waiting(), 10, "nothing was taken for applied or refused");

    let redirect = || Action::Answer(302, vec![("location", "http://portal.invalid/".into())], String::new());
    proxy.rule(move |_| redirect());
    device.run(&["sync"]).says(5, &["saved on this device"]);
    assert_eq!(device.waiting(), 10);

    proxy.rule(|_| Action::Answer(502, Vec::new(), "<html>bad gateway</html>".into()));
    device.run(&["sync"]).says(5, &["saved on this device"]);
    proxy.rule(|_| Action::Refuse);
    device.run(&["sync"]).says(5, &["saved on this device"]);

    proxy.rule(|_| Action::Pass);
    device.ok(&["sync", "--patience", "60"]);
    assert_eq!(server.count("verse_cards"), 10);
}

#[test]
fn wrong_credentials_are_refused_in_words() {
    let server = Server::start();
    let mut device = Device::new(&server.url);
    device.ok(&["signup", "--email", "cem@example.org"]);
    device.run(&["signup", "--email", "cem@example.org"]).says(1, &["already"]);
    device.set("VERSES_PASSWORD", "wrong password");
    device.run(&["login", "--email", "cem@example.org"]).says(1, &["nvalid"]);
    device.set("VERSES_PASSWORD", "x");
    device.run(&["signup", "--email", "dee@example.org"]).says(1, &["assword"]);
    device.run(&["signup", "--email", "no address"]).says(1, &["mail"]);
    device.run(&["login", "--email", "a@b.c", "--password-file", "/nowhere/p"]).says(2, &["/nowhere/p"]);
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let server = Server::start();
    let device = Device::new(NOBODY);
    let address = server.url.trim_start_matches("http://");
    device.run(&["serve", "--listen", address, "--database", "memory:"]).says(1, &[address, "--listen 127.0.0.1:0"]);
    device.run(&["serve", "--listen", "nonsense", "--database", "memory:"]).says(1, &["nonsense"]);
    let free = ["serve", "--listen", "127.0.0.1:0", "--database"];
    device.run(&[&free[..], &["oracle:x"]].concat()).says(2, &["oracle", "sqlite:"]);
    device.run(&[&free[..], &["sqlite:/nowhere/at/all.db"]].concat()).says(1, &["/nowhere/at/all.db"]);
    let short = device.file("short", b"short\n").display().to_string();
    device.run(&[&free[..], &["memory:", "--jwt-secret-file", &short]].concat()).says(2, &["32"]);
    let garbage = device.file("garbage.db", &b"no database ".repeat(1_000));
    let database = format!("sqlite:{}", garbage.display());
    device.run(&[&free[..], &[database.as_str()]].concat()).says(1, &["garbage.db"]);
}
