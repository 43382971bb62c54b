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
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::layer::{Filter, Layer, SubscriberExt};
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

/// Everything that is told of what happens, each in its own way.
type Layers = Vec<Box<dyn Layer<Registry> + Send + Sync>>;

/// Logs messages from `level` on, or as the environment says. Call before the process
/// confines itself: the journal is connected here.
///
/// # Errors
/// A filter in the environment that cannot be read, or a journal that was asked for and
/// is not there.
pub(crate) fn start(level: &str, logging: Logging) -> Result<(), Error> {
    let layers: Layers = vec![messages(level, logging.format)?];
    // Fails only when a subscriber is there already.
    let _ = tracing_subscriber::registry().with(layers).try_init();
    Ok(())
}

/// What is logged.
fn messages(level: &str, format: Format) -> Result<Box<dyn Layer<Registry> + Send + Sync>, Error> {
    let filter = filter(level)?;
    let sink = match format {
        Format::Auto => Journal::of_stderr().map(Sink::Journal),
        Format::Text => None,
        Format::Json => Some(Sink::Json),
        Format::Journal => Some(Sink::Journal(Journal::connect().map_err(Error::Journal)?)),
    };
    Ok(match sink {
        Some(sink) => Records(sink).with_filter(filter).boxed(),
        None => tracing_subscriber::fmt::layer()
            .with_writer(io::stderr)
            .with_ansi(io::stderr().is_terminal())
            .with_target(false)
            .with_filter(filter)
            .boxed(),
    })
}

fn filter(level: &str) -> Result<impl Filter<Registry> + Send + Sync + 'static, Error> {
    let wanted = std::env::var(VARIABLE).unwrap_or_else(|_| level.to_owned());
    let filter = EnvFilter::try_new(wanted).map_err(Error::Log)?;
    Ok(filter.and(filter_fn(is_discreet)))
}

/// rmcp logs whole messages, arguments and output included, below this level.
fn is_discreet(metadata: &Metadata<'_>) -> bool {
    !metadata.target().starts_with("rmcp") || *metadata.level() <= Level::ERROR
}
