//! What auth calls do: sign up, the grants, the user, sign-out. Time is an argument; HTTP is elsewhere.

use std::sync::Arc;

use rand::TryRngCore;
use serde_json::{Value, json};
use uuid::Uuid;
use verses_core::UnixMillis;
use verses_protocol::auth::Credentials;

use super::error::AuthError;
use super::passwords::{self, NewPassword, Passwords};
use super::refresh::{RefreshToken, Verdict};
use super::store::{AuthBackend, AuthSession, AuthUserRow, Ends, NotPut, UserChange};
use super::tokens::{TokenError, Tokens, Verified};
use super::user::{email_address, merge_metadata, metadata_object, user_json};

/// How often a change is decided anew because another one came in between. Each time it was another one's turn.
const CHANGE_ATTEMPTS: usize = 32;
/// Bytes of a session's key, and of a secret made at first start.
const KEY_BYTES: usize = 32;

/// What sign-out ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignOutScope {
    /// All sessions of the user.
    Global,
    /// This session.
    Local,
    /// All but this session.
    Others,
}

/// Accounts: users, sessions, tokens. Cloning gives another handle.
#[derive(Debug, Clone)]
pub struct Auth {
    store: AuthBackend,
    tokens: Arc<Tokens>,
    passwords: Passwords,
}

impl Auth {
    /// Accounts over this store. Without a secret, one is made and kept there.
    ///
    /// # Errors
    /// Errors of the database, or of the operating system's source of randomness.
    pub async fn open(store: AuthBackend, secret: Option<&str>, life_seconds: u64) -> Result<Self, AuthError> {
        let secret = match secret {
            Some(secret) => secret.as_bytes().to_vec(),
            None => store.secret(random_bytes()?.to_vec()).await?,
        };
        let tokens = Arc::new(Tokens::new(&secret, life_seconds));
        Ok(Self { store, tokens, passwords: Passwords::new()? })
    }

    /// Sign-up: with e-mail and password, or without both an anonymous user. Gives the session as clients read it.
    ///
    /// # Errors
    /// [`AuthError`].
    pub async fn sign_up(&self, credentials: Credentials, now: UnixMillis) -> Result<Value, AuthError> {
        let metadata = metadata_object(credentials.data)?;
        let (email, password_hash) = match (credentials.email.filter(|e| !e.is_empty()), credentials.password) {
            (None, Some(password)) if !password.is_empty() => {
                // Nobody could ever sign in with it: the e-mail address was forgotten.
                return Err(AuthError::Validation("missing email or phone".into()));
            }
            (None, _) => (None, None),
            (Some(email), password) => {
                let email = email_address(&email)?;
                let password = password.filter(|p| !p.is_empty());
                let password =
                    password.ok_or_else(|| AuthError::Validation("Signup requires a valid password".into()))?;
                passwords::validate(&password)?;
                (Some(email), Some(self.passwords.hash(&password).await?))
            }
        };
        let user = AuthUserRow {
            id: Uuid::new_v4(),
            is_anonymous: email.is_none(),
            email,
            password_hash,
            metadata,
            created_at: now.0,
            updated_at: now.0,
            last_sign_in_at: Some(now.0),
            revision: 0,
        };
        let session = new_session(&user, now)?;
        let change = UserChange { begins: Some(session.clone()), ..user.clone().into() };
        self.store.put_user(change).await?.map_err(|_| AuthError::UserExists)?;
        self.session_json(&user, &session, 0, now)
    }

    /// The password grant.
    ///
    /// # Errors
    /// [`AuthError`].
    pub async fn sign_in(&self, credentials: Credentials, now: UnixMillis) -> Result<Value, AuthError> {
        let email = credentials.email.filter(|e| !e.is_empty());
        let email = email.ok_or_else(|| AuthError::Validation("missing email or phone".into()))?;
        let password = credentials.password.unwrap_or_default();
        let user = self.store.user_by_email(&email.trim().to_lowercase()).await?;
        let hash = user.as_ref().and_then(|u| u.password_hash.as_deref());
        let too_long = password.len() > passwords::MAX_PASSWORD_BYTES;
        let fits = self.passwords.fits(if too_long { "" } else { &password }, hash).await?;
        let Some(mut user) = user.filter(|_| fits && !too_long) else { return Err(AuthError::InvalidCredentials) };
        // The session begins together with the row that was checked: one that has changed meanwhile is looked at again,
        // for a session of an old password must not begin after the password was changed.
        for _ in 0..CHANGE_ATTEMPTS {
            let session = new_session(&user, now)?;
            let signed_in = AuthUserRow { last_sign_in_at: Some(now.0), ..user.clone() };
            let change = UserChange { begins: Some(session.clone()), ..signed_in.clone().into() };
            if self.store.put_user(change).await?.is_ok() {
                return self.session_json(&signed_in, &session, 0, now);
            }
            let current = self.store.user(user.id).await?.filter(|u| u.password_hash == user.password_hash);
            user = current.ok_or(AuthError::InvalidCredentials)?;
        }
        Err(AuthError::Busy)
    }

    /// The refresh grant.
    ///
    /// # Errors
    /// [`AuthError::RefreshTokenNotFound`] and [`AuthError::RefreshTokenUsed`] are verdicts on the token; everything
    /// else is retryable, for clients drop the session on anything that looks like a verdict.
    pub async fn refresh(&self, token: &str, now: UnixMillis) -> Result<Value, AuthError> {
        let token = RefreshToken::read(token).ok_or(AuthError::RefreshTokenNotFound)?;
        // One concurrent refresh may move the counter between reading and advancing: then this use is a repeat.
        for _ in 0..8 {
            let session = self.store.session(token.session).await?.ok_or(AuthError::RefreshTokenNotFound)?;
            let counter = match token.judge(&session.key, session.counter, session.refreshed_at, now.0) {
                Verdict::Forged => return Err(AuthError::RefreshTokenNotFound),
                Verdict::Reused => {
                    self.store.end_session(session.id).await?;
                    return Err(AuthError::RefreshTokenUsed);
                }
                Verdict::Repeat => session.counter,
                Verdict::Current if self.store.advance(session.id, session.counter, now.0).await? => {
                    session.counter + 1
                }
                Verdict::Current => continue,
            };
            let user = self.store.user(session.user_id).await?.ok_or(AuthError::RefreshTokenNotFound)?;
            return self.session_json(&user, &session, counter, now);
        }
        Err(AuthError::Busy)
    }

    fn session_json(
        &self,
        user: &AuthUserRow,
        session: &AuthSession,
        counter: u64,
        now: UnixMillis,
    ) -> Result<Value, AuthError> {
        let seconds = seconds(now);
        let access = self.tokens.issue(user, session.id, seconds).map_err(|_| AuthError::Busy)?;
        let life = self.tokens.life_seconds();
        Ok(json!({
            "access_token": access,
            "token_type": "bearer",
            "expires_in": life,
            "expires_at": seconds.saturating_add(life),
            "refresh_token": RefreshToken::text(session.id, counter, &session.key),
            "user": user_json(user),
        }))
    }

    /// Checks an access token and that its session has not been ended.
    ///
    /// # Errors
    /// [`AuthError::BadJwt`], [`AuthError::SessionNotFound`]; errors of the database.
    pub async fn verify(&self, token: &str, now: UnixMillis) -> Result<Verified, AuthError> {
        let verified =
            self.tokens.verify(token, seconds(now)).map_err(|e: TokenError| AuthError::BadJwt(e.to_string()))?;
        if let Some(session) = verified.session {
            let known = self.store.session(session).await?;
            if known.is_none_or(|s| s.user_id != verified.user) {
                return Err(AuthError::SessionNotFound);
            }
        }
        Ok(verified)
    }

    /// The user of a checked token.
    ///
    /// # Errors
    /// [`AuthError::UserNotFound`]; errors of the database.
    pub async fn user(&self, verified: &Verified) -> Result<Value, AuthError> {
        Ok(user_json(&self.row(verified).await?))
    }

    async fn row(&self, verified: &Verified) -> Result<AuthUserRow, AuthError> {
        self.store.user(verified.user).await?.ok_or(AuthError::UserNotFound)
    }

    /// Changes the user: metadata merges (null deletes a key), a new password ends the other sessions, and e-mail with
    /// password makes an anonymous user permanent.
    ///
    /// # Errors
    /// [`AuthError`].
    pub async fn update_user(
        &self,
        verified: &Verified,
        change: Credentials,
        now: UnixMillis,
    ) -> Result<Value, AuthError> {
        let metadata = metadata_object(change.data)?;
        let email = change.email.filter(|e| !e.is_empty()).map(|e| email_address(&e)).transpose()?;
        let mut password = change.password.filter(|p| !p.is_empty()).map(NewPassword::new);
        // Hashing takes a while, and another change may come in between, perhaps in another process: then all is decided
        // anew, over what that change has left.
        for _ in 0..CHANGE_ATTEMPTS {
            let mut user = self.row(verified).await?;
            merge_metadata(&mut user.metadata, &metadata)?;
            user.email = email.clone().or(user.email);
            if let Some(password) = &mut password {
                if user.email.is_none() {
                    return Err(AuthError::AnonymousPassword);
                }
                user.password_hash = Some(password.hash_unlike(user.password_hash, &self.passwords).await?);
            }
            user.is_anonymous = user.email.is_none();
            user.updated_at = now.0;
            let ends = if password.is_some() { Ends::AllBut(verified.session) } else { Ends::None };
            match self.store.put_user(UserChange { ends, ..user.clone().into() }).await? {
                Ok(()) => return Ok(user_json(&user)),
                Err(NotPut::EmailTaken) => return Err(AuthError::EmailExists),
                Err(NotPut::Changed) => {}
            }
        }
        Err(AuthError::Busy)
    }

    /// Ends sessions.
    ///
    /// # Errors
    /// Errors of the database.
    pub async fn sign_out(&self, verified: &Verified, scope: SignOutScope) -> Result<(), AuthError> {
        match (scope, verified.session) {
            (SignOutScope::Global, _) => self.store.end_sessions(verified.user, None).await?,
            (SignOutScope::Others, session) => self.store.end_sessions(verified.user, session).await?,
            (SignOutScope::Local, Some(session)) => self.store.end_session(session).await?,
            (SignOutScope::Local, None) => {}
        }
        Ok(())
    }
}

fn new_session(user: &AuthUserRow, now: UnixMillis) -> Result<AuthSession, AuthError> {
    let key = random_bytes()?.to_vec();
    Ok(AuthSession { id: Uuid::new_v4(), user_id: user.id, key, counter: 0, refreshed_at: now.0 })
}

fn seconds(now: UnixMillis) -> u64 {
    u64::try_from(now.0 / 1_000).unwrap_or(0)
}

fn random_bytes() -> Result<[u8; KEY_BYTES], AuthError> {
    let mut bytes = [0; KEY_BYTES];
    rand::rngs::OsRng.try_fill_bytes(&mut bytes).map_err(|_| AuthError::Busy)?;
    Ok(bytes)
}
