//! Who asks, and what the policy must know of the host to name them.

use std::path::PathBuf;

/// The Unix identity of a client, as the kernel proved it (`SO_PEERCRED` and
/// `SO_PEERGROUPS` in unix(7)), never as the client told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Effective user id of the peer when it connected.
    pub uid: u32,
    /// Effective group id of the peer when it connected.
    pub gid: u32,
    /// Supplementary group ids of the peer.
    pub groups: Vec<u32>,
}

/// One entry of the account database, passwd(5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
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
