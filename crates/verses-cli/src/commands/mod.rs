//! The commands, one file each. Each takes the app and its arguments, prints its result and gives the exit status.

pub mod account;
pub mod add;
pub mod cards;
pub mod demo;
pub mod keys;
pub mod passages;
pub mod profile;
pub mod queue;
pub mod review;
pub mod rights;
mod secrets;
pub mod serve;
pub mod status;
pub mod sync;
