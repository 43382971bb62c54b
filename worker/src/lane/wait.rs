//! A call waits: for an administrator's answer, or for a place. Only the first process can
//! end that well; the supervisor may take the call back, and nothing more.

use super::call::{failure, stale};
use super::{HangUp, Lane};
use crate::audit::{Left, Note};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};
use wire::Failure;

/// What happened first.
enum Event {
    Timeout,
    Message,
    Note,
    CallerGone,
}

impl Lane {
    /// Waits until `answer` finds one in what the first process says, but for at most
    /// `time`; or why the call waits no longer.
    pub(super) fn wait<T>(
        &mut self,
        client: Option<&OwnedFd>,
        time: Duration,
        mut answer: impl FnMut(&mut Self, Note) -> Result<Option<T>, HangUp>,
    ) -> Result<Result<T, Left>, HangUp> {
        // Whoever unmounts something must not find it held by a lane that waits.
        self.launcher.forget_views();
        let deadline = Instant::now() + time;
        loop {
            if self.records.stopping() {
                return Ok(Err(Left::Stopped));
            }
            if self.records.retiring() {
                return Ok(Err(Left::Reloaded));
            }
            match self.first_while_waiting(client, deadline) {
                Event::Timeout => return Ok(Err(Left::Expired)),
                Event::CallerGone => return Ok(Err(Left::CallerGone)),
                Event::Message => return Ok(Err(self.taken_back())),
                Event::Note => {
                    let note = self.records.news();
                    let answered = note.map(|note| answer(self, note)).transpose()?;
                    if let Some(answer) = answered.flatten() {
                        return Ok(Ok(answer));
                    }
                }
            }
        }
    }

    /// The supervisor takes the call back, or goes away.
    fn taken_back(&mut self) -> Left {
        let _or_hung_up = self.heard_meanwhile();
        Left::Cancelled
    }

    fn first_while_waiting(&self, client: Option<&OwnedFd>, deadline: Instant) -> Event {
        loop {
            let mut descriptors = vec![
                PollFd::new(self.records.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.connection.as_fd(), PollFlags::POLLIN),
            ];
            // No event but the peer's complete hang-up, which is always reported.
            descriptors
                .extend(client.map(|client| PollFd::new(client.as_fd(), PollFlags::empty())));
            match poll(&mut descriptors, until(deadline)) {
                Ok(0) if Instant::now() >= deadline => return Event::Timeout,
                Ok(0) | Err(Errno::EINTR) => continue,
                // As if nobody were there.
                Err(_) => return Event::CallerGone,
                Ok(_) => {}
            }
            let ready = |index: usize| {
                let descriptor = descriptors.get(index);
                descriptor.is_some_and(|one| one.any().unwrap_or(true))
            };
            // Whoever has gone gets nothing, even if it is his turn.
            return match (ready(2), ready(1)) {
                (true, _) => Event::CallerGone,
                (false, true) => Event::Message,
                (false, false) => Event::Note,
            };
        }
    }
}

/// Rounded up, so that the deadline has passed when poll(2) returns.
fn until(deadline: Instant) -> PollTimeout {
    let left = deadline.saturating_duration_since(Instant::now()) + Duration::from_micros(999);
    PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
}

/// What the supervisor is told of a call that waits no longer for `what`.
pub(super) fn given_up(left: Left, what: &str) -> Failure {
    let (code, reason) = match left {
        Left::Reloaded => return stale(),
        Left::CallerGone => return failure("attestation", &CallerGone),
        Left::Stopped => (
            "worker",
            "the worker ends, and with it the waiting".to_owned(),
        ),
        Left::Expired | Left::Cancelled | Left::Lost => (
            "cancelled",
            format!("the call was cancelled before it {what}"),
        ),
    };
    Failure {
        code: code.to_owned(),
        reason,
    }
}

/// Whoever asked cannot be identified any more.
#[derive(Debug, thiserror::Error)]
#[error("cannot identify the caller: he has gone while his call waited")]
pub(super) struct CallerGone;
