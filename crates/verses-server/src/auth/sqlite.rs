//! Users, sessions and signing keys in SQLite, in tables of their own beside the verses.

use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::keys::SigningKey;
use super::store::{AuthSession, AuthUserRow, Ends, NotPut, SignInMethod, UserChange};
use crate::storage::sqlite::{Database, Migration};
use crate::storage::{StorageError, UserId};

static MIGRATIONS: [Migration; 3] = [FIRST, KEYS, REVISIONS];

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

const KEYS: Migration = Migration {
    version: 2,
    name: "signing keys",
    sql: "
        create table auth_keys (
            kid text primary key, private blob not null, created_at integer not null, life_seconds integer not null
        ) strict, without rowid;
        alter table auth_sessions add column method text not null default 'password';
        alter table auth_sessions add column signed_in_at integer not null default 0;
        update auth_sessions set signed_in_at = refreshed_at;
        update auth_sessions set method = 'anonymous' where user_id in (select id from auth_users where is_anonymous = 1);
    ",
};

const REVISIONS: Migration = Migration {
    version: 3,
    name: "revisions of users",
    sql: "alter table auth_users add column revision integer not null default 1;",
};

const USER_COLUMNS: &str = "id, email, password_hash, is_anonymous, metadata, created_at, updated_at, last_sign_in_at, revision from auth_users";

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

    pub(super) async fn secret(&self) -> Stored<Option<Vec<u8>>> {
        let sql = "select value from auth_secrets where name = 'jwt'";
        self.database.read(move |c| Ok(c.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?)).await
    }

    pub(super) async fn delete_secret(&self) -> Stored<()> {
        let sql = "delete from auth_secrets where name = 'jwt'";
        self.database.write(move |c| Ok(c.execute(sql, []).map(drop)?)).await
    }

    pub(super) async fn keys(&self) -> Stored<Vec<SigningKey>> {
        let read = self.database.read(|c| {
            let mut keys = c.prepare_cached("select kid, private, created_at, life_seconds from auth_keys")?;
            let found = keys.query_map([], key_row)?.collect::<rusqlite::Result<_>>()?;
            Ok(found)
        });
        read.await
    }

    pub(super) async fn put_key(&self, key: SigningKey) -> Stored<()> {
        let write = self.database.write(move |c| {
            let life_seconds = i64::try_from(key.life_seconds).unwrap_or(i64::MAX);
            let sql = "insert into auth_keys (kid, private, created_at, life_seconds) values (?1, ?2, ?3, ?4)
                 on conflict (kid) do update set life_seconds = max(life_seconds, excluded.life_seconds)";
            c.execute(sql, params![key.kid, key.private, key.created_at, life_seconds])?;
            Ok(())
        });
        write.await
    }

    pub(super) async fn delete_key(&self, kid: String) -> Stored<()> {
        self.database.write(move |c| Ok(c.execute("delete from auth_keys where kid = ?1", [kid]).map(drop)?)).await
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
            let sql = "select id, user_id, key, counter, refreshed_at, method, signed_in_at
                 from auth_sessions where id = ?1";
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
    c.prepare_cached(
        "insert into auth_sessions (id, user_id, key, counter, refreshed_at, method, signed_in_at)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        session.id.to_string(),
        session.user_id.to_string(),
        session.key,
        counter,
        session.refreshed_at,
        session.method.as_str(),
        session.signed_in_at
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

fn key_row(row: &Row<'_>) -> rusqlite::Result<SigningKey> {
    let life_seconds: i64 = row.get(3)?;
    Ok(SigningKey {
        kid: row.get(0)?,
        private: row.get(1)?,
        created_at: row.get(2)?,
        life_seconds: u64::try_from(life_seconds).unwrap_or(0),
    })
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
    let method: String = row.get(5)?;
    Ok(AuthSession {
        id: id_at(row, 0)?,
        user_id: id_at(row, 1)?,
        key: row.get(2)?,
        counter: u64::try_from(counter).unwrap_or(0),
        refreshed_at: row.get(4)?,
        method: SignInMethod::from_stored(&method),
        signed_in_at: row.get(6)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_database_of_the_first_version_keeps_its_users_sessions_and_secret() {
        let database = Database::open_in_memory().unwrap();
        database.migrate("auth", &MIGRATIONS[..1]).unwrap();
        let before = "
            insert into auth_users values
                ('00000000-0000-0000-0000-000000000001', 'ann@example.org', 'a hash', 0, '{}', 1, 2, 3),
                ('00000000-0000-0000-0000-000000000002', null, null, 1, '{}', 1, 2, 3);
            insert into auth_sessions values
                ('00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-000000000001', x'01', 4, 5000),
                ('00000000-0000-0000-0000-00000000000b', '00000000-0000-0000-0000-000000000002', x'02', 6, 7000);
            insert into auth_secrets values ('jwt', x'0708');";
        database.write(move |c| Ok(c.execute_batch(before)?)).await.unwrap();

        let auth = SqliteAuth::open(database.clone()).unwrap();
        let ann = auth.session(Uuid::from_u128(10)).await.unwrap().unwrap();
        assert_eq!((ann.counter, ann.method, ann.signed_in_at), (4, SignInMethod::Password, 5_000));
        let guest = auth.session(Uuid::from_u128(11)).await.unwrap().unwrap();
        assert_eq!((guest.counter, guest.method, guest.signed_in_at), (6, SignInMethod::Anonymous, 7_000));
        assert_eq!(auth.secret().await.unwrap(), Some(vec![7, 8]));
        assert_eq!(auth.keys().await.unwrap(), []);
        auth.delete_secret().await.unwrap();
        assert_eq!(auth.secret().await.unwrap(), None);
        SqliteAuth::open(database).unwrap();
    }
}
