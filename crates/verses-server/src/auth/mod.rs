//! Accounts in embedded mode: the part of Supabase Auth that its unmodified client needs; and the check of tokens, which
//! may also come from an account server elsewhere. HTTP is in `http::auth_routes`.

mod cache;
mod error;
pub mod jwks;
pub mod keys;
mod passwords;
mod refresh;
mod ring;
pub mod rotation;
mod service;
mod sqlite;
pub(crate) mod store;
mod tokens;
mod user;
mod verify;

pub use error::AuthError;
pub use jwks::{JwksError, JwksSource};
pub use keys::SigningKey;
pub use passwords::Hashing;
pub use rotation::{ListedKey, RotationError};
pub use service::{Auth, SignOutScope, TokenSource};
pub use store::{AuthBackend, AuthSession, AuthUserRow, Ends, NotPut, SignInMethod, UserChange};
pub use tokens::{Claims, Issuer, Signer, TokenError, Verified};
pub use verify::{MAX_TOKEN_BYTES, Verifier, VerifyingKey};
