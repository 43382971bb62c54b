//! Which namespaces a command gets, namespaces(7), and what each begins with.

use super::view::{self, View};
use crate::sys::mount;
use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd::{Gid, Uid};
use policy::{Identity, Network, Profile, Strength};
use std::fs;
use std::io;

/// What a command calls the host it is on.
const HOST_NAME: &std::ffi::CStr = c"mini-mcp";

/// The namespaces of one command.
#[derive(Debug)]
pub(crate) struct Namespaces<'a> {
    /// Flags of clone(2).
    flags: i32,
    loopback: bool,
    view: Option<View<'a>>,
}

impl<'a> Namespaces<'a> {
    /// Those of `profile`, which sees `view`.
    pub(crate) fn new(profile: &Profile, view: Option<View<'a>>) -> Self {
        Self {
            flags: flags(profile),
            loopback: profile.network == Network::Loopback,
            view,
        }
    }

    pub(super) fn flags(&self) -> i32 {
        self.flags
    }

    /// What of the file system is not the host's.
    pub(super) fn own(&self) -> Option<view::Own> {
        self.view.as_ref().map(View::own)
    }

    /// Fills them, in a process that was born in them.
    pub(super) fn enter(&self, identity: Option<&Identity>) -> Result<(), Errno> {
        if self.flags & libc::CLONE_NEWUTS != 0 {
            mount::set_host_name(HOST_NAME)?;
        }
        if self.loopback {
            mount::start_loopback()?;
        }
        match &self.view {
            Some(view) => view::enter(view, identity),
            None => Ok(()),
        }
    }
}

/// The namespaces of `profile`, as flags of clone(2); 0 for none.
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
