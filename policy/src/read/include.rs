//! `include`: a principal that takes in others, and what they include in turn.

use super::nearest::hint;
use super::principal::{AllWritten, NO_SELF, SELF, Written};
use super::{Located, limits};
use crate::principal::Principal;
use std::collections::HashSet;

/// Most principals that one includes, directly and through others: bounds the
/// time of a match and of reading.
const INCLUDED_MAX: usize = 256;

/// The principal `name`, written as `own`, with everything that it includes.
pub(super) fn include(
    name: &str,
    own: &Written<'_, '_>,
    all: &AllWritten<'_, '_>,
) -> Option<Principal> {
    let mut sound = own.sound;
    let mut alternatives: Vec<_> = own.conditions.iter().cloned().collect();
    let mut seen = HashSet::from([name]);
    for first in &own.include {
        sound &= exists(own, first, all);
        // Those reached through `first`, without recursion, so that a
        // long chain needs no deep stack.
        let mut reached = vec![first.value];
        while let Some(next) = reached.pop() {
            if next == name {
                cycle(name, own, first);
                sound = false;
            }
            if !seen.insert(next) {
                continue;
            }
            if seen.len() > INCLUDED_MAX + 1 {
                too_many(own, first);
                return None;
            }
            // Mistakes of an included one are noted where it is written.
            let Some(Some(included)) = all.get(next) else {
                sound = false;
                continue;
            };
            sound &= included.sound;
            alternatives.extend(included.conditions.clone());
            reached.extend(included.include.iter().map(|further| further.value));
        }
    }
    let principal = sound.then(|| Principal {
        name: name.to_owned(),
        alternatives,
        limits: own.limits.clone(),
    })?;
    if principal.believes_claims() && !principal.limits.are_none() {
        evaded(own);
    }
    Some(principal)
}

/// Whether `name` is a principal; notes it when not.
fn exists(own: &Written<'_, '_>, name: &Located<&str>, all: &AllWritten<'_, '_>) -> bool {
    own.fields.reader.uses_principal(name.value);
    let known = all.contains_key(name.value);
    if !known {
        let message = format!(
            "{} includes principal `{}`, which does not exist",
            own.fields.owner, name.value
        );
        let hint = match name.value {
            SELF => Some(NO_SELF.to_owned()),
            _ => hint(name.value, all.keys().copied()),
        };
        own.fields.reader.note(&name.span, message, hint);
    }
    known
}

fn cycle(name: &str, own: &Written<'_, '_>, through: &Located<&str>) {
    let owner = &own.fields.owner;
    let message = if through.value == name {
        format!("{owner} includes itself")
    } else {
        format!("{owner} includes itself through `{}`", through.value)
    };
    own.fields.reader.error(&through.span, message);
}

/// Whoever says something else of himself is not that principal.
fn evaded(own: &Written<'_, '_>) {
    let fields = &own.fields;
    let mut keys = limits::KEYS.into_iter();
    let Some(at) = keys.find_map(|key| fields.span(key)) else {
        return;
    };
    let message = format!(
        "{} has limits, and depends on what clients say of themselves",
        fields.owner
    );
    let hint =
        "a client that says something else would escape them: limit a principal without `clients`";
    fields.reader.error_hint(&at, message, hint);
}

fn too_many(own: &Written<'_, '_>, through: &Located<&str>) {
    let message = format!(
        "{} includes more than {INCLUDED_MAX} principals",
        own.fields.owner
    );
    let hint = "name users, groups or ranges of ids instead";
    own.fields.reader.error_hint(&through.span, message, hint);
}
