//! The seam to the network: one request, one answer, with the bytes that went over the wire. What they mean is in `wire`.

use std::future::Future;
use std::sync::Arc;

use verses_store::{MaybeSend, MaybeSendSync};

/// HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
    /// PUT
    Put,
    /// DELETE
    Delete,
}

/// A request to the server.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Path and query, from the slash on.
    pub path: String,
    /// Token for the Authorization header.
    pub bearer: Option<String>,
    /// JSON body, not compressed: the transport compresses it.
    pub body: Option<Vec<u8>>,
}

impl std::fmt::Debug for Request {
    // The token and the body are the user's: they must not reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("bearer", &self.bearer.is_some())
            .field("body_bytes", &self.body.as_ref().map(Vec::len))
            .finish()
    }
}

/// An answer, of whatever status.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Content-Type, lower case.
    pub content_type: String,
    /// Retry-After in milliseconds, if the header was there and readable.
    pub retry_after_ms: Option<u64>,
    /// The decoded body.
    pub body: Vec<u8>,
    /// Bytes of the body on the wire, up.
    pub bytes_sent: u64,
    /// Bytes of the body on the wire, down.
    pub bytes_received: u64,
    /// From the start of the request to the last byte of the answer, milliseconds.
    pub elapsed_ms: u64,
    /// From the last byte sent to the first byte of the answer's head, milliseconds.
    pub first_byte_ms: u64,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No connection could be made: no network, no such host, nobody listens.
    #[error("cannot reach {server}: {reason}. Check the network and the server's address")]
    Connect {
        /// The server asked for.
        server: String,
        /// What the platform said.
        reason: String,
    },
    /// The connection was made, and broke before the answer was complete. The server may have done the work.
    #[error("the connection to {server} broke: {reason}")]
    Broken {
        /// The server asked for.
        server: String,
        /// What the platform said.
        reason: String,
    },
    /// No byte went either way for too long. The server may have done the work.
    #[error("nothing came from {server} for {seconds} s")]
    Stalled {
        /// The server asked for.
        server: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The server's address is not usable.
    #[error("\"{url}\" is no usable server address ({reason}): it should look like http://127.0.0.1:54321")]
    BadUrl {
        /// The address given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl TransportError {
    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        !matches!(self, Self::BadUrl { .. })
    }
}

/// Told how many bytes of the request have gone out so far, and how many there are.
#[cfg(not(target_arch = "wasm32"))]
pub type SendProgress = Arc<dyn Fn(u64, u64) + Send + Sync>;
/// Told how many bytes of the request have gone out so far, and how many there are.
#[cfg(target_arch = "wasm32")]
pub type SendProgress = Arc<dyn Fn(u64, u64)>;

/// Sends requests. Cloning gives another handle to the same connections.
pub trait Transport: Clone + MaybeSendSync + 'static {
    /// Sends one request and waits for the whole answer.
    ///
    /// There is no total time limit: a slow link that moves is left alone. A link on which nothing moves is an error.
    fn send(
        &self,
        request: Request,
        progress: Option<SendProgress>,
    ) -> impl Future<Output = Result<Response, TransportError>> + MaybeSend;
}
