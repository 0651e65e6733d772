//! The engine of the web app: the client of Verses behind calls that take and give JSON. It runs in a worker of the page and in
//! the service worker; what the page shows is `ui`, which computes nothing of the domain.
//!
//! Everything but `browser` also builds natively, where it is tested over the store in memory.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod account;
mod adding;
mod app;
mod board;
#[cfg(target_arch = "wasm32")]
mod browser;
mod cards;
mod data;
mod inbox;
mod lead;
mod library;
mod settings;
mod statistics;
mod texts;
mod wire;

pub use app::{App, Parts};
pub use board::SyncState;
#[cfg(target_arch = "wasm32")]
pub use browser::Engine;
pub use lead::{Hint, RunReport};
pub use texts::{Coming, PieceSource, PieceTexts, TextState};
pub use wire::{EngineError, Event, Tell};
