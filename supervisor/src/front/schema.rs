//! Tools as clients see them: JSON Schema made from the policy's parameters.

use policy::{
    Access, Background, Caller, Characters, Existence, FileKind, Kind, Parameter, Pattern, Policy,
    Value,
};
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Value as Json, json};
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

/// All tools of a policy, described once.
#[derive(Debug)]
pub(crate) struct Catalogue {
    tools: HashMap<String, Tool>,
    output: Arc<JsonObject>,
}

impl Catalogue {
    /// Describes every tool of `policy`.
    pub(crate) fn new(policy: &Policy) -> Self {
        let output = Arc::new(output_schema());
        let describe = |tool| (policy::Tool::name(tool).to_owned(), describe(tool, &output));
        Self {
            tools: policy.tools().map(describe).collect(),
            output,
        }
    }

    /// The tools that `caller` may call, sorted by name.
    pub(crate) fn for_caller(&self, policy: &Policy, caller: &Caller) -> Vec<Tool> {
        let visible = policy.tools_for(caller);
        let tools = visible.into_iter().filter_map(|tool| {
            let described = match &tool {
                Cow::Borrowed(tool) => self.tools.get(tool.name())?.clone(),
                Cow::Owned(tool) => describe(tool, &self.output),
            };
            let described = if tool.needs_confirmation(caller) {
                needing(described, "The user must confirm each call.")
            } else {
                described
            };
            Some(if tool.needs_approval(caller) {
                needing(described, "An administrator must approve each call.")
            } else {
                described
            })
        });
        tools.collect()
    }
}

fn describe(tool: &policy::Tool, output: &Arc<JsonObject>) -> Tool {
    let title = title(tool.name());
    let annotations = ToolAnnotations::with_title(title.clone())
        .read_only(tool.read_only())
        .destructive(!tool.read_only())
        // No profile grants a network.
        .open_world(false);
    let name = tool.name().to_owned();
    let background = match tool.background() {
        Background::Never => "",
        Background::Connected | Background::Outliving => "\nCan run in the background: run_start",
    };
    let description = format!(
        "{}\nLimits: {}{background}",
        tool.description().trim_end(),
        tool.bounds()
    );
    Tool::new(name, description, input_schema(tool.parameters()))
        .with_title(title)
        .with_raw_output_schema(Arc::clone(output))
        .with_annotations(annotations)
}

/// `tool` for a caller whose calls wait for somebody, of whom `sentence` tells.
fn needing(mut tool: Tool, sentence: &str) -> Tool {
    let words = tool.description.as_deref().unwrap_or_default();
    let words = format!("{words}\n{sentence}");
    tool.description = Some(words.into());
    tool
}

/// `tail_log` as people read it: `Tail log`.
pub(super) fn title(name: &str) -> String {
    let words = name.replace(['_', '-', '.'], " ");
    let mut characters = words.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => words,
    }
}

pub(super) fn object(json: Json) -> JsonObject {
    match json {
        Json::Object(object) => object,
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
            JsonObject::new()
        }
    }
}

fn input_schema(parameters: &[Parameter]) -> JsonObject {
    let property = |parameter: &Parameter| (parameter.name().to_owned(), property(parameter));
    let properties: JsonObject = parameters.iter().map(property).collect();
    let required = parameters.iter().filter(|parameter| parameter.required());
    let required: Vec<&str> = required.map(Parameter::name).collect();
    let mut schema = object(json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    }));
    let together = parameters
        .iter()
        .filter(|parameter| !parameter.requires().is_empty());
    let together: JsonObject = together
        .map(|parameter| (parameter.name().to_owned(), json!(parameter.requires())))
        .collect();
    if !together.is_empty() {
        schema.insert("dependentRequired".to_owned(), Json::Object(together));
    }
    // JSON Schema draft 4 has no empty list here, and some clients still ask it.
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    schema
}

pub(super) fn property(parameter: &Parameter) -> Json {
    let mut schema = kind_schema(parameter.kind());
    if let Some(default) = parameter.default() {
        schema.insert("default".to_owned(), value(default));
    }
    let meaning = parameter.description().map(str::to_owned);
    let alone = parameter.conflicts();
    let alone = (!alone.is_empty()).then(|| format!("not together with `{}`", alone.join("`, `")));
    let words: Vec<String> = meaning
        .into_iter()
        .chain(note(parameter.kind()))
        .chain(alone)
        .collect();
    if !words.is_empty() {
        schema.insert("description".to_owned(), json!(words.join("; ")));
    }
    Json::Object(schema)
}

fn kind_schema(kind: &Kind) -> JsonObject {
    match kind {
        Kind::Integer { min, max } => integer_schema(*min, *max),
        Kind::Text {
            max_length,
            pattern,
            ..
        } => text_schema(*max_length, pattern.as_ref().map(Pattern::as_str)),
        Kind::Enumeration { values } => object(json!({"type": "string", "enum": values})),
        Kind::Flag => object(json!({"type": "boolean"})),
        Kind::Number { min, max } => number_schema(*min, *max),
        Kind::List {
            of,
            min_items,
            max_items,
        } => object(json!({
            "type": "array",
            "items": kind_schema(of),
            "minItems": min_items,
            "maxItems": max_items,
        })),
        Kind::Path { .. }
        | Kind::Duration { .. }
        | Kind::Size { .. }
        | Kind::Host
        | Kind::Ip
        | Kind::Cidr
        | Kind::Unit { .. }
        | Kind::User => object(json!({"type": "string", "minLength": 1})),
    }
}

/// The ends of the range of floats are no bounds.
fn number_schema(min: f64, max: f64) -> JsonObject {
    let mut schema = object(json!({"type": "number"}));
    if min > f64::MIN {
        schema.insert("minimum".to_owned(), json!(min));
    }
    if max < f64::MAX {
        schema.insert("maximum".to_owned(), json!(max));
    }
    schema
}

/// The ends of the 64-bit range are no bounds, and floats cannot tell them.
fn integer_schema(min: i64, max: i64) -> JsonObject {
    let mut schema = object(json!({"type": "integer"}));
    if min != i64::MIN {
        schema.insert("minimum".to_owned(), json!(min));
    }
    if max != i64::MAX {
        schema.insert("maximum".to_owned(), json!(max));
    }
    schema
}

fn text_schema(max_length: usize, pattern: Option<&str>) -> JsonObject {
    let mut schema = object(json!({"type": "string", "maxLength": max_length}));
    if let Some(pattern) = pattern.filter(|pattern| is_portable(pattern)) {
        schema.insert("pattern".to_owned(), json!(format!("^(?:{pattern})$")));
    }
    schema
}

/// What the schema of a kind cannot say.
fn note(kind: &Kind) -> Option<String> {
    match kind {
        Kind::Integer { .. } | Kind::Number { .. } | Kind::Enumeration { .. } | Kind::Flag => None,
        Kind::List { of, .. } => note(of).map(|note| format!("each: {note}")),
        Kind::Duration { min, max, .. } => Some(format!(
            "time between {min:?} and {max:?}, such as `90s`, `5min` or `1h30min`"
        )),
        Kind::Size { min, max, .. } => Some(format!(
            "between {min} and {max} bytes, such as `64K` or `1G`"
        )),
        Kind::Host => Some("host name".to_owned()),
        Kind::Ip => Some("IPv4 or IPv6 address".to_owned()),
        Kind::Cidr => Some("network, such as `10.0.0.0/8`".to_owned()),
        Kind::Unit { suffixes } if suffixes.is_empty() => Some("name of a systemd unit".to_owned()),
        Kind::Unit { suffixes } => Some(format!(
            "name of a systemd unit that ends in `{}`",
            suffixes.join("` or `")
        )),
        Kind::User => Some("name of a user".to_owned()),
        Kind::Text {
            pattern,
            leading_dash,
            characters,
            ..
        } => {
            let only = characters.map(|class| format!("only {}", characters_in_words(class)));
            let pattern = pattern.as_ref().map(Pattern::as_str);
            let pattern = pattern.filter(|pattern| !is_portable(pattern));
            let pattern = pattern.map(|pattern| format!("must match `{pattern}` as a whole"));
            let dash = (!leading_dash).then(|| "must not begin with `-`".to_owned());
            let notes: Vec<String> = only.into_iter().chain(pattern).chain(dash).collect();
            (!notes.is_empty()).then(|| notes.join("; "))
        }
        Kind::Path {
            under,
            access,
            kind,
            exists,
        } => Some(path_note(under, (*access, *exists), *kind)),
    }
}

fn characters_in_words(class: Characters) -> &'static str {
    match class {
        Characters::Alnum => "letters and digits of ASCII",
        Characters::Word => "letters and digits of ASCII, and `_`",
        Characters::Digits => "digits",
        Characters::Printable => "printable ASCII",
    }
}

fn path_note(under: &[PathBuf], (access, exists): (Access, Existence), kind: FileKind) -> String {
    let what = match kind {
        FileKind::File => "file",
        FileKind::Directory => "directory",
        FileKind::Any => "file or directory",
    };
    let use_of_it = match access {
        Access::Read => "to read",
        Access::Write => "to read and write",
        Access::Create if exists == Existence::MustNot => "to create, which must not exist yet,",
        Access::Create => "to write, created if need be",
    };
    let missing = match (access, exists) {
        (Access::Read | Access::Write, Existence::May) => ", which need not exist",
        _ => "",
    };
    let roots: Vec<String> = under
        .iter()
        .map(|root| format!("`{}`", root.display()))
        .collect();
    format!(
        "path of a {what} {use_of_it}{missing}, in or beneath {}",
        roots.join(" or ")
    )
}

/// Whether ECMA 262, which JSON Schema refers to, reads `pattern` as the policy
/// does: without inline flags, named groups, POSIX classes and the escapes that
/// the two spell differently.
fn is_portable(pattern: &str) -> bool {
    let group_syntax = pattern.match_indices("(?").all(|(at, _)| {
        let rest = pattern.get(at..).unwrap_or_default();
        rest.starts_with("(?:")
    });
    let foreign = [
        "[[", "[^[", "&&", "--", "~~", r"\A", r"\z", r"\<", r"\>", r"\x{", r"\u{", r"\U", r"\a",
        r"\b{", r"\p", r"\P",
    ];
    group_syntax && pattern.is_ascii() && !foreign.iter().any(|part| pattern.contains(part))
}

fn value(value: &Value) -> Json {
    match value {
        Value::Boolean(flag) => json!(flag),
        Value::Integer(whole) => json!(whole),
        Value::Number(number) => json!(number),
        Value::Text(text) => json!(text),
        Value::List(items) => items.iter().map(self::value).collect(),
    }
}

/// The shape of `structuredContent`: an outcome, a denial or a failure.
fn output_schema() -> JsonObject {
    object(json!({
        "type": "object",
        "properties": {
            "run_id": {"type": "string", "description": "name of the run in the audit trail"},
            "exit_code": {"type": ["integer", "null"], "description": "null when a signal ended the command"},
            "signal": {"type": ["string", "null"], "description": "the signal that ended the command, such as SIGKILL"},
            "timed_out": {"type": "boolean", "description": "the time limit passed and the whole process tree was killed"},
            "cancelled": {"type": "boolean", "description": "the call was cancelled and the whole process tree was killed"},
            "stdout": {"type": "string"},
            "stderr": {"type": "string"},
            "stdout_truncated": {"type": "boolean", "description": "only head and tail are there"},
            "stderr_truncated": {"type": "boolean", "description": "only head and tail are there"},
            "stdout_uri": {"type": "string", "description": "resource with the whole output, when only head and tail are here"},
            "stderr_uri": {"type": "string", "description": "resource with the whole output, when only head and tail are here"},
            "stdout_bytes": {"type": "integer", "description": "how many bytes the command wrote"},
            "stderr_bytes": {"type": "integer", "description": "how many bytes the command wrote"},
            "wall_ms": {"type": "number"},
            "cpu_ms": {"type": "number"},
            "memory_peak_bytes": {"type": "integer"},
            "blocked": {
                "type": "array",
                "items": {"enum": ["system_call", "limit_fsize", "limit_cpu", "memory_max", "tasks_max", "record_max", "record"]},
                "description": "what the sandbox is known to have stopped. Files, sockets and system calls that it refuses \
                    with an error are not in here: the program says so itself, as `Permission denied` or `Operation not \
                    permitted`",
            },
            "held_by_rlimits": {
                "type": "array",
                "items": {"enum": ["memory_max", "tasks_max"]},
                "description": "limits that hold for each process (memory_max) or for the user (tasks_max) instead of for the \
                    whole command, because the host has no cgroup controller for them",
            },
            "denied_by_sandbox": {
                "type": "array",
                "items": {"type": "string"},
                "description": "what was refused to a command that failed, such as `openat of /etc/shadow for reading`, \
                    the last of it; empty where the host does not tell",
            },
            "denied": {
                "type": "object",
                "description": "the policy does not allow the call; nothing ran",
                "properties": {
                    "code": {"type": "string"},
                    "rule": {"type": "string", "description": "the part of the policy that refused"},
                    "reason": {"type": "string"},
                },
                "required": ["code", "rule", "reason"],
                "additionalProperties": false,
            },
            "failed": {
                "type": "object",
                "description": "the call is allowed but could not be carried out",
                "properties": {
                    "code": {"type": "string"},
                    "reason": {"type": "string"},
                },
                "required": ["code", "reason"],
                "additionalProperties": false,
            },
        },
        "additionalProperties": false,
        "oneOf": [
            {"required": [
                "run_id", "exit_code", "signal", "timed_out", "cancelled", "stdout", "stderr",
                "stdout_truncated", "stderr_truncated", "stdout_bytes", "stderr_bytes",
                "wall_ms", "cpu_ms", "memory_peak_bytes", "blocked", "held_by_rlimits", "denied_by_sandbox",
            ]},
            {"required": ["denied"]},
            {"required": ["failed"]},
        ],
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_read_by_people() {
        assert_eq!(title("tail_log"), "Tail log");
        assert_eq!(title("df"), "Df");
    }

    #[test]
    fn integers_tell_their_bounds() {
        assert_eq!(
            Json::Object(kind_schema(&Kind::Integer { min: 1, max: 50 })),
            json!({"type": "integer", "minimum": 1, "maximum": 50})
        );
        let unbounded = Kind::Integer {
            min: i64::MIN,
            max: i64::MAX,
        };
        assert_eq!(
            Json::Object(kind_schema(&unbounded)),
            json!({"type": "integer"})
        );
    }

    #[test]
    fn enumerations_keep_the_order_of_the_policy() {
        let values = vec!["z".to_owned(), "a".to_owned()];
        assert_eq!(
            Json::Object(kind_schema(&Kind::Enumeration { values })),
            json!({"type": "string", "enum": ["z", "a"]})
        );
    }

    #[test]
    fn texts_tell_what_they_must_not_be() {
        let text = |leading_dash| Kind::Text {
            max_length: 20,
            pattern: None,
            characters: None,
            leading_dash,
        };
        assert_eq!(
            Json::Object(kind_schema(&text(false))),
            json!({"type": "string", "maxLength": 20})
        );
        assert_eq!(note(&text(false)).unwrap(), "must not begin with `-`");
        assert_eq!(note(&text(true)), None);
    }

    #[test]
    fn paths_tell_their_roots() {
        let kind = Kind::Path {
            under: vec!["/var/log".into(), "/srv".into()],
            access: Access::Read,
            kind: FileKind::File,
            exists: Existence::Must,
        };
        assert_eq!(
            note(&kind).unwrap(),
            "path of a file to read, in or beneath `/var/log` or `/srv`"
        );
    }

    #[test]
    fn only_patterns_that_all_clients_read_alike_are_shown_to_them() {
        for portable in ["[a-z]+", r"\d{1,3}(?:\.\d+)?", "a|b", r"[\w.-]+"] {
            assert!(is_portable(portable), "{portable}");
        }
        for foreign in [
            "(?i)a",
            "(?P<n>a)",
            "[[:alpha:]]",
            r"\Aa\z",
            r"\x{41}",
            "é",
            r"\pL",
        ] {
            assert!(!is_portable(foreign), "{foreign}");
        }
    }

    #[test]
    fn a_tool_without_parameters_takes_none() {
        assert_eq!(
            Json::Object(input_schema(&[])),
            json!({"type": "object", "properties": {}, "additionalProperties": false})
        );
    }
}
