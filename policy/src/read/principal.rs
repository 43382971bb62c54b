//! `[principal.NAME]`: who may call.

use super::fields::Fields;
use super::{Defined, Located, Node, Reader};
use crate::Setting;
use crate::principal::Principal;
use std::sync::Arc;

/// The caller of a single user's policy; reserved elsewhere.
pub(super) const SELF: &str = "self";

pub(super) const ONLY_SELF: &str =
    "with `mini-mcp stdio` the only principal is `self`, the user who started it";
pub(super) const NO_SELF: &str =
    "`self` exists only with `mini-mcp stdio`; name users or groups in a principal";

/// All principals by name.
pub(super) fn principals(reader: &Reader<'_>, root: &Fields<'_, '_>) -> Defined<Arc<Principal>> {
    let tables = root.tables("principal");
    if let Setting::SingleUser { uid, .. } = reader.setting {
        for (name, _) in &tables {
            let message = format!("principal `{}` cannot be defined", name.value);
            reader.error_hint(&name.span, message, ONLY_SELF);
        }
        let own = Arc::new(Principal::new(SELF, Some(vec![*uid]), None));
        return Defined::from([(SELF.to_owned(), Some(own))]);
    }
    tables
        .into_iter()
        .map(|(name, node)| {
            (
                name.value.to_owned(),
                principal(reader, &name, node).map(Arc::new),
            )
        })
        .collect()
}

fn principal(reader: &Reader<'_>, name: &Located<&str>, node: &Node<'_>) -> Option<Principal> {
    let before = reader.mistakes();
    let owner = format!("principal `{}`", name.value);
    let fields = Fields::open(reader, owner, name.span.clone(), node)?;
    if name.value == SELF {
        reader.error_hint(&name.span, "principal `self` cannot be defined", NO_SELF);
    }
    reader.name(name, "a principal");
    fields.only(&["unix_users", "unix_groups"]);
    if !fields.has("unix_users") && !fields.has("unix_groups") {
        let message = format!("{} has no conditions", fields.owner);
        reader.error_hint(&name.span, message, "add `unix_users` or `unix_groups`");
    }
    let users = ids(&fields, "unix_users", "user", |name| {
        Some(reader.accounts.user(name)?.uid)
    });
    let groups = ids(&fields, "unix_groups", "group", |name| {
        reader.accounts.group(name)
    });
    (reader.mistakes() == before).then(|| Principal::new(name.value, users, groups))
}

/// The ids of the names in `key`.
fn ids(
    fields: &Fields<'_, '_>,
    key: &str,
    what: &str,
    find: impl Fn(&str) -> Option<u32>,
) -> Option<Vec<u32>> {
    let names = fields.texts(key)?;
    if names.value.is_empty() {
        let message = format!("`{key}` is empty");
        fields
            .reader
            .error_hint(&names.span, message, format!("name a {what}"));
    }
    let mut ids = Vec::with_capacity(names.value.len());
    for name in &names.value {
        match find(name.value) {
            Some(id) => ids.push(id),
            None => {
                let message = format!("{what} `{}` does not exist on this host", name.value);
                fields.reader.error(&name.span, message);
            }
        }
    }
    Some(ids)
}
