//! What every place for users and sessions must do: run over memory, SQLite and PostgreSQL.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod postgres_common;

use serde_json::json;
use uuid::Uuid;
use verses_server::auth::{AuthBackend, AuthSession, AuthUserRow, EmailTaken};
use verses_server::storage::sqlite::SqliteStorage;

fn user(id: u128, email: Option<&str>) -> AuthUserRow {
    AuthUserRow {
        id: Uuid::from_u128(id),
        email: email.map(str::to_owned),
        password_hash: email.map(|_| "a hash".to_owned()),
        is_anonymous: email.is_none(),
        metadata: json!({ "full_name": "Ann" }),
        created_at: 1,
        updated_at: 2,
        last_sign_in_at: Some(3),
        revision: 0,
    }
}

fn session(id: u128, user: u128) -> AuthSession {
    AuthSession {
        id: Uuid::from_u128(id),
        user_id: Uuid::from_u128(user),
        key: vec![0, 255, 7],
        counter: 0,
        refreshed_at: 5,
    }
}

async fn conforms(store: AuthBackend) {
    assert_eq!(store.secret(vec![1]).await.unwrap(), [1]);
    assert_eq!(store.secret(vec![2]).await.unwrap(), [1], "the first secret stays");

    let ann = user(1, Some("ann@example.org"));
    store.put_user(ann.clone()).await.unwrap().unwrap();
    store.put_user(user(2, None)).await.unwrap().unwrap();
    store.put_user(user(3, None)).await.unwrap().unwrap();
    assert_eq!(store.user(ann.id).await.unwrap(), Some(ann.clone()));
    assert_eq!(store.user_by_email("ann@example.org").await.unwrap(), Some(ann.clone()));
    assert_eq!(store.user_by_email("bob@example.org").await.unwrap(), None);
    assert_eq!(store.put_user(user(2, Some("ann@example.org"))).await.unwrap(), Err(EmailTaken));
    assert_eq!(store.user(Uuid::from_u128(2)).await.unwrap(), Some(user(2, None)), "nothing was changed");
    let renamed = AuthUserRow { email: Some("new@example.org".into()), ..ann };
    store.put_user(renamed.clone()).await.unwrap().unwrap();
    assert_eq!(store.user_by_email("ann@example.org").await.unwrap(), None);

    for (id, owner) in [(10, 1), (11, 1), (12, 1), (20, 2)] {
        store.put_session(session(id, owner)).await.unwrap();
    }
    let id = Uuid::from_u128;
    assert!(store.advance(id(10), 0, 99).await.unwrap());
    assert!(!store.advance(id(10), 0, 100).await.unwrap(), "it has moved already");
    assert!(!store.advance(id(77), 0, 100).await.unwrap(), "there is none");
    let moved = AuthSession { counter: 1, refreshed_at: 99, ..session(10, 1) };
    assert_eq!(store.session(id(10)).await.unwrap(), Some(moved));

    let race = (0..8).map(|_| store.advance(id(11), 0, 7));
    let won = futures_util::future::join_all(race).await.into_iter().filter(|r| *r.as_ref().unwrap()).count();
    assert_eq!(won, 1, "one of many moves the counter");

    store.end_sessions(id(1), Some(id(11))).await.unwrap();
    let mut alive = Vec::new();
    for n in [10, 11, 12, 20] {
        alive.push(store.session(id(n)).await.unwrap().is_some());
    }
    assert_eq!(alive, [false, true, false, true]);
    store.end_session(id(11)).await.unwrap();
    store.end_session(id(11)).await.unwrap();
    assert_eq!(store.session(id(11)).await.unwrap(), None);
    store.end_sessions(id(2), None).await.unwrap();
    assert_eq!(store.session(id(20)).await.unwrap(), None);
}

#[tokio::test]
async fn memory_keeps_accounts() {
    conforms(AuthBackend::memory()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_accounts() {
    let folder = tempfile::tempdir().unwrap();
    let storage = SqliteStorage::open(&folder.path().join("verses.db")).unwrap();
    conforms(AuthBackend::sqlite(storage.database().clone()).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_conforms() {
    let (storage, _database) = postgres_common::fresh(postgres_common::options);
    conforms(AuthBackend::Postgres(storage.accounts())).await;
}
