//! Names that the policy gives to things.

use super::{Located, Reader};

/// Longest name of a principal, profile or argument.
const NAME_MAX: usize = 64;

/// Longest name of a tool, from the Model Context Protocol.
const TOOL_MAX: usize = 128;

impl Reader<'_> {
    /// Notes a name that is not 1 to 64 of `A-Z a-z 0-9 _ -`.
    pub(super) fn name(&self, name: &Located<&str>, what: &str) {
        let fits = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        if !(1..=NAME_MAX).contains(&name.value.len()) || !name.value.chars().all(fits) {
            let message = format!("`{}` cannot be the name of {what}", name.value);
            let hint = format!("use 1 to {NAME_MAX} letters, digits, `_` and `-`");
            self.error_hint(&name.span, message, hint);
        }
    }

    /// Notes a name that no client would take for a tool.
    pub(super) fn tool_name(&self, name: &Located<&str>) {
        let fits = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if !(1..=TOOL_MAX).contains(&name.value.len()) || !name.value.chars().all(fits) {
            let message = format!("`{}` cannot be the name of a tool", name.value);
            let hint = format!("use 1 to {TOOL_MAX} letters, digits, `_`, `.` and `-`");
            self.error_hint(&name.span, message, hint);
        }
        if crate::BUILT_IN.contains(&name.value) {
            let message = format!("`{}` is a tool of the server's own", name.value);
            let hint = "choose another name: with this one clients start, read and end runs";
            self.error_hint(&name.span, message, hint);
        }
    }
}
