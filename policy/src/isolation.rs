//! How far a command is set apart from the host: strength, private temporary
//! directories and network.

use std::collections::BTreeSet;

/// What of the host a command does not even see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Isolation {
    /// The base of all restrictions.
    pub strength: Strength,
    /// Whether /tmp and /var/tmp are made for each command and vanish with it.
    pub private_tmp: bool,
    /// What may be written to those, in bytes.
    pub tmp_size: u64,
}

/// The base of all restrictions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Strength {
    /// Landlock, seccomp, ids, capabilities, resource limits and cgroup.
    Default,
    /// Namespaces as well, and a root directory in which only granted paths exist.
    Isolated,
}

/// Which network a command reaches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Network {
    /// None: no socket of any family but unnamed pairs.
    None,
    /// Unix sockets.
    Unix,
    /// Unix sockets, and the addresses of a loopback interface of its own.
    Loopback,
    /// Unix sockets, and TCP to these ports of any host; nothing is accepted.
    Connect(BTreeSet<u16>),
    /// Unix sockets, TCP and UDP.
    Full,
}

impl Isolation {
    /// Whether a command gets a mount namespace.
    #[must_use]
    pub fn mounts(&self) -> bool {
        self.private_tmp || self.strength == Strength::Isolated
    }

    /// Whether a command that reaches `network` gets a network namespace.
    #[must_use]
    pub fn networks(&self, network: &Network) -> bool {
        let isolated = self.strength == Strength::Isolated;
        match network {
            Network::None | Network::Unix => isolated,
            Network::Loopback => true,
            // There is one interface to the world: the host's.
            Network::Connect(_) | Network::Full => false,
        }
    }
}
