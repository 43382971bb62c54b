//! How the first process of a command is made, clone3(2): with a share in its lane's memory
//! where that is safe, else with a copy of it, and in a pid namespace of its own as the child
//! of an init.

use super::cgroup::Cgroup;
use super::child::{self, Gate, Plan, Progress};
use super::init;
use super::launch::LaunchError;
use super::namespaces::{Mapping, Namespaces};
use super::stage::{FAILURE_SIZE, Failure};
use crate::sys::{self, Fork, Process};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{Pid, Uid, pipe2};
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::time::Duration;

/// A command's first process, once it has executed the program or failed to.
pub(super) struct Born {
    pub process: Process,
    /// Where init writes the wait status of the program, if there is an init.
    pub status: Option<OwnedFd>,
    pub failed: Option<LaunchError>,
}

/// Whether processes may share this one's memory until they execute a program.
fn memory_is_shared() -> bool {
    memory_stays_closed() && sys::has_clone3()
}

/// Makes the command's first process, in `more` namespaces than those of `plan`.
pub(super) fn bear(
    plan: &Plan<'_>,
    gate: Gate<'_>,
    more: i32,
    group: Option<&Cgroup>,
    patience: Duration,
) -> Result<Born, LaunchError> {
    let flags = flags(plan) | more;
    let without = |flag| flags & flag == 0;
    let borrows = without(libc::CLONE_NEWPID | libc::CLONE_NEWUSER);
    if borrows && memory_is_shared() {
        return borrowing(plan, gate, flags, group);
    }
    // A copy of this process cannot tell it what it heard.
    if !gate() {
        return Err(Failure::NOT_ADMITTED.into());
    }
    if without(libc::CLONE_NEWPID) {
        copied(plan, flags, group, patience)
    } else {
        with_init(plan, flags, group, patience)
    }
}

/// Has `bear` make the process where it belongs, and tells it what number its parent will
/// have for it: none, from inside a pid namespace.
fn in_its_place<T>(
    plan: &Plan<'_>,
    bear: impl FnOnce(Pid) -> Result<T, Errno>,
) -> Result<T, Errno> {
    match plan.namespaces.as_ref().and_then(Namespaces::cell) {
        None => bear(Pid::this()),
        Some(cell) => cell.bear(|| bear(Pid::from_raw(0))),
    }
}

/// Why there is no process with `flags`.
fn unborn(flags: i32) -> impl FnOnce(Errno) -> LaunchError {
    move |errno| match flags {
        0 => LaunchError::Fork(errno),
        _ => LaunchError::Namespaces(errno),
    }
}

/// Whether the memory of a process stays closed to its user when it changes to him,
/// `fs.suid_dumpable` in proc_sys_fs(5): else he must not have the lane's, even for a moment.
fn memory_stays_closed() -> bool {
    static CLOSED: OnceLock<bool> = OnceLock::new();
    *CLOSED.get_or_init(|| {
        fs::read_to_string("/proc/sys/fs/suid_dumpable").is_ok_and(|value| value.trim() != "1")
    })
}

/// The flags of clone(2) for `plan`: a user namespace, where privileges are missing,
/// is made before the others.
fn flags(plan: &Plan<'_>) -> i32 {
    match plan.namespaces.as_ref().map_or(0, Namespaces::flags) {
        0 => 0,
        flags if Uid::effective().is_root() => flags,
        flags => flags | libc::CLONE_NEWUSER,
    }
}

fn mapping(flags: i32) -> Option<Mapping> {
    (flags & libc::CLONE_NEWUSER != 0).then(Mapping::own)
}

/// Ends this process at once, which cannot be relied on any more, such as one whose memory
/// was borrowed by somebody who was killed in the middle of a change to it.
pub(super) fn give_up() -> ! {
    sys::exit(70)
}

/// A process that borrows this one's memory until it executes the program.
fn borrowing(
    plan: &Plan<'_>,
    gate: Gate<'_>,
    flags: i32,
    group: Option<&Cgroup>,
) -> Result<Born, LaunchError> {
    let (mut failure, mut progress) = (None, Progress::default());
    let process = in_its_place(plan, |parent| {
        sys::spawn(flags, group.map(Cgroup::directory), &mut || {
            let from = (parent, None);
            failure = Some(child::become_command(plan, from, gate, &mut progress));
            sys::exit(127)
        })
    });
    let process = process.map_err(unborn(flags))?;
    let failed = match (failure, progress) {
        (Some(failure), _) => Some(failure.into()),
        (None, Progress::Executing) => None,
        (None, Progress::SettingUp) => give_up(),
    };
    Ok(Born {
        process,
        status: None,
        failed,
    })
}

/// A process with a copy of this one's memory, where that cannot be borrowed, or is to be
/// filled with what a user namespace needs.
fn copied(
    plan: &Plan<'_>,
    flags: i32,
    group: Option<&Cgroup>,
    patience: Duration,
) -> Result<Born, LaunchError> {
    let (report, report_end) = pipe2(OFlag::O_CLOEXEC).map_err(LaunchError::Fork)?;
    let mapping = mapping(flags);
    let process = in_its_place(plan, |parent| {
        match sys::fork(flags, group.map(Cgroup::directory))? {
            Fork::Child => child::become_or_report(plan, parent, mapping, report_end),
            Fork::Parent(process) => Ok(process),
        }
    });
    Ok(Born {
        process: process.map_err(unborn(flags))?,
        status: None,
        failed: failure(report, patience),
    })
}

/// The init of a pid namespace, whose child is the command.
fn with_init(
    plan: &Plan<'_>,
    flags: i32,
    group: Option<&Cgroup>,
    patience: Duration,
) -> Result<Born, LaunchError> {
    let (report, report_end) = pipe2(OFlag::O_CLOEXEC).map_err(LaunchError::Fork)?;
    let (status, status_end) = pipe2(OFlag::O_CLOEXEC).map_err(LaunchError::Fork)?;
    let mapping = mapping(flags);
    match fork(flags, group)? {
        Fork::Child => init::run(plan, mapping, status_end, report_end),
        Fork::Parent(process) => {
            drop((status_end, report_end));
            Ok(Born {
                process,
                status: Some(status),
                failed: failure(report, patience),
            })
        }
    }
}

fn fork(flags: i32, group: Option<&Cgroup>) -> Result<Fork, LaunchError> {
    sys::fork(flags, group.map(Cgroup::directory)).map_err(LaunchError::Namespaces)
}

/// Reads the pipe that closes when the program is executed.
fn failure(report: OwnedFd, patience: Duration) -> Option<LaunchError> {
    if !readable_within(report.as_fd(), patience) {
        return Some(LaunchError::Silent);
    }
    let mut bytes = [0; FAILURE_SIZE];
    match File::from(report).read(&mut bytes) {
        Ok(0) => None,
        Ok(FAILURE_SIZE) => {
            Some(Failure::decode(bytes).map_or(LaunchError::Silent, LaunchError::from))
        }
        Ok(_) | Err(_) => Some(LaunchError::Silent),
    }
}

/// poll(2), which a signal interrupts and the kernel never restarts.
fn readable_within(descriptor: BorrowedFd<'_>, patience: Duration) -> bool {
    let patience = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
    loop {
        match poll(&mut [PollFd::new(descriptor, PollFlags::POLLIN)], patience) {
            Err(Errno::EINTR) => {}
            result => return result == Ok(1),
        }
    }
}
