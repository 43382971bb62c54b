//! `system_calls`: a list in the words of systemd.exec(5), `SystemCallFilter=`.

use super::super::Located;
use super::super::fields::Fields;
use super::super::nearest::nearest;
use super::Written;
use super::chain;
use crate::system_calls::{Calls, allowable, calls, known, never};
use crate::{Refusal, SystemCalls};

/// A list as written.
#[derive(Debug)]
pub(super) struct Changes {
    /// Whether it stands by itself, not upon what is extended or the default.
    replaces: bool,
    /// Whether the calls are allowed, and which.
    steps: Vec<(bool, Calls)>,
}

/// The list of a profile.
pub(super) fn changes(fields: &Fields<'_, '_>) -> Option<Changes> {
    let entries = fields.texts("system_calls")?;
    let Some(first) = entries.value.first() else {
        let hint = "leave it out for the default list, or name calls and groups";
        fields
            .reader
            .error_hint(&entries.span, "`system_calls` names nothing", hint);
        return None;
    };
    let steps = entries.value.iter();
    Some(Changes {
        replaces: !first.value.starts_with(['~', '+']),
        steps: steps.filter_map(|entry| step(fields, entry)).collect(),
    })
}

fn step(fields: &Fields<'_, '_>, entry: &Located<&str>) -> Option<(bool, Calls)> {
    let removed = entry.value.strip_prefix('~');
    let name = removed
        .or_else(|| entry.value.strip_prefix('+'))
        .unwrap_or(entry.value);
    let found = if removed.is_some() {
        calls(name)
    } else {
        allowable(name)
    };
    let Some(calls) = found else {
        unknown(fields, entry, name);
        return None;
    };
    if let (None, Some(reason)) = (removed, never(name)) {
        let message = format!("no profile can allow `{name}`");
        fields.reader.error_hint(&entry.span, message, reason);
        return None;
    }
    Some((removed.is_none(), calls))
}

fn unknown(fields: &Fields<'_, '_>, entry: &Located<&str>, name: &str) {
    let kind = if name.starts_with('@') {
        "group of system calls"
    } else {
        "system call"
    };
    let message = format!("there is no {kind} `{name}`");
    let hint = match nearest(name, known()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`systemd-analyze syscall-filter` lists groups and what they hold".to_owned(),
    };
    fields.reader.error_hint(&entry.span, message, hint);
}

/// What becomes of calls that are not allowed.
pub(super) fn refusal(fields: &Fields<'_, '_>) -> Option<Refusal> {
    let words = [
        ("EPERM", Refusal::NotPermitted),
        ("ENOSYS", Refusal::NotImplemented),
        ("kill", Refusal::Kill),
    ];
    fields.word("system_call_error_number", &words)
}

/// What the lists of `chain` come to, the farthest first.
pub(super) fn resolve(chain: &[&Written<'_, '_>]) -> SystemCalls {
    let mut list = SystemCalls::default();
    for changes in chain
        .iter()
        .rev()
        .filter_map(|one| one.system_calls.as_ref())
    {
        if changes.replaces {
            list.replace();
        }
        for (allowed, calls) in &changes.steps {
            if *allowed {
                list.add(calls);
            } else {
                list.remove(calls);
            }
        }
    }
    list.refusal = chain::nearest(chain, |one| one.refusal).unwrap_or(list.refusal);
    if let Some(own) = chain.first() {
        startable(&own.fields, &list);
    }
    list
}

/// Notes a list under which nothing starts.
fn startable(fields: &Fields<'_, '_>, list: &SystemCalls) {
    if let (Some(missing), Some(at)) = (list.misses(), fields.span("system_calls")) {
        let message =
            format!("`system_calls` leaves `{missing}` out, without which nothing starts");
        let hint = "`@basic-io` and `@default` hold what every program needs";
        fields.reader.error_hint(&at, message, hint);
    }
}
