//! The commands that ask the service something, or keep a file of it.

use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

/// Where the worker is asked.
#[derive(Debug, Args)]
pub(crate) struct AdminSocket {
    /// Unix socket where the worker answers administrators
    #[arg(
        long,
        value_name = "PATH",
        default_value = "/run/mini-mcp-worker/admin.sock"
    )]
    pub(crate) socket: PathBuf,
}

/// Tell how the service is: for people, and by its exit status for monitoring.
///
/// Asks the worker itself, which tells root alone.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sudo mini-mcp status
  sudo mini-mcp status --json

Exit status: 0 all is well, 1 something is not (calls are refused, the audit trail
cannot be written or was not whole, a policy could not be used), 2 the worker does
not answer, or wrong usage.")]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) place: AdminSocket,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// Watch the service: what runs, what waits for approval, how often what is called, how
/// much of each limit is used, and what was denied.
///
/// Asks the worker itself, which tells root alone. Processor time and memory are those of
/// a command with everything that it started.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sudo mini-mcp top
  sudo mini-mcp top --once
  sudo mini-mcp top --json --interval 5s | jq .running

Keys: q leaves, tab goes on to the next table, arrows scroll it, s sorts it, enter gives
it the screen, p pauses, ? tells all of them.
Exit status: 0 fine, 2 the worker does not answer, or wrong usage.")]
pub(crate) struct Top {
    /// How often the worker is asked: at least 100ms
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    pub(crate) interval: Duration,
    /// Print one frame as text, or with --json as a document, and end
    #[arg(long)]
    pub(crate) once: bool,
    /// Print one JSON document a line
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: AdminSocket,
}

fn interval(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if time < Duration::from_millis(100) {
        return Err("it is less than 100ms".to_owned());
    }
    Ok(time)
}

/// Have the service take up the policy that is in its files now.
///
/// Prints what came of it: the new policy is in force for supervisor and worker, or
/// every mistake, and the former one stays. Running commands finish under the policy
/// they began with. Only root may ask; SIGHUP to the service does the same, and tells
/// its log.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sudo mini-mcp reload
  mini-mcp check new.toml && mv new.toml /etc/mini-mcp/policy.toml && mini-mcp reload

Exit status: 0 the policy is in force, 1 the former one stays, or the service does
not answer, 2 wrong usage.")]
pub(crate) struct Reload {
    /// Unix socket of the service
    #[arg(long, value_name = "PATH", default_value = "/run/mini-mcp/mcp.sock")]
    pub(crate) socket: PathBuf,
}

/// Make, list and revoke the API keys by which callers are known over HTTP.
///
/// The file has digests only and is root's alone. What changes in it counts from the
/// next request on.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sudo mini-mcp key new ci          prints the key, once
  sudo mini-mcp key list
  sudo mini-mcp key revoke ci

In the policy, `api_key = \"ci\"` makes its owner a principal.")]
pub(crate) struct Key {
    #[command(subcommand)]
    pub(crate) command: KeyCommand,
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key and print it; it cannot be shown again
    New {
        /// What the policy calls it: letters, digits, `_` and `-`
        name: String,
        #[command(flatten)]
        file: KeyFile,
    },
    /// List the names of all keys, and when they were made
    List {
        #[command(flatten)]
        file: KeyFile,
    },
    /// Make a key worthless from the next request on
    Revoke {
        /// What the policy calls it
        name: String,
        #[command(flatten)]
        file: KeyFile,
    },
}

/// Where the keys are.
#[derive(Debug, Args)]
pub(crate) struct KeyFile {
    /// File of the keys' digests, the same as the worker's --keys
    #[arg(long, value_name = "FILE", default_value = policy_files::KEYS)]
    pub(crate) keys: PathBuf,
}
