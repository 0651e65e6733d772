//! What the tests of the client share: virtual time, a server without HTTP, devices. No assertions of behaviour live here.
#![allow(dead_code, reason = "each test binary uses its own part of this module")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

pub(crate) mod device;
pub(crate) mod link;
pub(crate) mod server;
pub(crate) mod world;

#[allow(unused_imports, reason = "each test binary uses its own part of this module")]
pub(crate) use self::{
    device::{Device, Engine, Store, add, new_verse, patient},
    link::{Fault, Link, Route},
    server::Server,
    world::{Clock, World},
};
