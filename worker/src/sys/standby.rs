//! A child that is made before it is needed, clone3(2) with `CLONE_VM` and `CLONE_FILES`:
//! it waits in this process's memory, asleep in the kernel, for something to do.
//!
//! The two are never in that memory at once. Whose turn it is says one word, for which
//! each waits while it is the other's, and which the kernel clears when the child leaves
//! the memory, by execve(2) or by its end.

use super::process::{Birth, Process, wait};
use super::spawn::{Life, Stack, clone_onto, stack};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

/// There is no child in this memory; what the kernel writes for `CLONE_CHILD_CLEARTID`.
const NOBODY: u32 = 0;
/// The child is in it.
const CHILD: u32 = 1;
/// This process is in it, and a child waits.
const OURS: u32 = 2;

/// Whose turn it is. There is one child at a time.
static TURN: AtomicU32 = AtomicU32::new(NOBODY);

/// What the child is to do when its turn comes: a pointer to a [`Life`].
static LIFE: AtomicPtr<Life<'static>> = AtomicPtr::new(ptr::null_mut());

/// What a child does before it waits; whether it is good for anything.
type Beginning<'a> = &'a mut dyn FnMut() -> bool;

/// A child that waits. It has the descriptors of this process, as they are at any moment,
/// and is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Standby(Option<Process>);

impl Standby {
    /// Makes one in the open cgroup v2 directory `cgroup`, and returns when it has gone
    /// through `begin` and waits: `ECANCELED` if it does not.
    pub(crate) fn bear(cgroup: BorrowedFd<'_>, mut begin: Beginning<'_>) -> Result<Self, Errno> {
        static STACK: OnceLock<Stack> = OnceLock::new();
        let flags = libc::CLONE_VM | libc::CLONE_FILES | libc::CLONE_CHILD_CLEARTID;
        let mut birth = Birth::new(u64::from(flags.cast_unsigned()), Some(cgroup));
        stack(&STACK)?.give(&mut birth);
        birth.arguments.child_tid = TURN.as_ptr() as u64;
        let claimed = TURN.compare_exchange(NOBODY, CHILD, Ordering::AcqRel, Ordering::Acquire);
        claimed.map_err(|_| Errno::EBUSY)?;
        let arguments = birth.arguments();
        // SAFETY: this process has one thread, which waits until it has its turn again or
        // the child is gone; the stack is that of the one child that there is; `begin`
        // lives in this frame until then, and is not used after.
        let made = unsafe { clone_onto(arguments, enter, &raw mut begin) };
        let pid = made.inspect_err(|_| TURN.store(NOBODY, Ordering::Release))?;
        let child = Self(Some(birth.process(pid)));
        child.wait_for_turn();
        if child.is_waiting() {
            Ok(child)
        } else {
            Err(Errno::ECANCELED)
        }
    }

    /// Whether it waits, and was not killed.
    pub(crate) fn is_waiting(&self) -> bool {
        TURN.load(Ordering::Acquire) == OURS
    }

    /// Has it go through `life`, and waits until it has executed a program or ended.
    /// `ECANCELED` if it was killed before.
    pub(crate) fn go(mut self, mut life: Life<'_>) -> Result<Process, Errno> {
        LIFE.store((&raw mut life).cast(), Ordering::Release);
        let given = TURN.compare_exchange(OURS, CHILD, Ordering::AcqRel, Ordering::Acquire);
        given.map_err(|_| Errno::ECANCELED)?;
        wake();
        self.wait_for_turn();
        // The child may have changed that of the memory too. An error here must not look as
        // if it had not begun.
        if prctl::set_dumpable(false).is_err() {
            super::exit(70);
        }
        self.0.take().ok_or(Errno::ECHILD)
    }

    /// Waits while it is the child's turn.
    fn wait_for_turn(&self) {
        while TURN.load(Ordering::Acquire) == CHILD {
            let slept_out = sleep(CHILD, Some(&PATIENCE));
            if slept_out && self.has_ended() {
                // Some kernels leave the word alone where the child dumped its core.
                TURN.store(NOBODY, Ordering::Release);
            }
        }
    }

    fn has_ended(&self) -> bool {
        let Some(process) = &self.0 else {
            return true;
        };
        let mut descriptors = [PollFd::new(process.pidfd.as_fd(), PollFlags::POLLIN)];
        poll(&mut descriptors, PollTimeout::ZERO) == Ok(1)
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        let Some(process) = &self.0 else {
            return;
        };
        let _ended = super::pidfd_send_signal(process.pidfd.as_fd(), Signal::SIGKILL);
        // Its stack is the next one's.
        let _reaped = wait(Some(process.pid));
        TURN.store(NOBODY, Ordering::Release);
    }
}

/// Where the child begins.
extern "C" fn enter(begin: *mut Beginning<'_>) -> ! {
    // SAFETY: `bear` passes a pointer to its own live variable, and waits meanwhile.
    let ready = unsafe { &mut *begin }();
    if !ready {
        super::exit(127);
    }
    TURN.store(OURS, Ordering::Release);
    wake();
    while TURN.load(Ordering::Acquire) == OURS {
        sleep(OURS, None);
    }
    // SAFETY: `go` has put a pointer to its own live variable there before it gave the
    // turn, and waits until this process has left the memory.
    let life = unsafe { &mut *LIFE.load(Ordering::Acquire) };
    match life() {}
}

/// How long the end of a child can stay unnoticed where the kernel does not tell it.
const PATIENCE: libc::timespec = libc::timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

/// Sleeps while the turn is `whose`, or less long; whether it was not woken for `patience`.
fn sleep(whose: u32, patience: Option<&libc::timespec>) -> bool {
    futex(libc::FUTEX_WAIT, whose, patience) == -libc::c_long::from(libc::ETIMEDOUT)
}

/// Wakes whoever sleeps.
fn wake() {
    let _woken = futex(libc::FUTEX_WAKE, 1, None);
}

/// futex(2) on the turn. It is called by hand, since the library's `syscall` may write to
/// `errno`, which is in this memory and belongs to whoever has the turn.
fn futex(operation: i32, value: u32, patience: Option<&libc::timespec>) -> libc::c_long {
    let patience = patience.map_or(ptr::null(), ptr::from_ref);
    let result: libc::c_long;
    // SAFETY: syscall(2) keeps all registers that are not named here; the kernel reads the
    // word, which is static, and `patience`, which is borrowed for the call.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") libc::SYS_futex => result,
            in("rdi") TURN.as_ptr(),
            in("rsi") operation,
            in("rdx") value,
            in("r10") patience,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!(
            "svc 0",
            inlateout("x0") TURN.as_ptr() => result,
            in("x1") operation,
            in("x2") value,
            in("x3") patience,
            in("x8") libc::SYS_futex,
        );
    }
    result
}
