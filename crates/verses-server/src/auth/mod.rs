//! Accounts in embedded mode: the part of Supabase Auth that its unmodified client needs. HTTP is in `http::auth_routes`.

mod error;
mod passwords;
mod refresh;
mod service;
mod sqlite;
pub(crate) mod store;
mod tokens;
mod user;

pub use error::AuthError;
pub use service::{Auth, SignOutScope};
pub use store::{AuthBackend, AuthSession, AuthUserRow, Ends, NotPut, UserChange};
pub use tokens::{Claims, TokenError, Tokens, Verified};
