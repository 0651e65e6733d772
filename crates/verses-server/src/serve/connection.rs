//! One connection, from its first byte to its last: limits of size for heads and streams, and the end of whoever says
//! nothing, says it too slowly, or does not listen.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;
use tower::ServiceExt;

use super::activity::{self, Activity, Patience, Then};
use super::stream::Watched;
use super::tls::Tls;
use crate::config::ServerConfig;
use crate::guarded::Guarded;
use crate::http;
use crate::tasks::Tasks;

/// Largest head of a request, in bytes.
const MAX_HEAD_BYTES: u32 = 32 * 1024;
/// Most header lines of a request.
const MAX_HEADERS: usize = 100;
/// Requests at once on one HTTP/2 connection; the standard asks for no fewer.
const MAX_STREAMS: u32 = 100;
/// How much of one body HTTP/2 may send ahead, in bytes: enough for 1 MB/s over a round trip of 100 ms.
const STREAM_WINDOW_BYTES: u32 = 128 * 1024;
/// The same for all bodies of a connection.
const CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;
/// How much of one answer waits in HTTP/2 for a slow reader, in bytes.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// How often HTTP/2 asks whether the other side is still there, and how long it may take to say so.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_PATIENCE: Duration = Duration::from_secs(20);

/// The other side of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    /// Whether TLS is spoken with it.
    pub(super) secure: bool,
}

/// What all connections of a server share.
#[derive(Debug)]
pub(super) struct Connections {
    builder: Builder<Tasks>,
    router: Router,
    patience: Patience,
    stall: Duration,
}

impl Connections {
    pub(super) fn new(router: Router, config: &ServerConfig, tasks: Tasks) -> Self {
        let mut builder = Builder::new(tasks);
        // Heads have their time limit here, for both versions alike: the library's own counts idle time as well.
        builder.http1().timer(TokioTimer::new()).header_read_timeout(None);
        builder.http1().max_buf_size(MAX_HEAD_BYTES as usize).max_headers(MAX_HEADERS);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_PATIENCE)
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_HEAD_BYTES)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_send_buf_size(SEND_BUFFER_BYTES);
        let stall = Duration::from_millis(config.answer_stall_timeout_ms);
        Self { builder, router, patience: Patience::of(config), stall }
    }

    /// Serves one connection of TLS. Whoever does not get through the handshake in the time of a head is let go, and so is
    /// everybody who has not when the server stops.
    pub(super) async fn run_tls(
        &self,
        tls: &Tls,
        stream: TcpStream,
        address: SocketAddr,
        mut stopping: watch::Receiver<bool>,
    ) {
        let handshake = tls.accept(stream, self.patience.head);
        let stream = tokio::select! {
            done = handshake => match done {
                Ok(stream) => stream,
                Err(error) => {
                    tracing::debug!(%error, "a handshake failed");
                    return;
                }
            },
            _ = stopping.wait_for(|stopping| *stopping) => return,
        };
        self.run(stream, Peer { address, secure: true }, stopping).await;
    }

    /// Serves one connection until it ends, by itself or by one of its limits.
    pub(super) async fn run<T>(&self, stream: T, peer: Peer, mut stopping: watch::Receiver<bool>)
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let activity = Activity::new(self.patience, Instant::now());
        let io = TokioIo::new(Watched::new(stream, activity.clone(), self.stall));
        let seen = activity.clone();
        let service = hyper::service::service_fn(|request| answer(&self.router, &seen, peer, request));
        let serving = self.builder.serve_connection(io, service);
        tokio::pin!(serving);
        // A server that is asked to stop between accepting and this line counts too.
        let mut closing = *stopping.borrow_and_update();
        if closing {
            serving.as_mut().graceful_shutdown();
            activity.closing(Instant::now());
        }
        loop {
            tokio::select! {
                // A connection ends with an error whenever a client goes away: nothing to do about it.
                _ = &mut serving => return,
                () = activity.changed() => continue,
                then = due(&activity) => if then == Then::Cut { return },
                _ = stopping.changed(), if !closing => {}
            }
            closing = true;
            serving.as_mut().graceful_shutdown();
            activity.closing(Instant::now());
        }
    }
}

/// Completes when the connection's time is up.
async fn due(activity: &Activity) -> Then {
    match activity.deadline() {
        Some((at, then)) => {
            tokio::time::sleep_until(at).await;
            then
        }
        None => std::future::pending().await,
    }
}

fn answer(
    router: &Router,
    activity: &Activity,
    peer: Peer,
    mut request: Request<Incoming>,
) -> impl Future<Output = Result<Response<Guarded<activity::Request>>, Infallible>> + use<> {
    let guard = activity.request(request.version() == Version::HTTP_2, Instant::now());
    request.extensions_mut().insert(ConnectInfo(peer.address));
    if peer.secure {
        request.extensions_mut().insert(http::Secure);
    }
    let router = router.clone();
    async move {
        let response = http::allow_options(router.oneshot(request.map(Body::new)).await?);
        if response.extensions().get::<http::GoesOn>().is_some() {
            guard.goes_on();
        }
        // The request lasts as long as its answer's body.
        Ok(response.map(|body| Guarded { body, _guard: guard }))
    }
}
