//! How the process tree of a command is held, so that all of it can be killed:
//! chosen once when the worker starts, by trying.

use super::cgroup::{Base, Cgroup, CgroupError};
use super::tree;
use crate::options::Preference;
use crate::sys::{self, Fork, Process};
use nix::errno::Errno;
use nix::unistd::{Pid, Uid};
use policy::{CgroupLimits, Controller};
use std::collections::BTreeSet;
use thiserror::Error;

/// The containments there are, strongest first.
#[derive(Debug)]
pub(crate) enum Containment {
    /// A cgroup v2 group for each command.
    Cgroup(Base),
    /// A pid namespace for each command, inside a user namespace where this
    /// process is not privileged.
    PidNamespace {
        /// Whether it needs a user namespace.
        user: bool,
    },
    /// The lane adopts orphans and walks /proc.
    Subreaper,
}

/// A containment that the host does not offer.
#[derive(Debug, Error)]
pub(crate) enum ContainmentError {
    /// No writable cgroup v2 hierarchy.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    /// The kernel does not start a process in a given cgroup.
    #[error(
        "cannot start a process in a cgroup of its own\n\
         hint: clone3 is needed; under systemd, RestrictNamespaces= takes it away"
    )]
    CloneInto(#[source] Errno),
    /// The kernel does not make pid namespaces for us.
    #[error(
        "cannot make a pid namespace\nhint: run as root, or allow user namespaces (user.max_user_namespaces)"
    )]
    PidNamespace(#[source] Errno),
}

impl Containment {
    /// The one that was asked for; for [`Preference::Auto`], the first that works.
    pub(crate) fn choose(preference: Preference) -> Result<Self, ContainmentError> {
        match preference {
            Preference::Cgroup => Self::cgroup(),
            Preference::PidNamespace => Self::pid_namespace(),
            Preference::Subreaper => Ok(Self::Subreaper),
            Preference::Auto => Ok(Self::cgroup()
                .or_else(|_| Self::pid_namespace())
                .unwrap_or(Self::Subreaper)),
        }
    }

    /// What it is called on the command line and in the log.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Cgroup(_) => "cgroup",
            Self::PidNamespace { .. } => "pid-namespace",
            Self::Subreaper => "subreaper",
        }
    }

    /// The first controller that `limits` need and that this does not have, with the
    /// key that asks for it.
    pub(crate) fn missing(&self, limits: &CgroupLimits) -> Option<(Controller, &'static str)> {
        let has = |controller| match self {
            Self::Cgroup(base) => base.has(controller),
            Self::PidNamespace { .. } | Self::Subreaper => false,
        };
        limits
            .needs()
            .into_iter()
            .find(|(controller, _)| !has(*controller))
    }

    /// Flags of clone(2) for a command's first process.
    pub(super) fn namespaces(&self) -> i32 {
        match self {
            Self::PidNamespace { user: true } => libc::CLONE_NEWUSER | libc::CLONE_NEWPID,
            Self::PidNamespace { user: false } => libc::CLONE_NEWPID,
            Self::Cgroup(_) | Self::Subreaper => 0,
        }
    }

    /// A group for the next command of this process, where groups hold commands.
    pub(crate) fn group(&self, number: u64) -> Result<Option<Cgroup>, CgroupError> {
        match self {
            Self::Cgroup(base) => base.create(Pid::this(), number).map(Some),
            Self::PidNamespace { .. } | Self::Subreaper => Ok(None),
        }
    }

    /// Removes the groups of a lane that has ended, the one for its next command too.
    pub(crate) fn tidy(&self, lane: Pid) {
        if let Self::Cgroup(base) = self {
            base.sweep(lane);
        }
    }

    /// Ends what a lost lane left behind; `lanes` are those that live.
    pub(crate) fn sweep(&self, lost: Pid, lanes: &BTreeSet<Pid>) {
        match self {
            Self::Cgroup(base) => base.sweep(lost),
            // Its init died with the lane, and all else with its init.
            Self::PidNamespace { .. } => {}
            Self::Subreaper => tree::kill_descendants(lanes),
        }
    }

    /// Leaves the host as it was, in the last lane of a worker that was killed.
    pub(crate) fn remove(&self) {
        if let Self::Cgroup(base) = self {
            base.remove();
        }
    }

    fn cgroup() -> Result<Self, ContainmentError> {
        let base = Base::new()?;
        base.try_clone_into().map_err(ContainmentError::CloneInto)?;
        Ok(Self::Cgroup(base))
    }

    fn pid_namespace() -> Result<Self, ContainmentError> {
        let user = !Uid::effective().is_root();
        let made = Self::PidNamespace { user };
        try_fork(made.namespaces(), None).map_err(ContainmentError::PidNamespace)?;
        Ok(made)
    }
}

impl Base {
    fn try_clone_into(&self) -> Result<(), Errno> {
        let group = self.probe().map_err(|_| Errno::EACCES)?;
        let result = try_fork(0, Some(&group));
        group.end().map_err(|_| Errno::EBUSY)?;
        result
    }
}

/// Makes a process that ends at once.
fn try_fork(namespaces: i32, group: Option<&Cgroup>) -> Result<(), Errno> {
    match sys::fork(namespaces, group.map(Cgroup::directory))? {
        Fork::Child => sys::exit(0),
        Fork::Parent(Process { pid, .. }) => sys::wait(Some(pid)).map(drop),
    }
}
