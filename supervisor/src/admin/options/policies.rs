//! The commands that read policies and tell about them.

use clap::Args;
use std::net::IpAddr;
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
    /// Directory of the packs that policies include
    #[arg(long, value_name = "DIR", default_value = policy_files::PACKS)]
    pub(crate) packs: PathBuf,
    /// Read the policy as `mini-mcp stdio` does, not as the service
    #[arg(long)]
    pub(crate) single_user: bool,
    /// With --single-user: directory that `${workspace}` stands for [default: the current one]
    #[arg(long, value_name = "DIR", requires = "single_user")]
    pub(crate) workspace: Option<PathBuf>,
}

/// Tell how a call would be decided, by which rule, and what would run.
///
/// Nothing runs. USER stands for a caller with all the groups that the account
/// database gives him.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mini-mcp explain --as alice tail_log file=/var/log/syslog lines=5
  mini-mcp explain --as 1000 --json journal units=ssh.service units=cron.service
  mini-mcp explain --as-key ci --from 10.0.0.7 deploy
  mini-mcp explain --single-user --policy policy.toml file_head file=README.md

Exit status: 0 the call is allowed, 1 it is denied or needs approval,
2 wrong usage, or the policy cannot be read.")]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) view: View,
    /// Name of the tool; or `resource/NAME`, which reads a resource, or `resource/NAME/`, which lists one
    #[arg(value_name = "TOOL")]
    pub(crate) tool: String,
    /// Arguments, read as the tool declares them: `true` or `false` for a flag,
    /// one KEY=VALUE for each item of a list
    #[arg(value_name = "KEY=VALUE", value_parser = pair)]
    pub(crate) arguments: Vec<Pair>,
}

/// A policy as one user meets it.
#[derive(Debug, Args)]
pub(crate) struct View {
    /// User who calls: a name or a user id [default with --single-user: you]
    #[arg(
        long = "as",
        value_name = "USER",
        required_unless_present_any = ["single_user", "key"],
        conflicts_with = "key"
    )]
    pub(crate) user: Option<String>,
    /// API key that the caller presents, instead of a user
    #[arg(long = "as-key", value_name = "NAME", conflicts_with = "single_user")]
    pub(crate) key: Option<String>,
    /// With --as-key: where he connects from
    #[arg(
        long,
        value_name = "ADDRESS",
        requires = "key",
        default_value = "127.0.0.1"
    )]
    pub(crate) from: IpAddr,
    /// What his client says of itself
    #[arg(long, value_name = "NAME[/VERSION]")]
    pub(crate) client: Option<String>,
    /// Policy file; those of several are read as one policy
    /// [default: /etc/mini-mcp/policy.toml, with --single-user the embedded policy]
    #[arg(long = "policy", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) reader: Reader,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// One KEY=VALUE.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) key: String,
    pub(crate) value: String,
}

pub(super) fn pair(text: &str) -> Result<Pair, &'static str> {
    let (key, value) = text.split_once('=').ok_or("it is not KEY=VALUE")?;
    Ok(Pair {
        key: key.to_owned(),
        value: value.to_owned(),
    })
}

/// List the tools that a user's agent sees, as it sees them.
///
/// USER stands for a caller with all the groups that the account database gives
/// him.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mini-mcp tools --as alice
  mini-mcp tools --as 1000 --json
  mini-mcp tools --single-user --policy policy.toml")]
pub(crate) struct Tools {
    #[command(flatten)]
    pub(crate) view: View,
}

/// Decide the examples that policies hold, and print the results as TAP.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mini-mcp test
  mini-mcp test --json policy.toml
  prove --exec 'mini-mcp test' policy.toml

Exit status: 0 every example holds, 1 one does not or a policy has mistakes,
2 wrong usage.")]
pub(crate) struct Test {
    #[command(flatten)]
    pub(crate) files: Files,
    /// Print one JSON document instead
    #[arg(long)]
    pub(crate) json: bool,
}

/// Decide a recorded audit trail again, and tell which calls another policy would
/// decide differently.
///
/// Nothing runs. Limits are not counted again: what was denied by one counts as
/// allowed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mini-mcp replay /var/log/mini-mcp/audit.jsonl --policy new.toml
  mini-mcp replay --all --json audit.jsonl --policy new.toml

Exit status: 0 every call is decided as before, 1 some are not,
2 wrong usage, or a file cannot be read.")]
pub(crate) struct Replay {
    /// Audit trails
    #[arg(value_name = "AUDIT", required = true)]
    pub(crate) trails: Vec<PathBuf>,
    /// The new policy; the files of several are read as one policy
    /// [default: /etc/mini-mcp/policy.toml, with --single-user the embedded policy]
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) reader: Reader,
    /// Tell of every call, also those that are decided as before
    #[arg(long)]
    pub(crate) all: bool,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// Print the JSON Schema of the policy language, for editors.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mini-mcp schema > policy.schema.json

Then begin a policy with `#:schema ./policy.schema.json`, which the language servers
tombi and taplo understand.")]
pub(crate) struct Schema {}
