//! Another policy takes the place of the former one, or does not.

use super::{Worker, say};
use crate::audit::Note;
use crate::bounds;
use crate::explain::explain;
use crate::sandbox::seccomp::Filters;
use caps::CapSet;
use policy::Policy;
use std::time::Instant;
use wire::PolicyDigest;

impl Worker {
    /// Loads the policy again and lets it take the place of the former one, or
    /// keeps that and tells why. Lanes finish their command under the policy they
    /// were born with; new ones are born with the new one.
    pub(super) fn reload(&mut self, wanted: Option<PolicyDigest>) -> Result<(), String> {
        let result = self.replacement(wanted).and_then(|policy| {
            self.log
                .reloaded(&policy.digest())
                .map_err(|error| explain(&error))?;
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
                say("the policy was loaded again");
                self.manager.status(&self.state());
                self.tell_lanes(&Note::Retire);
            }
            Err(reason) => {
                say(&format!("the former policy stays in force: {reason}"));
                self.since.kept = Some(reason.clone());
                self.manager
                    .status(&format!("former policy in force: {reason}"));
                let _said = self.log.kept(&self.context.policy.digest(), reason);
            }
        }
        result
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
