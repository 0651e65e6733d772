//! The server of Verses as a library. See the modules.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod address;
pub mod auth;
pub mod config;
mod counted;
mod guarded;
mod http;
pub mod otlp;
mod own_keys;
pub mod proxy;
mod serve;
pub mod service;
pub mod storage;
mod tasks;
pub mod texts;
pub mod web;

pub use config::ServerConfig;
pub use http::Clock;
pub use own_keys::{OwnKeysError, list_keys, rotate_keys};
pub use serve::{App, OpenError, Tls, TlsError, serve};
