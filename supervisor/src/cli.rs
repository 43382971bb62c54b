//! What can be typed: the commands and options of `mini-mcp`.

use crate::admin::audit_options::{Audit, Report};
use crate::admin::options::{
    Approve, Check, Deny, Doctor, Explain, Grants, Key, Learn, LearnStub, Pending, Reload, Replay,
    Revoke, Run, Schema, Status, Test, Tools,
};
use crate::inet::Http;
use crate::runs::Spool;
use crate::telemetry::Otlp;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Lets an AI agent run the commands that a policy allows, and no others.
#[derive(Debug, Parser)]
#[command(
    name = "mini-mcp",
    version,
    after_help = "\
Examples:
  mini-mcp stdio                       tools for the current directory, no installation
  mini-mcp stdio --policy mine.toml    the same with a policy of your own
  mini-mcp connect                     attach to the service of this machine
  mini-mcp check                       whether the policy of this machine is sound
  mini-mcp doctor                      what of the sandbox holds on this machine
  mini-mcp reload                      have the service take up the policy that is in its files
  mini-mcp pending                     which calls wait for an approval
  mini-mcp explain --as alice disk_usage
                                       whether alice may call a tool, and why
  mini-mcp run --profile isolated -- ls /
                                       run a command in the sandbox of a profile

Logs go to standard error; MINI_MCP_LOG=debug shows more of them.
Exit status: 0 fine, 1 error, 2 wrong usage."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(Serve),
    Connect(Connect),
    Stdio(Stdio),
    Check(Check),
    Doctor(Doctor),
    Learn(Learn),
    LearnStub(LearnStub),
    Explain(Explain),
    Tools(Tools),
    Test(Test),
    Replay(Replay),
    Audit(Audit),
    Report(Report),
    Status(Status),
    Pending(Pending),
    Approve(Approve),
    Deny(Deny),
    Grants(Grants),
    Revoke(Revoke),
    Reload(Reload),
    Key(Key),
    Run(Run),
    Schema(Schema),
}

/// Serve MCP on a Unix socket to the users that the policy names.
///
/// Started by systemd as the user `mini-mcp`. Commands are run by the worker,
/// which must have loaded the same policy.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mini-mcp serve
  mini-mcp serve --policy /tmp/p.toml --socket /tmp/mcp.sock --worker /tmp/worker.sock
  mini-mcp serve --http 127.0.0.1:8765
  mini-mcp serve --http 192.0.2.7:8765 --trusted-proxy 192.0.2.1 --http-host mcp.example.org
  mini-mcp serve --http 0.0.0.0:8765 --tls-certificate server.crt --tls-key server.key
  mini-mcp serve --otlp http://127.0.0.1:4318")]
pub(crate) struct Serve {
    /// Policy file: owned by root, not writable by group or others; with the
    /// drop-ins in the directory beside it, `policy.d`
    #[arg(long, value_name = "FILE", default_value = "/etc/mini-mcp/policy.toml")]
    pub(crate) policy: PathBuf,
    /// Directory of the packs that the policy includes
    #[arg(long, value_name = "DIR", default_value = policy_files::PACKS)]
    pub(crate) packs: PathBuf,
    /// Unix socket to listen on
    #[arg(long, value_name = "PATH", default_value = "/run/mini-mcp/mcp.sock")]
    pub(crate) socket: PathBuf,
    /// Unix socket of the worker
    #[arg(
        long,
        value_name = "PATH",
        default_value = "/run/mini-mcp-worker/worker.sock"
    )]
    pub(crate) worker: PathBuf,
    #[command(flatten)]
    pub(crate) http: Http,
    #[command(flatten)]
    pub(crate) spool: Spool,
    #[command(flatten)]
    pub(crate) otlp: Otlp,
}

/// Pass bytes between standard input and output and the service's socket.
///
/// What MCP clients start that speak stdio only. It knows no policy and needs no
/// privilege: the service sees who you are from the socket.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  claude mcp add server -- mini-mcp connect
  mini-mcp connect --socket /run/mini-mcp/mcp.sock")]
pub(crate) struct Connect {
    /// Unix socket of the service
    #[arg(long, value_name = "PATH", default_value = "/run/mini-mcp/mcp.sock")]
    pub(crate) socket: PathBuf,
}

/// Serve MCP on standard input and output, for one user, without installation.
///
/// Starts a worker of its own. Without --policy there are read-only tools to
/// inspect the machine and the files of the workspace.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  claude mcp add inspect -- mini-mcp stdio
  mini-mcp stdio --workspace ~/project --policy ~/project/policy.toml")]
pub(crate) struct Stdio {
    /// Policy file: owned by you or root, not writable by group or others
    /// [default: embedded, read-only inspection]
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Directory of the packs that the policy includes
    #[arg(long, value_name = "DIR", default_value = policy_files::PACKS)]
    pub(crate) packs: PathBuf,
    /// Directory that `${workspace}` stands for in the policy [default: the current one]
    #[arg(long, value_name = "DIR")]
    pub(crate) workspace: Option<PathBuf>,
    /// Audit trail, to which lines are appended
    /// [default: $XDG_STATE_HOME/mini-mcp/audit.jsonl]
    #[arg(long, value_name = "FILE")]
    pub(crate) audit: Option<PathBuf>,
    /// Program of the worker
    /// [default: mini-mcp-worker beside this program or in /usr/libexec/mini-mcp]
    #[arg(long, value_name = "PATH")]
    pub(crate) worker_program: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) spool: Spool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_workspace_belongs_to_a_single_user() {
        let words = ["mini-mcp", "check", "--workspace", "/w", "p.toml"];
        assert!(Cli::try_parse_from(words).is_err());
        let words = [
            "mini-mcp",
            "check",
            "--single-user",
            "--workspace",
            "/w",
            "p.toml",
        ];
        assert!(Cli::try_parse_from(words).is_ok());
    }
}
