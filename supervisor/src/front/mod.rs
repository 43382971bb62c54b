//! The MCP side: what a client sees and how its calls are carried out.
//!
//! Everything here handles bytes from agents and from commands, and has no
//! authority: a decision made here only gives a fast and explained answer; the
//! worker decides again.

mod address;
mod arguments;
mod attached;
mod call;
mod carry;
mod complete;
mod confirm;
mod correlated;
mod correlation;
mod flood;
mod gate;
mod generation;
mod handler;
mod leave;
mod lines;
mod live;
mod page;
mod prompt;
mod published;
mod read;
mod reading;
mod resource;
mod result;
mod runs;
mod schema;
mod throttle;
mod traced;
mod transport;
mod waiting;
mod web;
mod who;
mod words;

pub(crate) use confirm::Questions;
pub(crate) use generation::{Front, Generation, Verdict};
pub(crate) use handler::RELOAD;
pub(crate) use web::Web;
pub(crate) use words::described;

use generation::Changes;

use crate::vanish::vanished;
use correlated::Correlated;
use handler::{Handler, Whose};
use policy::{Key, Login, Proof};
use rmcp::service::Peer;
use rmcp::{RoleServer, ServiceExt};
use std::convert::Infallible;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OnceCell, Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::Span;
use tracing::field::Empty;
use transport::Orderly;
use wire::Presented;

/// Longest message from a client, in bytes; a longer one is an error. Arguments
/// must fit a packet to the worker, which is far smaller.
const MESSAGE_MAX: usize = 1024 * 1024;

/// Most commands that one client runs at once, so that none takes all lanes.
const RUNNING_MAX: usize = 32;

/// One attached client.
#[derive(Debug)]
pub(crate) struct Client {
    proof: Proof,
    /// By what name what is his is told from what others have.
    owner: Arc<str>,
    /// His entry in the account database, once it was needed.
    login: OnceCell<Option<Login>>,
    /// The client's own socket, by which the worker proves who it is; none for
    /// a single user, whom the worker knows, and for whoever has a key.
    socket: Option<Arc<OwnedFd>>,
    /// The key by which the worker proves who it is.
    key: Option<Presented>,
    running: Arc<Semaphore>,
}

impl Client {
    /// Whether the kernel says that root is at the other end of the service's socket.
    fn is_administrator(&self) -> bool {
        self.socket.is_some() && self.proof.is_root()
    }

    /// A client for whom the kernel vouches.
    pub(crate) fn new(proof: Proof, socket: Option<Arc<OwnedFd>>) -> Self {
        Self {
            owner: owner(&proof),
            proof,
            login: OnceCell::new(),
            socket,
            key: None,
            running: Arc::new(Semaphore::new(RUNNING_MAX)),
        }
    }

    /// Whoever has the key called `name`; all of his requests share `running`.
    fn with_key(name: String, key: Presented, running: Arc<Semaphore>) -> Self {
        let address = key.address;
        let proof = Proof::Key(Key { name, address });
        Self {
            owner: owner(&proof),
            proof,
            login: OnceCell::new(),
            socket: None,
            key: Some(key),
            running,
        }
    }

    /// What every log line about a call of his is in; who he is matched as, and what is
    /// decided, comes later.
    fn span(&self, tool: &str) -> Span {
        match &self.proof {
            Proof::Peer(peer) => {
                let uid = peer.uid;
                tracing::info_span!("call", tool, uid, principal = Empty, decision = Empty)
            }
            Proof::Key(Key { name, address }) => tracing::info_span!(
                "call",
                tool,
                key = name,
                %address,
                principal = Empty,
                decision = Empty
            ),
        }
    }

    /// By what name what is his is told from what others have.
    fn owner(&self) -> &Arc<str> {
        &self.owner
    }
}

fn owner(proof: &Proof) -> Arc<str> {
    let name = match proof {
        Proof::Peer(peer) => format!("uid {}", peer.uid),
        Proof::Key(key) => format!("key {}", key.name),
    };
    name.into()
}

/// Serves one client until it has finished sending and all its calls are
/// answered, until `stop` is cancelled, or until `answers`, the descriptor that
/// it reads from, is abandoned. In the last two cases its commands are killed.
pub(crate) async fn attend<R, W>(
    front: Arc<Front>,
    client: Arc<Client>,
    (reader, writer): (R, W),
    answers: Arc<OwnedFd>,
    stop: CancellationToken,
) where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let changes = front.changes();
    let silent = CancellationToken::new();
    let serving = serve(
        changes,
        Correlated(Handler::new(front, Whose::One(client), silent.clone())),
        Orderly::new(reader, writer, silent),
        stop.clone(),
    );
    tokio::pin!(serving);
    tokio::select! {
        () = &mut serving => return,
        () = vanished(answers) => tracing::debug!("client vanished"),
    }
    stop.cancel();
    serving.await;
}

async fn serve<R, W>(
    changes: Changes,
    handler: Correlated,
    transport: Orderly<R, W>,
    stop: CancellationToken,
) where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    // Boxed: what the beginning needs is free again while the client is idle.
    match Box::pin(handler.serve_with_ct(transport, stop)).await {
        Ok(service) => {
            let peer = service.peer().clone();
            tokio::select! {
                ended = service.waiting() => tracing::debug!(?ended, "client served"),
                never = announce(peer, changes) => match never {},
            }
        }
        // Also how a client ends that never sent anything.
        Err(error) => tracing::debug!(%error, "client left before a session began"),
    }
}

/// Tells a client of the initialize handshake that its lists may have changed. One
/// of the stateless era asks for this by `subscriptions/listen`.
async fn announce(peer: Peer<RoleServer>, mut changes: Changes) -> Infallible {
    while changes.changed().await.is_ok() {
        if peer.peer_info().is_some() {
            // A client that has gone is noticed elsewhere.
            let _ = peer.notify_tool_list_changed().await;
            let _ = peer.notify_resource_list_changed().await;
            let _ = peer.notify_prompt_list_changed().await;
        }
    }
    std::future::pending().await
}
