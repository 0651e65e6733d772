//! TLS on the way to PostgreSQL: a certificate that is trusted, one that is not, a name that is not in it, and a server
//! without TLS.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod postgres_common;

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;

use verses_pgtest::{Cluster, Durability, Stop, TestDatabase};
use verses_server::storage::Storage as _;
use verses_server::storage::postgres::{PostgresStorage, migrate};

use postgres_common::options;

/// Writes a certificate for `localhost` and its key where the server reads them, as it wants them.
fn certificate(data: &Path) {
    use std::os::unix::fs::MetadataExt as _;
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (data.join("server.crt"), data.join("server.key"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let owner = std::fs::metadata(data).unwrap();
    chown(&key, Some(owner.uid()), Some(owner.gid())).unwrap();
}

async fn refusal(url: &str) -> String {
    PostgresStorage::open(options(url.to_owned())).await.unwrap_err().to_string()
}

#[tokio::test]
async fn connections_that_ask_for_tls_are_encrypted_and_trust_only_the_right_certificate() {
    let mut cluster = Cluster::start(Durability::None, &[]).unwrap();
    let database = TestDatabase::in_server(&cluster.url()).unwrap();
    migrate(&database.url()).await.unwrap();
    database.psql("ALTER ROLE verses_app LOGIN").unwrap();
    let plain = database.url_as("verses_app");
    let by_name = plain.replace("127.0.0.1", "localhost");
    assert!(
        refusal(&format!("{plain}?sslmode=require")).await.contains("?sslmode=disable"),
        "the server has no TLS yet"
    );

    certificate(&cluster.data());
    database.psql("ALTER SYSTEM SET ssl = on").unwrap();
    cluster.stop(Stop::Fast).unwrap();
    cluster.start_again().unwrap();
    let root = cluster.data().join("server.crt").display().to_string();

    let trusted = format!("{by_name}?sslmode=verify-full&sslrootcert={root}&hostaddr=127.0.0.1");
    let storage = PostgresStorage::open(options(trusted.clone())).await.unwrap();
    storage.ping().await.unwrap();
    let count = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                 WHERE usename = 'verses_app' AND application_name LIKE 'verses%' AND ssl";
    assert!(database.psql(count).unwrap().trim().parse::<u32>().unwrap() > 0, "encrypted");
    migrate(&format!("{}?sslmode=require&sslrootcert={root}", database.url().replace("127.0.0.1", "localhost")))
        .await
        .unwrap();

    assert!(
        refusal(&format!("{by_name}?sslmode=require")).await.contains("sslrootcert=FILE"),
        "nobody known signed it"
    );
    assert!(
        refusal(&format!("{plain}?sslmode=require&sslrootcert={root}")).await.contains("certificate"),
        "another name"
    );
}
