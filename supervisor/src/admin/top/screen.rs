//! The terminal, taken for as long as this lives and given back however it ends.

use crate::error::Error;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::{Frame, Terminal};
use std::io::{self, Stdout};
use std::panic;

/// A terminal that shows frames.
#[derive(Debug)]
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn take() -> Result<Self, Error> {
        // A release aborts at a panic: nothing but this hook runs then.
        let told = panic::take_hook();
        panic::set_hook(Box::new(move |panicked| {
            give_back();
            told(panicked);
        }));
        Self::open().map_err(|error| {
            give_back();
            Error::Screen(error)
        })
    }

    fn open() -> io::Result<Self> {
        enable_raw_mode()?;
        execute!(io::stdout(), EnterAlternateScreen)?;
        let terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        Ok(Self { terminal })
    }

    /// Shows what `draw` draws, in the size that the terminal has now.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> Result<(), Error> {
        let drawn = self.terminal.draw(draw);
        drawn.map(drop).map_err(Error::Screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Nobody is left to be told when this fails.
fn give_back() {
    let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    const INSIDE: &str = "MINI_MCP_TEST_SCREEN";

    /// Runs itself once more in a terminal of its own, where it panics: what comes after
    /// must find the terminal as it was.
    #[test]
    fn a_panic_gives_the_terminal_back() {
        if std::env::var_os(INSIDE).is_some() {
            let mut screen = Screen::take().unwrap();
            screen.draw(|_| ()).unwrap();
            panic!("as it must");
        }
        let own = std::env::current_exe().unwrap();
        let name = "a_panic_gives_the_terminal_back";
        let inside = format!("stty -a; '{}' {name} --nocapture; stty -a", own.display());
        let output = Command::new("script")
            .args(["--quiet", "--command", &inside, "/dev/null"])
            .env(INSIDE, "yes")
            .output()
            .expect("util-linux is installed");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let place = |what: &str| {
            told.find(what)
                .unwrap_or_else(|| panic!("no {what} in {told}"))
        };
        let (taken, back) = (place("\u{1b}[?1049h"), place("\u{1b}[?1049l"));
        assert!(taken < back && back < place("as it must"), "{told}");
        let modes: Vec<&str> = told
            .lines()
            .filter(|line| line.contains("icanon"))
            .collect();
        assert_eq!(modes.len(), 2, "{told}");
        assert_eq!(modes[0], modes[1]);
        assert!(!modes[0].contains("-icanon"), "{modes:?}");
    }
}
