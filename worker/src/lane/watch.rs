//! Waits for the end of a running command, or for a reason to end it.

use super::recording::Recording;
use super::{HangUp, Lane};
use crate::sandbox::blocked::blocked;
use crate::sandbox::launch::{End, Running};
use crate::sandbox::tree;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;
use policy::Profile;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};
use wire::{Floor, Outcome, Reply, Status};

/// Why a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// By itself.
    Exit,
    /// Its time is up.
    Deadline,
    /// The supervisor asked for it.
    Cancelled,
    /// The supervisor, the caller or the first process went away, the supervisor broke
    /// the protocol, or the worker stops and waited long enough.
    Abandoned,
    /// What it prints cannot be recorded.
    Unrecorded,
}

/// How long the supervisor is not told yet that a command has started: most have ended by
/// then, and to wake it twice takes as long as many of them.
const UNTOLD: Duration = Duration::from_millis(2);

/// What happened first.
enum Event {
    Ended,
    Timeout,
    Message,
    Note,
    CallerGone,
    Unrecorded,
    Broken,
}

impl Lane {
    /// Waits until the program of `running` ends, or must be ended. When its time is
    /// up it is asked to end and has `timeout_stop` for that; a caller who gives up, or
    /// goes away, waits for nothing. If it does not end at once, the supervisor is told
    /// meanwhile that the run `name` has started.
    pub(super) fn watch(
        &mut self,
        (running, name): (&Running, &str),
        client: Option<&OwnedFd>,
        profile: &Profile,
        recording: &mut Option<Recording>,
    ) -> Reason {
        let now = Instant::now();
        let deadline = now + profile.timeout;
        let mut reason = self.watch_until(running, client, deadline.min(now + UNTOLD), recording);
        if reason == Reason::Deadline {
            let run = name.to_owned();
            if self.reply(&Reply::Started { run }).is_err() {
                return Reason::Abandoned;
            }
            reason = self.watch_until(running, client, deadline, recording);
        }
        if reason == Reason::Deadline && !profile.timeout_stop.is_zero() {
            tree::terminate_descendants();
            // Whatever ends it now, its time was up.
            let deadline = Instant::now() + profile.timeout_stop;
            self.watch_until(running, client, deadline, recording);
        }
        reason
    }

    fn watch_until(
        &mut self,
        running: &Running,
        client: Option<&OwnedFd>,
        deadline: Instant,
        recording: &mut Option<Recording>,
    ) -> Reason {
        loop {
            let farewell = self.records.farewell().filter(|end| *end < deadline);
            let end = farewell.unwrap_or(deadline);
            match self.first_event(running, client, end, recording) {
                Event::Ended => return Reason::Exit,
                Event::Timeout if farewell.is_some() => return Reason::Abandoned,
                Event::Timeout => return Reason::Deadline,
                Event::CallerGone | Event::Broken => return Reason::Abandoned,
                Event::Unrecorded => return Reason::Unrecorded,
                Event::Message => return self.interrupted(),
                Event::Note => self.records.notice(),
            }
            if self.records.lost() {
                return Reason::Abandoned;
            }
        }
    }

    /// The supervisor said something, or nothing any more.
    fn interrupted(&mut self) -> Reason {
        if self.heard_meanwhile() {
            Reason::Cancelled
        } else {
            Reason::Abandoned
        }
    }

    fn first_event(
        &self,
        running: &Running,
        client: Option<&OwnedFd>,
        deadline: Instant,
        recording: &mut Option<Recording>,
    ) -> Event {
        loop {
            // The end of what a deaf lane hears is no news; a hang-up always is reported.
            let words = if self.deaf {
                PollFlags::empty()
            } else {
                PollFlags::POLLIN
            };
            let mut descriptors = Vec::with_capacity(8);
            descriptors.extend([
                PollFd::new(running.pidfd(), PollFlags::POLLIN),
                PollFd::new(self.connection.as_fd(), words),
                PollFd::new(self.records.as_fd(), PollFlags::POLLIN),
            ]);
            // No event but the peer's complete hang-up, which is always reported.
            descriptors
                .extend(client.map(|client| PollFd::new(client.as_fd(), PollFlags::empty())));
            let own = descriptors.len();
            descriptors.extend(recording.iter().flat_map(Recording::events));
            match poll(&mut descriptors, until(deadline)) {
                Ok(0) if Instant::now() >= deadline => return Event::Timeout,
                Ok(0) | Err(Errno::EINTR) => continue,
                Err(_) => return Event::Broken,
                Ok(_) => {}
            }
            let events = [Event::Ended, Event::Message, Event::Note, Event::CallerGone];
            let ready = |descriptor: &PollFd<'_>| descriptor.any().unwrap_or(true);
            if let Some((_, event)) = descriptors
                .iter()
                .take(own)
                .zip(events)
                .find(|(descriptor, _)| ready(descriptor))
            {
                return event;
            }
            let Some(recording) = recording else { continue };
            if !recording.carry() {
                return Event::Unrecorded;
            }
            // What is printed without a pause must not keep poll(2) from saying so.
            if Instant::now() >= deadline {
                return Event::Timeout;
            }
        }
    }
}

/// Rounded up, so that the deadline has passed when poll(2) returns.
fn until(deadline: Instant) -> PollTimeout {
    let left = deadline.saturating_duration_since(Instant::now()) + Duration::from_micros(999);
    PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
}

/// What the supervisor and the audit trail are told.
pub(super) fn outcome(
    run: String,
    reason: Reason,
    end: &End,
    held_by_rlimits: Vec<Floor>,
) -> Result<Outcome, HangUp> {
    let status = match WaitStatus::from_raw(Pid::from_raw(0), end.status) {
        Ok(WaitStatus::Exited(_, code)) => Status::Exited(code),
        Ok(WaitStatus::Signaled(_, signal, _)) => Status::Signaled(signal as i32),
        other => return Err(HangUp::Broken(format!("a command ended with {other:?}"))),
    };
    Ok(Outcome {
        run,
        status,
        timed_out: reason == Reason::Deadline,
        cancelled: matches!(reason, Reason::Cancelled | Reason::Abandoned),
        cpu_us: end.cpu_us,
        memory_peak: end.memory_peak,
        wall_us: u64::try_from(end.wall.as_micros()).unwrap_or(u64::MAX),
        blocked: blocked(end),
        held_by_rlimits,
        denied: Vec::new(),
    })
}
