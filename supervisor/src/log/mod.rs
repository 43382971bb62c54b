//! Logs: to the journal with fields, or lines on standard error; standard output belongs
//! to MCP.

mod fields;
mod records;

use crate::error::Error;
use clap::{Args, ValueEnum};
use records::{Records, Sink};
use std::io::{self, IsTerminal};
use tracing::{Level, Metadata};
use tracing_subscriber::Registry;
use tracing_subscriber::filter::{EnvFilter, LevelFilter, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use wire::systemd::Journal;

/// Variable that overrides which messages are logged.
const VARIABLE: &str = "MINI_MCP_LOG";

/// How messages are written.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct Logging {
    /// How messages are written
    #[arg(
        long = "log-format",
        value_name = "HOW",
        value_enum,
        default_value_t = Format::Auto
    )]
    pub(crate) format: Format,
}

/// A way to write messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// To the journal where standard error is connected to it, else as text
    #[default]
    Auto,
    /// Lines for people, on standard error
    Text,
    /// One JSON object a line, on standard error
    Json,
    /// To the journal, with fields
    Journal,
}

impl Logging {
    /// The word for a worker of our own, which does not have our environment.
    pub(crate) fn for_worker(self) -> &'static str {
        match self.format {
            Format::Auto if Journal::of_stderr().is_some() => "journal",
            Format::Auto | Format::Text => "text",
            Format::Json => "json",
            Format::Journal => "journal",
        }
    }
}

/// Something through which each message and each span goes.
type Boxed = Box<dyn Layer<Registry> + Send + Sync>;

/// Logs messages from `level` on, or as the environment says. Call before the process
/// confines itself: the journal is connected here.
///
/// # Errors
/// A filter in the environment that cannot be read, or a journal that was asked for and
/// is not there.
pub(crate) fn start(level: LevelFilter, logging: Logging) -> Result<(), Error> {
    // Of all that is told, so what is left out is known by its place in the program.
    let wanted = tracing_subscriber::registry().with(wanted(level)?);
    let wanted = wanted.with(filter_fn(is_discreet));
    // Fails only when a subscriber is there already.
    let _ = match sink(logging.format)? {
        Some(sink) => wanted.with(Records(sink)).try_init(),
        None => {
            let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
            let lines = lines.with_ansi(io::stderr().is_terminal());
            wanted.with(lines.with_target(false)).try_init()
        }
    };
    Ok(())
}

/// Where messages go, unless as text to standard error.
fn sink(format: Format) -> Result<Option<Sink>, Error> {
    Ok(match format {
        Format::Auto => Journal::of_stderr().map(Sink::Journal),
        Format::Text => None,
        Format::Json => Some(Sink::Json),
        Format::Journal => Some(Sink::Journal(Journal::connect().map_err(Error::Journal)?)),
    })
}

/// From which level on. What the environment says may depend on the spans around, which is
/// looked up whenever one is entered: only where it says something.
fn wanted(level: LevelFilter) -> Result<Boxed, Error> {
    Ok(match std::env::var(VARIABLE) {
        Ok(wanted) => EnvFilter::try_new(wanted).map_err(Error::Log)?.boxed(),
        Err(_) => level.boxed(),
    })
}

/// rmcp logs whole messages, arguments and output included, below this level.
fn is_discreet(metadata: &Metadata<'_>) -> bool {
    !metadata.target().starts_with("rmcp") || *metadata.level() <= Level::ERROR
}
