//! Newline-delimited JSON-RPC that ends in order and takes no more than it can hold.
//!
//! Three things that the transport of rmcp does not do. What is no message is
//! answered by an error. A client that has
//! finished sending (`printf … | mini-mcp connect`) gets all its answers,
//! however long they take. And a client that sends without reading its answers
//! is no longer read from, so what waits for it stays bounded.

use super::lines::{Line, Lines};
use rmcp::RoleServer;
use rmcp::model::{ClientNotification, JsonRpcMessage, RequestId};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::transport::async_rw::AsyncRwTransport;
use std::collections::HashSet;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncWrite, Empty, empty};
use tokio::sync::Notify;

/// Most requests of one client that are not yet answered. At this many, its next
/// message is left unread, a cancellation too.
const UNANSWERED_MAX: usize = 128;

/// A transport that knows which requests still want an answer.
pub(crate) struct Orderly<R: AsyncRead, W: AsyncWrite> {
    lines: Lines<R>,
    answers: AsyncRwTransport<RoleServer, Empty, W>,
    /// An answer to what was no message, under way.
    complaint: Option<Sending>,
    unanswered: Arc<Unanswered>,
    ended: bool,
}

type Sending = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

impl<R, W> Orderly<R, W>
where
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    /// Brings order to a stream of `reader` and `writer`.
    pub(crate) fn new(reader: R, writer: W) -> Self {
        Self {
            lines: Lines::new(reader),
            answers: AsyncRwTransport::new_server(empty(), writer),
            complaint: None,
            unanswered: Arc::default(),
            ended: false,
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
        self.unanswered.fewer_than(UNANSWERED_MAX).await;
        while !self.ended {
            if let Some(complaint) = &mut self.complaint {
                // A client that has gone is noticed elsewhere.
                let _ = complaint.await;
                self.complaint = None;
            }
            match self.lines.next().await {
                Line::Message(message) => {
                    self.unanswered.note(&message);
                    return Some(*message);
                }
                Line::Fault(error) => {
                    let complaint = TxJsonRpcMessage::<RoleServer>::error(error, None);
                    self.complaint = Some(Box::pin(self.answers.send(complaint)));
                }
                Line::End => self.ended = true,
            }
        }
        self.unanswered.fewer_than(1).await;
        None
    }

    async fn close(&mut self) -> io::Result<()> {
        self.answers.close().await
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
    ids: Mutex<HashSet<RequestId>>,
    fewer: Notify,
}

impl Unanswered {
    /// Notes a request; a cancelled one gets no answer.
    fn note(&self, message: &RxJsonRpcMessage<RoleServer>) {
        match message {
            JsonRpcMessage::Request(request) => {
                self.lock().insert(request.id.clone());
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
    }

    fn remove(&self, id: &RequestId) {
        self.lock().remove(id);
        // A permit is stored when nobody waits yet, so none is missed.
        self.fewer.notify_one();
    }

    async fn fewer_than(&self, bound: usize) {
        while self.lock().len() >= bound {
            self.fewer.notified().await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<RequestId>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rmcp::model::{ErrorData, ServerResult};
    use std::time::Duration;
    use tokio::io::{AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split};
    use tokio::time::timeout;

    const SHORT: Duration = Duration::from_millis(50);

    type Ours = Orderly<ReadHalf<DuplexStream>, WriteHalf<DuplexStream>>;

    fn orderly() -> (Ours, DuplexStream) {
        let (here, there) = duplex(1 << 20);
        let (reader, writer) = split(here);
        (Orderly::new(reader, writer), there)
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
