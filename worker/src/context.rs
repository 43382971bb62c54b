//! What every lane is born with: read once by the worker's first process.

use crate::sandbox::containment::Containment;
use crate::sandbox::namespaces::Shut;
use crate::sandbox::seccomp::Filters;
use caps::CapsHashSet;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::{Gid, getegid, geteuid, getgroups};
use policy::{Peer, Policy};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// Settings that lanes share.
#[derive(Debug)]
pub(crate) struct Context {
    /// What is allowed.
    pub policy: Policy,
    /// Whom to believe.
    pub trust: Trust,
    /// How process trees are held.
    pub containment: Containment,
    /// The capabilities that are kept for commands.
    pub grants: CapsHashSet,
    /// The capabilities that the worker kept to make namespaces.
    pub needed: CapsHashSet,
    /// How the host is shut to commands in the default strength.
    pub shut: Shut,
    /// The system calls of commands.
    pub filters: Filters,
    /// /dev/null, the standard input of commands.
    pub null: OwnedFd,
    /// Whether what Landlock refuses is to be told in words.
    pub explain_denials: bool,
}

/// How a caller proves who he is.
#[derive(Debug)]
pub(crate) enum Trust {
    /// By the socket he connected to the supervisor's listener, which is bound at
    /// `front`, or by a key of which the file `keys` has the digest.
    Front {
        /// Where the supervisor listens.
        front: PathBuf,
        /// The file of API keys.
        keys: PathBuf,
    },
    /// There is one caller: the user who started this process, and who alone can
    /// reach it.
    Only(Peer),
    /// Root started this process for one command and said for whom.
    Administrator(Peer),
}

impl Trust {
    /// The single user who is served, if there is one.
    pub(crate) fn single_user(&self) -> Option<u32> {
        match self {
            Self::Front { .. } | Self::Administrator(_) => None,
            Self::Only(peer) => Some(peer.uid),
        }
    }

    /// The user whom this process runs as.
    pub(crate) fn myself() -> nix::Result<Self> {
        Self::own().map(Self::Only)
    }

    /// The same, without saying that nobody else is served.
    pub(crate) fn own() -> nix::Result<Peer> {
        let groups = getgroups()?.into_iter().map(Gid::as_raw).collect();
        Ok(Peer {
            uid: geteuid().as_raw(),
            gid: getegid().as_raw(),
            groups,
            login: None,
        })
    }
}

/// Opens what commands read from.
pub(crate) fn open_null() -> nix::Result<OwnedFd> {
    open(
        "/dev/null",
        OFlag::O_RDONLY | OFlag::O_CLOEXEC,
        Mode::empty(),
    )
}
