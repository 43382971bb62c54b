//! `mini-mcp top`: what runs, waits, is called and was denied, as it changes; asked of
//! the worker itself, which tells root alone.
//!
//! What is shown was made up by callers: every cell is made harmless where it is made,
//! [`cell`].

mod asking;
mod cell;
mod document;
#[cfg(test)]
mod drawn;
mod grid;
mod live;
mod place;
mod plain;
mod screen;
mod seen;
mod state;
mod tables;
mod tree;
mod view;

use super::audit::one_line;
use super::options::Top;
use super::status::ask;
use super::{Reader, pause, print_json, print_on};
use crate::error::Error;
use document::document;
use live::live;
use plain::plain;
use seen::Watching;
use serde_json::json;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;
use wire::{About, Answer, Overview};

/// Success when somebody has seen enough, 2 when nothing can be told.
pub(crate) fn top(options: &Top) -> ExitCode {
    let told = match (options.json, options.once) {
        (true, true) => once(options, |watching| print_json(&document(watching))),
        (true, false) => lines(options),
        (false, true) => once(options, |watching| super::print(&plain(watching))),
        (false, false) if io::stdout().is_terminal() && io::stdin().is_terminal() => live(options),
        (false, false) => Err(Error::NoTerminal),
    };
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error.report();
            ExitCode::from(2)
        }
    }
}

fn once(options: &Top, tell: impl FnOnce(&Watching) -> Result<(), Error>) -> Result<(), Error> {
    let mut watching = Watching::default();
    watching.take(overview(&options.place.socket)?);
    tell(&watching)
}

/// One document a line, for as long as somebody reads them.
fn lines(options: &Top) -> Result<(), Error> {
    let mut watching = Watching::default();
    watching.take(overview(&options.place.socket)?);
    loop {
        let line = format!("{}\n", document(&watching));
        if print_on(&line)? == Reader::Gone || pause(options.interval) == Reader::Gone {
            return Ok(());
        }
        while let Err(error) = overview(&options.place.socket).map(|new| watching.take(new)) {
            let away = json!({"away": one_line(&error.text())});
            let gone = print_on(&format!("{away}\n"))? == Reader::Gone;
            if gone || pause(options.interval) == Reader::Gone {
                return Ok(());
            }
        }
    }
}

/// What the worker tells.
fn overview(socket: &Path) -> Result<Overview, Error> {
    match ask(socket, About::Overview)? {
        Answer::Overview(overview) => Ok(*overview),
        Answer::Refused(why) => Err(Error::NotDone(one_line(&why))),
        Answer::Status(_)
        | Answer::Pending(..)
        | Answer::Grants(..)
        | Answer::Done
        | Answer::Version(_) => Err(Error::OtherVersion),
    }
}
