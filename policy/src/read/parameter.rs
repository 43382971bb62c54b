//! `[tool.NAME.args]`: typed parameters.

use super::fields::Fields;
use super::{Located, Node, Reader, Span};
use crate::{Access, FileKind, Kind, Parameter, Pattern, Value};
use std::collections::HashSet;
use std::path::PathBuf;

/// Characters of a string unless written, and the most that can be written.
const LENGTH: u32 = 256;
const LENGTH_MAX: u32 = 16_384;

/// A parameter as written.
pub(super) struct Declared<'t> {
    pub(super) name: Located<&'t str>,
    /// `None` when its table has mistakes.
    pub(super) parsed: Option<Parsed>,
}

/// A parameter and what only reading the command needs of it.
pub(super) struct Parsed {
    pub(super) parameter: Parameter,
    /// What stands for a flag in the command.
    pub(super) flag: Option<String>,
    /// Where the default stands.
    pub(super) default: Option<Span>,
}

/// What can be written as `type`.
#[derive(Clone, Copy)]
enum Type {
    Integer,
    Text,
    Enumeration,
    Flag,
    Path,
}

const TYPES: [(&str, Type); 5] = [
    ("integer", Type::Integer),
    ("string", Type::Text),
    ("enum", Type::Enumeration),
    ("flag", Type::Flag),
    ("path", Type::Path),
];

const ACCESS: [(&str, Access); 2] = [("read", Access::Read), ("write", Access::Write)];

const KINDS: [(&str, FileKind); 3] = [
    ("file", FileKind::File),
    ("directory", FileKind::Directory),
    ("any", FileKind::Any),
];

impl Type {
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Integer => &["type", "description", "default", "optional", "min", "max"],
            Self::Text => &[
                "type",
                "description",
                "default",
                "optional",
                "max_length",
                "pattern",
                "leading_dash",
            ],
            Self::Enumeration => &["type", "description", "default", "optional", "values"],
            Self::Flag => &["type", "description", "default", "flag"],
            Self::Path => &[
                "type",
                "description",
                "default",
                "optional",
                "under",
                "access",
                "kind",
            ],
        }
    }
}

/// The parameters of `tool`, in the order of the text.
pub(super) fn parameters<'t>(tool: &Fields<'_, 't>) -> Vec<Declared<'t>> {
    tool.tables("args")
        .into_iter()
        .map(|(name, node)| {
            tool.reader.name(&name, "an argument");
            let parsed = parameter(tool.reader, &name, node);
            Declared { name, parsed }
        })
        .collect()
}

fn parameter(reader: &Reader<'_>, name: &Located<&str>, node: &Node<'_>) -> Option<Parsed> {
    let before = reader.mistakes();
    let owner = format!("argument `{}`", name.value);
    let fields = Fields::open(reader, owner, name.span.clone(), node)?;
    fields.require(
        "type",
        "write `type = \"integer\"`, `string`, `enum`, `flag` or `path`",
    );
    let sort = fields.word("type", &TYPES)?;
    fields.only(sort.keys());
    let kind = kind(&fields, sort);
    // Checked like any other value, once the command tells where it goes.
    let default = fields.value("default");
    let flag = flag(&fields, sort);
    let optional = optional(&fields);
    let description = fields.text("description").map(|text| text.value.to_owned());
    let at = default.as_ref().map(|default| default.span.clone());
    let parameter = Parameter {
        name: name.value.to_owned(),
        description,
        default: default
            .map(|default| default.value)
            .or_else(|| absent(sort)),
        optional,
        kind: kind?,
    };
    (reader.mistakes() == before).then_some(Parsed {
        parameter,
        flag,
        default: at,
    })
}

/// The default that need not be written.
fn absent(sort: Type) -> Option<Value> {
    matches!(sort, Type::Flag).then_some(Value::Boolean(false))
}

fn kind(fields: &Fields<'_, '_>, sort: Type) -> Option<Kind> {
    match sort {
        Type::Integer => integer(fields),
        Type::Text => Some(text(fields)),
        Type::Enumeration => enumeration(fields),
        Type::Flag => Some(Kind::Flag),
        Type::Path => path(fields),
    }
}

fn integer(fields: &Fields<'_, '_>) -> Option<Kind> {
    let (min, max) = (fields.integer("min"), fields.integer("max"));
    if let (Some(min), Some(max)) = (&min, &max)
        && min.value > max.value
    {
        fields.reader.error(&max.span, "`max` is less than `min`");
        return None;
    }
    Some(Kind::Integer {
        min: min.map_or(i64::MIN, |min| min.value),
        max: max.map_or(i64::MAX, |max| max.value),
    })
}

fn text(fields: &Fields<'_, '_>) -> Kind {
    let length = fields.number("max_length", 1..=LENGTH_MAX);
    let length = length.map_or(LENGTH, |length| length.value);
    Kind::Text {
        max_length: usize::try_from(length).unwrap_or(usize::MAX),
        pattern: pattern(fields),
        leading_dash: fields
            .boolean("leading_dash")
            .is_some_and(|dash| dash.value),
    }
}

fn pattern(fields: &Fields<'_, '_>) -> Option<Pattern> {
    let text = fields.text("pattern")?;
    match Pattern::new(text.value) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            fields
                .reader
                .error(&text.span, format!("`pattern` cannot be compiled: {error}"));
            None
        }
    }
}

fn enumeration(fields: &Fields<'_, '_>) -> Option<Kind> {
    let reader = fields.reader;
    fields.require(
        "values",
        "list the words, such as `values = [\"on\", \"off\"]`",
    );
    let words = fields.texts("values")?;
    if words.value.is_empty() {
        reader.error(&words.span, "`values` is empty");
    }
    let mut seen = HashSet::new();
    for word in &words.value {
        if word.value.contains(char::is_control) {
            reader.error(&word.span, "a value has a control character");
        }
        if !seen.insert(word.value) {
            reader.error(&word.span, format!("value `{}` stands twice", word.value));
        }
    }
    let values = words
        .value
        .iter()
        .map(|word| word.value.to_owned())
        .collect();
    Some(Kind::Enumeration { values })
}

fn path(fields: &Fields<'_, '_>) -> Option<Kind> {
    fields.require(
        "under",
        "list directories, such as `under = [\"/var/log\"]`",
    );
    let under = fields.texts("under")?;
    if under.value.is_empty() {
        fields.reader.error(&under.span, "`under` is empty");
    }
    let roots: Vec<PathBuf> = under
        .value
        .iter()
        .filter_map(|root| fields.reader.path(root))
        .collect();
    Some(Kind::Path {
        under: roots,
        access: fields.word("access", &ACCESS).unwrap_or(Access::Read),
        kind: fields.word("kind", &KINDS).unwrap_or(FileKind::File),
    })
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
