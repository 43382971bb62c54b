//! `command = […]`: templates. A placeholder `{name}` ends its element; before
//! it may stand a fixed prefix. `{{` and `}}` are literal braces.

use super::{Located, Reader};
use crate::variables::KNOWN;
use std::ops::Range;

/// One element of a command as written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written<'a> {
    /// The literal text, or the prefix of the placeholder.
    pub(super) literal: String,
    /// The name in the placeholder, and where it stands, braces included.
    pub(super) placeholder: Option<(&'a str, Range<usize>)>,
}

/// What is wrong with an element, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    pub(super) range: Range<usize>,
    message: &'static str,
    hint: &'static str,
}

const OPEN: &str = "`{` is not closed";
const CLOSE: &str = "`}` closes nothing";
const BRACES: &str = "for literal braces write `{{` and `}}`";
const NAMELESS: &str = "the placeholder has no name";
const SUFFIX: &str = "something follows the placeholder";
const ONE: &str =
    "an element is literal text, or an optional prefix and one placeholder at its end";

impl Reader<'_> {
    /// The element `text`; flaws are noted.
    pub(super) fn element<'t>(&self, text: &Located<&'t str>) -> Option<Written<'t>> {
        if let Some(at) = text.value.find('\0') {
            self.error(
                &self.within(text, at..at + 1),
                "an element has a NUL character",
            );
            return None;
        }
        match element(text.value) {
            Ok(written) => Some(written),
            Err(flaw) => {
                self.error_hint(&self.within(text, flaw.range), flaw.message, flaw.hint);
                None
            }
        }
    }
}

fn element(text: &str) -> Result<Written<'_>, Flaw> {
    let mut literal = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        literal.push_str(before);
        if let Some((variable, after)) = variable(&literal, from) {
            literal.push_str(variable);
            rest = after;
            continue;
        }
        if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
            literal.push_str(from.get(..1).unwrap_or_default());
            rest = after;
            continue;
        }
        let start = text.len() - from.len();
        let placeholder = Some(placeholder(text, start)?);
        return Ok(Written {
            literal,
            placeholder,
        });
    }
    literal.push_str(rest);
    Ok(Written {
        literal,
        placeholder: None,
    })
}

/// `{caller.…}` after a `$`, and what follows it: no argument has such a name.
fn variable<'t>(before: &str, from: &'t str) -> Option<(&'t str, &'t str)> {
    let end = from.find('}')? + 1;
    let (inner, after) = from.split_at(end);
    let known = KNOWN
        .iter()
        .any(|known| known.strip_prefix('$') == Some(inner));
    (before.ends_with('$') && known).then_some((inner, after))
}

/// The placeholder that begins at `start` and must end `text`.
fn placeholder(text: &str, start: usize) -> Result<(&str, Range<usize>), Flaw> {
    let flaw = |range, message, hint| {
        Err(Flaw {
            range,
            message,
            hint,
        })
    };
    let from = text.get(start..).unwrap_or_default();
    let Some(inner) = from.strip_prefix('{') else {
        return flaw(start..start + 1, CLOSE, BRACES);
    };
    match inner.split_once('}') {
        None => flaw(start..text.len(), OPEN, BRACES),
        Some(("", "")) => flaw(start..text.len(), NAMELESS, BRACES),
        Some((name, "")) => Ok((name, start..text.len())),
        Some((_, after)) => flaw(text.len() - after.len()..text.len(), SUFFIX, ONE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, Option<&str>) {
        let written = element(text).expect(text);
        (written.literal, written.placeholder.map(|(name, _)| name))
    }

    #[test]
    fn elements_are_literals_or_a_prefix_and_a_placeholder() {
        assert_eq!(read("-n"), ("-n".to_owned(), None));
        assert_eq!(read(""), (String::new(), None));
        assert_eq!(read("{a}"), (String::new(), Some("a")));
        assert_eq!(read("--since={t}"), ("--since=".to_owned(), Some("t")));
        assert_eq!(read("ä{{x}}"), ("ä{x}".to_owned(), None));
        assert_eq!(read("{{{a}"), ("{".to_owned(), Some("a")));
        let (home, name) = ("${caller.home}", "--as=${caller.name}:{a}");
        assert_eq!(read(home), (home.to_owned(), None));
        assert_eq!(read(name), ("--as=${caller.name}:".to_owned(), Some("a")));
    }

    #[test]
    fn anything_else_is_a_flaw_with_its_place() {
        let at = |text| element(text).map_err(|flaw| (flaw.message, flaw.range));
        assert_eq!(at("a{b"), Err((OPEN, 1..3)));
        assert_eq!(at("a}b"), Err((CLOSE, 1..2)));
        assert_eq!(at("a{}"), Err((NAMELESS, 1..3)));
        assert_eq!(at("{a}.log"), Err((SUFFIX, 3..7)));
        assert_eq!(at("{a}{b}"), Err((SUFFIX, 3..6)));
        assert_eq!(at("{a}}}"), Err((SUFFIX, 3..5)));
    }
}
