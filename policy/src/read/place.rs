//! Paths that an administrator writes: absolute, without `..`, and for a single
//! user perhaps beneath `${workspace}`.

use super::{Located, Reader, Span};
use crate::path::absolute;
use crate::quote::listed;
use crate::variables::{HOME, KNOWN, NAME, UID};
use crate::{PathRule, Setting};
use std::path::PathBuf;

const WORKSPACE: &str = "${workspace}";

const VARIABLES: &str = "`${workspace}` and `${caller.home}` can begin a path, `${caller.name}` \
                         and `${caller.uid}` stand anywhere in it; there are no others";

impl Reader<'_> {
    /// The path `text` in normal form, with `${workspace}` replaced; what stands
    /// for `${caller.…}` is not known yet.
    pub(super) fn path(&self, text: &Located<&str>) -> Option<PathBuf> {
        let beneath = |start| {
            let rest = text.value.strip_prefix(start);
            rest.filter(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let (start, rest) = match (beneath(WORKSPACE), beneath(HOME)) {
            (Some(rest), _) => (self.workspace(&text.span)?, rest),
            (_, Some(rest)) => (HOME, rest),
            (None, None) => ("", text.value),
        };
        if rest.replace(NAME, "").replace(UID, "").contains("${") {
            let message = format!("path `{}` is not understood", text.value);
            self.error_hint(&text.span, message, VARIABLES);
            return None;
        }
        // What is beneath a start may be nothing.
        let normal = match rest {
            "" if !start.is_empty() => Ok(String::new()),
            rest => absolute(rest),
        };
        match normal.and_then(|rest| absolute(&format!("/{start}{rest}")).map(|_| rest)) {
            Ok(rest) if rest == "/" && !start.is_empty() => Some(PathBuf::from(start)),
            Ok(rest) => Some(PathBuf::from(format!("{start}{rest}"))),
            Err(fault) => {
                self.error(&text.span, format!("path `{}` {fault}", text.value));
                None
            }
        }
    }

    /// Notes what looks like a variable in `text` and is none.
    pub(super) fn variables(&self, text: &Located<&str>) {
        let rest = KNOWN
            .iter()
            .fold(text.value.to_owned(), |rest, known| rest.replace(known, ""));
        if rest.contains("${") {
            let message = format!("`{}` has a variable that is not known", text.value);
            let hint = format!("known: {}", listed(KNOWN.into_iter()));
            self.error_hint(&text.span, message, hint);
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
