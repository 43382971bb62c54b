//! `confirm` of a tool: whose calls the user at the client must confirm.

use super::Defined;
use super::Located;
use super::fields::Fields;
use super::rules::unknown_principal;
use crate::Effect;
use crate::confirm::{Confirming, TIMEOUT, Whose};
use crate::principal::Principal;
use std::sync::Arc;

/// Who must confirm calls of the tool `fields`, and within which time. `None` where the
/// list cannot be read, which is noted.
pub(super) fn confirming(
    fields: &Fields<'_, '_>,
    principals: &Defined<Arc<Principal>>,
) -> Option<Confirming> {
    if let (Some(at), false) = (fields.span("confirm_timeout"), fields.has("confirm")) {
        let message = "`confirm_timeout` goes with `confirm` only";
        let hint = "no call of this tool needs a confirmation";
        fields.reader.error_hint(&at, message, hint);
    }
    let timeout = fields.duration("confirm_timeout").unwrap_or(TIMEOUT);
    if !fields.has("confirm") {
        return Some(Confirming::default());
    }
    let names = fields.texts("confirm")?.value;
    names.iter().for_each(|name| not_denied(fields, name));
    let one = |name: &Located<&str>| {
        let principal = principal(fields, name, principals)?;
        narrowing(fields, name, &principal, &names);
        let at = fields.reader.at(&name.span);
        Some(Whose { principal, at })
    };
    let whose = names.iter().filter_map(one).collect();
    Some(Confirming { whose, timeout })
}

fn principal(
    fields: &Fields<'_, '_>,
    name: &Located<&str>,
    principals: &Defined<Arc<Principal>>,
) -> Option<Arc<Principal>> {
    fields.reader.uses_principal(name.value);
    let found = principals.get(name.value);
    if found.is_none() {
        let message = format!(
            "{} wants a confirmation of principal `{}`, which does not exist",
            fields.owner, name.value
        );
        let hint = unknown_principal(fields.reader.setting, name.value, principals);
        fields.reader.note(&name.span, message, hint);
    }
    found.cloned().flatten()
}

/// Notes a principal whose calls are denied anyway.
fn not_denied(fields: &Fields<'_, '_>, name: &Located<&str>) {
    if fields.strings(Effect::Deny.key()).contains(&name.value) {
        let message = format!(
            "principal `{}` stands in `deny` and in `confirm` of {}",
            name.value, fields.owner
        );
        let hint = "its calls are denied, so there is nothing to confirm";
        fields.reader.error_hint(&name.span, message, hint);
    }
}

/// Notes a principal that a client gets rid of, by what it says of itself, where it would
/// be let in all the same: by a principal that is not among the `confirming`.
fn narrowing(
    fields: &Fields<'_, '_>,
    name: &Located<&str>,
    principal: &Principal,
    confirming: &[Located<&str>],
) {
    let confirms = |other: &&str| confirming.iter().any(|one| one.value == *other);
    let let_in = [Effect::Allow, Effect::Ask].map(|effect| fields.strings(effect.key()));
    let other = let_in.iter().flatten().find(|other| !confirms(other));
    if let (true, Some(other)) = (principal.believes_claims(), other) {
        let message = format!(
            "principal `{}` depends on what clients say of themselves, and cannot stand in `confirm` beside principal `{other}`, which need not confirm",
            name.value
        );
        let hint = format!(
            "a client that says something else would only be `{other}`: name `{other}` too, or a principal without `clients`"
        );
        fields.reader.error_hint(&name.span, message, hint);
    }
}
