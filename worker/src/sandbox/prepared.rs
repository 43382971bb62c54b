//! Views that calls have in common, kept as mount namespaces that nobody is in:
//! entering one costs a tenth of building it.
//!
//! They are copies of the host's mounts, so they are given up as soon as those
//! change: what was mounted since must be there, and what was unmounted must not
//! be held.

use super::view::{self, View};
use crate::sys::{self, Fork};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use policy::Identity;
use std::fs::File;
use std::io;
use std::iter;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Tells when the mounts of this process's namespace change, proc_pid_mountinfo(5).
#[derive(Debug)]
pub(crate) struct Mounts(File);

impl Mounts {
    /// Those of this process; of no other, for each reader is told once.
    pub(crate) fn watch() -> io::Result<Self> {
        File::open("/proc/self/mountinfo").map(Self)
    }

    /// What poll(2) waits for: there is something to read all the time.
    pub(crate) fn event(&self) -> PollFd<'_> {
        PollFd::new(self.0.as_fd(), PollFlags::POLLPRI)
    }

    /// Whether they changed since this was last asked.
    pub(crate) fn changed(&self) -> bool {
        // What cannot be asked is taken for changed: a view is built anew.
        poll(&mut [self.event()], PollTimeout::ZERO) != Ok(0)
    }
}

/// A mount namespace with what commands have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    namespace: OwnedFd,
    /// Which places of an isolated view their user could reach when it was made.
    pub reachable: Vec<bool>,
}

impl AsFd for Shared {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.namespace.as_fd()
    }
}

/// Builds what commands of `view` have in common in a mount namespace, as `identity` may
/// look it up where that matters, and keeps that.
pub(crate) fn prepare(view: &View<'_>, identity: Option<&Identity>) -> Result<Shared, Errno> {
    let room = view.places.len() + 1;
    let (namespace, told) = made_by_child(libc::CLONE_NEWNS, room, |to| build(view, identity, to))?;
    Ok(Shared {
        namespace,
        reachable: told.iter().skip(1).map(|one| *one == REACHED).collect(),
    })
}

/// The namespace that a child made, born with `flags`, and at most `room` bytes that it
/// tells: by `tell`, in one packet.
pub(super) fn made_by_child(
    flags: i32,
    room: usize,
    tell: impl FnOnce(BorrowedFd<'_>) -> Result<(), Errno>,
) -> Result<(OwnedFd, Vec<u8>), Errno> {
    let kind = SockType::SeqPacket;
    let (ours, theirs) = socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC)?;
    match sys::fork(flags, None)? {
        Fork::Child => {
            let told = tell(theirs.as_fd());
            sys::exit(told.err().map_or(0, |errno| errno as i32))
        }
        Fork::Parent(process) => {
            drop(theirs);
            let ended = sys::wait(Some(process.pid))?.ok_or(Errno::ECHILD)?.1;
            match libc::WEXITSTATUS(ended.status) {
                0 if libc::WIFEXITED(ended.status) => {}
                errno => return Err(Errno::from_raw(errno)),
            }
            let mut told = vec![0; room];
            let packet = sys::receive(ours.as_fd(), &mut told)?;
            told.truncate(packet.length);
            let namespace = packet.descriptors.into_iter().next();
            Ok((namespace.ok_or(Errno::EBADF)?, told))
        }
    }
}

/// This process's own namespace of a kind, such as `mnt`; where proc(5) is still there.
pub(super) fn own_namespace(kind: &str) -> Result<File, Errno> {
    let own = File::open(format!("/proc/self/ns/{kind}"));
    own.map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
}

/// What is told of a place that was reached, of one that was not, and before them: an
/// empty packet would be the end.
const REACHED: u8 = b'y';
const MISSED: u8 = b'n';
const FIRST: u8 = b':';

fn build(view: &View<'_>, identity: Option<&Identity>, to: BorrowedFd<'_>) -> Result<(), Errno> {
    // By a name that an isolated view has not.
    let own = own_namespace("mnt")?;
    let reachable = view::enter_shared(view, identity)?;
    let each = reachable
        .iter()
        .map(|one| if *one { REACHED } else { MISSED });
    let told: Vec<u8> = iter::once(FIRST).chain(each).collect();
    wire::send(to, &told, &[own.as_fd()]).map_err(|_| Errno::EPIPE)
}
