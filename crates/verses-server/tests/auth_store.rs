//! What every place for users and sessions must do: run over memory, SQLite and PostgreSQL.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod postgres_common;

use serde_json::json;
use uuid::Uuid;
use verses_server::auth::{AuthBackend, AuthSession, AuthUserRow, Ends, NotPut, SignInMethod, SigningKey, UserChange};
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
        method: if user == 2 { SignInMethod::Anonymous } else { SignInMethod::Password },
        signed_in_at: 4,
    }
}

async fn conforms(store: AuthBackend) {
    assert_eq!(store.secret().await.unwrap(), None);
    store.delete_secret().await.unwrap();

    assert_eq!(store.keys().await.unwrap(), []);
    let key = |kid: &str, life_seconds| SigningKey {
        kid: kid.to_owned(),
        private: vec![0, 255, 7],
        created_at: 8,
        life_seconds,
    };
    for (kid, life_seconds) in [("a", 60), ("b", 60), ("a", 600), ("b", 5)] {
        store.put_key(key(kid, life_seconds)).await.unwrap();
    }
    store.put_key(SigningKey { private: vec![1], created_at: 9, ..key("b", 1) }).await.unwrap();
    let mut keys = store.keys().await.unwrap();
    keys.sort_by(|one, other| one.kid.cmp(&other.kid));
    assert_eq!(keys, [key("a", 600), key("b", 60)], "only the life changes, and only upwards");
    store.delete_key("a").await.unwrap();
    store.delete_key("a").await.unwrap();
    assert_eq!(store.keys().await.unwrap(), [key("b", 60)]);

    users_are_put_by_revision(&store).await;

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

    assert_eq!(store.session(id(20)).await.unwrap(), Some(session(20, 2)));
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
    sessions_begin_and_end_with_their_user(&store).await;
}

/// Leaves users 1 (with an address), 2 and 3.
async fn users_are_put_by_revision(store: &AuthBackend) {
    let ann = user(1, Some("ann@example.org"));
    store.put_user(ann.clone()).await.unwrap().unwrap();
    store.put_user(user(2, None)).await.unwrap().unwrap();
    store.put_user(user(3, None)).await.unwrap().unwrap();
    let kept = AuthUserRow { revision: 1, ..ann };
    assert_eq!(store.user(kept.id).await.unwrap(), Some(kept.clone()));
    assert_eq!(store.user_by_email("ann@example.org").await.unwrap(), Some(kept.clone()));
    assert_eq!(store.user_by_email("bob@example.org").await.unwrap(), None);

    let two = AuthUserRow { revision: 1, ..user(2, None) };
    let thief = AuthUserRow { email: kept.email.clone(), ..two.clone() };
    assert_eq!(store.put_user(thief).await.unwrap(), Err(NotPut::EmailTaken));
    assert_eq!(store.put_user(user(4, Some("ann@example.org"))).await.unwrap(), Err(NotPut::EmailTaken));
    assert_eq!(store.user(two.id).await.unwrap(), Some(two), "nothing was changed");
    assert_eq!(store.user(Uuid::from_u128(4)).await.unwrap(), None);

    let race = (0..8).map(|n| store.put_user(AuthUserRow { updated_at: n, ..kept.clone() }));
    let won = futures_util::future::join_all(race).await.into_iter().filter(|r| r.as_ref().unwrap().is_ok()).count();
    assert_eq!(won, 1, "one of many that read the same row puts it back");
    for stale in [0, 1, 3] {
        let put = store.put_user(AuthUserRow { revision: stale, updated_at: 77, ..kept.clone() }).await.unwrap();
        assert_eq!(put, Err(NotPut::Changed), "revision {stale}");
    }
    let renamed = AuthUserRow { email: Some("new@example.org".into()), revision: 2, ..kept };
    store.put_user(renamed).await.unwrap().unwrap();
    assert_eq!(store.user_by_email("ann@example.org").await.unwrap(), None);
    assert_eq!(store.user_by_email("new@example.org").await.unwrap().map(|u| u.revision), Some(3));
}

async fn alive(store: &AuthBackend, sessions: &[u128]) -> Vec<u128> {
    let mut alive = Vec::new();
    for n in sessions {
        if store.session(Uuid::from_u128(*n)).await.unwrap().is_some() {
            alive.push(*n);
        }
    }
    alive
}

async fn sessions_begin_and_end_with_their_user(store: &AuthBackend) {
    let sessions = [50, 51, 52, 53, 54, 60];
    let bob = user(5, Some("bob@example.org"));
    let begins = |id| UserChange { begins: Some(session(id, 5)), ..bob.clone().into() };
    store.put_user(begins(50)).await.unwrap().unwrap();
    assert_eq!(store.session(Uuid::from_u128(50)).await.unwrap(), Some(session(50, 5)));
    store.put_user(user(6, None)).await.unwrap().unwrap();
    store.put_session(session(60, 6)).await.unwrap();

    let other = AuthUserRow { updated_at: 9, ..bob.clone() };
    let again = UserChange { user: other, ..begins(54) };
    assert_eq!(store.put_user(again).await.unwrap(), Err(NotPut::Changed), "there is such a user");
    let taken = UserChange { begins: Some(session(54, 7)), ..user(7, Some("bob@example.org")).into() };
    assert_eq!(store.put_user(taken).await.unwrap(), Err(NotPut::EmailTaken));
    assert_eq!(alive(store, &sessions).await, [50, 60], "nothing begins with a change that is not made");

    let at = |revision, change: UserChange| UserChange { user: AuthUserRow { revision, ..bob.clone() }, ..change };
    store.put_user(at(1, begins(51))).await.unwrap().unwrap();
    assert_eq!(store.session(Uuid::from_u128(51)).await.unwrap(), Some(session(51, 5)));
    let ends = |but: Option<u128>| UserChange { ends: Ends::AllBut(but.map(Uuid::from_u128)), ..bob.clone().into() };
    assert_eq!(store.put_user(at(1, ends(None))).await.unwrap(), Err(NotPut::Changed));
    assert_eq!(alive(store, &sessions).await, [50, 51, 60]);
    store.put_user(at(2, ends(Some(51)))).await.unwrap().unwrap();
    assert_eq!(alive(store, &sessions).await, [51, 60]);
    store.put_user(at(3, ends(None))).await.unwrap().unwrap();
    assert_eq!(alive(store, &sessions).await, [60]);

    store.put_user(at(4, begins(52))).await.unwrap().unwrap();
    assert!(store.delete_user(bob.id).await.unwrap());
    assert!(!store.delete_user(bob.id).await.unwrap(), "it is gone");
    assert_eq!((store.user(bob.id).await.unwrap(), alive(store, &sessions).await), (None, vec![60]));
    assert_eq!(store.user_by_email("bob@example.org").await.unwrap(), None);
    assert_eq!(store.put_user(at(5, begins(53))).await.unwrap(), Err(NotPut::Changed), "it does not come back");
    assert_eq!(alive(store, &sessions).await, [60]);
    store.put_user(user(8, Some("bob@example.org"))).await.unwrap().unwrap();
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
