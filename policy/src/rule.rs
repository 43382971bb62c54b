//! Rules: what a tool does with which principal. The strictest that matches wins.

use crate::Caller;
use crate::principal::Principal;
use crate::source::At;
use std::fmt;
use std::sync::Arc;

/// What a rule does with a call, from the mildest to the strictest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// The call may be made.
    Allow,
    /// An administrator must approve the call.
    Ask,
    /// The call may not be made, whatever else is written.
    Deny,
}

impl Effect {
    /// The key of a tool that lists the principals, such as `allow`.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Ask => "ask",
            Self::Deny => "deny",
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// One principal in one list of a tool.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) effect: Effect,
    pub(crate) principal: Arc<Principal>,
    /// Where the name of the principal stands.
    pub(crate) at: At,
}

/// The rules of one tool, the strictest first, else in the order of the policy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules(Vec<Rule>);

impl Rules {
    /// Sorts `rules`; those of equal strictness stay in their order.
    pub(crate) fn new(mut rules: Vec<Rule>) -> Self {
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.effect));
        Self(rules)
    }

    /// All of them, the strictest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter()
    }

    /// The rule that decides on `caller`: since the strictest stand first, the
    /// first that matches.
    pub(crate) fn of(&self, caller: &Caller) -> Option<&Rule> {
        self.0.iter().find(|rule| rule.principal.matches(caller))
    }
}
