//! The tool runner of Verses: run, test, ci and its steps, tidy, bench, fuzz.
//!
//! It is built first on a fresh machine, so it keeps to two small dependencies. It knows how to call tools and
//! which house rules hold; it links none of our other crates.
#![forbid(unsafe_code)]

pub mod cli;
pub mod tidy;
pub mod workspace;

mod bench;
mod ci;
mod deny;
mod e2e;
mod fuzz;
mod fuzz_api;
mod prerequisites;
mod process;
mod run;
mod server;
mod sim;
mod test;
mod wasm;
mod web;
mod web_test;
