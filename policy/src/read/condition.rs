//! The conditions of a principal: who it is, and what his client says of itself.

use super::fields::Fields;
use super::{Located, lint};
use crate::network::Network;
use crate::principal::{Clients, Conditions, ID_MAX, Ids, KeyCondition};
use std::ops::RangeInclusive;

/// Most characters of a claimed name or version, as the supervisor passes them.
const CLAIM_MAX: usize = 128;

/// All conditions in `fields`.
pub(super) fn conditions(fields: &Fields<'_, '_>) -> Conditions {
    let accounts = fields.reader.accounts;
    let user = |name: &str| Some(accounts.user(name)?.uid);
    let group = |name: &str| accounts.group(name);
    let conditions = Conditions {
        users: ids(fields, "unix_users", "user", user),
        groups: ids(fields, "unix_groups", "group", group),
        uids: uids(fields),
        key: key(fields),
        clients: clients(fields),
    };
    if let (Some(at), true) = (fields.span("api_key"), conditions.concern_users()) {
        let message = "`api_key` and conditions on Unix users can never hold together";
        let hint = "write two principals, and one that includes both";
        fields.reader.error_hint(&at, message, hint);
    }
    conditions
}

/// The texts in `key`; that there are none is a mistake which `hint` may cure.
pub(super) fn listed<'t>(fields: &Fields<'_, 't>, key: &str, hint: &str) -> Vec<Located<&'t str>> {
    let Some(texts) = fields.texts(key) else {
        return Vec::new();
    };
    if texts.value.is_empty() {
        let message = format!("`{key}` is empty");
        fields.reader.error_hint(&texts.span, message, hint);
    }
    texts.value
}

/// `api_key` and `from`.
fn key(fields: &Fields<'_, '_>) -> Option<KeyCondition> {
    let networks = networks(fields);
    if let (Some(at), false) = (fields.span("from"), fields.has("api_key")) {
        let message = "`from` goes with `api_key` only";
        let hint = "a Unix user is on this host";
        fields.reader.error_hint(&at, message, hint);
    }
    let name = fields.text("api_key")?;
    fields.reader.name(&name, "an API key");
    Some(KeyCondition {
        name: name.value.to_owned(),
        from: networks,
    })
}

fn networks(fields: &Fields<'_, '_>) -> Vec<Network> {
    let texts = listed(fields, "from", "write a network, such as \"10.0.0.0/8\"");
    let network = |text: &Located<&str>| {
        let found = Network::parse(text.value);
        if found.is_none() {
            let message = format!("`{}` is not a network", text.value);
            let hint = "write \"10.0.0.0/8\", \"fd00::/8\" or one address, \
                        with zeros after the prefix";
            fields.reader.error_hint(&text.span, message, hint);
        }
        found
    };
    texts.iter().filter_map(network).collect()
}

/// `clients` and `client_versions`.
fn clients(fields: &Fields<'_, '_>) -> Option<Clients> {
    let words = |key: &str, hint: &str| -> Vec<String> {
        let words = listed(fields, key, hint);
        for word in &words {
            claimable(fields, key, word);
        }
        words.iter().map(|word| word.value.to_owned()).collect()
    };
    let clients = Clients {
        names: words("clients", "name a client, such as \"claude-code\""),
        versions: words(
            "client_versions",
            "write a version, such as \"2.1.0\" or \"2.*\"",
        ),
    };
    (fields.has("clients") || fields.has("client_versions")).then_some(clients)
}

/// Notes what no client can say of itself.
fn claimable(fields: &Fields<'_, '_>, key: &str, word: &Located<&str>) {
    let text = word.value;
    let stem = match key {
        "client_versions" => text.strip_suffix('*').unwrap_or(text),
        _ => text,
    };
    let long = text.chars().count() > CLAIM_MAX;
    if text.is_empty() || long || text.contains(char::is_control) {
        let message = format!("`{key}` must hold 1 to {CLAIM_MAX} characters, none of control");
        fields.reader.error(&word.span, message);
    } else if key == "client_versions" && stem.contains('*') {
        let message = format!("`{text}` has a `*` before its end");
        let hint = "only at the end it stands for anything";
        fields.reader.error_hint(&word.span, message, hint);
    }
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
        if what == "group" {
            lint::everybody(fields, name.value, &name.span);
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
        if let Some(range) = &found {
            lint::root_among(fields, range, &text.span);
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
