//! The engine's rules in virtual time, by theme. Each test sets up a situation and says what must happen.

#![expect(unused_must_use, reason = "the harness persists settlements before it returns them")]

mod adaptive;
mod adaptive_model;
mod auth;
mod common;
mod due;
mod fallback;
mod faults;
mod inbox;
mod late_answers;
mod limits;
mod order;
mod progress;
mod properties;
mod restart;
mod retry;
mod summaries;
mod triggers;
mod values;
