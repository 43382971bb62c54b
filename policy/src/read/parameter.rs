//! `[tool.NAME.args]`: parameters.

use super::fields::Fields;
use super::kind::{TYPES, Type, kind};
use super::relation::{Relations, relations};
use super::{Located, Node, Reader, Span};
use crate::{Parameter, Value};

/// A parameter as written.
pub(super) struct Declared<'t> {
    pub(super) name: Located<&'t str>,
    /// `None` when its table has mistakes.
    pub(super) parsed: Option<Parsed<'t>>,
}

/// A parameter and what only reading the command needs of it.
pub(super) struct Parsed<'t> {
    pub(super) parameter: Parameter,
    /// What stands for a flag in the command.
    pub(super) flag: Option<String>,
    /// Where the default stands.
    pub(super) default: Option<Span>,
    /// The arguments that it names.
    pub(super) relations: Relations<'t>,
}

/// The parameters of `tool`, in the order of the text.
pub(super) fn parameters<'t>(tool: &Fields<'_, 't>) -> Vec<Declared<'t>> {
    let tables = tool.tables("args").into_iter();
    let declared: Vec<Declared<'t>> = tables
        .map(|(name, node)| {
            tool.reader.name(&name, "an argument");
            let parsed = parameter(tool.reader, &name, node);
            Declared { name, parsed }
        })
        .collect();
    relations(tool, &declared);
    declared
}

fn parameter<'t>(
    reader: &Reader<'_>,
    name: &Located<&str>,
    node: &'t Node<'t>,
) -> Option<Parsed<'t>> {
    let before = reader.mistakes();
    let owner = format!("argument `{}`", name.value);
    let fields = Fields::open(reader, owner, name.span.clone(), node)?;
    fields.require(
        "type",
        "write `type = \"integer\"`, `string`, `enum`, `flag`, `path` or another",
    );
    let sort = fields.word("type", &TYPES)?;
    fields.only(&sort.keys());
    let kind = kind(&fields, sort);
    // Checked like any other value, once the command tells where it goes.
    let default = fields.value("default");
    let flag = flag(&fields, sort);
    let optional = optional(&fields);
    let secret = secret(&fields);
    let description = fields.text("description").map(|text| text.value.to_owned());
    let relations = Relations::of(&fields);
    let at = default.as_ref().map(|default| default.span.clone());
    let parameter = Parameter {
        name: name.value.to_owned(),
        at: reader.at(&name.span),
        description,
        default: default
            .map(|default| default.value)
            .or_else(|| absent(sort)),
        optional,
        secret,
        requires: relations.requires(),
        conflicts: relations.conflicts(),
        kind: kind?,
    };
    (reader.mistakes() == before).then_some(Parsed {
        parameter,
        flag,
        default: at,
        relations,
    })
}

/// The default that need not be written.
fn absent(sort: Type) -> Option<Value> {
    matches!(sort, Type::Flag).then_some(Value::Boolean(false))
}

/// What stands in the command for the flag.
fn flag(fields: &Fields<'_, '_>, sort: Type) -> Option<String> {
    if !matches!(sort, Type::Flag) {
        return None;
    }
    fields.require("flag", "write what stands for it, such as `flag = \"-h\"`");
    let text = fields.text("flag")?;
    if text.value.is_empty() || text.value.contains(char::is_control) {
        fields
            .reader
            .error(&text.span, "`flag` is empty or has a control character");
    }
    Some(text.value.to_owned())
}

fn optional(fields: &Fields<'_, '_>) -> bool {
    let Some(optional) = fields.boolean("optional") else {
        return false;
    };
    if optional.value && fields.has("default") {
        let message = "`optional` and `default` exclude each other";
        let hint = "an optional argument that is absent is left out of the command";
        fields.reader.error_hint(&optional.span, message, hint);
    }
    optional.value
}

/// A secret that stands in the policy is none.
fn secret(fields: &Fields<'_, '_>) -> bool {
    let Some(secret) = fields.boolean("secret") else {
        return false;
    };
    if secret.value && fields.has("default") {
        let message = "`secret` and `default` exclude each other";
        let hint = "who reads the policy would know it";
        fields.reader.error_hint(&secret.span, message, hint);
    }
    secret.value
}
