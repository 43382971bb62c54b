//! What can be typed after the administrator's commands.

use clap::Args;
use std::path::PathBuf;

/// Check policy files and print every mistake, and what is allowed but unwise.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mini-mcp check
  mini-mcp check --strict /etc/mini-mcp/policy.toml
  mini-mcp check --together base.toml tools.toml
  mini-mcp check --single-user --workspace ~/project policy.toml

Exit status: 0 all policies are fine, 1 some policy is not, 2 wrong usage.")]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) files: Files,
    /// A warning counts as an error
    #[arg(long)]
    pub(crate) strict: bool,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// Policies that are looked at one after the other.
#[derive(Debug, Args)]
pub(crate) struct Files {
    /// Policy files, each a policy by itself
    /// [default: /etc/mini-mcp/policy.toml, with --single-user the embedded policy]
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The files are one policy, and may refer to each other's names
    #[arg(long)]
    pub(crate) together: bool,
    #[command(flatten)]
    pub(crate) reader: Reader,
}

/// For whom a policy is read.
#[derive(Debug, Args)]
pub(crate) struct Reader {
    /// Read the policy as `mini-mcp stdio` does, not as the service
    #[arg(long)]
    pub(crate) single_user: bool,
    /// With --single-user: directory that `${workspace}` stands for [default: the current one]
    #[arg(long, value_name = "DIR", requires = "single_user")]
    pub(crate) workspace: Option<PathBuf>,
}
