//! The audit trail as an administrator reads it: one JSON object a line.

use serde_json::Value;
use std::fs;
use std::path::Path;

/// One line of the audit trail.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry(pub Value);

impl Entry {
    /// A field; `null` when there is none.
    #[must_use]
    pub fn field(&self, name: &str) -> &Value {
        &self.0[name]
    }

    /// A field as text; empty when it is no text.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_default()
    }

    /// `open`, `start`, `end`, `deny` or `refuse`.
    #[must_use]
    pub fn event(&self) -> &str {
        self.text("event")
    }

    /// It is the `event` of a call of `tool`.
    #[must_use]
    pub fn is(&self, event: &str, tool: &str) -> bool {
        self.event() == event && self.text("tool") == tool
    }
}

/// What only keeps the chain, or tells more of a run or of who is there.
const BESIDES: [&str; 8] = [
    "checkpoint",
    "close",
    "turn",
    "running",
    "output",
    "attach",
    "detach",
    "key_use",
];

/// What happened: the lines of the audit trail at `path` but those of the chain itself.
#[must_use]
pub(crate) fn happened(path: &Path) -> Vec<Entry> {
    let mut entries = entries(path);
    entries.retain(|entry| !BESIDES.contains(&entry.event()));
    entries
}

/// The lines of the audit trail at `path`, each of which must be one JSON object.
///
/// # Panics
/// On a line that is not.
#[must_use]
pub(crate) fn entries(path: &Path) -> Vec<Entry> {
    let text = fs::read_to_string(path).unwrap_or_default();
    // A line that is still being written has no line feed yet.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let parse = |line: &str| {
        let value: Value = serde_json::from_str(line).expect("a JSON object a line");
        assert!(value.is_object(), "not an object: {line}");
        Entry(value)
    };
    whole.lines().map(parse).collect()
}
