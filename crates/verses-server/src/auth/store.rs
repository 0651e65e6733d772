//! Where users, sessions and signing keys are kept: memory here, SQLite in `sqlite`, PostgreSQL beside its storage. Deciding is in `service`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::keys::SigningKey;
use super::sqlite::SqliteAuth;
use crate::storage::postgres::PostgresAuth;
use crate::storage::sqlite::Database;
use crate::storage::{StorageError, UserId};

/// A user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuthUserRow {
    /// Id.
    pub id: UserId,
    /// Lower case; `None` for an anonymous user.
    pub email: Option<String>,
    /// Argon2id in PHC form; never leaves the server.
    pub password_hash: Option<String>,
    /// Whether the user has no credentials yet.
    pub is_anonymous: bool,
    /// What the user said of themself: a JSON object.
    pub metadata: Value,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch.
    pub updated_at: i64,
    /// Milliseconds since the epoch.
    pub last_sign_in_at: Option<i64>,
    /// How often the row was written: 0 before it ever was. A row that was read is put back only if nobody else put it
    /// meanwhile, whichever process that was.
    pub revision: u64,
}

impl AuthUserRow {
    /// How the user signs in, as clients read it.
    #[must_use]
    pub fn app_metadata(&self) -> Value {
        if self.is_anonymous { json!({}) } else { json!({ "provider": "email", "providers": ["email"] }) }
    }
}

/// A session of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthSession {
    /// Id; in the access token's `session_id`.
    pub id: Uuid,
    /// Whose.
    pub user_id: UserId,
    /// Signs the session's refresh tokens.
    pub key: Vec<u8>,
    /// Counter of the newest refresh token.
    pub counter: u64,
    /// When the counter last went on, milliseconds since the epoch.
    pub refreshed_at: i64,
    /// How it began.
    pub method: SignInMethod,
    /// When it began, milliseconds since the epoch.
    pub signed_in_at: i64,
}

/// How a session began, as tokens say it in `amr`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInMethod {
    /// With e-mail and password.
    Password,
    /// Without anything.
    Anonymous,
}

impl SignInMethod {
    /// As Supabase writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Anonymous => "anonymous",
        }
    }

    pub(crate) fn from_stored(text: &str) -> Self {
        if text == "anonymous" { Self::Anonymous } else { Self::Password }
    }
}

/// A change of a user and of the user's sessions: all of it is made, or nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct UserChange {
    /// The user as it is to be, with the revision it was read with; a new one has revision 0.
    pub user: AuthUserRow,
    /// A session that begins.
    pub begins: Option<AuthSession>,
    /// Sessions that end.
    pub ends: Ends,
}

/// Which sessions of a user end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// None.
    None,
    /// All but this one, if there is one.
    AllBut(Option<Uuid>),
}

impl From<AuthUserRow> for UserChange {
    fn from(user: AuthUserRow) -> Self {
        Self { user, begins: None, ends: Ends::None }
    }
}

/// Why a change of a user was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotPut {
    /// The e-mail address belongs to another user.
    EmailTaken,
    /// The row was put by somebody else, or deleted, since it was read: read it again and decide again.
    Changed,
}

/// Users and sessions, in memory or in a database. Cloning gives another handle.
#[derive(Debug, Clone)]
pub enum AuthBackend {
    /// Nothing is kept.
    Memory(MemoryAuth),
    /// In tables beside the verses.
    Sqlite(SqliteAuth),
    /// The same in PostgreSQL.
    Postgres(PostgresAuth),
}

/// Users and sessions in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryAuth(Arc<Mutex<MemoryState>>);

#[derive(Debug, Default)]
struct MemoryState {
    users: BTreeMap<UserId, AuthUserRow>,
    sessions: BTreeMap<Uuid, AuthSession>,
    keys: BTreeMap<String, SigningKey>,
}

impl MemoryState {
    fn put_user(&mut self, change: UserChange) -> Result<(), NotPut> {
        let UserChange { mut user, begins, ends } = change;
        if self.users.get(&user.id).map_or(0, |u| u.revision) != user.revision {
            return Err(NotPut::Changed);
        }
        if user.email.is_some() && self.users.values().any(|u| u.id != user.id && u.email == user.email) {
            return Err(NotPut::EmailTaken);
        }
        user.revision += 1;
        if let Ends::AllBut(kept) = ends {
            self.sessions.retain(|id, s| s.user_id != user.id || Some(*id) == kept);
        }
        self.sessions.extend(begins.map(|session| (session.id, session)));
        self.users.insert(user.id, user);
        Ok(())
    }
}

impl MemoryAuth {
    fn state(&self) -> MutexGuard<'_, MemoryState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Stored<T> = Result<T, StorageError>;

impl AuthBackend {
    /// Users and sessions that end with the process.
    #[must_use]
    pub fn memory() -> Self {
        Self::Memory(MemoryAuth::default())
    }

    /// Users and sessions in tables of this database.
    ///
    /// # Errors
    /// Errors of the database.
    pub fn sqlite(database: Database) -> Stored<Self> {
        Ok(Self::Sqlite(SqliteAuth::open(database)?))
    }

    /// The secret that signed tokens before there were keys, if there was one.
    ///
    /// # Errors
    /// Errors of the database; so for all the others here.
    pub async fn secret(&self) -> Stored<Option<Vec<u8>>> {
        match self {
            Self::Memory(_) => Ok(None),
            Self::Sqlite(sqlite) => sqlite.secret().await,
            Self::Postgres(postgres) => postgres.secret().await,
        }
    }

    /// Forgets that secret.
    ///
    /// # Errors
    /// As [`Self::secret`].
    pub async fn delete_secret(&self) -> Stored<()> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Sqlite(sqlite) => sqlite.delete_secret().await,
            Self::Postgres(postgres) => postgres.delete_secret().await,
        }
    }

    /// The keys that sign tokens, in any order.
    ///
    /// # Errors
    /// As [`Self::secret`].
    pub async fn keys(&self) -> Stored<Vec<SigningKey>> {
        match self {
            Self::Memory(memory) => Ok(memory.state().keys.values().cloned().collect()),
            Self::Sqlite(sqlite) => sqlite.keys().await,
            Self::Postgres(postgres) => postgres.keys().await,
        }
    }

    /// Inserts a key. Of one that is there, only the life of its tokens changes, and only upwards.
    ///
    /// # Errors
    /// As [`Self::secret`].
    pub async fn put_key(&self, key: SigningKey) -> Stored<()> {
        match self {
            Self::Memory(memory) => {
                let life_seconds = key.life_seconds;
                let mut state = memory.state();
                let kept = state.keys.entry(key.kid.clone()).or_insert(key);
                kept.life_seconds = kept.life_seconds.max(life_seconds);
                Ok(())
            }
            Self::Sqlite(sqlite) => sqlite.put_key(key).await,
            Self::Postgres(postgres) => postgres.put_key(key).await,
        }
    }

    /// Forgets a key.
    ///
    /// # Errors
    /// As [`Self::secret`].
    pub async fn delete_key(&self, kid: &str) -> Stored<()> {
        match self {
            Self::Memory(memory) => {
                memory.state().keys.remove(kid);
                Ok(())
            }
            Self::Sqlite(sqlite) => sqlite.delete_key(kid.to_owned()).await,
            Self::Postgres(postgres) => postgres.delete_key(kid.to_owned()).await,
        }
    }

    /// Inserts a user (revision 0), or replaces the one with this revision; begins and ends sessions with it.
    ///
    /// # Errors
    /// As [`Self::secret`]; the inner error when nothing was changed, with the reason.
    pub async fn put_user(&self, change: impl Into<UserChange>) -> Stored<Result<(), NotPut>> {
        let change = change.into();
        match self {
            Self::Memory(memory) => Ok(memory.state().put_user(change)),
            Self::Sqlite(sqlite) => sqlite.put_user(change).await,
            Self::Postgres(postgres) => postgres.put_user(change).await,
        }
    }

    /// Deletes a user and all sessions of the user; `false` if there is none.
    ///
    /// # Errors
    /// As [`Self::secret`].
    pub async fn delete_user(&self, id: UserId) -> Stored<bool> {
        match self {
            Self::Memory(memory) => {
                let mut state = memory.state();
                state.sessions.retain(|_, s| s.user_id != id);
                Ok(state.users.remove(&id).is_some())
            }
            Self::Sqlite(sqlite) => sqlite.delete_user(id).await,
            Self::Postgres(postgres) => postgres.delete_user(id).await,
        }
    }

    /// A user by id.
    ///
    /// # Errors
    /// As [`Self::secret`].
    pub async fn user(&self, id: UserId) -> Stored<Option<AuthUserRow>> {
        match self {
            Self::Memory(memory) => Ok(memory.state().users.get(&id).cloned()),
            Self::Sqlite(sqlite) => sqlite.user(id).await,
            Self::Postgres(postgres) => postgres.user(id).await,
        }
    }

    /// A user by e-mail address, lower case.
    ///
    /// # Errors
    /// As [`Self::secret`].
    pub async fn user_by_email(&self, email: &str) -> Stored<Option<AuthUserRow>> {
        match self {
            Self::Memory(memory) => {
                Ok(memory.state().users.values().find(|u| u.email.as_deref() == Some(email)).cloned())
            }
            Self::Sqlite(sqlite) => sqlite.user_by_email(email.to_owned()).await,
            Self::Postgres(postgres) => postgres.user_by_email(email.to_owned()).await,
        }
    }

    /// Inserts a session.
    ///
    /// # Errors
    /// As [`Self::secret`].
    pub async fn put_session(&self, session: AuthSession) -> Stored<()> {
        match self {
            Self::Memory(memory) => {
                memory.state().sessions.insert(session.id, session);
                Ok(())
            }
            Self::Sqlite(sqlite) => sqlite.put_session(session).await,
            Self::Postgres(postgres) => postgres.put_session(session).await,
        }
    }

    /// A session.
    ///
    /// # Errors
    /// As [`Self::secret`].
    pub async fn session(&self, id: Uuid) -> Stored<Option<AuthSession>> {
        match self {
            Self::Memory(memory) => Ok(memory.state().sessions.get(&id).cloned()),
            Self::Sqlite(sqlite) => sqlite.session(id).await,
            Self::Postgres(postgres) => postgres.session(id).await,
        }
    }

    /// Moves a session's counter from `from` to `from + 1`; `false` if it has moved already.
    ///
    /// # Errors
    /// As [`Self::secret`].
    pub async fn advance(&self, id: Uuid, from: u64, now: i64) -> Stored<bool> {
        match self {
            Self::Memory(memory) => {
                let mut state = memory.state();
                let Some(session) = state.sessions.get_mut(&id).filter(|s| s.counter == from) else { return Ok(false) };
                session.counter += 1;
                session.refreshed_at = now;
                Ok(true)
            }
            Self::Sqlite(sqlite) => sqlite.advance(id, from, now).await,
            Self::Postgres(postgres) => postgres.advance(id, from, now).await,
        }
    }

    /// Ends one session.
    ///
    /// # Errors
    /// As [`Self::secret`].
    pub async fn end_session(&self, id: Uuid) -> Stored<()> {
        match self {
            Self::Memory(memory) => {
                memory.state().sessions.remove(&id);
                Ok(())
            }
            Self::Sqlite(sqlite) => sqlite.end_session(id).await,
            Self::Postgres(postgres) => postgres.end_session(id).await,
        }
    }

    /// Ends all sessions of a user but one.
    ///
    /// # Errors
    /// As [`Self::secret`].
    pub async fn end_sessions(&self, user: UserId, except: Option<Uuid>) -> Stored<()> {
        match self {
            Self::Memory(memory) => {
                memory.state().sessions.retain(|id, s| s.user_id != user || Some(*id) == except);
                Ok(())
            }
            Self::Sqlite(sqlite) => sqlite.end_sessions(user, except).await,
            Self::Postgres(postgres) => postgres.end_sessions(user, except).await,
        }
    }
}
