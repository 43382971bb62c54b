//! The command line.

use crate::audit::{Durable, Keeping};
use crate::fresh_users::SYSTEMD;
use crate::log::Format;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use thiserror::Error;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
Runs the commands that Mini MCP's policy allows, each in a sandbox of its own.

Usage:
  mini-mcp-worker serve --policy FILE --socket PATH --front PATH --audit FILE --supervisor USER
  mini-mcp-worker single-user --workspace DIR --audit FILE [--policy FILE]
  mini-mcp-worker doctor [--policy FILE] [--workspace DIR] [--json]
  mini-mcp-worker run --profile NAME [OPTION]... -- COMMAND [ARG]...

`serve` is the system service and needs root. `single-user` is started by
`mini-mcp stdio`, which passes connections over file descriptor 0. `doctor` tells
what of the sandbox this kernel holds, and what becomes of each profile. `run` is
started by `mini-mcp run`, whose help tells its options.

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
  --admin PATH         where administrators ask and approve calls: `mini-mcp
                       status`, `mini-mcp pending`; nowhere without it
  --on-request PROGRAM  told of every call that waits for an approval, as JSON on its
                       standard input; root's alone to write
  --on-request-as USER  whom that runs as [nobody]
  --workspace DIR      what ${workspace} stands for in the policy
  --audit FILE         where the audit trail is appended; beside it stand FILE.key,
                       FILE.pub, FILE.head, and former parts FILE.NUMBER
  --audit-key FILE     the key that signs it and digests secrets, made if it is not
                       there [the credential audit.key, where the service
                       manager gives one; else FILE.key beside the trail]
  --audit-sync WHEN    when a line is on the disk: always, before what it tells is
                       done, or interval (default), within five seconds
  --audit-turn SIZE    size at which a new file is begun, such as 64M (default);
                       0 for never
  --record-dir DIR     where what tools with `record` print is kept, by its digest
                       [FILE.output beside the trail]
  --record-quota SIZE  bytes of all that is kept there; beyond it such tools are
                       refused [1G]
  --record-max SIZE    bytes of one run; what prints more is killed [16M]
  --containment HOW    how a process tree is held and killed: auto (default),
                       cgroup, pid-namespace or subreaper
  --dynamic-users RANGE  serve: the user ids that commands with `dynamic_user`
                       get, each for one run [61184-65519]
  --explain-denials    tell what Landlock refused a command that failed, from the
                       host's audit records: needs CAP_AUDIT_READ, and auditing
                       to be on (`auditctl -e 1`)
  --log-format HOW     how messages are written: auto (default), to the journal with
                       fields where standard error is connected to it, else text;
                       text, json or journal
  --json               the report of `doctor` as JSON
  -h, --help           print this text
  -V, --version        print the version

Exit status: 0 after an orderly end, 1 when it cannot work, 2 for a wrong command line;
of `doctor`: 0 all is enforced, 1 a profile is refused or weaker than it asks, 2 it
cannot tell.
";

/// Size of the audit trail at which a new file is begun, unless told.
const TURN_AT: u64 = 64 << 20;

/// Bytes of all recordings together and of one, unless told. As many runs as the
/// supervisor starts at once have room.
const RECORD_QUOTA: u64 = 1 << 30;
const RECORD_MAX: u64 = 16 << 20;
/// What the audit key is called among credentials.
const CREDENTIAL: &str = "audit.key";

/// What the administrator asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Print [`HELP`].
    Help,
    /// Print the version.
    Version,
    /// Do the work.
    Work(Box<Options>),
    /// Tell what of the sandbox holds here.
    Doctor(Doctor),
}

/// What the report is about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Doctor {
    /// The policy file; without one the installed or the embedded policy.
    pub policy: Option<PathBuf>,
    /// The directory of packs.
    pub packs: PathBuf,
    /// What `${workspace}` stands for; with it root is a single user.
    pub workspace: Option<PathBuf>,
    /// Which containment to use.
    pub containment: Preference,
    /// For a program.
    pub json: bool,
}

/// A worker's settings.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// For whom it works.
    pub mode: Mode,
    /// The directory of packs.
    pub packs: PathBuf,
    /// Where administrators ask.
    pub admin: Option<PathBuf>,
    /// The program that is told of calls that wait for an approval.
    pub on_request: Option<PathBuf>,
    /// Whom that runs as.
    pub on_request_as: String,
    /// How the audit trail is kept.
    pub keeping: Keeping,
    /// Where recordings are kept.
    pub record_directory: Option<PathBuf>,
    /// Bytes of all recordings together.
    pub record_quota: u64,
    /// Bytes of one recording.
    pub record_max: u64,
    /// Which containment to use.
    pub containment: Preference,
    /// Whether the audit records of the host are read for explanations.
    pub explain_denials: bool,
    /// How messages are written.
    pub log_format: Format,
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
        /// The user ids that are given to single runs.
        dynamic_users: RangeInclusive<u32>,
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Preference {
    /// The first of the others that works here.
    #[default]
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
    /// No word that is known.
    #[error("cannot tell what to do: say `serve`, `single-user` or `doctor`")]
    Command,
    /// An option that the command needs is not there.
    #[error("cannot start without `{0}`")]
    Missing(&'static str),
    /// A variable without a value.
    #[error("cannot set `{0}`: write NAME=VALUE")]
    Variable(String),
    /// A value that an option does not know.
    #[error("cannot write the audit trail `{0}`: choose always or interval")]
    Durable(String),
    /// A value that is no size.
    #[error("cannot use `{0}` as a size: write one such as 64M")]
    Size(String),
    /// A value that an option does not know.
    #[error("cannot hold process trees by `{0}`: choose auto, cgroup, pid-namespace or subreaper")]
    Containment(String),
    /// A value that an option does not know.
    #[error("cannot write messages as `{0}`: choose auto, text, json or journal")]
    LogFormat(String),
    /// No range of user ids.
    #[error(
        "cannot give commands users of `{0}`: write a range without root and nobody, such as 61184-65519"
    )]
    Users(String),
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
    admin: Option<PathBuf>,
    on_request: Option<PathBuf>,
    on_request_as: Option<String>,
    workspace: Option<PathBuf>,
    audit: Option<PathBuf>,
    audit_key: Option<PathBuf>,
    audit_sync: Option<String>,
    audit_turn: Option<String>,
    record_directory: Option<PathBuf>,
    record_quota: Option<String>,
    record_max: Option<String>,
    containment: Option<String>,
    dynamic_users: Option<String>,
    explain_denials: bool,
    log_format: Option<String>,
    json: bool,
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
            Arg::Long("admin") => given.admin = Some(parser.value()?.into()),
            Arg::Long("on-request") => given.on_request = Some(parser.value()?.into()),
            Arg::Long("on-request-as") => {
                given.on_request_as = Some(parser.value()?.string()?);
            }
            Arg::Long("workspace") => given.workspace = Some(parser.value()?.into()),
            Arg::Long("audit") => given.audit = Some(parser.value()?.into()),
            Arg::Long("explain-denials") => given.explain_denials = true,
            Arg::Long("log-format") => given.log_format = Some(parser.value()?.string()?),
            Arg::Long("json") => given.json = true,
            Arg::Long("audit-key") => given.audit_key = Some(parser.value()?.into()),
            Arg::Long("audit-sync") => given.audit_sync = Some(parser.value()?.string()?),
            Arg::Long("audit-turn") => given.audit_turn = Some(parser.value()?.string()?),
            Arg::Long("record-dir") => given.record_directory = Some(parser.value()?.into()),
            Arg::Long("record-quota") => given.record_quota = Some(parser.value()?.string()?),
            Arg::Long("record-max") => given.record_max = Some(parser.value()?.string()?),
            Arg::Long("containment") => given.containment = Some(parser.value()?.string()?),
            Arg::Long("dynamic-users") => given.dynamic_users = Some(parser.value()?.string()?),
            Arg::Value(command) if given.command.is_none() => {
                given.command = Some(command.string()?);
            }
            other @ (Arg::Short(_) | Arg::Long(_) | Arg::Value(_)) => {
                return Err(other.unexpected().into());
            }
        }
    }
    if given.command.as_deref() == Some("doctor") {
        return given.doctor().map(Action::Doctor);
    }
    given.resolve().map(Box::new).map(Action::Work)
}

impl Given {
    fn doctor(self) -> Result<Doctor, UsageError> {
        Ok(Doctor {
            policy: self.policy,
            packs: self.packs.unwrap_or_else(|| policy_files::PACKS.into()),
            workspace: self.workspace,
            containment: preference(self.containment.as_deref())?,
            json: self.json,
        })
    }

    fn resolve(self) -> Result<Options, UsageError> {
        let mode = match self.command.as_deref() {
            Some("serve") => Mode::System {
                policy: self.policy.ok_or(UsageError::Missing("--policy"))?,
                socket: self.socket.ok_or(UsageError::Missing("--socket"))?,
                front: self.front.ok_or(UsageError::Missing("--front"))?,
                supervisor: self.supervisor.ok_or(UsageError::Missing("--supervisor"))?,
                dynamic_users: range(self.dynamic_users)?,
                keys: self.keys.unwrap_or_else(|| policy_files::KEYS.into()),
            },
            Some("single-user") => Mode::SingleUser {
                policy: self.policy,
                workspace: self.workspace.ok_or(UsageError::Missing("--workspace"))?,
            },
            _ => return Err(UsageError::Command),
        };
        let may_be_another = matches!(mode, Mode::SingleUser { .. });
        let key = self.audit_key.or_else(|| credential(&mode));
        Ok(Options {
            mode,
            packs: self.packs.unwrap_or_else(|| policy_files::PACKS.into()),
            admin: self.admin,
            on_request: self.on_request,
            on_request_as: self.on_request_as.unwrap_or_else(|| "nobody".to_owned()),
            keeping: Keeping {
                trail: self.audit.ok_or(UsageError::Missing("--audit"))?,
                key,
                durable: durable(self.audit_sync.as_deref())?,
                turn_at: self.audit_turn.map_or(Ok(TURN_AT), size)?,
                may_be_another,
            },
            record_directory: self.record_directory,
            record_quota: self.record_quota.map_or(Ok(RECORD_QUOTA), size)?,
            record_max: self.record_max.map_or(Ok(RECORD_MAX), size)?,
            containment: preference(self.containment.as_deref())?,
            explain_denials: self.explain_denials,
            log_format: log_format(self.log_format.as_deref())?,
        })
    }
}

fn log_format(word: Option<&str>) -> Result<Format, UsageError> {
    match word {
        None | Some("auto") => Ok(Format::Auto),
        Some("text") => Ok(Format::Text),
        Some("json") => Ok(Format::Json),
        Some("journal") => Ok(Format::Journal),
        Some(other) => Err(UsageError::LogFormat(other.to_owned())),
    }
}

/// The audit key that the service manager hands over, systemd.exec(5). A single user's
/// directory of credentials is that of whatever started his client.
fn credential(mode: &Mode) -> Option<PathBuf> {
    let directory = match mode {
        Mode::System { .. } => std::env::var_os("CREDENTIALS_DIRECTORY")?,
        Mode::SingleUser { .. } => return None,
    };
    let key = PathBuf::from(directory).join(CREDENTIAL);
    // What stands there is meant, also where it leads nowhere or cannot be looked at.
    let there = fs::symlink_metadata(&key);
    let none = there.is_err_and(|error| error.kind() == ErrorKind::NotFound);
    (!none).then_some(key)
}

fn durable(word: Option<&str>) -> Result<Durable, UsageError> {
    match word {
        None | Some("interval") => Ok(Durable::Interval),
        Some("always") => Ok(Durable::Always),
        Some(other) => Err(UsageError::Durable(other.to_owned())),
    }
}

/// A number of bytes, perhaps with `K`, `M` or `G`.
fn size(text: String) -> Result<u64, UsageError> {
    let (digits, unit) = match text.strip_suffix(['K', 'M', 'G']) {
        Some(digits) => (digits, text.chars().next_back()),
        None => (text.as_str(), None),
    };
    let shift = match unit {
        Some('K') => 10,
        Some('M') => 20,
        Some('G') => 30,
        _ => 0,
    };
    let number: Option<u64> = digits.parse().ok();
    let bytes = number.and_then(|number| number.checked_mul(1 << shift));
    bytes.ok_or(UsageError::Size(text))
}

/// A range of user ids that are neither root's nor one that means nobody.
fn range(text: Option<String>) -> Result<RangeInclusive<u32>, UsageError> {
    let Some(text) = text else { return Ok(SYSTEMD) };
    let ends = text.split_once('-');
    let ends = ends.and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    let sound = |(from, to): &(u32, u32)| {
        let nobody = [65_534, 65_535].iter().any(|id| (from..=to).contains(&id));
        0 < *from && from <= to && *to < u32::MAX - 1 && !nobody
    };
    match ends.filter(sound) {
        Some((from, to)) => Ok(from..=to),
        None => Err(UsageError::Users(text)),
    }
}

pub(crate) fn preference(word: Option<&str>) -> Result<Preference, UsageError> {
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
            line("single-user --workspace /srv --audit /a --audit-sync always --audit-turn 3K --containment subreaper").unwrap();
        let mode = Mode::SingleUser {
            policy: None,
            workspace: "/srv".into(),
        };
        let expected = Options {
            mode,
            packs: policy_files::PACKS.into(),
            admin: None,
            on_request: None,
            on_request_as: "nobody".to_owned(),
            keeping: Keeping {
                trail: "/a".into(),
                key: None,
                durable: Durable::Always,
                turn_at: 3 << 10,
                may_be_another: true,
            },
            record_directory: None,
            record_quota: 1 << 30,
            record_max: 16 << 20,
            containment: Preference::Subreaper,
            explain_denials: false,
            log_format: Format::Auto,
        };
        assert_eq!(action, Action::Work(Box::new(expected)));
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        for (words, error) in [
            (
                "",
                "cannot tell what to do: say `serve`, `single-user` or `doctor`",
            ),
            ("serve --policy /p", "cannot start without `--socket`"),
            (
                "single-user --audit /a",
                "cannot start without `--workspace`",
            ),
            (
                "serve --policy /p --socket /s --front /f --supervisor u --dynamic-users 0-9",
                "cannot give commands users of `0-9`: write a range without root and nobody, such as 61184-65519",
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
