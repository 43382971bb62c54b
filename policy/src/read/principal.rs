//! `[principal.NAME]`: who may call.

use super::condition::{conditions, listed};
use super::document::{Document, Entry};
use super::fields::Fields;
use super::include::include;
use super::limits::{self, limits};
use super::{Defined, Located};
use crate::principal::{Conditions, Ids, Principal};
use crate::{Limits, Setting};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The caller of a single user's policy; reserved elsewhere.
pub(super) const SELF: &str = "self";

pub(super) const ONLY_SELF: &str =
    "with `mini-mcp stdio` the only principal is `self`, the user who started it";
pub(super) const NO_SELF: &str =
    "`self` exists only with `mini-mcp stdio`; name users or groups in a principal";

/// The keys that say who it is.
const KEYS: [&str; 5] = ["unix_users", "unix_groups", "uids", "api_key", "include"];

/// Those that narrow it.
const NARROWING: [&str; 3] = ["from", "clients", "client_versions"];

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
    fields.only(&[&KEYS[..], &NARROWING, &limits::KEYS].concat());
    let claims = fields.has("clients") || fields.has("client_versions");
    if !claims && !KEYS.into_iter().any(|key| fields.has(key)) {
        let message = format!("{} has no conditions", fields.owner);
        let hint = "add `unix_users`, `unix_groups`, `uids`, `api_key` or `include`";
        reader.error_hint(&name.span, message, hint);
    }
    let conditions = conditions(&fields);
    if conditions.clients.is_some() && conditions.prove_nothing() {
        let message = format!("{} says which client, but not whose", fields.owner);
        let hint = "what a client says of itself proves nothing: add `unix_users`, `unix_groups`, \
                    `uids` or `api_key`";
        reader.error_hint(&name.span, message, hint);
    }
    Some(Written {
        conditions: (!conditions.prove_nothing()).then(|| Arc::new(conditions)),
        include: listed(&fields, "include", "name a principal"),
        limits: limits(&fields),
        sound: reader.mistakes() == before,
        fields,
    })
}
