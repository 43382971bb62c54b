//! Places in a text: line, column, and the source line with its mark.

use crate::quote::harmless;
use std::cell::OnceCell;
use std::ops::Range;

/// Most columns shown before, of and after what is marked.
const BEFORE_MAX: usize = 100;
const MARKED_MAX: usize = 80;
const AFTER_MAX: usize = 60;

/// A text whose lines are counted.
pub(crate) struct Lines<'a> {
    text: &'a str,
    /// Byte offset of the beginning of each line, once a place is asked for.
    starts: OnceCell<Vec<usize>>,
}

/// Where something stands in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Line, from 1.
    pub(crate) line: usize,
    /// Column in characters, from 1.
    pub(crate) column: usize,
    /// The line, harmless and cut to fit.
    pub(crate) shown: String,
    /// The columns of `shown` to mark, from 0.
    pub(crate) mark: Range<usize>,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let starts = OnceCell::new();
        Self { text, starts }
    }

    fn starts(&self) -> &[usize] {
        let after_newlines = || self.text.match_indices('\n').map(|(at, _)| at + 1);
        let all = || std::iter::once(0).chain(after_newlines()).collect();
        self.starts.get_or_init(all)
    }

    /// The place of `span`, in bytes; of its first line, when it has several.
    pub(crate) fn locate(&self, span: &Range<usize>) -> Place {
        let starts = self.starts();
        let line = starts.partition_point(|start| *start <= span.start);
        let start = starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let rest = self.text.get(start..).unwrap_or_default();
        let content = rest.split('\n').next().unwrap_or_default();
        let content = content.strip_suffix('\r').unwrap_or(content);
        let (before, rest) = split(content, span.start.saturating_sub(start));
        let (marked, after) = split(rest, span.len());
        let (shown, mark) = window(before, marked, after);
        Place {
            line,
            column: before.chars().count() + 1,
            shown,
            mark,
        }
    }
}

/// Cuts `text` at byte `at`, or at the end of the character it falls into.
fn split(text: &str, at: usize) -> (&str, &str) {
    let at = (at..text.len()).find(|at| text.is_char_boundary(*at));
    text.split_at(at.unwrap_or(text.len()))
}

/// The three parts of a line as one text that fits a terminal, and the columns
/// of the second; at least one, also at the end of a line.
fn window(before: &str, marked: &str, after: &str) -> (String, Range<usize>) {
    let reversed: String = display(before).chars().rev().collect();
    let mut shown: String = cut(&reversed, BEFORE_MAX).chars().rev().collect();
    let start = shown.chars().count();
    shown.push_str(&cut(&display(marked), MARKED_MAX));
    let end = shown.chars().count().max(start + 1);
    shown.push_str(&cut(&display(after), AFTER_MAX));
    (shown, start..end)
}

/// `text` harmless, with tabs as wide everywhere as they are in the mark's line.
fn display(text: &str) -> String {
    let parts: Vec<String> = text.split('\t').map(harmless).collect();
    parts.join("    ")
}

fn cut(text: &str, max: usize) -> String {
    match text
        .char_indices()
        .nth(max)
        .and_then(|(at, _)| text.get(..at))
    {
        Some(head) => format!("{head}…"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_marks_count_what_is_shown() {
        let source = Lines::new("a = 1\r\n\tä = \"\u{1b}\"x\n");
        let place = source.locate(&(13..16));
        assert_eq!((place.line, place.column), (2, 6));
        assert_eq!(place.shown, "    ä = \"\\u{1b}\"x");
        assert_eq!(place.mark, 8..16);
    }

    #[test]
    fn any_span_has_a_place() {
        let source = Lines::new("a\nü");
        for start in 0..8 {
            for end in start..9 {
                let place = source.locate(&(start..end));
                assert!(place.line <= 2 && !place.mark.is_empty());
            }
        }
        assert_eq!(Lines::new("").locate(&(0..0)).line, 1);
        assert_eq!(Lines::new("a\n").locate(&(2..2)).line, 2);
    }

    #[test]
    fn long_lines_are_cut_around_the_mark() {
        let text = format!("{}MARK{}", "a".repeat(1000), "b".repeat(1000));
        let place = Lines::new(&text).locate(&(1000..1004));
        assert_eq!(place.column, 1001);
        assert_eq!(place.mark, 101..105);
        assert!(place.shown.starts_with("…a") && place.shown.ends_with("b…"));
        assert_eq!(place.shown.chars().count(), 101 + 4 + 61);
    }
}
