//! How a request's body arrives: counted against the memory there is, and read to its end even where a refusal leaves it
//! unread, so that the client sees the refusal and not a broken connection.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::Version;
use axum::http::header::EXPECT;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::StreamExt;
use hyper::body::{Frame, SizeHint};
use tokio::time::Instant;

use super::body::Pace;
use super::layers::Layers;
use super::memory::Arrived;
use crate::address::Caller;

/// How much of a body nobody wants is read all the same, in bytes.
const MAX_LEFTOVER_BYTES: usize = 8 * 1024 * 1024;
/// Room is taken in steps of this size, in bytes.
const STEP_BYTES: u64 = 4 * 1024;

/// There is no room for a large body now.
#[derive(Debug, thiserror::Error)]
#[error("too many large bodies at once")]
pub(super) struct NoRoom;

/// Watches the body of every request.
pub(crate) async fn watch(State(shared): State<Arc<Layers>>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let caller = request.extensions().get::<Caller>().copied();
    // HTTP/2 can end one body and keep the connection; HTTP/1 can not.
    let leftover = request.version() != Version::HTTP_2;
    // A client that waits to be asked has sent nothing yet.
    let sending = !request.headers().contains_key(EXPECT);
    let watched = |inner| Watched { inner, shared, caller, leftover, sending, received: 0, room: 0, held: None };
    next.run(request.map(|body| Body::new(watched(body)))).await
}

struct Watched {
    inner: Body,
    shared: Arc<Layers>,
    caller: Option<Caller>,
    leftover: bool,
    sending: bool,
    received: u64,
    /// How much may be received before more room is needed.
    room: u64,
    held: Option<Arrived>,
}

impl Watched {
    /// Takes room for what came.
    fn count(&mut self, bytes: usize) -> Result<(), NoRoom> {
        self.received += bytes as u64;
        let more = self.received.saturating_sub(self.room).div_ceil(STEP_BYTES) * STEP_BYTES;
        if more == 0 {
            return Ok(());
        }
        let taken = self.shared.memory.arriving(self.caller, more).ok_or(NoRoom)?;
        self.room += more;
        match &mut self.held {
            Some(held) => held.add(taken),
            none => *none = Some(taken),
        }
        Ok(())
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.sending = true;
        let Some(frame) = ready!(Pin::new(&mut self.inner).poll_frame(cx)) else { return Poll::Ready(None) };
        let counted = frame.map_err(Into::into).and_then(|frame| {
            self.count(frame.data_ref().map_or(0, Bytes::len))?;
            Ok(frame)
        });
        Poll::Ready(Some(counted))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if self.leftover && self.sending && !self.inner.is_end_stream() && tokio::runtime::Handle::try_current().is_ok()
        {
            let rest = std::mem::take(&mut self.inner);
            let pace = Pace::new(&self.shared.config, Instant::now());
            drop(self.shared.tasks.spawn(read_away(rest, pace)));
        }
    }
}

/// The answer is on its way meanwhile; this only keeps the connection from being closed under it.
async fn read_away(body: Body, mut pace: Pace) {
    let mut stream = body.into_data_stream();
    let mut left = MAX_LEFTOVER_BYTES;
    while let Ok(Some(Ok(piece))) = tokio::time::timeout_at(pace.deadline(Instant::now()), stream.next()).await {
        pace.came(piece.len());
        match left.checked_sub(piece.len()) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}
