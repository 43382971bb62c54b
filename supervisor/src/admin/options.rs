//! What can be typed after the administrator's commands.

use crate::metrics::Address;
use clap::{Args, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

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

fn pair(text: &str) -> Result<Pair, &'static str> {
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
    /// Unix socket where the worker answers administrators
    #[arg(
        long,
        value_name = "PATH",
        default_value = "/run/mini-mcp-worker/admin.sock"
    )]
    pub(crate) socket: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// Print the worker's numbers in the text format of Prometheus, or serve them.
///
/// Asks the worker itself, which answers root, and who is in a group that `[approvals]`
/// of the policy names. The supervisor's own numbers are at `mini-mcp serve --metrics`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sudo mini-mcp metrics
  sudo mini-mcp metrics --listen 127.0.0.1:9464
  sudo mini-mcp metrics --listen unix:/run/mini-mcp-metrics/metrics.sock

The unit mini-mcp-metrics.service does the second one, once it is enabled.")]
pub(crate) struct Metrics {
    /// Serve them at /metrics, until interrupted: on an address of this host, or at a Unix
    /// socket, unix:PATH
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<Address>,
    /// The address may be reached from beyond this host, by anybody, in the clear
    #[arg(long, requires = "listen")]
    pub(crate) anywhere: bool,
    /// Unix socket where the worker answers administrators
    #[arg(
        long,
        value_name = "PATH",
        default_value = "/run/mini-mcp-worker/admin.sock"
    )]
    pub(crate) socket: PathBuf,
}

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
    /// Unix socket where the worker answers administrators
    #[arg(
        long,
        value_name = "PATH",
        default_value = "/run/mini-mcp-worker/admin.sock"
    )]
    pub(crate) socket: PathBuf,
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
    /// Unix socket where the worker answers administrators
    #[arg(
        long,
        value_name = "PATH",
        default_value = "/run/mini-mcp-worker/admin.sock"
    )]
    pub(crate) socket: PathBuf,
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
    /// Unix socket where the worker answers administrators
    #[arg(
        long,
        value_name = "PATH",
        default_value = "/run/mini-mcp-worker/admin.sock"
    )]
    pub(crate) socket: PathBuf,
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
    /// Unix socket where the worker answers administrators
    #[arg(
        long,
        value_name = "PATH",
        default_value = "/run/mini-mcp-worker/admin.sock"
    )]
    pub(crate) socket: PathBuf,
}

/// Take back an approval that stands for further calls. What runs goes on.
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// What `mini-mcp grants` calls it
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Unix socket where the worker answers administrators
    #[arg(
        long,
        value_name = "PATH",
        default_value = "/run/mini-mcp-worker/admin.sock"
    )]
    pub(crate) socket: PathBuf,
}

/// Print the JSON Schema of the policy language, for editors.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mini-mcp schema > policy.schema.json

Then begin a policy with `#:schema ./policy.schema.json`, which the language servers
tombi and taplo understand.")]
pub(crate) struct Schema {}

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
