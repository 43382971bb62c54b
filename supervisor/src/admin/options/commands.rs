//! The commands that run something, or try what would hold it.

use super::{Pair, pair};
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;

/// Tell what of the sandbox this machine holds, and what becomes of each profile.
///
/// Everything is tried, by the worker. Root is told of the service; everybody else,
/// and root with --workspace, of `mini-mcp stdio`. What is held from a shell can be
/// more or less than from a systemd unit, which restricts or delegates.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sudo mini-mcp doctor
  mini-mcp doctor --policy policy.toml
  mini-mcp doctor --json

Exit status: 0 all is enforced, 1 a profile is refused or weaker than it asks,
2 wrong usage, or it cannot be told.")]
pub(crate) struct Doctor {
    /// Policy file [default: /etc/mini-mcp/policy.toml for root, if it is there; else
    /// the embedded policy]
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Directory of the packs that the policy includes
    #[arg(long, value_name = "DIR", default_value = policy_files::PACKS)]
    pub(crate) packs: PathBuf,
    /// Tell what `mini-mcp stdio` would do in this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) workspace: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
    /// Program of the worker
    /// [default: mini-mcp-worker beside this program or in /usr/libexec/mini-mcp]
    #[arg(long, value_name = "PATH")]
    pub(crate) worker_program: Option<PathBuf>,
}

/// Run a command once, watch it, and print the profile and the tool it needs.
///
/// The command is not confined meanwhile. It gets the environment that tools have, and
/// what --env adds; programs are looked for in /usr/local/bin, /usr/bin, /bin and
/// their sbin. The policy knows what this one run did: other arguments may need more.
/// Only root may.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sudo mini-mcp learn --as www-data -- git -C /srv/www status
  sudo mini-mcp learn --as backup -o backup.toml -- tar -cf /srv/backup/etc.tar /etc
  mini-mcp check backup.toml

Without -o the policy goes to standard output, and what the command prints there to
standard error. Exit status: 0 the command succeeded, 1 it failed (the policy is printed
nevertheless) or could not be watched, 2 wrong usage.")]
pub(crate) struct Learn {
    /// Whom the command runs as [default: root]
    #[arg(long = "as", value_name = "USER")]
    pub(crate) user: Option<String>,
    /// File for the policy
    #[arg(short = 'o', long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Variable of the environment that the command needs
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) environment: Vec<Pair>,
    /// The command
    #[arg(value_name = "COMMAND", required = true, last = true)]
    pub(crate) command: Vec<String>,
}

/// What `learn` starts: stops until it is watched, then becomes the command.
#[derive(Debug, Args)]
#[command(hide = true)]
pub(crate) struct LearnStub {
    pub(crate) user: String,
    #[arg(required = true, last = true)]
    pub(crate) command: Vec<String>,
}

/// Run one command under a profile, in the sandbox that an agent's commands get.
///
/// Standard input, output and error are yours, and so is the exit status. Profiles are
/// those of --policy, and `default` and `isolated`, which need no policy: they read and
/// execute what the system has installed, have temporary directories of their own, and
/// reach no network. Without root the command runs as you.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mini-mcp run --profile isolated -- ls -la /
  mini-mcp run --profile default --rw . --dir . -- git status
  mini-mcp run --profile default --connect tcp:443 -- curl -sS https://example.org/
  sudo mini-mcp run --policy policy.toml --profile inspect --as alice -- ps aux

Exit status: that of the command, or 128 + N when signal N ended it; 124 its time was
up; 125 it did not run; 126 it cannot be executed; 127 there is no such command.
SIGINT, SIGTERM and SIGHUP end it with everything that it started. No audit trail is
written.")]
pub(crate) struct Run {
    /// Policy file, with its drop-ins and packs [default: the shipped profiles alone]
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Directory of the packs that the policy includes
    #[arg(long, value_name = "DIR", default_value = policy_files::PACKS)]
    pub(crate) packs: PathBuf,
    /// Profile to run under
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: String,
    /// File or tree that may be read as well; a leading `-` says that it may be missing
    #[arg(long, value_name = "PATH", allow_hyphen_values = true)]
    pub(crate) read: Vec<PathBuf>,
    /// File or tree that may be read and written as well
    #[arg(long, value_name = "PATH", allow_hyphen_values = true)]
    pub(crate) rw: Vec<PathBuf>,
    /// File or tree that may be read and executed as well
    #[arg(long, value_name = "PATH", allow_hyphen_values = true)]
    pub(crate) exec: Vec<PathBuf>,
    /// Whom the command is for: a name or a user id; only root may name another
    #[arg(long = "as", value_name = "USER")]
    pub(crate) user: Option<String>,
    /// Time until everything is killed, such as `90s`
    #[arg(long, value_name = "TIME")]
    pub(crate) timeout: Option<String>,
    /// `default` or `isolated`, in place of the profile's
    #[arg(long, value_name = "STRENGTH")]
    pub(crate) strength: Option<String>,
    /// `none`, `unix`, `loopback` or `full`, in place of the profile's
    #[arg(long, value_name = "NETWORK", conflicts_with = "connect")]
    pub(crate) network: Option<String>,
    /// Port that may be connected to, such as `tcp:443`; in place of the profile's network
    #[arg(long, value_name = "PORT")]
    pub(crate) connect: Vec<String>,
    /// Directory to start in [default: the profile's]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Variable of the environment, of which nothing else is passed on
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<String>,
    /// How the process tree is held: auto, cgroup, pid-namespace or subreaper
    #[arg(long, value_name = "HOW")]
    pub(crate) containment: Option<String>,
    /// Tell what Landlock refused a command that failed, from the host's audit records
    #[arg(long)]
    pub(crate) explain_denials: bool,
    /// Program of the worker
    /// [default: mini-mcp-worker beside this program or in /usr/libexec/mini-mcp]
    #[arg(long, value_name = "PATH")]
    pub(crate) worker_program: Option<PathBuf>,
    /// Command and its arguments; a bare name is looked up in the profile's PATH
    #[arg(value_name = "COMMAND", required = true, last = true)]
    pub(crate) command: Vec<OsString>,
}
