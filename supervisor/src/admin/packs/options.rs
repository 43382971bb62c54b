//! What can be typed after `mini-mcp enable` and `mini-mcp disable`.

use clap::Args;
use std::path::PathBuf;

/// Take a pack into the policy of this machine, and put that in force.
///
/// It is linked into the directory of drop-ins beside the policy. Before that the whole
/// policy is read with it: one that would be refused is not changed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mini-mcp enable --list
  sudo mini-mcp enable system-inspect")]
pub(crate) struct Enable {
    /// Name of the pack
    #[arg(value_name = "PACK", required_unless_present = "list")]
    pub(super) pack: Option<String>,
    /// List all packs, and which are enabled
    #[arg(long, conflicts_with = "pack")]
    pub(super) list: bool,
    #[command(flatten)]
    pub(super) place: Place,
}

/// Take a pack out of the policy of this machine, and put that in force.
///
/// What `enable` has linked is removed, unless the rest of the policy could not be used
/// without it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sudo mini-mcp disable system-inspect")]
pub(crate) struct Disable {
    /// Name of the pack
    #[arg(value_name = "PACK")]
    pub(super) pack: String,
    #[command(flatten)]
    pub(super) place: Place,
}

/// Whose policy it is.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// Policy file; drop-ins are in the directory beside it that is named like it with `.d`
    #[arg(long, value_name = "FILE", default_value = "/etc/mini-mcp/policy.toml")]
    pub(super) policy: PathBuf,
    /// Directory of packs
    #[arg(long, value_name = "DIR", default_value = policy_files::PACKS)]
    pub(super) packs: PathBuf,
    /// Leave the policy that is in force as it is
    #[arg(long)]
    pub(super) no_reload: bool,
    /// Unix socket of the service
    #[arg(long, value_name = "PATH", default_value = "/run/mini-mcp/mcp.sock")]
    pub(super) socket: PathBuf,
}
