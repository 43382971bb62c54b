//! What is wrong with a policy, and where.

use std::fmt;

/// One mistake in a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong: lower case, without final period.
    pub message: String,
    /// What may cure it.
    pub hint: Option<String>,
}

/// All mistakes in a policy, in the order of the text. `Display` prints each
/// with file, line, column, source line and caret, then how many there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    name: String,
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// The mistakes, in the order of the text; at least one.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }
}

impl std::error::Error for Diagnostics {}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for found in &self.list {
            writeln!(
                f,
                "{}:{}:{}: error: {}",
                self.name, found.line, found.column, found.message
            )?;
        }
        write!(f, "{} errors", self.list.len())
    }
}
