//! Whom a command runs as: `run_as`, `supplementary_groups`, `capabilities`.

use super::super::fields::Fields;
use super::super::nearest::nearest;
use super::super::{Located, lint};
use crate::capability::Refused;
use crate::{Capability, Group, RunAs, Setting};
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
