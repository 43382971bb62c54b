//! What is wrong with a policy, and where.

use crate::excerpt::{Lines, Place};
use crate::quote::harmless;
use crate::source::{At, Source};
use std::fmt;
use std::ops::Range;

/// Most mistakes that are printed; all are counted.
const PRINTED_MAX: usize = 1000;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// A mistake: the policy is refused.
    Error,
    /// Allowed, but unwise.
    Warning,
}

/// One mistake in a policy, or something unwise.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// Whether it is a mistake.
    pub severity: Severity,
    /// Name of the file, without control characters.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong: lower case, without final period.
    pub message: String,
    /// What may cure it.
    pub hint: Option<String>,
    shown: String,
    mark: Range<usize>,
}

/// All mistakes in a policy, file by file in the order of the text. `Display` prints each
/// with file, line, column, source line and caret, then how many there are;
/// whatever the text holds, the print has no control characters but newlines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    total: usize,
}

/// A mistake as found.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) at: At,
    pub(crate) severity: Severity,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Diagnostics {
    pub(crate) fn new(sources: &[Source<'_>], findings: Vec<Finding>) -> Self {
        Self {
            total: findings.len(),
            list: located(sources, findings),
        }
    }

    /// The mistakes, in the order of the text; at least one, at most 1000.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }
}

/// The first 1000 of `findings` with their places, file by file in the order of
/// the text.
pub(crate) fn located(sources: &[Source<'_>], mut findings: Vec<Finding>) -> Vec<Diagnostic> {
    findings.sort_by_key(|finding| (finding.at.file, finding.at.span.start));
    let lines: Vec<Lines<'_>> = sources.iter().map(|one| Lines::new(one.text)).collect();
    let printed = findings.into_iter().take(PRINTED_MAX);
    let diagnostic = |finding: Finding| {
        let source = sources.get(finding.at.file)?;
        let lines = lines.get(finding.at.file)?;
        Some(Diagnostic::new(&finding, source.name, lines))
    };
    printed.filter_map(diagnostic).collect()
}

impl Diagnostic {
    fn new(finding: &Finding, name: &str, lines: &Lines<'_>) -> Self {
        let Place {
            line,
            column,
            shown,
            mark,
        } = lines.locate(&finding.at.span);
        Self {
            severity: finding.severity,
            file: harmless(name),
            line,
            column,
            message: harmless(&finding.message),
            hint: finding.hint.as_deref().map(harmless),
            shown,
            mark,
        }
    }
}

impl std::error::Error for Diagnostics {}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for diagnostic in &self.list {
            writeln!(f, "{diagnostic}")?;
        }
        match self.total {
            1 => write!(f, "1 error"),
            total => write!(f, "{total} errors"),
        }
    }
}

impl fmt::Display for Diagnostic {
    /// From the name of the file on, with a newline at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        let indent = " ".repeat(self.mark.start);
        let carets = "^".repeat(self.mark.len());
        let Self { file, column, .. } = self;
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(f, "{file}:{number}:{column}: {severity}: {}", self.message)?;
        writeln!(f, "{gutter} |")?;
        writeln!(f, "{}", format!("{number} | {}", self.shown).trim_end())?;
        writeln!(f, "{gutter} | {indent}{carets}")?;
        match &self.hint {
            Some(hint) => writeln!(f, "hint: {hint}"),
            None => Ok(()),
        }
    }
}
