//! The process that launches the command of a single run and waits for its end, or
//! for a reason to end it.

use super::error::{OnceError, Status};
use super::guard::Signals;
use super::tell;
use crate::launcher::{Launcher, Refused, Streams};
use crate::sandbox::blocked::blocked;
use crate::sandbox::launch::Running;
use crate::sandbox::tree;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;
use policy::{Grant, Profile};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// Why the command ends.
enum Reason {
    /// By itself.
    Exit,
    /// Its time is up.
    Deadline,
    /// Somebody asked for it.
    Signal(Signal),
    /// The first process is gone.
    Abandoned,
}

/// Launches the command of `grant`. `alive` hangs up when the first process ends.
pub(super) fn command(
    mut launcher: Launcher,
    grant: &Grant,
    streams: Streams,
    signals: &Signals,
    alive: &OwnedFd,
) -> Result<Status, OnceError> {
    prctl::set_child_subreaper(true)?;
    // As a lane does: what commands have in common is installed once, here.
    launcher.confine()?;
    let (mut files, domain) = launcher.open(grant)?;
    let running = launcher.start((grant, None), (&mut files, domain), &streams, &mut || true)?;
    drop((streams, files));
    let reason = watch(&running, signals, alive, grant.profile());
    let first = running.first();
    let (end, _remains) = running.end().map_err(Refused::from)?;
    for blocked in blocked(&end) {
        tell(&format!("blocked by the sandbox: {}", blocked.sentence()));
    }
    for denied in launcher.explain(first, &end) {
        tell(&format!("blocked by the sandbox: {denied}"));
    }
    match reason {
        Reason::Exit => status(end.status),
        Reason::Deadline => {
            let timeout = humantime::format_duration(grant.profile().timeout);
            tell(&format!(
                "the command was killed: its time is up after {timeout}\nhint: `--timeout` gives it more"
            ));
            Ok(Status::TIMED_OUT)
        }
        Reason::Signal(signal) => Ok(Status::signaled(signal as i32)),
        Reason::Abandoned => {
            // The last process of this run tidies up.
            launcher.context.containment.remove();
            Ok(Status::REFUSED)
        }
    }
}

fn status(status: i32) -> Result<Status, OnceError> {
    match WaitStatus::from_raw(Pid::from_raw(0), status) {
        Ok(WaitStatus::Exited(_, code)) => Ok(Status(u8::try_from(code).unwrap_or(u8::MAX))),
        Ok(WaitStatus::Signaled(_, signal, _)) => Ok(Status::signaled(signal as i32)),
        Ok(_) | Err(_) => Err(OnceError::Lost),
    }
}

/// Waits for the end, or for a reason to end it. When its time is up the command is asked
/// to end, as one that is called, and has `timeout_stop` for that.
fn watch(running: &Running, signals: &Signals, alive: &OwnedFd, profile: &Profile) -> Reason {
    let reason = wait(running, signals, alive, Instant::now() + profile.timeout);
    if matches!(reason, Reason::Deadline) && !profile.timeout_stop.is_zero() {
        tree::terminate_descendants();
        // Whatever ends it now, its time was up.
        wait(
            running,
            signals,
            alive,
            Instant::now() + profile.timeout_stop,
        );
    }
    reason
}

fn wait(running: &Running, signals: &Signals, alive: &OwnedFd, deadline: Instant) -> Reason {
    loop {
        let mut ready = [
            PollFd::new(running.pidfd(), PollFlags::POLLIN),
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(alive.as_fd(), PollFlags::empty()),
        ];
        match poll(&mut ready, until(deadline)) {
            Ok(0) if Instant::now() >= deadline => return Reason::Deadline,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return Reason::Abandoned,
        }
        let [ended, signaled, gone] = ready.map(|descriptor| descriptor.any().unwrap_or(true));
        if ended {
            return Reason::Exit;
        }
        if gone {
            return Reason::Abandoned;
        }
        if signaled && let Some(signal) = signals.ending() {
            return Reason::Signal(signal);
        }
    }
}

/// Rounded up, so that the deadline has passed when poll(2) returns.
fn until(deadline: Instant) -> PollTimeout {
    let left = deadline.saturating_duration_since(Instant::now()) + Duration::from_micros(999);
    PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
}
