//! What can be typed after `mini-mcp setup`.

use super::client::Client;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Print the configuration of an MCP client for this machine, or merge it into the client's own.
///
/// Without --client it tells which clients are here and what each would get. Everything
/// else in a client's file stays as it is, comments and format too; a file that cannot be
/// changed so is left alone, and what is to be pasted is printed. What was there before a
/// change is kept beside it, with `.before-mini-mcp` after its name.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mini-mcp setup
  mini-mcp setup --client codex
  mini-mcp setup --client zed --dry-run
  mini-mcp setup --client vscode --scope project --write
  mini-mcp setup --client claude-code --ssh alice@web1.example.org --write")]
pub(crate) struct Setup {
    /// The client
    #[arg(long, value_name = "CLIENT")]
    pub(super) client: Option<Client>,
    /// Merge it into the client's file
    #[arg(long, requires = "client")]
    pub(super) write: bool,
    /// Show what --write would change, and change nothing
    #[arg(long, requires = "client", conflicts_with = "write")]
    pub(super) dry_run: bool,
    /// For all that you do, or for the current directory alone
    #[arg(long, value_name = "SCOPE", default_value = "user")]
    pub(super) scope: Scope,
    /// What the client calls it [default: mini-mcp, with --ssh mini-mcp-HOST]
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub(super) name: Option<String>,
    /// Attach to the service of another machine, by `ssh HOST mini-mcp connect`
    #[arg(long, value_name = "HOST", value_parser = host)]
    pub(super) ssh: Option<String>,
    /// Serve by `mini-mcp stdio`, which needs no service [default: where no service is]
    #[arg(long, conflicts_with = "ssh")]
    pub(super) stdio: bool,
    /// Unix socket of the service
    #[arg(
        long,
        value_name = "PATH",
        default_value = super::server::SOCKET,
        conflicts_with_all = ["ssh", "stdio"]
    )]
    pub(super) socket: PathBuf,
}

/// For whom a client reads a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scope {
    /// For the user, wherever he works
    User,
    /// For whoever works in the current directory
    Project,
}

/// Most characters of a server's name.
const NAME_MAX: usize = 64;

fn name(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if (1..=NAME_MAX).contains(&text.len()) && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("use 1 to 64 letters, digits, `_` and `-`".into())
    }
}

/// What ssh would take as an option is no host.
fn host(text: &str) -> Result<String, String> {
    if text.is_empty() || text.starts_with('-') || text.contains(char::is_whitespace) {
        Err("name a host as ssh(1) takes it, such as alice@web1".into())
    } else {
        Ok(text.to_owned())
    }
}
