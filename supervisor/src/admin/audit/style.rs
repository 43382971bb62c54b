//! Colours, where somebody sees them, and text that does not drive his terminal.

use crate::sanitize::harmless;
use std::io::{self, IsTerminal};

/// What a piece of text means.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tone {
    Good,
    Odd,
    Bad,
    Quiet,
    Strong,
}

/// Whether to use colours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    colours: bool,
}

impl Style {
    /// Colours only on a terminal, and not where `NO_COLOR` is set.
    pub(crate) fn of_stdout() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            colours: io::stdout().is_terminal() && !unwanted,
        }
    }

    /// Never any colours.
    pub(crate) fn plain() -> Self {
        Self { colours: false }
    }

    /// `text`, which must be harmless already.
    pub(crate) fn tone(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Odd => "33",
            Tone::Bad => "31",
            Tone::Quiet => "2",
            Tone::Strong => "1",
        };
        if self.colours {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// `text` in one line, in which every character is what it looks like.
pub(crate) fn one_line(text: &str) -> String {
    harmless(text.as_bytes())
        .replace('\n', "␊")
        .replace('\t', "␉")
}

/// `word` as a shell would need it, so that it can be told where it ends.
pub(crate) fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_@%+=:,./-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", one_line(word).replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_apart_and_in_their_line() {
        assert_eq!(shell_word("/usr/bin/ls"), "/usr/bin/ls");
        assert_eq!(shell_word(""), "''");
        assert_eq!(shell_word("a b"), "'a b'");
        assert_eq!(shell_word("it's\n\u{1b}[2J"), r"'it'\''s␊␛[2J'");
    }
}
