//! Which access tokens are believed: a set of keys, each with its one algorithm, and the rules for what a token says. Pure:
//! time is an argument. Where keys come from is in `jwks` and `keys`; whether a session has ended is in `service`.

use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde_json::Value;
use uuid::Uuid;

use super::tokens::{TokenError, Verified};

/// The audience and the role of a user's token.
pub(super) const AUTHENTICATED: &str = "authenticated";
/// How far clocks may differ, seconds.
pub(super) const LEEWAY_SECONDS: u64 = 30;
/// Longest token that is looked at, in bytes. User metadata is the only part without a small bound of its own.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// A key that checks tokens, with the one algorithm it is for: the token never chooses.
#[derive(Clone)]
pub struct VerifyingKey {
    kid: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl std::fmt::Debug for VerifyingKey {
    // It may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kid, algorithm, key: _ } = self;
        f.debug_struct("VerifyingKey").field("kid", kid).field("algorithm", algorithm).finish_non_exhaustive()
    }
}

impl VerifyingKey {
    /// A shared secret, for HS256.
    #[must_use]
    pub fn secret(kid: Option<String>, secret: &[u8]) -> Self {
        Self { kid, algorithm: Algorithm::HS256, key: DecodingKey::from_secret(secret) }
    }

    /// A public key on P-256, for ES256: its coordinates, base64url without padding. `None` if they are not base64url of
    /// 32 bytes each.
    #[must_use]
    pub fn es256(kid: Option<String>, x: &str, y: &str) -> Option<Self> {
        // The crate joins the coordinates unseen: with other lengths they would be another point.
        let whole = |coordinate: &str| decoded_len(coordinate) == Some(32);
        if !whole(x) || !whole(y) {
            return None;
        }
        let key = DecodingKey::from_ec_components(x, y).ok()?;
        Some(Self { kid, algorithm: Algorithm::ES256, key })
    }

    /// A public RSA key of 2048 to 8192 bits, for RS256: modulus and exponent, base64url without padding. `None` if they
    /// are not.
    #[must_use]
    pub fn rs256(kid: Option<String>, modulus: &str, exponent: &str) -> Option<Self> {
        if !decoded_len(modulus).is_some_and(|n| (256..=1_025).contains(&n)) {
            return None;
        }
        let key = DecodingKey::from_rsa_components(modulus, exponent).ok()?;
        Some(Self { kid, algorithm: Algorithm::RS256, key })
    }

    /// The name that tokens call it by.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }
}

fn decoded_len(text: &str) -> Option<usize> {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).ok().map(|bytes| bytes.len())
}

/// Checks tokens against a set of keys.
#[derive(Debug, Clone, Default)]
pub struct Verifier {
    keys: Vec<VerifyingKey>,
    issuers: Vec<String>,
}

impl Verifier {
    /// Believes tokens of these keys. With `issuers`, only those that name one of them.
    #[must_use]
    pub fn new(keys: Vec<VerifyingKey>, issuers: Vec<String>) -> Self {
        Self { keys, issuers }
    }

    /// Checks a token at `now` (seconds since the epoch).
    ///
    /// # Errors
    /// [`TokenError`] says why it is refused.
    pub fn verify(&self, token: &str, now: u64) -> Result<Verified, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Invalid(format!("it has more than {MAX_TOKEN_BYTES} bytes")));
        }
        let invalid = |e: jsonwebtoken::errors::Error| TokenError::Invalid(e.to_string());
        let header = jsonwebtoken::decode_header(token).map_err(invalid)?;
        // RFC 7515, 4.1.11: what is critical and not understood makes the token invalid. Nothing is understood here.
        if header.crit.is_some() {
            return Err(TokenError::Invalid("its head asks for extensions".into()));
        }
        let mut refused = None;
        for key in self.candidates(&header)? {
            match jsonwebtoken::decode::<Value>(token, &key.key, &validation(key.algorithm)) {
                Ok(data) => return self.check(&data.claims, now),
                Err(error) => refused = Some(invalid(error)),
            }
        }
        Err(refused.unwrap_or_else(|| TokenError::Invalid("no key is for its algorithm".into())))
    }

    /// The keys that may have signed a token with this head: the one it names, else one without a name. A secret without
    /// a name is also for tokens that name it, for Supabase names old secrets in tokens and nowhere else.
    fn candidates(&self, header: &Header) -> Result<impl Iterator<Item = &VerifyingKey>, TokenError> {
        let kid = header.kid.as_deref();
        let named = kid.is_some() && self.keys.iter().any(|key| key.kid() == kid);
        let wanted = if named { kid } else { None };
        let fits = move |key: &&VerifyingKey| {
            let unnamed_here = kid.is_some() && !named;
            key.kid() == wanted && key.algorithm == header.alg && !(unnamed_here && key.algorithm != Algorithm::HS256)
        };
        let mut found = self.keys.iter().filter(fits).peekable();
        if !named && found.peek().is_none() {
            return Err(TokenError::UnknownKey);
        }
        Ok(found)
    }

    /// Everything about a payload whose signature is right.
    fn check(&self, payload: &Value, now: u64) -> Result<Verified, TokenError> {
        let invalid = |text: &str| TokenError::Invalid(text.to_owned());
        let text = |name: &str| payload.get(name).and_then(Value::as_str);
        let expires_at = payload.get("exp").and_then(Value::as_u64).ok_or_else(|| invalid("it has no expiry"))?;
        if now > expires_at.saturating_add(LEEWAY_SECONDS) {
            return Err(TokenError::Expired);
        }
        match payload.get("nbf") {
            None => {}
            Some(nbf) if nbf.as_u64().is_some_and(|n| n <= now.saturating_add(LEEWAY_SECONDS)) => {}
            Some(_) => return Err(invalid("it is not valid yet")),
        }
        if !self.issuers.is_empty() && !text("iss").is_some_and(|iss| self.issuers.iter().any(|i| i == iss)) {
            return Err(invalid("it is from another issuer"));
        }
        // A key of the project (anon, service_role) has no subject and is no user's.
        let subject = text("sub").ok_or(TokenError::NotAUser)?;
        let audience_fits = match payload.get("aud") {
            Some(Value::String(aud)) => aud == AUTHENTICATED,
            Some(Value::Array(all)) => all.iter().any(|a| a == AUTHENTICATED),
            _ => false,
        };
        if !audience_fits {
            return Err(invalid("it is for another audience"));
        }
        if text("role") != Some(AUTHENTICATED) {
            return Err(TokenError::NotAUser);
        }
        let user = Uuid::try_parse(subject).map_err(|_| invalid("its subject is no user id"))?;
        let session = text("session_id").and_then(|s| Uuid::try_parse(s).ok());
        Ok(Verified { user, session, expires_at })
    }
}

/// The signature only: the crate lets a missing audience pass and reads a clock of its own.
fn validation(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.set_required_spec_claims::<&str>(&[]);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

#[cfg(test)]
#[path = "verify/tests.rs"]
mod tests;
