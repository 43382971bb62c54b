//! Tools in words, told from their schemas: what a client is told is what is shown.

use rmcp::model::{JsonObject, Tool};
use serde_json::{Value as Json, json};

/// A tool as people and models read it: its name, what it does, its parameters.
pub(crate) fn described(tool: &Tool) -> String {
    let annotations = tool.annotations.as_ref();
    let read_only = annotations.and_then(|hints| hints.read_only_hint) == Some(true);
    let mark = if read_only { " (read-only)" } else { "" };
    let about = tool.description.as_deref().unwrap_or_default();
    let mut lines = vec![format!("{}{mark}", tool.name), indented(about, 2)];
    lines.extend(parameters(&tool.input_schema));
    lines.join("\n") + "\n"
}

/// `text` with every line `by` spaces to the right.
fn indented(text: &str, by: usize) -> String {
    let margin = " ".repeat(by);
    let lines: Vec<String> = text.lines().map(|line| format!("{margin}{line}")).collect();
    lines.join("\n")
}

/// A line for each parameter of `schema`.
fn parameters(schema: &JsonObject) -> Vec<String> {
    let required = schema.get("required").and_then(Json::as_array);
    let properties = schema.get("properties").and_then(Json::as_object);
    let line = |(name, property): (&String, &Json)| {
        let required = required.is_some_and(|names| names.contains(&json!(name)));
        indented(&format!("{name}: {}", parameter(property, required)), 4)
    };
    properties.map_or_else(Vec::new, |all| all.iter().map(line).collect())
}

/// What one parameter takes, and what it means.
pub(super) fn parameter(property: &Json, required: bool) -> String {
    let mut words = values(property);
    match property.get("default") {
        Some(default) => words.push_str(&format!(", default {default}")),
        None if required => words.push_str(", required"),
        None => {}
    }
    if let Some(about) = property.get("description").and_then(Json::as_str) {
        words.push_str(&format!("; {about}"));
    }
    words
}

/// Which values `schema` takes.
fn values(schema: &Json) -> String {
    let name = schema.get("type").and_then(Json::as_str);
    let mut words = vec![name.unwrap_or("any value").to_owned()];
    let bounds = [
        ("enum", "one of"),
        ("minimum", "at least"),
        ("maximum", "at most"),
        ("maxLength", "characters at most"),
        ("pattern", "matching"),
        ("minItems", "items at least"),
        ("maxItems", "items at most"),
    ];
    for (key, phrase) in bounds {
        if let Some(bound) = schema.get(key) {
            words.push(format!("{phrase} {bound}"));
        }
    }
    if let Some(items) = schema.get("items") {
        words.push(format!("each {}", values(items)));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_with_their_bounds() {
        let integer = json!({"type": "integer", "minimum": 1, "maximum": 9});
        assert_eq!(values(&integer), "integer, at least 1, at most 9");
        let word = json!({"type": "string", "enum": ["on", "off"]});
        assert_eq!(values(&word), "string, one of [\"on\",\"off\"]");
        let list = json!({"type": "array", "minItems": 1, "items": integer});
        assert_eq!(
            values(&list),
            "array, items at least 1, each integer, at least 1, at most 9"
        );
    }

    #[test]
    fn a_parameter_tells_its_default_or_that_it_is_required() {
        let flag = json!({"type": "boolean", "default": false, "description": "all"});
        assert_eq!(parameter(&flag, false), "boolean, default false; all");
        let text = json!({"type": "string"});
        assert_eq!(parameter(&text, true), "string, required");
        assert_eq!(parameter(&text, false), "string");
    }
}
