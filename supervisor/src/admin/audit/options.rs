//! What can be typed after `mini-mcp audit` and `mini-mcp report`.

use crate::trail::{Filter, moment};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Where the service keeps its trail.
const TRAIL: &str = "/var/log/mini-mcp/audit.jsonl";

/// Tell what the audit trail holds: who called what, and what became of it.
///
/// One line for each call, when it has ended. Reads the former parts of the trail as
/// well. Times are UTC.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  sudo mini-mcp audit --since 1h
  sudo mini-mcp audit --principal ops --denied
  sudo mini-mcp audit --follow
  sudo mini-mcp audit show 19a3c01f2b4-7
  sudo mini-mcp audit show 19a3c01f2b4-7 --output
  sudo mini-mcp audit verify
  mini-mcp audit --audit ~/.local/state/mini-mcp/audit.jsonl

Exit status: 0 fine, 1 the trail cannot be read, or is not whole (verify),
2 wrong usage."
)]
pub(crate) struct Audit {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) wanted: Wanted,
    /// Wait for what comes, until interrupted
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Print the lines of the trail as they are
    #[arg(long)]
    pub(crate) json: bool,
}

/// Something else than a list.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Show(Show),
    Verify(Verify),
    Key(Key),
}

/// Which trail.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The audit trail
    #[arg(long = "audit", value_name = "FILE", default_value = TRAIL)]
    pub(crate) trail: PathBuf,
}

/// Which calls.
#[derive(Debug, Args)]
pub(crate) struct Wanted {
    /// Not before this: `2026-11-26 10:00`, or how long ago, `90min`
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<String>,
    /// Before this
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<String>,
    /// Of this principal, or this user id
    #[arg(long, value_name = "NAME")]
    principal: Option<String>,
    /// Of this tool
    #[arg(long, value_name = "NAME")]
    tool: Option<String>,
    /// Only what was denied or refused
    #[arg(long)]
    denied: bool,
    /// Only this run
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
}

impl Wanted {
    pub(crate) fn filter(&self) -> Filter {
        Filter {
            since: self.since.clone(),
            until: self.until.clone(),
            principal: self.principal.clone(),
            tool: self.tool.clone(),
            denied: self.denied,
            run: self.run.clone(),
        }
    }
}

/// Tell everything about one run.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Its name, which the client gets as `run_id`
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Print the lines of the trail as they are
    #[arg(long)]
    pub(crate) json: bool,
    /// Print what it printed, of a tool with `record`: standard output and standard
    /// error, each as it was, on a terminal so that it does no harm
    #[arg(long, conflicts_with = "json")]
    pub(crate) output: bool,
    /// Also on a terminal as it was
    #[arg(long, requires = "output")]
    pub(crate) raw: bool,
    /// Where recordings are [default: that of the trail, with `.output`]
    #[arg(long, value_name = "DIR", requires = "output")]
    pub(crate) record_dir: Option<PathBuf>,
}

/// Check that nobody has changed the trail, and tell where if somebody has.
///
/// Every line names the one before it, and signatures tell what there was. Keep the
/// public key, and now and then a copy of the head, on another machine: then also
/// root cannot write the trail anew without being found.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sudo mini-mcp audit verify
  sudo mini-mcp audit verify --public-key ~/keys/web1.pub --head ~/keys/web1.head
  mini-mcp audit verify --partial audit.jsonl.000000004711 audit.jsonl

Exit status: 0 the trail is whole, 1 it is not, 2 it cannot be read.")]
pub(crate) struct Verify {
    /// Its files, the oldest first [default: all parts of --audit]
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) place: Place,
    /// File of a key that may have signed; several may be named
    /// [default: that of the trail, with `.pub`]
    #[arg(long, value_name = "FILE")]
    pub(crate) public_key: Vec<PathBuf>,
    /// The checkpoint that must be there [default: that of the trail, with `.head`]
    #[arg(long, value_name = "FILE")]
    pub(crate) head: Option<PathBuf>,
    /// The oldest parts may be elsewhere
    #[arg(long)]
    pub(crate) partial: bool,
    /// Where recordings are [default: that of the trail, with `.output`]
    #[arg(long, value_name = "DIR")]
    pub(crate) record_dir: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// Print the public key that the trail is signed with.
#[derive(Debug, Args)]
pub(crate) struct Key {
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Write a page about the audit trail: calls over time, by principal and tool,
/// denials, the slowest and heaviest runs, and whether the trail is whole.
///
/// One file that needs nothing else and asks no network; open it in a browser.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sudo mini-mcp report --since 7d -o report.html

Exit status: 0 fine, 1 the trail cannot be read, 2 wrong usage.")]
pub(crate) struct Report {
    /// Where it is written
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Not before this: `2026-11-26 10:00`, or how long ago, `7d`
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) since: Option<String>,
}
