//! Sockets of others, closed so that nobody waits for it.
//!
//! What somebody has sent on a Unix socket and nobody has taken is closed with it:
//! descriptors too, in the process that closes. One of those may take as long as its owner
//! likes, as a TCP socket that lingers does, socket(7), for any process but one that ends.

use crate::sys::{self, Fork};
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getppid, pause};
use std::os::fd::OwnedFd;

/// Closes `socket` in a process that is there to be killed. It is a child of this one,
/// which reaps it as any other.
pub(crate) fn discard(socket: OwnedFd) {
    let parent = Pid::this();
    match sys::fork(0, None) {
        Ok(Fork::Child) => wait_to_be_killed(parent),
        Ok(Fork::Parent(process)) => {
            // The other copy is the last one.
            drop(socket);
            let _ended_already = kill(process.pid, Signal::SIGKILL);
        }
        // No process is to be had: nothing better is left.
        Err(_) => drop(socket),
    }
}

/// It holds whatever `parent` has, so it must not outlive it: nobody would hear of its end.
fn wait_to_be_killed(parent: Pid) -> ! {
    let tied = prctl::set_pdeathsig(Signal::SIGKILL).is_ok();
    while tied && getppid() == parent {
        pause();
    }
    sys::exit(0)
}
