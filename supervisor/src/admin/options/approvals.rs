//! The commands about calls that wait for an administrator.

use super::AdminSocket;
use clap::{Args, ValueEnum};
use std::time::Duration;

/// Tell which calls wait for an administrator's approval: those that a policy says
/// `ask` for.
///
/// Asks the worker itself, which answers root, and who is in a group that `[approvals]`
/// of the policy names.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sudo mini-mcp pending
  mini-mcp pending --watch
  mini-mcp pending --json

Exit status: 0 fine, also when nothing waits, 1 you may not ask, 2 the worker does not
answer, or wrong usage.")]
pub(crate) struct Pending {
    /// Tell of further requests as they come, until interrupted
    #[arg(long)]
    pub(crate) watch: bool,
    /// Print one JSON document; with --watch one in each line
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: AdminSocket,
}

/// Approve a call that waits: this one, or with --for further ones too.
///
/// Further ones are those of the same caller as the same principal to the same tool. You
/// cannot approve calls of your own, unless the policy says `self_approval`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sudo mini-mcp approve 3f01a-7
  mini-mcp approve 3f01a-7 --for 1h
  mini-mcp approve 3f01a-7 --for 30min --scope tool

Exit status: 0 approved, 1 not (nothing of that name waits, or you may not),
2 the worker does not answer, or wrong usage.")]
pub(crate) struct Approve {
    /// What `mini-mcp pending` calls it
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Approve further calls as well, for so long: at most 24h
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) time: Option<Duration>,
    /// With --for: calls with exactly these arguments, or any that the policy allows
    #[arg(long, value_enum, requires = "time", default_value_t = Scope::Exact)]
    pub(crate) scope: Scope,
    #[command(flatten)]
    pub(crate) place: AdminSocket,
}

/// Which further calls are approved.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Scope {
    /// Those with exactly the same arguments
    Exact,
    /// Those of the tool, whatever their arguments
    Tool,
}

/// Deny a call that waits for approval.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sudo mini-mcp deny 3f01a-7 --reason 'not before the backup has run'

Exit status: 0 denied, 1 not (nothing of that name waits, or you may not),
2 the worker does not answer, or wrong usage.")]
pub(crate) struct Deny {
    /// What `mini-mcp pending` calls it
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Why: the caller is told
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    #[command(flatten)]
    pub(crate) place: AdminSocket,
}

/// List the approvals that stand for further calls.
///
/// They end with their time, with `mini-mcp revoke`, with a new policy, and with the
/// worker.
#[derive(Debug, Args)]
pub(crate) struct Grants {
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: AdminSocket,
}

/// Take back an approval that stands for further calls. What runs goes on.
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// What `mini-mcp grants` calls it
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) place: AdminSocket,
}
