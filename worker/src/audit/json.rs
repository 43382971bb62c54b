//! Writes JSON objects, RFC 8259. There is no reader: the worker parses no JSON.

use std::fmt::Write;

/// One object under construction.
#[derive(Debug)]
pub(crate) struct Object {
    text: String,
}

impl Object {
    /// An object without members.
    pub(crate) fn new() -> Self {
        Self {
            text: String::from("{"),
        }
    }

    /// Adds a string.
    pub(crate) fn text(mut self, name: &str, value: &str) -> Self {
        self.name(name);
        quote(&mut self.text, value);
        self
    }

    /// Adds anything whose `Display` is JSON: a number or a boolean.
    pub(crate) fn literal(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.name(name);
        let _infallible = write!(self.text, "{value}");
        self
    }

    /// Adds a number, or null.
    pub(crate) fn number(self, name: &str, value: Option<i32>) -> Self {
        match value {
            Some(value) => self.literal(name, value),
            None => self.literal(name, "null"),
        }
    }

    /// Adds an array of strings.
    pub(crate) fn texts(mut self, name: &str, values: &[String]) -> Self {
        self.name(name);
        self.text.push('[');
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                self.text.push(',');
            }
            quote(&mut self.text, value);
        }
        self.text.push(']');
        self
    }

    /// Adds an array of strings and objects.
    pub(crate) fn items(self, name: &str, values: impl IntoIterator<Item = Item>) -> Self {
        let values: Vec<String> = values.into_iter().map(Item::finish).collect();
        self.literals(name, &values)
    }

    /// Adds an array of whatever has JSON as its `Display`.
    pub(crate) fn literals(self, name: &str, values: &[impl ToString]) -> Self {
        let values: Vec<String> = values.iter().map(ToString::to_string).collect();
        self.literal(name, format!("[{}]", values.join(",")))
    }

    /// Adds an object.
    pub(crate) fn object(self, name: &str, value: Self) -> Self {
        self.literal(name, value.finish())
    }

    /// The text so far, which more members follow.
    pub(crate) fn so_far(&self) -> &str {
        &self.text
    }

    /// The text of the object.
    pub(crate) fn finish(mut self) -> String {
        self.text.push('}');
        self.text
    }

    fn name(&mut self, name: &str) {
        if self.text.len() > 1 {
            self.text.push(',');
        }
        quote(&mut self.text, name);
        self.text.push(':');
    }
}

/// An element of an array.
#[derive(Debug)]
pub(crate) enum Item {
    Text(String),
    Object(Object),
}

impl Item {
    fn finish(self) -> String {
        match self {
            Self::Text(text) => quoted(&text),
            Self::Object(object) => object.finish(),
        }
    }
}

/// `bytes` in lower case.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
    let both = |byte: &u8| [digit(byte >> 4), digit(byte & 15)];
    bytes.iter().flat_map(both).collect()
}

/// `value` as a JSON string.
pub(crate) fn quoted(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    quote(&mut text, value);
    text
}

/// Besides what JSON demands, everything outside printable ASCII and letters of
/// other scripts is escaped, so that a trail shown in a terminal cannot move its cursor.
fn quote(text: &mut String, value: &str) {
    text.push('"');
    let mut rest = value;
    while let Some(at) = rest.find(is_to_be_escaped) {
        let (plain, other) = rest.split_at(at);
        text.push_str(plain);
        let mut characters = other.chars();
        characters
            .next()
            .into_iter()
            .for_each(|one| escape(text, one));
        rest = characters.as_str();
    }
    text.push_str(rest);
    text.push('"');
}

fn is_to_be_escaped(character: char) -> bool {
    let plain = (' '..='~').contains(&character) || character.is_alphanumeric();
    !plain || matches!(character, '"' | '\\')
}

fn escape(text: &mut String, character: char) {
    if matches!(character, '"' | '\\') {
        text.push('\\');
        text.push(character);
        return;
    }
    for unit in character.encode_utf16(&mut [0; 2]) {
        let _infallible = write!(text, "\\u{unit:04x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_inside_its_string() {
        let object = Object::new().text("a\"b", "x\"},\n\u{1b}[2J\\\u{202e}é\u{1f600}");
        let expected = r#"{"a\"b":"x\"},\u000a\u001b[2J\\\u202eé\ud83d\ude00"}"#;
        assert_eq!(object.finish(), expected);
    }

    #[test]
    fn members_are_separated() {
        let inner = Object::new().number("n", None).number("m", Some(-1));
        let object = Object::new()
            .texts("v", &["a".into(), "b".into()])
            .texts("e", &[])
            .object("o", inner);
        assert_eq!(
            object.literal("t", true).finish(),
            r#"{"v":["a","b"],"e":[],"o":{"n":null,"m":-1},"t":true}"#
        );
    }
}
