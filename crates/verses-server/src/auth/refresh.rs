//! Refresh tokens without a row each: base64url of version, session, counter, signature and checksum. A session's
//! counter says which ones are good, so a lost answer does not sign anybody out and nothing grows.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// How long an older token than the last but one is still taken, milliseconds: several tabs may refresh at once.
pub(super) const REUSE_INTERVAL_MS: i64 = 10_000;

const VERSION: u8 = 0;
const SIGNATURE_BYTES: usize = 16;
const CHECKSUM_BYTES: usize = 4;
const LENGTH: usize = 1 + 16 + 8 + SIGNATURE_BYTES + CHECKSUM_BYTES;

/// A refresh token, read but not yet checked against its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RefreshToken {
    pub(super) session: Uuid,
    pub(super) counter: u64,
    signature: [u8; SIGNATURE_BYTES],
}

/// What a token is worth for its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The newest: the counter goes on.
    Current,
    /// The answer to its use was lost, or another tab was faster: the newest is given again.
    Repeat,
    /// Used long ago.
    Reused,
    /// Not of this session.
    Forged,
}

impl RefreshToken {
    /// The token of a session at a counter.
    pub(super) fn text(session: Uuid, counter: u64, key: &[u8]) -> String {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.push(VERSION);
        bytes.extend_from_slice(session.as_bytes());
        bytes.extend_from_slice(&counter.to_be_bytes());
        bytes.extend_from_slice(&sign(session, counter, key));
        let checksum = Sha256::digest(&bytes);
        bytes.extend_from_slice(&checksum[..CHECKSUM_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a token; `None` if it is none of ours.
    pub(super) fn read(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (body, checksum) = bytes.split_at_checked(LENGTH - CHECKSUM_BYTES)?;
        if bytes.len() != LENGTH || body[0] != VERSION || checksum != &Sha256::digest(body)[..CHECKSUM_BYTES] {
            return None;
        }
        Some(Self {
            session: Uuid::from_slice(&body[1..17]).ok()?,
            counter: u64::from_be_bytes(body[17..25].try_into().ok()?),
            signature: body[25..].try_into().ok()?,
        })
    }

    /// Checks the token against its session.
    pub(super) fn judge(&self, key: &[u8], counter: u64, refreshed_at: i64, now: i64) -> Verdict {
        let expected = sign(self.session, self.counter, key);
        // Compared without an early end, so that its time tells nothing.
        let differs = expected.iter().zip(&self.signature).fold(0, |all, (a, b)| all | (a ^ b));
        if differs != 0 || self.counter > counter {
            return Verdict::Forged;
        }
        match counter - self.counter {
            0 => Verdict::Current,
            1 => Verdict::Repeat,
            _ if now.saturating_sub(refreshed_at) <= REUSE_INTERVAL_MS => Verdict::Repeat,
            _ => Verdict::Reused,
        }
    }
}

fn sign(session: Uuid, counter: u64, key: &[u8]) -> [u8; SIGNATURE_BYTES] {
    let mut signature = [0; SIGNATURE_BYTES];
    // HMAC takes keys of any length.
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) {
        mac.update(session.as_bytes());
        mac.update(&counter.to_be_bytes());
        signature.copy_from_slice(&mac.finalize().into_bytes()[..SIGNATURE_BYTES]);
    }
    signature
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"a session's own key";

    #[test]
    fn a_token_is_read_back_and_a_changed_one_is_not() {
        let session = Uuid::from_u128(7);
        let text = RefreshToken::text(session, 3, KEY);
        let read = RefreshToken::read(&text).unwrap();
        assert_eq!((read.session, read.counter), (session, 3));
        for broken in [&text[1..], &text[..text.len() - 1], "", "not base64 !"] {
            assert_eq!(RefreshToken::read(broken), None, "{broken}");
        }
    }

    #[test]
    fn only_the_last_two_are_good_except_for_a_short_while() {
        let token = |counter| RefreshToken::read(&RefreshToken::text(Uuid::from_u128(7), counter, KEY)).unwrap();
        let (long, short) = (REUSE_INTERVAL_MS + 1, REUSE_INTERVAL_MS);
        for (counter, at, verdict) in [
            (5, long, Verdict::Current),
            (4, long, Verdict::Repeat),
            (3, long, Verdict::Reused),
            (3, short, Verdict::Repeat),
            (6, short, Verdict::Forged),
        ] {
            assert_eq!(token(counter).judge(KEY, 5, 0, at), verdict, "counter {counter} after {at} ms");
        }
        assert_eq!(token(5).judge(b"another key", 5, 0, 0), Verdict::Forged);
    }
}
