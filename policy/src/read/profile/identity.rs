//! Whom a command runs as: `run_as`, `supplementary_groups`, `capabilities`.

use super::super::fields::Fields;
use super::super::nearest::nearest;
use super::super::{Located, lint};
use super::{Written, chain};
use crate::capability::Refused;
use crate::{Capability, Group, Profile, RunAs, Setting, Strength};
use std::collections::BTreeSet;

pub(super) fn run_as(fields: &Fields<'_, '_>) -> Option<RunAs> {
    let name = fields.text("run_as")?;
    let reader = fields.reader;
    if name.value == "caller" {
        return Some(RunAs::Caller);
    }
    if *reader.setting != Setting::System {
        let message = format!("`run_as` cannot be `{}`", name.value);
        let hint = "with `mini-mcp stdio` only `run_as = \"caller\"` exists";
        reader.error_hint(&name.span, message, hint);
        return None;
    }
    let Some(account) = reader.accounts.user(name.value) else {
        let message = format!("user `{}` does not exist on this host", name.value);
        reader.error_hint(&name.span, message, "name a user, or write \"caller\"");
        return None;
    };
    if account.uid == 0 && name.value != "root" {
        let message = format!("user `{}` is root", name.value);
        reader.error_hint(
            &name.span,
            message,
            "write `run_as = \"root\"` if that is meant",
        );
        return None;
    }
    if account.uid == 0 {
        lint::root(fields, &name.span);
    }
    Some(RunAs::User {
        name: name.value.to_owned(),
        uid: account.uid,
        gid: account.gid,
    })
}

pub(super) fn dynamic_user(fields: &Fields<'_, '_>) -> Option<bool> {
    let written = fields.boolean("dynamic_user")?.value;
    if written && !privileged(fields, "dynamic_user") {
        return None;
    }
    Some(written)
}

/// Whom `chain` runs as: the nearest profile that says so counts. `None` when that
/// one says two things.
pub(super) fn resolve(chain: &[&Written<'_, '_>]) -> Option<RunAs> {
    let says = |one: &&Written<'_, '_>| one.run_as.is_some() || one.dynamic_user.is_some();
    let Some(at) = chain.iter().position(says) else {
        return Some(RunAs::Caller);
    };
    let nearest_run_as = || chain::nearest(chain, |one| one.run_as.clone());
    let one = chain.get(at)?;
    match (&one.run_as, one.dynamic_user) {
        (None, Some(true)) => Some(RunAs::Dynamic),
        // Those that extend it need not say so again.
        (Some(_), Some(true)) if at > 0 => None,
        (Some(_), Some(true)) => {
            let message = format!("{} has both `run_as` and `dynamic_user`", one.fields.owner);
            let hint = "with `dynamic_user` it runs as a user that only one run has";
            let at = one.fields.span("dynamic_user")?;
            one.fields.reader.error_hint(&at, message, hint);
            None
        }
        (_, Some(false) | None) => Some(nearest_run_as().unwrap_or(RunAs::Caller)),
    }
}

/// System calls that make what outlives a command and belongs to its user.
const SHARED: [&str; 4] = ["mq_open", "msgget", "semget", "shmget"];

/// Notes what a user who vanishes would leave to the next who has its number.
pub(super) fn vanishes(fields: &Fields<'_, '_>, profile: &Profile) {
    if profile.run_as != RunAs::Dynamic {
        return;
    }
    let isolated = profile.isolation.strength == Strength::Isolated;
    let shares = |call: &&&str| profile.system_calls.added.contains(**call);
    let (message, hint) = if !profile.write.is_empty() {
        (
            "may write files as a user that only one run has".to_owned(),
            "what it makes would belong to whoever gets the user next; leave `write` out, or `run_as` a user",
        )
    } else if !profile.isolation.private_tmp {
        (
            "has `dynamic_user` and no private /tmp".to_owned(),
            "add `private_tmp = true` or `strength = \"isolated\"`: what is left in /tmp would be the next user's",
        )
    } else if let (false, Some(call)) = (isolated, SHARED.iter().find(shares)) {
        (
            format!("has `dynamic_user` and may call `{call}`"),
            "what that makes would be the next user's; take it out, or add `strength = \"isolated\"`",
        )
    } else {
        return;
    };
    let at = fields.span("dynamic_user");
    let at = at.unwrap_or_else(|| fields.head.clone());
    let message = format!("{} {message}", fields.owner);
    fields.reader.error_hint(&at, message, hint);
}

/// Exactly the groups that are named.
pub(super) fn groups(fields: &Fields<'_, '_>) -> Option<Vec<Group>> {
    let names = fields.texts("supplementary_groups")?;
    if !privileged(fields, "supplementary_groups") {
        return None;
    }
    let mut groups: Vec<Group> = Vec::with_capacity(names.value.len());
    for name in &names.value {
        let Some(gid) = fields.reader.accounts.group(name.value) else {
            let message = format!("group `{}` does not exist on this host", name.value);
            fields.reader.error(&name.span, message);
            continue;
        };
        lint::group(fields, name);
        if groups.iter().all(|known| known.gid != gid) {
            groups.push(Group {
                name: name.value.to_owned(),
                gid,
            });
        }
    }
    Some(groups)
}

/// Exactly the capabilities that are named.
pub(super) fn capabilities(fields: &Fields<'_, '_>) -> Option<BTreeSet<Capability>> {
    let names = fields.texts("capabilities")?;
    if !privileged(fields, "capabilities") {
        return None;
    }
    let names = names.value.iter();
    Some(names.filter_map(|name| capability(fields, name)).collect())
}

fn capability(fields: &Fields<'_, '_>, name: &Located<&str>) -> Option<Capability> {
    match Capability::named(name.value) {
        Ok(capability) => {
            lint::capability(fields, capability, &name.span);
            Some(capability)
        }
        Err(Refused::Never(reason)) => {
            let message = format!("no profile can grant `{}`", name.value);
            fields.reader.error_hint(&name.span, message, reason);
            None
        }
        Err(Refused::Unknown) => {
            let message = format!("there is no capability `{}`", name.value);
            let hint = match nearest(name.value, Capability::names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "write it as in capabilities(7), such as `CAP_CHOWN`".to_owned(),
            };
            fields.reader.error_hint(&name.span, message, hint);
            None
        }
    }
}

/// Whether the worker can grant what `key` names; noted as a mistake where not.
fn privileged(fields: &Fields<'_, '_>, key: &str) -> bool {
    let privileged = *fields.reader.setting == Setting::System;
    if let (false, Some(at)) = (privileged, fields.span(key)) {
        let message = format!("`{key}` cannot be set");
        let hint = "with `mini-mcp stdio` commands have the groups of the user and no capability";
        fields.reader.error_hint(&at, message, hint);
    }
    privileged
}
