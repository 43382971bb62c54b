//! Approvals: what becomes of a call that an administrator must approve.

use crate::quantity::time;
use crate::quote::quoted;
use crate::{Background, Denial, Grant, Limit, Profile, Secret, Stdin};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// How long a call waits for its approval, unless the policy says otherwise.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// `[approvals]`: who may approve, and how long calls wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approvals {
    /// Whoever is in one of these groups may approve, besides root.
    pub groups: Vec<u32>,
    /// Whether a user may approve his own calls.
    pub self_approval: bool,
    /// How long a call waits, unless its tool says otherwise.
    pub timeout: Duration,
}

impl Default for Approvals {
    fn default() -> Self {
        Self {
            groups: Vec::new(),
            self_approval: false,
            timeout: TIMEOUT,
        }
    }
}

/// A call that could be made, were it approved. It cannot be run: only
/// [`Ask::approved`] makes a [`Grant`] of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    pub(crate) grant: Grant,
    pub(crate) timeout: Duration,
}

/// That somebody who may do so has approved one call. Whoever keeps the approvals
/// makes it, and nobody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    id: String,
}

impl Approval {
    /// The approval that is known as `id`.
    #[must_use]
    pub fn new(id: String) -> Self {
        Self { id }
    }
}

impl Ask {
    /// Leave to run the command, by `approval`.
    #[must_use]
    pub fn approved(self, approval: Approval) -> Grant {
        Grant {
            approval: Some(approval.id),
            ..self.grant
        }
    }

    /// The tool that was called.
    #[must_use]
    pub fn tool(&self) -> &str {
        &self.grant.tool
    }

    /// The principal that the caller was matched as.
    #[must_use]
    pub fn principal(&self) -> &str {
        &self.grant.principal
    }

    /// The rule that asks, such as `tool.restart.ask`.
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.grant.rule
    }

    /// The argument vector that would run.
    #[must_use]
    pub fn argv(&self) -> &[String] {
        &self.grant.argv
    }

    /// What of the argument vector nobody may be shown.
    #[must_use]
    pub fn secrets(&self) -> &[Secret] {
        &self.grant.secrets
    }

    /// What the command would read.
    #[must_use]
    pub fn stdin(&self) -> &Stdin {
        &self.grant.stdin
    }

    /// Whether nobody may be shown what stands in [`Ask::stdin`].
    #[must_use]
    pub fn stdin_is_secret(&self) -> bool {
        self.grant.stdin_is_secret
    }

    /// The directory it would start in, where an argument says so.
    #[must_use]
    pub fn directory(&self) -> Option<String> {
        self.grant.directory()
    }

    /// The limits that must leave room for it.
    #[must_use]
    pub fn limits(&self) -> &[Limit] {
        &self.grant.limits
    }

    /// As [`Grant::queue_timeout`].
    #[must_use]
    pub fn queue_timeout(&self) -> Duration {
        self.grant.queue_timeout
    }

    /// The restrictions that it would run under.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.grant.profile
    }

    /// As [`Grant::in_background`].
    ///
    /// # Errors
    /// The denial where its caller has to wait.
    pub fn in_background(&self, connected: bool) -> Result<Background, Denial> {
        self.grant.in_background(connected)
    }

    /// How long it waits for an answer.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// SHA-256 of everything that an approval of exactly this call covers: of two calls
    /// under one policy it is the same only where the same would run as the same user.
    #[must_use]
    pub fn exact(&self) -> [u8; 32] {
        let Grant {
            tool,
            argv,
            paths,
            stdin,
            starts_in,
            identity,
            ..
        } = &self.grant;
        // What is derived names every field, and quotes every text.
        let call = format!("{tool:?} {argv:?} {paths:?} {stdin:?} {starts_in:?} {identity:?}");
        Sha256::digest(call).into()
    }

    /// The denial where nobody can approve.
    #[must_use]
    pub fn denial(&self) -> Denial {
        Denial {
            code: "needs_approval",
            rule: self.grant.rule.clone(),
            reason: self.reason(),
        }
    }

    /// That it needs an approval, in words.
    pub(crate) fn reason(&self) -> String {
        format!(
            "tool {} needs an administrator's approval, for which a call waits {}",
            quoted(&self.grant.tool),
            time(self.timeout)
        )
    }
}
