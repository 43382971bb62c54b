//! Who calls in an example: `as`, `as_user` or `as_key`, and `client`.

use super::fields::Fields;
use super::rules::unknown_principal;
use super::{Defined, Span};
use crate::principal::Principal;
use crate::quote::harmless;
use crate::somebody::Unnamed;
use crate::{Caller, Claim, Key, Login, Peer};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// The keys that say it.
pub(super) const KEYS: [&str; 5] = ["as", "as_user", "as_key", "from", "client"];

/// Those of which there is one.
const ONE: [&str; 3] = ["as", "as_user", "as_key"];

/// Who calls.
pub(super) struct Who {
    sort: Sort,
    /// What his client says of itself; as the principal wants it when not written.
    claim: Option<Claim>,
}

enum Sort {
    /// Somebody who is this principal, which stands there.
    Principal(Arc<Principal>, Span),
    /// The user of that name.
    User(String, Peer),
    /// Whoever has that key.
    Key(Key),
}

/// Who calls in the example `fields`.
pub(super) fn who(fields: &Fields<'_, '_>, principals: &Defined<Arc<Principal>>) -> Option<Who> {
    let reader = fields.reader;
    let claim = fields.text("client").map(|text| claim(text.value));
    let mut written = ONE.into_iter().filter(|key| fields.has(key));
    let first = written.next();
    if let (Some(first), Some(second)) = (first, written.next()) {
        let message = format!("`{first}` and `{second}` exclude each other");
        let hint = "write `as = \"PRINCIPAL\"`, `as_user = \"USER\"` or `as_key = \"KEY\"`";
        reader.error_hint(&fields.span(second)?, message, hint);
        return None;
    }
    if let (Some(at), true) = (fields.span("from"), first != Some("as_key")) {
        reader.error(&at, "`from` goes with `as_key` only");
        // Of the wrong type it is one mistake more.
        let _ = fields.text("from");
    }
    let sort = match first {
        Some("as") => principal(fields, principals),
        Some("as_user") => user(fields),
        Some(_) => key(fields),
        None => {
            let message = format!("{} does not say who calls", fields.owner);
            let hint = "write `as = \"PRINCIPAL\"`, `as_user = \"USER\"` or `as_key = \"KEY\"`";
            reader.error_hint(&fields.head, message, hint);
            None
        }
    };
    Some(Who { sort: sort?, claim })
}

/// `NAME/VERSION`, or a name.
fn claim(text: &str) -> Claim {
    let (name, version) = text.rsplit_once('/').unwrap_or((text, ""));
    Claim {
        name: name.to_owned(),
        version: version.to_owned(),
    }
}

fn principal(fields: &Fields<'_, '_>, principals: &Defined<Arc<Principal>>) -> Option<Sort> {
    let name = fields.text("as")?;
    let found = principals.get(name.value);
    if found.is_none() {
        let message = format!("principal `{}` does not exist", name.value);
        let hint = unknown_principal(fields.reader.setting, name.value, principals);
        fields.reader.note(&name.span, message, hint);
    }
    let principal = found.cloned().flatten()?;
    Some(Sort::Principal(principal, name.span))
}

/// The user with the primary group: which others he is in cannot be looked up.
fn user(fields: &Fields<'_, '_>) -> Option<Sort> {
    let name = fields.text("as_user")?;
    let Some(account) = fields.reader.accounts.user(name.value) else {
        let message = format!("user `{}` does not exist on this host", name.value);
        fields.reader.error(&name.span, message);
        return None;
    };
    let peer = Peer {
        uid: account.uid,
        gid: account.gid,
        groups: Vec::new(),
        login: Some(Login {
            name: name.value.to_owned(),
            home: account.home,
        }),
    };
    Some(Sort::User(name.value.to_owned(), peer))
}

fn key(fields: &Fields<'_, '_>) -> Option<Sort> {
    let name = fields.text("as_key")?.value.to_owned();
    let address = match fields.text("from") {
        None => IpAddr::V4(Ipv4Addr::LOCALHOST),
        Some(text) => match text.value.parse() {
            Ok(address) => address,
            Err(_) => {
                let message = format!("`{}` is not an IP address", text.value);
                fields.reader.error(&text.span, message);
                return None;
            }
        },
    };
    Some(Sort::Key(Key { name, address }))
}

impl Who {
    /// In words, for people.
    pub(super) fn described(&self) -> String {
        match &self.sort {
            Sort::Principal(principal, _) => format!("principal {}", principal.name),
            Sort::User(name, _) => format!("user {}", harmless(name)),
            Sort::Key(key) => format!("key {}", harmless(&key.name)),
        }
    }

    /// The caller, or the principal that nobody can be and where it stands.
    pub(super) fn caller(&self, unnamed: &Unnamed) -> Result<Caller, (&str, &Span)> {
        let caller = match &self.sort {
            Sort::User(_, peer) => Caller::from(peer.clone()),
            Sort::Key(key) => Caller::from(key.clone()),
            Sort::Principal(principal, at) => unnamed
                .somebody(principal)
                .ok_or((principal.name.as_str(), at))?,
        };
        Ok(match &self.claim {
            Some(claim) => caller.claiming(Some(claim.clone())),
            None => caller,
        })
    }
}
