//! Access tokens as this server issues them: JWTs in Supabase's shape. Checking them is in `verify`.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::keys::SigningKey;
use super::store::{AuthSession, AuthUserRow};
use super::verify::AUTHENTICATED;
use crate::storage::UserId;

/// What a token of ours says, in Supabase's order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claims {
    /// Who issued it.
    #[serde(default)]
    pub iss: String,
    /// The user.
    pub sub: String,
    /// `authenticated`.
    pub aud: Value,
    /// Expiry, seconds since the epoch.
    pub exp: u64,
    /// When issued.
    #[serde(default)]
    pub iat: u64,
    /// E-mail, or empty.
    #[serde(default)]
    pub email: String,
    /// Phone, always empty here.
    #[serde(default)]
    pub phone: String,
    /// How the user signed in.
    #[serde(default)]
    pub app_metadata: Value,
    /// What the user said of themself.
    #[serde(default)]
    pub user_metadata: Value,
    /// `authenticated`.
    pub role: String,
    /// Assurance level.
    #[serde(default)]
    pub aal: String,
    /// Methods of authentication.
    #[serde(default)]
    pub amr: Value,
    /// The session.
    #[serde(default)]
    pub session_id: String,
    /// Whether the user has no credentials yet.
    #[serde(default)]
    pub is_anonymous: bool,
}

/// A token that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The user: the only source of a user's id in this server.
    pub user: UserId,
    /// The session, if the token names one.
    pub session: Option<Uuid>,
    /// Expiry, seconds since the epoch.
    pub expires_at: u64,
}

/// Why a token was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is no token of ours: malformed, another algorithm, a wrong signature, audience or issuer.
    #[error("the token is not valid: {0}")]
    Invalid(String),
    /// It is signed with a key that is not known (here, or not yet).
    #[error("the token is signed with a key that is not known here")]
    UnknownKey,
    /// It is signed with a key that is not known, and the keys cannot be read now: it may be a new one.
    #[error("the token cannot be checked now")]
    NoKeysNow,
    /// It has expired.
    #[error("the token has expired: refresh it")]
    Expired,
    /// It is valid, but not a user's (an anon or service key).
    #[error("the token is not a user's: sign in")]
    NotAUser,
}

/// Signs tokens.
#[derive(Debug, Clone)]
pub struct Issuer {
    name: String,
    life_seconds: u64,
}

/// What a token is signed with.
#[derive(Clone, Copy)]
pub enum Signer<'a> {
    /// A shared secret: HS256.
    Secret(&'a [u8]),
    /// A key of the server's own: ES256.
    Key(&'a SigningKey),
}

impl std::fmt::Debug for Signer<'_> {
    // Secrets must not reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Secret(_) => f.write_str("Secret"),
            Self::Key(key) => key.fmt(f),
        }
    }
}

impl Issuer {
    /// Issues in this name (`https://HOST/auth/v1`) tokens that live so long.
    #[must_use]
    pub fn new(name: impl Into<String>, life_seconds: u64) -> Self {
        Self { name: name.into(), life_seconds }
    }

    /// Life of a token, seconds.
    #[must_use]
    pub fn life_seconds(&self) -> u64 {
        self.life_seconds
    }

    /// A token for a user's session, issued at `now` (seconds since the epoch).
    ///
    /// # Errors
    /// [`TokenError::Invalid`] when it cannot be signed, which does not happen with a key that was read.
    pub fn issue(
        &self,
        signer: Signer<'_>,
        user: &AuthUserRow,
        session: &AuthSession,
        now: u64,
    ) -> Result<String, TokenError> {
        let (header, key) = match signer {
            Signer::Secret(secret) => (Header::new(Algorithm::HS256), EncodingKey::from_secret(secret)),
            Signer::Key(key) => (Header { kid: Some(key.kid.clone()), ..Header::new(Algorithm::ES256) }, key.signing()),
        };
        jsonwebtoken::encode(&header, &self.claims(user, session, now), &key)
            .map_err(|e| TokenError::Invalid(e.to_string()))
    }

    fn claims(&self, user: &AuthUserRow, session: &AuthSession, now: u64) -> Claims {
        let signed_in_at = session.signed_in_at / 1_000;
        Claims {
            iss: self.name.clone(),
            sub: user.id.to_string(),
            aud: AUTHENTICATED.into(),
            exp: now.saturating_add(self.life_seconds),
            iat: now,
            email: user.email.clone().unwrap_or_default(),
            phone: String::new(),
            app_metadata: user.app_metadata(),
            user_metadata: user.metadata.clone(),
            role: AUTHENTICATED.to_owned(),
            aal: "aal1".to_owned(),
            amr: json!([{ "method": session.method.as_str(), "timestamp": signed_in_at }]),
            session_id: session.id.to_string(),
            is_anonymous: user.is_anonymous,
        }
    }
}
