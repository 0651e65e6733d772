//! Users, sessions and signing keys of the embedded sign-in, in tables of their own that only a role of their own reaches. What is
//! decided about them is in `auth`.

use std::sync::Arc;

use tokio_postgres::Row;
use uuid::Uuid;

use super::faults::Fault;
use super::transaction::{Access, Acting, Parameters};
use super::{PostgresStorage, rows, sql};
use crate::auth::keys::SigningKey;
use crate::auth::store::{AuthSession, AuthUserRow, Ends, NotPut, SignInMethod, UserChange};
use crate::storage::columns::from_json;
use crate::storage::{StorageError, UserId};

/// Users and sessions in PostgreSQL. Cloning gives another handle.
#[derive(Debug, Clone)]
pub struct PostgresAuth {
    storage: PostgresStorage,
}

type Stored<T> = Result<T, StorageError>;

/// One statement that changes something, in a transaction of its own.
async fn change(storage: &PostgresStorage, sql: &sql::Sql, parameters: Parameters<'_>) -> Result<u64, Fault> {
    let tx = storage.transaction().await?;
    let done = tokio::try_join!(biased;
        tx.begin(Acting::Accounts, Access::ReadWrite),
        tx.run(sql, parameters),
        tx.commit(),
    );
    tx.end(done.map(|(_, count, _)| count)).await
}

/// One statement that gives rows, in a transaction of its own.
async fn rows_of(
    storage: &PostgresStorage,
    access: Access,
    sql: &sql::Sql,
    parameters: Parameters<'_>,
) -> Result<Vec<Row>, Fault> {
    let tx = storage.transaction().await?;
    let done = tokio::try_join!(biased; tx.begin(Acting::Accounts, access), tx.rows(sql, parameters), tx.commit());
    tx.end(done.map(|(_, rows, _)| rows)).await
}

/// One statement that reads.
async fn find(storage: &PostgresStorage, sql: &sql::Sql, parameters: Parameters<'_>) -> Result<Vec<Row>, Fault> {
    rows_of(storage, Access::Snapshot, sql, parameters).await
}

/// A session that begins, each part nothing if there is none.
struct Begun<'a> {
    id: Option<Uuid>,
    key: Option<&'a [u8]>,
    refreshed_at: Option<i64>,
    method: Option<&'static str>,
    signed_in_at: Option<i64>,
}

impl<'a> Begun<'a> {
    fn of(session: Option<&'a AuthSession>) -> Self {
        Self {
            id: session.map(|s| s.id),
            key: session.map(|s| &*s.key),
            refreshed_at: session.map(|s| s.refreshed_at),
            method: session.map(|s| s.method.as_str()),
            signed_in_at: session.map(|s| s.signed_in_at),
        }
    }
}

async fn make(storage: &PostgresStorage, change: &UserChange) -> Result<Vec<Row>, Fault> {
    let (u, metadata) = (&change.user, change.user.metadata.to_string());
    let begun = Begun::of(change.begins.as_ref());
    let all: Parameters<'_> = &[
        &u.id,
        &u.email,
        &u.password_hash,
        &u.is_anonymous,
        &metadata,
        &u.created_at,
        &u.updated_at,
        &u.last_sign_in_at,
        &begun.id,
        &begun.key,
        &begun.refreshed_at,
        &begun.method,
        &begun.signed_in_at,
    ];
    rows_of(storage, Access::ReadWrite, &sql::MAKE_ACCOUNT, all).await
}

async fn replace(storage: &PostgresStorage, change: &UserChange) -> Result<Vec<Row>, Fault> {
    let (u, metadata) = (&change.user, change.user.metadata.to_string());
    let begun = Begun::of(change.begins.as_ref());
    let (ends, kept) = match change.ends {
        Ends::None => (false, None),
        Ends::AllBut(kept) => (true, kept),
    };
    let revision = as_bigint(u.revision);
    let all: Parameters<'_> = &[
        &u.id,
        &u.email,
        &u.password_hash,
        &u.is_anonymous,
        &metadata,
        &u.created_at,
        &u.updated_at,
        &u.last_sign_in_at,
        &revision,
        &begun.id,
        &begun.key,
        &begun.refreshed_at,
        &begun.method,
        &begun.signed_in_at,
        &ends,
        &kept,
    ];
    rows_of(storage, Access::ReadWrite, &sql::CHANGE_ACCOUNT, all).await
}

/// A key of a new account is taken. Ids are random, so an account with this id is this one, whose commit was not answered.
async fn made_before(storage: &PostgresStorage, change: &UserChange) -> Result<Result<(), NotPut>, Fault> {
    let found = find(storage, &sql::ACCOUNT, &[&change.user.id]).await?;
    let Some(row) = found.first() else { return Ok(Err(NotPut::EmailTaken)) };
    let same = AuthUserRow { revision: 1, ..change.user.clone() };
    Ok(if user_of(row)? == same { Ok(()) } else { Err(NotPut::Changed) })
}

impl PostgresAuth {
    pub(super) fn new(storage: PostgresStorage) -> Self {
        Self { storage }
    }

    pub(crate) async fn secret(&self) -> Stored<Option<Vec<u8>>> {
        let attempt = move |storage: PostgresStorage| async move {
            let found = find(&storage, &sql::SECRET, &[&"jwt"]).await?;
            Ok(found.first().map(|row| rows::get(row, 0)).transpose()?)
        };
        self.storage.again(attempt).await
    }

    pub(crate) async fn delete_secret(&self) -> Stored<()> {
        let attempt = move |storage: PostgresStorage| async move {
            change(&storage, &sql::DELETE_SECRET, &[&"jwt"]).await.map(drop)
        };
        self.storage.again(attempt).await
    }

    pub(crate) async fn keys(&self) -> Stored<Vec<SigningKey>> {
        let attempt = move |storage: PostgresStorage| async move {
            let found = find(&storage, &sql::KEYS, &[]).await?;
            Ok(found.iter().map(key_of).collect::<Stored<_>>()?)
        };
        self.storage.again(attempt).await
    }

    pub(crate) async fn put_key(&self, key: SigningKey) -> Stored<()> {
        let key = Arc::new(key);
        let attempt = move |storage: PostgresStorage| {
            let key = Arc::clone(&key);
            async move {
                let life_seconds = as_bigint(key.life_seconds);
                let all: Parameters<'_> = &[&key.kid, &key.private, &key.created_at, &life_seconds];
                change(&storage, &sql::PUT_KEY, all).await.map(drop)
            }
        };
        self.storage.again(attempt).await
    }

    pub(crate) async fn delete_key(&self, kid: String) -> Stored<()> {
        let kid = Arc::new(kid);
        let attempt = move |storage: PostgresStorage| {
            let kid = Arc::clone(&kid);
            async move { change(&storage, &sql::DELETE_KEY, &[&*kid]).await.map(drop) }
        };
        self.storage.again(attempt).await
    }

    pub(crate) async fn put_user(&self, change: UserChange) -> Stored<Result<(), NotPut>> {
        let change = Arc::new(change);
        let attempt = move |storage: PostgresStorage| {
            let change = Arc::clone(&change);
            async move {
                let is_new = change.user.revision == 0;
                let put = if is_new { make(&storage, &change).await } else { replace(&storage, &change).await };
                match put {
                    Ok(rows) if rows.is_empty() => Ok(Err(NotPut::Changed)),
                    Ok(_) => Ok(Ok(())),
                    Err(fault) if fault.key_taken && is_new => made_before(&storage, &change).await,
                    Err(fault) if fault.key_taken => Ok(Err(NotPut::EmailTaken)),
                    Err(fault) => Err(fault),
                }
            }
        };
        self.storage.again(attempt).await
    }

    pub(crate) async fn delete_user(&self, id: UserId) -> Stored<bool> {
        let attempt = move |storage: PostgresStorage| async move {
            // Sessions go with their account.
            Ok(change(&storage, &sql::DELETE_ACCOUNT, &[&id]).await? > 0)
        };
        self.storage.again(attempt).await
    }

    pub(crate) async fn user(&self, id: UserId) -> Stored<Option<AuthUserRow>> {
        let attempt = move |storage: PostgresStorage| async move {
            let found = find(&storage, &sql::ACCOUNT, &[&id]).await?;
            Ok(found.first().map(user_of).transpose()?)
        };
        self.storage.again(attempt).await
    }

    pub(crate) async fn user_by_email(&self, email: String) -> Stored<Option<AuthUserRow>> {
        // Not storable in PostgreSQL, so nobody has it.
        if email.contains('\0') {
            return Ok(None);
        }
        let email = Arc::new(email);
        let attempt = move |storage: PostgresStorage| {
            let email = Arc::clone(&email);
            async move {
                let found = find(&storage, &sql::ACCOUNT_BY_EMAIL, &[&*email]).await?;
                Ok(found.first().map(user_of).transpose()?)
            }
        };
        self.storage.again(attempt).await
    }

    pub(crate) async fn put_session(&self, session: AuthSession) -> Stored<()> {
        let session = Arc::new(session);
        let attempt = move |storage: PostgresStorage| {
            let s = Arc::clone(&session);
            async move {
                let counter = as_bigint(s.counter);
                let all: Parameters<'_> =
                    &[&s.id, &s.user_id, &s.key, &counter, &s.refreshed_at, &s.method.as_str(), &s.signed_in_at];
                match change(&storage, &sql::PUT_SESSION, all).await {
                    // Ids are random: one that is there is this one, whose commit was not answered.
                    Err(fault) if !fault.key_taken => Err(fault),
                    _ => Ok(()),
                }
            }
        };
        self.storage.again(attempt).await
    }

    pub(crate) async fn session(&self, id: Uuid) -> Stored<Option<AuthSession>> {
        let attempt = move |storage: PostgresStorage| async move {
            let found = find(&storage, &sql::SESSION, &[&id]).await?;
            Ok(found.first().map(session_of).transpose()?)
        };
        self.storage.again(attempt).await
    }

    pub(crate) async fn advance(&self, id: Uuid, from: u64, now: i64) -> Stored<bool> {
        let from = as_bigint(from);
        let attempt = move |storage: PostgresStorage| async move {
            Ok(change(&storage, &sql::ADVANCE, &[&id, &from, &now]).await? > 0)
        };
        self.storage.again(attempt).await
    }

    pub(crate) async fn end_session(&self, id: Uuid) -> Stored<()> {
        let attempt =
            move |storage: PostgresStorage| async move { change(&storage, &sql::END_SESSION, &[&id]).await.map(drop) };
        self.storage.again(attempt).await
    }

    pub(crate) async fn end_sessions(&self, user: UserId, except: Option<Uuid>) -> Stored<()> {
        let attempt = move |storage: PostgresStorage| async move {
            change(&storage, &sql::END_SESSIONS, &[&user, &except]).await.map(drop)
        };
        self.storage.again(attempt).await
    }
}

/// Numbers that no 64-bit column can hold: counters of no session, lives without an end.
fn as_bigint(counter: u64) -> i64 {
    i64::try_from(counter).unwrap_or(i64::MAX)
}

fn key_of(row: &Row) -> Stored<SigningKey> {
    let life_seconds: i64 = rows::get(row, 3)?;
    Ok(SigningKey {
        kid: rows::get(row, 0)?,
        private: rows::get(row, 1)?,
        created_at: rows::get(row, 2)?,
        life_seconds: u64::try_from(life_seconds).unwrap_or(0),
    })
}

fn user_of(row: &Row) -> Stored<AuthUserRow> {
    Ok(AuthUserRow {
        id: rows::get(row, 0)?,
        email: rows::get(row, 1)?,
        password_hash: rows::get(row, 2)?,
        is_anonymous: rows::get(row, 3)?,
        metadata: from_json(rows::get(row, 4)?, "metadata of a user")?,
        created_at: rows::get(row, 5)?,
        updated_at: rows::get(row, 6)?,
        last_sign_in_at: rows::get(row, 7)?,
        revision: u64::try_from(rows::get::<i64>(row, 8)?).unwrap_or(0),
    })
}

fn session_of(row: &Row) -> Stored<AuthSession> {
    let counter: i64 = rows::get(row, 3)?;
    let method: String = rows::get(row, 5)?;
    Ok(AuthSession {
        id: rows::get(row, 0)?,
        user_id: rows::get(row, 1)?,
        key: rows::get(row, 2)?,
        counter: u64::try_from(counter).unwrap_or(0),
        refreshed_at: rows::get(row, 4)?,
        method: SignInMethod::from_stored(&method),
        signed_in_at: rows::get(row, 6)?,
    })
}
