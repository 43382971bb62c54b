//! All files of a policy as one: whose tables stand where.

use super::fields::Fields;
use super::{Located, Node, Reader, Span};
use std::collections::HashMap;
use toml::de::DeTable;

/// The files of a policy, parsed.
pub(super) struct Document<'r, 't> {
    /// Each file as a whole.
    pub(super) roots: Vec<Fields<'r, 't>>,
    pub(super) principals: Vec<Entry<'r, 't>>,
    pub(super) profiles: Vec<Entry<'r, 't>>,
    pub(super) tools: Vec<Entry<'r, 't>>,
    pub(super) resources: Vec<Entry<'r, 't>>,
    pub(super) prompts: Vec<Entry<'r, 't>>,
    /// The `[limits]` table of each file that has one.
    pub(super) limits: Vec<Entry<'r, 't>>,
    /// The `[approvals]` table of each file that has one.
    pub(super) approvals: Vec<Entry<'r, 't>>,
}

/// One table that defines something, and the file it stands in.
pub(super) struct Entry<'r, 't> {
    pub(super) reader: &'r Reader<'r>,
    pub(super) name: Located<&'t str>,
    pub(super) node: &'t Node<'t>,
}

impl<'r, 't> Document<'r, 't> {
    /// The files of `readers`, each with its table. Notes unknown keys and
    /// versions; `None` when a file is in a language that is not known here.
    pub(super) fn open(readers: &'r [Reader<'r>], tables: &[&'t DeTable<'t>]) -> Option<Self> {
        let files = readers.iter().zip(tables);
        let roots: Vec<_> = files
            .map(|(reader, table)| Fields::root(reader, table))
            .collect();
        let known: Vec<bool> = roots.iter().map(version).collect();
        if known.contains(&false) {
            return None;
        }
        for root in &roots {
            root.only(&[
                "version",
                "include",
                "limits",
                "approvals",
                "principal",
                "profile",
                "tool",
                "resource",
                "prompt",
            ]);
        }
        Some(Self {
            principals: tables_of(&roots, "principal"),
            profiles: tables_of(&roots, "profile"),
            tools: tables_of(&roots, "tool"),
            resources: tables_of(&roots, "resource"),
            prompts: tables_of(&roots, "prompt"),
            limits: single(&roots, "limits"),
            approvals: single(&roots, "approvals"),
            roots,
        })
    }
}

/// The table `key` of each file that has one.
fn single<'r, 't>(roots: &[Fields<'r, 't>], key: &str) -> Vec<Entry<'r, 't>> {
    roots.iter().filter_map(|root| root.entry(key)).collect()
}

/// The tables that define a `kind`, file by file, in the order of the text.
/// A name that an earlier file defines is noted and left out.
fn tables_of<'r, 't>(roots: &[Fields<'r, 't>], kind: &str) -> Vec<Entry<'r, 't>> {
    let mut first: HashMap<&str, (&Reader<'_>, Span)> = HashMap::new();
    let mut entries = Vec::new();
    for root in roots {
        for (name, node) in root.tables(kind) {
            if let Some((reader, span)) = first.get(name.value) {
                let message = format!("{kind} `{}` is defined twice", name.value);
                let hint = format!("the first one stands at {}", reader.place(span));
                root.reader.error_hint(&name.span, message, hint);
                continue;
            }
            first.insert(name.value, (root.reader, name.span.clone()));
            entries.push(Entry {
                reader: root.reader,
                name,
                node,
            });
        }
    }
    entries
}
/// A later language than this one is that of a later release.
fn unknown(root: &Fields<'_, '_>, version: &Located<i64>) {
    if version.value > 1 {
        let message = format!(
            "version {} needs a newer Mini MCP: this one knows version 1 alone",
            version.value
        );
        let hint = "install the release that this was written for, or write it in version 1; \
                    `mini-mcp --version` tells which this is";
        root.reader.error_hint(&version.span, message, hint);
    } else {
        let message = format!("version {} is not known, only 1 is", version.value);
        root.reader.error(&version.span, message);
    }
}

/// Whether the rest is written in a language that is known here.
fn version(root: &Fields<'_, '_>) -> bool {
    let hint = "write `version = 1` in the first line";
    if !root.has("version") {
        root.reader
            .error_hint(&(0..0), "the policy has no `version`", hint);
        return true;
    }
    match root.integer("version") {
        Some(version) if version.value != 1 => {
            unknown(root, &version);
            false
        }
        _ => true,
    }
}
