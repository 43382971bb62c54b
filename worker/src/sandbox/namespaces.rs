//! Which namespaces a command gets, namespaces(7), and what each begins with.

use super::cell::Cell;
use super::fresh::Fresh;
use super::landlock;
use super::prepared::Shared;
use super::view::{self, Own, View};
use crate::sys::{self, Fork, mount};
use caps::{CapSet, Capability};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd::{Gid, Uid};
use policy::{Identity, Network, Profile, Strength};
use std::fs;
use std::io;
use std::rc::Rc;

/// What a command calls the host it is on.
const HOST_NAME: &std::ffi::CStr = c"mini-mcp";

/// Where commands in the default strength see the host read-only but for what they
/// may write: in a mount namespace, if this process can make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shut {
    /// Prepared once for each tool, and entered.
    Prepared,
    /// Made for each command, in a user namespace.
    Made,
    /// It can make none: file permissions decide who changes metadata.
    Never,
}

impl Shut {
    /// What this process can do.
    pub(crate) fn choose() -> Self {
        let has = |one| caps::has_cap(None, CapSet::Effective, one).unwrap_or(false);
        let (flags, shut) = if !Uid::effective().is_root() {
            (libc::CLONE_NEWUSER | libc::CLONE_NEWNS, Self::Made)
        } else if has(Capability::CAP_SYS_ADMIN) && has(Capability::CAP_SYS_CHROOT) {
            (libc::CLONE_NEWNS, Self::Prepared)
        } else {
            return Self::Never;
        };
        match sys::fork(flags, None) {
            Ok(Fork::Child) => sys::exit(0),
            Ok(Fork::Parent(process)) => sys::wait(Some(process.pid)).map_or(Self::Never, |_| shut),
            Err(_) => Self::Never,
        }
    }

    /// The same for a single command, for which nothing is worth preparing.
    pub(crate) fn for_one(self) -> Self {
        match self {
            Self::Prepared | Self::Made => Self::Made,
            Self::Never => Self::Never,
        }
    }
}

/// What a command sees of the file system.
#[derive(Debug)]
pub(crate) enum Sight<'a> {
    /// The host's, as it is.
    Host,
    /// A view that is built for it.
    Built(View<'a>),
    /// A view that was prepared, and what its arguments add.
    Prepared(View<'a>, Rc<Shared>),
    /// A view that was prepared, with all that the command has of its own.
    Fresh(View<'a>, Rc<Shared>, Rc<Fresh>),
}

/// The namespaces of one command.
#[derive(Debug)]
pub(crate) struct Namespaces<'a> {
    /// Flags of clone(2).
    flags: i32,
    /// Where it is born, instead of a pid namespace of its own.
    cell: Option<Rc<Cell>>,
    /// Whether it gets the network of that.
    silent: bool,
    loopback: bool,
    serves: bool,
    sight: Sight<'a>,
}

impl<'a> Namespaces<'a> {
    /// Those of `profile`, which sees `sight` and is born in `cell`, if that serves it;
    /// `None` where nothing is set apart.
    pub(crate) fn new(profile: &Profile, sight: Sight<'a>, cell: Option<Rc<Cell>>) -> Option<Self> {
        let silent = cell.is_some() && Cell::silences(profile);
        let kept = match (&cell, silent) {
            (None, _) => 0,
            (Some(_), false) => libc::CLONE_NEWPID,
            (Some(_), true) => libc::CLONE_NEWPID | libc::CLONE_NEWNET,
        };
        let flags = flags(profile) & !kept;
        let flags = match &sight {
            Sight::Host => flags,
            Sight::Built(_) => flags | libc::CLONE_NEWNS,
            // The host's mounts are not even copied.
            Sight::Prepared(..) => flags & !libc::CLONE_NEWNS,
            Sight::Fresh(_, _, fresh) if fresh.has_network() => {
                flags & !(libc::CLONE_NEWNS | libc::CLONE_NEWNET)
            }
            Sight::Fresh(..) => flags & !libc::CLONE_NEWNS,
        };
        let apart = flags != 0 || !matches!(sight, Sight::Host);
        apart.then_some(Self {
            flags,
            cell,
            silent,
            loopback: flags & libc::CLONE_NEWNET != 0 && profile.network == Network::Loopback,
            serves: landlock::serves(&profile.network),
            sight,
        })
    }

    pub(super) fn flags(&self) -> i32 {
        self.flags
    }

    /// Where the command is to be born.
    pub(super) fn cell(&self) -> Option<&Cell> {
        self.cell.as_deref()
    }

    /// Fills them, in a process that was born in them, and enters what was made ahead;
    /// returns what of the file system the domain is still to be opened to.
    pub(super) fn enter(&self, identity: Option<&Identity>) -> Result<Option<Own>, Errno> {
        if self.flags & libc::CLONE_NEWUTS != 0 {
            mount::set_host_name(HOST_NAME)?;
        }
        if let (Some(cell), true) = (&self.cell, self.silent) {
            cell.enter_network()?;
        }
        if self.loopback {
            mount::start_loopback()?;
        }
        match &self.sight {
            Sight::Host => Ok(None),
            Sight::Built(view) => {
                view::enter(view, identity)?;
                Ok(view.own(self.serves))
            }
            Sight::Prepared(view, shared) => {
                view::join(view, shared, identity)?;
                Ok(view.own(self.serves))
            }
            Sight::Fresh(view, shared, fresh) => {
                fresh.enter_network()?;
                if view::enter_fresh(view, (shared, fresh), identity)? {
                    return Ok(None);
                }
                view::join(view, shared, identity)?;
                Ok(view.own(self.serves))
            }
        }
    }

    /// Takes the host's mounts from this process, which only waits for the command.
    pub(super) fn leave_host(&self) -> Result<(), Errno> {
        match &self.sight {
            Sight::Host | Sight::Built(_) => Ok(()),
            Sight::Prepared(_, shared) | Sight::Fresh(_, shared, _) => shared.enter(),
        }
    }
}

/// The namespaces that `profile` asks for, as flags of clone(2); 0 for none.
pub(crate) fn flags(profile: &Profile) -> i32 {
    let when = |yes, flag| if yes { flag } else { 0 };
    let isolated = profile.isolation.strength == Strength::Isolated;
    when(profile.isolation.mounts(), libc::CLONE_NEWNS)
        | when(
            profile.isolation.networks(&profile.network),
            libc::CLONE_NEWNET,
        )
        | when(
            isolated,
            libc::CLONE_NEWPID | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS,
        )
}

/// The ids that a user namespace maps onto themselves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mapping {
    /// Effective user id outside.
    uid: Uid,
    /// Effective group id outside.
    gid: Gid,
}

impl Mapping {
    /// This process's own.
    pub(super) fn own() -> Self {
        Self {
            uid: Uid::effective(),
            gid: Gid::effective(),
        }
    }

    /// Writes the maps of this process's new namespace, user_namespaces(7): one id
    /// each, so that nothing outside can be impersonated.
    pub(super) fn write(self) -> io::Result<()> {
        let Self { uid, gid } = self;
        // The files of a process that is not dumpable belong to root.
        prctl::set_dumpable(true)?;
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/gid_map", format!("{gid} {gid} 1"))?;
        fs::write("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
        prctl::set_dumpable(false)?;
        Ok(())
    }
}
