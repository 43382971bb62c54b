//! `mini-mcp explain`: how one call would be decided, and why.

use super::call::arguments;
use super::options::Explain;
use super::{print, print_json, reading};
use crate::error::Error;
use policy::{Caller, Considered, Decision, Explanation, Location, Outcome, Policy, Run};
use serde_json::{Map, Value as Json, json};
use std::process::ExitCode;

/// Explains the call: success when it is allowed, 1 when it is not, and 2 when
/// that cannot be told.
pub(crate) fn explain(options: &Explain) -> ExitCode {
    match allowed(options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            error.report();
            ExitCode::from(2)
        }
    }
}

fn allowed(options: &Explain) -> Result<bool, Error> {
    let (policy, caller) = (reading::policy(&options.view)?, options.view.caller()?);
    let tool = policy.tools().find(|tool| tool.name() == options.tool);
    let arguments = arguments(tool, &options.arguments)?;
    let explanation = policy.explain(&caller, &options.tool, &arguments);
    if options.view.json {
        print_json(&document(&policy, &caller, &explanation))?;
    } else {
        let caller = described(&policy, &caller);
        let missing = match tool {
            Some(_) => "",
            None => "the policy has no tool of that name\n",
        };
        print(&format!("{caller}{explanation}{missing}"))?;
    }
    Ok(matches!(explanation.decision, Decision::Allow(_)))
}

/// Who calls, in a line.
fn described(policy: &Policy, caller: &Caller) -> String {
    let Caller { uid, gid, groups } = caller;
    let principals = match policy.principals_of(caller).as_slice() {
        [] => "no principal: he may not attach".to_owned(),
        some => format!("principals {}", some.join(", ")),
    };
    format!("caller: uid {uid}, gid {gid}, groups {groups:?}; {principals}\n")
}

fn document(policy: &Policy, caller: &Caller, explanation: &Explanation) -> Json {
    let (rule, code, reason) = match &explanation.decision {
        Decision::Allow(grant) => (grant.rule(), None, None),
        Decision::Deny(denial) => (
            denial.rule.as_str(),
            Some(denial.code),
            Some(denial.reason.as_str()),
        ),
    };
    let rules = explanation.rules.iter().map(considered);
    json!({
        "decision": word(&explanation.decision),
        "rule": rule,
        "code": code,
        "reason": reason,
        "place": explanation.place.as_ref().map(place),
        "caller": {
            "uid": caller.uid,
            "gid": caller.gid,
            "groups": caller.groups,
            "principals": policy.principals_of(caller),
        },
        "rules": rules.collect::<Vec<_>>(),
        "run": explanation.run.as_ref().map(run),
    })
}

fn word(decision: &Decision) -> &'static str {
    match decision {
        Decision::Allow(_) => "allow",
        Decision::Deny(denial) if denial.code == "needs_approval" => "ask",
        Decision::Deny(_) => "deny",
    }
}

fn place(location: &Location) -> Json {
    let Location { file, line, column } = location;
    json!({"file": file, "line": line, "column": column})
}

fn considered(rule: &Considered) -> Json {
    let (outcome, detail) = match &rule.outcome {
        Outcome::Decides => ("decides", None),
        Outcome::Loses(winner) => ("loses", Some(winner)),
        Outcome::NotMatched(reason) => ("not_matched", Some(reason)),
    };
    json!({
        "effect": rule.effect.key(),
        "principal": rule.principal,
        "place": place(&rule.place),
        "outcome": outcome,
        "detail": detail,
    })
}

fn run(run: &Run) -> Json {
    let variables = run.environment.iter();
    let environment: Map<String, Json> = variables
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    json!({
        "argv": run.argv,
        "uid": run.identity.uid,
        "gid": run.identity.gid,
        "groups": run.identity.groups,
        "working_directory": run.working_directory,
        "environment": environment,
        "sandbox": run.sandbox,
    })
}
