//! What an administrator is told, and how he is let in.

use super::{Worker, WorkerError, readable, say};
use crate::admin::{Admin, Admitted, Asker, Served};
use crate::audit::{Offender, since_boot};
use crate::discard::discard;
use crate::{bounds, sys};
use std::time::Instant;
use wire::{About, Answer, WorkerStatus};

/// Most profiles that an administrator is told of, so that an answer has room.
const REFUSING_MAX: usize = 64;

/// Times that an administrator asks for.
#[derive(Debug)]
pub(super) struct Since {
    pub(super) begin: Instant,
    pub(super) policy: Instant,
    /// Why the policy that was to be loaded last could not be used.
    pub(super) kept: Option<String>,
}

impl Since {
    pub(super) fn now() -> Self {
        let begin = Instant::now();
        Self {
            begin,
            policy: begin,
            kept: None,
        }
    }
}

impl Worker {
    /// Lets an administrator in.
    pub(super) fn administrator(&mut self) -> Result<(), WorkerError> {
        let number = self.next_lane;
        self.next_lane += 1;
        let Some(admin) = &mut self.admin else {
            return Ok(());
        };
        match admin.admit(number)? {
            Admitted::Visitor(visitor) => self.events.add(visitor, readable(number))?,
            Admitted::Stranger(user) => self.violated(
                Offender::NoAdministrator(user),
                &format!("cannot let user {user} in: he is no administrator"),
            ),
            Admitted::Nobody => {}
        }
        self.let_go();
        Ok(())
    }

    /// Hangs up on administrators who are served, or turned away.
    fn let_go(&mut self) {
        for socket in self.admin.iter_mut().flat_map(Admin::leaving) {
            // Its copy in the process that is to close it would be an event still.
            let _never_was_one = self.events.delete(&socket);
            discard(socket);
        }
    }

    /// Answers an administrator; `false` when `number` is none.
    pub(super) fn answer(&mut self, number: u64) -> bool {
        let Some(mut admin) = self.admin.take() else {
            return false;
        };
        let served = admin.serve(number, |asker, about| self.told(asker, about));
        self.admin = Some(admin);
        self.let_go();
        if let Served::Nonsense(user) = served {
            let what = "cannot understand the question of an administrator";
            self.violated(Offender::Administrator(user), what);
        }
        served != Served::Nobody
    }

    /// What `asker` is answered, who may have been let in under another policy.
    fn told(&mut self, asker: &Asker, about: About) -> Answer {
        if !self.may_approve(asker) {
            let who = Offender::NoAdministrator(asker.uid);
            self.violated(who, &format!("user {} may not answer requests", asker.uid));
            return Answer::Refused("you may not answer requests".to_owned());
        }
        match about {
            About::Status | About::Overview if asker.uid != 0 => {
                Answer::Refused("root alone may ask how the service is".to_owned())
            }
            About::Status => Answer::Status(Box::new(self.status())),
            About::Pending(after) => {
                let (page, more) = self.approvals.page(after.as_deref(), since_boot());
                Answer::Pending(page, more)
            }
            About::Approve(approve) => self.approve(asker, &approve),
            About::Deny { id, reason } => self.deny_request(asker, &id, reason.as_deref()),
            About::Grants(after) => {
                let now = since_boot();
                let (page, more) = self.approvals.standing_page(after.as_deref(), now);
                Answer::Grants(page, more)
            }
            About::Revoke(id) => self.revoke(asker, &id),
            About::Overview => Answer::Overview(Box::new(self.overview())),
        }
    }

    /// Root, and who is in a group that the policy names; never the supervisor.
    fn may_approve(&self, asker: &Asker) -> bool {
        let Some(door) = &self.door else {
            // It ends, and nothing waits any more.
            return asker.uid == 0;
        };
        let system = self.context.trust.single_user().is_none();
        let hijacked = system && door.user() == asker.uid;
        !hijacked && asker.is_of(&self.context.policy.approvals().groups)
    }

    /// Opens the administrators' socket to whom the policy names.
    pub(super) fn let_approvers_in(&mut self) {
        let groups = &self.context.policy.approvals().groups;
        if let Some(admin) = &mut self.admin
            && let Err(errno) = admin.open_to(groups)
        {
            say(&format!(
                "cannot let the groups of `[approvals]` approve calls, root alone may: {errno}"
            ));
        }
    }

    fn status(&self) -> WorkerStatus {
        let mut refusing = bounds::refusing(&self.context.policy, &self.context.containment);
        refusing.truncate(REFUSING_MAX);
        let running = self.lanes.values().filter(|lane| lane.run.is_some());
        let since = |begin: Instant| u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        WorkerStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uptime_ms: since(self.since.begin),
            policy: self.context.policy.digest(),
            policy_age_ms: since(self.since.policy),
            policy_kept: self.since.kept.clone().map(shortened),
            landlock_abi: sys::landlock_abi(),
            containment: self.context.containment.name().to_owned(),
            refusing,
            lanes: u32::try_from(self.lanes.len()).unwrap_or(u32::MAX),
            running: u32::try_from(running.count()).unwrap_or(u32::MAX),
            pending: u32::try_from(self.approvals.waiting()).unwrap_or(u32::MAX),
            audit: self.log.head(),
            queued: u32::try_from(self.queue.len()).unwrap_or(u32::MAX),
        }
    }
}

/// So much of a text that an answer has room for it.
fn shortened(mut text: String) -> String {
    let mut ends = (0..=text.len().min(8192)).rev();
    let end = ends.find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or_default());
    text
}
