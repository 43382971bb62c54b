//! Confirmations: what becomes of a call that the user at the client must confirm.

use crate::principal::Principal;
use crate::quantity::time;
use crate::quote::quoted;
use crate::source::At;
use crate::{Ask, Background, Caller, Decision, Denial, Grant, Identity, Profile, Secret, Stdin};
use std::sync::Arc;
use std::time::Duration;

/// How long a call waits for its confirmation, unless its tool says otherwise.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(2 * 60);

/// Whose calls of a tool must be confirmed, and within which time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Confirming {
    pub(crate) whose: Vec<Whose>,
    pub(crate) timeout: Duration,
}

/// One principal in `confirm` of a tool.
#[derive(Debug, Clone)]
pub(crate) struct Whose {
    pub(crate) principal: Arc<Principal>,
    /// Where its name stands.
    pub(crate) at: At,
}

impl Confirming {
    /// Whether a call of `caller` must be confirmed: if any of its principals is his.
    pub(crate) fn concerns(&self, caller: &Caller) -> bool {
        self.whose.iter().any(|one| one.principal.matches(caller))
    }
}

/// A call that could be made, or that an administrator could approve, once the user at
/// the client has confirmed it. It cannot be run: only [`Unconfirmed::confirmed`] makes
/// more of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unconfirmed {
    pub(crate) then: Confirmed,
    pub(crate) rule: String,
    pub(crate) timeout: Duration,
}

/// What a call is once it is confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmed {
    /// The command may run, on these terms.
    Allow(Grant),
    /// It may run once somebody has approved it besides.
    Ask(Ask),
}

impl From<Confirmed> for Decision {
    fn from(confirmed: Confirmed) -> Self {
        match confirmed {
            Confirmed::Allow(grant) => Self::Allow(grant),
            Confirmed::Ask(ask) => Self::Ask(ask),
        }
    }
}

/// That the user at the client has confirmed one call. Whoever asked him makes it, or
/// was told so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Confirmation {}

impl Confirmation {
    /// It is given.
    #[must_use]
    pub fn given() -> Self {
        Self {}
    }
}

impl Unconfirmed {
    /// What the policy says of the call by this `confirmation`.
    #[must_use]
    pub fn confirmed(self, _confirmation: Confirmation) -> Confirmed {
        self.then
    }

    /// The tool that was called.
    #[must_use]
    pub fn tool(&self) -> &str {
        &self.grant().tool
    }

    /// The rule by which its caller may call, such as `tool.restart.allow`.
    #[must_use]
    pub fn allowed_by(&self) -> &str {
        &self.grant().rule
    }

    /// The principal that the caller was matched as by that rule.
    #[must_use]
    pub fn principal(&self) -> &str {
        &self.grant().principal
    }

    /// The rule that wants the confirmation, such as `tool.restart.confirm`.
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// The argument vector that would run.
    #[must_use]
    pub fn argv(&self) -> &[String] {
        &self.grant().argv
    }

    /// What of the argument vector nobody may be shown.
    #[must_use]
    pub fn secrets(&self) -> &[Secret] {
        &self.grant().secrets
    }

    /// What the command would read.
    #[must_use]
    pub fn stdin(&self) -> &Stdin {
        &self.grant().stdin
    }

    /// Whether nobody may be shown what stands in [`Unconfirmed::stdin`].
    #[must_use]
    pub fn stdin_is_secret(&self) -> bool {
        self.grant().stdin_is_secret
    }

    /// The directory it would start in, where an argument says so.
    #[must_use]
    pub fn directory(&self) -> Option<String> {
        self.grant().directory()
    }

    /// As [`Grant::identity`].
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.grant().identity()
    }

    /// The restrictions that it would run under.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.grant().profile
    }

    /// Whether an administrator must approve it besides.
    #[must_use]
    pub fn needs_approval(&self) -> bool {
        matches!(self.then, Confirmed::Ask(_))
    }

    /// As [`Grant::in_background`].
    ///
    /// # Errors
    /// The denial where its caller has to wait.
    pub fn in_background(&self, connected: bool) -> Result<Background, Denial> {
        self.grant().in_background(connected)
    }

    /// How long it waits for an answer.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The denial where nobody was asked.
    #[must_use]
    pub fn denial(&self) -> Denial {
        Denial {
            code: "not_confirmed",
            rule: self.rule.clone(),
            reason: self.reason(),
        }
    }

    /// That it needs a confirmation, in words.
    pub(crate) fn reason(&self) -> String {
        format!(
            "tool {} needs the confirmation of the user at the client, for which a call waits {}",
            quoted(self.tool()),
            time(self.timeout)
        )
    }

    pub(crate) fn grant(&self) -> &Grant {
        match &self.then {
            Confirmed::Allow(grant) => grant,
            Confirmed::Ask(ask) => &ask.grant,
        }
    }
}
