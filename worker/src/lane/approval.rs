//! A call that waits for an administrator. He answers the first process, which tells
//! the lane; nothing that the supervisor says can do so.

use super::attest::attest;
use super::bounds::bounds;
use super::call::stale;
use super::entry::{read, words};
use super::wait::given_up;
use super::{HangUp, Lane};
use crate::audit::{Call, Left, Note, Waiting};
use policy::{Approval, Ask, Caller, Grant, Proof, Stdin};
use std::os::fd::OwnedFd;
use std::time::Duration;
use wire::{Denial, Failure, Presented, Reply, Shown};

/// What came of the waiting.
enum Answer {
    Approved(String),
    Denied(Denial),
    /// It cannot be recorded.
    Failed(String),
    Left(Left),
}

/// Where a caller shows who he is.
#[derive(Clone, Copy)]
pub(super) struct Proofs<'a> {
    pub(super) client: Option<&'a OwnedFd>,
    pub(super) key: Option<&'a Presented>,
}

impl<'a> Proofs<'a> {
    /// The same, but for the client's socket where he need not stay.
    pub(super) fn watched(self, stays: bool) -> Proofs<'a> {
        Proofs {
            client: self.client.filter(|_| stays),
            ..self
        }
    }
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
            Note::Waiting(id) => self.await_answer(id, ask.timeout(), proofs.client)?,
            Note::Approved(id) => Answer::Approved(id),
            Note::Denied(denial) => Answer::Denied(denial),
            Note::Failed(reason) => Answer::Failed(reason),
            Note::Stale => return self.turn_away(&Reply::Failed(stale())),
            Note::Recorded(_)
            | Note::Left
            | Note::Queued(_)
            | Note::Retire
            | Note::Stop
            | Note::Attached(_) => {
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
            None => Reply::Failed(given_up(left, "was approved")),
        };
        self.turn_away(&reply)
    }

    fn turn_away(&self, reply: &Reply) -> Result<Option<Grant>, HangUp> {
        self.reply(reply).map(|()| None)
    }

    /// Tells the supervisor that the call waits, and waits.
    fn await_answer(
        &mut self,
        id: String,
        time: Duration,
        client: Option<&OwnedFd>,
    ) -> Result<Answer, HangUp> {
        let at_most_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        if self.reply(&Reply::Waiting { id, at_most_ms }).is_err() {
            return Ok(Answer::Left(Left::Cancelled));
        }
        match self.wait(client, time, |_, note| Ok(answer(note)))? {
            Ok(answer) => Ok(answer),
            Err(left) => Ok(Answer::Left(left)),
        }
    }

    /// Whether `caller` can still prove who he is.
    pub(super) fn is_still(&mut self, caller: &Caller, proofs: Proofs<'_>) -> bool {
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
        | Note::Queued(_)
        | Note::Retire
        | Note::Stop
        | Note::Attached(_) => None,
    }
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
        patience: ask.queue_timeout(),
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
