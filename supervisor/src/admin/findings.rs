//! Findings for programs: what is wrong with policies, as JSON.

use crate::error::{Error, chain};
use policy::{Diagnostic, Severity};
use serde_json::{Value as Json, json};

/// One finding, with its place.
pub(super) fn finding(diagnostic: &Diagnostic) -> Json {
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    json!({
        "file": diagnostic.file,
        "line": diagnostic.line,
        "column": diagnostic.column,
        "severity": severity,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
    })
}

/// What kept the policy `name` from being used: its mistakes, or that it could
/// not be read, which has no place in it.
pub(super) fn findings(name: &str, error: &Error) -> Vec<Json> {
    if let Error::Mistakes(diagnostics) = error {
        return diagnostics.iter().map(finding).collect();
    }
    vec![json!({
        "file": name,
        "line": null,
        "column": null,
        "severity": "error",
        "message": chain(error),
        "hint": error.hint(),
    })]
}
