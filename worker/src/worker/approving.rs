//! Approvals in the first process: what lanes ask for, and what administrators answer.

use super::recording::lost_line;
use super::{Worker, say};
use crate::admin::Asker;
use crate::approvals::caller_uid;
use crate::audit::{Approving, Entry, Left, Note, Offender, Waiting, since_boot};
use crate::explain::explain;
use std::time::Duration;
use wire::{Answer, Approve, Denial, Failure};

/// Most bytes of an administrator's reason.
const REASON_MAX: usize = 1024;

impl Worker {
    /// A lane asks for an approval: one that stands covers the call, or it waits.
    pub(super) fn approval(&mut self, number: u64, mut waiting: Waiting) -> Note {
        if waiting.call.policy != self.context.policy.digest() {
            return Note::Stale;
        }
        let now = since_boot();
        if let Some(id) = self.approvals.covering(&waiting, now) {
            waiting.call.approval = Some(id.clone());
            self.approved(number, waiting);
            return Note::Approved(id);
        }
        // Nobody is asked to approve a call that could not run now, or that nobody can see.
        let refusal = self
            .turns_away(&waiting)
            .or_else(|| self.approvals.refusal(&waiting, now))
            .or_else(|| self.nobody_approves(&waiting));
        if let Some(denial) = refusal {
            return self.turned_down(&waiting, None, denial);
        }
        let (request, id) = self.approvals.name();
        waiting.call.approval = Some(id.clone());
        if let Err(error) = self.log.approving(&Approving::Waiting(&waiting)) {
            return lost_line(&error);
        }
        self.hook.tell(&id, &waiting);
        self.approvals.wait(request, number, waiting, now);
        Note::Waiting(id)
    }

    /// The denial where there is no socket over which somebody could answer.
    fn nobody_approves(&self, waiting: &Waiting) -> Option<Denial> {
        self.admin.is_none().then(|| Denial {
            code: "needs_approval".to_owned(),
            rule: waiting.rule.clone(),
            reason: "it needs an administrator's approval, and nobody can give it here".to_owned(),
        })
    }

    /// A lane no longer waits.
    pub(super) fn leave(&mut self, number: u64, left: Left) -> Note {
        let unused = self
            .lanes
            .get_mut(&number)
            .and_then(|lane| lane.approved.take());
        if let Some(waiting) = unused {
            return self.withdrawn(&waiting, &too_late(left));
        }
        let waiting = match self.approvals.left(number) {
            Some((id, pending)) => {
                self.hook.forget(&id);
                pending.waiting
            }
            None => return self.gives_place_up(number, left),
        };
        if left == Left::Expired {
            let denial = expired(&waiting);
            return self.turned_down(&waiting, None, denial);
        }
        self.withdrawn(&waiting, &why(left))
    }

    /// Records that a call does not run, whether or not it was approved.
    fn withdrawn(&mut self, waiting: &Waiting, why: &Failure) -> Note {
        let what = Approving::Withdrawn { waiting, why };
        match self.log.approving(&what) {
            Ok(()) => Note::Left,
            Err(error) => lost_line(&error),
        }
    }

    /// Whether what `entry` starts by an approval has one: the lane's word is not enough.
    /// Whatever else it does with its call, it has used it up.
    pub(super) fn is_approved(&mut self, number: u64, entry: &Entry) -> bool {
        let lane = self.lanes.get_mut(&number);
        let given = lane.and_then(|lane| lane.approved.take());
        match entry {
            Entry::Start { call, .. } => {
                call.approval == given.and_then(|waiting| waiting.call.approval)
            }
            Entry::End(_)
            | Entry::Output(_)
            | Entry::Deny { .. }
            | Entry::Refuse { .. }
            | Entry::WrongKey { .. }
            | Entry::Violation { .. } => true,
        }
    }

    /// The lane `number` was lost, and nobody waits there.
    pub(super) fn forsaken(&mut self, number: u64) {
        let _said_already = self.leave(number, Left::Lost);
    }

    fn turned_down(&mut self, waiting: &Waiting, by: Option<u32>, denial: Denial) -> Note {
        let what = Approving::Denied {
            waiting,
            by,
            denial: &denial,
        };
        match self.log.approving(&what) {
            Ok(()) => {
                self.seen_denied(waiting, &denial);
                Note::Denied(denial)
            }
            Err(error) => lost_line(&error),
        }
    }

    /// Remembers that the lane may start `waiting`, once, by the approval that is named there.
    fn approved(&mut self, number: u64, waiting: Waiting) {
        if let Some(lane) = self.lanes.get_mut(&number) {
            lane.approved = Some(Box::new(waiting));
        }
    }

    /// An administrator approves.
    pub(super) fn approve(&mut self, asker: &Asker, approve: &Approve) -> Answer {
        let now = since_boot();
        let Approve { id, further } = approve;
        let further = further.map(|(covers, seconds)| (covers, Duration::from_secs(seconds)));
        if let Err(refused) = self.answerable(asker, id, now) {
            return refused;
        }
        let unable = further.and_then(|(_, time)| self.approvals.unable(time, now));
        if let Some(why) = unable {
            return Answer::Refused(format!("cannot approve `{id}` for longer: {why}"));
        }
        let Some(pending) = self.approvals.pending(id, now) else {
            return unknown(id);
        };
        let (lane, waiting) = (pending.lane, pending.waiting.clone());
        let what = Approving::Approved {
            waiting: &waiting,
            by: asker.uid,
            further,
        };
        if let Err(error) = self.log.approving(&what) {
            return Answer::Refused(explain(&error));
        }
        self.approvals.answered(id);
        self.hook.forget(id);
        if let Some(further) = further {
            let stands = (id.as_str(), waiting.clone());
            self.approvals.stand(stands, further, asker.uid, now);
        }
        self.approved(lane, waiting);
        self.tell(lane, &Note::Approved(id.clone()));
        Answer::Done
    }

    /// An administrator denies.
    pub(super) fn deny_request(&mut self, asker: &Asker, id: &str, reason: Option<&str>) -> Answer {
        let now = since_boot();
        if let Err(refused) = self.answerable(asker, id, now) {
            return refused;
        }
        let Some(pending) = self.approvals.answered(id) else {
            return unknown(id);
        };
        self.hook.forget(id);
        let reason = reason.map(sentence).filter(|reason| !reason.is_empty());
        let denial = Denial {
            code: "approval_denied".to_owned(),
            rule: pending.waiting.rule.clone(),
            reason: match reason {
                Some(reason) => format!("an administrator has denied the call: {reason}"),
                None => "an administrator has denied the call".to_owned(),
            },
        };
        let note = self.turned_down(&pending.waiting, Some(asker.uid), denial);
        self.tell(pending.lane, &note);
        if let Note::Failed(reason) = note {
            return Answer::Refused(reason);
        }
        Answer::Done
    }

    /// An administrator takes an approval back.
    pub(super) fn revoke(&mut self, asker: &Asker, id: &str) -> Answer {
        let Some(stands) = self.approvals.standing(id, since_boot()) else {
            return Answer::Refused(format!("cannot revoke `{id}`: no such approval stands"));
        };
        let what = Approving::Revoked {
            id,
            waiting: &stands.waiting,
            by: Some(asker.uid),
        };
        let written = self.log.approving(&what);
        // Whether or not it can be told: less is allowed than before.
        self.approvals.revoke(id);
        match written {
            Ok(()) => Answer::Done,
            Err(error) => Answer::Refused(explain(&error)),
        }
    }

    /// Another policy is in force: what was approved under the former stands no more.
    pub(super) fn revoke_all(&mut self) {
        for (id, stands) in self.approvals.revoke_all(since_boot()) {
            let what = Approving::Revoked {
                id: &id,
                waiting: &stands.waiting,
                by: None,
            };
            if let Err(error) = self.log.approving(&what) {
                say(&explain(&error));
            }
        }
    }

    /// Whether `asker` may answer request `id`, which must wait.
    fn answerable(&mut self, asker: &Asker, id: &str, now: Duration) -> Result<(), Answer> {
        let Some(pending) = self.approvals.pending(id, now) else {
            return Err(unknown(id));
        };
        let own = caller_uid(&pending.waiting) == Some(asker.uid);
        if own && !self.context.policy.approvals().self_approval {
            let why = "it is a call of your own, and the policy does not say `self_approval`";
            let why = format!("cannot answer `{id}`: {why}");
            self.violated(Offender::Administrator(asker.uid), &why);
            return Err(Answer::Refused(why));
        }
        Ok(())
    }

    pub(super) fn tell(&self, lane: u64, note: &Note) {
        if let Some(lane) = self.lanes.get(&lane) {
            lane.tell(note);
        }
    }
}

fn unknown(id: &str) -> Answer {
    Answer::Refused(format!("cannot answer `{id}`: no such request waits"))
}

fn expired(waiting: &Waiting) -> Denial {
    let minutes = humantime::format_duration(waiting.timeout);
    Denial {
        code: "approval_expired".to_owned(),
        rule: waiting.rule.clone(),
        reason: format!(
            "no administrator has answered within {minutes}; have one ready, who sees what waits \
             with `mini-mcp pending`, and call again"
        ),
    }
}

/// Why a call waits no longer, for the trail.
pub(super) fn why(left: Left) -> Failure {
    let reason = match left {
        Left::Expired => "nobody has answered in time",
        Left::Cancelled => "its caller has given it up",
        Left::CallerGone => "its caller has gone",
        Left::Reloaded => "the policy has changed, and the call is decided anew",
        Left::Stopped => "the worker ends",
        Left::Lost => "its lane was lost",
    };
    Failure {
        code: "withdrawn".to_owned(),
        reason: reason.to_owned(),
    }
}

/// The same, of an approval that was given meanwhile.
fn too_late(left: Left) -> Failure {
    let Failure { code, reason } = why(left);
    let reason = format!("it was approved too late: {reason}");
    Failure { code, reason }
}

/// `text` in one line that is not too long.
fn sentence(text: &str) -> String {
    let mut line: String = text
        .chars()
        .map(|one| if one.is_control() { ' ' } else { one })
        .collect();
    let mut ends = (0..=line.len().min(REASON_MAX)).rev();
    let end = ends.find(|end| line.is_char_boundary(*end));
    line.truncate(end.unwrap_or_default());
    line.trim().to_owned()
}
