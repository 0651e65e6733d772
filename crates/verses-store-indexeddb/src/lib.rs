//! `LocalStore` on IndexedDB, for pages, dedicated workers and service workers. Empty for every target but the browser.
//!
//! `IndexedDbStore::open` gives a store. `js/indexeddb.js` runs the requests; what is asked and what is in the rows is here,
//! in functions that wait for nothing where that can be: an `async fn` for every request would be much of the app's code.
//!
//! The store's futures are to be awaited in a task of `wasm-bindgen-futures`: a transaction of IndexedDB ends by itself as
//! soon as the browser finds it idle, so it must be gone on with in the moment of an answer.
#![cfg(target_arch = "wasm32")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod connect;
mod events;
mod fault;
mod js;
mod keys;
mod layout;
mod listeners;
mod migrate;
mod owners;
mod queue;
mod read;
mod read_queue;
mod rows;
mod store;
mod text;
mod write;

pub use layout::SCHEMA_VERSION;
pub use store::{DEFAULT_NAME, IndexedDbStore};
