//! Access tokens: JWTs signed with a shared secret (HS256), in Supabase's shape. The algorithm is fixed here, never taken
//! from the token.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::store::AuthUserRow;
use crate::storage::UserId;

/// The audience and the role of a user's token.
const AUTHENTICATED: &str = "authenticated";
/// How far clocks may differ, seconds.
const LEEWAY_SECONDS: u64 = 30;

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
    /// It has expired.
    #[error("the token has expired: refresh it")]
    Expired,
    /// It is valid, but not a user's (an anon or service key).
    #[error("the token is not a user's: sign in")]
    NotAUser,
}

/// Signs and checks tokens.
#[derive(Clone)]
pub struct Tokens {
    signing: EncodingKey,
    checking: DecodingKey,
    life_seconds: u64,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("life_seconds", &self.life_seconds).finish_non_exhaustive()
    }
}

impl Tokens {
    /// Tokens signed with this secret, living so long.
    #[must_use]
    pub fn new(secret: &[u8], life_seconds: u64) -> Self {
        Self { signing: EncodingKey::from_secret(secret), checking: DecodingKey::from_secret(secret), life_seconds }
    }

    /// Life of a token, seconds.
    #[must_use]
    pub fn life_seconds(&self) -> u64 {
        self.life_seconds
    }

    /// A token for a user's session, issued at `now` (seconds since the epoch).
    ///
    /// # Errors
    /// [`TokenError::Invalid`] when it cannot be encoded, which does not happen with valid keys.
    pub fn issue(&self, user: &AuthUserRow, session: Uuid, now: u64) -> Result<String, TokenError> {
        let method = if user.is_anonymous { "anonymous" } else { "password" };
        let claims = Claims {
            iss: "verses/auth/v1".to_owned(),
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
            amr: json!([{ "method": method, "timestamp": now }]),
            session_id: session.to_string(),
            is_anonymous: user.is_anonymous,
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.signing)
            .map_err(|e| TokenError::Invalid(e.to_string()))
    }

    /// Checks a token at `now` (seconds since the epoch).
    ///
    /// # Errors
    /// [`TokenError`] says why it is refused.
    pub fn verify(&self, token: &str, now: u64) -> Result<Verified, TokenError> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUTHENTICATED]);
        validation.set_required_spec_claims::<&str>(&[]);
        // Time is an argument of this server: expiry and not-before are checked below.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        let payload = jsonwebtoken::decode::<Value>(token, &self.checking, &validation)
            .map_err(|e| TokenError::Invalid(e.to_string()))?
            .claims;
        check_payload(&payload, now)
    }
}

/// Everything about a payload whose signature is right.
fn check_payload(payload: &Value, now: u64) -> Result<Verified, TokenError> {
    let seconds = |name: &str| payload.get(name).and_then(Value::as_u64);
    let expires_at = seconds("exp").ok_or_else(|| TokenError::Invalid("it has no expiry".into()))?;
    if now > expires_at.saturating_add(LEEWAY_SECONDS) {
        return Err(TokenError::Expired);
    }
    match payload.get("nbf") {
        None => {}
        Some(nbf) if nbf.as_u64().is_some_and(|n| n <= now.saturating_add(LEEWAY_SECONDS)) => {}
        Some(_) => return Err(TokenError::Invalid("it is not valid yet".into())),
    }
    // A key of the project (anon, service_role) has no subject and is no user's.
    let Some(subject) = payload.get("sub").and_then(Value::as_str) else { return Err(TokenError::NotAUser) };
    let audience_fits = match payload.get("aud") {
        Some(Value::String(aud)) => aud == AUTHENTICATED,
        Some(Value::Array(all)) => all.iter().any(|a| a == AUTHENTICATED),
        _ => false,
    };
    if !audience_fits {
        return Err(TokenError::Invalid("it is for another audience".into()));
    }
    if payload.get("role").and_then(Value::as_str) != Some(AUTHENTICATED) {
        return Err(TokenError::NotAUser);
    }
    let user = Uuid::parse_str(subject).map_err(|_| TokenError::Invalid("its subject is no user id".into()))?;
    let session = payload.get("session_id").and_then(Value::as_str).and_then(|s| Uuid::parse_str(s).ok());
    Ok(Verified { user, session, expires_at })
}
