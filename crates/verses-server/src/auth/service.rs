//! What auth calls do: sign up, the grants, the user, sign-out. Time is an argument; HTTP is elsewhere.

use std::sync::Arc;

use rand::TryRngCore;
use serde_json::{Value, json};
use uuid::Uuid;
use verses_core::UnixMillis;
use verses_protocol::auth::{AUTH_PATH, Credentials};

use super::error::AuthError;
use super::jwks::{JwksError, JwksSource};
use super::passwords::{self, Hashing, NewPassword, Passwords};
use super::refresh::{RefreshToken, Verdict};
use super::ring::{KeyRing, RingError, Source};
use super::store::{AuthBackend, AuthSession, AuthUserRow, Ends, NotPut, SignInMethod, UserChange};
use super::tokens::{Issuer, Signer, TokenError, Verified};
use super::user::{email_address, merge_metadata, metadata_object, user_json};
use super::verify::VerifyingKey;
use crate::config::ServerConfig;
use crate::storage::UserId;

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

/// Whose tokens are believed.
#[derive(Clone)]
pub enum TokenSource {
    /// Those issued here, with keys that are kept in the store.
    Own {
        /// `https://HOST/auth/v1`.
        issuer: String,
    },
    /// Those issued here, signed with a secret that others may know too.
    Secret {
        /// The secret.
        secret: String,
        /// `https://HOST/auth/v1`.
        issuer: String,
    },
    /// Those of an account server elsewhere; there is no sign-in here.
    External {
        /// Its public keys.
        jwks: Option<JwksSource>,
        /// Its secret, if it signs, or has signed, with one.
        secret: Option<String>,
        /// The issuers that are believed; all if there are none.
        issuers: Vec<String>,
    },
}

impl TokenSource {
    /// What the settings say.
    ///
    /// # Errors
    /// [`JwksError`] for an address of keys that cannot be one.
    pub fn of(config: &ServerConfig) -> Result<Self, JwksError> {
        let issuer = format!("{}{AUTH_PATH}", config.public_url.trim_end_matches('/'));
        if config.is_external() {
            let from_url = config.jwks_url.as_deref().map(JwksSource::url).transpose()?;
            let jwks = from_url.or_else(|| config.jwks_file.clone().map(JwksSource::File));
            return Ok(Self::External { jwks, secret: config.jwt_secret.clone(), issuers: config.jwt_issuers.clone() });
        }
        Ok(match config.jwt_secret.clone() {
            Some(secret) => Self::Secret { secret, issuer },
            None => Self::Own { issuer },
        })
    }
}

impl std::fmt::Debug for TokenSource {
    // Secrets must not reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Own { .. } => "Own",
            Self::Secret { .. } => "Secret",
            Self::External { .. } => "External",
        })
    }
}

/// Accounts: users, sessions, tokens. Cloning gives another handle.
#[derive(Clone)]
pub struct Auth {
    store: AuthBackend,
    ring: Arc<KeyRing>,
    issuer: Issuer,
    secret: Option<Arc<[u8]>>,
    external: bool,
    passwords: Passwords,
}

impl std::fmt::Debug for Auth {
    // A secret must not reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { store, issuer, external, .. } = self;
        f.debug_struct("Auth")
            .field("store", store)
            .field("issuer", issuer)
            .field("external", external)
            .finish_non_exhaustive()
    }
}

impl Auth {
    /// Accounts over this store, or none but a check of tokens from elsewhere. A key of its own is made if there is none.
    /// Keys from elsewhere that cannot be read now are read later.
    ///
    /// # Errors
    /// Errors of the database, of a file of keys, or of the operating system's source of randomness.
    pub async fn open(
        store: AuthBackend,
        tokens: TokenSource,
        life_seconds: u64,
        now: UnixMillis,
    ) -> Result<Self, AuthError> {
        let unnamed = |secret: &str| VerifyingKey::secret(None, secret.as_bytes());
        // Somebody else's server may be down at the moment; a file or a database of one's own must work.
        let may_come_later = matches!(&tokens, TokenSource::External { jwks: Some(JwksSource::Url(_)), .. });
        let (ring, issuer, secret, external) = match tokens {
            TokenSource::Own { issuer } => {
                let source = Source::Stored { store: store.clone(), life_seconds };
                (KeyRing::new(source, Vec::new(), Vec::new()), issuer, None, false)
            }
            TokenSource::Secret { secret, issuer } => {
                let ring = KeyRing::new(Source::Fixed, vec![unnamed(&secret)], Vec::new());
                (ring, issuer, Some(Arc::from(secret.as_bytes())), false)
            }
            TokenSource::External { jwks, secret, issuers } => {
                let secrets = secret.iter().map(|secret| unnamed(secret)).collect();
                let source = jwks.map_or(Source::Fixed, Source::Jwks);
                (KeyRing::new(source, secrets, issuers), String::new(), None, true)
            }
        };
        match ring.read(now).await {
            Ok(()) => {}
            Err(RingError::Jwks(error)) if may_come_later => {
                tracing::warn!(%error, "no key of tokens is known yet: it is tried again with every request, within limits");
            }
            Err(error) => return Err(error.into()),
        }
        let issuer = Issuer::new(issuer, life_seconds);
        Ok(Self { store, ring: Arc::new(ring), issuer, secret, external, passwords: Passwords::new()? })
    }

    /// The work on passwords now.
    #[must_use]
    pub fn hashing(&self) -> Hashing {
        self.passwords.queue()
    }

    /// Whether accounts live elsewhere.
    #[must_use]
    pub fn is_external(&self) -> bool {
        self.external
    }

    /// The public keys that tokens issued here can be checked with, as a JWKS.
    #[must_use]
    pub fn jwks(&self, now: UnixMillis) -> Value {
        self.ring.published(now)
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
        let own = if self.secret.is_none() { self.ring.signing(now) } else { None };
        let signer = match (&self.secret, &own) {
            (Some(secret), _) => Signer::Secret(secret),
            (None, Some(key)) => Signer::Key(key),
            (None, None) => return Err(AuthError::Busy),
        };
        let access = self.issuer.issue(signer, user, session, seconds).map_err(|_| AuthError::Busy)?;
        let life = self.issuer.life_seconds();
        Ok(json!({
            "access_token": access,
            "token_type": "bearer",
            "expires_in": life,
            "expires_at": seconds.saturating_add(life),
            "refresh_token": RefreshToken::text(session.id, counter, &session.key),
            "user": user_json(user),
        }))
    }

    /// Checks an access token, but not whether its session has been ended.
    ///
    /// # Errors
    /// [`AuthError::BadJwt`]; [`AuthError::Busy`] while keys cannot be read.
    pub async fn verify_token(&self, token: &str, now: UnixMillis) -> Result<Verified, AuthError> {
        self.ring.verify(token, now).await.map_err(|error| match error {
            TokenError::NoKeysNow => AuthError::Busy,
            refused => AuthError::BadJwt(refused.to_string()),
        })
    }

    /// Checks an access token and, if accounts live here, that its session has not been ended.
    ///
    /// # Errors
    /// As [`Self::verify_token`], and [`AuthError::SessionNotFound`]; errors of the database.
    pub async fn verify(&self, token: &str, now: UnixMillis) -> Result<Verified, AuthError> {
        let verified = self.verify_token(token, now).await?;
        if let Some(session) = verified.session.filter(|_| !self.external) {
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

    /// Deletes the account of a user and all its sessions; `false` if there is none.
    ///
    /// # Errors
    /// Errors of the database.
    pub async fn delete_user(&self, user: UserId) -> Result<bool, AuthError> {
        Ok(self.store.delete_user(user).await?)
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
    let method = if user.is_anonymous { SignInMethod::Anonymous } else { SignInMethod::Password };
    Ok(AuthSession {
        id: Uuid::new_v4(),
        user_id: user.id,
        key: random_bytes()?.to_vec(),
        counter: 0,
        refreshed_at: now.0,
        method,
        signed_in_at: now.0,
    })
}

fn seconds(now: UnixMillis) -> u64 {
    u64::try_from(now.0 / 1_000).unwrap_or(0)
}

fn random_bytes() -> Result<[u8; KEY_BYTES], AuthError> {
    let mut bytes = [0; KEY_BYTES];
    rand::rngs::OsRng.try_fill_bytes(&mut bytes).map_err(|_| AuthError::Busy)?;
    Ok(bytes)
}
