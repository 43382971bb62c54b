//! What `type` means and which keys go with it.

use super::fields::Fields;
use super::lint;
use super::list::list;
use crate::syntax::UNIT_TYPES;
use crate::{Access, Characters, Existence, FileKind, Kind, PathRule, Pattern};
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

/// Characters of a string unless written, and the most that can be written.
const LENGTH: u32 = 256;
const LENGTH_MAX: u32 = 16_384;

/// Longest time and largest size unless written: that of 64 bits.
const TIME_MAX: Duration = Duration::from_millis(u64::MAX);

/// What can be written as `type`.
#[derive(Clone, Copy)]
pub(super) enum Type {
    Integer,
    Number,
    Text,
    Enumeration,
    Flag,
    Path,
    Duration,
    Size,
    Host,
    Ip,
    Cidr,
    Unit,
    User,
    List,
}

pub(super) const TYPES: [(&str, Type); 14] = [
    ("integer", Type::Integer),
    ("number", Type::Number),
    ("string", Type::Text),
    ("enum", Type::Enumeration),
    ("flag", Type::Flag),
    ("path", Type::Path),
    ("duration", Type::Duration),
    ("size", Type::Size),
    ("host", Type::Host),
    ("ip", Type::Ip),
    ("cidr", Type::Cidr),
    ("unit", Type::Unit),
    ("user", Type::User),
    ("list", Type::List),
];

const ACCESS: [(&str, Access); 3] = [
    ("read", Access::Read),
    ("write", Access::Write),
    ("create", Access::Create),
];

const EXISTS: [(&str, Existence); 3] = [
    ("must", Existence::Must),
    ("may", Existence::May),
    ("must_not", Existence::MustNot),
];

const KINDS: [(&str, FileKind); 3] = [
    ("file", FileKind::File),
    ("directory", FileKind::Directory),
    ("any", FileKind::Any),
];

const CHARACTERS: [(&str, Characters); 4] = [
    ("alnum", Characters::Alnum),
    ("word", Characters::Word),
    ("digits", Characters::Digits),
    ("printable", Characters::Printable),
];

impl Type {
    /// The keys of an argument of this type.
    pub(super) fn keys(self) -> Vec<&'static str> {
        let all = ["type", "description", "default"].into_iter();
        // A flag that is absent is false.
        let optional = (!matches!(self, Self::Flag)).then_some("optional");
        let secret = matches!(self, Self::Text).then_some("secret");
        all.chain(optional)
            .chain(secret)
            .chain(["requires", "conflicts"])
            .chain(self.own_keys().iter().copied())
            .collect()
    }

    /// The keys that say which values it takes.
    pub(super) fn own_keys(self) -> &'static [&'static str] {
        match self {
            Self::Integer | Self::Number => &["min", "max"],
            Self::Text => &["max_length", "pattern", "characters", "leading_dash"],
            Self::Enumeration => &["values"],
            Self::Flag => &["flag"],
            Self::Path => &["under", "access", "kind", "exists"],
            Self::Duration | Self::Size => &["min", "max", "as"],
            Self::Host | Self::Ip | Self::Cidr | Self::User => &[],
            Self::Unit => &["suffixes"],
            Self::List => &["of", "min_items", "max_items"],
        }
    }
}

/// The values that an argument of type `sort` takes.
pub(super) fn kind(fields: &Fields<'_, '_>, sort: Type) -> Option<Kind> {
    match sort {
        Type::Integer => integer(fields),
        Type::Number => number(fields),
        Type::Text => Some(text(fields)),
        Type::Enumeration => enumeration(fields),
        Type::Flag => Some(Kind::Flag),
        Type::Path => path(fields),
        Type::Duration => duration(fields),
        Type::Size => size(fields),
        Type::Host => Some(Kind::Host),
        Type::Ip => Some(Kind::Ip),
        Type::Cidr => Some(Kind::Cidr),
        Type::Unit => Some(unit(fields)),
        Type::User => Some(Kind::User),
        Type::List => list(fields),
    }
}

/// Notes bounds that nothing is between.
fn ordered<T: PartialOrd>(fields: &Fields<'_, '_>, min: T, max: T) -> Option<(T, T)> {
    if min > max {
        let span = fields.span("max").or_else(|| fields.span("min"))?;
        fields.reader.error(&span, "`max` is less than `min`");
        return None;
    }
    Some((min, max))
}

fn integer(fields: &Fields<'_, '_>) -> Option<Kind> {
    let min = fields.integer("min").map_or(i64::MIN, |min| min.value);
    let max = fields.integer("max").map_or(i64::MAX, |max| max.value);
    let (min, max) = ordered(fields, min, max)?;
    Some(Kind::Integer { min, max })
}

fn number(fields: &Fields<'_, '_>) -> Option<Kind> {
    let min = fields.float("min").map_or(f64::MIN, |min| min.value);
    let max = fields.float("max").map_or(f64::MAX, |max| max.value);
    let (min, max) = ordered(fields, min, max)?;
    Some(Kind::Number { min, max })
}

fn duration(fields: &Fields<'_, '_>) -> Option<Kind> {
    let min = fields.time("min").unwrap_or(Duration::ZERO);
    let max = fields.time("max").unwrap_or(TIME_MAX);
    let (min, max) = ordered(fields, min, max)?;
    let seconds = fields.word("as", &[("text", false), ("seconds", true)]);
    Some(Kind::Duration {
        min,
        max,
        seconds: seconds.unwrap_or(false),
    })
}

fn size(fields: &Fields<'_, '_>) -> Option<Kind> {
    let min = fields.size("min", 0..=u64::MAX).unwrap_or(0);
    let max = fields.size("max", 0..=u64::MAX).unwrap_or(u64::MAX);
    let (min, max) = ordered(fields, min, max)?;
    let bytes = fields.word("as", &[("text", false), ("bytes", true)]);
    Some(Kind::Size {
        min,
        max,
        bytes: bytes.unwrap_or(false),
    })
}

fn unit(fields: &Fields<'_, '_>) -> Kind {
    let suffixes = fields.texts("suffixes");
    if let Some(suffixes) = suffixes.as_ref().filter(|texts| texts.value.is_empty()) {
        fields.reader.error(&suffixes.span, "`suffixes` is empty");
    }
    let suffixes = suffixes.map_or_else(Vec::new, |texts| texts.value);
    for suffix in &suffixes {
        if !UNIT_TYPES.contains(&suffix.value) {
            let message = format!("no unit ends in `{}`", suffix.value);
            let hint = super::nearest::hint(suffix.value, UNIT_TYPES);
            fields.reader.note(&suffix.span, message, hint);
        }
    }
    let suffixes = suffixes.iter().map(|suffix| suffix.value.to_owned());
    Kind::Unit {
        suffixes: suffixes.collect(),
    }
}
fn text(fields: &Fields<'_, '_>) -> Kind {
    let length = fields.number("max_length", 1..=LENGTH_MAX);
    let length = length.map_or(LENGTH, |length| length.value);
    Kind::Text {
        max_length: usize::try_from(length).unwrap_or(usize::MAX),
        pattern: pattern(fields),
        characters: fields.word("characters", &CHARACTERS),
        leading_dash: fields
            .boolean("leading_dash")
            .is_some_and(|dash| dash.value),
    }
}

fn pattern(fields: &Fields<'_, '_>) -> Option<Pattern> {
    let text = fields.text("pattern")?;
    match Pattern::new(text.value) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            fields
                .reader
                .error(&text.span, format!("`pattern` cannot be compiled: {error}"));
            None
        }
    }
}

fn enumeration(fields: &Fields<'_, '_>) -> Option<Kind> {
    let reader = fields.reader;
    fields.require(
        "values",
        "list the words, such as `values = [\"on\", \"off\"]`",
    );
    let words = fields.texts("values")?;
    if words.value.is_empty() {
        reader.error(&words.span, "`values` is empty");
    }
    let mut seen = HashSet::new();
    for word in &words.value {
        if word.value.contains(char::is_control) {
            reader.error(&word.span, "a value has a control character");
        }
        if !seen.insert(word.value) {
            reader.error(&word.span, format!("value `{}` stands twice", word.value));
        }
    }
    let values = words
        .value
        .iter()
        .map(|word| word.value.to_owned())
        .collect();
    Some(Kind::Enumeration { values })
}

fn path(fields: &Fields<'_, '_>) -> Option<Kind> {
    fields.require(
        "under",
        "list directories, such as `under = [\"/var/log\"]`",
    );
    let under = fields.texts("under")?;
    if under.value.is_empty() {
        fields.reader.error(&under.span, "`under` is empty");
    }
    let roots: Vec<PathBuf> = under
        .value
        .iter()
        .filter_map(|root| {
            let path = fields.reader.path(root)?;
            let rule = PathRule {
                path,
                optional: false,
            };
            lint::secret(fields, &rule, &root.span);
            Some(rule.path)
        })
        .collect();
    let access = fields.word("access", &ACCESS).unwrap_or(Access::Read);
    let kind = fields.word("kind", &KINDS).unwrap_or(FileKind::File);
    Some(Kind::Path {
        under: roots,
        access,
        kind,
        exists: exists(fields, access, kind),
    })
}

/// Whether a path must exist; what cannot be made need not be missing.
fn exists(fields: &Fields<'_, '_>, access: Access, kind: FileKind) -> Existence {
    let written = fields.word("exists", &EXISTS);
    let fault = match (access, written) {
        (Access::Create, Some(Existence::Must)) => Some((
            "exists",
            "what is created need not exist",
            "write `exists = \"may\"`, or `access = \"write\"`",
        )),
        (Access::Create, _) if kind == FileKind::Any => Some((
            "kind",
            "what is created is a file or a directory",
            "write `kind = \"file\"` or `kind = \"directory\"`",
        )),
        (Access::Read | Access::Write, Some(Existence::MustNot)) => Some((
            "exists",
            "only what is created can be missing",
            "write `access = \"create\"`",
        )),
        _ => None,
    };
    if let Some((key, message, hint)) = fault
        && let Some(span) = fields.span(key)
    {
        fields.reader.error_hint(&span, message, hint);
    }
    written.unwrap_or(match access {
        Access::Create => Existence::May,
        Access::Read | Access::Write => Existence::Must,
    })
}
