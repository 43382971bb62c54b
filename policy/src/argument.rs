//! One parameter, one value: what goes into the argument vector, or what is
//! wrong with the value. Defaults go through here too, when the policy loads
//! and again with every call.

use crate::path::{self, PathFault};
use crate::quote::{listed, quoted};
use crate::{Access, FileKind, Kind, Parameter, PathGrant, Pattern, Value};
use std::path::{Path, PathBuf};

/// A value that its parameter takes.
pub(crate) enum Accepted {
    /// The text of the element, without its prefix, and the grant of a path.
    Text(String, Option<PathGrant>),
    /// Whether the flag is present.
    Flag(bool),
}

/// A value that its parameter does not take.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Stable word, as in [`crate::Denial`].
    pub(crate) code: &'static str,
    /// What is wrong, to stand after the name of the argument.
    pub(crate) reason: String,
}

impl Fault {
    pub(crate) fn new(code: &'static str, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }
}

/// Where a value is to stand.
pub(crate) struct Place<'a> {
    /// Whether the value is the whole element: then it may not look like an option.
    pub(crate) whole: bool,
    /// What relative paths are relative to.
    pub(crate) base: &'a Path,
}

/// Checks `value` against `parameter`.
pub(crate) fn accept(
    parameter: &Parameter,
    value: &Value,
    place: &Place<'_>,
) -> Result<Accepted, Fault> {
    match (&parameter.kind, value) {
        (Kind::Flag, Value::Boolean(present)) => Ok(Accepted::Flag(*present)),
        (Kind::Integer { min, max }, Value::Integer(number)) => integer(*number, *min, *max),
        (Kind::Enumeration { values }, Value::Text(text)) => enumeration(text, values),
        (
            Kind::Text {
                max_length,
                pattern,
                leading_dash,
            },
            Value::Text(text),
        ) => {
            length(text, *max_length)?;
            printable(text)?;
            matching(text, pattern.as_ref())?;
            option(text, place.whole && !leading_dash)?;
            Ok(Accepted::Text(text.clone(), None))
        }
        (
            Kind::Path {
                under,
                access,
                kind,
            },
            Value::Text(text),
        ) => {
            printable(text)?;
            option(text, place.whole)?;
            granted(text, under, *access, *kind, place.base)
        }
        (kind, _) => Err(Fault::new("wrong_type", format!("must be {}", noun(kind)))),
    }
}

fn noun(kind: &Kind) -> &'static str {
    match kind {
        Kind::Integer { .. } => "an integer",
        Kind::Text { .. } | Kind::Enumeration { .. } | Kind::Path { .. } => "a string",
        Kind::Flag => "a boolean",
    }
}

fn integer(number: i64, min: i64, max: i64) -> Result<Accepted, Fault> {
    if !(min..=max).contains(&number) {
        let reason = format!("is {number}, which is not between {min} and {max}");
        return Err(Fault::new("out_of_range", reason));
    }
    Ok(Accepted::Text(number.to_string(), None))
}

fn enumeration(text: &str, values: &[String]) -> Result<Accepted, Fault> {
    if !values.iter().any(|value| value == text) {
        let values = listed(values.iter().map(String::as_str));
        let reason = format!("is {}, which is not one of {values}", quoted(text));
        return Err(Fault::new("not_in_enum", reason));
    }
    Ok(Accepted::Text(text.to_owned(), None))
}

fn length(text: &str, max_length: usize) -> Result<(), Fault> {
    // A character is at least one byte: short text needs no counting.
    if text.len() > max_length && text.chars().count() > max_length {
        let reason = format!("is longer than {max_length} characters");
        return Err(Fault::new("too_long", reason));
    }
    Ok(())
}

fn printable(text: &str) -> Result<(), Fault> {
    if text.contains(char::is_control) {
        return Err(Fault::new("control_character", "has a control character"));
    }
    Ok(())
}

fn matching(text: &str, pattern: Option<&Pattern>) -> Result<(), Fault> {
    match pattern {
        Some(pattern) if !pattern.matches(text) => {
            let expected = quoted(pattern.as_str());
            let reason = format!("is {}, which does not match {expected}", quoted(text));
            Err(Fault::new("pattern_mismatch", reason))
        }
        _ => Ok(()),
    }
}

/// Refuses what a program could take for an option.
fn option(text: &str, refused: bool) -> Result<(), Fault> {
    if refused && text.starts_with('-') {
        let reason = format!("is {}, which begins with `-`", quoted(text));
        return Err(Fault::new("leading_dash", reason));
    }
    Ok(())
}

fn granted(
    text: &str,
    under: &[PathBuf],
    access: Access,
    kind: FileKind,
    base: &Path,
) -> Result<Accepted, Fault> {
    let base = base.to_str().unwrap_or_default();
    let path = path::join(base, text).map_err(|fault| unusable(text, fault))?;
    let (root, beneath) = nearest_root(under, &path).ok_or_else(|| outside(text, under))?;
    let grant = PathGrant {
        root: root.to_path_buf(),
        beneath: PathBuf::from(beneath),
        access,
        kind,
    };
    Ok(Accepted::Text(path, Some(grant)))
}

/// The longest of the roots that `path` is beneath, and the rest.
fn nearest_root<'a>(under: &'a [PathBuf], path: &'a str) -> Option<(&'a Path, &'a str)> {
    under
        .iter()
        .filter_map(|root| Some((root.as_path(), path::beneath(root.to_str()?, path)?)))
        .max_by_key(|(root, _)| root.as_os_str().len())
}

fn unusable(text: &str, fault: PathFault) -> Fault {
    let code = match fault {
        PathFault::TooLong => "too_long",
        PathFault::Control => "control_character",
        PathFault::Empty | PathFault::Relative | PathFault::Parent => "path_invalid",
    };
    Fault::new(code, format!("is {}, which {fault}", quoted(text)))
}

fn outside(text: &str, under: &[PathBuf]) -> Fault {
    let roots = listed(under.iter().filter_map(|root| root.to_str()));
    let reason = format!("is {}, which is not beneath {roots}", quoted(text));
    Fault::new("path_outside", reason)
}
