//! Processes: how they are made with a copy of the memory, waited for, told and ended.

use super::countersign;
use libc::c_long;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::Pid;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::OnceLock;

/// linux/sched.h; libc's constant has 32 bits and loses it.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Which side of [`fork`] this is.
#[derive(Debug)]
pub(crate) enum Fork {
    /// The new process.
    Child,
    /// The calling process.
    Parent(Process),
}

/// A child process that has not been waited for.
#[derive(Debug)]
pub(crate) struct Process {
    /// Its process id; cannot be reused before [`wait`] returned.
    pub pid: Pid,
    /// Readable once it has ended, pidfd_open(2).
    pub pidfd: OwnedFd,
}

/// How a process ended and what it and its waited-for descendants used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended {
    /// As wait(2) reports it.
    pub status: i32,
    /// Processor time, user and system, in microseconds.
    pub cpu_us: u64,
    /// Largest resident set of one process, in bytes.
    pub memory_peak: u64,
}

/// Duplicates this process, which must have a single thread, by clone3(2).
/// `namespaces` are `CLONE_NEW*` flags; with `cgroup`, an open cgroup v2
/// directory, the child starts its life in it.
pub(crate) fn fork(namespaces: i32, cgroup: Option<BorrowedFd<'_>>) -> Result<Fork, Errno> {
    let mut birth = Birth::new(u64::from(namespaces.cast_unsigned()), cgroup);
    let size = size_of::<libc::clone_args>() as c_long;
    let arguments = [birth.arguments() as c_long, size, 0, 0, 0];
    // SAFETY: without CLONE_VM the child has its own copy of all memory, like fork(2),
    // and this process has one thread, so no lock is held by a thread that is not copied;
    // the kernel writes only to `birth`, which outlives the call.
    match unsafe { countersign::call(libc::SYS_clone3, arguments) } {
        Err(Errno::ENOSYS) => older_fork(namespaces, cgroup),
        Err(errno) => Err(errno),
        Ok(0) => Ok(Fork::Child),
        Ok(pid) => Ok(Fork::Parent(birth.process(pid))),
    }
}

/// The same by clone(2), for where a filter keeps clone3(2) away, as systemd's
/// `RestrictNamespaces=` does, which cannot see its flags. The child then enters `cgroup`
/// by itself, before anything else; where it cannot it ends.
fn older_fork(namespaces: i32, cgroup: Option<BorrowedFd<'_>>) -> Result<Fork, Errno> {
    let mut pidfd: RawFd = -1;
    let flags = namespaces | libc::CLONE_PIDFD | libc::SIGCHLD;
    let arguments = [flags.into(), 0, (&raw mut pidfd) as c_long, 0, 0];
    // SAFETY: as in `fork`; the kernel writes only to `pidfd`, and a stack of 0 is a copy
    // of this one. On both architectures flags, stack and that place come first.
    match unsafe { countersign::call(libc::SYS_clone, arguments) }? {
        0 => match cgroup.map(enter_group) {
            None | Some(Ok(())) => Ok(Fork::Child),
            Some(Err(_)) => exit(127),
        },
        pid => Ok(Fork::Parent(Process {
            pid: Pid::from_raw(i32::try_from(pid).unwrap_or(i32::MAX)),
            // SAFETY: CLONE_PIDFD succeeded, so this is a new descriptor that nothing else owns.
            pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) },
        })),
    }
}

/// Moves this process, which is new and alone, to the group whose directory this is.
fn enter_group(directory: BorrowedFd<'_>) -> Result<(), Errno> {
    let flags = OFlag::O_WRONLY | OFlag::O_CLOEXEC;
    let processes = openat(directory, c"cgroup.procs", flags, Mode::empty())?;
    nix::unistd::write(processes, b"0").map(drop)
}

/// Whether [`super::spawn`] works here: there is no older call that could do the same.
pub(crate) fn has_clone3() -> bool {
    static HAS: OnceLock<bool> = OnceLock::new();
    *HAS.get_or_init(|| {
        // SAFETY: a structure of size 0 is refused before anything is read or done.
        let refused = unsafe { countersign::call(libc::SYS_clone3, [0; 5]) };
        refused != Err(Errno::ENOSYS)
    })
}

/// What clone3(2) is asked for, and where it tells of the child.
pub(super) struct Birth {
    pub(super) arguments: libc::clone_args,
    pidfd: RawFd,
}

impl Birth {
    pub(super) fn new(flags: u64, cgroup: Option<BorrowedFd<'_>>) -> Self {
        // SAFETY: `clone_args` is a plain structure of integers, for which zero is "not used".
        let mut arguments: libc::clone_args = unsafe { MaybeUninit::zeroed().assume_init() };
        arguments.flags = flags | libc::CLONE_PIDFD as u64;
        arguments.exit_signal = libc::SIGCHLD as u64;
        if let Some(directory) = cgroup {
            arguments.flags |= CLONE_INTO_CGROUP;
            arguments.cgroup = u64::from(directory.as_raw_fd().cast_unsigned());
        }
        Self {
            arguments,
            pidfd: -1,
        }
    }

    /// For the call itself, before which this must not move any more.
    pub(super) fn arguments(&mut self) -> *mut libc::clone_args {
        self.arguments.pidfd = (&raw mut self.pidfd) as u64;
        &raw mut self.arguments
    }

    /// The child, once the kernel has told its process id.
    pub(super) fn process(self, pid: libc::c_long) -> Process {
        Process {
            pid: Pid::from_raw(i32::try_from(pid).unwrap_or(i32::MAX)),
            // SAFETY: CLONE_PIDFD succeeded, so this is a new descriptor that nothing else owns.
            pidfd: unsafe { OwnedFd::from_raw_fd(self.pidfd) },
        }
    }
}

/// Waits for `pid`, a child of this process, and reaps it; with `None`, for any
/// child that has already ended. `Ok(None)` when no such child has ended yet.
pub(crate) fn wait(pid: Option<Pid>) -> Result<Option<(Pid, Ended)>, Errno> {
    let (target, options) = pid.map_or((-1, libc::WNOHANG), |pid| (pid.as_raw(), 0));
    let (reaped, ended) = wait4(target, options)?;
    Ok((reaped.as_raw() != 0).then_some((reaped, ended)))
}

/// Waits until any child of this process ends, and reaps it.
pub(crate) fn wait_any() -> Result<(Pid, Ended), Errno> {
    wait4(-1, 0)
}

fn wait4(target: i32, options: i32) -> Result<(Pid, Ended), Errno> {
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    let reaped = loop {
        // SAFETY: both pointers are to live locals of the types that wait4(2) fills.
        match Errno::result(unsafe {
            libc::wait4(target, &raw mut status, options, usage.as_mut_ptr())
        }) {
            Err(Errno::EINTR) => {}
            result => break result?,
        }
    };
    // SAFETY: `rusage` is a plain structure of integers, zeroed above and filled by wait4.
    let usage = unsafe { usage.assume_init() };
    let micros = |time: libc::timeval| {
        time.tv_sec.cast_unsigned() * 1_000_000 + time.tv_usec.cast_unsigned()
    };
    let ended = Ended {
        status,
        cpu_us: micros(usage.ru_utime) + micros(usage.ru_stime),
        memory_peak: usage.ru_maxrss.cast_unsigned() * 1024,
    };
    Ok((Pid::from_raw(reaped), ended))
}

/// A descriptor of the process that has this id now, pidfd_open(2).
pub(crate) fn pidfd_open(pid: Pid) -> Result<OwnedFd, Errno> {
    // SAFETY: takes integers only.
    let raw = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) })?;
    let raw = RawFd::try_from(raw).map_err(|_| Errno::EBADF)?;
    // SAFETY: pidfd_open returned a new descriptor that nothing else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Sends `signal` to the process of `pidfd` and to no other, pidfd_send_signal(2).
pub(crate) fn pidfd_send_signal(pidfd: BorrowedFd<'_>, signal: Signal) -> Result<(), Errno> {
    // SAFETY: without information on the signal the kernel reads no memory of ours.
    let result = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal as i32,
            ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    Errno::result(result).map(drop)
}

/// Ends this process at once, without destructors or exit handlers: for forked
/// children, which share both with their parent.
pub(crate) fn exit(code: i32) -> ! {
    // SAFETY: _exit(2) takes an integer and does not return.
    unsafe { libc::_exit(code) }
}
