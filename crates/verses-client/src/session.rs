//! The signed-in session as it is kept on the device, and when its token must be refreshed. Asking the server is in `account`.

use serde::{Deserialize, Serialize};
use verses_json::json_object;
use verses_protocol::auth::SessionTokens;

/// A session on this device. It is kept in the local store; its tokens are never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The user's id: owner of the rows on this device.
    pub user_id: String,
    /// E-mail; empty for an anonymous user.
    pub email: String,
    /// Whether the user has no credentials yet.
    pub is_anonymous: bool,
    /// Token for requests.
    pub access_token: String,
    /// Token to get the next one.
    pub refresh_token: String,
    /// When the access token expires, by this device's clock, milliseconds since the epoch.
    pub expires_at_ms: i64,
}

json_object! { Session {
    user_id: "user_id",
    email: "email",
    is_anonymous: "is_anonymous",
    access_token: "access_token",
    refresh_token: "refresh_token",
    expires_at_ms: "expires_at_ms",
} }

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("user_id", &self.user_id).finish_non_exhaustive()
    }
}

impl Session {
    /// A session from the server's answer, received at `now_ms`. `expires_in` is used, not `expires_at`: the device's
    /// clock may be wrong.
    #[must_use]
    pub fn from_tokens(tokens: SessionTokens, now_ms: i64) -> Self {
        let life_ms = i64::try_from(tokens.expires_in.saturating_mul(1_000)).unwrap_or(i64::MAX);
        Self {
            user_id: tokens.user.id,
            email: tokens.user.email,
            is_anonymous: tokens.user.is_anonymous,
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            expires_at_ms: now_ms.saturating_add(life_ms),
        }
    }

    /// Whether there are tokens. A session the server ended keeps its user, so that the rows stay in sight, and loses its tokens.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        !self.refresh_token.is_empty()
    }

    /// The session after the server ended it.
    #[must_use]
    pub fn ended(self) -> Self {
        Self { access_token: String::new(), refresh_token: String::new(), ..self }
    }

    /// Whether the access token should be refreshed before it is used at `now_ms`. A device clock that moved back by
    /// more than a token's life shows as a token that lives too long; such a token is refreshed as well.
    #[must_use]
    pub fn needs_refresh(&self, now_ms: i64, margin_ms: i64) -> bool {
        const LONGEST_LIFE_MS: i64 = 7 * 24 * 3_600 * 1_000;
        let left = self.expires_at_ms.saturating_sub(now_ms);
        left < margin_ms || left > LONGEST_LIFE_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(expires_at_ms: i64) -> Session {
        Session {
            user_id: "u".into(),
            email: String::new(),
            is_anonymous: true,
            access_token: "a".into(),
            refresh_token: "r".into(),
            expires_at_ms,
        }
    }

    #[test]
    fn a_token_is_refreshed_when_its_life_runs_out_or_the_clock_jumped_back() {
        let at = 1_000_000_000_000;
        for (expires, needs) in [(at + 3_600_000, false), (at + 61_000, false), (at + 59_000, true), (at - 1, true)] {
            assert_eq!(session(expires).needs_refresh(at, 60_000), needs, "expires at {expires}");
        }
        assert!(session(at).needs_refresh(at - 30 * 24 * 3_600_000, 60_000), "clock moved back a month");
    }

    #[test]
    fn a_session_is_kept_in_the_shape_of_its_derive() {
        let session = session(-7);
        let text = serde_json::to_string(&session).unwrap();
        assert_eq!(verses_json::to_text(&session), text);
        assert!(verses_json::read::<Session>(text.as_bytes()).unwrap() == session);
    }

    #[test]
    fn tokens_do_not_reach_a_log() {
        let shown = format!("{:?}", session(0));
        assert!(!shown.contains("\"a\"") && !shown.contains("\"r\""), "{shown}");
    }
}
