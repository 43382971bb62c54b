//! Logs, on standard error: standard output belongs to MCP.

use crate::error::Error;
use std::io::{self, IsTerminal};
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// Variable that overrides which messages are logged.
const VARIABLE: &str = "MINI_MCP_LOG";

/// Logs messages from `level` on, or as the environment says.
///
/// # Errors
/// A filter in the environment that cannot be read.
pub(crate) fn start(level: &str) -> Result<(), Error> {
    let wanted = std::env::var(VARIABLE).unwrap_or_else(|_| level.to_owned());
    let filter = EnvFilter::try_new(wanted).map_err(Error::Log)?;
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .with_filter(filter.and(filter_fn(is_discreet)));
    // Fails only when a subscriber is there already.
    let _ = tracing_subscriber::registry().with(layer).try_init();
    Ok(())
}

/// rmcp logs whole messages, arguments and output included, below this level.
fn is_discreet(metadata: &Metadata<'_>) -> bool {
    !metadata.target().starts_with("rmcp") || *metadata.level() <= Level::ERROR
}
