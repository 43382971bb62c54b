//! `[resource.NAME]` and `[prompt.NAME]` as JSON Schema.

use super::part::{about, by_default, named, path, size, table, text, texts, with, word};
use super::{NAME, limits};
use serde_json::{Value as Json, json};

/// A file or a directory that is published.
pub(super) fn resource() -> Json {
    let keys = vec![
        ("title", text("what people call it")),
        (
            "description",
            json!({"type": "string", "pattern": r"\S", "description": "what it holds, for people and models"}),
        ),
        (
            "path",
            about(
                path(),
                "the file, or the directory that is published with all beneath",
            ),
        ),
        (
            "kind",
            by_default(word("what it is", &["file", "directory"]), "file"),
        ),
        (
            "mime_type",
            text("media type of the content, such as \"text/markdown\""),
        ),
        (
            "size_max",
            by_default(size("what one read gives, 1K to 16M"), "1M"),
        ),
        (
            "profile",
            text("name of the profile that says whom it is read as, and how that is held"),
        ),
        ("allow", texts("principals that may read it")),
        (
            "deny",
            texts("principals that may not read it, whatever else they are"),
        ),
        (
            "example",
            json!({
                "type": "array",
                "items": {"$ref": "#/$defs/example"},
                "description": "reads and what is expected of them, checked at every load",
            }),
        ),
    ];
    let keys = [keys, limits()].concat();
    let words = "a file or a directory that may be read";
    ruled(table(words, &["description", "path"], keys))
}

/// A text for an agent.
pub(super) fn prompt() -> Json {
    let keys = vec![
        ("title", text("what people call it")),
        (
            "description",
            json!({"type": "string", "pattern": r"\S", "description": "what it is for"}),
        ),
        (
            "text",
            json!({
                "type": "string",
                "pattern": r"\S",
                "description": "what the agent is to do; `{name}` stands for an argument, `{{` and `}}` for braces",
            }),
        ),
        ("allow", texts("principals that may get it")),
        (
            "deny",
            texts("principals that may not get it, whatever else they are"),
        ),
        ("args", named("its arguments", NAME, "word")),
        (
            "example",
            json!({
                "type": "array",
                "items": {"$ref": "#/$defs/example"},
                "description": "uses and what is expected of them, checked at every load",
            }),
        ),
    ];
    let words = "a text for an agent, with arguments in their places";
    ruled(table(words, &["description", "text"], keys))
}

/// `schema`, with a list of principals.
fn ruled(schema: Json) -> Json {
    let some_rule = json!([{"required": ["allow"]}, {"required": ["deny"]}]);
    with(schema, "anyOf", some_rule)
}
