//! Paths that an administrator writes: absolute, without `..`, and for a single
//! user perhaps beneath `${workspace}`.

use super::{Located, Reader, Span};
use crate::path::absolute;
use crate::{PathRule, Setting};
use std::path::PathBuf;

const WORKSPACE: &str = "${workspace}";

impl Reader<'_> {
    /// The path `text` in normal form, with `${workspace}` replaced.
    pub(super) fn path(&self, text: &Located<&str>) -> Option<PathBuf> {
        let path = match text.value.strip_prefix(WORKSPACE) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                format!("{}{rest}", self.workspace(&text.span)?)
            }
            _ if text.value.contains("${") => {
                let message = format!("path `{}` is not understood", text.value);
                let hint = "only `${workspace}` is replaced, and only at the start of a path";
                self.error_hint(&text.span, message, hint);
                return None;
            }
            _ => text.value.to_owned(),
        };
        match absolute(&path) {
            Ok(path) => Some(PathBuf::from(path)),
            Err(fault) => {
                self.error(&text.span, format!("path `{}` {fault}", text.value));
                None
            }
        }
    }

    /// A path that a leading `-` makes optional.
    pub(super) fn path_rule(&self, text: &Located<&str>) -> Option<PathRule> {
        let stripped = text.value.strip_prefix('-');
        let path = Located {
            value: stripped.unwrap_or(text.value),
            span: text.span.clone(),
        };
        Some(PathRule {
            path: self.path(&path)?,
            optional: stripped.is_some(),
        })
    }

    /// What `${workspace}` at `span` stands for.
    pub(super) fn workspace(&self, span: &Span) -> Option<&str> {
        let Setting::SingleUser { workspace, .. } = self.setting else {
            let message = "`${workspace}` is not defined here";
            self.error_hint(span, message, "it exists only with `mini-mcp stdio`");
            return None;
        };
        let text = workspace.to_str().filter(|text| absolute(text).is_ok());
        if text.is_none() {
            let message = format!("the workspace `{}` cannot be used", workspace.display());
            let hint = "it must be an absolute path in UTF-8, without `..` and control characters";
            self.error_hint(span, message, hint);
        }
        text
    }
}
