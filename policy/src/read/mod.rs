//! From text to policy: a walk over the parsed TOML that collects every mistake
//! with its span. Only a text without any becomes a [`Policy`].

mod approvals;
mod command;
mod condition;
mod confirm;
mod document;
mod environment;
mod example;
mod fields;
mod include;
mod kind;
mod limits;
mod lint;
mod list;
mod name;
mod nearest;
mod packs;
mod parameter;
mod place;
mod principal;
mod profile;
mod prompt;
mod quantity;
mod relation;
mod resource;
mod rules;
mod tool;
mod who;
mod wiring;

pub use packs::included_packs;

use crate::diagnostic::{Finding, located};
use crate::examined::{Tried, examined};
use crate::excerpt::{Lines, Place};
use crate::somebody::Unnamed;
use crate::source::At;
use crate::{Accounts, Diagnostics, Examined, Policy, Setting, Severity, Source};
use document::Document;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
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

/// What every part of the walk through one file needs: its text, what is known
/// of the host, and the mistakes found so far.
struct Reader<'a> {
    /// Index of the file.
    file: usize,
    name: &'a str,
    /// Whether it is a pack, which offers more than everybody needs.
    pack: bool,
    text: &'a str,
    lines: Lines<'a>,
    setting: &'a Setting,
    accounts: &'a dyn Accounts,
    notes: &'a Notes,
}

/// What was noted on the walk through all files.
#[derive(Default)]
struct Notes {
    mistakes: RefCell<Vec<Finding>>,
    warnings: RefCell<Vec<Finding>>,
    /// Names of principals and profiles that something refers to.
    principals: RefCell<HashSet<String>>,
    profiles: RefCell<HashSet<String>>,
    /// Examples that were decided, in their order.
    tried: RefCell<Vec<Tried>>,
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
        self.notes.mistakes.borrow_mut().push(Finding {
            at: self.at(span),
            severity: Severity::Error,
            message,
            hint,
        });
    }

    /// Notes what is no mistake, but unwise.
    fn warn(&self, span: &Span, message: impl Into<String>, hint: impl Into<String>) {
        self.notes.warnings.borrow_mut().push(Finding {
            at: self.at(span),
            severity: Severity::Warning,
            message: message.into(),
            hint: Some(hint.into()),
        });
    }

    /// Notes that something refers to the principal `name`.
    fn uses_principal(&self, name: &str) {
        note_name(&self.notes.principals, name);
    }

    /// Notes that something refers to the profile `name`.
    fn uses_profile(&self, name: &str) {
        note_name(&self.notes.profiles, name);
    }

    /// Notes an example that was decided.
    fn tried(&self, example: Tried) {
        self.notes.tried.borrow_mut().push(example);
    }

    /// The place `span` of this file.
    fn at(&self, span: &Span) -> At {
        At {
            file: self.file,
            span: span.clone(),
        }
    }

    /// Where `span` begins, as `FILE:LINE:COLUMN`.
    fn place(&self, span: &Span) -> String {
        let Place { line, column, .. } = self.lines.locate(span);
        format!("{}:{line}:{column}", self.name)
    }

    /// How many mistakes were found so far.
    fn mistakes(&self) -> usize {
        self.notes.mistakes.borrow().len()
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

/// Adds `name` to `names`, which mostly have it.
fn note_name(names: &RefCell<HashSet<String>>, name: &str) {
    let mut names = names.borrow_mut();
    if !names.contains(name) {
        names.insert(name.to_owned());
    }
}

/// Reads the policy in `sources`; see [`Policy::parse_files`].
pub(crate) fn policy(
    sources: &[Source<'_>],
    setting: &Setting,
    accounts: &dyn Accounts,
) -> Result<Policy, Diagnostics> {
    let (policy, notes) = walk(sources, setting, accounts);
    let (mistakes, warnings) = (notes.mistakes.into_inner(), notes.warnings.into_inner());
    match policy {
        Some(policy) if mistakes.is_empty() => Ok(policy.with_lints(located(sources, warnings))),
        _ => Err(Diagnostics::new(sources, mistakes)),
    }
}

/// Decides the examples in `sources`; see [`Policy::examine`].
pub(crate) fn examples(
    sources: &[Source<'_>],
    setting: &Setting,
    accounts: &dyn Accounts,
) -> Result<Vec<Examined>, Diagnostics> {
    let (_, notes) = walk(sources, setting, accounts);
    let (mistakes, tried) = (notes.mistakes.into_inner(), notes.tried.into_inner());
    // Examples are decided only where there is no other mistake.
    if tried.is_empty() && !mistakes.is_empty() {
        return Err(Diagnostics::new(sources, mistakes));
    }
    Ok(examined(sources, tried, mistakes))
}

/// The policy in `sources`, and what was noted of it.
fn walk(
    sources: &[Source<'_>],
    setting: &Setting,
    accounts: &dyn Accounts,
) -> (Option<Policy>, Notes) {
    let notes = Notes::default();
    let files = sources.iter().enumerate();
    let readers: Vec<Reader<'_>> = files
        .map(|(file, source)| Reader {
            file,
            name: source.name,
            pack: source.pack.is_some(),
            text: source.text,
            lines: Lines::new(source.text),
            setting,
            accounts,
            notes: &notes,
        })
        .collect();
    let policy = parse(sources, setting, &readers);
    drop(readers);
    (policy, notes)
}

fn parse(sources: &[Source<'_>], setting: &Setting, readers: &[Reader<'_>]) -> Option<Policy> {
    let texts = sources.iter().map(|source| source.text);
    let parsed: Vec<_> = texts.map(DeTable::parse_recoverable).collect();
    for (reader, (_, errors)) in readers.iter().zip(&parsed) {
        syntax(reader, errors);
    }
    // What follows a mistake in the syntax would be guesses.
    if parsed.iter().any(|(_, errors)| !errors.is_empty()) {
        return None;
    }
    let tables: Vec<&DeTable<'_>> = parsed.iter().map(|(table, _)| table.get_ref()).collect();
    let document = Document::open(readers, &tables)?;
    packs::included(&document, sources);
    let principals = principal::principals(setting, &document);
    let profiles = profile::profiles(&document);
    let known = tool::Known {
        principals: &principals,
        profiles: &profiles,
    };
    let (tools, mut examples) = tool::tools(&document, &known);
    let resources = resource::resources(&document, &known, &mut examples);
    let prompts = prompt::prompts(&document, &known, &mut examples);
    let profiles = profiles.into_values().flatten().collect();
    let principals = principals.into_values().flatten().collect();
    if let Some(reader) = readers.first() {
        let Notes {
            principals,
            profiles,
            ..
        } = reader.notes;
        lint::unused("principal", &document.principals, &principals.borrow());
        lint::unused("profile", &document.profiles, &profiles.borrow());
    }
    let (server, queue) = limits::server(&document.limits);
    let policy = Policy::new(sources, setting, principals, profiles, tools)
        .with_publications(resources, prompts)
        .with_limits(server, queue)
        .with_approvals(approvals::approvals(&document.approvals));
    // What a policy with mistakes would decide says nothing.
    if readers.iter().all(|reader| reader.mistakes() == 0) {
        let unnamed = Unnamed::of(policy.principals());
        let each = examples.iter();
        each.for_each(|example| example.check(&policy, &unnamed));
    }
    Some(policy)
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
