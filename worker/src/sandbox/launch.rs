//! Starts a command in its containment, and ends it with its whole tree.

use super::birth::bear;
use super::cgroup::{Cgroup, CgroupError, Usage};
use super::child::{Gate, Plan};
use super::containment::Containment;
use super::stage::{Failure, Stage};
use super::terminal::Relay;
use super::tree;
use crate::sys::{self, Process};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use policy::Profile;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};
use thiserror::Error;

/// A command that did not start; nothing of it is left.
#[derive(Debug, Error)]
pub(crate) enum LaunchError {
    /// No cgroup for it.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    /// No process or pipe for it.
    #[error("cannot make a process for the command")]
    Fork(#[source] Errno),
    /// The kernel does not make the namespaces that its profile needs.
    #[error(
        "cannot make namespaces for the command\n\
         hint: the worker needs CAP_SYS_ADMIN (under systemd, CapabilityBoundingSet= and RestrictNamespaces=), a single \
         user user namespaces (user.max_user_namespaces); `strength = \"default\"` without `private_tmp` and with \
         another network than `loopback` needs none"
    )]
    Namespaces(#[source] Errno),
    /// A stage of its set-up failed.
    #[error("cannot {stage}{}", hint(*.stage, *.source))]
    Stage {
        /// Which one.
        stage: Stage,
        /// What the kernel said.
        source: Errno,
    },
    /// It ended, or was ended, before it was executed and did not say why.
    #[error("cannot set up the command: it ended without a word")]
    Silent,
}

impl LaunchError {
    /// Whether the user had more tasks than `RLIMIT_NPROC`, which execve(2) reports.
    pub(crate) fn is_for_want_of_tasks(&self) -> bool {
        let full =
            |stage: &Stage, errno: &Errno| (*stage, *errno) == (Stage::Execute, Errno::EAGAIN);
        matches!(self, Self::Stage { stage, source } if full(stage, source))
    }
}

impl From<Failure> for LaunchError {
    fn from(Failure { stage, errno }: Failure) -> Self {
        Self::Stage {
            stage,
            source: errno,
        }
    }
}

fn hint(stage: Stage, errno: Errno) -> &'static str {
    match (stage, errno) {
        (Stage::Execute, Errno::EACCES) => {
            " with its own rights\nhint: is it executable by the user it runs as? an interpreter (`#!`) must be in the \
             profile's `execute`, and its libraries in `read`"
        }
        (Stage::Directory, Errno::EACCES) => {
            " with its own rights\nhint: `working_directory` is closed to that user"
        }
        (Stage::Input, Errno::EACCES) => {
            " with its own rights\nhint: the file is closed to the user it runs as"
        }
        (Stage::Directory | Stage::Input, Errno::ESTALE) => ": it was replaced meanwhile",
        _ => "",
    }
}

/// A running command.
#[derive(Debug)]
pub(crate) struct Running {
    /// Its first process: the program itself, or the init of its namespace.
    process: Process,
    hold: Hold,
    started: Instant,
    /// Carries what it writes to a terminal.
    relay: Option<Relay>,
    /// Whether it can have changed nothing of its group.
    powerless: bool,
}

/// What is needed to end the whole tree.
#[derive(Debug)]
enum Hold {
    /// With where init writes the wait status of the program, if there is one.
    Cgroup(Cgroup, Option<OwnedFd>),
    /// Where init writes the wait status of the program.
    PidNamespace(OwnedFd),
    Subreaper,
}

impl Hold {
    fn of(group: Option<Cgroup>, status: Option<OwnedFd>) -> Self {
        match (group, status) {
            (Some(group), status) => Self::Cgroup(group, status),
            (None, Some(status)) => Self::PidNamespace(status),
            (None, None) => Self::Subreaper,
        }
    }
}

/// The end of a command and of everything it started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    /// As wait(2) reports it for the program.
    pub status: i32,
    /// Processor time of the tree in microseconds.
    pub cpu_us: u64,
    /// Memory in bytes, see [`wire::Outcome::memory_peak`].
    pub memory_peak: u64,
    /// From launch to the end of the tree.
    pub wall: Duration,
    /// Processes that the kernel killed because of `memory_max`, where it tells.
    pub memory_kills: u64,
    /// Tasks beyond `tasks_max` that it refused, where it tells.
    pub tasks_refused: u64,
    /// Whether something of its group was left that had to be killed.
    pub killed: bool,
}

/// The empty group of a command that has ended, and what it used. The group is removed when
/// this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Remains {
    group: Option<(Cgroup, Usage)>,
    /// Whether the command can have changed nothing of it.
    powerless: bool,
}

impl Remains {
    /// The group, if it is as good as fresh.
    pub(crate) fn renewed(self) -> Option<Cgroup> {
        let (mut group, usage) = self.group?;
        (self.powerless && group.renew(&usage)).then_some(group)
    }
}

/// Starts the command of `plan` in `group`, if there is one, which has its limits, and
/// returns once it is executed, for which `gate` must have said yes.
pub(crate) fn launch(
    plan: Plan<'_>,
    gate: Gate<'_>,
    profile: &Profile,
    containment: &Containment,
    group: Option<Cgroup>,
) -> Result<Running, LaunchError> {
    let started = Instant::now();
    let namespaces = containment.namespaces();
    let born = bear(&plan, gate, namespaces, group.as_ref(), profile.timeout)?;
    let running = Running {
        process: born.process,
        hold: Hold::of(group, born.status),
        started,
        relay: None,
        powerless: plan.is_powerless(),
    };
    drop(plan);
    match born.failed {
        None => Ok(running),
        Some(error) => {
            running.end()?;
            Err(error)
        }
    }
}

impl Running {
    /// Readable once the program has ended.
    pub(crate) fn pidfd(&self) -> BorrowedFd<'_> {
        self.process.pidfd.as_fd()
    }

    /// The first process of the tree: the program's, or an init that holds it.
    pub(crate) fn first(&self) -> Pid {
        self.process.pid
    }

    /// `relay` carries what it writes, and ends after it.
    pub(crate) fn carried_by(self, relay: Relay) -> Self {
        Self {
            relay: Some(relay),
            ..self
        }
    }

    /// Kills whatever is left of the tree and reaps it. On return nothing of the
    /// command runs any more; what is returned besides may be dropped later.
    pub(crate) fn end(self) -> Result<(End, Remains), LaunchError> {
        let pid = self.process.pid;
        let mut remains = Remains {
            group: None,
            powerless: self.powerless,
        };
        let (status, ended, usage) = match self.hold {
            Hold::Cgroup(group, status) => {
                let init = self.process.pidfd.as_fd();
                let told = status.map(|status| tell(status, init).unwrap_or(libc::SIGKILL));
                let usage = group.end()?;
                let ended = reap(pid)?;
                tree::reap_ended();
                remains.group = Some((group, usage));
                (told.unwrap_or(ended.status), ended, usage)
            }
            Hold::PidNamespace(status) => {
                // The kernel lets init end only after everything in its namespace.
                let told = tell(status, self.process.pidfd.as_fd());
                let _ended_before = kill(pid, Signal::SIGKILL);
                let ended = reap(pid)?;
                (told.unwrap_or(libc::SIGKILL), ended, Usage::default())
            }
            Hold::Subreaper => {
                let exited = has_ended(self.process.pidfd.as_fd());
                if !exited {
                    let _ended_since = kill(pid, Signal::SIGKILL);
                }
                let ended = reap(pid)?;
                let spared: BTreeSet<Pid> = self.relay.iter().map(Relay::pid).collect();
                tree::kill_descendants(&spared);
                (ended.status, ended, Usage::default())
            }
        };
        let wall = self.started.elapsed();
        if let Some(relay) = self.relay {
            relay.finish();
        }
        let end = End {
            status,
            cpu_us: usage.cpu_us.unwrap_or(ended.cpu_us),
            memory_peak: usage.memory_peak.unwrap_or(ended.memory_peak),
            wall,
            memory_kills: usage.memory_kills.unwrap_or_default(),
            tasks_refused: usage.tasks_refused.unwrap_or_default(),
            killed: usage.killed,
        };
        Ok((end, remains))
    }
}

fn reap(pid: Pid) -> Result<sys::Ended, LaunchError> {
    let ended = sys::wait(Some(pid)).map_err(LaunchError::Fork)?;
    ended.map(|(_, ended)| ended).ok_or(LaunchError::Silent)
}

fn has_ended(pidfd: BorrowedFd<'_>) -> bool {
    poll(
        &mut [PollFd::new(pidfd, PollFlags::POLLIN)],
        PollTimeout::ZERO,
    ) == Ok(1)
}

/// The wait status that init wrote, if it did before it ended.
fn tell(status: OwnedFd, init: BorrowedFd<'_>) -> Option<i32> {
    if !has_ended(init) {
        return None;
    }
    let mut bytes = [0; 4];
    File::from(status).read_exact(&mut bytes).ok()?;
    Some(i32::from_le_bytes(bytes))
}
