//! Rows that are too long for a terminal go on beneath themselves, not at its edge.

use ratatui::crossterm::terminal;
use std::io::{self, IsTerminal};

/// A beginning of a line that leaves less than this is no place for many words.
const LEAST: usize = 24;

/// Where words go on that had no room beside what they are about.
const INDENT: usize = 12;

/// How wide the terminal is that standard output is; `None` where it is none.
pub(super) fn columns() -> Option<usize> {
    let size = io::stdout().is_terminal().then(terminal::size)?;
    let (columns, _) = size.ok()?;
    (columns > 0).then_some(usize::from(columns))
}

/// `words` in lines, of which the first stands after `before` columns: with the line
/// feeds and blanks between them.
pub(super) fn fold(words: &str, before: usize, columns: Option<usize>) -> String {
    let Some(columns) = columns else {
        return words.to_owned();
    };
    let room = columns.saturating_sub(before);
    if words.chars().count() <= room {
        return words.to_owned();
    }
    // Beside it if that is worth it, else beneath.
    let (indent, first) = if room >= LEAST {
        (before, String::new())
    } else {
        (INDENT, format!("\n{}", " ".repeat(INDENT)))
    };
    let room = columns.saturating_sub(indent).max(LEAST);
    let between = format!("\n{}", " ".repeat(indent));
    first + &lines(words, room).join(&between)
}

/// `words` in lines of at most `room` characters, broken between words where it can be.
fn lines(words: &str, room: usize) -> Vec<String> {
    let (mut lines, mut line, mut length) = (Vec::new(), String::new(), 0);
    for word in words.split_inclusive(' ') {
        let mut rest: Vec<char> = word.chars().collect();
        if length + word.trim_end().chars().count() > room && length > 0 {
            lines.push(std::mem::take(&mut line));
            length = 0;
        }
        while rest.len() > room + 1 {
            let after = rest.split_off(room);
            lines.push(rest.into_iter().collect());
            rest = after;
        }
        length += rest.len();
        line.extend(rest);
    }
    lines.push(line);
    lines
        .iter()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_stays_as_it_is() {
        assert_eq!(fold("a b", 77, Some(80)), "a b");
        let long = "x ".repeat(200);
        assert_eq!(fold(&long, 60, None), long);
    }

    #[test]
    fn words_go_on_beneath_themselves() {
        let words = "/usr/bin/journalctl --no-pager -n 200 -u nginx.service";
        let wanted = "/usr/bin/journalctl\n      --no-pager -n 200 -u\n      nginx.service";
        assert_eq!(fold(words, 6, Some(30)), wanted);
        // There is no room beside it.
        let told = fold(words, 25, Some(40));
        let wanted = format!(
            "\n{0}/usr/bin/journalctl\n{0}--no-pager -n 200 -u\n{0}nginx.service",
            " ".repeat(12)
        );
        assert_eq!(told, wanted);
    }

    #[test]
    fn nothing_is_wider_than_the_terminal_nor_lost() {
        let words = format!("{} {} é", "x".repeat(100), "y".repeat(29));
        for columns in [30, 40, 80, 200] {
            let told = fold(&words, 5, Some(columns));
            let mut lines = told.lines();
            assert!(lines.next().unwrap().chars().count() + 5 <= columns);
            assert!(lines.all(|line| line.chars().count() <= columns), "{told}");
            let kept: String = told.split_whitespace().collect();
            assert_eq!(kept, words.replace(' ', ""));
        }
    }
}
