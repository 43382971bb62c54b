//! The decision on one call: default deny, then one named step after another.

use crate::argument::{Accepted, Fault, Place, accept};
use crate::quote::{listed, quoted};
use crate::rule::Rule;
use crate::template::Element;
use crate::{Arguments, Caller, Denial, Effect, Grant, Identity, PathGrant, Policy, RunAs};
use crate::{Setting, Tool};
use std::sync::Arc;

/// Leave for `caller` to call the tool `name` with `arguments`, or the reason why not.
pub(crate) fn decide(
    policy: &Policy,
    caller: &Caller,
    name: &str,
    arguments: &Arguments,
) -> Result<Grant, Denial> {
    let (tool, rule) = shown(policy, caller, name)?;
    let identity = identity(tool, caller, &policy.setting)?;
    all_known(tool, arguments)?;
    let (argv, paths) = fill(tool, arguments)?;
    // Last: nobody is asked to approve a call that could not be made.
    approved(tool, rule)?;
    Ok(Grant {
        tool: tool.name.clone(),
        principal: rule.principal.name.clone(),
        rule: place(tool, rule),
        argv,
        paths,
        identity,
        profile: Arc::clone(&tool.profile),
    })
}

/// The tool and the rule that decides on `caller`. A tool that is denied, one of
/// others and one that does not exist are refused alike: nobody learns which exist.
fn shown<'a>(
    policy: &'a Policy,
    caller: &Caller,
    name: &str,
) -> Result<(&'a Tool, &'a Rule), Denial> {
    let tool = policy.tool(name);
    let matched = tool.and_then(|tool| Some((tool, tool.rules.of(caller)?)));
    let shown = matched.filter(|(_, rule)| rule.effect != Effect::Deny);
    shown.ok_or_else(|| Denial {
        code: "not_allowed",
        rule: "default".to_owned(),
        reason: format!("no tool {} is allowed to you", quoted(name)),
    })
}

/// Refuses what an administrator must approve: nobody can approve yet.
fn approved(tool: &Tool, rule: &Rule) -> Result<(), Denial> {
    match rule.effect {
        Effect::Allow => Ok(()),
        Effect::Ask | Effect::Deny => Err(Denial {
            code: "needs_approval",
            rule: place(tool, rule),
            reason: format!(
                "tool {} needs an administrator's approval, which cannot be given yet",
                quoted(&tool.name)
            ),
        }),
    }
}

/// The name of `rule`, such as `tool.tail_log.allow`.
fn place(tool: &Tool, rule: &Rule) -> String {
    format!("tool.{}.{}", tool.name, rule.effect)
}

/// Whom the command runs as. Root needs `run_as = "root"`, except for a single
/// user who is root anyway.
fn identity(tool: &Tool, caller: &Caller, setting: &Setting) -> Result<Identity, Denial> {
    match &tool.profile.run_as {
        RunAs::User { uid, gid, .. } => Ok(Identity {
            uid: *uid,
            gid: *gid,
            groups: Vec::new(),
        }),
        RunAs::Caller if caller.uid == 0 && *setting == Setting::System => Err(Denial {
            code: "root_not_granted",
            rule: format!("profile.{}.run_as", tool.profile.name),
            reason: format!("tool {} does not run as root", quoted(&tool.name)),
        }),
        RunAs::Caller => Ok(Identity {
            uid: caller.uid,
            gid: caller.gid,
            groups: caller.groups.clone(),
        }),
    }
}

fn all_known(tool: &Tool, arguments: &Arguments) -> Result<(), Denial> {
    let is_known = |name: &str| tool.parameters.iter().any(|known| known.name == name);
    match arguments.keys().find(|name| !is_known(name)) {
        None => Ok(()),
        Some(unknown) => Err(Denial {
            code: "unknown_argument",
            rule: format!("tool.{}.args", tool.name),
            reason: unknown_argument(tool, unknown),
        }),
    }
}

fn unknown_argument(tool: &Tool, unknown: &str) -> String {
    let takes = match tool.parameters.as_slice() {
        [] => "no arguments".to_owned(),
        known => listed(known.iter().map(|known| known.name.as_str())),
    };
    let (tool, unknown) = (quoted(&tool.name), quoted(unknown));
    format!("tool {tool} has no argument {unknown}; it takes {takes}")
}

/// The argument vector, and the grant of each path in it.
fn fill(tool: &Tool, arguments: &Arguments) -> Result<(Vec<String>, Vec<PathGrant>), Denial> {
    let mut argv = Vec::with_capacity(tool.template.elements.len() + 1);
    let mut paths = Vec::new();
    argv.push(tool.template.program.clone());
    for element in &tool.template.elements {
        match element {
            Element::Literal(text) => argv.push(text.clone()),
            Element::Value { parameter, prefix } => {
                let whole = prefix.is_empty();
                if let Some(Accepted::Text(value, path)) =
                    argument(tool, *parameter, arguments, whole)?
                {
                    argv.push(if whole {
                        value
                    } else {
                        format!("{prefix}{value}")
                    });
                    paths.extend(path);
                }
            }
            Element::Flag { parameter, flag } => {
                if let Some(Accepted::Flag(true)) = argument(tool, *parameter, arguments, true)? {
                    argv.push(flag.clone());
                }
            }
        }
    }
    Ok((argv, paths))
}

/// The value of the parameter at `index`: given, or the default, or absent.
/// `whole` tells whether it stands without a prefix.
fn argument(
    tool: &Tool,
    index: usize,
    arguments: &Arguments,
    whole: bool,
) -> Result<Option<Accepted>, Denial> {
    let Some(parameter) = tool.parameters.get(index) else {
        return Ok(None);
    };
    let place = Place {
        whole,
        base: &tool.profile.working_directory,
    };
    let given = arguments.get(&parameter.name);
    let accepted = match given.or(parameter.default.as_ref()) {
        Some(value) => accept(parameter, value, &place).map(Some),
        None if parameter.optional => Ok(None),
        None => Err(Fault::new("missing_argument", "is missing")),
    };
    accepted.map_err(|fault| Denial {
        code: fault.code,
        rule: format!("tool.{}.args.{}", tool.name, parameter.name),
        reason: format!("argument {} {}", quoted(&parameter.name), fault.reason),
    })
}
