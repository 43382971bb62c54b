//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use thiserror::Error;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
Runs the commands that Mini MCP's policy allows, each in a sandbox of its own.

Usage:
  mini-mcp-worker serve --policy FILE --socket PATH --front PATH --audit FILE --supervisor USER
  mini-mcp-worker single-user --workspace DIR --audit FILE [--policy FILE]

`serve` is the system service and needs root. `single-user` is started by
`mini-mcp stdio`, which passes connections over file descriptor 0.

Options:
  --policy FILE        the policy, with the drop-ins in the directory beside it
                       that is named like it with `.d`; single-user: the
                       embedded one without it
  --packs DIR          where packs are that it includes
                       [/usr/share/mini-mcp/policy.d]
  --socket PATH        where the supervisor connects
  --front PATH         where clients connect to the supervisor: callers are
                       believed only on sockets bound there
  --keys FILE          the API keys, as `mini-mcp key` writes them; read again
                       whenever it has changed [/etc/mini-mcp/keys]
  --supervisor USER    name or id of the one user that may connect
  --workspace DIR      what ${workspace} stands for in the policy
  --audit FILE         where the audit trail is appended
  --containment HOW    how a process tree is held and killed: auto (default),
                       cgroup, pid-namespace or subreaper
  -h, --help           print this text
  -V, --version        print the version

Exit status: 0 after an orderly end, 1 when it cannot work, 2 for a wrong command line.
";

/// What the administrator asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Print [`HELP`].
    Help,
    /// Print the version.
    Version,
    /// Do the work.
    Work(Options),
}

/// A worker's settings.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// For whom it works.
    pub mode: Mode,
    /// The directory of packs.
    pub packs: PathBuf,
    /// Where the audit trail is appended.
    pub audit: PathBuf,
    /// Which containment to use.
    pub containment: Preference,
}

/// For whom a worker works.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// For the users that the policy names, through the supervisor.
    System {
        /// The policy file.
        policy: PathBuf,
        /// Where the supervisor connects.
        socket: PathBuf,
        /// Where clients connect to the supervisor.
        front: PathBuf,
        /// Name or id of the supervisor's user.
        supervisor: String,
        /// The file of API keys.
        keys: PathBuf,
    },
    /// For the user who started it.
    SingleUser {
        /// The policy file, or the embedded policy.
        policy: Option<PathBuf>,
        /// What `${workspace}` stands for.
        workspace: PathBuf,
    },
}

/// How process trees are to be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preference {
    /// The first of the others that works here.
    Auto,
    /// A cgroup of its own for each command.
    Cgroup,
    /// A process id namespace of its own for each command.
    PidNamespace,
    /// Adoption of orphans by the lane and repeated walks.
    Subreaper,
}

/// A wrong command line.
#[derive(Debug, Error)]
pub(crate) enum UsageError {
    /// An option is unknown or lacks its value.
    #[error(transparent)]
    Option(#[from] lexopt::Error),
    /// Neither `serve` nor `single-user`.
    #[error("cannot tell what to do: say `serve` or `single-user`")]
    Command,
    /// An option that the command needs is not there.
    #[error("cannot start without `{0}`")]
    Missing(&'static str),
    /// A value that an option does not know.
    #[error("cannot hold process trees by `{0}`: choose auto, cgroup, pid-namespace or subreaper")]
    Containment(String),
}

/// Each option as given.
#[derive(Debug, Default)]
struct Given {
    command: Option<String>,
    policy: Option<PathBuf>,
    packs: Option<PathBuf>,
    socket: Option<PathBuf>,
    front: Option<PathBuf>,
    keys: Option<PathBuf>,
    supervisor: Option<String>,
    workspace: Option<PathBuf>,
    audit: Option<PathBuf>,
    containment: Option<String>,
}

/// Reads a command line, without the program's name.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Action, UsageError> {
    use lexopt::{Arg, ValueExt};
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut given = Given::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Action::Help),
            Arg::Short('V') | Arg::Long("version") => return Ok(Action::Version),
            Arg::Long("policy") => given.policy = Some(parser.value()?.into()),
            Arg::Long("packs") => given.packs = Some(parser.value()?.into()),
            Arg::Long("socket") => given.socket = Some(parser.value()?.into()),
            Arg::Long("front") => given.front = Some(parser.value()?.into()),
            Arg::Long("keys") => given.keys = Some(parser.value()?.into()),
            Arg::Long("supervisor") => given.supervisor = Some(parser.value()?.string()?),
            Arg::Long("workspace") => given.workspace = Some(parser.value()?.into()),
            Arg::Long("audit") => given.audit = Some(parser.value()?.into()),
            Arg::Long("containment") => given.containment = Some(parser.value()?.string()?),
            Arg::Value(command) if given.command.is_none() => {
                given.command = Some(command.string()?);
            }
            other @ (Arg::Short(_) | Arg::Long(_) | Arg::Value(_)) => {
                return Err(other.unexpected().into());
            }
        }
    }
    given.resolve().map(Action::Work)
}

impl Given {
    fn resolve(self) -> Result<Options, UsageError> {
        let mode = match self.command.as_deref() {
            Some("serve") => Mode::System {
                policy: self.policy.ok_or(UsageError::Missing("--policy"))?,
                socket: self.socket.ok_or(UsageError::Missing("--socket"))?,
                front: self.front.ok_or(UsageError::Missing("--front"))?,
                supervisor: self.supervisor.ok_or(UsageError::Missing("--supervisor"))?,
                keys: self.keys.unwrap_or_else(|| policy_files::KEYS.into()),
            },
            Some("single-user") => Mode::SingleUser {
                policy: self.policy,
                workspace: self.workspace.ok_or(UsageError::Missing("--workspace"))?,
            },
            _ => return Err(UsageError::Command),
        };
        Ok(Options {
            mode,
            packs: self.packs.unwrap_or_else(|| policy_files::PACKS.into()),
            audit: self.audit.ok_or(UsageError::Missing("--audit"))?,
            containment: preference(self.containment.as_deref())?,
        })
    }
}

fn preference(word: Option<&str>) -> Result<Preference, UsageError> {
    match word {
        None | Some("auto") => Ok(Preference::Auto),
        Some("cgroup") => Ok(Preference::Cgroup),
        Some("pid-namespace") => Ok(Preference::PidNamespace),
        Some("subreaper") => Ok(Preference::Subreaper),
        Some(other) => Err(UsageError::Containment(other.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &str) -> Result<Action, UsageError> {
        parse(words.split_whitespace().map(OsString::from))
    }

    #[test]
    fn a_complete_line_is_understood() {
        let action =
            line("single-user --workspace /srv --audit /a --containment subreaper").unwrap();
        let mode = Mode::SingleUser {
            policy: None,
            workspace: "/srv".into(),
        };
        let expected = Options {
            mode,
            packs: policy_files::PACKS.into(),
            audit: "/a".into(),
            containment: Preference::Subreaper,
        };
        assert_eq!(action, Action::Work(expected));
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        for (words, error) in [
            ("", "cannot tell what to do: say `serve` or `single-user`"),
            ("serve --policy /p", "cannot start without `--socket`"),
            (
                "single-user --audit /a",
                "cannot start without `--workspace`",
            ),
            ("serve --polcy /p", "invalid option '--polcy'"),
            (
                "single-user --workspace /w --audit /a --containment jail",
                "cannot hold process trees by `jail`: choose auto, cgroup, pid-namespace or subreaper",
            ),
        ] {
            assert_eq!(line(words).unwrap_err().to_string(), error, "{words}");
        }
    }
}
