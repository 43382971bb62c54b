//! What the supervisor lets pass to the worker, who decides again, and has it approved
//! where that is needed.

use policy::{
    Ask, Background, Confirmation, Confirmed, Decision, Denial, Grant, Profile, Unconfirmed,
};
use std::time::Duration;

/// Leave to ask the worker for one run; it runs nothing by itself.
#[derive(Debug)]
pub(super) struct Leave {
    by: By,
    /// The user at the client has confirmed it, because the policy wants that.
    confirmed: Option<Confirmation>,
}

/// By whom.
#[derive(Debug)]
enum By {
    /// The policy alone.
    Policy(Box<Grant>),
    /// An administrator, if he approves.
    Administrator(Box<Ask>),
}

/// What comes of a call here that is not denied.
#[derive(Debug)]
pub(super) enum Passed {
    /// It may go on.
    On(Leave),
    /// The user at the client must confirm it first.
    Held(Box<Unconfirmed>),
}

impl Passed {
    /// What comes of a call that is decided so.
    pub(super) fn by(decision: Decision) -> Result<Self, Denial> {
        let by = match decision {
            Decision::Allow(grant) => By::Policy(Box::new(grant)),
            Decision::Ask(ask) => By::Administrator(Box::new(ask)),
            Decision::Confirm(held) => return Ok(Self::Held(Box::new(held))),
            Decision::Deny(denial) => return Err(denial),
        };
        let confirmed = None;
        Ok(Self::On(Leave { by, confirmed }))
    }

    /// The principal that the caller was matched as.
    pub(super) fn principal(&self) -> &str {
        match self {
            Self::On(leave) => match &leave.by {
                By::Policy(grant) => grant.principal(),
                By::Administrator(ask) => ask.principal(),
            },
            Self::Held(held) => held.principal(),
        }
    }

    /// What the policy says of the call, in one word.
    pub(super) fn decision(&self) -> &'static str {
        match self {
            Self::On(leave) => match &leave.by {
                By::Policy(_) => "allow",
                By::Administrator(_) => "ask",
            },
            Self::Held(_) => "confirm",
        }
    }
}

impl Leave {
    /// Leave for `held`, which the user at the client has confirmed.
    pub(super) fn confirmed(held: Unconfirmed, given: Confirmation) -> Self {
        let by = match held.confirmed(given) {
            Confirmed::Allow(grant) => By::Policy(Box::new(grant)),
            Confirmed::Ask(ask) => By::Administrator(Box::new(ask)),
        };
        let confirmed = Some(given);
        Self { by, confirmed }
    }

    /// The tool that was called.
    pub(super) fn tool(&self) -> &str {
        match &self.by {
            By::Policy(grant) => grant.tool(),
            By::Administrator(ask) => ask.tool(),
        }
    }

    /// Whether the user at the client has confirmed it.
    pub(super) fn is_confirmed(&self) -> bool {
        self.confirmed.is_some()
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
        match &self.by {
            By::Policy(grant) => grant.in_background(connected),
            By::Administrator(ask) => ask.in_background(connected),
        }
    }

    /// The restrictions it runs under.
    pub(super) fn profile(&self) -> &Profile {
        match &self.by {
            By::Policy(grant) => grant.profile(),
            By::Administrator(ask) => ask.profile(),
        }
    }
}
