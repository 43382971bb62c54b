//! `[principal.NAME]`: who may call.

use super::document::{Document, Entry};
use super::fields::Fields;
use super::include::include;
use super::limits::{self, limits};
use super::{Defined, Located};
use crate::principal::{Conditions, ID_MAX, Ids, Principal};
use crate::{Limits, Setting};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The caller of a single user's policy; reserved elsewhere.
pub(super) const SELF: &str = "self";

pub(super) const ONLY_SELF: &str =
    "with `mini-mcp stdio` the only principal is `self`, the user who started it";
pub(super) const NO_SELF: &str =
    "`self` exists only with `mini-mcp stdio`; name users or groups in a principal";

/// The keys that say who it is.
const KEYS: [&str; 4] = ["unix_users", "unix_groups", "uids", "include"];

/// A principal as written.
pub(super) struct Written<'r, 't> {
    pub(super) fields: Fields<'r, 't>,
    /// `None` when there are none, or only mistakes.
    pub(super) conditions: Option<Arc<Conditions>>,
    pub(super) include: Vec<Located<&'t str>>,
    pub(super) limits: Limits,
    /// Whether it has no mistakes of its own.
    pub(super) sound: bool,
}

/// Principals as written, by name.
pub(super) type AllWritten<'r, 't> = BTreeMap<&'t str, Option<Written<'r, 't>>>;

/// All principals by name.
pub(super) fn principals(
    setting: &Setting,
    document: &Document<'_, '_>,
) -> Defined<Arc<Principal>> {
    let tables = &document.principals;
    if let Setting::SingleUser { uid, .. } = setting {
        for Entry { reader, name, .. } in tables {
            let message = format!("principal `{}` cannot be defined", name.value);
            reader.error_hint(&name.span, message, ONLY_SELF);
        }
        return Defined::from([(SELF.to_owned(), Some(Arc::new(own(*uid))))]);
    }
    let all: AllWritten<'_, '_> = tables
        .iter()
        .map(|entry| (entry.name.value, written(entry)))
        .collect();
    let resolved = |(name, one): (&&str, &Option<Written<'_, '_>>)| {
        let principal = one.as_ref().and_then(|one| include(name, one, &all));
        ((*name).to_owned(), principal.map(Arc::new))
    };
    all.iter().map(resolved).collect()
}

/// The single user.
fn own(uid: u32) -> Principal {
    let conditions = Conditions {
        users: Some(Ids::each([uid])),
        ..Conditions::default()
    };
    Principal {
        name: SELF.to_owned(),
        alternatives: vec![Arc::new(conditions)],
        limits: Limits::default(),
    }
}

fn written<'r, 't>(entry: &Entry<'r, 't>) -> Option<Written<'r, 't>> {
    let Entry { reader, name, node } = entry;
    let before = reader.mistakes();
    let owner = format!("principal `{}`", name.value);
    let fields = Fields::open(reader, owner, name.span.clone(), node)?;
    if name.value == SELF {
        reader.error_hint(&name.span, "principal `self` cannot be defined", NO_SELF);
    }
    reader.name(name, "a principal");
    fields.only(&[&KEYS[..], &limits::KEYS].concat());
    if !KEYS.into_iter().any(|key| fields.has(key)) {
        let message = format!("{} has no conditions", fields.owner);
        let hint = "add `unix_users`, `unix_groups`, `uids` or `include`";
        reader.error_hint(&name.span, message, hint);
    }
    let conditions = conditions(&fields);
    Some(Written {
        conditions: (!conditions.are_none()).then(|| Arc::new(conditions)),
        include: listed(&fields, "include", "name a principal"),
        limits: limits(&fields),
        sound: reader.mistakes() == before,
        fields,
    })
}

fn conditions(fields: &Fields<'_, '_>) -> Conditions {
    let accounts = fields.reader.accounts;
    let user = |name: &str| Some(accounts.user(name)?.uid);
    let group = |name: &str| accounts.group(name);
    Conditions {
        users: ids(fields, "unix_users", "user", user),
        groups: ids(fields, "unix_groups", "group", group),
        uids: uids(fields),
    }
}

/// The texts in `key`; that there are none is a mistake which `hint` may cure.
fn listed<'t>(fields: &Fields<'_, 't>, key: &str, hint: &str) -> Vec<Located<&'t str>> {
    let Some(texts) = fields.texts(key) else {
        return Vec::new();
    };
    if texts.value.is_empty() {
        let message = format!("`{key}` is empty");
        fields.reader.error_hint(&texts.span, message, hint);
    }
    texts.value
}

/// The ids of the names in `key`.
fn ids(
    fields: &Fields<'_, '_>,
    key: &str,
    what: &str,
    find: impl Fn(&str) -> Option<u32>,
) -> Option<Ids> {
    let names = listed(fields, key, &format!("name a {what}"));
    let id = |name: &Located<&str>| {
        let found = find(name.value);
        if found.is_none() {
            let message = format!("{what} `{}` does not exist on this host", name.value);
            fields.reader.error(&name.span, message);
        }
        found
    };
    fields
        .has(key)
        .then(|| Ids::each(names.iter().filter_map(id)))
}

/// The ranges in `uids`.
fn uids(fields: &Fields<'_, '_>) -> Option<Ids> {
    let texts = listed(fields, "uids", "write a range, such as \"1000-1999\"");
    let uids = |text: &Located<&str>| {
        let found = range(text.value);
        if found.is_none() {
            let message = format!("`{}` is not a range of user ids", text.value);
            let hint = format!("write \"1000-1999\" or \"33\", with ids up to {ID_MAX}");
            fields.reader.error_hint(&text.span, message, hint);
        }
        found
    };
    fields
        .has("uids")
        .then(|| Ids::new(texts.iter().filter_map(uids).collect()))
}

/// `FIRST-LAST`, or one id.
fn range(text: &str) -> Option<RangeInclusive<u32>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = uid(first)?..=uid(last)?;
    (!range.is_empty()).then_some(range)
}

fn uid(text: &str) -> Option<u32> {
    // Parsing by itself would take a sign.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let uid = text.parse().ok().filter(|_| digits);
    uid.filter(|uid| *uid <= ID_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_one_id_or_two() {
        assert_eq!(range("33"), Some(33..=33));
        assert_eq!(range("0-4294967294"), Some(0..=ID_MAX));
        for text in [
            "",
            "-",
            "1-",
            "-1",
            "+1",
            "2-1",
            "1-2-3",
            "1 - 2",
            "4294967295",
            "x",
        ] {
            assert_eq!(range(text), None, "{text}");
        }
    }
}
