//! Cells: a harmless text, and what it is sorted by.

use crate::admin::audit::{Tone, one_line, shell_word};
use std::cmp::Ordering;
use wire::Shown;

/// What stands in one column of one row.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    text: String,
    /// What it is sorted by, where that is not its text.
    number: Option<u64>,
    pub(super) tone: Option<Tone>,
}

impl Cell {
    /// Words, made harmless.
    pub(super) fn words(text: &str) -> Self {
        Self {
            text: one_line(text),
            number: None,
            tone: None,
        }
    }

    /// A number, and how it is written.
    pub(super) fn number(number: u64, written: &str) -> Self {
        Self {
            number: Some(number),
            ..Self::words(written)
        }
    }

    /// A number as it is; nothing for none at all.
    pub(super) fn count(number: u32) -> Self {
        let written = match number {
            0 => String::new(),
            some => some.to_string(),
        };
        Self::number(u64::from(number), &written)
    }

    /// The same in this tone.
    pub(super) fn toned(self, tone: Tone) -> Self {
        Self {
            tone: Some(tone),
            ..self
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Texts as in a dictionary, the largest number first.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        match (self.number, other.number) {
            (Some(own), Some(other)) => other.cmp(&own),
            (None, None) => self.text.cmp(&other.text),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
        }
    }
}

/// An argument vector as a shell would need it.
pub(super) fn command(argv: &[Shown]) -> Cell {
    let words: Vec<String> = argv.iter().map(word).collect();
    Cell::words(&words.join(" "))
}

fn word(shown: &Shown) -> String {
    match shown {
        Shown::Text(text) | Shown::File(text) if text.ends_with('…') => one_line(text),
        Shown::Text(text) | Shown::File(text) => shell_word(text),
        Shown::Secret(prefix) => format!("{}‹secret›", one_line(prefix)),
    }
}

/// A time in at most six characters.
pub(super) fn time(milliseconds: u64) -> Cell {
    let seconds = milliseconds / 1000;
    let written = match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86400, seconds / 3600 % 24),
    };
    Cell::number(milliseconds, &written)
}

/// Bytes in at most six characters.
pub(super) fn size(bytes: u64) -> Cell {
    let mib = bytes >> 20;
    let written = match mib {
        0 => format!("{} K", bytes >> 10),
        1..10240 => format!("{mib} M"),
        _ => format!("{} G", mib >> 10),
    };
    Cell::number(bytes, &written)
}

/// Thousandths, as percent.
pub(super) fn percent(thousandths: u64) -> Cell {
    Cell::number(thousandths, &format!("{} %", (thousandths + 5) / 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_callers_made_up_stays_in_its_cell() {
        let hostile = "\u{1b}[2J\r\n\u{202e}x\u{9b}31m";
        let argv = [
            Shown::Text(hostile.to_owned()),
            Shown::Secret(hostile.to_owned()),
        ];
        for cell in [Cell::words(hostile), command(&argv)] {
            let text = cell.text();
            assert!(
                !text.contains(['\u{1b}', '\r', '\n', '\u{202e}', '\u{9b}']),
                "{text:?}"
            );
        }
    }

    #[test]
    fn numbers_are_short() {
        let texts = [
            time(59_999),
            time(61_000),
            time(3_600_000),
            time(90_000_000),
            size(2048),
            size(5 << 20),
            size(30 << 30),
            percent(1234),
        ];
        let texts = texts.map(|cell| cell.text().to_owned());
        let wanted = [
            "59s", "1m01s", "1h00m", "1d01h", "2 K", "5 M", "30 G", "123 %",
        ];
        assert_eq!(texts, wanted);
    }
}
