//! Explanations as text.

use crate::explain::{Considered, Explanation, Outcome, Run};
use crate::quantity::time;
use crate::quote::{harmless, quoted};
use crate::{Decision, Identity, Stdin};
use std::fmt;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verdict, rule) = match &self.decision {
            Decision::Allow(grant) => ("allowed".to_owned(), &grant.rule),
            Decision::Ask(ask) => (format!("needs approval: {}", ask.reason()), &ask.grant.rule),
            Decision::Deny(denial) => {
                let reason = format!("denied, `{}`: {}", denial.code, denial.reason);
                (reason, &denial.rule)
            }
        };
        writeln!(f, "{}", harmless(&verdict))?;
        write!(f, "rule: {}", quoted(rule))?;
        match &self.place {
            Some(place) => writeln!(f, " at {place}")?,
            None => writeln!(f)?,
        }
        for rule in &self.rules {
            writeln!(f, "{rule}")?;
        }
        self.run.iter().try_for_each(|run| run.fmt(f))
    }
}

impl fmt::Display for Considered {
    /// One line, without its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (effect, place) = (self.effect, &self.place);
        let principal = quoted(&self.principal);
        write!(f, "{effect} {principal} at {place}: ")?;
        match &self.outcome {
            Outcome::Decides => f.write_str("decides"),
            Outcome::Loses(winner) => write!(f, "matches, but {} counts first", quoted(winner)),
            Outcome::NotMatched(reason) => write!(f, "does not match: {}", harmless(reason)),
        }
    }
}

impl fmt::Display for Run {
    /// Lines, each with its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variables = self.environment.iter();
        let variables: Vec<String> = variables
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        writeln!(f, "argv: {:?}", self.argv)?;
        match &self.identity {
            Some(Identity { uid, gid, groups }) => {
                writeln!(f, "identity: uid {uid}, gid {gid}, groups {groups:?}")?;
            }
            None => writeln!(f, "identity: a user and a group that only this run has")?,
        }
        writeln!(f, "directory: {:?}", self.working_directory)?;
        match &self.stdin {
            Stdin::Null => {}
            Stdin::Text(text) => writeln!(f, "standard input: {text:?}")?,
            Stdin::File(file) => writeln!(f, "standard input: the file {:?}", file.path())?,
        }
        writeln!(f, "environment: {variables:?}")?;
        writeln!(f, "sandbox: {}", harmless(&self.sandbox))?;
        let mut limits = self.limits.iter();
        limits.try_for_each(|limit| writeln!(f, "limits: {limit}"))?;
        match self.queue_timeout {
            Some(most) => writeln!(f, "queue: waits up to {} for a place", time(most)),
            None => Ok(()),
        }
    }
}
