//! The first process of a single run: it passes signals on, tells the end, and
//! ends whatever is left when the process that holds the command is lost.

use super::error::{OnceError, Status};
use crate::sandbox::containment::Containment;
use crate::sys::{self, Process};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::WaitStatus;
use std::collections::BTreeSet;
use std::os::fd::{AsFd, BorrowedFd};

/// Signals that end the command in order. One that would stop this process waits
/// for ever: a command whose deadline nobody watches must not run on.
const BLOCKED: [Signal; 6] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGTSTP,
    Signal::SIGCHLD,
];

/// Signals that are read instead of taking effect.
#[derive(Debug)]
pub(super) struct Signals(SignalFd);

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Signals {
    /// From now on, also in processes forked from here.
    pub(super) fn block() -> Result<Self, Errno> {
        let mask: SigSet = BLOCKED.into_iter().collect();
        mask.thread_block()?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        SignalFd::with_flags(&mask, flags).map(Self)
    }

    /// The next one that means to end.
    pub(super) fn ending(&self) -> Option<Signal> {
        while let Ok(Some(info)) = self.0.read_signal() {
            let signal = i32::try_from(info.ssi_signo).map(Signal::try_from);
            if let Ok(Ok(signal)) = signal
                && !matches!(signal, Signal::SIGCHLD | Signal::SIGTSTP)
            {
                return Some(signal);
            }
        }
        None
    }
}

/// Waits for the end of `launcher`, which tells the status of the command.
pub(super) fn stay(
    launcher: &Process,
    containment: &Containment,
    signals: &Signals,
) -> Result<Status, OnceError> {
    loop {
        let mut ready = [
            PollFd::new(launcher.pidfd.as_fd(), PollFlags::POLLIN),
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut ready, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let [ended, _] = ready.map(|descriptor| descriptor.any().unwrap_or(true));
        if let Some(signal) = signals.ending() {
            let _ended_already = kill(launcher.pid, signal);
        }
        if ended {
            return tell_end(launcher, containment);
        }
    }
}

fn tell_end(launcher: &Process, containment: &Containment) -> Result<Status, OnceError> {
    let (pid, ended) = sys::wait(Some(launcher.pid))?.ok_or(OnceError::Lost)?;
    if let WaitStatus::Exited(_, code) = WaitStatus::from_raw(pid, ended.status)? {
        return Ok(Status(u8::try_from(code).unwrap_or(u8::MAX)));
    }
    containment.sweep(launcher.pid, &BTreeSet::new());
    Err(OnceError::Lost)
}
