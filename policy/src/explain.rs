//! Why a call is decided as it is, for administrators: it tells also what a
//! denial hides from the caller.

use crate::decide::decide;
use crate::principal::Principal;
use crate::rule::Rule;
use crate::sandbox::sandbox;
use crate::source::{At, Location};
use crate::{
    Arguments, Caller, Decision, Effect, Grant, Identity, Limit, PathGrant, Policy, Stdin, Tool,
};
use std::path::PathBuf;
use std::time::Duration;

/// Why a call is decided as it is. `Display` tells it in lines of text without
/// control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The decision: that of [`Policy::decide`].
    pub decision: Decision,
    /// Where the part of the policy stands that decides; `None` when there is
    /// no such tool, or no rule of it matches.
    pub place: Option<Location>,
    /// Every rule of the tool, in the order in which they count.
    pub rules: Vec<Considered>,
    /// What would run: when the call is allowed or could be approved.
    pub run: Option<Run>,
}

/// One rule of a tool, and what it means for the call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Considered {
    /// What the rule does.
    pub effect: Effect,
    /// Name of its principal.
    pub principal: String,
    /// Where it stands.
    pub place: Location,
    /// Whether it counts.
    pub outcome: Outcome,
}

/// Whether a rule counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is the one that decides.
    Decides,
    /// It matches the caller, but this principal's rule counts before it.
    Loses(String),
    /// The caller is not its principal, for this reason.
    NotMatched(String),
}

/// A command, and the terms it would run under.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Run {
    /// The argument vector, program included.
    pub argv: Vec<String>,
    /// Whom it runs as; `None` for a user of its own.
    pub identity: Option<Identity>,
    /// Its whole environment, sorted by name.
    pub environment: Vec<(String, String)>,
    /// Directory it starts in.
    pub working_directory: PathBuf,
    /// What it reads as its standard input.
    pub stdin: Stdin,
    /// What it may use, in words.
    pub sandbox: String,
    /// How often and how many at once.
    pub limits: Vec<Limit>,
    /// How long it may wait for a place; `None` when there is nothing to wait for.
    pub queue_timeout: Option<Duration>,
}

impl Run {
    fn new(grant: &Grant) -> Self {
        let directory = grant.starts_in.and_then(|index| grant.paths.get(index));
        let mut limits = grant.limits.iter();
        let at_once = limits.any(|limit| limit.limits.concurrency.is_some());
        let of_profile = || grant.profile.working_directory.clone();
        Self {
            argv: grant.argv.clone(),
            identity: grant.identity.clone(),
            environment: grant.profile.environment.clone(),
            working_directory: directory.map_or_else(of_profile, PathGrant::path),
            stdin: grant.stdin.clone(),
            sandbox: sandbox(&grant.profile, &grant.paths),
            limits: grant.limits.clone(),
            queue_timeout: (at_once && !grant.queue_timeout.is_zero())
                .then_some(grant.queue_timeout),
        }
    }
}

/// The explanation of one call.
pub(crate) fn explain(
    policy: &Policy,
    caller: &Caller,
    name: &str,
    arguments: &Arguments,
) -> Explanation {
    let decision = decide(policy, caller, name, arguments);
    let tool = policy.command(name);
    Explanation {
        place: tool
            .and_then(|tool| deciding(tool, caller, &decision))
            .map(|at| policy.files().place(at)),
        rules: tool.map_or_else(Vec::new, |tool| considered(policy, tool, caller)),
        run: match &decision {
            Decision::Allow(grant) => Some(Run::new(grant)),
            Decision::Ask(ask) => Some(Run::new(&ask.grant)),
            Decision::Deny(_) => None,
        },
        decision,
    }
}

/// What in `tool` decides: a rule, an argument, or all of it.
fn deciding<'a>(tool: &'a Tool, caller: &Caller, decision: &Decision) -> Option<&'a At> {
    let rule = tool.rules.of(caller)?;
    let (code, denied_by) = match decision {
        Decision::Allow(_) | Decision::Ask(_) => return Some(&rule.at),
        Decision::Deny(denial) => (denial.code, denial.rule.as_str()),
    };
    if code == "not_allowed" {
        return Some(&rule.at);
    }
    let argument = denied_by.strip_prefix(&format!("{}.args.", tool.place()));
    let mut parameters = tool.parameters.iter();
    let parameter = parameters.find(|one| Some(one.name.as_str()) == argument);
    Some(parameter.map_or(&tool.at, |one| &one.at))
}

fn considered(policy: &Policy, tool: &Tool, caller: &Caller) -> Vec<Considered> {
    let winner = tool.rules.of(caller);
    let rule = |rule: &Rule| Considered {
        effect: rule.effect,
        principal: rule.principal.name.clone(),
        place: policy.files().place(&rule.at),
        outcome: outcome(rule, winner, caller),
    };
    tool.rules.iter().map(rule).collect()
}

fn outcome(rule: &Rule, winner: Option<&Rule>, caller: &Caller) -> Outcome {
    match winner {
        Some(winner) if std::ptr::eq(winner, rule) => Outcome::Decides,
        Some(winner) if rule.principal.matches(caller) => {
            Outcome::Loses(winner.principal.name.clone())
        }
        _ => Outcome::NotMatched(misses(&rule.principal, caller)),
    }
}

/// Most alternatives of a principal that a sentence tells of.
const ALTERNATIVES_MAX: usize = 4;

/// Why `caller` is not `principal`.
fn misses(principal: &Principal, caller: &Caller) -> String {
    let all = principal.alternatives.iter();
    let mut told: Vec<String> = all
        .take(ALTERNATIVES_MAX)
        .map(|conditions| conditions.misses(caller).join(" and "))
        .collect();
    if principal.alternatives.len() > ALTERNATIVES_MAX {
        told.push("…".to_owned());
    }
    told.join("; ")
}
