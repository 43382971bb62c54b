//! One HTTP connection, with bounds on what it takes and how long.

use super::body::Reply;
use super::patience::Patient;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

/// How long a client may take to send the head of a request, and how long a
/// connection may be idle before the next one.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);

/// How long a client may leave unread what is sent to it.
const READ_PATIENCE: Duration = Duration::from_secs(60);

/// Most header lines, and most bytes that are held of a connection at a time.
const HEADERS_MAX: usize = 64;
const BUFFER_MAX: usize = 64 * 1024;

/// Serves requests on `stream` by `answer` until the client is done, breaks off or is
/// too slow, or until `stop`, when the answers under way still go out.
pub(crate) async fn converse<S, F>(
    stream: S,
    answer: impl Fn(Request<Incoming>) -> F,
    stop: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = Reply>,
{
    let stream = TokioIo::new(Patient::new(stream, READ_PATIENCE));
    let service = service_fn(|request| {
        let answer = answer(request);
        async { Ok::<_, Infallible>(answer.await) }
    });
    let mut builder = Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_headers(HEADERS_MAX)
        .max_buf_size(BUFFER_MAX);
    let mut connection = pin!(builder.serve_connection(stream, service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection broken off");
    }
}
