//! The data service of Verses: what an application does with verses on a device, and the driver that keeps it in sync.
//!
//! Generic over the store, the transport and the platform, so that the same code runs on native, in the browser and in a
//! simulator. What to send when is decided by `batchsync`; what an action means by `verses-core`.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod account;
mod answer;
mod background;
#[cfg(target_arch = "wasm32")]
mod browser;
mod clock;
mod config;
mod error;
mod exchange;
#[cfg(not(target_arch = "wasm32"))]
mod http;
mod inbox;
mod limits;
mod merge;
mod observe;
mod pacing;
mod platform;
mod pull;
mod recovery;
mod reply;
mod results;
mod rights;
mod service;
mod session;
mod slots;
mod sync;
mod texts;
mod transport;
mod wire;
mod write;

pub use account::{SignedIn, SignedOut};
pub use background::Hints;
#[cfg(target_arch = "wasm32")]
pub use browser::{Browser, FetchTransport};
pub use config::ClientConfig;
pub use error::ClientError;
#[cfg(not(target_arch = "wasm32"))]
pub use http::{HttpTimeouts, HttpTransport};
pub use observe::{Observer, SyncEvent, nobody};
#[cfg(not(target_arch = "wasm32"))]
pub use platform::Native;
pub use platform::{Platform, new_id};
pub use results::{
    BatchDualWriteResult, BatchOperationResult, BatchRunSummary, DualWriteError, DualWriteResult, PullResult,
    SyncResult,
};
pub use service::{CardWithVerse, DataService};
pub use session::Session;
pub use sync::{Drained, SyncEngine, SyncOptions};
pub use texts::{NoTexts, OfflineTexts};
pub use transport::{Method, Request, Response, SendProgress, Transport, TransportError};
pub use write::{NewVerse, PROFILE_ENTITY, ProfileChange, verse_entity};
