//! Clients that speak HTTP: on the service's Unix socket, where the kernel says who
//! they are, and on the network, where a key does.

use super::correlated::Correlated;
use super::correlation::{mark_reply, of_headers, span};
use super::gate::Gate;
use super::handler::{Handler, Whose};
use super::{Client, Front};
use crate::http::{Endpoint, Reach, Reply, converse};
use crate::inet::Http;
use crate::metrics::FRONT;
use crate::vanish::vanished;
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use tracing::field::display;
use wire::Correlation;

/// The endpoints for clients that speak HTTP.
pub(crate) struct Web {
    socket: Endpoint<Correlated>,
    network: Endpoint<Correlated>,
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

    /// How many sessions there are.
    pub(crate) async fn sessions(&self) -> usize {
        self.socket.sessions().await + self.network.sessions().await
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
        let answer = async |request: Request<Incoming>| {
            let (request, correlation) = named(request);
            let mut reply = self.answer_network(peer, request, &correlation).await;
            mark_reply(&correlation, &mut reply);
            counted(reply)
        };
        converse(stream, answer, stop).await;
    }

    async fn answer_network(
        &self,
        peer: IpAddr,
        request: Request<Incoming>,
        correlation: &Correlation,
    ) -> Reply {
        let admitting = self.gate.admit(peer, request.headers(), correlation);
        match admitting.instrument(span(correlation)).await {
            Ok(client) => {
                let owner = Arc::clone(client.owner());
                let reply = self.network.answer(request, client, &owner).await;
                tell(&reply, correlation, Some(peer));
                reply
            }
            Err(refusal) => refusal.reply(),
        }
    }

    /// Serves a client of the Unix socket until it is done or gone, or until `stop`.
    /// Each of its requests carries its connection, by which the worker proves who it
    /// is, whatever session the request is of.
    pub(crate) async fn attend<S>(
        &self,
        client: Arc<Client>,
        stream: S,
        socket: Arc<OwnedFd>,
        stop: CancellationToken,
    ) where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let owner = Arc::clone(client.owner());
        let answer = async |request: Request<Incoming>| {
            let (request, correlation) = named(request);
            let client = Arc::clone(&client);
            let mut reply = self.socket.answer(request, client, &owner).await;
            mark_reply(&correlation, &mut reply);
            tell(&reply, &correlation, None);
            counted(reply)
        };
        tokio::select! {
            () = converse(stream, answer, stop) => {}
            () = vanished(socket) => tracing::debug!("client vanished"),
        }
    }
}

/// Counts `reply`.
fn counted(reply: Reply) -> Reply {
    FRONT.answered(reply.status().as_u16());
    reply
}

/// Tells of a request that was refused for what a browser may have been tricked into.
fn tell(reply: &Reply, correlation: &Correlation, address: Option<IpAddr>) {
    if reply.status() == StatusCode::FORBIDDEN {
        let status = reply.status().as_u16();
        let address = address.map(display);
        span(correlation).in_scope(|| {
            tracing::warn!(
                status,
                code = "foreign_origin",
                address,
                "request refused: its Host or Origin is not allowed"
            );
        });
    }
}

/// The request, and what it is known by, which goes along with it.
fn named(mut request: Request<Incoming>) -> (Request<Incoming>, Correlation) {
    let correlation = of_headers(request.headers());
    request.extensions_mut().insert(correlation.clone());
    (request, correlation)
}

fn each(front: &Arc<Front>) -> impl Fn() -> Correlated + Send + Sync + 'static {
    let front = Arc::clone(front);
    move || {
        Correlated(Handler::new(
            Arc::clone(&front),
            Whose::Each,
            CancellationToken::new(),
        ))
    }
}
