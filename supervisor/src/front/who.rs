//! Who calls: what is proven of a client, and what it says of itself.

use super::Client;
use crate::peer;
use policy::{Caller, Claim, Peer, Policy, Proof};
use rmcp::RoleServer;
use rmcp::model::Implementation;
use rmcp::service::RequestContext;

impl Client {
    /// The caller of one request, as `policy` needs to know him.
    pub(super) async fn caller(
        &self,
        policy: &Policy,
        context: &RequestContext<RoleServer>,
    ) -> Caller {
        Caller {
            proof: self.proof(policy).await,
            claim: claim(context),
        }
    }

    async fn proof(&self, policy: &Policy) -> Proof {
        match &self.proof {
            Proof::Peer(known) if policy.names_callers() => Proof::Peer(Peer {
                login: self.login(known.uid).await,
                ..known.clone()
            }),
            Proof::Peer(_) | Proof::Key(_) => self.proof.clone(),
        }
    }

    /// Looked up once; a name service may take its time, and other clients not wait.
    async fn login(&self, uid: u32) -> Option<policy::Login> {
        let find = || async move {
            let found = tokio::task::spawn_blocking(move || peer::login(uid));
            found.await.ok().flatten()
        };
        self.login.get_or_init(find).await.clone()
    }
}

/// What the client says of itself: with this request, or when it began.
fn claim(context: &RequestContext<RoleServer>) -> Option<Claim> {
    if let Some(claimed) = context.meta.client_info() {
        return Some(claim_of(&claimed));
    }
    let began = context.peer.peer_info()?;
    Some(claim_of(&began.client_info))
}

/// What is passed on of what a client says of itself.
pub(super) fn claim_of(claimed: &Implementation) -> Claim {
    let cut = |text: &str| match text.char_indices().nth(wire::CLAIM_MAX) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned(),
        None => text.to_owned(),
    };
    Claim {
        name: cut(&claimed.name),
        version: cut(&claimed.version),
    }
}

/// The claim as it goes to the worker.
pub(super) fn in_words_of_the_wire(claim: Option<&Claim>) -> Option<wire::Claim> {
    claim.map(|claim| wire::Claim {
        name: claim.name.clone(),
        version: claim.version.clone(),
    })
}
