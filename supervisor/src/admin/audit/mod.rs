//! `mini-mcp audit`: the trail as people want to read it, and whether it is whole.

mod fold;
mod follow;
mod list;
pub(crate) mod options;
mod row;
mod show;
mod style;
mod verify;

pub(crate) use row::{command, name as user_name, user};
pub(crate) use style::{Style, Tone, one_line, shell_word};
pub(crate) use verify::{known, verified};

use crate::error::Error;
use crate::trail::{Event, Lines, event, parts};
use options::{Audit, Command, Key};
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Does what was asked for.
pub(crate) fn audit(options: &Audit) -> Result<ExitCode, Error> {
    match &options.command {
        None => list::list(options)?,
        Some(Command::Show(options)) => show::show(options)?,
        Some(Command::Key(options)) => key(options)?,
        Some(Command::Verify(options)) => return Ok(verify::verify(options)),
    }
    Ok(ExitCode::SUCCESS)
}

fn key(options: &Key) -> Result<(), Error> {
    let file = crate::trail::beside(&options.place.trail, ".pub");
    let key = fs::read_to_string(&file).map_err(|error| unreadable(&file, error))?;
    super::print(&crate::sanitize::harmless(key.as_bytes()))
}

/// Every event of the trail at `path`, its former parts included, with the line it
/// stands in. What is no line of a trail is left out: `verify` tells of it.
pub(crate) fn events(
    path: &Path,
    mut tell: impl FnMut(Event, &[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    for part in parts(path).map_err(|error| unreadable(path, error))? {
        let failed = |error| unreadable(&part, error);
        let mut lines = Lines::new(BufReader::new(File::open(&part).map_err(failed)?));
        while let Some((_, line)) = lines.next().map_err(failed)? {
            if let Some(event) = event(line) {
                tell(event, line)?;
            }
        }
    }
    Ok(())
}

fn unreadable(path: &Path, source: io::Error) -> Error {
    Error::ReadTrail {
        path: PathBuf::from(path),
        source,
    }
}
