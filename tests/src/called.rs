//! What a call came to, as the client reads it.

use serde_json::{Value, json};

/// The answer to `tools/call`, as it came.
#[derive(Debug, Clone)]
pub struct Called(pub Value);

impl Called {
    /// The whole text content.
    #[must_use]
    pub fn text(&self) -> String {
        let parts = self.0["result"]["content"].as_array().into_iter().flatten();
        parts.filter_map(|part| part["text"].as_str()).collect()
    }

    /// A field of the structured content; `null` when there is none.
    #[must_use]
    pub fn field(&self, name: &str) -> &Value {
        &self.0["result"]["structuredContent"][name]
    }

    /// What the command wrote to its standard output.
    #[must_use]
    #[track_caller]
    pub fn stdout(&self) -> &str {
        let text = self.field("stdout").as_str();
        text.unwrap_or_else(|| panic!("no standard output in {}", self.0))
    }

    /// What the command wrote to its standard error.
    #[must_use]
    #[track_caller]
    pub fn stderr(&self) -> &str {
        let text = self.field("stderr").as_str();
        text.unwrap_or_else(|| panic!("no standard error in {}", self.0))
    }

    /// The exit code; `None` when a signal ended the command.
    #[must_use]
    #[track_caller]
    pub fn exit_code(&self) -> Option<i64> {
        let ran = self.field("run_id").is_string();
        assert!(ran, "nothing ran: {}", self.0);
        self.field("exit_code").as_i64()
    }

    /// The standard output of a command that must have succeeded.
    #[must_use]
    #[track_caller]
    pub fn success(&self) -> &str {
        assert_eq!(self.exit_code(), Some(0), "{}", self.0);
        assert!(!self.is_error(), "{}", self.0);
        self.stdout()
    }

    /// The result is marked as an error.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.0["result"]["isError"] == json!(true)
    }

    /// The stable word of the denial that this must be.
    #[must_use]
    #[track_caller]
    pub fn denied(&self) -> &str {
        self.refused("denied")
    }

    /// The stable word of the failure that this must be.
    #[must_use]
    #[track_caller]
    pub fn failed(&self) -> &str {
        self.refused("failed")
    }

    /// The reason of the failure or denial that this must be.
    #[must_use]
    pub fn reason(&self) -> &str {
        let either = ["denied", "failed"].map(|kind| self.field(kind)["reason"].as_str());
        either.into_iter().flatten().next().unwrap_or_default()
    }

    /// The tool does not exist for this caller.
    #[must_use]
    pub fn is_unknown_tool(&self) -> bool {
        self.0["error"]["code"] == json!(-32602)
    }

    #[track_caller]
    fn refused(&self, kind: &str) -> &str {
        assert!(self.is_error(), "not an error: {}", self.0);
        let code = self.field(kind)["code"].as_str();
        code.unwrap_or_else(|| panic!("not {kind}: {}", self.0))
    }
}
