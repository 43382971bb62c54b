//! A call that waits for an administrator. He answers the first process, which tells
//! the lane; nothing that the supervisor says can do so.

use super::attest::attest;
use super::bounds::bounds;
use super::call::{failure, read, stale, words};
use super::{HangUp, Lane};
use crate::audit::{Call, Left, Note, Waiting};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use policy::{Approval, Ask, Caller, Grant, Proof, Stdin};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};
use wire::{Denial, Failure, Presented, Reply, Shown};

/// What came of the waiting.
enum Answer {
    Approved(String),
    Denied(Denial),
    /// It cannot be recorded.
    Failed(String),
    Left(Left),
}

/// What happened first.
enum Event {
    Timeout,
    Message,
    Note,
    CallerGone,
}

/// Where a caller shows who he is.
#[derive(Clone, Copy)]
pub(super) struct Proofs<'a> {
    pub(super) client: Option<&'a OwnedFd>,
    pub(super) key: Option<&'a Presented>,
}

impl Lane {
    /// Leave to run what `ask` tells, once it is approved; `None` when it is not, which
    /// has been answered.
    pub(super) fn approval(
        &mut self,
        call: &mut Call,
        caller: &Caller,
        ask: Ask,
        proofs: Proofs<'_>,
    ) -> Result<Option<Grant>, HangUp> {
        let waiting = waiting(call, caller, &ask);
        let answer = match self.records.approval(waiting)? {
            Note::Waiting(id) => self.await_answer(id, ask.timeout(), proofs.client),
            Note::Approved(id) => Answer::Approved(id),
            Note::Denied(denial) => Answer::Denied(denial),
            Note::Failed(reason) => Answer::Failed(reason),
            Note::Stale => return self.turn_away(&Reply::Failed(stale())),
            Note::Recorded(_) | Note::Left | Note::Retire | Note::Stop => {
                return Err(HangUp::Records);
            }
        };
        let left = match answer {
            // The key may have been revoked meanwhile.
            Answer::Approved(id) if self.is_still(caller, proofs) => {
                call.approval = Some(id.clone());
                return Ok(Some(ask.approved(Approval::new(id))));
            }
            Answer::Approved(_) => Left::CallerGone,
            Answer::Denied(denial) => return self.turn_away(&Reply::Denied(denial)),
            Answer::Failed(reason) => {
                let code = "audit".to_owned();
                return self.turn_away(&Reply::Failed(Failure { code, reason }));
            }
            Answer::Left(left) => left,
        };
        let reply = match self.records.leave(left)? {
            Some(answer) => answer,
            None => reply(left),
        };
        self.turn_away(&reply)
    }

    fn turn_away(&self, reply: &Reply) -> Result<Option<Grant>, HangUp> {
        self.reply(reply).map(|()| None)
    }

    /// Tells the supervisor that the call waits, and waits.
    fn await_answer(&mut self, id: String, time: Duration, client: Option<&OwnedFd>) -> Answer {
        let at_most_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        if self.reply(&Reply::Waiting { id, at_most_ms }).is_err() {
            return Answer::Left(Left::Cancelled);
        }
        // Whoever unmounts something must not find it held by a lane that waits.
        self.launcher.forget_views();
        let deadline = Instant::now() + time;
        loop {
            if self.records.stopping() {
                return Answer::Left(Left::Stopped);
            }
            if self.records.retiring() {
                return Answer::Left(Left::Reloaded);
            }
            match self.first_while_waiting(client, deadline) {
                Event::Timeout => return Answer::Left(Left::Expired),
                Event::CallerGone => return Answer::Left(Left::CallerGone),
                Event::Message => return self.taken_back(),
                Event::Note => {
                    if let Some(answer) = self.records.answer_to_waiting().and_then(answer) {
                        return answer;
                    }
                }
            }
        }
    }

    /// The supervisor takes the call back, or goes away.
    fn taken_back(&mut self) -> Answer {
        let _or_hung_up = self.heard_meanwhile();
        Answer::Left(Left::Cancelled)
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
            // Whoever has gone gets nothing, even if it has been approved.
            return match (ready(2), ready(1)) {
                (true, _) => Event::CallerGone,
                (false, true) => Event::Message,
                (false, false) => Event::Note,
            };
        }
    }

    /// Whether `caller` can still prove who he is.
    fn is_still(&mut self, caller: &Caller, proofs: Proofs<'_>) -> bool {
        let trust = &self.launcher.context.trust;
        match attest(trust, &mut self.keyring, proofs.client, proofs.key) {
            Ok(Proof::Key(key)) => caller.proof == Proof::Key(key),
            Ok(Proof::Peer(peer)) => caller.peer().is_some_and(|former| former.uid == peer.uid),
            Err(_) => false,
        }
    }
}

/// An administrator's answer, if `note` is one.
fn answer(note: Note) -> Option<Answer> {
    match note {
        Note::Approved(id) => Some(Answer::Approved(id)),
        Note::Denied(denial) => Some(Answer::Denied(denial)),
        Note::Failed(reason) => Some(Answer::Failed(reason)),
        Note::Recorded(_)
        | Note::Waiting(_)
        | Note::Stale
        | Note::Left
        | Note::Retire
        | Note::Stop => None,
    }
}

/// Rounded up, so that the deadline has passed when poll(2) returns.
fn until(deadline: Instant) -> PollTimeout {
    let left = deadline.saturating_duration_since(Instant::now()) + Duration::from_micros(999);
    PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
}

/// What the first process, and the administrator, are told of the call.
fn waiting(call: &Call, caller: &Caller, ask: &Ask) -> Waiting {
    Waiting {
        call: call.clone(),
        principal: ask.principal().to_owned(),
        rule: ask.rule().to_owned(),
        argv: words(ask.argv(), ask.secrets()),
        stdin: read(ask.stdin(), ask.stdin_is_secret()),
        reads: shown(ask),
        directory: ask.directory(),
        exact: ask.exact(),
        timeout: ask.timeout(),
        bounds: bounds(ask.limits(), caller),
    }
}

/// What the command would read, as an administrator may see it.
fn shown(ask: &Ask) -> Option<Shown> {
    match ask.stdin() {
        Stdin::Null => None,
        Stdin::Text(_) if ask.stdin_is_secret() => Some(Shown::Secret(String::new())),
        Stdin::Text(text) => Some(Shown::Text(text.clone())),
        Stdin::File(path) => Some(Shown::File(path.path().display().to_string())),
    }
}

/// What the supervisor is told of a call that waits no longer.
fn reply(left: Left) -> Reply {
    let (code, reason) = match left {
        Left::Reloaded => return Reply::Failed(stale()),
        Left::CallerGone => return Reply::Failed(failure("attestation", &CallerGone)),
        Left::Stopped => ("worker", "the worker ends, and with it the waiting"),
        Left::Expired | Left::Cancelled | Left::Lost => {
            ("cancelled", "the call was cancelled before it was approved")
        }
    };
    Reply::Failed(Failure {
        code: code.to_owned(),
        reason: reason.to_owned(),
    })
}

/// Whoever asked cannot be identified any more.
#[derive(Debug, thiserror::Error)]
#[error("cannot identify the caller: he has gone while his call waited for approval")]
struct CallerGone;
