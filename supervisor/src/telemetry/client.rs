//! One request to the collector: over a connection of its own, within bounds of time
//! and size.

use super::collector::{Collector, Place};
use async_trait::async_trait;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// How long one request may take, from the connection to the end of its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest answer, in bytes; it says at most what was refused.
const ANSWER_MAX: usize = 64 * 1024;

/// Most bytes that are read of one connection: an answer and its head. Interim answers
/// without end would otherwise keep this thread from all else, for as long as a request
/// may take.
const READ_MAX: u64 = 2 * ANSWER_MAX as u64;

/// Speaks HTTP/1.1 with one collector, whatever the address that a request names.
#[derive(Debug)]
pub(super) struct Client(pub(super) Place);

impl Client {
    pub(super) fn of(collector: &Collector) -> Self {
        Self(collector.place().clone())
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        match &self.0 {
            Place::Network(address) => exchange(TcpStream::connect(address).await?, request).await,
            Place::Socket(path) => exchange(UnixStream::connect(path).await?, request).await,
        }
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        tokio::time::timeout(PATIENCE, self.send(request)).await?
    }
}

/// Sends `request` over `stream` and reads its answer.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, HttpError> {
    let (reader, writer) = tokio::io::split(stream);
    let bounded = tokio::io::join(reader.take(READ_MAX), writer);
    let (mut sender, connection) = http1::handshake(TokioIo::new(bounded)).await?;
    let answered = async {
        let response = sender.send_request(in_origin_form(request)?).await?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_MAX).collect().await?.to_bytes();
        Ok(Response::from_parts(head, body))
    };
    tokio::pin!(connection, answered);
    tokio::select! {
        answer = &mut answered => answer,
        // It ends when its peer does; then the answer is there or there is none.
        _ = &mut connection => answered.await,
    }
}

/// As a server expects it: the path alone, and whom it is for in a header.
fn in_origin_form(request: Request<Bytes>) -> Result<Request<Full<Bytes>>, HttpError> {
    let (mut head, body) = request.into_parts();
    let host = head.uri.authority().map_or("", |host| host.as_str());
    head.headers.insert(HOST, host.parse()?);
    head.uri = head.uri.path().parse()?;
    Ok(Request::from_parts(head, Full::new(body)))
}
