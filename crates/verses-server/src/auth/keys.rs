//! The keys that sign this server's own tokens: made here, kept by the store, and public in part. Which one signs, and
//! how long the others still check, is decided here; time and storage are the caller's.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::verify::{LEEWAY_SECONDS, VerifyingKey};

/// How long a server may not know that there is a newer key, seconds: it reads its keys anew before.
pub(super) const UNNOTICED_SECONDS: u64 = 120;
/// Bytes of a coordinate on P-256.
const COORDINATE_BYTES: usize = 32;

/// A key on P-256 that signs with ES256. The newest of a server's keys signs, all of them check.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// Its name in tokens: the thumbprint of RFC 7638.
    pub kid: String,
    /// The private key, PKCS #8 in DER; never leaves the server.
    pub private: Vec<u8>,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Longest life of a token that it has signed or will sign, seconds.
    pub life_seconds: u64,
}

impl std::fmt::Debug for SigningKey {
    // The private key must not reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kid, private: _, created_at, life_seconds } = self;
        f.debug_struct("SigningKey")
            .field("kid", kid)
            .field("created_at", created_at)
            .field("life_seconds", life_seconds)
            .finish_non_exhaustive()
    }
}

/// A key that cannot be made or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The operating system gave no randomness.
    #[error("no key could be made: the system gives no randomness")]
    NoRandomness,
    /// The stored key is damaged.
    #[error("the stored signing key {kid:?} cannot be read: make a new one with `verses keys rotate`")]
    Damaged {
        /// Which.
        kid: String,
    },
}

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`].
    pub fn generate(created_at: i64, life_seconds: u64) -> Result<Self, KeyError> {
        let failed = |_| KeyError::NoRandomness;
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
        let private = pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec();
        let mut key = Self { kid: String::new(), private, created_at, life_seconds };
        let (x, y) = key.coordinates()?;
        // RFC 7638: the required members in this order, without spaces.
        let required = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        key.kid = URL_SAFE_NO_PAD.encode(Sha256::digest(required));
        Ok(key)
    }

    /// What signs.
    #[must_use]
    pub fn signing(&self) -> EncodingKey {
        EncodingKey::from_ec_der(&self.private)
    }

    /// The public point, base64url without padding.
    ///
    /// # Errors
    /// [`KeyError::Damaged`], as for the others here.
    pub fn coordinates(&self) -> Result<(String, String), KeyError> {
        let damaged = || KeyError::Damaged { kid: self.kid.clone() };
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.private).map_err(|_| damaged())?;
        // Uncompressed: 4, then both coordinates.
        let (x, y) = pair
            .public_key()
            .as_ref()
            .strip_prefix(&[4])
            .and_then(|point| point.split_at_checked(COORDINATE_BYTES))
            .ok_or_else(damaged)?;
        Ok((URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y)))
    }

    /// What checks its tokens.
    ///
    /// # Errors
    /// [`KeyError::Damaged`].
    pub fn verifying(&self) -> Result<VerifyingKey, KeyError> {
        let (x, y) = self.coordinates()?;
        VerifyingKey::es256(Some(self.kid.clone()), &x, &y).ok_or_else(|| KeyError::Damaged { kid: self.kid.clone() })
    }

    /// The public part as a JWK.
    ///
    /// # Errors
    /// [`KeyError::Damaged`].
    pub fn jwk(&self) -> Result<Value, KeyError> {
        let (x, y) = self.coordinates()?;
        Ok(json!({
            "kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": self.kid, "alg": "ES256", "use": "sig",
            "key_ops": ["verify"], "ext": true,
        }))
    }
}

/// Sorts keys by age, the newest first: that one signs.
pub fn newest_first(keys: &mut [SigningKey]) {
    keys.sort_by(|a, b| (b.created_at, &b.kid).cmp(&(a.created_at, &a.kid)));
}

/// When the last token of each key will have expired, in milliseconds since the epoch, in the order of the keys, which is
/// the newest first. `None` for the one that signs. A key is not used any more once a newer one is there and noticed.
#[must_use]
pub fn ends(keys: &[SigningKey]) -> Vec<Option<i64>> {
    let newer = std::iter::once(None).chain(keys.iter().map(Some));
    keys.iter().zip(newer).map(|(key, newer)| newer.map(|newer| end(key, newer.created_at))).collect()
}

/// When the last token of a key will have expired that is not used any more since then, all in milliseconds.
pub(super) fn end(key: &SigningKey, since: i64) -> i64 {
    let seconds = key.life_seconds.saturating_add(UNNOTICED_SECONDS).saturating_add(LEEWAY_SECONDS);
    since.saturating_add(i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX))
}

/// A key that is newer than all of these, with the life of the newest's tokens. The clock may have gone back.
///
/// # Errors
/// [`KeyError::NoRandomness`].
pub fn next(keys: &[SigningKey], now: i64, life_seconds: u64) -> Result<SigningKey, KeyError> {
    let newest = keys.iter().map(|key| key.created_at).max();
    let created_at = newest.map_or(now, |newest| now.max(newest.saturating_add(1)));
    let life_seconds = keys.iter().map(|key| key.life_seconds).max().unwrap_or(life_seconds);
    SigningKey::generate(created_at, life_seconds)
}

#[cfg(test)]
impl SigningKey {
    /// A new key of this name.
    pub(crate) fn named(kid: &str) -> Self {
        Self { kid: kid.to_owned(), ..Self::generate(0, 3_600).unwrap() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kid: &str, created_at: i64, life_seconds: u64) -> SigningKey {
        SigningKey { kid: kid.into(), private: Vec::new(), created_at, life_seconds }
    }

    #[test]
    fn a_key_shows_only_its_public_part() {
        let key = SigningKey::generate(5, 60).unwrap();
        let jwk = key.jwk().unwrap();
        assert_eq!((jwk["kid"].as_str(), jwk["alg"].as_str()), (Some(key.kid.as_str()), Some("ES256")));
        assert_eq!(key.kid.len(), 43, "a SHA-256 in base64url");
        assert_eq!(jwk.get("d"), None);
        let scalar = format!("{:?}", &key.private[..8]);
        assert!(!format!("{key:?}").contains(&scalar[1..scalar.len() - 1]));
        assert_ne!(SigningKey::generate(5, 60).unwrap().kid, key.kid);
    }

    #[test]
    fn the_newest_key_signs_and_the_others_end_with_their_last_token() {
        let mut keys = [key("b", 1_000, 60), key("c", 9_000, 60), key("a", 1_000, 600)];
        newest_first(&mut keys);
        assert_eq!(keys.each_ref().map(|key| key.kid.as_str()), ["c", "b", "a"]);
        let margin = i64::try_from((UNNOTICED_SECONDS + LEEWAY_SECONDS) * 1_000).unwrap();
        assert_eq!(ends(&keys), [None, Some(9_000 + 60_000 + margin), Some(1_000 + 600_000 + margin)]);
        assert_eq!(ends(&[]), []);
        assert_eq!(ends(&[key("n", 5, 1), key("o", 1, u64::MAX)]), [None, Some(i64::MAX)]);
    }

    #[test]
    fn the_next_key_is_the_newest_also_when_the_clock_went_back() {
        let next = next(&[key("a", 9_000, 60), key("b", 1, 600)], 4_000, 5).unwrap();
        assert_eq!((next.created_at, next.life_seconds), (9_001, 600));
        let first = super::next(&[], 4_000, 5).unwrap();
        assert_eq!((first.created_at, first.life_seconds), (4_000, 5));
    }

    #[test]
    fn a_damaged_key_is_named() {
        let damaged = key("spoiled", 0, 0);
        assert_eq!(damaged.verifying().unwrap_err(), KeyError::Damaged { kid: "spoiled".into() });
        assert!(damaged.jwk().unwrap_err().to_string().contains("spoiled"));
    }
}
