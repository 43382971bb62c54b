//! Bodies: of requests, read whole within bounds; of replies, which tell when nobody
//! reads them any more.

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::{Response, StatusCode};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio_util::sync::DropGuard;

/// Largest body of a request, in bytes: arguments must fit a packet to the worker,
/// which is far smaller.
const BODY_MAX: usize = 1024 * 1024;

/// How long a client may take to send one.
const BODY_PATIENCE: Duration = Duration::from_secs(30);

/// What a client gets.
pub(crate) type Reply = Response<BoxBody<Bytes, Infallible>>;

/// The whole body of a request.
///
/// # Errors
/// The status to answer with: too large, too slow, or broken off.
pub(super) async fn whole<B>(body: B) -> Result<Bytes, StatusCode>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let reading = Limited::new(body, BODY_MAX).collect();
    match tokio::time::timeout(BODY_PATIENCE, reading).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Ok(Err(_)) => Err(StatusCode::BAD_REQUEST),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

/// A reply's body that cancels what makes it when it is dropped.
pub(super) struct Watched {
    body: BoxBody<Bytes, Infallible>,
    _guard: DropGuard,
}

impl Watched {
    /// `reply`, watched by `guard`.
    pub(super) fn over(reply: Reply, guard: DropGuard) -> Reply {
        reply.map(|body| {
            let watched = Self {
                body,
                _guard: guard,
            };
            watched.boxed()
        })
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
