//! Newline-delimited JSON-RPC that ends in order and takes no more than it can hold.
//!
//! Three things that the transport of rmcp does not do. What is no message is
//! answered by an error. A client that has
//! finished sending (`printf … | mini-mcp connect`) gets all its answers,
//! however long they take. And a client that sends without reading its answers
//! is no longer read from, so what waits for it stays bounded.

use super::MESSAGE_MAX;
use super::lines::{Line, Lines};
use rmcp::RoleServer;
use rmcp::model::{ClientNotification, ErrorData, JsonRpcMessage, RequestId};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Mutex as AsyncMutex, Notify};
use tokio_util::sync::CancellationToken;

/// Most requests of one client that are not yet answered, and most bytes of them, by
/// when the last one came. Beyond, its next message is left unread, a cancellation too.
const UNANSWERED_MAX: usize = 256;
const UNANSWERED_BYTES_MAX: usize = 8 * MESSAGE_MAX;

/// Room that most answers need, in bytes.
const ANSWER_SIZE: usize = 1024;

/// A transport that knows which requests still want an answer.
pub(crate) struct Orderly<R, W> {
    lines: Lines<R>,
    answers: Answers<W>,
    /// An answer to what was no message, under way.
    complaint: Option<Sending>,
    unanswered: Arc<Unanswered>,
    ended: bool,
    /// Told when the client has finished sending.
    silent: CancellationToken,
}

type Sending = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

impl<R, W> Orderly<R, W>
where
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    /// Brings order to a stream of `reader` and `writer`.
    /// `silent` is told when the client has finished sending.
    pub(crate) fn new(reader: R, writer: W, silent: CancellationToken) -> Self {
        Self {
            lines: Lines::new(reader),
            answers: Answers(Arc::new(AsyncMutex::new(writer))),
            complaint: None,
            unanswered: Arc::default(),
            ended: false,
            silent,
        }
    }
}

impl<R, W: AsyncWrite + Send + Unpin + 'static> Orderly<R, W> {
    /// Answers what was no message.
    fn complain(&mut self, error: ErrorData) {
        let complaint = TxJsonRpcMessage::<RoleServer>::error(error, None);
        self.complaint = Some(Box::pin(self.answers.send(complaint)));
    }
}

/// Where answers are written, whole and one after the other. Unlike the writer of rmcp
/// it keeps no buffer for a client that waits.
struct Answers<W>(Arc<AsyncMutex<W>>);

impl<W: AsyncWrite + Send + Unpin + 'static> Answers<W> {
    fn send(
        &self,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let writer = Arc::clone(&self.0);
        async move {
            let mut line = Vec::with_capacity(ANSWER_SIZE);
            serde_json::to_writer(&mut line, &message)?;
            drop(message);
            line.push(b'\n');
            let mut writer = writer.lock().await;
            writer.write_all(&line).await?;
            writer.flush().await
        }
    }
}

impl<R, W> Transport<RoleServer> for Orderly<R, W>
where
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let answered = answers(&message).cloned();
        let unanswered = Arc::clone(&self.unanswered);
        let sending = self.answers.send(message);
        async move {
            let sent = sending.await;
            if let Some(id) = answered {
                unanswered.remove(&id);
            }
            match sent {
                // Nobody is left to read it, which is noticed and handled elsewhere.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                sent => sent,
            }
        }
    }

    /// May be given up at any await without losing a message.
    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        self.unanswered.until(Waiting::leaves_room).await;
        while !self.ended {
            if let Some(complaint) = &mut self.complaint {
                // A client that has gone is noticed elsewhere.
                let _ = complaint.await;
                self.complaint = None;
            }
            match self.lines.next().await {
                Line::Message(message, length) => {
                    if self.unanswered.note(&message, length) {
                        return Some(*message);
                    }
                    self.complain(ErrorData::invalid_request(
                        "Invalid request: its id is that of a request under way",
                        None,
                    ));
                }
                Line::Fault(error) => self.complain(error),
                Line::End => {
                    self.ended = true;
                    self.silent.cancel();
                }
            }
        }
        self.unanswered.until(Waiting::is_empty).await;
        None
    }

    async fn close(&mut self) -> io::Result<()> {
        self.answers.0.lock().await.shutdown().await
    }
}

fn answers(message: &TxJsonRpcMessage<RoleServer>) -> Option<&RequestId> {
    match message {
        JsonRpcMessage::Response(response) => Some(&response.id),
        JsonRpcMessage::Error(error) => error.id.as_ref(),
        JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_) => None,
    }
}

/// The requests that still want an answer.
#[derive(Debug, Default)]
struct Unanswered {
    waiting: Mutex<Waiting>,
    fewer: Notify,
}

/// Them, with how many bytes each was.
#[derive(Debug, Default)]
struct Waiting {
    requests: HashMap<RequestId, usize>,
    bytes: usize,
}

impl Waiting {
    fn leaves_room(&self) -> bool {
        self.requests.len() < UNANSWERED_MAX && self.bytes < UNANSWERED_BYTES_MAX
    }

    fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    fn insert(&mut self, id: RequestId, bytes: usize) {
        self.bytes += bytes;
        self.requests.insert(id, bytes);
    }

    fn remove(&mut self, id: &RequestId) {
        self.bytes -= self.requests.remove(id).unwrap_or_default();
    }
}

impl Unanswered {
    /// Notes a request; a cancelled one gets no answer. False for one that has the id of
    /// another, which nobody could tell apart or count.
    fn note(&self, message: &RxJsonRpcMessage<RoleServer>, length: usize) -> bool {
        match message {
            JsonRpcMessage::Request(request) => {
                let mut waiting = self.lock();
                if waiting.requests.contains_key(&request.id) {
                    return false;
                }
                waiting.insert(request.id.clone(), length);
            }
            JsonRpcMessage::Notification(message) => {
                if let ClientNotification::CancelledNotification(cancelled) = &message.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.remove(id);
                }
            }
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => {}
        }
        true
    }

    fn remove(&self, id: &RequestId) {
        self.lock().remove(id);
        // A permit is stored when nobody waits yet, so none is missed.
        self.fewer.notify_one();
    }

    async fn until(&self, enough: impl Fn(&Waiting) -> bool) {
        while !enough(&self.lock()) {
            self.fewer.notified().await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rmcp::model::ServerResult;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, DuplexStream, ReadHalf, WriteHalf, duplex, split};
    use tokio::time::timeout;

    const SHORT: Duration = Duration::from_millis(50);

    type Ours = Orderly<ReadHalf<DuplexStream>, WriteHalf<DuplexStream>>;

    fn orderly() -> (Ours, DuplexStream) {
        let (here, there) = duplex(1 << 20);
        let (reader, writer) = split(here);
        (
            Orderly::new(reader, writer, CancellationToken::new()),
            there,
        )
    }

    fn ping(id: usize) -> String {
        format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"ping\"}}\n")
    }

    fn answer(id: i64) -> TxJsonRpcMessage<RoleServer> {
        TxJsonRpcMessage::<RoleServer>::response(ServerResult::empty(()), RequestId::Number(id))
    }

    #[tokio::test]
    async fn the_end_waits_for_the_last_answer() {
        let (mut orderly, mut client) = orderly();
        client.write_all(ping(1).as_bytes()).await.unwrap();
        client.shutdown().await.unwrap();
        assert!(orderly.receive().await.is_some());
        assert!(timeout(SHORT, orderly.receive()).await.is_err());
        orderly.send(answer(1)).await.unwrap();
        assert!(orderly.receive().await.is_none());
    }

    #[tokio::test]
    async fn an_error_is_an_answer_too() {
        let (mut orderly, mut client) = orderly();
        client.write_all(ping(7).as_bytes()).await.unwrap();
        client.shutdown().await.unwrap();
        assert!(orderly.receive().await.is_some());
        let error = ErrorData::internal_error("no", None);
        let answer = TxJsonRpcMessage::<RoleServer>::error(error, Some(RequestId::Number(7)));
        orderly.send(answer).await.unwrap();
        assert!(orderly.receive().await.is_none());
    }

    #[tokio::test]
    async fn a_cancelled_request_holds_nothing_up() {
        let (mut orderly, mut client) = orderly();
        let cancel = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\
                      \"params\":{\"requestId\":1}}\n";
        client
            .write_all((ping(1) + cancel).as_bytes())
            .await
            .unwrap();
        client.shutdown().await.unwrap();
        assert!(orderly.receive().await.is_some());
        assert!(orderly.receive().await.is_some());
        assert!(orderly.receive().await.is_none());
    }

    #[tokio::test]
    async fn an_id_is_of_one_request_at_a_time() {
        let (mut orderly, mut client) = orderly();
        client
            .write_all(ping(1).repeat(2).as_bytes())
            .await
            .unwrap();
        assert!(orderly.receive().await.is_some());
        assert!(timeout(SHORT, orderly.receive()).await.is_err());
        let mut text = [0; 200];
        let length = client.read(&mut text).await.unwrap();
        let text = String::from_utf8_lossy(&text[..length]);
        assert!(
            text.contains("-32600") && text.contains("under way"),
            "{text}"
        );
        orderly.send(answer(1)).await.unwrap();
        client.write_all(ping(1).as_bytes()).await.unwrap();
        assert!(orderly.receive().await.is_some());
    }

    #[tokio::test]
    async fn a_few_large_requests_are_many_too() {
        let (mut orderly, mut client) = orderly();
        let large = ping(1).replace("ping", &"x".repeat(MESSAGE_MAX - 100));
        let sending = async {
            for id in 0..10 {
                let next = large.replace(":1,", &format!(":{id},"));
                client.write_all(next.as_bytes()).await.unwrap();
            }
        };
        let receiving = async {
            for _ in 0..9 {
                assert!(orderly.receive().await.is_some());
            }
            assert!(timeout(SHORT, orderly.receive()).await.is_err());
            orderly.send(answer(3)).await.unwrap();
            assert!(orderly.receive().await.is_some());
        };
        tokio::join!(sending, receiving);
    }

    #[tokio::test]
    async fn a_flood_is_left_unread_until_answers_go_out() {
        let (mut orderly, mut client) = orderly();
        for id in 0..=UNANSWERED_MAX {
            client.write_all(ping(id).as_bytes()).await.unwrap();
        }
        for _ in 0..UNANSWERED_MAX {
            assert!(orderly.receive().await.is_some());
        }
        assert!(timeout(SHORT, orderly.receive()).await.is_err());
        orderly.send(answer(3)).await.unwrap();
        assert!(orderly.receive().await.is_some());
    }
}
