//! Clients that speak HTTP: on the service's Unix socket, where the kernel says who
//! they are, and on the network, where a key does.

use super::gate::Gate;
use super::handler::{Handler, Whose};
use super::{Client, Front};
use crate::http::{Endpoint, Reach, converse};
use crate::inet::Http;
use crate::vanish::vanished;
use hyper::Request;
use hyper::body::Incoming;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;

/// The endpoints for clients that speak HTTP.
pub(crate) struct Web {
    socket: Endpoint<Handler>,
    network: Endpoint<Handler>,
    gate: Gate,
}

impl Web {
    /// Serves from `front` until `stop`; the network as `http` says.
    pub(crate) fn new(front: &Arc<Front>, http: &Http, stop: &CancellationToken) -> Self {
        let network = Reach::Network(http.names());
        Self {
            socket: Endpoint::new(each(front), Reach::Socket, stop.clone()),
            network: Endpoint::new(each(front), network, stop.clone()),
            gate: Gate::new(Arc::clone(front), http.proxies.clone()),
        }
    }

    /// Whether a proxy that is trusted is at `address`.
    pub(crate) fn is_proxy(&self, address: IpAddr) -> bool {
        self.gate.is_proxy(address)
    }

    /// Serves a connection from `peer` until it is done or broken off, or until
    /// `stop`. Each request shows its own key.
    pub(crate) async fn attend_network<S>(&self, stream: S, peer: IpAddr, stop: CancellationToken)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let answer =
            async |request: Request<Incoming>| match self.gate.admit(peer, request.headers()).await
            {
                Ok(client) => {
                    let owner = client.owner();
                    self.network.answer(request, client, &owner).await
                }
                Err(refusal) => refusal.reply(),
            };
        converse(stream, answer, stop).await;
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
