//! The system calls of the default profile: what ordinary programs need on
//! files, memory, processes of their own, time and events.
//!
//! Absent, and so refused with `EPERM`: everything that traces or reads other
//! processes (ptrace, process_vm_*, kcmp, pidfd_getfd), mounts or changes
//! namespaces (mount family, unshare, setns, chroot, pivot_root), opens by
//! handle, loads code into the kernel (bpf, modules, kexec), widens its surface
//! (io_uring, userfaultfd, perf, keyctl), shares memory with strangers (SysV and
//! POSIX queues), or administers the host (clock, swap, quota, reboot, syslog).

use super::{Action, Around, Check, Reach, Sockets, Test};
use libc::{
    EACCES, ENOSYS, EOPNOTSUPP, EPERM, SYS_clone, SYS_clone3, SYS_fchmod, SYS_fchmodat,
    SYS_get_robust_list, SYS_ioctl, SYS_ioprio_set, SYS_memfd_create, SYS_mknodat, SYS_openat,
    SYS_openat2, SYS_personality, SYS_prctl, SYS_prlimit64, SYS_sendmmsg, SYS_sendmsg, SYS_sendto,
    SYS_setpriority, SYS_socket, SYS_socketpair, c_long,
};
use policy::{Strength, SystemCalls};
use std::collections::{BTreeMap, BTreeSet};

/// Calls that need no look at their arguments.
#[rustfmt::skip]
const ALLOWED: &[c_long] = {
    use libc::*;
    &[
        // Files by descriptor.
        SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_preadv, SYS_pwritev, SYS_preadv2,
        SYS_pwritev2, SYS_lseek, SYS_close, SYS_close_range, SYS_dup, SYS_dup3, SYS_fcntl, SYS_flock, SYS_fsync,
        SYS_fdatasync, SYS_sync_file_range, SYS_syncfs, SYS_ftruncate, SYS_fallocate, SYS_fadvise64, SYS_readahead,
        SYS_copy_file_range, SYS_sendfile, SYS_splice, SYS_tee, SYS_vmsplice, SYS_pipe2, SYS_getdents64, SYS_fchdir,
        SYS_fchown, SYS_fstatfs, SYS_fstat, SYS_fgetxattr, SYS_flistxattr, SYS_fsetxattr,
        SYS_fremovexattr,
        // Files by path: Landlock and the user's rights decide.
        SYS_statx, SYS_newfstatat, SYS_statfs, SYS_faccessat, SYS_faccessat2, SYS_readlinkat,
        SYS_mkdirat, SYS_unlinkat, SYS_renameat, SYS_renameat2, SYS_linkat, SYS_symlinkat,
        SYS_fchownat, SYS_utimensat, SYS_truncate, SYS_chdir, SYS_getcwd, SYS_umask, SYS_getxattr, SYS_lgetxattr,
        SYS_listxattr, SYS_llistxattr, SYS_setxattr, SYS_lsetxattr, SYS_removexattr, SYS_lremovexattr,
        SYS_inotify_init1, SYS_inotify_add_watch, SYS_inotify_rm_watch, SYS_sync,
        // Memory.
        SYS_mmap, SYS_munmap, SYS_mprotect, SYS_mremap, SYS_brk, SYS_madvise, SYS_msync, SYS_mincore, SYS_mlock,
        SYS_mlock2, SYS_munlock, SYS_mlockall, SYS_munlockall, SYS_membarrier, SYS_pkey_alloc, SYS_pkey_free,
        SYS_pkey_mprotect, SYS_get_mempolicy,
        // Processes and threads of its own.
        SYS_execve, SYS_execveat, SYS_exit, SYS_exit_group, SYS_wait4, SYS_waitid, SYS_getpid, SYS_getppid,
        SYS_gettid, SYS_getpgid, SYS_setpgid, SYS_getsid, SYS_setsid, SYS_kill, SYS_tkill, SYS_tgkill,
        SYS_pidfd_open, SYS_pidfd_send_signal, SYS_set_tid_address, SYS_set_robust_list,
        SYS_futex, SYS_rseq, SYS_sched_yield, SYS_sched_setaffinity, SYS_sched_setparam,
        SYS_sched_setscheduler, SYS_sched_setattr, SYS_sched_getaffinity, SYS_sched_getparam,
        SYS_sched_getscheduler, SYS_sched_getattr, SYS_sched_get_priority_max,
        SYS_sched_get_priority_min, SYS_sched_rr_get_interval, SYS_getpriority, SYS_ioprio_get,
        SYS_getrlimit, SYS_setrlimit, SYS_getrusage, SYS_times, SYS_getcpu,
        // Ids: without capabilities nothing can be gained.
        SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getresuid, SYS_getresgid, SYS_getgroups, SYS_setuid,
        SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid, SYS_setfsuid, SYS_setfsgid,
        SYS_setgroups, SYS_capget, SYS_capset,
        // Signals.
        SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigpending, SYS_rt_sigtimedwait,
        SYS_rt_sigsuspend, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_sigaltstack, SYS_signalfd4,
        SYS_restart_syscall,
        // Time.
        SYS_clock_gettime, SYS_clock_getres, SYS_clock_nanosleep, SYS_nanosleep, SYS_gettimeofday, SYS_getitimer,
        SYS_setitimer, SYS_timer_create, SYS_timer_settime, SYS_timer_gettime, SYS_timer_getoverrun,
        SYS_timer_delete, SYS_timerfd_create, SYS_timerfd_settime, SYS_timerfd_gettime,
        // Events.
        SYS_ppoll, SYS_pselect6, SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_epoll_pwait2, SYS_eventfd2,
        // Descriptors of socket pairs.
        SYS_recvfrom, SYS_recvmsg, SYS_recvmmsg, SYS_shutdown,
        SYS_getsockname, SYS_getpeername, SYS_getsockopt, SYS_setsockopt,
        // The system in general; sandboxes of the program's own.
        SYS_uname, SYS_sysinfo, SYS_getrandom, SYS_landlock_create_ruleset, SYS_landlock_add_rule,
        SYS_landlock_restrict_self, SYS_seccomp,
    ]
};

/// The older forms that only x86-64 has.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const ALLOWED_HERE: &[c_long] = {
    use libc::*;
    &[
        SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_mkdir, SYS_rmdir, SYS_unlink,
        SYS_rename, SYS_link, SYS_symlink, SYS_chown, SYS_lchown, SYS_utime, SYS_utimes,
        SYS_futimesat, SYS_getdents, SYS_dup2, SYS_pipe, SYS_poll, SYS_select, SYS_epoll_create, SYS_epoll_wait,
        SYS_epoll_ctl_old, SYS_epoll_wait_old, SYS_eventfd, SYS_signalfd, SYS_inotify_init, SYS_fork, SYS_vfork,
        SYS_getpgrp, SYS_pause, SYS_alarm, SYS_time, SYS_arch_prctl,
    ]
};
#[cfg(target_arch = "aarch64")]
const ALLOWED_HERE: &[c_long] = &[];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("the system call table covers x86-64 and 64-bit ARM");

/// Flags of clone(2) that make namespaces.
const NEW_NAMESPACE: u32 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET)
    .cast_unsigned();

/// Operations of prctl(2) that concern the caller alone and take nothing back.
const PRCTL: &[u32] = &[
    libc::PR_SET_PDEATHSIG.cast_unsigned(),
    libc::PR_GET_PDEATHSIG.cast_unsigned(),
    libc::PR_GET_DUMPABLE.cast_unsigned(),
    libc::PR_SET_DUMPABLE.cast_unsigned(),
    libc::PR_GET_KEEPCAPS.cast_unsigned(),
    libc::PR_SET_NAME.cast_unsigned(),
    libc::PR_GET_NAME.cast_unsigned(),
    libc::PR_GET_SECCOMP.cast_unsigned(),
    libc::PR_SET_SECCOMP.cast_unsigned(),
    libc::PR_CAPBSET_READ.cast_unsigned(),
    libc::PR_GET_SECUREBITS.cast_unsigned(),
    libc::PR_SET_TIMERSLACK.cast_unsigned(),
    libc::PR_GET_TIMERSLACK.cast_unsigned(),
    libc::PR_SET_CHILD_SUBREAPER.cast_unsigned(),
    libc::PR_GET_CHILD_SUBREAPER.cast_unsigned(),
    libc::PR_SET_NO_NEW_PRIVS.cast_unsigned(),
    libc::PR_GET_NO_NEW_PRIVS.cast_unsigned(),
    libc::PR_GET_TID_ADDRESS.cast_unsigned(),
    libc::PR_SET_THP_DISABLE.cast_unsigned(),
    libc::PR_GET_THP_DISABLE.cast_unsigned(),
    libc::PR_CAP_AMBIENT.cast_unsigned(),
    libc::PR_SET_VMA.cast_unsigned(),
];

const AF_UNIX: u32 = libc::AF_UNIX.cast_unsigned();

/// `PER_LINUX`, and the question which personality is set.
const PERSONALITY: &[u32] = &[0, 0xffff_ffff];

/// `MSG_FASTOPEN`, tcp(7).
const FAST_OPEN: u32 = libc::MSG_FASTOPEN.cast_unsigned();

/// `S_ISUID` and `S_ISGID`, inode(7).
const SET_ID: u32 = libc::S_ISUID | libc::S_ISGID;

/// Calls that let others connect.
const LISTENING: [c_long; 4] = [
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
];

/// Calls that `reach` adds to the default.
fn network(reach: Reach) -> &'static [c_long] {
    use libc::{SYS_accept, SYS_accept4, SYS_bind, SYS_connect, SYS_listen};
    match reach {
        Reach::None => &[],
        Reach::Connect => &[SYS_connect],
        Reach::Unix | Reach::Full => &[SYS_connect, SYS_bind, SYS_listen, SYS_accept, SYS_accept4],
    }
}

const fn one(domain: i32, kind: i32, protocols: &'static [u32]) -> Sockets {
    Sockets {
        domain: domain.cast_unsigned(),
        kind: kind.cast_unsigned(),
        protocols,
    }
}

// Protocol 0 is the family's own; MPTCP is another that Landlock does not look at.
const TCP: &[u32] = &[0, libc::IPPROTO_TCP.cast_unsigned()];
const UDP: &[u32] = &[0, libc::IPPROTO_UDP.cast_unsigned()];
// For AF_UNIX the family itself; for AF_NETLINK, NETLINK_ROUTE.
const UNIX: &[u32] = &[0, AF_UNIX];
const ROUTE: &[u32] = &[libc::NETLINK_ROUTE.cast_unsigned()];

static SOCKETS: [Sockets; 9] = [
    // First, for it is of Unix sockets alone: without a connection it sends to any name
    // that file permissions open, such as /dev/log, where Landlock does not look (ABI 9).
    one(libc::AF_UNIX, libc::SOCK_DGRAM, UNIX),
    one(libc::AF_UNIX, libc::SOCK_STREAM, UNIX),
    one(libc::AF_UNIX, libc::SOCK_SEQPACKET, UNIX),
    // With what getaddrinfo(3) looks for addresses of the host.
    one(libc::AF_NETLINK, libc::SOCK_RAW, ROUTE),
    one(libc::AF_NETLINK, libc::SOCK_DGRAM, ROUTE),
    one(libc::AF_INET, libc::SOCK_STREAM, TCP),
    one(libc::AF_INET6, libc::SOCK_STREAM, TCP),
    one(libc::AF_INET, libc::SOCK_DGRAM, UDP),
    one(libc::AF_INET6, libc::SOCK_DGRAM, UDP),
];

/// What socket(2) makes under `reach`.
fn sockets(reach: Reach) -> &'static [Sockets] {
    let range = match reach {
        Reach::None => 0..0,
        Reach::Unix => 0..3,
        Reach::Connect => 1..7,
        Reach::Full => 1..9,
    };
    SOCKETS.get(range).unwrap_or_default()
}

/// What socketpair(2) makes under `reach`.
fn pairs(reach: Reach) -> &'static [Sockets] {
    let range = if reach == Reach::Unix { 0..3 } else { 1..3 };
    SOCKETS.get(range).unwrap_or_default()
}

/// `PRIO_PROCESS` of setpriority(2) and `IOPRIO_WHO_PROCESS` of ioprio_set(2): a process or
/// thread, and no group or user.
const ONE_OF_PRIORITY: &[u32] = &[libc::PRIO_PROCESS];
const IO_PRIORITY_PROCESS: u32 = 1;
const ONE_OF_IO_PRIORITY: &[u32] = &[IO_PRIORITY_PROCESS];

/// What is looked at, or answered otherwise, whatever a profile allows.
fn special(reach: Reach) -> [(c_long, Action); 17] {
    let without_fast_open = |flags| check(flags, Test::Without(FAST_OPEN), EOPNOTSUPP);
    // By 0 these name the caller; by number any process of the same user, which a limit
    // can end.
    let of_itself = check(0, Test::OneOf(&[0]), EPERM);
    let of_one = |which| check(0, Test::OneOf(which), EPERM);
    [
        (SYS_clone, check(0, Test::Without(NEW_NAMESPACE), EPERM)),
        (SYS_prctl, check(0, Test::OneOf(PRCTL), EPERM)),
        (SYS_personality, check(0, Test::OneOf(PERSONALITY), EPERM)),
        // TIOCSTI and TIOCLINUX put input into a terminal, where somebody's shell reads it;
        // TIOCSETD loads line disciplines, which are a surface of the kernel by themselves.
        (
            SYS_ioctl,
            check(1, Test::NoneOf(&[0x5412, 0x541c, 0x5423]), EPERM),
        ),
        (SYS_socket, Action::Socket(sockets(reach))),
        // It connects past Landlock, which looks at connect(2).
        (SYS_sendto, without_fast_open(3)),
        (SYS_sendmsg, without_fast_open(2)),
        (SYS_sendmmsg, without_fast_open(3)),
        (SYS_socketpair, Action::Socket(pairs(reach))),
        (SYS_fchmod, without_set_id(1)),
        (SYS_fchmodat, without_set_id(2)),
        (SYS_openat, without_set_id(3)),
        (SYS_mknodat, without_set_id(2)),
        (SYS_setpriority, of_one(ONE_OF_PRIORITY)),
        (SYS_ioprio_set, of_one(ONE_OF_IO_PRIORITY)),
        (SYS_prlimit64, of_itself),
        (SYS_get_robust_list, of_itself),
    ]
}

/// The older forms of the same.
#[cfg(target_arch = "x86_64")]
fn special_here() -> [(c_long, Action); 4] {
    [
        (libc::SYS_chmod, without_set_id(1)),
        (libc::SYS_open, without_set_id(2)),
        (libc::SYS_creat, without_set_id(1)),
        (libc::SYS_mknod, without_set_id(1)),
    ]
}
#[cfg(not(target_arch = "x86_64"))]
fn special_here() -> [(c_long, Action); 0] {
    []
}

/// What the default strength, where names and numbers of the host mean something, refuses
/// besides, unless the list names it: Landlock looks at none of this.
///
/// A file that is open has attributes still, for it was Landlock's to open it. A library
/// that sets the affinity or the scheduling of its threads does so by number, which no
/// filter can tell from that of a process of the same user; it must do without.
const IN_SIGHT: [(c_long, Action); 11] = {
    use libc::*;
    // The answer of a file system that has none, which programs take without a word.
    const NO_ATTRIBUTES: Action = Action::Refuse(EOPNOTSUPP);
    // Who watches is told, and looks for himself from time to time.
    const NO_WATCH: Action = Action::Refuse(ENOSYS);
    const OF_ITSELF: Action = Action::Just(&[(0, 0)]);
    [
        (SYS_getxattr, NO_ATTRIBUTES),
        (SYS_lgetxattr, NO_ATTRIBUTES),
        (SYS_listxattr, NO_ATTRIBUTES),
        (SYS_llistxattr, NO_ATTRIBUTES),
        (SYS_inotify_init1, NO_WATCH),
        (SYS_sched_setaffinity, OF_ITSELF),
        (SYS_sched_setparam, OF_ITSELF),
        (SYS_sched_setscheduler, OF_ITSELF),
        (SYS_sched_setattr, OF_ITSELF),
        (SYS_setpriority, Action::Just(&[(0, PRIO_PROCESS), (1, 0)])),
        (
            SYS_ioprio_set,
            Action::Just(&[(0, IO_PRIORITY_PROCESS), (1, 0)]),
        ),
    ]
};
#[cfg(target_arch = "x86_64")]
const IN_SIGHT_HERE: [(c_long, Action); 1] = [(libc::SYS_inotify_init, Action::Refuse(ENOSYS))];
#[cfg(not(target_arch = "x86_64"))]
const IN_SIGHT_HERE: [(c_long, Action); 0] = [];

/// A mode without the bits of set-id files: what a command leaves behind is executed by
/// others, where it is not confined. A mode that is not used is 0 in every libc.
fn without_set_id(mode: u8) -> Action {
    check(mode, Test::Without(SET_ID), EPERM)
}

/// What no profile can change.
const ALWAYS: [(c_long, Action); 3] = [
    // Its mode lies in memory, too; whoever calls it must do without on Linux 5.5.
    (SYS_openat2, Action::Refuse(ENOSYS)),
    // Its flags lie in memory, where a filter cannot look; libc falls back to clone.
    (SYS_clone3, Action::Refuse(ENOSYS)),
    // What it returns can be executed and is no file to Landlock.
    (SYS_memfd_create, Action::Refuse(ENOSYS)),
];

/// Every system call of `list` that has an action other than to be refused.
pub(super) fn actions(list: &SystemCalls, around: Around) -> BTreeMap<u32, Action> {
    let reach = around.network;
    let mut special = numbered(special(reach));
    special.extend(numbered(special_here()));
    let mut allowed: BTreeSet<u32> = list
        .added
        .iter()
        .filter_map(|call| SystemCalls::number(call))
        .collect();
    if list.from_default {
        let removed: BTreeSet<u32> = list
            .removed
            .iter()
            .filter_map(|call| SystemCalls::number(call))
            .collect();
        let plain = ALLOWED.iter().chain(ALLOWED_HERE);
        let plain = plain.filter_map(|call| u32::try_from(*call).ok());
        let network = network(reach).iter();
        let network = network.filter_map(|call| u32::try_from(*call).ok());
        let default = plain.chain(special.keys().copied()).chain(network);
        let default: Vec<u32> = default.filter(|call| !removed.contains(call)).collect();
        if around.strength == Strength::Default {
            let named = allowed.clone();
            let unnamed = |(call, _): &(u32, Action)| !named.contains(call);
            let in_sight = numbered(IN_SIGHT)
                .into_iter()
                .chain(numbered(IN_SIGHT_HERE));
            special.extend(in_sight.filter(unnamed));
        }
        allowed.extend(default);
    }
    let action = |call| special.get(&call).copied().unwrap_or(Action::Allow);
    let allowed = allowed.into_iter().map(|call| (call, action(call)));
    let mut actions: BTreeMap<u32, Action> = allowed.chain(numbered(ALWAYS)).collect();
    if reach == Reach::Connect {
        // Landlock holds bind(2) to TCP ports, and not what listen(2) binds by itself.
        actions.extend(numbered(
            LISTENING.map(|call| (call, Action::Refuse(EACCES))),
        ));
    }
    actions
}

fn numbered<const N: usize>(actions: [(c_long, Action); N]) -> BTreeMap<u32, Action> {
    let actions = actions.into_iter();
    actions
        .filter_map(|(call, action)| Some((u32::try_from(call).ok()?, action)))
        .collect()
}

fn check(argument: u8, test: Test, errno: i32) -> Action {
    Action::Check(Check {
        argument,
        test,
        errno,
    })
}
