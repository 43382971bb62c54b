//! `mini-mcp audit show RUN --output`: what a run printed, as it was recorded.

use super::events;
use super::options::Show;
use super::style::one_line;
use crate::error::Error;
use crate::sanitize::harmless;
use crate::trail::recorded::{Recorded, Wrong, recorded};
use crate::trail::{Event, Lines, beside, text};
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Prints both streams where they belong, each only when it is what was recorded.
pub(super) fn output(options: &Show) -> Result<(), Error> {
    let directory = directory(options.record_dir.as_deref(), &options.place.trail);
    let event = told(options)?;
    for one in recorded(&event) {
        let file = one.open(&directory).map_err(|wrong| Error::Recording {
            path: one.file(&directory).unwrap_or_default(),
            why: words(&wrong),
        })?;
        if let Some(file) = file {
            stream(&one, file, options.raw)?;
        }
    }
    match text(&event, "reason") {
        "" => Ok(()),
        reason => Err(Error::RecordingCut(one_line(reason))),
    }
}

/// The line that tells what was recorded.
fn told(options: &Show) -> Result<Event, Error> {
    let mut told = None;
    let mut known = false;
    events(&options.place.trail, |event, _| {
        let own = text(&event, "run") == options.run;
        known |= own;
        if own && !recorded(&event).is_empty() {
            told = Some(event);
        }
        Ok(())
    })?;
    let run = one_line(&options.run);
    told.ok_or(if known {
        Error::NotRecorded(run)
    } else {
        Error::NoRun(run)
    })
}

/// What is wrong with a recording, in a few words.
pub(super) fn words(wrong: &Wrong) -> String {
    match wrong {
        Wrong::Missing(error) if error.kind() == ErrorKind::NotFound => {
            "it is not there any more".to_owned()
        }
        Wrong::Missing(error) => error.to_string(),
        Wrong::Other => "it is not what was recorded: its digest is another one".to_owned(),
    }
}

fn stream(one: &Recorded, file: File, raw: bool) -> Result<(), Error> {
    let copied = match one.stream {
        "stderr" => copy(file, io::stderr().lock(), raw),
        _ => copy(file, io::stdout().lock(), raw),
    };
    match copied {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::Print(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// As it is, or, on a terminal, so that it drives none.
fn copy(mut file: File, mut to: impl Write + IsTerminal, raw: bool) -> io::Result<()> {
    if raw || !to.is_terminal() {
        io::copy(&mut file, &mut to)?;
    } else {
        let mut lines = Lines::new(BufReader::new(file));
        while let Some((_, line)) = lines.next()? {
            to.write_all(harmless(line).as_bytes())?;
        }
    }
    to.flush()
}

/// Where recordings are: named, or beside the trail.
pub(super) fn directory(named: Option<&Path>, trail: &Path) -> PathBuf {
    named.map_or_else(|| beside(trail, ".output"), Path::to_owned)
}
