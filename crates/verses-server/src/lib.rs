//! The server of Verses as a library. See the modules.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod service;
pub mod storage;
pub mod texts;
