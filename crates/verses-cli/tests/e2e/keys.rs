//! The keys that sign a server's tokens: `verses keys` beside a running server, over restarts, and where there are none.

use std::process::{Command, Output};

use serde_json::Value;

use crate::common::{Server, VERSES, request, wait_for};

/// `verses keys` on a database.
fn keys(what: &str, database: &str) -> Output {
    Command::new(VERSES).args(["keys", what, "--json", "--database", database]).output().unwrap()
}

fn keys_of(what: &str, server: &Server) -> Value {
    let output = keys(what, &format!("sqlite:{}", server.database().display()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Names of the keys that a server publishes, the newest first.
fn published(server: &Server) -> Vec<String> {
    let answer = request("GET", &server.url, "/auth/v1/.well-known/jwks.json", &[], b"");
    assert_eq!(answer.header("cache-control"), Some("public, max-age=600"));
    answer.json()["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

fn status(server: &Server, token: &str) -> u16 {
    let bearer = format!("Bearer {token}");
    request("GET", &server.url, "/functions/v1/verse-changes", &[("authorization", &bearer)], b"").status()
}

/// A token that names a key and is signed with none.
fn naming(kid: &str, good: &str) -> String {
    // Base64url by hand, of a text whose length needs no padding.
    let mut head = format!(r#"{{"alg":"ES256","kid":"{kid}"}}"#);
    while head.len() % 3 != 0 {
        head.push(' ');
    }
    let letters: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']).collect();
    let quads = head.as_bytes().chunks(3).flat_map(|three| {
        let bits = three.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        [18, 12, 6, 0].map(|shift| letters[bits >> shift & 63])
    });
    format!("{}.{}", quads.collect::<String>(), good.split_once('.').unwrap().1)
}

#[test]
fn a_new_key_is_noticed_by_a_running_server_and_tokens_of_the_old_one_stay_good() {
    let mut server = Server::start();
    let old = server.token("ann");
    let first = published(&server);
    assert_eq!(first.len(), 1);
    let rotated = keys_of("rotate", &server);
    let new = rotated["kid"].as_str().unwrap().to_owned();
    // A token that names the new key makes the server look, at most once every few seconds.
    wait_for("the server to notice", || {
        assert_eq!(status(&server, &naming(&new, &old)), 401);
        (published(&server).len() == 2).then_some(())
    });
    assert_eq!(published(&server), [new.clone(), first[0].clone()]);
    assert_eq!(status(&server, &old), 200);
    assert_eq!(status(&server, &server.token("bob")), 200);

    let listed = keys_of("list", &server);
    assert_eq!(
        (&listed[0]["kid"], &listed[0]["current"], &listed[0]["ends_at"]),
        (&new.into(), &true.into(), &Value::Null)
    );
    assert_eq!((&listed[1]["current"], listed[1]["ends_at"].is_i64()), (&false.into(), true));
    assert!(!listed.to_string().contains("private"));
    server.restart();
    assert_eq!(published(&server).len(), 2);
    assert_eq!(status(&server, &old), 200);
}

#[test]
fn keys_of_no_database_are_an_error_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("typo.db");
    for what in ["rotate", "list"] {
        let output = keys(what, &format!("sqlite:{}", missing.display()));
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains("typo.db"));
        assert!(!missing.exists());
    }
}
