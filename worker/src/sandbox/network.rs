//! A network with nothing in it, kept by a lane for those of its commands that are to have
//! none: the kernel takes longer to make one, and to take it away, than for the rest of
//! an isolated launch.
//!
//! Nothing passes from one command to the next in it. There are no interfaces but a
//! loopback that is down, sockets end with the processes that have them, and a lane has
//! one command at a time. Who could change it, as root or by a capability, gets one of
//! his own.

use super::prepared::{made_by_child, own_namespace};
use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use policy::{Identity, Network, Profile, Strength};
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

/// A network namespace that nobody is in.
#[derive(Debug)]
pub(crate) struct Silence(OwnedFd);

impl Silence {
    /// Whether a command of `profile` that runs as `whom` may share one with others of its
    /// lane.
    pub(crate) fn serves(profile: &Profile, whom: Option<&Identity>) -> bool {
        let isolated = profile.isolation.strength == Strength::Isolated;
        let none = matches!(profile.network, Network::None | Network::Unix);
        let powerless = profile.capabilities.is_empty() && whom.is_some_and(|whom| whom.uid != 0);
        isolated && none && powerless
    }

    /// A new one, which needs CAP_SYS_ADMIN.
    pub(crate) fn new() -> Result<Rc<Self>, Errno> {
        let (namespace, _) = made_by_child(libc::CLONE_NEWNET, 1, |to| {
            let own = own_namespace("net")?;
            wire::send(to, b"n", &[own.as_fd()]).map_err(|_| Errno::EPIPE)
        })?;
        Ok(Rc::new(Self(namespace)))
    }

    /// Takes this process there.
    pub(super) fn enter(&self) -> Result<(), Errno> {
        setns(&self.0, CloneFlags::CLONE_NEWNET)
    }
}
