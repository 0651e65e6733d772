//! What is attacked: a server on SQLite or PostgreSQL, and what must be true of it afterwards.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use verses_pgtest::TestDatabase;
use verses_server::ServerConfig;

use crate::http::{Answer, CHANGES, Server, batch, config, start_with};
use crate::postgres_common;

/// A user who has nothing to do with the attack.
pub(crate) const CAROL: &str = "00000000-0000-4000-8000-00000000000c";

enum Store {
    Sqlite(tempfile::TempDir),
    Postgres(TestDatabase),
}

/// A server and its database.
pub(crate) struct Target {
    pub(crate) server: Server,
    store: Store,
}

/// Allowances are not what is tested here.
fn generous() -> ServerConfig {
    ServerConfig { operations_per_minute: 1_000_000, requests_per_minute_per_address: 10_000_000, ..config() }
}

impl Target {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database_url = format!("sqlite:{}", folder.path().join("verses.db").display());
        Self { server: start_with(ServerConfig { database_url, ..generous() }).await, store: Store::Sqlite(folder) }
    }

    pub(crate) async fn postgres() -> Self {
        let database = postgres_common::database().await;
        let database_url = database.url_as("verses_app");
        Self { server: start_with(ServerConfig { database_url, ..generous() }).await, store: Store::Postgres(database) }
    }

    /// The tables with their definitions.
    pub(crate) fn definitions(&self) -> BTreeMap<String, String> {
        match &self.store {
            Store::Sqlite(folder) => {
                let database = rusqlite::Connection::open(folder.path().join("verses.db")).unwrap();
                let mut listed = database.prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL").unwrap();
                let listed = listed.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
                listed.map(Result::unwrap).collect()
            }
            Store::Postgres(database) => {
                let columns = "SELECT table_name, string_agg(column_name || ' ' || data_type, ',' ORDER BY ordinal_position) \
                    FROM information_schema.columns WHERE table_schema = 'verses' GROUP BY 1";
                let listed = database.psql(columns).unwrap();
                let pairs = listed.lines().map(|line| line.split_once('|').unwrap());
                pairs.map(|(name, columns)| (name.to_owned(), columns.to_owned())).collect()
            }
        }
    }

    /// Somebody with good manners is served, and the server stops as asked.
    pub(crate) async fn still_serves(self) {
        self.serves().await;
        self.server.stop().await;
    }

    /// Somebody with good manners is served.
    pub(crate) async fn serves(&self) {
        let id = uuid::Uuid::new_v4().to_string();
        let create = json!([{ "id": id, "type": "create", "data": { "reference": "John 3:16" } }]);
        let answer = self.server.post_as(CAROL, &batch(&create)).await.ok();
        assert_eq!(answer["summary"]["successful"], 1, "{answer}");
        let changes = self.server.get_as(CAROL, CHANGES).await.ok();
        assert!(changes["changes"].as_array().unwrap().iter().any(|change| change["id"] == id), "{changes}");
        let signed_up = self.server.auth("POST", "/signup", "", &json!({ "data": {} })).await.ok();
        assert_eq!(signed_up["user"]["is_anonymous"], true);
    }
}

/// A refusal by the routes for functions: problem details with a status of the sender's fault. Gives the code.
pub(crate) fn refused(answer: &Answer, what: &str) -> String {
    let status = answer.status.as_u16();
    assert!((400..500).contains(&status), "{what}: {status} {}", answer.text());
    answer.problem(status)
}

/// A refusal by the routes for accounts, in the terms of Supabase's client. Gives the code.
pub(crate) fn refused_by_auth(answer: &Answer, what: &str) -> String {
    let status = answer.status.as_u16();
    assert!((400..500).contains(&status), "{what}: {status} {}", answer.text());
    let body = answer.json();
    assert_eq!(body["error_code"], answer.header("x-sb-error-code"), "{what}");
    assert!(body["msg"].as_str().unwrap().len() > 5, "{what}: {body}");
    body["error_code"].as_str().unwrap().to_owned()
}

/// The results of a batch.
pub(crate) fn results(answer: &Value) -> &Vec<Value> {
    answer["results"].as_array().unwrap()
}
