//! Views that calls have in common, kept as mount namespaces that nobody is in:
//! entering one costs a tenth of building it.
//!
//! They are copies of the host's mounts, so they are given up as soon as those
//! change: what was mounted since must be there, and what was unmounted must not
//! be held.

use super::view::{self, View};
use crate::sys::{self, Fork, Process, mount};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
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

impl Shared {
    /// Takes this process there.
    pub(super) fn enter(&self) -> Result<(), Errno> {
        mount::enter(self.namespace.as_fd(), libc::CLONE_NEWNS)
    }
}

/// Builds what commands of `view` have in common in a mount namespace, as `identity` may
/// look it up where that matters, and keeps that.
pub(crate) fn prepare(view: &View<'_>, identity: Option<&Identity>) -> Result<Shared, Errno> {
    let room = view.places.len() + 1;
    let told = told_by_child(libc::CLONE_NEWNS, room, |to| build(view, identity, to))?;
    sys::wait(Some(told.child.pid))?;
    let namespace = told.descriptors.into_iter().next();
    let reached = told.bytes.iter().skip(1).map(|one| *one == REACHED);
    Ok(Shared {
        namespace: namespace.ok_or(Errno::EBADF)?,
        reachable: reached.collect(),
    })
}

/// A child, and what it told.
pub(super) struct Told {
    /// To be waited for.
    pub(super) child: Process,
    pub(super) bytes: Vec<u8>,
    pub(super) descriptors: Vec<OwnedFd>,
}

/// What a child, born with `flags`, tells by `tell`: at most `room` bytes and two
/// descriptors, in one packet that is not empty.
pub(super) fn told_by_child<T>(
    flags: i32,
    room: usize,
    tell: impl FnOnce(BorrowedFd<'_>) -> Result<T, Errno>,
) -> Result<Told, Errno> {
    let kind = SockType::SeqPacket;
    let (ours, theirs) = socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC)?;
    match sys::fork(flags, None)? {
        Fork::Child => {
            let told = tell(theirs.as_fd());
            sys::exit(told.err().map_or(0, |errno| errno as i32))
        }
        Fork::Parent(child) => {
            drop(theirs);
            let mut bytes = vec![0; room];
            let packet = match sys::receive(ours.as_fd(), &mut bytes) {
                Ok(packet) if packet.length > 0 => packet,
                _ => return Err(reason(&child)),
            };
            bytes.truncate(packet.length);
            Ok(Told {
                child,
                bytes,
                descriptors: packet.descriptors,
            })
        }
    }
}

/// Why `child` told nothing; it has ended or is ended.
fn reason(child: &Process) -> Errno {
    let _ended = sys::pidfd_send_signal(child.pidfd.as_fd(), Signal::SIGKILL);
    match sys::wait(Some(child.pid)) {
        Ok(Some((_, ended))) if libc::WIFEXITED(ended.status) => {
            Errno::from_raw(libc::WEXITSTATUS(ended.status))
        }
        Ok(_) => Errno::ECHILD,
        Err(errno) => errno,
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
