//! What the worker has to tell an administrator: to the journal with fields where
//! standard error is connected to that, else lines on standard error.
//!
//! It is little: calls are told by the supervisor's log and by the audit trail.

use crate::audit::json::Object;
use std::io::{self, Write};
use std::sync::OnceLock;
use std::time::SystemTime;
use thiserror::Error;
use wire::systemd::{Journal, Record, Severity};

/// What messages are known by in the journal.
const PROGRAM: &str = "mini-mcp-worker";

/// How messages are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// To the journal where standard error is connected to it, else as text.
    #[default]
    Auto,
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
    /// To the journal, wherever standard error goes.
    Journal,
}

/// Where messages go; lanes have a copy.
#[derive(Debug)]
enum Output {
    Text,
    Json,
    Journal(Journal),
}

/// A journal was asked for, and none is there.
#[derive(Debug, Error)]
#[error("cannot reach the journal")]
pub(crate) struct NoJournal(#[from] io::Error);

static OUTPUT: OnceLock<Output> = OnceLock::new();

/// Begins to write messages as `format` says. Before that they are text.
///
/// # Errors
/// A journal that was asked for and is not there.
pub(crate) fn start(format: Format) -> Result<(), NoJournal> {
    let output = match format {
        Format::Auto => Journal::of_stderr().map_or(Output::Text, Output::Journal),
        Format::Text => Output::Text,
        Format::Json => Output::Json,
        Format::Journal => Output::Journal(Journal::connect()?),
    };
    // It is started once.
    let _first = OUTPUT.set(output);
    Ok(())
}

/// Something that somebody should look at.
pub(crate) fn say(text: &str) {
    tell(Severity::Warning, text, &[]);
}

/// A message with fields, `run` for `MINI_MCP_RUN`.
pub(crate) fn tell(severity: Severity, text: &str, fields: &[(&str, &str)]) {
    match OUTPUT.get() {
        Some(Output::Journal(journal)) => {
            let record = Record::new(PROGRAM, severity, text);
            let record = fields
                .iter()
                .fold(record, |record, (name, value)| record.with(name, value));
            if journal.send(&record).is_err() {
                // The journal reads the number as the priority, sd-daemon(3).
                print(&format!("<{}>{PROGRAM}: {text}", severity as u8));
            }
        }
        Some(Output::Json) => print(&json(severity, text, fields)),
        Some(Output::Text) | None => print(&format!("{PROGRAM}: {text}")),
    }
}

/// Without standard error, nobody is left to be told.
fn print(line: &str) {
    let _untold = io::stderr().write_all(format!("{line}\n").as_bytes());
}

fn json(severity: Severity, text: &str, fields: &[(&str, &str)]) -> String {
    let time = humantime::format_rfc3339_micros(SystemTime::now());
    let object = Object::new()
        .text("time", &time.to_string())
        .text("level", severity.word())
        .text("message", text);
    let object = fields
        .iter()
        .fold(object, |object, (name, value)| object.text(name, value));
    object.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_json_is_one_line() {
        let line = json(Severity::Error, "a\n\"b\"", &[("run", "1-2")]);
        assert!(
            !line.contains('\n') && line.ends_with(r#""run":"1-2"}"#),
            "{line}"
        );
        assert!(line.contains(r#""level":"error""#), "{line}");
    }
}
