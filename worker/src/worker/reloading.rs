//! Another policy takes the place of the former one, or does not.

use super::Worker;
use super::left_out::Spared;
use super::sparing::Sparing;
use crate::audit::Note;
use crate::bounds;
use crate::explain::explain;
use crate::log::tell;
use crate::sandbox::seccomp::Filters;
use crate::sys;
use caps::CapSet;
use policy::Policy;
use std::time::Instant;
use wire::PolicyDigest;
use wire::systemd::Severity;

/// Room for lines about what changes nothing: of what the supervisor asks for, who may be
/// taken over, and of signals, so that it does not take that of an administrator.
#[derive(Debug, Default)]
pub(super) struct Reloads {
    asked: Sparing,
    signalled: Sparing,
}

impl Reloads {
    fn of(&mut self, what: Spared) -> &mut Sparing {
        if what == Spared::Reload {
            &mut self.asked
        } else {
            &mut self.signalled
        }
    }

    /// Both of them.
    pub(super) fn spared(&mut self) -> impl Iterator<Item = (Spared, &mut Sparing)> {
        let Self { asked, signalled } = self;
        [(Spared::Reload, asked), (Spared::Signal, signalled)].into_iter()
    }
}

impl Worker {
    /// Loads the policy again and lets it take the place of the former one, or
    /// keeps that and tells why. Lanes finish their command under the policy they
    /// were born with; new ones are born with the new one.
    pub(super) fn reload(&mut self, wanted: Option<PolicyDigest>) -> Result<(), String> {
        let by = wanted.map_or(Spared::Signal, |_| Spared::Reload);
        let replacement = self.replacement(wanted);
        let room = self.room_for(by, replacement.as_ref().ok());
        let result = replacement.and_then(|policy| {
            if let Some(left_out) = room {
                self.log
                    .reloaded(&policy.digest(), left_out)
                    .map_err(|error| explain(&error))?;
            }
            if policy.digest() != self.context.policy.digest() {
                self.revoke_all();
            }
            self.send_all_away();
            self.context.filters = Filters::of(&policy);
            self.context.policy = policy;
            self.let_approvers_in();
            Ok(())
        });
        match &result {
            Ok(()) => {
                (self.since.policy, self.since.kept) = (Instant::now(), None);
                self.metrics.policy_loads += 1;
                if room.is_some() {
                    tell(Severity::Info, "the policy was loaded again", &[]);
                }
                self.manager.status(&self.state());
                self.tell_lanes(&Note::Retire);
                sys::forget_code();
            }
            Err(reason) => {
                self.metrics.policy_failures += 1;
                if let Some(left_out) = room {
                    let text = format!("the former policy stays in force: {reason}");
                    tell(Severity::Error, &text, &[("code", "policy_kept")]);
                    let now = self.context.policy.digest();
                    let _said = self.log.kept(&now, reason, left_out);
                }
                self.since.kept = Some(reason.clone());
                self.manager
                    .status(&format!("former policy in force: {reason}"));
            }
        }
        result
    }

    /// Whether there is a line in trail and log for a reload that leads to `policy`, or to
    /// none; how many it stands for beside itself. What comes into force is always told.
    fn room_for(&mut self, by: Spared, policy: Option<&Policy>) -> Option<u64> {
        let now = self.context.policy.digest();
        if policy.is_some_and(|policy| policy.digest() != now) {
            return Some(self.reloads.of(by).always());
        }
        let room = self.reloads.of(by).room(Instant::now());
        if room.is_none() {
            self.leave_out(by);
        }
        room
    }

    fn replacement(&self, wanted: Option<PolicyDigest>) -> Result<Policy, String> {
        let policy = self.source.load().map_err(|error| explain(&error))?;
        match wanted {
            Some(wanted) if wanted != policy.digest() => Err(
                "cannot use the policy: it is not the one that the supervisor has read".to_owned(),
            ),
            _ => self.can_grant(&policy).map(|()| policy),
        }
    }

    /// Capabilities that were given up when the worker started do not come back.
    fn can_grant(&self, policy: &Policy) -> Result<(), String> {
        let grants = bounds::granted(policy).map_err(|errno| explain(&errno))?;
        let needed = bounds::needed(policy);
        // A single user's worker has none; his commands get them in a user namespace.
        let system = self.context.trust.single_user().is_none();
        let held = caps::read(None, CapSet::Effective).map_err(|error| error.to_string())?;
        let had = &self.context.needed | &held;
        let missing = needed.difference(&had).next();
        if let (true, Some(given_up)) = (system, missing) {
            return Err(format!(
                "cannot set commands apart in namespaces: the worker has given {given_up} up\nhint: restart the worker"
            ));
        }
        match grants.difference(&self.context.grants).next() {
            None => Ok(()),
            Some(given_up) => Err(format!(
                "cannot grant {given_up} to commands: the worker has given it up\nhint: restart the worker"
            )),
        }
    }
}
