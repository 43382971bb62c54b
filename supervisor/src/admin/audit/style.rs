//! Colours, where somebody sees them, and text that does not drive his terminal.

pub(crate) use crate::sanitize::{one_line, shell_word};
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
