//! The configuration of Codex: TOML, whose comments and format are kept.

use super::server::Server;
use toml_edit::{Array, DocumentMut, Item, Table, TableLike, Value, value};

/// Where Codex looks for servers.
const TABLE: &str = "mcp_servers";

/// How long Codex waits for a call, in seconds: its own minute is less than policies give.
const PATIENCE: i64 = 300;

/// The configuration `text` with `server`.
pub(super) fn merge(text: &str, server: &Server) -> Result<String, String> {
    let read = |text: &str| text.parse::<DocumentMut>().map_err(|error| first(&error));
    let mut document = read(text)?;
    let servers = document.entry(TABLE).or_insert_with(|| {
        let mut table = Table::new();
        // Its own line would be empty.
        table.set_implicit(true);
        Item::Table(table)
    });
    let servers = servers
        .as_table_like_mut()
        .ok_or_else(|| format!("`{TABLE}` is no table"))?;
    put(servers, server)?;
    let after = document.to_string();
    read(&after)?;
    Ok(after)
}

/// The error's own first line; the rest of it draws.
fn first(error: &toml_edit::TomlError) -> String {
    error
        .message()
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn put(servers: &mut dyn TableLike, server: &Server) -> Result<(), String> {
    let name = &server.name;
    match servers.get_mut(name) {
        None => {
            servers.insert(name, Item::Table(table(server)));
            Ok(())
        }
        Some(there) => {
            let there = there
                .as_table_like_mut()
                .ok_or_else(|| format!("`{TABLE}.{name}` is no table"))?;
            if there.contains_key("url") {
                return Err(format!(
                    "`{TABLE}.{name}` is there, and is no program to start"
                ));
            }
            set(there, "command", server.command.as_str().into());
            set(there, "args", arguments(server).into());
            Ok(())
        }
    }
}

fn table(server: &Server) -> Table {
    let mut table = Table::new();
    table.insert("command", value(&server.command));
    table.insert("args", value(arguments(server)));
    table.insert("tool_timeout_sec", value(PATIENCE));
    table
}

fn arguments(server: &Server) -> Array {
    server.arguments.iter().collect()
}

/// Sets a value that differs; one that does not stays as it is written.
fn set(table: &mut dyn TableLike, key: &str, wanted: Value) {
    match table.get_mut(key) {
        Some(Item::Value(there)) if same(there, &wanted) => {}
        Some(Item::Value(there)) => {
            let decor = there.decor().clone();
            *there = wanted;
            *there.decor_mut() = decor;
        }
        _ => {
            table.insert(key, Item::Value(wanted));
        }
    }
}

fn same(one: &Value, other: &Value) -> bool {
    let texts = |value: &Value| -> Option<Vec<String>> {
        let items = value.as_array()?.iter();
        items.map(|item| Some(item.as_str()?.to_owned())).collect()
    };
    match (one.as_str(), other.as_str()) {
        (Some(one), Some(other)) => one == other,
        _ => texts(one).is_some() && texts(one) == texts(other),
    }
}
