//! From text to policy: a walk over the parsed TOML that collects every mistake
//! with its span. Only a text without any becomes a [`Policy`].

mod command;
mod environment;
mod fields;
mod include;
mod kind;
mod list;
mod name;
mod nearest;
mod parameter;
mod place;
mod principal;
mod profile;
mod quantity;
mod relation;
mod rules;
mod tool;

use crate::diagnostic::Finding;
use crate::excerpt::{Lines, Place};
use crate::{Accounts, Diagnostics, Policy, Setting};
use fields::Fields;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where something stands in the text, in bytes.
type Span = Range<usize>;

/// A TOML value with its span.
type Node<'a> = Spanned<DeValue<'a>>;

/// Something read, and where it stands.
#[derive(Debug, Clone)]
struct Located<T> {
    value: T,
    span: Span,
}

/// What `[principal.NAME]` or `[profile.NAME]` tables define. `None` where the
/// name stands but its table has mistakes: no reason to complain of its uses.
type Defined<T> = BTreeMap<String, Option<T>>;

/// What every part of the walk needs: the text, what is known of the host, and
/// the mistakes found so far.
struct Reader<'a> {
    name: &'a str,
    text: &'a str,
    lines: Lines<'a>,
    setting: &'a Setting,
    accounts: &'a dyn Accounts,
    findings: RefCell<Vec<Finding>>,
}

impl Reader<'_> {
    /// Notes a mistake.
    fn error(&self, span: &Span, message: impl Into<String>) {
        self.note(span, message.into(), None);
    }

    /// Notes a mistake and what may cure it.
    fn error_hint(&self, span: &Span, message: impl Into<String>, hint: impl Into<String>) {
        self.note(span, message.into(), Some(hint.into()));
    }

    fn note(&self, span: &Span, message: String, hint: Option<String>) {
        let span = span.clone();
        self.findings.borrow_mut().push(Finding {
            span,
            message,
            hint,
        });
    }

    /// Where `span` begins, as `FILE:LINE:COLUMN`.
    fn place(&self, span: &Span) -> String {
        let Place { line, column, .. } = self.lines.locate(span);
        format!("{}:{line}:{column}", self.name)
    }

    /// How many mistakes were found so far.
    fn mistakes(&self) -> usize {
        self.findings.borrow().len()
    }

    /// The bytes `range` of a string that stands at `span`; all of `span` when
    /// the string is written with escapes.
    fn within(&self, text: &Located<&str>, range: Range<usize>) -> Span {
        let (start, end) = (text.span.start + 1, text.span.end.saturating_sub(1));
        if self.text.get(start..end) == Some(text.value) {
            start + range.start..start + range.end
        } else {
            text.span.clone()
        }
    }
}

/// Reads the policy `text`; see [`Policy::parse`].
pub(crate) fn policy(
    name: &str,
    text: &str,
    setting: &Setting,
    accounts: &dyn Accounts,
) -> Result<Policy, Diagnostics> {
    let reader = Reader {
        name,
        text,
        lines: Lines::new(text),
        setting,
        accounts,
        findings: RefCell::default(),
    };
    let (table, errors) = DeTable::parse_recoverable(text);
    syntax(&reader, &errors);
    // What follows a mistake in the syntax would be guesses.
    let policy = errors
        .is_empty()
        .then(|| document(&reader, table.get_ref()));
    match (policy, reader.findings.into_inner()) {
        (Some(policy), findings) if findings.is_empty() => Ok(policy),
        (_, findings) => Err(Diagnostics::new(name, text, findings)),
    }
}

/// Notes mistakes in the syntax: the first of each line, since others there are
/// mostly its consequences.
fn syntax(reader: &Reader<'_>, errors: &[toml::de::Error]) {
    let end = reader.text.len();
    let span = |error: &toml::de::Error| error.span().unwrap_or(end..end);
    let mut errors: Vec<_> = errors.iter().map(|error| (span(error), error)).collect();
    errors.sort_by_key(|(span, _)| span.start);
    let mut last = None;
    for (span, error) in errors {
        let between = last.map(|last| reader.text.get(last..span.start).unwrap_or_default());
        if between.is_none_or(|between| between.contains('\n')) {
            reader.error(&span, error.message());
        }
        last = Some(span.start);
    }
}

fn document(reader: &Reader<'_>, table: &DeTable<'_>) -> Policy {
    let root = Fields::root(reader, table);
    if version(&root) {
        root.only(&["version", "principal", "profile", "tool"]);
        let principals = principal::principals(reader, &root);
        let profiles = profile::profiles(reader, &root);
        let known = tool::Known {
            principals: &principals,
            profiles: &profiles,
        };
        let tools = tool::tools(reader, &root, &known);
        let profiles = profiles.into_values().flatten().collect();
        let principals = principals.into_values().flatten().collect();
        Policy::new(reader.text, reader.setting, principals, profiles, tools)
    } else {
        Policy::new(
            reader.text,
            reader.setting,
            Vec::new(),
            Vec::new(),
            Vec::new(),
        )
    }
}

/// Whether the rest is written in a language that is known here.
fn version(root: &Fields<'_, '_>) -> bool {
    let hint = "write `version = 1` in the first line";
    if !root.has("version") {
        root.reader
            .error_hint(&(0..0), "the policy has no `version`", hint);
        return true;
    }
    match root.integer("version") {
        Some(version) if version.value != 1 => {
            let message = format!("version {} is not known, only 1 is", version.value);
            root.reader.error(&version.span, message);
            false
        }
        _ => true,
    }
}
