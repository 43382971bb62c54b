//! What isolated commands of a lane have to themselves, and yet in turn: a pid namespace
//! with an init, and a network with nothing in it. The kernel takes longer to make these,
//! and to take them away, than for the rest of an isolated launch.
//!
//! Nothing passes from one command to the next in them. A lane has one command at a time,
//! and all of it has been killed and has ended, by its cgroup, before the next is born.
//! The network has no interfaces but a loopback that is down, and sockets end with the
//! processes that have them. Init can be neither signalled nor traced, has nothing of the
//! host, and holds nothing open. Who could change all that, as root or by a capability,
//! gets namespaces of his own.

use super::birth::give_up;
use super::prepared::{own_namespace, told_by_child};
use super::privilege;
use super::view;
use crate::sys::{self, Process, mount};
use caps::CapsHashSet;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::pause;
use policy::{Identity, Network, Profile, Strength};
use std::convert::Infallible;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

/// The namespaces that init is born in: those that commands enter, and those that keep
/// the host from whom looks at it.
const BORN_IN: i32 = libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS;

/// A pid namespace with its init, and an empty network. They end with this.
#[derive(Debug)]
pub(crate) struct Cell {
    init: Process,
    processes: OwnedFd,
    network: OwnedFd,
    /// The pid namespace of this process itself.
    host: File,
}

impl Drop for Cell {
    fn drop(&mut self) {
        // One that has ended is waited for all the same.
        let _ended = sys::pidfd_send_signal(self.init.pidfd.as_fd(), Signal::SIGKILL);
        let _reaped = sys::wait(Some(self.init.pid));
    }
}

impl Cell {
    /// Whether a command of `profile` that runs as `whom` may follow others in one.
    pub(crate) fn serves(profile: &Profile, whom: Option<&Identity>) -> bool {
        let isolated = profile.isolation.strength == Strength::Isolated;
        isolated && profile.capabilities.is_empty() && whom.is_some_and(|whom| whom.uid != 0)
    }

    /// Whether a command of `profile` is to have a network with nothing in it.
    pub(super) fn silences(profile: &Profile) -> bool {
        matches!(profile.network, Network::None | Network::Unix)
    }

    /// A new one, which needs CAP_SYS_ADMIN.
    pub(crate) fn new() -> Result<Rc<Self>, Errno> {
        let host = own_namespace("pid")?;
        let told = told_by_child(BORN_IN, 1, begin)?;
        let [processes, network] =
            <[OwnedFd; 2]>::try_from(told.descriptors).map_err(|_| Errno::EBADF)?;
        Ok(Rc::new(Self {
            init: told.child,
            processes,
            network,
            host,
        }))
    }

    /// Whether init has ended, which nobody but an administrator can have brought about:
    /// nothing can be born here any more.
    pub(crate) fn has_ended(&self) -> bool {
        let mut init = [PollFd::new(self.init.pidfd.as_fd(), PollFlags::POLLIN)];
        poll(&mut init, PollTimeout::ZERO) != Ok(0)
    }

    /// Has those be born here whom `bear` makes.
    pub(crate) fn bear<T>(&self, bear: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
        mount::enter(self.processes.as_fd(), libc::CLONE_NEWPID)?;
        let born = bear();
        if mount::enter(self.host.as_fd(), libc::CLONE_NEWPID).is_err() {
            // Else all that this process makes later would be born here as well.
            give_up();
        }
        born
    }

    /// Takes this process to the network.
    pub(super) fn enter_network(&self) -> Result<(), Errno> {
        mount::enter(self.network.as_fd(), libc::CLONE_NEWNET)
    }
}

/// The life of init, which tells of its namespaces and then waits to be killed, by the
/// death of its lane at the latest.
fn begin(to: BorrowedFd<'_>) -> Result<Infallible, Errno> {
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    prctl::set_name(c"mini-mcp-init")?;
    let (processes, network) = (own_namespace("pid")?, own_namespace("net")?);
    view::enter_nothing()?;
    privilege::set_capabilities(&CapsHashSet::new())?;
    // The kernel reaps those whose parents have ended.
    sys::ignore_children()?;
    // Fails where the lane has died before it could be of consequence.
    let told = wire::send(to, b"c", &[processes.as_fd(), network.as_fd()]);
    told.map_err(|_| Errno::EPIPE)?;
    sys::close_from(0)?;
    loop {
        pause();
    }
}
