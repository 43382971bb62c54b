//! Typed access to the keys of one table. Whatever has the wrong type or an
//! unknown name is noted as a mistake, and reading goes on.

use super::document::Entry;
use super::nearest::hint;
use super::{Located, Node, Reader, Span};
use crate::Value;
use std::ops::RangeInclusive;
use toml::Spanned;
use toml::de::{DeInteger, DeString, DeTable, DeValue};

/// One table of the policy.
pub(super) struct Fields<'r, 't> {
    pub(super) reader: &'r Reader<'r>,
    /// In the order of the text. A table has few keys, and is asked for many: to look
    /// along a list is faster than down a tree.
    entries: Vec<(Located<&'t str>, &'t Node<'t>)>,
    /// What the table defines, for messages: "tool `tail_log`".
    pub(super) owner: String,
    /// Where to point when something is missing.
    pub(super) head: Span,
}

impl<'r, 't> Fields<'r, 't> {
    /// The whole policy.
    pub(super) fn root(reader: &'r Reader<'r>, table: &'t DeTable<'t>) -> Self {
        Self {
            reader,
            entries: in_order(table),
            owner: "the policy".to_owned(),
            head: 0..0,
        }
    }

    /// The table in `node`, which defines `owner` at `head`.
    pub(super) fn open(
        reader: &'r Reader<'r>,
        owner: String,
        head: Span,
        node: &'t Node<'t>,
    ) -> Option<Self> {
        let Some(table) = node.get_ref().as_table() else {
            let message = format!("{owner} must be a table, not {}", noun(node.get_ref()));
            reader.error(&node.span(), message);
            return None;
        };
        Some(Self {
            reader,
            entries: in_order(table),
            owner,
            head,
        })
    }

    /// Notes every key that is not one of `known`.
    pub(super) fn only(&self, known: &[&str]) {
        for (key, _) in &self.entries {
            let name = key.value;
            if !known.contains(&name) {
                let message = format!("{} has no key `{name}`", self.owner);
                let hint = hint(name, known.iter().copied());
                self.reader.note(&key.span, message, hint);
            }
        }
    }

    fn find(&self, key: &str) -> Option<&(Located<&'t str>, &'t Node<'t>)> {
        self.entries.iter().find(|(name, _)| name.value == key)
    }

    fn get(&self, key: &str) -> Option<&'t Node<'t>> {
        self.find(key).map(|(_, node)| *node)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// Where the value of `key` stands.
    pub(super) fn span(&self, key: &str) -> Option<Span> {
        self.get(key).map(Node::span)
    }

    /// Notes that `key` is missing, if it is.
    pub(super) fn require(&self, key: &str, hint: &str) {
        if !self.has(key) {
            let message = format!("{} has no `{key}`", self.owner);
            self.reader.error_hint(&self.head, message, hint);
        }
    }

    /// The entries, in the order of the text.
    pub(super) fn entries(&self) -> &[(Located<&'t str>, &'t Node<'t>)] {
        &self.entries
    }

    /// The entries of the table `key`, when there is one, in the order of the text.
    pub(super) fn tables(&self, key: &str) -> Vec<(Located<&'t str>, &'t Node<'t>)> {
        self.table(key, format!("`{key}`"))
            .map_or_else(Vec::new, |table| table.entries)
    }

    /// The entry `key`, when there is one.
    pub(super) fn entry(&self, key: &str) -> Option<Entry<'r, 't>> {
        let (name, node) = self.find(key)?.clone();
        let reader = self.reader;
        Some(Entry { reader, name, node })
    }

    /// The elements of the array `key`, none when there is no such array.
    pub(super) fn array(&self, key: &str) -> &'t [Node<'t>] {
        let array = self.typed(key, "an array of tables", DeValue::as_array);
        array.map_or(&[], |array| array.value)
    }

    /// The table `key`, which messages call `owner`.
    pub(super) fn table(&self, key: &str, owner: String) -> Option<Self> {
        let (name, node) = self.find(key)?;
        Self::open(self.reader, owner, name.span.clone(), node)
    }

    /// A value of `key` as `pick` sees it; anything else is noted as not `wanted`.
    fn typed<T>(
        &self,
        key: &str,
        wanted: &str,
        pick: impl FnOnce(&'t DeValue<'t>) -> Option<T>,
    ) -> Option<Located<T>> {
        let node = self.get(key)?;
        let picked = pick(node.get_ref());
        if picked.is_none() {
            let message = format!("`{key}` must be {wanted}, not {}", noun(node.get_ref()));
            self.reader.error(&node.span(), message);
        }
        Some(Located {
            value: picked?,
            span: node.span(),
        })
    }

    pub(super) fn text(&self, key: &str) -> Option<Located<&'t str>> {
        self.typed(key, "a string", DeValue::as_str)
    }

    pub(super) fn boolean(&self, key: &str) -> Option<Located<bool>> {
        self.typed(key, "a boolean", DeValue::as_bool)
    }

    pub(super) fn integer(&self, key: &str) -> Option<Located<i64>> {
        let digits = self.typed(key, "an integer", DeValue::as_integer)?;
        let value = int64(digits.value);
        if value.is_none() {
            let message = format!("`{key}` is not an integer of 64 bits");
            self.reader.error(&digits.span, message);
        }
        Some(Located {
            value: value?,
            span: digits.span,
        })
    }

    /// A number, written with a point or without, neither infinite nor NaN.
    pub(super) fn float(&self, key: &str) -> Option<Located<f64>> {
        self.typed(key, "a finite number", |value| match argument(value)? {
            Value::Number(number) => Some(number).filter(|number| number.is_finite()),
            #[expect(clippy::cast_precision_loss, reason = "as in a call")]
            Value::Integer(number) => Some(number as f64),
            Value::Boolean(_) | Value::Text(_) | Value::List(_) => None,
        })
    }

    /// An argument value of any type.
    pub(super) fn value(&self, key: &str) -> Option<Located<Value>> {
        let wanted = "a string, a boolean, a number of 64 bits or an array of those";
        self.typed(key, wanted, |value| match value.as_array() {
            Some(items) => {
                let items = items.iter().map(|item| argument(item.get_ref()));
                items.collect::<Option<_>>().map(Value::List)
            }
            None => argument(value),
        })
    }

    /// A number in `range`.
    pub(super) fn number(&self, key: &str, range: RangeInclusive<u32>) -> Option<Located<u32>> {
        let number = self.integer(key)?;
        let value = u32::try_from(number.value)
            .ok()
            .filter(|value| range.contains(value));
        if value.is_none() {
            let (min, max) = range.into_inner();
            let message = format!("`{key}` must be between {min} and {max}");
            self.reader.error(&number.span, message);
        }
        Some(Located {
            value: value?,
            span: number.span,
        })
    }

    /// An array of strings; elements of another type are noted and left out.
    pub(super) fn texts(&self, key: &str) -> Option<Located<Vec<Located<&'t str>>>> {
        let array = self.typed(key, "an array of strings", DeValue::as_array)?;
        let mut texts = Vec::with_capacity(array.value.len());
        for node in array.value.iter() {
            match node.get_ref().as_str() {
                Some(value) => texts.push(Located {
                    value,
                    span: node.span(),
                }),
                None => {
                    let found = noun(node.get_ref());
                    let message = format!("`{key}` must hold strings only, not {found}");
                    self.reader.error(&node.span(), message);
                }
            }
        }
        Some(Located {
            value: texts,
            span: array.span,
        })
    }

    /// The strings in the array `key`, without a word about anything else.
    pub(super) fn strings(&self, key: &str) -> Vec<&'t str> {
        let array = self.get(key).and_then(|node| node.get_ref().as_array());
        let nodes = array.into_iter().flat_map(|array| array.iter());
        nodes.filter_map(|node| node.get_ref().as_str()).collect()
    }

    /// One of the words of `table`, as what it means.
    pub(super) fn word<T: Copy>(&self, key: &str, table: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let known = table.iter().find(|(word, _)| *word == text.value);
        if known.is_none() {
            let message = format!("`{key}` cannot be `{}`", text.value);
            let hint = hint(text.value, table.iter().map(|(word, _)| *word));
            self.reader.note(&text.span, message, hint);
        }
        known.map(|(_, meaning)| *meaning)
    }
}

/// The entries of `table`, in the order of the text.
fn in_order<'t>(table: &'t DeTable<'t>) -> Vec<(Located<&'t str>, &'t Node<'t>)> {
    let located = |name: &'t Spanned<DeString<'t>>| Located {
        value: name.get_ref().as_ref(),
        span: name.span(),
    };
    let entries = table.iter().map(|(name, node)| (located(name), node));
    let mut entries: Vec<_> = entries.collect();
    entries.sort_by_key(|(name, _)| name.span.start);
    entries
}

/// An argument value that is no list.
fn argument(value: &DeValue<'_>) -> Option<Value> {
    match value {
        DeValue::String(text) => Some(Value::Text(text.as_ref().to_owned())),
        DeValue::Integer(digits) => int64(digits).map(Value::Integer),
        DeValue::Float(digits) => digits.as_str().parse().ok().map(Value::Number),
        DeValue::Boolean(value) => Some(Value::Boolean(*value)),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// The value of `digits`, when it fits.
fn int64(digits: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(digits.as_str(), digits.radix()).ok()
}

/// The type of `value` with its article.
fn noun(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
