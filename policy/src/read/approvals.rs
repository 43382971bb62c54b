//! `[approvals]`: who may approve what `ask` holds back.

use super::condition::listed;
use super::document::Entry;
use super::fields::Fields;
use super::{Located, lint};
use crate::approval::{Approvals, TIMEOUT};

const KEYS: [&str; 3] = ["unix_groups", "self_approval", "timeout"];

/// Most groups whose members may approve.
const GROUPS_MAX: usize = 32;

/// The `[approvals]` tables of all files: a mistake when there are two.
pub(super) fn approvals(tables: &[Entry<'_, '_>]) -> Approvals {
    let mut tables = tables.iter();
    let Some(Entry { reader, name, node }) = tables.next() else {
        return Approvals::default();
    };
    for second in tables {
        let hint = format!("the first one stands at {}", reader.place(&name.span));
        let message = "`approvals` is defined twice";
        second.reader.error_hint(&second.name.span, message, hint);
    }
    let owner = "`approvals`".to_owned();
    let Some(fields) = Fields::open(reader, owner, name.span.clone(), node) else {
        return Approvals::default();
    };
    fields.only(&KEYS);
    Approvals {
        groups: groups(&fields),
        self_approval: fields.boolean("self_approval").is_some_and(|one| one.value),
        timeout: fields.duration("timeout").unwrap_or(TIMEOUT),
    }
}

fn groups(fields: &Fields<'_, '_>) -> Vec<u32> {
    let names = listed(
        fields,
        "unix_groups",
        "name a group, or leave it out for root alone",
    );
    if let (Some(at), true) = (fields.span("unix_groups"), names.len() > GROUPS_MAX) {
        let message = format!("`unix_groups` must hold at most {GROUPS_MAX} groups here");
        fields.reader.error(&at, message);
    }
    let group = |name: &Located<&str>| {
        let found = fields.reader.accounts.group(name.value);
        if found.is_none() {
            let message = format!("group `{}` does not exist on this host", name.value);
            fields.reader.error(&name.span, message);
        }
        lint::everybody(fields, name.value, &name.span);
        found
    };
    names.iter().filter_map(group).collect()
}
