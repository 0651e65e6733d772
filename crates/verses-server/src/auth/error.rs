//! Errors of auth calls: the codes, statuses and texts that Supabase's clients know.

use crate::storage::StorageError;

/// Why an auth call was refused.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The body is no JSON object of the expected shape.
    #[error("Could not parse request body as JSON: {0}")]
    BadJson(String),
    /// The body could not be read to its end: too large, cut, or in a coding that is not known.
    #[error("Could not read request body: {0}")]
    UnreadableBody(String),
    /// The body is larger than any call needs.
    #[error("Request body too large: at most {max_bytes} bytes")]
    BodyTooLarge {
        /// The limit.
        max_bytes: u64,
    },
    /// There is no such path here.
    #[error("there is nothing at {0}: this server keeps accounts with e-mail and password, and anonymous ones")]
    NotFound(String),
    /// A path that takes other methods.
    #[error("{0} does not take this method")]
    MethodNotAllowed(String),
    /// A field is missing or wrong.
    #[error("{0}")]
    Validation(String),
    /// The password is too easy.
    #[error("Password should be at least {min} characters.")]
    WeakPassword {
        /// Least length.
        min: usize,
    },
    /// A password for somebody who could not sign in with it.
    #[error("Updating password of an anonymous user without an email or phone is not allowed")]
    AnonymousPassword,
    /// Only an administrator changes this.
    #[error("{0} can only be changed by an administrator")]
    NotAdmin(&'static str),
    /// There are no accounts with telephone numbers.
    #[error("Phone numbers are not supported here: use an e-mail address")]
    PhoneDisabled,
    /// The new password is the old one.
    #[error("New password should be different from the old password.")]
    SamePassword,
    /// There is a user with this e-mail address.
    #[error("User already registered")]
    UserExists,
    /// There is another user with this e-mail address.
    #[error("A user with this email address has already been registered")]
    EmailExists,
    /// Unknown user or wrong password: nobody is told which.
    #[error("Invalid login credentials")]
    InvalidCredentials,
    /// No such grant.
    #[error("unsupported_grant_type")]
    UnsupportedGrant,
    /// The refresh token is of no session.
    #[error("Invalid Refresh Token: Refresh Token Not Found")]
    RefreshTokenNotFound,
    /// The refresh token was used long ago: the session is ended, for it may have been stolen.
    #[error("Invalid Refresh Token: Already Used")]
    RefreshTokenUsed,
    /// No token.
    #[error("This endpoint requires a valid Bearer token")]
    NoAuthorization,
    /// A wrong or expired token.
    #[error("invalid JWT: {0}")]
    BadJwt(String),
    /// The token's session has ended.
    #[error("Session from session_id claim in JWT does not exist")]
    SessionNotFound,
    /// The token's user is gone.
    #[error("User from sub claim in JWT does not exist")]
    UserNotFound,
    /// Too many attempts from one address.
    #[error("Request rate limit reached")]
    RateLimited,
    /// Busy: worth trying again.
    #[error("The server is busy, try again")]
    Busy,
    /// The keys that sign tokens, or check them, cannot be had.
    #[error("{0}")]
    Keys(String),
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl AuthError {
    /// HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::BadJson(_)
            | Self::UnreadableBody(_)
            | Self::Validation(_)
            | Self::InvalidCredentials
            | Self::UnsupportedGrant
            | Self::RefreshTokenNotFound
            | Self::RefreshTokenUsed
            | Self::PhoneDisabled => 400,
            Self::NoAuthorization => 401,
            Self::BadJwt(_) | Self::SessionNotFound | Self::UserNotFound | Self::NotAdmin(_) => 403,
            Self::NotFound(_) => 404,
            Self::MethodNotAllowed(_) => 405,
            Self::BodyTooLarge { .. } => 413,
            Self::WeakPassword { .. }
            | Self::SamePassword
            | Self::UserExists
            | Self::EmailExists
            | Self::AnonymousPassword => 422,
            Self::RateLimited => 429,
            Self::Busy | Self::Keys(_) | Self::Storage(_) => 503,
        }
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadJson(_) | Self::UnreadableBody(_) => "bad_json",
            Self::BodyTooLarge { .. } => "request_entity_too_large",
            Self::NotFound(_) => "not_found",
            Self::MethodNotAllowed(_) => "method_not_allowed",
            Self::Validation(_) | Self::AnonymousPassword => "validation_failed",
            Self::NotAdmin(_) => "not_admin",
            Self::PhoneDisabled => "phone_provider_disabled",
            Self::WeakPassword { .. } => "weak_password",
            Self::SamePassword => "same_password",
            Self::UserExists => "user_already_exists",
            Self::EmailExists => "email_exists",
            Self::InvalidCredentials | Self::UnsupportedGrant => "invalid_credentials",
            Self::RefreshTokenNotFound => "refresh_token_not_found",
            Self::RefreshTokenUsed => "refresh_token_already_used",
            Self::NoAuthorization => "no_authorization",
            Self::BadJwt(_) => "bad_jwt",
            Self::SessionNotFound => "session_not_found",
            Self::UserNotFound => "user_not_found",
            Self::RateLimited => "over_request_rate_limit",
            Self::Busy | Self::Keys(_) | Self::Storage(_) => "request_timeout",
        }
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::RateLimited | Self::Busy | Self::Keys(_) | Self::Storage(_))
    }
}
