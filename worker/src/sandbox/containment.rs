//! How the process tree of a command is held, so that all of it can be killed:
//! chosen once when the worker starts, by trying.

use super::cgroup::{Base, Cgroup, CgroupError};
use super::settings::Setting;
use super::tree;
use crate::options::Preference;
use crate::sys::{self, Fork, Process};
use nix::errno::Errno;
use nix::unistd::{Pid, Uid};
use policy::{CgroupLimits, Controller, Profile, Strength};
use std::collections::BTreeSet;
use thiserror::Error;
use wire::Floor;

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
    /// No process can be put into a given cgroup.
    #[error("cannot start a process in a cgroup of its own")]
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
        self.kind().name()
    }

    fn kind(&self) -> policy::Containment {
        match self {
            Self::Cgroup(_) => policy::Containment::Cgroup,
            Self::PidNamespace { .. } => policy::Containment::PidNamespace,
            Self::Subreaper => policy::Containment::Subreaper,
        }
    }

    /// How commands of `profile` are held, if that is weaker than it accepts.
    pub(crate) fn too_weak(&self, profile: &Profile) -> Option<policy::Containment> {
        let own = match profile.isolation.strength {
            Strength::Isolated => policy::Containment::PidNamespace,
            Strength::Default | _ => policy::Containment::Subreaper,
        };
        let held = self.kind().max(own);
        (held < profile.minimum_containment).then_some(held)
    }

    /// The first controller that `limits` need and that this does not have, with the
    /// key that asks for it.
    pub(crate) fn missing(&self, limits: &CgroupLimits) -> Option<(Controller, &'static str)> {
        limits
            .needs()
            .into_iter()
            .find(|(controller, _)| !self.has(*controller))
    }

    /// The limits of a whole tree that no controller holds here.
    pub(crate) fn floor(&self) -> Vec<Floor> {
        let all = [
            (Controller::Memory, Floor::Memory),
            (Controller::Pids, Floor::Tasks),
        ];
        let alone = all.into_iter().filter(|(one, _)| !self.has(*one));
        alone.map(|(_, floor)| floor).collect()
    }

    fn has(&self, controller: Controller) -> bool {
        match self {
            Self::Cgroup(base) => base.has(controller),
            Self::PidNamespace { .. } | Self::Subreaper => false,
        }
    }

    /// Flags of clone(2) for a command's first process.
    pub(super) fn namespaces(&self) -> i32 {
        match self {
            Self::PidNamespace { user: true } => libc::CLONE_NEWUSER | libc::CLONE_NEWPID,
            Self::PidNamespace { user: false } => libc::CLONE_NEWPID,
            Self::Cgroup(_) | Self::Subreaper => 0,
        }
    }

    /// The limits of a group for a command of `profile`; none where groups hold no commands.
    pub(crate) fn limits(&self, profile: &Profile) -> Vec<Setting> {
        match self {
            Self::Cgroup(base) => base.limits(profile),
            Self::PidNamespace { .. } | Self::Subreaper => Vec::new(),
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
        if let Self::Cgroup(base) = self {
            base.sweep(lost);
        }
        // What dies with the lane, an init or the relay of a terminal, may take a moment:
        // it is waited for here, so that nothing of the run is left when this returns.
        tree::kill_descendants(lanes);
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
