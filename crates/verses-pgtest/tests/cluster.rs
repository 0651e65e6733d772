//! A cluster starts, stops, starts again, and leaves nothing behind.

use std::net::TcpStream;

use verses_pgtest::{Cluster, Durability, Stop, TestDatabase};

#[test]
fn what_is_committed_survives_a_crash_of_a_durable_server_and_nothing_is_left_after_the_end() {
    let mut cluster = Cluster::start(Durability::Full, &["shared_buffers=16MB"]).expect("starts");
    let database = TestDatabase::in_server(&cluster.url()).expect("creates");
    database.psql("CREATE TABLE t (n int); INSERT INTO t VALUES (7)").expect("writes");
    cluster.stop(Stop::Immediate).expect("stops");
    assert!(TcpStream::connect(("127.0.0.1", cluster.port())).is_err(), "it listens no more");
    database.psql("SELECT 1").expect_err("there is no server");
    cluster.start_again().expect("starts again");
    assert_eq!(database.psql("SELECT n, current_setting('shared_buffers') FROM t").expect("reads"), "7|16MB");
    let (data, port) = (cluster.data(), cluster.port());
    drop(database);
    drop(cluster);
    assert!(!data.exists());
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn databases_of_one_server_are_apart_and_go_with_their_test() {
    let (one, two) = (TestDatabase::new().expect("creates"), TestDatabase::new().expect("creates"));
    one.psql("CREATE TABLE t (n int)").expect("writes");
    two.psql("SELECT * FROM t").expect_err("the other one has it");
    let count = |database: &TestDatabase| {
        database.psql(&format!(
            "SELECT count(*) FROM pg_database WHERE datname IN ('{}', '{}')",
            name(&one),
            name(&two)
        ))
    };
    assert_eq!(count(&one).expect("reads"), "2");
    let name_of_two = name(&two);
    drop(two);
    let left = one.psql(&format!("SELECT count(*) FROM pg_database WHERE datname = '{name_of_two}'"));
    assert_eq!(left.expect("reads"), "0");
}

fn name(database: &TestDatabase) -> String {
    database.url().rsplit('/').next().unwrap_or_default().to_owned()
}
