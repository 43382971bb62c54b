//! The fields of a message and of the spans around it, by name.

use crate::sanitize::harmless_word;
use serde_json::{Map, Value as Json};
use std::error::Error;
use std::fmt::{Debug, Write};
use tracing::field::{Field, Visit};

/// Longest value that stands in a text, in bytes; fields have more.
const WORD_MAX: usize = 256;

/// What `message` is called among fields.
const MESSAGE: &str = "message";

/// Fields in the order in which they came; the innermost of one name counts.
#[derive(Debug, Default)]
pub(super) struct Fields {
    message: String,
    all: Vec<(&'static str, Json)>,
}

impl Fields {
    /// Takes over what a span around has.
    pub(super) fn extend(&mut self, outer: &Self) {
        for (name, value) in &outer.all {
            self.set(name, value.clone());
        }
    }

    fn set(&mut self, name: &'static str, value: Json) {
        match self.all.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.all.push((name, value)),
        }
    }

    fn put(&mut self, field: &Field, value: Json) {
        match (field.name(), value) {
            (MESSAGE, Json::String(text)) => self.message = text,
            (name, value) => self.set(name, value),
        }
    }

    /// The message with its fields, for people.
    pub(super) fn text(&self) -> String {
        let mut text = self.message.clone();
        for (name, value) in self.texts() {
            let word = harmless_word(&value, WORD_MAX);
            let _infallible = if word.contains([' ', '"', '\n']) || word.is_empty() {
                write!(text, " {name}={word:?}")
            } else {
                write!(text, " {name}={word}")
            };
        }
        text
    }

    /// Each field as text.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.all.iter().map(|(name, value)| {
            let text = value.as_str().map(str::to_owned);
            (*name, text.unwrap_or_else(|| value.to_string()))
        })
    }

    /// All of them as one object, the message among them.
    pub(super) fn object(self) -> Map<String, Json> {
        let all = self.all.into_iter();
        let mut object: Map<String, Json> =
            all.map(|(name, value)| (name.to_owned(), value)).collect();
        object.insert(MESSAGE.to_owned(), self.message.into());
        object
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.put(field, value.to_string().into());
    }
}
