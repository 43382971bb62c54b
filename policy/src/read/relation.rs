//! `requires` and `conflicts` of an argument.

use super::Located;
use super::fields::Fields;
use super::nearest::hint;
use super::parameter::{Declared, Parsed};
use std::collections::HashMap;

/// The arguments that one argument names.
pub(super) struct Relations<'t> {
    requires: Vec<Located<&'t str>>,
    conflicts: Vec<Located<&'t str>>,
}

impl<'t> Relations<'t> {
    /// Those of the argument `fields`.
    pub(super) fn of(fields: &Fields<'_, 't>) -> Self {
        let names = |key| fields.texts(key).map_or_else(Vec::new, |texts| texts.value);
        Self {
            requires: names("requires"),
            conflicts: names("conflicts"),
        }
    }

    pub(super) fn requires(&self) -> Vec<String> {
        owned(&self.requires)
    }

    pub(super) fn conflicts(&self) -> Vec<String> {
        owned(&self.conflicts)
    }
}

fn owned(names: &[Located<&str>]) -> Vec<String> {
    names.iter().map(|name| name.value.to_owned()).collect()
}

/// Notes what no call could keep to in the relations of `declared`.
pub(super) fn relations(tool: &Fields<'_, '_>, declared: &[Declared<'_>]) {
    let required = |parsed: &Parsed<'_>| parsed.parameter.required();
    // Whether every call must give it; of one with mistakes that is not known.
    let known: HashMap<&str, bool> = declared
        .iter()
        .map(|one| (one.name.value, one.parsed.as_ref().is_some_and(required)))
        .collect();
    for one in declared {
        let Some(Parsed { relations, .. }) = &one.parsed else {
            continue;
        };
        for other in relations.requires.iter().chain(&relations.conflicts) {
            named(tool, one.name.value, other, &known);
        }
        for other in &relations.conflicts {
            possible(tool, one.name.value, other, relations, &known);
        }
    }
}

/// Notes an `other` that is not another argument.
fn named(tool: &Fields<'_, '_>, own: &str, other: &Located<&str>, known: &HashMap<&str, bool>) {
    if other.value == own {
        let message = format!("argument `{own}` names itself");
        tool.reader.error(&other.span, message);
    } else if !known.contains_key(other.value) {
        let message = format!("{} has no argument `{}`", tool.owner, other.value);
        let hint = hint(other.value, known.keys().copied());
        tool.reader.note(&other.span, message, hint);
    }
}

/// Notes a conflict with `other` by which an argument could never be given.
fn possible(
    tool: &Fields<'_, '_>,
    own: &str,
    other: &Located<&str>,
    relations: &Relations<'_>,
    known: &HashMap<&str, bool>,
) {
    let always = |name: &str| known.get(name).is_some_and(|required| *required);
    let pair = [(own, other.value), (other.value, own)];
    if relations
        .requires
        .iter()
        .any(|name| name.value == other.value)
    {
        let message = format!(
            "argument `{own}` requires `{}` and conflicts with it",
            other.value
        );
        tool.reader.error(&other.span, message);
    } else if let Some((every, never)) = pair.into_iter().find(|(one, _)| always(one)) {
        let message = format!("argument `{never}` could never be given");
        let hint = format!("every call gives `{every}`, with which it conflicts");
        tool.reader.error_hint(&other.span, message, hint);
    }
}
