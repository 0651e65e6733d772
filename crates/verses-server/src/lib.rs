//! The server of Verses as a library. See the modules.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod auth;
pub mod config;
mod http;
mod own_keys;
mod serve;
pub mod service;
pub mod storage;
pub mod texts;

pub use config::ServerConfig;
pub use http::Clock;
pub use own_keys::{OwnKeysError, list_keys, rotate_keys};
pub use serve::{App, OpenError, serve};
