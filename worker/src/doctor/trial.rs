//! Attempts to use what the kernel offers, each in a process of its own that ends
//! with the attempt. The answer is the kernel's, not that of a version number.

use crate::input;
use crate::sandbox::{landlock, seccomp};
use crate::sys::{self, Fork, mount};
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::stat::Mode;
use nix::sys::wait::WaitStatus;
use std::os::fd::AsFd;

/// linux/mount.h
const MOUNT_ATTR_RDONLY: u64 = 1;

/// What came of it.
pub(super) type Trial = Result<(), Errno>;

/// Makes an attempt in a new process, with `namespaces` of its own (flags of clone(2)).
pub(super) fn inside(namespaces: i32, attempt: impl FnOnce() -> Trial) -> Trial {
    match sys::fork(namespaces, None)? {
        // Every error number fits into the eight bits of an exit code.
        Fork::Child => sys::exit(attempt().err().map_or(0, |errno| errno as i32)),
        Fork::Parent(child) => {
            let (pid, ended) = sys::wait(Some(child.pid))?.ok_or(Errno::ECHILD)?;
            match WaitStatus::from_raw(pid, ended.status)? {
                WaitStatus::Exited(_, 0) => Ok(()),
                WaitStatus::Exited(_, code) => Err(Errno::from_raw(code)),
                // A signal ended it; wait4(2) reports nothing else without being asked.
                WaitStatus::Signaled(..)
                | WaitStatus::Stopped(..)
                | WaitStatus::PtraceEvent(..)
                | WaitStatus::PtraceSyscall(_)
                | WaitStatus::Continued(_)
                | WaitStatus::StillAlive => Err(Errno::EINTR),
            }
        }
    }
}

/// A ruleset of `abi` refuses what it does not grant.
pub(super) fn landlock(abi: u32) -> Trial {
    inside(0, || {
        prctl::set_no_new_privs()?;
        landlock::attempt(abi)
    })
}

/// The filter of commands refuses a call that is not in its list.
pub(super) fn seccomp() -> Trial {
    let filter = seccomp::default_filter();
    inside(0, || {
        prctl::set_no_new_privs()?;
        seccomp::install(&filter)?;
        // Without flags it does nothing, and succeeds for everybody.
        match unshare(CloneFlags::empty()) {
            Err(Errno::EPERM) => Ok(()),
            Ok(()) | Err(_) => Err(Errno::ENOTSUP),
        }
    })
}

pub(super) fn no_new_privileges() -> Trial {
    inside(0, || {
        prctl::set_no_new_privs()?;
        match prctl::get_no_new_privs()? {
            true => Ok(()),
            false => Err(Errno::ENOTSUP),
        }
    })
}

/// The system calls with which an isolated command's root directory is built.
pub(super) fn mounts(namespaces: i32) -> Trial {
    inside(namespaces, || {
        let root = open("/", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?;
        let tree = mount::clone_tree(root.as_fd())?;
        mount::restrict(tree.as_fd(), MOUNT_ATTR_RDONLY, true)
    })
}

/// A path that leaves the directory it is looked up beneath is refused.
pub(super) fn openat2_beneath() -> Trial {
    let root = open("/usr", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?;
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH);
    match openat2(&root, "../usr", how) {
        Err(Errno::EXDEV) => Ok(()),
        Err(errno) => Err(errno),
        Ok(_) => Err(Errno::ENOTSUP),
    }
}

/// The last descriptor there can be stays what it is: there is none.
pub(super) fn close_range() -> Trial {
    sys::close_on_exec_from(u32::MAX)
}

/// Every process is made with a descriptor that tells of its end.
pub(super) fn pidfd() -> Trial {
    inside(0, || Ok(()))
}

pub(super) fn keyring() -> Trial {
    inside(0, mount::new_session_keyring)
}

pub(super) fn memfd() -> Trial {
    let sealed = input::sealed("text");
    let raw = |error: std::io::Error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
    sealed.map(drop).map_err(raw)
}
