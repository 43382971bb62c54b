//! The decision on one call: default deny, then one named step after another.

use crate::fill::fill;
use crate::quote::{listed, quoted};
use crate::relation::together;
use crate::resource;
use crate::rule::Rule;
use crate::tool::Origin;
use crate::{Arguments, Ask, Caller, Decision, Denial, Effect, Grant, Identity, Policy};
use crate::{RunAs, Setting, Tool};
use std::sync::Arc;

/// Whether `caller` may call the tool `name` with `arguments`, or why not.
pub(crate) fn decide(
    policy: &Policy,
    caller: &Caller,
    name: &str,
    arguments: &Arguments,
) -> Decision {
    // Last: nobody is asked to approve a call that could not be made.
    match terms(policy, caller, name, arguments) {
        Ok((Effect::Allow, Ask { grant, .. })) => Decision::Allow(grant),
        Ok((Effect::Ask | Effect::Deny, ask)) => Decision::Ask(ask),
        Err(denial) => Decision::Deny(denial),
    }
}

/// Everything but the approval: a call that could be made, were it approved, and what
/// the rule that decides does with it.
fn terms(
    policy: &Policy,
    caller: &Caller,
    name: &str,
    arguments: &Arguments,
) -> Result<(Effect, Ask), Denial> {
    let (tool, rule) = shown(policy, caller, name)?;
    let identity = identity(tool, caller, &policy.setting)?;
    all_known(tool, arguments)?;
    together(tool, arguments)?;
    let own = tool.for_caller(caller)?;
    let filled = fill(&own, arguments)?;
    let grant = Grant {
        tool: tool.name.clone(),
        principal: rule.principal.name.clone(),
        rule: place(tool, rule),
        argv: filled.argv,
        secrets: filled.secrets,
        paths: filled.paths,
        stdin: filled.stdin,
        stdin_is_secret: tool.has_secret_stdin(),
        starts_in: filled.starts_in,
        sha256: tool.sha256,
        background: tool.background,
        identity,
        profile: Arc::clone(&own.profile),
        only_for: tool
            .names_caller
            .then_some(caller)
            .and_then(Caller::peer)
            .map(|peer| peer.uid),
        limits: policy.limits_of(caller, tool),
        queue_timeout: policy.queue_timeout(tool),
        approval: None,
    };
    let timeout = tool.approval_timeout.unwrap_or(policy.approvals.timeout);
    Ok((rule.effect, Ask { grant, timeout }))
}

/// The tool and the rule that decides on `caller`. A tool that is denied, one of
/// others and one that does not exist are refused alike: nobody learns which exist.
fn shown<'a>(
    policy: &'a Policy,
    caller: &Caller,
    name: &str,
) -> Result<(&'a Tool, &'a Rule), Denial> {
    let tool = policy.command(name);
    let matched = tool.and_then(|tool| Some((tool, tool.rules.of(caller)?)));
    let shown = matched.filter(|(_, rule)| rule.effect != Effect::Deny);
    shown.ok_or_else(|| Denial {
        code: "not_allowed",
        rule: "default".to_owned(),
        reason: format!("no {} is allowed to you", named(name)),
    })
}

/// What a denial calls the command `name`, which may be none.
fn named(name: &str) -> String {
    match name.strip_prefix(resource::PREFIX) {
        Some(name) => format!("resource {}", quoted(name.trim_end_matches('/'))),
        None => format!("tool {}", quoted(name)),
    }
}

/// The name of `rule`, such as `tool.tail_log.allow`.
fn place(tool: &Tool, rule: &Rule) -> String {
    format!("{}.{}", tool.place(), rule.effect)
}

/// Whom the command runs as; nobody yet where it gets a user of its own. Root needs `run_as = "root"`, except for a single
/// user who is root anyway.
fn identity(tool: &Tool, caller: &Caller, setting: &Setting) -> Result<Option<Identity>, Denial> {
    let denied = |code, reason: String| Denial {
        code,
        rule: match &tool.origin {
            Origin::Tool => format!("profile.{}.run_as", tool.profile.name),
            Origin::Resource(_) | Origin::Prompt(_) => format!("{}.profile", tool.place()),
        },
        reason,
    };
    let named = tool.profile.supplementary_groups.as_ref();
    let named: Option<Vec<u32>> = named.map(|groups| groups.iter().map(|one| one.gid).collect());
    match (&tool.profile.run_as, caller.peer()) {
        (RunAs::Dynamic, _) => Ok(None),
        (RunAs::User { uid, gid, .. }, _) => Ok(Some(Identity {
            uid: *uid,
            gid: *gid,
            groups: named.unwrap_or_default(),
        })),
        // Such a policy is refused; this only makes sure.
        (RunAs::Caller, None) => Err(denied(
            "no_unix_user",
            format!("{} runs as its caller, and a key is no user", tool.called()),
        )),
        (RunAs::Caller, Some(peer)) if peer.uid == 0 && *setting == Setting::System => Err(denied(
            "root_not_granted",
            match &tool.origin {
                Origin::Tool => format!("{} does not run as root", tool.called()),
                Origin::Resource(_) | Origin::Prompt(_) => {
                    format!("{} is not read as root", tool.called())
                }
            },
        )),
        (RunAs::Caller, Some(peer)) => Ok(Some(Identity {
            uid: peer.uid,
            gid: peer.gid,
            groups: named.unwrap_or_else(|| peer.groups.clone()),
        })),
    }
}

pub(crate) fn all_known(tool: &Tool, arguments: &Arguments) -> Result<(), Denial> {
    let is_known = |name: &str| tool.parameters.iter().any(|known| known.name == name);
    match arguments.keys().find(|name| !is_known(name)) {
        None => Ok(()),
        Some(unknown) => Err(Denial {
            code: "unknown_argument",
            rule: format!("{}.args", tool.place()),
            reason: unknown_argument(tool, unknown),
        }),
    }
}

fn unknown_argument(tool: &Tool, unknown: &str) -> String {
    let takes = match tool.parameters.as_slice() {
        [] => "no arguments".to_owned(),
        known => listed(known.iter().map(|known| known.name.as_str())),
    };
    let (tool, unknown) = (tool.called(), quoted(unknown));
    format!("{tool} has no argument {unknown}; it takes {takes}")
}
