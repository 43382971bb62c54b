//! `extends`: a profile, those it extends, and what comes of them together.

use super::super::Located;
use super::super::nearest::hint;
use super::{AllWritten, Written};
use crate::PathRule;

/// Most profiles that one extends, one through the other.
const EXTENDED_MAX: usize = 16;

/// The profile `own` and those it extends, one after the other; `None` when one
/// of them has mistakes.
pub(super) fn chain<'a, 'r, 't>(
    name: &str,
    own: &'a Written<'r, 't>,
    all: &'a AllWritten<'r, 't>,
) -> Option<Vec<&'a Written<'r, 't>>> {
    let mut chain = vec![own];
    let mut names = vec![name];
    let mut last = own;
    while let Some(base) = &last.extends {
        let at = &own.extends.as_ref()?.span;
        if base.value == name {
            let message = format!("{} extends itself", own.fields.owner);
            own.fields.reader.error(at, message);
            return None;
        }
        if chain.len() > EXTENDED_MAX {
            let owner = &own.fields.owner;
            let message = format!("{owner} extends more than {EXTENDED_MAX} profiles");
            own.fields.reader.error(at, message);
            return None;
        }
        if chain.len() == 1 {
            own.fields.reader.uses_profile(base.value);
            if !all.contains_key(base.value) {
                unknown(own, base, all);
            }
        }
        // A circle further up is a mistake of those in it.
        if names.contains(&base.value) {
            return None;
        }
        last = all.get(base.value)?.as_ref()?;
        names.push(base.value);
        chain.push(last);
    }
    chain.iter().all(|one| one.sound).then_some(chain)
}

/// Notes that the `base` of `own` does not exist.
fn unknown(own: &Written<'_, '_>, base: &Located<&str>, all: &AllWritten<'_, '_>) {
    let owner = &own.fields.owner;
    let message = format!(
        "{owner} extends profile `{}`, which does not exist",
        base.value
    );
    let hint = hint(base.value, all.keys().copied());
    own.fields.reader.note(&base.span, message, hint);
}

/// The value that counts: of a profile itself before that of one it extends.
pub(super) fn nearest<T>(
    chain: &[&Written<'_, '_>],
    value: impl Fn(&Written<'_, '_>) -> Option<T>,
) -> Option<T> {
    chain.iter().find_map(|one| value(one))
}

/// Everything, the farthest first.
pub(super) fn joined(
    chain: &[&Written<'_, '_>],
    rules: impl for<'a> Fn(&'a Written<'_, '_>) -> &'a [PathRule],
) -> Vec<PathRule> {
    let from_base = chain.iter().rev();
    from_base.flat_map(|one| rules(one)).cloned().collect()
}
