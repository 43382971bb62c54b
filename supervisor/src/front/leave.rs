//! What the supervisor lets pass to the worker, who decides again, and has it approved
//! where that is needed.

use policy::{Ask, Background, Denial, Grant, Profile};
use std::time::Duration;

/// Leave to ask the worker for one run; it runs nothing by itself.
#[derive(Debug)]
pub(super) enum Leave {
    /// By the policy alone.
    Allowed(Box<Grant>),
    /// If an administrator approves.
    Asked(Box<Ask>),
}

impl Leave {
    /// The tool that was called.
    pub(super) fn tool(&self) -> &str {
        match self {
            Self::Allowed(grant) => grant.tool(),
            Self::Asked(ask) => ask.tool(),
        }
    }

    /// The principal that the caller was matched as.
    pub(super) fn principal(&self) -> &str {
        match self {
            Self::Allowed(grant) => grant.principal(),
            Self::Asked(ask) => ask.principal(),
        }
    }

    /// What the policy says of the call, in one word.
    pub(super) fn decision(&self) -> &'static str {
        match self {
            Self::Allowed(_) => "allow",
            Self::Asked(_) => "ask",
        }
    }

    /// The longest that the command can take.
    pub(super) fn ends_within(&self) -> Duration {
        let profile = self.profile();
        profile.timeout + profile.timeout_stop
    }

    /// Most bytes of each output stream that go into a result.
    pub(super) fn output_max(&self) -> u64 {
        self.profile().output_max
    }

    /// As [`Grant::in_background`].
    pub(super) fn in_background(&self, connected: bool) -> Result<Background, Denial> {
        match self {
            Self::Allowed(grant) => grant.in_background(connected),
            Self::Asked(ask) => ask.in_background(connected),
        }
    }

    fn profile(&self) -> &Profile {
        match self {
            Self::Allowed(grant) => grant.profile(),
            Self::Asked(ask) => ask.profile(),
        }
    }
}
