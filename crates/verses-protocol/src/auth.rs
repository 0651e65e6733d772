//! The part of Supabase Auth's wire that this project's client speaks: the shapes `supabase-js` reads, no more.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Path prefix of all auth calls.
pub const AUTH_PATH: &str = "/auth/v1";

/// Body of `POST /auth/v1/signup` and of the password grant. Without e-mail and phone, sign-up makes an anonymous user.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Credentials {
    /// E-mail address.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub email: Option<String>,
    /// Password, at most 72 bytes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub password: Option<String>,
    /// User metadata.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub data: Option<Value>,
}

/// Body of the refresh grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshGrant {
    /// The refresh token.
    pub refresh_token: String,
}

/// A session: the answer to sign-up and to both grants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionTokens {
    /// JWT for the Authorization header.
    pub access_token: String,
    /// Always `bearer`.
    pub token_type: String,
    /// Seconds until the access token expires.
    pub expires_in: u64,
    /// When it expires, seconds since the epoch.
    #[serde(default)]
    pub expires_at: u64,
    /// To get the next access token.
    pub refresh_token: String,
    /// Whose session it is.
    pub user: AuthUser,
}

/// The user as clients need it; the server sends more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthUser {
    /// UUID.
    pub id: String,
    /// Lower-cased; empty for an anonymous user.
    #[serde(default)]
    pub email: String,
    /// Whether the user has no credentials yet.
    #[serde(default)]
    pub is_anonymous: bool,
}

/// Error body of auth calls, readable by every version of the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthProblem {
    /// Stable code ("invalid_credentials").
    pub code: String,
    /// The same, under the older name.
    pub error_code: String,
    /// Text for people.
    pub message: String,
    /// The same, under the older name.
    pub msg: String,
}
