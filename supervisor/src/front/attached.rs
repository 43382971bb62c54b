//! Clients that come and go, for the audit trail.

use super::call::socket;
use super::correlation::found;
use super::handler::{Handler, Whose};
use super::who::{claim_of, in_words_of_the_wire};
use super::{Client, Front};
use crate::http::{Visitor, in_session};
use crate::lane::{LaneError, Pool};
use rmcp::RoleServer;
use rmcp::model::{Extensions, Implementation};
use rmcp::service::Peer;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use tokio::runtime::Handle;
use wire::{Attach, Reply, Request, Speech};

/// A client whose coming is recorded; when this is dropped, so is that it has gone.
pub(super) struct Attached {
    front: Arc<Front>,
    /// Whose lanes it uses.
    owner: Arc<str>,
    name: String,
    /// It may be dropped where nothing runs any more.
    runtime: Handle,
}

impl Drop for Attached {
    fn drop(&mut self) {
        let pool = Arc::clone(self.front.generation().pool());
        let name = std::mem::take(&mut self.name);
        let owner = Arc::clone(&self.owner);
        let telling = async move {
            if let Err(error) = detach(&pool, &owner, name).await {
                tracing::debug!(reason = ?error.failure().reason, "a client's end is not recorded");
            }
        };
        self.front.farewells().spawn_on(telling, &self.runtime);
    }
}

impl Handler {
    /// Has it recorded that a client has attached itself, once, as soon as it has said
    /// what it is: by the initialize handshake, or with the first of its requests. What
    /// is asked without a session and without a connection of its own is no attachment.
    pub(super) async fn note_client(
        &self,
        peer: &Peer<RoleServer>,
        claimed: Option<Implementation>,
        extensions: &Extensions,
    ) {
        if self.attached.initialized() {
            return;
        }
        let began = peer.peer_info().map(|info| info.client_info.clone());
        let claimed = match &self.whose {
            Whose::One(_) => claimed.or(began),
            Whose::Each => began.filter(|_| in_session(extensions)),
        };
        let (Some(claimed), Ok(Visitor { client, .. })) = (claimed, self.visitor(extensions))
        else {
            return;
        };
        // A single user's session is the worker's own life.
        if client.socket.is_none() && client.key.is_none() {
            return;
        }
        let attaching = self.attach(&client, &claimed, extensions);
        self.attached.get_or_init(|| attaching).await;
    }

    async fn attach(
        &self,
        client: &Client,
        claimed: &Implementation,
        extensions: &Extensions,
    ) -> Option<Attached> {
        let attach = Attach {
            correlation: found(extensions),
            claim: in_words_of_the_wire(Some(&claim_of(claimed))),
            key: client.key.clone(),
            speech: match self.whose {
                Whose::One(_) => Speech::Lines,
                Whose::Each => Speech::Http,
            },
        };
        let generation = self.generation();
        let mut attached = attach_to(generation.pool(), client, &attach).await;
        if let Err(LaneError::OtherPolicy(_) | LaneError::Stale) = attached
            && let Some(next) = self.front.after(&generation).await
        {
            attached = attach_to(next.pool(), client, &attach).await;
        }
        match attached {
            Ok(name) => Some(Attached {
                front: Arc::clone(&self.front),
                owner: Arc::clone(client.owner()),
                name: name?,
                runtime: Handle::current(),
            }),
            Err(error) => {
                // Its calls will find the same, and say so.
                tracing::warn!(reason = ?error.failure().reason, "a client is not recorded");
                None
            }
        }
    }
}

async fn attach_to(
    pool: &Arc<Pool>,
    client: &Client,
    attach: &Attach,
) -> Result<Option<String>, LaneError> {
    let descriptors: Vec<BorrowedFd<'_>> = socket(client).collect();
    let attach = Request::Attach(attach.clone());
    let mut lane = pool.submit(client.owner(), &attach, &descriptors).await?;
    let name = match lane.reply().await? {
        Reply::Attached(name) => name,
        Reply::Failed(_) => None,
        other @ (Reply::Welcome(_)
        | Reply::Started { .. }
        | Reply::Waiting { .. }
        | Reply::Queued { .. }
        | Reply::Denied(_)
        | Reply::Finished(_)
        | Reply::Recorded
        | Reply::Identified(_)
        | Reply::Reloaded) => return Err(LaneError::out_of_turn(&other)),
    };
    lane.settle();
    Ok(name)
}

async fn detach(pool: &Arc<Pool>, owner: &Arc<str>, name: String) -> Result<(), LaneError> {
    let mut lane = pool.submit(owner, &Request::Detach(name), &[]).await?;
    match lane.reply().await? {
        Reply::Recorded | Reply::Failed(_) => {
            lane.settle();
            Ok(())
        }
        other @ (Reply::Welcome(_)
        | Reply::Started { .. }
        | Reply::Waiting { .. }
        | Reply::Queued { .. }
        | Reply::Denied(_)
        | Reply::Finished(_)
        | Reply::Identified(_)
        | Reply::Attached(_)
        | Reply::Reloaded) => Err(LaneError::out_of_turn(&other)),
    }
}
