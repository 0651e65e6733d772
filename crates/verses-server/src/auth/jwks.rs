//! Sets of public keys (JWKS, RFC 7517): reading one, and fetching it from an address or a file. When it is fetched, and
//! what happens to the set before, is in `ring`.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use serde_json::Value;

use super::verify::VerifyingKey;

/// Largest set that is read, in bytes.
const MAX_SET_BYTES: usize = 256 * 1024;
/// Most keys of a set that are used.
const MAX_KEYS: usize = 100;
/// Time for fetching a set, to its last byte.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no new set of keys.
#[derive(Debug, thiserror::Error)]
pub enum JwksError {
    /// The address cannot be one of a set.
    #[error("{0:?} is no address of a set of keys: write https://HOST/auth/v1/.well-known/jwks.json")]
    Address(String),
    /// TLS could not be set up.
    #[error("no HTTP client: {0}")]
    Client(reqwest::Error),
    /// Nobody answered, or not in time.
    #[error("the keys could not be fetched: {0}")]
    Unreachable(String),
    /// Another status than 200. Redirects are not followed.
    #[error("the keys could not be fetched: the answer has status {0}")]
    Status(u16),
    /// Far more than a set of keys.
    #[error("the set of keys has more than {MAX_SET_BYTES} bytes")]
    TooLarge,
    /// No set of keys.
    #[error("this is no set of keys, which is JSON like {{\"keys\": [...]}}: {0}")]
    Malformed(String),
    /// A set without a key that can be used.
    #[error("the set has no public key for ES256 (P-256) or RS256 (2048 bits or more) among its {of} keys")]
    NoKeys {
        /// How many it has.
        of: usize,
    },
    /// The file cannot be read.
    #[error("the file of keys {path:?} cannot be read: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

impl JwksError {
    /// Whether it may work later without a change of the settings.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Address(_) | Self::Client(_) => false,
            Self::Unreachable(_) | Self::Status(_) | Self::TooLarge => true,
            Self::Malformed(_) | Self::NoKeys { .. } | Self::File { .. } => true,
        }
    }
}

/// Reads a set. A key of an unknown kind, for another use or with another algorithm is passed over: it must not make the
/// others unusable. Secrets in a set are passed over as well, for a set is public.
///
/// # Errors
/// [`JwksError::Malformed`], [`JwksError::NoKeys`] and [`JwksError::TooLarge`].
pub fn parse(set: &[u8]) -> Result<Vec<VerifyingKey>, JwksError> {
    if set.len() > MAX_SET_BYTES {
        return Err(JwksError::TooLarge);
    }
    let set: Value = serde_json::from_slice(set).map_err(|e| JwksError::Malformed(e.to_string()))?;
    let all = set.get("keys").and_then(Value::as_array);
    let all = all.ok_or_else(|| JwksError::Malformed("it has no list \"keys\"".to_owned()))?;
    let keys: Vec<VerifyingKey> = all.iter().filter_map(key).take(MAX_KEYS).collect();
    if keys.is_empty() { Err(JwksError::NoKeys { of: all.len() }) } else { Ok(keys) }
}

/// One key of a set, if it is for checking signatures of a kind that is known here.
fn key(jwk: &Value) -> Option<VerifyingKey> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    // Absent, or what it must be: a number where a text belongs is something unknown.
    let says = |name: &str, expected: &str| jwk.get(name).is_none_or(|value| value.as_str() == Some(expected));
    let verifies = jwk.get("key_ops").is_none_or(|ops| ops.as_array().is_some_and(|o| o.iter().any(|o| o == "verify")));
    if !says("use", "sig") || !verifies {
        return None;
    }
    let kid = match jwk.get("kid") {
        None => None,
        Some(kid) => Some(kid.as_str()?.to_owned()),
    };
    match text("kty")? {
        "EC" if text("crv") == Some("P-256") && says("alg", "ES256") => {
            VerifyingKey::es256(kid, text("x")?, text("y")?)
        }
        "RSA" if says("alg", "RS256") => VerifyingKey::rs256(kid, text("n")?, text("e")?),
        _ => None,
    }
}

/// Where a set is fetched from.
#[derive(Debug, Clone)]
pub enum JwksSource {
    /// An address.
    Url(JwksUrl),
    /// A file, which is read anew as often as an address is asked.
    File(PathBuf),
}

/// An address of a set, and the client that asks it.
#[derive(Debug, Clone)]
pub struct JwksUrl {
    client: Client,
    url: Url,
}

impl JwksSource {
    /// A set at an address; it is not asked yet.
    ///
    /// # Errors
    /// [`JwksError::Address`] and [`JwksError::Client`].
    pub fn url(address: &str) -> Result<Self, JwksError> {
        Self::url_within(address, FETCH_TIMEOUT)
    }

    pub(super) fn url_within(address: &str, timeout: Duration) -> Result<Self, JwksError> {
        let url = Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = url.ok_or_else(|| JwksError::Address(address.to_owned()))?;
        // No redirects: who is believed is what the operator wrote.
        let client = Client::builder().timeout(timeout).redirect(Policy::none()).build().map_err(JwksError::Client)?;
        Ok(Self::Url(JwksUrl { client, url }))
    }

    /// Fetches the set.
    ///
    /// # Errors
    /// [`JwksError`].
    pub async fn fetch(&self) -> Result<Vec<VerifyingKey>, JwksError> {
        match self {
            Self::Url(url) => parse(&url.get().await?),
            Self::File(path) => {
                let read = tokio::fs::read(path).await;
                parse(&read.map_err(|error| JwksError::File { path: path.clone(), error })?)
            }
        }
    }
}

impl JwksUrl {
    async fn get(&self) -> Result<Vec<u8>, JwksError> {
        let request = self.client.get(self.url.clone()).header("accept", "application/json");
        let mut response: Response = request.send().await.map_err(|e| unreachable(&e))?;
        if response.status() != StatusCode::OK {
            return Err(JwksError::Status(response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| unreachable(&e))? {
            if body.len() + chunk.len() > MAX_SET_BYTES {
                return Err(JwksError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

fn unreachable(error: &reqwest::Error) -> JwksError {
    let why = if error.is_timeout() { "no answer in time" } else { "the server cannot be reached, or broke off" };
    JwksError::Unreachable(why.to_owned())
}

#[cfg(test)]
#[path = "jwks/tests.rs"]
pub(crate) mod tests;
