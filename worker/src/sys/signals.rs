//! How this process answers to signals.

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::mem::MaybeUninit;
use std::ptr;

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
