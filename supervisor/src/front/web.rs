//! Clients that speak HTTP: on the service's Unix socket, where the kernel says who
//! they are.

use super::handler::{Handler, Whose};
use super::{Client, Front};
use crate::http::{Endpoint, Reach, converse};
use crate::vanish::vanished;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;

/// The endpoints for clients that speak HTTP.
pub(crate) struct Web {
    socket: Endpoint<Handler>,
}

impl Web {
    /// Serves from `front` until `stop`.
    pub(crate) fn new(front: &Arc<Front>, stop: &CancellationToken) -> Self {
        Self {
            socket: Endpoint::new(each(front), Reach::Socket, stop.clone()),
        }
    }

    /// Serves a client of the Unix socket until it is done or gone, or until `stop`.
    /// Each of its requests carries its connection, by which the worker proves who it
    /// is, whatever session the request is of.
    pub(crate) async fn attend(
        &self,
        client: Arc<Client>,
        stream: UnixStream,
        socket: Arc<OwnedFd>,
        stop: CancellationToken,
    ) {
        let owner = client.owner();
        let answer = |request| self.socket.answer(request, Arc::clone(&client), &owner);
        tokio::select! {
            () = converse(stream, answer, stop) => {}
            () = vanished(socket) => tracing::debug!("client vanished"),
        }
    }
}

fn each(front: &Arc<Front>) -> impl Fn() -> Handler + Send + Sync + 'static {
    let front = Arc::clone(front);
    move || Handler::new(Arc::clone(&front), Whose::Each)
}
