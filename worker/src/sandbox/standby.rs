//! The process of the next command, made while nobody waits. It has all that no call has a
//! say in: a group with its limits, a session, the view of its tool, the system call filter.
//! As root, asleep, it waits for the call that it serves: one with the same terms, compared
//! value by value. For any other a process is made as ever.

use super::birth::{give_up, heard};
use super::cgroup::Cgroup;
use super::child::{self, Directory, Gate, Origin, Plan, Progress, Stdin};
use super::containment::Containment;
use super::launch::LaunchError;
use super::namespaces::Namespaces;
use super::prepared::Shared;
use super::settings::Setting;
use crate::sys::{self, Ignored, Process};
use nix::errno::Errno;
use nix::unistd::Pid;
use policy::{Profile, Scheduling};
use seccompiler::BpfProgram;
use std::rc::Rc;
use std::time::Instant;

/// What the process has of a call's terms.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    /// Of its group.
    limits: Vec<Setting>,
    /// The mounts that it is among, unless those are the host's.
    shared: Option<Rc<Shared>>,
    filter: BpfProgram,
}

impl PartialEq for Terms {
    fn eq(&self, other: &Self) -> bool {
        let same_mounts = match (&self.shared, &other.shared) {
            (None, None) => true,
            (Some(one), Some(other)) => Rc::ptr_eq(one, other),
            (None, Some(_)) | (Some(_), None) => false,
        };
        same_mounts && self.limits == other.limits && self.filter == other.filter
    }
}

impl Terms {
    /// Those of its group.
    pub(crate) fn limits(&self) -> &[Setting] {
        &self.limits
    }

    /// Those of `plan`, if a process that waited can carry it out: as a user with no
    /// capability, in groups, and without a stage that needs calls which `profile` refuses.
    pub(crate) fn of(
        plan: &Plan<'_>,
        profile: &Profile,
        containment: &Containment,
    ) -> Option<Self> {
        let shared = plan.namespaces.as_ref().map(Namespaces::only_shared);
        let plain = plan.identity.is_some()
            && plan.capabilities.is_empty()
            && !plan.terminal
            && matches!(plan.directory, Directory::Path(_))
            && matches!(plan.stdin, Stdin::Open(_))
            // What the kernel thinks of for want of memory it thinks of all who share it.
            && *plan.scheduling == Scheduling::default();
        if !plain || matches!(shared, Some(None)) {
            return None;
        }
        Some(Self {
            limits: containment.limits(profile)?,
            shared: shared.flatten().map(Rc::clone),
            filter: plan.filter.clone(),
        })
    }
}

/// A process that waits.
#[derive(Debug)]
pub(crate) struct Standby {
    child: sys::Standby,
    /// Dropped after the process in it has ended.
    group: Cgroup,
    terms: Terms,
    bounded: bool,
}

impl Standby {
    /// Makes one on these `terms`, whose limits `group` has, with the signals restored that
    /// are `ignored`.
    pub(crate) fn bear(group: Cgroup, terms: Terms, ignored: &Ignored) -> Option<Self> {
        let (shared, parent) = (terms.shared.as_deref(), Pid::this());
        let mut told = None;
        let child = sys::Standby::bear(group.directory(), &mut || {
            let ready = child::wait_for_a_call(ignored, shared, &terms.filter, parent);
            told.insert(ready).is_ok()
        });
        if told.is_none() && matches!(child, Err(Errno::ECANCELED)) {
            // Killed in the middle of what it did in this memory.
            give_up();
        }
        Some(Self {
            child: child.ok()?,
            bounded: told?.ok()?,
            group,
            terms,
        })
    }

    /// Whether it waits for a call on such `terms`.
    pub(crate) fn serves(&self, terms: Option<&Terms>) -> bool {
        terms.is_some_and(|terms| *terms == self.terms) && self.child.is_waiting()
    }

    /// Has it become the command of `plan`, and returns once that is executed, or not; `None`
    /// if it was dead before it could begin.
    pub(crate) fn become_command(self, plan: &Plan<'_>, gate: Gate<'_>) -> Option<Woken> {
        let started = Instant::now();
        let (mut failure, mut progress) = (None, Progress::default());
        let from = (Origin::Waited(self.bounded), Pid::this());
        let process = self.child.go(&mut || {
            failure = Some(child::become_command(plan, from, gate, &mut progress));
            sys::exit(127)
        });
        let process = process.ok()?;
        if progress == Progress::Unborn {
            let _reaped = sys::wait(Some(process.pid));
            return None;
        }
        Some(Woken {
            process,
            group: self.group,
            failed: heard(failure, progress),
            started,
        })
    }
}

/// What became of a process that waited.
#[derive(Debug)]
pub(crate) struct Woken {
    pub(super) process: Process,
    pub(super) group: Cgroup,
    /// Why it did not execute the program.
    pub(super) failed: Option<LaunchError>,
    /// When it was woken.
    pub(super) started: Instant,
}

/// What is made for the next command, where two in a row had the same terms.
#[derive(Debug, Default)]
pub(crate) struct Next {
    ready: Option<Standby>,
    /// Did not serve the last call.
    unfit: Option<Standby>,
    last: Option<Terms>,
    again: bool,
}

impl Next {
    /// What is ready for a call on these `terms`; `None` where no process can wait for such.
    pub(crate) fn take(&mut self, terms: Option<Terms>) -> Option<Standby> {
        self.again = terms.is_some() && self.last == terms;
        self.last = terms;
        let ready = self.ready.take()?;
        if ready.serves(self.last.as_ref()) {
            return Some(ready);
        }
        // To be killed when nobody waits.
        self.unfit = Some(ready);
        None
    }

    /// The terms of the next process, if there is to be one that there is not.
    pub(crate) fn begin(&mut self) -> Option<Terms> {
        self.unfit = None;
        if self.ready.is_some() || !self.again {
            return None;
        }
        self.last.clone()
    }

    /// Whether one waits.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.is_some()
    }

    /// Keeps what was made.
    pub(crate) fn keep(&mut self, made: Option<Standby>) {
        self.ready = made;
    }

    /// Gives up what is among mounts that may have changed.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}
