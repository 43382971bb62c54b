//! The way of an allowed call to its start: at once, or after it has waited for a place.

use super::approval::Proofs;
use super::call::{failure, stale};
use super::records::Admitted;
use super::wait::{CallerGone, given_up};
use super::{HangUp, Lane};
use crate::audit::{Began, Ending, Left, Note};
use crate::sandbox::launch::Remains;
use policy::Caller;
use std::time::Duration;
use wire::{Failure, Reply};

/// A call whose start is recorded.
pub(super) struct Place {
    /// The run.
    pub(super) began: Began,
    /// Whether it has waited.
    pub(super) waited: bool,
}

impl Lane {
    /// The place of a call for which that was `admitted`, once there is one; `None` when
    /// the call is not to run, which has been answered. `before_waiting` is done where it
    /// must wait.
    pub(super) fn place(
        &mut self,
        admitted: Admitted,
        patience: Duration,
        (caller, proofs): (&Caller, Proofs<'_>),
        before_waiting: impl FnOnce(),
    ) -> Result<Option<Place>, HangUp> {
        let mut admitted = Some(admitted);
        let mut waited = false;
        if let Some(Admitted::Queued(ahead)) = admitted {
            before_waiting();
            waited = true;
            admitted = self.wait_for_place(ahead, patience, proofs)?;
        }
        let reply = match admitted {
            None => return Ok(None),
            Some(Admitted::Began(began)) => {
                return self.identified(Place { began, waited }, caller, proofs);
            }
            Some(Admitted::Refused(refusal)) => refusal.into(),
            Some(Admitted::Stale | Admitted::Queued(_)) => Reply::Failed(stale()),
        };
        self.reply(&reply)?;
        Ok(None)
    }

    /// What becomes of a call that waits; `None` when it has been answered.
    fn wait_for_place(
        &mut self,
        ahead: u32,
        patience: Duration,
        proofs: Proofs<'_>,
    ) -> Result<Option<Admitted>, HangUp> {
        let at_most_ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        let queued = move |ahead| Reply::Queued { ahead, at_most_ms };
        let waited = match self.reply(&queued(ahead)) {
            Err(_) => Err(Left::Cancelled),
            Ok(()) => self.wait(proofs.client, patience, |lane, note| {
                if let Note::Queued(ahead) = note {
                    // A supervisor that has gone is noticed by the waiting itself.
                    let _said = lane.reply(&queued(ahead));
                    return Ok(None);
                }
                Ok(Some(Admitted::of(note).ok_or(HangUp::Records)?))
            })?,
        };
        match waited {
            Ok(admitted) => Ok(Some(admitted)),
            Err(left) => self.give_place_up(left),
        }
    }

    /// The place may have been given meanwhile: then a start is recorded, and whoever
    /// does not want it any more must have its end recorded.
    fn give_place_up(&mut self, left: Left) -> Result<Option<Admitted>, HangUp> {
        let unwanted = matches!(left, Left::Cancelled | Left::CallerGone | Left::Stopped);
        let failure = given_up(left, "got a place");
        match self.records.give_place_up(left)? {
            Some(Admitted::Began(_)) if unwanted => self.nothing_ran(failure).map(|()| None),
            Some(admitted) => Ok(Some(admitted)),
            None => self.reply(&Reply::Failed(failure)).map(|()| None),
        }
    }

    /// Makes sure that who has waited can still prove who he is: his key may have been
    /// revoked. Whose command outlives his connection need not be there.
    fn identified(
        &mut self,
        place: Place,
        caller: &Caller,
        proofs: Proofs<'_>,
    ) -> Result<Option<Place>, HangUp> {
        let may_be_gone = proofs.client.is_none() && proofs.key.is_none();
        if !place.waited || may_be_gone || self.is_still(caller, proofs) {
            return Ok(Some(place));
        }
        self.nothing_ran(failure("attestation", &CallerGone))?;
        Ok(None)
    }

    /// Ends a run whose command was not executed.
    pub(super) fn nothing_ran(&mut self, failure: Failure) -> Result<(), HangUp> {
        // Files for what it would have printed, where that is recorded.
        drop(self.records.handed());
        self.end(Ending::Failed(failure), Remains::default())
    }
}
