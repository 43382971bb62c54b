//! The report, for people and for programs. docs/commands.md documents both.

use super::feature::{Feature, State};
use super::host::Host;
use super::verdict::{Standing, Verdict, strength};
use crate::audit::json::Object;
use crate::sandbox::containment::Containment;
use crate::sandbox::seccomp;
use std::fmt::Write;

/// Everything that is known.
pub(super) struct Report<'a> {
    pub host: &'a Host,
    /// What the policy is called, if there is one.
    pub policy: Option<String>,
    pub features: Vec<Feature>,
    pub verdicts: Vec<Verdict<'a>>,
}

impl Report<'_> {
    /// Whether all that the policy asks is held.
    pub(super) fn fine(&self) -> bool {
        let enforced = |one: &Verdict<'_>| one.standing() == Standing::Enforced;
        let starts = |one: &Feature| one.name != "capabilities" || one.state == State::Works;
        self.features.iter().all(starts) && self.verdicts.iter().all(enforced)
    }

    pub(super) fn json(&self) -> String {
        let host = self.host;
        let each = |feature: &Feature| {
            let object = Object::new()
                .text("name", &feature.name)
                .text("state", feature.state.word())
                .text("mechanism", &feature.mechanism)
                .text("since", feature.since);
            optional(object, "remedy", feature.remedy.as_deref()).finish()
        };
        let features: Vec<String> = self.features.iter().map(each).collect();
        let profiles: Vec<String> = self.verdicts.iter().map(verdict).collect();
        let calls: Vec<String> = seccomp::default_calls()
            .into_iter()
            .map(str::to_owned)
            .collect();
        let object = Object::new()
            .literal("ok", self.fine())
            .text("linux", &host.release)
            .literal("uid", host.uid)
            .literal("single_user", host.single.is_some())
            .literal("landlock_abi", host.abi)
            .text(
                "containment",
                host.containment.as_ref().map_or("none", Containment::name),
            );
        let object = optional(object, "policy", self.policy.as_deref())
            .literals("features", &features)
            .literals("profiles", &profiles)
            .texts("default_system_calls", &calls);
        object.finish() + "\n"
    }

    pub(super) fn text(&self) -> String {
        let mut text = self.heading();
        text.push_str(&table(&self.features));
        match &self.policy {
            Some(policy) => {
                let _infallible = write!(text, "\nPolicy: {policy}\n");
            }
            None => text.push_str("\nNo policy is installed; --policy FILE names one.\n"),
        }
        for verdict in &self.verdicts {
            tell(&mut text, verdict);
        }
        let _infallible = writeln!(text, "\n{}", self.summary());
        text
    }

    fn heading(&self) -> String {
        let Host { release, abi, .. } = self.host;
        let who = match self.host.single {
            Some(uid) => format!("a single user (uid {uid}, as with `mini-mcp stdio`)"),
            None => "the service (as root)".to_owned(),
        };
        format!("Linux {release}, Landlock ABI {abi}, for {who}\n\n")
    }

    fn summary(&self) -> String {
        let count = |standing| {
            let verdicts = self.verdicts.iter();
            verdicts.filter(|one| one.standing() == standing).count()
        };
        let missing = self
            .features
            .iter()
            .filter(|one| one.state == State::Missing);
        format!(
            "{} features missing; profiles: {} enforced, {} weaker than they ask, {} refused",
            missing.count(),
            count(Standing::Enforced),
            count(Standing::Weaker),
            count(Standing::Refused)
        )
    }
}

/// Columns as wide as they must be; what follows from an absence on a line of its own.
fn table(features: &[Feature]) -> String {
    let width = |of: fn(&Feature) -> usize| features.iter().map(of).max().unwrap_or_default();
    let name = width(|one| one.name.chars().count());
    let mut text = format!("{:name$}  {:7}  {:5}  for\n", "feature", "state", "Linux");
    for one in features {
        let _infallible = writeln!(
            text,
            "{:name$}  {:7}  {:5}  {}",
            one.name,
            one.state.word(),
            one.since,
            one.mechanism
        );
        if let Some(remedy) = &one.remedy {
            indented(&mut text, "    ", remedy);
        }
    }
    text
}

fn tell(text: &mut String, verdict: &Verdict<'_>) {
    let (name, strength) = (&verdict.profile.name, strength(verdict.profile));
    let standing = match verdict.standing() {
        Standing::Enforced => "enforced",
        Standing::Weaker => "runs, weaker than it asks",
        Standing::Refused => "every call is refused",
    };
    // What refuses one of its tools leaves the others.
    let some = verdict.refusals.iter().all(|one| one.starts_with("tool `"));
    let standing = match (verdict.standing(), some) {
        (Standing::Refused, true) => "calls of some tools are refused",
        _ => standing,
    };
    let _infallible = writeln!(text, "\nprofile `{name}`, {strength} strength: {standing}");
    for refusal in &verdict.refusals {
        indented(text, "  refused: ", refusal);
    }
    for hold in &verdict.holds {
        let _infallible = writeln!(text, "  {:12}  {}", hold.what, hold.by);
        if let Some(weaker) = &hold.weaker {
            indented(text, "    weaker: ", weaker);
        }
    }
}

/// `words` after `lead`, further lines below its end.
fn indented(text: &mut String, lead: &str, words: &str) {
    let margin = " ".repeat(lead.len());
    for (index, line) in words.lines().enumerate() {
        let lead = if index == 0 { lead } else { &margin };
        let _infallible = writeln!(text, "{lead}{line}");
    }
}

fn verdict(verdict: &Verdict<'_>) -> String {
    let hold = |hold: &super::verdict::Hold| {
        let object = Object::new().text("what", hold.what).text("by", &hold.by);
        optional(object, "weaker", hold.weaker.as_deref()).finish()
    };
    let holds: Vec<String> = verdict.holds.iter().map(hold).collect();
    Object::new()
        .text("name", &verdict.profile.name)
        .text("strength", strength(verdict.profile))
        .text("state", verdict.standing().word())
        .literals("holds", &holds)
        .texts("refusals", &verdict.refusals)
        .finish()
}

fn optional(object: Object, name: &str, value: Option<&str>) -> Object {
    match value {
        Some(value) => object.text(name, value),
        None => object.literal(name, "null"),
    }
}
