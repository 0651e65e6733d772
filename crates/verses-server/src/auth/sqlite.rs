//! Users and sessions in SQLite, in tables of their own beside the verses.

use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::store::{AuthSession, AuthUserRow, Ends, NotPut, UserChange};
use crate::storage::sqlite::{Database, Migration};
use crate::storage::{StorageError, UserId};

static MIGRATIONS: [Migration; 2] = [FIRST, REVISIONS];

const FIRST: Migration = Migration {
    version: 1,
    name: "users and sessions",
    sql: "
        create table auth_users (
            id text primary key, email text unique, password_hash text, is_anonymous integer not null,
            metadata text not null, created_at integer not null, updated_at integer not null, last_sign_in_at integer
        ) strict, without rowid;
        create table auth_sessions (
            id text primary key, user_id text not null references auth_users(id) on delete cascade,
            key blob not null, counter integer not null, refreshed_at integer not null
        ) strict, without rowid;
        create index auth_sessions_user on auth_sessions(user_id);
        create table auth_secrets (name text primary key, value blob not null) strict, without rowid;
    ",
};

const REVISIONS: Migration = Migration {
    version: 2,
    name: "revisions of users",
    sql: "alter table auth_users add column revision integer not null default 1;",
};

const USER_COLUMNS: &str =
    "id, email, password_hash, is_anonymous, metadata, created_at, updated_at, last_sign_in_at, revision from auth_users";

/// Users and sessions in SQLite. Cloning gives another handle.
#[derive(Debug, Clone)]
pub struct SqliteAuth {
    database: Database,
}

type Stored<T> = Result<T, StorageError>;

impl SqliteAuth {
    /// Opens the tables, makes them if they are not there.
    ///
    /// # Errors
    /// Errors of the database.
    pub fn open(database: Database) -> Stored<Self> {
        database.migrate("auth", &MIGRATIONS)?;
        Ok(Self { database })
    }

    pub(super) async fn secret(&self, fresh: Vec<u8>) -> Stored<Vec<u8>> {
        let write = self.database.write(move |c| {
            c.execute("insert or ignore into auth_secrets (name, value) values ('jwt', ?1)", [&fresh])?;
            Ok(c.query_row("select value from auth_secrets where name = 'jwt'", [], |row| row.get(0))?)
        });
        write.await
    }

    pub(super) async fn put_user(&self, change: UserChange) -> Stored<Result<(), NotPut>> {
        let write = self.database.write(move |c| {
            let UserChange { user, begins, ends } = change;
            let id = user.id.to_string();
            if revision(c, &id)? != user.revision {
                return Ok(Err(NotPut::Changed));
            }
            let taken: bool = c
                .prepare_cached("select exists (select 1 from auth_users where email = ?1 and id <> ?2)")?
                .query_row(params![user.email, id], |row| row.get(0))?;
            if taken {
                return Ok(Err(NotPut::EmailTaken));
            }
            write_user(c, &user)?;
            if let Ends::AllBut(kept) = ends {
                end_sessions(c, &id, kept)?;
            }
            if let Some(session) = begins {
                insert_session(c, &session)?;
            }
            Ok(Ok(()))
        });
        write.await
    }

    pub(super) async fn delete_user(&self, id: UserId) -> Stored<bool> {
        let write = self.database.write(move |c| {
            end_sessions(c, &id.to_string(), None)?;
            Ok(c.prepare_cached("delete from auth_users where id = ?1")?.execute([id.to_string()])? > 0)
        });
        write.await
    }

    pub(super) async fn user(&self, id: UserId) -> Stored<Option<AuthUserRow>> {
        let sql = format!("select {USER_COLUMNS} where id = ?1");
        let id = id.to_string();
        self.database.read(move |c| Ok(c.prepare_cached(&sql)?.query_row([id], user_row).optional()?)).await
    }

    pub(super) async fn user_by_email(&self, email: String) -> Stored<Option<AuthUserRow>> {
        let sql = format!("select {USER_COLUMNS} where email = ?1");
        self.database.read(move |c| Ok(c.prepare_cached(&sql)?.query_row([email], user_row).optional()?)).await
    }

    pub(super) async fn put_session(&self, session: AuthSession) -> Stored<()> {
        self.database.write(move |c| insert_session(c, &session)).await
    }

    pub(super) async fn session(&self, id: Uuid) -> Stored<Option<AuthSession>> {
        let read = self.database.read(move |c| {
            let sql = "select id, user_id, key, counter, refreshed_at from auth_sessions where id = ?1";
            Ok(c.prepare_cached(sql)?.query_row([id.to_string()], session_row).optional()?)
        });
        read.await
    }

    pub(super) async fn advance(&self, id: Uuid, from: u64, now: i64) -> Stored<bool> {
        let from = i64::try_from(from).unwrap_or(i64::MAX);
        let write = self.database.write(move |c| {
            let sql =
                "update auth_sessions set counter = counter + 1, refreshed_at = ?3 where id = ?1 and counter = ?2";
            Ok(c.prepare_cached(sql)?.execute(params![id.to_string(), from, now])? > 0)
        });
        write.await
    }

    pub(super) async fn end_session(&self, id: Uuid) -> Stored<()> {
        let write = self.database.write(move |c| {
            c.prepare_cached("delete from auth_sessions where id = ?1")?.execute([id.to_string()])?;
            Ok(())
        });
        write.await
    }

    pub(super) async fn end_sessions(&self, user: UserId, except: Option<Uuid>) -> Stored<()> {
        self.database.write(move |c| end_sessions(c, &user.to_string(), except)).await
    }
}

/// The revision of a user; 0 if there is none.
fn revision(c: &Connection, id: &str) -> Stored<u64> {
    let sql = "select revision from auth_users where id = ?1";
    let found: Option<i64> = c.prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()?;
    Ok(u64::try_from(found.unwrap_or(0)).unwrap_or(0))
}

fn write_user(c: &Connection, user: &AuthUserRow) -> Stored<()> {
    c.prepare_cached(
        "insert into auth_users (id, email, password_hash, is_anonymous, metadata, created_at, updated_at, last_sign_in_at, revision)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1)
         on conflict (id) do update set email = excluded.email, password_hash = excluded.password_hash,
           is_anonymous = excluded.is_anonymous, metadata = excluded.metadata,
           created_at = excluded.created_at, updated_at = excluded.updated_at,
           last_sign_in_at = excluded.last_sign_in_at, revision = revision + 1",
    )?
    .execute(params![
        user.id.to_string(),
        user.email,
        user.password_hash,
        user.is_anonymous,
        user.metadata.to_string(),
        user.created_at,
        user.updated_at,
        user.last_sign_in_at
    ])?;
    Ok(())
}

fn insert_session(c: &Connection, session: &AuthSession) -> Stored<()> {
    let counter = i64::try_from(session.counter).unwrap_or(i64::MAX);
    c.prepare_cached("insert into auth_sessions (id, user_id, key, counter, refreshed_at) values (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            session.id.to_string(),
            session.user_id.to_string(),
            session.key,
            counter,
            session.refreshed_at
        ])?;
    Ok(())
}

fn end_sessions(c: &Connection, user: &str, except: Option<Uuid>) -> Stored<()> {
    let except = except.map(|id| id.to_string()).unwrap_or_default();
    c.prepare_cached("delete from auth_sessions where user_id = ?1 and id <> ?2")?.execute(params![user, except])?;
    Ok(())
}

fn id_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    let text: String = row.get(column)?;
    Uuid::parse_str(&text)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(e)))
}

fn user_row(row: &Row<'_>) -> rusqlite::Result<AuthUserRow> {
    let metadata: String = row.get(4)?;
    Ok(AuthUserRow {
        id: id_at(row, 0)?,
        email: row.get(1)?,
        password_hash: row.get(2)?,
        is_anonymous: row.get(3)?,
        metadata: serde_json::from_str(&metadata).unwrap_or_default(),
        created_at: row.get(5)?,
        updated_at: row.get(6)?,
        last_sign_in_at: row.get(7)?,
        revision: u64::try_from(row.get::<_, i64>(8)?).unwrap_or(0),
    })
}

fn session_row(row: &Row<'_>) -> rusqlite::Result<AuthSession> {
    let counter: i64 = row.get(3)?;
    Ok(AuthSession {
        id: id_at(row, 0)?,
        user_id: id_at(row, 1)?,
        key: row.get(2)?,
        counter: u64::try_from(counter).unwrap_or(0),
        refreshed_at: row.get(4)?,
    })
}
