//! The wire of Verses: requests, answers, error codes, limits and versions. One definition, used by both ends.
//!
//! Shapes only. No sending, no serving, no deciding.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod account;
pub mod auth;
mod changes;
mod error;
mod limits;
mod operations;

pub use account::{ACCOUNT_PATH, AccountDeleted, DELETE_ACCOUNT_PHRASE, DeleteAccount};
pub use changes::{Change, ChangesResponse};
pub use error::{ErrorCode, Problem};
pub use limits::*;
pub use operations::*;
