//! Who asks, and what the policy must know of the host to name them.

use std::net::IpAddr;
use std::path::PathBuf;

/// Who asks: proven, and perhaps with what he says of his program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who he is, for certain.
    pub proof: Proof,
    /// What his client says of itself. Nobody has checked it: it may narrow what
    /// he gets, never widen it.
    pub claim: Option<Claim>,
}

/// How a caller is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// By the kernel, on a Unix socket.
    Peer(Peer),
    /// By an API key, which the worker has verified.
    Key(Key),
}

impl Proof {
    /// Whether the kernel says that it is root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        matches!(self, Self::Peer(peer) if peer.uid == 0)
    }
}

/// The Unix identity of a client, as the kernel proved it (`SO_PEERCRED` and
/// `SO_PEERGROUPS` in unix(7)), never as the client told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Effective user id of the peer when it connected.
    pub uid: u32,
    /// Effective group id of the peer when it connected.
    pub gid: u32,
    /// Supplementary group ids of the peer.
    pub groups: Vec<u32>,
    /// His entry in the account database, where the policy needs it
    /// ([`crate::Policy::names_callers`]) and there is one.
    pub login: Option<Login>,
}

/// What `${caller.name}` and `${caller.home}` stand for, passwd(5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Name of the user.
    pub name: String,
    /// His home directory.
    pub home: PathBuf,
}

/// A caller who has presented an API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Name of the key.
    pub name: String,
    /// Address that he connects from.
    pub address: IpAddr,
}

/// What a client says of itself: `clientInfo` of MCP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Name of the program, such as `claude-code`.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl From<Peer> for Caller {
    fn from(peer: Peer) -> Self {
        Self {
            proof: Proof::Peer(peer),
            claim: None,
        }
    }
}

impl From<Key> for Caller {
    fn from(key: Key) -> Self {
        Self {
            proof: Proof::Key(key),
            claim: None,
        }
    }
}

impl Caller {
    /// The user with these ids, whose client says nothing of itself.
    #[must_use]
    pub fn user(uid: u32, gid: u32, groups: Vec<u32>) -> Self {
        Self::from(Peer {
            uid,
            gid,
            groups,
            login: None,
        })
    }

    /// The same caller with a client that says this of itself.
    #[must_use]
    pub fn claiming(self, claim: Option<Claim>) -> Self {
        Self { claim, ..self }
    }

    /// His Unix identity, if he has one.
    #[must_use]
    pub fn peer(&self) -> Option<&Peer> {
        match &self.proof {
            Proof::Peer(peer) => Some(peer),
            Proof::Key(_) => None,
        }
    }
}

/// One entry of the account database, passwd(5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Home directory.
    pub home: PathBuf,
}

/// Looks names up in the host's account database when a policy loads.
pub trait Accounts {
    /// The user called `name`, or `None` when there is none.
    fn user(&self, name: &str) -> Option<Account>;
    /// The id of the group called `name`, or `None` when there is none.
    fn group(&self, name: &str) -> Option<u32>;
}

/// Which installation a policy is read for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// A service for many users: principals are named by the policy.
    System,
    /// One user without privileges (`mini-mcp stdio`): the principal `self` is
    /// that user, `run_as` can only be `caller`, and `${workspace}` is defined.
    SingleUser {
        /// The only caller there is.
        uid: u32,
        /// What `${workspace}` stands for: an absolute path.
        workspace: PathBuf,
    },
}
