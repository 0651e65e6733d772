//! What auth calls do: sign up, the grants, the user, sign-out. Time is an argument; HTTP is elsewhere.

use std::sync::Arc;

use rand::TryRngCore;
use serde_json::{Map, Value, json};
use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;
use verses_core::UnixMillis;
use verses_protocol::auth::{AUTH_PATH, Credentials};

use super::error::AuthError;
use super::jwks::{JwksError, JwksSource};
use super::passwords::{self, Hashing, Passwords};
use super::refresh::{RefreshToken, Verdict};
use super::ring::{KeyRing, RingError, Source};
use super::store::{AuthBackend, AuthSession, AuthUserRow, SignInMethod};
use super::tokens::{Issuer, Signer, TokenError, Verified};
use super::verify::VerifyingKey;
use crate::config::ServerConfig;
use crate::storage::UserId;

/// Longest e-mail address, in bytes.
const MAX_EMAIL_BYTES: usize = 254;
/// Largest user metadata, in bytes.
const MAX_METADATA_BYTES: usize = 8 * 1024;
/// Locks that changes of users are spread over.
const CHANGE_LOCKS: usize = 64;
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
    changes: Arc<Vec<Mutex<()>>>,
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
        let changes = Arc::new((0..CHANGE_LOCKS).map(|_| Mutex::new(())).collect());
        let issuer = Issuer::new(issuer, life_seconds);
        Ok(Self { store, ring: Arc::new(ring), issuer, secret, external, passwords: Passwords::new()?, changes })
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

    /// Changes of one user come one after the other: hashing takes a while, and a row read before must not undo what
    /// was written meanwhile. Users whose ids fall together wait for each other, which is harmless.
    async fn changing(&self, user: UserId) -> MutexGuard<'_, ()> {
        let stripe = usize::try_from(user.as_u128() % CHANGE_LOCKS as u128).unwrap_or(0);
        self.changes[stripe].lock().await
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
        };
        self.store.put_user(user.clone()).await?.map_err(|_| AuthError::UserExists)?;
        self.new_session(&user, now).await
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
        let Some(checked) = user.filter(|_| fits && !too_long) else { return Err(AuthError::InvalidCredentials) };
        // Hashing took a while: the row may have changed, and an old password must not come back with it.
        let _turn = self.changing(checked.id).await;
        let current = self.store.user(checked.id).await?.filter(|u| u.password_hash == checked.password_hash);
        let mut user = current.ok_or(AuthError::InvalidCredentials)?;
        user.last_sign_in_at = Some(now.0);
        self.store.put_user(user.clone()).await?.map_err(|_| AuthError::UserExists)?;
        self.new_session(&user, now).await
    }

    async fn new_session(&self, user: &AuthUserRow, now: UnixMillis) -> Result<Value, AuthError> {
        let key = random_bytes()?.to_vec();
        let method = if user.is_anonymous { SignInMethod::Anonymous } else { SignInMethod::Password };
        let session = AuthSession {
            id: Uuid::new_v4(),
            user_id: user.id,
            key,
            counter: 0,
            refreshed_at: now.0,
            method,
            signed_in_at: now.0,
        };
        self.store.put_session(session.clone()).await?;
        self.session_json(user, &session, 0, now)
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

    /// Checks an access token and, if accounts live here, that its session has not been ended.
    ///
    /// # Errors
    /// [`AuthError::BadJwt`], [`AuthError::SessionNotFound`]; [`AuthError::Busy`] while keys cannot be read; errors of
    /// the database.
    pub async fn verify(&self, token: &str, now: UnixMillis) -> Result<Verified, AuthError> {
        let verified = self.ring.verify(token, now).await.map_err(|error| match error {
            TokenError::NoKeysNow => AuthError::Busy,
            refused => AuthError::BadJwt(refused.to_string()),
        })?;
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
        let _turn = self.changing(verified.user).await;
        let mut user = self.row(verified).await?;
        merge_metadata(&mut user.metadata, metadata_object(change.data)?);
        if serde_json::to_string(&user.metadata).map_or(0, |t| t.len()) > MAX_METADATA_BYTES {
            return Err(AuthError::Validation(format!("user metadata has more than {MAX_METADATA_BYTES} bytes")));
        }
        if let Some(email) = change.email.filter(|e| !e.is_empty()) {
            user.email = Some(email_address(&email)?);
        }
        let new_password = change.password.filter(|p| !p.is_empty());
        if let Some(password) = &new_password {
            if user.email.is_none() {
                return Err(AuthError::Validation(
                    "Updating password of an anonymous user without an email or phone is not allowed".into(),
                ));
            }
            passwords::validate(password)?;
            if user.password_hash.is_some() && self.passwords.fits(password, user.password_hash.as_deref()).await? {
                return Err(AuthError::SamePassword);
            }
            user.password_hash = Some(self.passwords.hash(password).await?);
        }
        user.is_anonymous = user.email.is_none();
        user.updated_at = now.0;
        self.store.put_user(user.clone()).await?.map_err(|_| AuthError::EmailExists)?;
        if new_password.is_some() {
            self.store.end_sessions(user.id, verified.session).await?;
        }
        Ok(user_json(&user))
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

fn seconds(now: UnixMillis) -> u64 {
    u64::try_from(now.0 / 1_000).unwrap_or(0)
}

fn random_bytes() -> Result<[u8; KEY_BYTES], AuthError> {
    let mut bytes = [0; KEY_BYTES];
    rand::rngs::OsRng.try_fill_bytes(&mut bytes).map_err(|_| AuthError::Busy)?;
    Ok(bytes)
}

fn email_address(typed: &str) -> Result<String, AuthError> {
    let email = typed.trim().to_lowercase();
    let good = email.split_once('@').is_some_and(|(name, host)| {
        let plain =
            |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control() || c == '@');
        plain(name) && plain(host) && !host.starts_with('.') && !host.ends_with('.')
    });
    if good && email.len() <= MAX_EMAIL_BYTES {
        Ok(email)
    } else {
        Err(AuthError::Validation("Unable to validate email address: invalid format".into()))
    }
}

fn metadata_object(data: Option<Value>) -> Result<Value, AuthError> {
    match data {
        None | Some(Value::Null) => Ok(json!({})),
        Some(data @ Value::Object(_)) if data.to_string().len() <= MAX_METADATA_BYTES => Ok(data),
        Some(Value::Object(_)) => {
            Err(AuthError::Validation(format!("user metadata has more than {MAX_METADATA_BYTES} bytes")))
        }
        Some(_) => Err(AuthError::Validation("data must be a JSON object".into())),
    }
}

fn merge_metadata(metadata: &mut Value, change: Value) {
    if !metadata.is_object() {
        *metadata = Value::Object(Map::new());
    }
    let (Value::Object(all), Value::Object(change)) = (metadata, change) else { return };
    for (key, value) in change {
        if value.is_null() {
            all.remove(&key);
        } else {
            all.insert(key, value);
        }
    }
}

fn time(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| String::new(), |t| t.to_string())
}

/// The user as Supabase's clients read it. Optional times are left out, not null.
fn user_json(user: &AuthUserRow) -> Value {
    let created = time(user.created_at);
    let email = user.email.clone().unwrap_or_default();
    let mut json = json!({
        "id": user.id, "aud": "authenticated", "role": "authenticated", "email": email, "phone": "",
        "app_metadata": user.app_metadata(), "user_metadata": user.metadata, "identities": [],
        "created_at": created, "updated_at": time(user.updated_at), "is_anonymous": user.is_anonymous,
    });
    let signed_in = user.last_sign_in_at.map(time);
    if let Some(at) = &signed_in {
        json["last_sign_in_at"] = at.as_str().into();
    }
    if !user.is_anonymous {
        json["email_confirmed_at"] = created.as_str().into();
        json["confirmed_at"] = created.as_str().into();
        json["identities"] = json!([{
            "identity_id": user.id, "id": user.id, "user_id": user.id, "provider": "email", "email": email,
            "identity_data": { "email": email, "email_verified": true, "phone_verified": false, "sub": user.id },
            "last_sign_in_at": signed_in.unwrap_or_else(|| created.clone()), "created_at": created, "updated_at": created,
        }]);
    }
    json
}
