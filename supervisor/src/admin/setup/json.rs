//! Configurations in JSON, with or without comments and trailing commas: a concrete
//! syntax tree is changed where the server stands, and nowhere else.

use super::server::Server;
use jsonc_parser::cst::{CstInputValue, CstObject, CstRootNode};
use jsonc_parser::{ParseOptions, parse_to_serde_value};
use serde_json::{Value as Json, json};

/// What clients take beyond JSON; nothing else is taken for granted.
const READ: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_loose_object_property_names: false,
    allow_trailing_commas: true,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Keys of a server that is reached and not started.
const REACHED: [&str; 4] = ["url", "httpUrl", "serverUrl", "uri"];

/// The configuration `text` with `server` in `table`, as one of this `kind` where that is
/// written.
pub(super) fn merge(
    text: &str,
    table: &str,
    kind: Option<&str>,
    server: &Server,
) -> Result<String, String> {
    let text = if text.trim().is_empty() { "{}\n" } else { text };
    let before = value(text)?;
    let fields = fields(kind, server);
    if let Some(there) = before.get(table).and_then(|all| all.get(&server.name)) {
        if REACHED.iter().any(|key| there.get(key).is_some()) {
            return Err(format!(
                "`{}` is there, and is no program to start",
                server.name
            ));
        }
        if fields
            .iter()
            .all(|(key, value)| there.get(key) == Some(value))
        {
            return Ok(text.to_owned());
        }
    }
    let after = change(text, table, server, &fields)?;
    // Keys that stand twice, or whatever nobody has thought of.
    if value(&after)? == expected(before, table, server, &fields) {
        Ok(after)
    } else {
        Err("it says something twice".to_owned())
    }
}

/// What is written of a server, in this order.
fn fields(kind: Option<&str>, server: &Server) -> Vec<(&'static str, Json)> {
    let kind = kind.map(|kind| ("type", json!(kind)));
    let rest = [
        ("command", json!(server.command)),
        ("args", json!(server.arguments)),
    ];
    kind.into_iter().chain(rest).collect()
}

fn value(text: &str) -> Result<Json, String> {
    let value = parse_to_serde_value::<Json>(text, &READ);
    value.map_err(|error| error.to_string())
}

/// What the change must come to.
fn expected(mut all: Json, table: &str, server: &Server, fields: &[(&str, Json)]) -> Json {
    for (key, value) in fields {
        if let Some(root) = all.as_object_mut() {
            let servers = root.entry(table).or_insert_with(|| json!({}));
            if let Some(servers) = servers.as_object_mut() {
                let entry = servers.entry(&server.name).or_insert_with(|| json!({}));
                if let Some(entry) = entry.as_object_mut() {
                    entry.insert((*key).to_owned(), value.clone());
                }
            }
        }
    }
    all
}

fn change(
    text: &str,
    table: &str,
    server: &Server,
    fields: &[(&str, Json)],
) -> Result<String, String> {
    let root = CstRootNode::parse(text, &READ).map_err(|error| error.to_string())?;
    let no_object = |what: &str| format!("{what} is no object");
    let all = root
        .object_value_or_create()
        .ok_or_else(|| no_object("it"))?;
    let servers = all
        .object_value_or_create(table)
        .ok_or_else(|| no_object(&format!("`{table}`")))?;
    match servers.get(&server.name) {
        None => {
            let fields = fields
                .iter()
                .map(|(key, value)| ((*key).to_owned(), input(value)));
            let entry = CstInputValue::Object(fields.collect());
            servers.append(&server.name, entry);
            all.ensure_multiline();
            servers.ensure_multiline();
            if let Some(entry) = servers.object_value(&server.name) {
                entry.ensure_multiline();
            }
        }
        Some(entry) => {
            let entry = entry
                .object_value()
                .ok_or_else(|| no_object(&format!("`{}`", server.name)))?;
            fields
                .iter()
                .for_each(|(key, value)| set(&entry, key, value));
        }
    }
    Ok(root.to_string())
}

/// Sets what differs, and leaves alone how the rest is written.
fn set(entry: &CstObject, key: &str, value: &Json) {
    match entry.get(key) {
        None => drop(entry.append(key, input(value))),
        Some(there) => {
            let now = there.value().and_then(|value| value.to_serde_value());
            if now.as_ref() != Some(value) {
                there.set_value(input(value));
            }
        }
    }
}

fn input(value: &Json) -> CstInputValue {
    match value {
        Json::Array(items) => CstInputValue::Array(items.iter().map(input).collect()),
        Json::String(text) => CstInputValue::String(text.clone()),
        other @ (Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_)) => {
            CstInputValue::String(other.to_string())
        }
    }
}
