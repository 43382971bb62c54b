//! The one door to the kernel for what no safe wrapper offers; all `unsafe` of
//! the project is here. Each function takes and returns owned or borrowed
//! types, so that nothing outside has an invariant of memory to keep.

mod execute;
pub(crate) mod mount;
mod spawn;
mod standby;
pub(crate) mod terminal;

pub(crate) use execute::{Strings, execute};
pub(crate) use spawn::spawn;
pub(crate) use standby::Standby;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use nix::sys::stat::Mode;
use nix::unistd::Pid;
use std::fs;
use std::io::IoSliceMut;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::OnceLock;

/// linux/sched.h; libc's constant has 32 bits and loses it.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// linux/securebits.h: `SECBIT_NOROOT` and `SECBIT_NOROOT_LOCKED`.
const NO_ROOT: libc::c_ulong = 0x3;

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
    let arguments = birth.arguments();
    // SAFETY: without CLONE_VM the child has its own copy of all memory, like fork(2),
    // and this process has one thread, so no lock is held by a thread that is not copied;
    // the kernel writes only to `birth`, which outlives the call.
    let result =
        unsafe { libc::syscall(libc::SYS_clone3, arguments, size_of::<libc::clone_args>()) };
    match Errno::result(result) {
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
    // SAFETY: as in `fork`; the kernel writes only to `pidfd`, and a stack of 0 is a copy
    // of this one. On both architectures flags, stack and that place come first.
    let result = unsafe { libc::syscall(libc::SYS_clone, flags, 0, &raw mut pidfd, 0, 0) };
    match Errno::result(result)? {
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

/// Whether [`spawn`] works here: there is no older call that could do the same.
pub(crate) fn has_clone3() -> bool {
    static HAS: OnceLock<bool> = OnceLock::new();
    *HAS.get_or_init(|| {
        // SAFETY: a structure of size 0 is refused before anything is read or done.
        let result = unsafe { libc::syscall(libc::SYS_clone3, ptr::null::<u8>(), 0) };
        Errno::result(result) != Err(Errno::ENOSYS)
    })
}

/// What clone3(2) is asked for, and where it tells of the child.
struct Birth {
    arguments: libc::clone_args,
    pidfd: RawFd,
}

impl Birth {
    fn new(flags: u64, cgroup: Option<BorrowedFd<'_>>) -> Self {
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
    fn arguments(&mut self) -> *mut libc::clone_args {
        self.arguments.pidfd = (&raw mut self.pidfd) as u64;
        &raw mut self.arguments
    }

    /// The child, once the kernel has told its process id.
    fn process(self, pid: libc::c_long) -> Process {
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

/// One packet and the descriptors that came with it.
#[derive(Debug)]
pub(crate) struct Packet {
    /// Bytes received; more than the buffer holds when the packet was cut.
    pub length: usize,
    /// Close-on-exec.
    pub descriptors: Vec<OwnedFd>,
}

/// Receives one packet from a `SOCK_SEQPACKET` socket into `buffer`, with at most
/// [`wire::DESCRIPTORS_MAX`] descriptors. A packet of length 0 is the end.
///
/// # Errors
/// `EMSGSIZE` when the packet or its descriptors did not fit; the excess is closed.
pub(crate) fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<Packet, Errno> {
    let mut control = nix::cmsg_space!([RawFd; wire::DESCRIPTORS_MAX]);
    let mut vectors = [IoSliceMut::new(buffer)];
    let message = recvmsg::<()>(
        socket.as_raw_fd(),
        &mut vectors,
        Some(&mut control),
        MsgFlags::MSG_CMSG_CLOEXEC,
    )?;
    let cut = message
        .flags
        .intersects(MsgFlags::MSG_TRUNC | MsgFlags::MSG_CTRUNC);
    let mut descriptors = Vec::new();
    // A cut control buffer still carries descriptors that must be closed; nix refuses to
    // iterate it, which leaks at most DESCRIPTORS_MAX of them until the lane ends, at once.
    for part in message.cmsgs().map_err(|_| Errno::EMSGSIZE)? {
        if let ControlMessageOwned::ScmRights(raw) = part {
            // SAFETY: the kernel just installed these descriptors for us; nothing else owns them.
            descriptors.extend(
                raw.into_iter()
                    .map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }),
            );
        }
    }
    if cut {
        return Err(Errno::EMSGSIZE);
    }
    Ok(Packet {
        length: message.bytes,
        descriptors,
    })
}

/// Takes over a connection from accept4(2) on `listener`, close-on-exec.
pub(crate) fn accept(listener: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let flags = nix::sys::socket::SockFlag::SOCK_CLOEXEC;
    let raw = nix::sys::socket::accept4(listener.as_raw_fd(), flags)?;
    // SAFETY: accept4 returned a new descriptor that nothing else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Takes over the first descriptor of sd_listen_fds(3), close-on-exec. Call it once.
pub(crate) fn handed_over() -> Result<OwnedFd, Errno> {
    const FIRST: RawFd = 3;
    // SAFETY: takes integers only; on a number that is no descriptor it fails.
    let result = unsafe { libc::fcntl(FIRST, libc::F_SETFD, libc::FD_CLOEXEC) };
    Errno::result(result)?;
    // SAFETY: the descriptor is open, and whoever started this process left it to it:
    // `service` calls this once, before the process opens descriptors of its own.
    Ok(unsafe { OwnedFd::from_raw_fd(FIRST) })
}

/// The supplementary groups of the peer of a Unix socket, `SO_PEERGROUPS` in unix(7).
pub(crate) fn peer_groups(socket: BorrowedFd<'_>) -> Result<Vec<u32>, Errno> {
    let mut groups = vec![0_u32; 64];
    loop {
        let mut length = libc::socklen_t::try_from(groups.len() * size_of::<u32>())
            .map_err(|_| Errno::ERANGE)?;
        // SAFETY: the kernel writes at most `length` bytes, the size of the live vector's elements.
        let result = unsafe {
            libc::getsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERGROUPS,
                groups.as_mut_ptr().cast(),
                &raw mut length,
            )
        };
        let count = length as usize / size_of::<u32>();
        match Errno::result(result) {
            Ok(_) => {
                groups.truncate(count);
                return Ok(groups);
            }
            Err(Errno::ERANGE) => groups.resize(count, 0),
            Err(errno) => return Err(errno),
        }
    }
}

/// The supplementary groups of this process, getgroups(2), of which there are at most `most`:
/// else `EINVAL`.
pub(crate) fn groups(most: usize) -> Result<Vec<u32>, Errno> {
    // Of a size of 0 the kernel would think that it is asked for the number alone.
    let mut groups = vec![0; most + 1];
    let size = i32::try_from(groups.len()).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the kernel writes at most `size` ids, the length of the live vector.
    let count = Errno::result(unsafe { libc::getgroups(size, groups.as_mut_ptr()) })?;
    groups.truncate(usize::try_from(count).unwrap_or_default());
    Ok(groups)
}

/// The effective, the permitted and the inheritable set of this process as bits, capget(2).
pub(crate) fn capabilities() -> Result<[u64; 3], Errno> {
    // linux/capability.h: `_LINUX_CAPABILITY_VERSION_3`, by which a set is two words.
    const VERSION: u32 = 0x2008_0522;
    let mut head = [VERSION, 0];
    let mut words = [[0_u32; 3]; 2];
    // SAFETY: the kernel reads and writes a head of two words, and writes two structures of
    // three words each, all of which live here.
    let result = unsafe { libc::syscall(libc::SYS_capget, head.as_mut_ptr(), words.as_mut_ptr()) };
    Errno::result(result)?;
    let [low, high] = words;
    let mut sets = [0; 3];
    for (set, (low, high)) in sets.iter_mut().zip(low.into_iter().zip(high)) {
        *set = u64::from(low) | u64::from(high) << 32;
    }
    Ok(sets)
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

/// Marks every descriptor from `first` on close-on-exec, close_range(2). They stay
/// open until then, so the pipe that reports a failed launch still works.
pub(crate) fn close_on_exec_from(first: u32) -> Result<(), Errno> {
    // SAFETY: takes integers only; no descriptor is closed here.
    let result = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            first,
            u32::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    Errno::result(result).map(drop)
}

/// Gives this process descriptors of its own, if it shared them, and marks those but the
/// standard streams close-on-exec.
pub(crate) fn own_descriptors() -> Result<(), Errno> {
    let flags = libc::CLOSE_RANGE_UNSHARE | libc::CLOSE_RANGE_CLOEXEC;
    // SAFETY: takes integers only; no descriptor is closed here.
    let result = unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, flags) };
    Errno::result(result).map(drop)
}

/// Closes every descriptor from `first` on, close_range(2): for a forked process
/// that uses none of them again and ends by [`exit`], which drops nothing.
pub(crate) fn close_from(first: u32) -> Result<(), Errno> {
    // SAFETY: takes integers only. Owners of these descriptors live on in this process,
    // but it never returns to them: its only ways on are the functions of `init`.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) };
    Errno::result(result).map(drop)
}

/// Makes user id 0 a user like any other when a program is executed, for good,
/// `SECBIT_NOROOT` in capabilities(7). Needs `CAP_SETPCAP`.
pub(crate) fn forget_root() -> Result<(), Errno> {
    // SAFETY: takes integers only.
    let result = unsafe { libc::prctl(libc::PR_SET_SECUREBITS, NO_ROOT, 0, 0, 0) };
    Errno::result(result).map(drop)
}

/// Whether that was done to this process, or one before it.
pub(crate) fn has_forgotten_root() -> Result<bool, Errno> {
    // SAFETY: takes integers only.
    let bits = Errno::result(unsafe { libc::prctl(libc::PR_GET_SECUREBITS, 0, 0, 0, 0) })?;
    Ok(libc::c_ulong::try_from(bits).is_ok_and(|bits| bits & NO_ROOT == NO_ROOT))
}

/// Lets this process stand behind others when processors are scarce, setpriority(2).
pub(crate) fn set_nice(nice: u32) -> Result<(), Errno> {
    let nice = i32::try_from(nice).map_err(|_| Errno::EINVAL)?;
    // SAFETY: takes integers only.
    let result = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) };
    Errno::result(result).map(drop)
}

/// How this process shares the disks, `class` and `level` of ioprio_set(2).
pub(crate) fn set_io_priority(class: u32, level: u32) -> Result<(), Errno> {
    // linux/ioprio.h
    const WHO_PROCESS: u32 = 1;
    const CLASS_SHIFT: u32 = 13;
    let priority = class << CLASS_SHIFT | level;
    // SAFETY: takes integers only.
    let result = unsafe { libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, 0_u32, priority) };
    Errno::result(result).map(drop)
}

/// The Landlock ABI of the running kernel, 0 where it is absent or switched off,
/// landlock_create_ruleset(2).
pub(crate) fn landlock_abi() -> u32 {
    const VERSION: u32 = 1;
    // SAFETY: with LANDLOCK_CREATE_RULESET_VERSION the kernel reads no memory and returns a number.
    let abi = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            ptr::null::<u8>(),
            0_usize,
            VERSION,
        )
    };
    u32::try_from(abi).unwrap_or(0)
}

/// The signals that this process ignores: the one disposition that a program inherits which
/// is executed, execve(2).
#[derive(Debug)]
pub(crate) struct Ignored(Vec<Signal>);

impl Ignored {
    /// Those of this moment. Rust ignores `SIGPIPE`, a shell's background job `SIGINT` and
    /// `SIGQUIT`.
    pub(crate) fn now() -> Self {
        Self(Signal::iterator().filter(|one| ignores(*one)).collect())
    }

    /// Gives them their default action and unblocks all signals, as an executed program
    /// expects: a lane blocks what it reads by descriptor.
    pub(crate) fn restore(&self) -> Result<(), Errno> {
        let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
        for signal in &self.0 {
            // SAFETY: the default action runs no code of this process.
            unsafe { sigaction(*signal, &default) }?;
        }
        SigSet::empty().thread_set_mask()
    }
}

fn ignores(signal: Signal) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: changes nothing, and writes to a live local of the type that it fills; it
    // knows every signal that there is.
    unsafe { libc::sigaction(signal as i32, ptr::null(), action.as_mut_ptr()) };
    // SAFETY: a plain structure of integers, zeroed above.
    unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}

/// Has the kernel reap this process's children, and those it inherits, wait(2).
pub(crate) fn ignore_children() -> Result<(), Errno> {
    let ignore = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    // SAFETY: to ignore a signal runs no code of this process.
    unsafe { sigaction(Signal::SIGCHLD, &ignore) }.map(drop)
}

/// Lets go of the code that this process has used, its own and that of libraries: what is
/// wanted again is found in the page cache, madvise(2). Where proc(5) says nothing of it, it
/// stays.
pub(crate) fn forget_code() {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    for (begin, end) in maps.lines().filter_map(code) {
        let begin = ptr::without_provenance_mut(begin);
        // SAFETY: a mapping of a file, private and not to be written to: whatever is read
        // there again is what it was.
        unsafe { libc::madvise(begin, end - begin.addr(), libc::MADV_DONTNEED) };
    }
}

/// Where the code of a file is, by a line of proc_pid_maps(5).
fn code(line: &str) -> Option<(usize, usize)> {
    let mut fields = line.split_whitespace();
    let (begin, end) = fields.next()?.split_once('-')?;
    let is_code = fields.next()? == "r-xp" && fields.nth(3)?.starts_with('/');
    let number = |text| usize::from_str_radix(text, 16).ok();
    is_code.then_some((number(begin)?, number(end)?))
}

/// Ends this process at once, without destructors or exit handlers: for forked
/// children, which share both with their parent.
pub(crate) fn exit(code: i32) -> ! {
    // SAFETY: _exit(2) takes an integer and does not return.
    unsafe { libc::_exit(code) }
}
