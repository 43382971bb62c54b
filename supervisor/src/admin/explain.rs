//! `mini-mcp explain`: how one call would be decided, and why.

use super::call::arguments;
use super::options::Explain;
use super::{print, print_json, reading};
use crate::error::Error;
use crate::sanitize::harmless;
use policy::{
    Caller, Considered, Decision, Explanation, Key, Location, Outcome, Peer, Policy, Proof, Run,
};
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
    let tool = policy.command(&options.tool);
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
    let who = match &caller.proof {
        Proof::Peer(Peer {
            uid, gid, groups, ..
        }) => format!("uid {uid}, gid {gid}, groups {groups:?}"),
        Proof::Key(Key { name, address }) => format!("key {name}, from {address}"),
    };
    let client = caller.claim.as_ref().map_or_else(String::new, |claim| {
        format!(", client {} {}", claim.name, claim.version)
    });
    let principals = match policy.principals_of(caller).as_slice() {
        [] => "no principal: he may not attach".to_owned(),
        some => format!("principals {}", some.join(", ")),
    };
    harmless(format!("caller: {who}{client}; {principals}\n").as_bytes())
}

fn document(policy: &Policy, caller: &Caller, explanation: &Explanation) -> Json {
    let denial = match &explanation.decision {
        Decision::Allow(_) => None,
        Decision::Ask(ask) => Some(ask.denial()),
        Decision::Deny(denial) => Some(denial.clone()),
    };
    let rule = match &explanation.decision {
        Decision::Allow(grant) => grant.rule(),
        Decision::Ask(ask) => ask.rule(),
        Decision::Deny(denial) => &denial.rule,
    };
    let code = denial.as_ref().map(|denial| denial.code);
    let reason = denial.as_ref().map(|denial| &denial.reason);
    let rules = explanation.rules.iter().map(considered);
    json!({
        "decision": word(&explanation.decision),
        "rule": rule,
        "code": code,
        "reason": reason,
        "place": explanation.place.as_ref().map(place),
        "caller": who(policy, caller),
        "rules": rules.collect::<Vec<_>>(),
        "run": explanation.run.as_ref().map(run),
    })
}

/// Who calls; `null` where it does not apply to him.
fn who(policy: &Policy, caller: &Caller) -> Json {
    let (peer, key) = match &caller.proof {
        Proof::Peer(peer) => (Some(peer), None),
        Proof::Key(key) => (None, Some(key)),
    };
    let claim = caller.claim.as_ref();
    json!({
        "uid": peer.map(|peer| peer.uid),
        "gid": peer.map(|peer| peer.gid),
        "groups": peer.map(|peer| &peer.groups),
        "key": key.map(|key| &key.name),
        "from": key.map(|key| key.address),
        "client": claim.map(|claim| json!({"name": claim.name, "version": claim.version})),
        "principals": policy.principals_of(caller),
    })
}

fn word(decision: &Decision) -> &'static str {
    match decision {
        Decision::Allow(_) => "allow",
        Decision::Ask(_) => "ask",
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
        "uid": run.identity.as_ref().map(|one| one.uid),
        "gid": run.identity.as_ref().map(|one| one.gid),
        "groups": run.identity.as_ref().map(|one| &one.groups),
        "working_directory": run.working_directory,
        "environment": environment,
        "sandbox": run.sandbox,
        "limits": run.limits.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "queue_timeout_ms": run.queue_timeout.map(|most| most.as_millis()),
    })
}
