//! `allow`, `ask` and `deny` of a tool.

use super::fields::Fields;
use super::nearest::hint;
use super::principal::{NO_SELF, ONLY_SELF, SELF};
use super::{Defined, Located, Span};
use crate::principal::Principal;
use crate::rule::{Rule, Rules};
use crate::{Effect, Setting};
use std::collections::HashMap;
use std::sync::Arc;

/// The lists in the order in which they are read.
const EFFECTS: [Effect; 3] = [Effect::Allow, Effect::Ask, Effect::Deny];

/// Which list names a principal first, and where.
type Seen<'t> = HashMap<&'t str, (Effect, Span)>;

/// The rules of the tool `fields`.
pub(super) fn rules(
    fields: &Fields<'_, '_>,
    principals: &Defined<Arc<Principal>>,
) -> Option<Rules> {
    if !fields.has("ask") && !fields.has("deny") {
        fields.require("allow", "name principals; `allow = []` is nobody");
    }
    let mut seen = Seen::new();
    let mut rules = Vec::new();
    let mut readable = fields.has("allow") || fields.has("ask") || fields.has("deny");
    for effect in EFFECTS
        .into_iter()
        .filter(|effect| fields.has(effect.key()))
    {
        let Some(names) = fields.texts(effect.key()) else {
            readable = false;
            continue;
        };
        for name in &names.value {
            once(fields, effect, name, &mut seen);
            let principal = principal(fields, effect, name, principals);
            if let Some(principal) = &principal {
                narrowing(fields, effect, name, principal);
            }
            let at = fields.reader.at(&name.span);
            rules.extend(principal.map(|principal| Rule {
                effect,
                principal,
                at,
            }));
        }
    }
    readable.then(|| Rules::new(rules))
}

/// Notes a principal that a client gets rid of, by what it says of itself, where a
/// milder rule could then count: claims may narrow, never widen.
fn narrowing(fields: &Fields<'_, '_>, effect: Effect, name: &Located<&str>, principal: &Principal) {
    let mut milder = EFFECTS.into_iter().filter(|milder| *milder < effect);
    let Some(milder) = milder.find(|milder| fields.has(milder.key())) else {
        return;
    };
    if principal.believes_claims() {
        let message = format!(
            "principal `{}` depends on what clients say of themselves, and cannot stand in `{effect}` beside `{milder}`",
            name.value
        );
        let hint = format!(
            "a client that says something else would only meet `{milder}`: name a principal without `clients`"
        );
        fields.reader.error_hint(&name.span, message, hint);
    }
}

/// Notes a principal that another list names as well.
fn once<'t>(fields: &Fields<'_, '_>, effect: Effect, name: &Located<&'t str>, seen: &mut Seen<'t>) {
    let (first, at) = seen
        .entry(name.value)
        .or_insert_with(|| (effect, name.span.clone()));
    if *first != effect {
        let message = format!(
            "principal `{}` stands in `{first}` and in `{effect}` of {}",
            name.value, fields.owner
        );
        let hint = format!("in `{first}` at {}", fields.reader.place(at));
        fields.reader.error_hint(&name.span, message, hint);
    }
}

fn principal(
    fields: &Fields<'_, '_>,
    effect: Effect,
    name: &Located<&str>,
    principals: &Defined<Arc<Principal>>,
) -> Option<Arc<Principal>> {
    fields.reader.uses_principal(name.value);
    let found = principals.get(name.value);
    if found.is_none() {
        let verb = match effect {
            Effect::Allow => "allows",
            Effect::Ask => "asks for",
            Effect::Deny => "denies",
        };
        let message = format!(
            "{} {verb} principal `{}`, which does not exist",
            fields.owner, name.value
        );
        let hint = unknown_principal(fields.reader.setting, name.value, principals);
        fields.reader.note(&name.span, message, hint);
    }
    found.cloned().flatten()
}

/// A hint for the unknown principal `name`.
pub(super) fn unknown_principal(
    setting: &Setting,
    name: &str,
    principals: &Defined<Arc<Principal>>,
) -> Option<String> {
    match setting {
        Setting::SingleUser { .. } => Some(ONLY_SELF.to_owned()),
        Setting::System if name == SELF => Some(NO_SELF.to_owned()),
        Setting::System => hint(name, principals.keys().map(String::as_str)),
    }
}
