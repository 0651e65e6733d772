//! Accepting connections: so many in total, and so many from one address. One too many in total waits to be accepted; one
//! too many from an address is closed.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::address::Caller;
use crate::counted::{self, Counted};
use crate::proxy::TrustedProxies;

/// How long to wait when the system has no connection to give.
const OUT_OF_HANDLES: Duration = Duration::from_millis(50);
/// When a silent connection is asked whether the other side is still there, how often, and how many times.
const KEEP_ALIVE_AFTER: Duration = Duration::from_secs(60);
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(15);
#[cfg(unix)]
const KEEP_ALIVE_TRIES: u32 = 4;

/// How many connections there may be.
#[derive(Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    by_caller: Counted<Caller>,
    proxies: TrustedProxies,
}

/// A connection's place. It is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _all: Option<OwnedSemaphorePermit>,
    /// None for a proxy: behind it there are many.
    _caller: Option<counted::Place<Caller>>,
}

impl Places {
    pub(super) fn new(most: u32, most_per_address: u32, proxies: TrustedProxies) -> Self {
        let all = Arc::new(Semaphore::new(most as usize));
        Self { all, by_caller: Counted::new(most_per_address), proxies }
    }

    /// The next connection, once there is a place for it. `refused` is called for each of an address that has too many.
    pub(super) async fn accept(&self, listener: &TcpListener, refused: impl Fn()) -> (TcpStream, SocketAddr, Place) {
        // The semaphore is never closed, so there is always a permit in the end.
        let all = Arc::clone(&self.all).acquire_owned().await.ok();
        loop {
            match listener.accept().await {
                Ok((stream, address)) => {
                    let caller = self.by_caller.enter(address.ip().into());
                    if caller.is_none() && !self.proxies.is_proxy(address.ip()) {
                        refused();
                        continue;
                    }
                    // A connection without these options still works.
                    if let Err(error) = set_options(&stream) {
                        tracing::debug!(%error, "a connection keeps the system's options");
                    }
                    return (stream, address, Place { _all: all, _caller: caller });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(OUT_OF_HANDLES).await;
                }
            }
        }
    }
}

/// Answers are small: waiting to fill packets only adds delay. And a client that vanished, as clients on trains do, is
/// noticed even where nothing is written.
fn set_options(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    let keep_alive = TcpKeepalive::new().with_time(KEEP_ALIVE_AFTER).with_interval(KEEP_ALIVE_EVERY);
    #[cfg(unix)]
    let keep_alive = keep_alive.with_retries(KEEP_ALIVE_TRIES);
    socket.set_tcp_keepalive(&keep_alive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(KEEP_ALIVE_AFTER + KEEP_ALIVE_EVERY * KEEP_ALIVE_TRIES))?;
    Ok(())
}
