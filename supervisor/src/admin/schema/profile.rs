//! `[profile.NAME]` as JSON Schema.

use super::part::{about, by_default, integer, path, size, table, text, time, word};
use serde_json::{Value as Json, json};

/// A profile.
pub(super) fn profile() -> Json {
    let keys = vec![
        (
            "extends",
            text("the profile whose keys hold where this one has none"),
        ),
        (
            "read",
            rules("files, and trees beneath directories, that may be read"),
        ),
        (
            "write",
            rules("files and trees that may be read and written"),
        ),
        (
            "execute",
            rules("files and trees that may be executed, besides the program itself"),
        ),
        (
            "run_as",
            by_default(text("\"caller\", or a user"), "caller"),
        ),
        (
            "timeout",
            by_default(
                time("wall time until the whole process tree is killed; at most 24h"),
                "30s",
            ),
        ),
        (
            "memory_max",
            by_default(
                size("memory of all processes together; at least 1M"),
                "512M",
            ),
        ),
        (
            "tasks_max",
            by_default(integer("processes and threads", 1, 65_536), 64),
        ),
        (
            "limit_fsize",
            by_default(size("size of any file written"), "64M"),
        ),
        (
            "limit_nofile",
            by_default(
                integer("open descriptors of each process", 8, 1_048_576),
                256,
            ),
        ),
        (
            "output_max",
            by_default(
                size("kept of each output stream, half head and half tail; 1K to 16M"),
                "48K",
            ),
        ),
        (
            "network",
            by_default(word("what may be reached", &["none"]), "none"),
        ),
        (
            "minimum_landlock",
            by_default(integer("oldest Landlock ABI to run under", 1, 99), 6),
        ),
        ("working_directory", about(path(), DIRECTORY)),
        (
            "environment",
            json!({
                "type": "object",
                "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
                "additionalProperties": {"type": "string"},
                "description": "added to the environment, which is built from nothing",
            }),
        ),
    ];
    table("a bundle of restrictions", &[], keys)
}

/// Paths, of which one with a leading `-` may be missing.
fn rules(words: &str) -> Json {
    let words = format!("{words}; one with a leading `-` may be missing");
    let rule = json!({"type": "string", "pattern": r"^-?(/|\$\{workspace\}|\$\{caller\.home\})"});
    json!({"type": "array", "items": rule, "description": words})
}

const DIRECTORY: &str =
    "where the command starts, and what relative path arguments are relative to";
