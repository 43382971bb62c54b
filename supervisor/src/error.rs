//! What ends the program, said once, at the top.

use crate::confine::ConfineError;
use crate::lane::LaneError;
use crate::tls::TlsError;
use policy::Diagnostics;
use policy_files::{KeysError, ReadError};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use thiserror::Error;

/// Why the program could not do what it was started for.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("cannot read `MINI_MCP_LOG`")]
    Log(#[source] tracing_subscriber::filter::ParseError),
    #[error(transparent)]
    ReadPolicy(#[from] ReadError),
    #[error("cannot read the audit trail `{}`", path.display())]
    ReadTrail { path: PathBuf, source: io::Error },
    #[error("cannot write `{}`", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot find run `{0}` in the audit trail")]
    NoRun(String),
    /// The diagnostics name the file themselves.
    #[error("cannot use the policy\n{0}")]
    Mistakes(#[from] Diagnostics),
    #[error("cannot use the workspace `{}`", path.display())]
    Workspace { path: PathBuf, source: io::Error },
    #[error("cannot tell where the audit trail belongs: neither XDG_STATE_HOME nor HOME is set")]
    NoState,
    #[error("cannot create the directory `{}`", path.display())]
    CreateDirectory { path: PathBuf, source: io::Error },
    #[error("cannot listen on `{}`", path.display())]
    Listen { path: PathBuf, source: io::Error },
    #[error("cannot listen on `{}`: another process answers there", path.display())]
    Occupied { path: PathBuf },
    #[error("cannot take over the socket of the service manager for `{}`", path.display())]
    TakeOver { path: PathBuf, source: io::Error },
    #[error("cannot reach the service manager at NOTIFY_SOCKET")]
    Notify(#[source] io::Error),
    #[error("cannot start the worker `{}`", path.display())]
    StartWorker { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Worker(#[from] LaneError),
    #[error("cannot serve HTTP at {address}")]
    ListenHttp {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("cannot serve HTTP at {0}: keys would cross the network in the clear")]
    Clear(SocketAddr),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("cannot use `{0}` as the endpoint of a collector")]
    Endpoint(String),
    #[error("cannot find the collector `{name}`")]
    FindCollector { name: String, source: io::Error },
    #[error("cannot export traces and metrics")]
    Export(#[from] opentelemetry_otlp::ExporterBuildError),
    #[error(transparent)]
    ReadKeys(#[from] KeysError),
    #[error("cannot write the keys in `{}`", path.display())]
    WriteKeys { path: PathBuf, source: io::Error },
    #[error("cannot make a key: there is one of the name `{0}`")]
    KeyTaken(String),
    #[error("cannot revoke the key `{0}`: there is none of this name")]
    NoKey(String),
    #[error("cannot make a key of the name `{0}`")]
    KeyName(String),
    #[error("cannot read the kernel's random source")]
    Random(#[source] io::Error),
    #[error("cannot connect to `{}`", path.display())]
    Connect { path: PathBuf, source: io::Error },
    #[error("cannot ask the worker at `{}`", path.display())]
    ConnectAdmin { path: PathBuf, source: io::Error },
    /// The worker's own words.
    #[error("{0}")]
    NotDone(String),
    #[error("cannot understand the worker: it is of another version")]
    OtherVersion,
    #[error("cannot use `{}`: the service closed the connection without an answer", path.display())]
    Refused { path: PathBuf },
    #[error("cannot reload the policy: {0}\nthe former policy stays in force")]
    Reload(String),
    #[error("cannot reload the policy: only root may ask for it")]
    NotRoot,
    #[error("cannot learn what a command needs: only root may")]
    LearnAsRoot,
    #[error("cannot find the program `{program}`")]
    NoProgram { program: String },
    #[error("cannot watch the command")]
    Trace(#[source] io::Error),
    #[error("cannot learn which system calls every command has: the worker did not tell")]
    NoReport,
    #[error("cannot write `{}`", path.display())]
    WriteLearned { path: PathBuf, source: io::Error },
    #[error("cannot keep output in `{}`", path.display())]
    Spool { path: PathBuf, source: io::Error },
    #[error("cannot keep output in `{}`: others may look into it", path.display())]
    SpoolShared { path: PathBuf },
    #[error("cannot pass bytes on")]
    Bridge(#[source] io::Error),
    #[error("cannot find the user `{name}` in the account database")]
    NoUser { name: String },
    #[error("cannot take the argument `{key}` twice: it is not a list")]
    Repeated { key: String },
    #[error("cannot write to standard output")]
    Print(#[source] io::Error),
    #[error("cannot confine this process")]
    Confine(#[from] ConfineError),
    #[error("cannot set up the process")]
    Process(#[source] io::Error),
}

impl Error {
    /// What may cure it, where that is known.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Log(_) => Some("a filter such as `info` or `mini_mcp=debug`"),
            Self::ReadPolicy(ReadError::Read { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                Some("name another policy file")
            }
            Self::ReadTrail { source, .. } => cure(TRAIL_CURES, source),
            Self::Endpoint(_) => Some(
                "http://ADDRESS:PORT or unix:PATH; a collector of this host speaks TLS with others",
            ),
            Self::FindCollector { .. } => Some("name its address"),
            Self::NoRun(_) => {
                Some("`mini-mcp audit --json` names each; the client has it as `run_id`")
            }
            Self::NoUser { .. } => Some("name a user of this host, or his user id"),
            Self::NoState => Some("name a file with --audit"),
            Self::Listen { source, .. } => cure(LISTEN_CURES, source),
            Self::TakeOver { .. } => {
                Some("the socket unit needs one ListenStream=, with the path of --socket")
            }
            Self::Occupied { .. } => Some("stop the other process, or name another --socket"),
            Self::StartWorker { .. } => Some(
                "mini-mcp-worker belongs beside mini-mcp or in /usr/libexec/mini-mcp; \
                 name it with --worker-program",
            ),
            Self::Worker(error) => error.hint(),
            Self::Connect { source, .. } => cure(CONNECT_CURES, source),
            Self::ConnectAdmin { source, .. } => cure(ADMIN_CURES, source),
            Self::OtherVersion => Some("install supervisor and worker of the same release"),
            Self::Refused { .. } => Some(
                "a principal of the policy must name your user or one of your groups; \
                 `journalctl -u mini-mcp` says who was refused",
            ),
            Self::LearnAsRoot => Some("sudo mini-mcp learn --as USER -- COMMAND"),
            Self::NoProgram { .. } => Some("name its whole path"),
            Self::Spool { .. } | Self::SpoolShared { .. } => {
                Some("name another --spool: a directory of the service's own user, mode 0700")
            }
            Self::NotRoot => Some("sudo mini-mcp reload"),
            Self::Confine(_) => Some(
                "Linux 5.13 or newer with Landlock is needed: `landlock` must stand in \
                 /sys/kernel/security/lsm",
            ),
            Self::ListenHttp { .. } => {
                Some("another process may have the port: name another --http")
            }
            Self::Clear(_) => Some(
                "listen on 127.0.0.1, speak TLS with --tls-certificate and --tls-key, or name \
                 the proxy in front that does with --trusted-proxy",
            ),
            Self::Tls(error) => Some(error.hint()),
            Self::WriteKeys { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some("the keys are root's: sudo mini-mcp key")
            }
            Self::ReadKeys(KeysError::Read { .. }) => {
                Some("the keys are root's: sudo mini-mcp key")
            }
            Self::KeyTaken(_) => Some("choose another name, or revoke it first"),
            Self::NoKey(_) => Some("`mini-mcp key list` shows them"),
            Self::KeyName(_) => Some("use 1 to 64 letters, digits, `_` and `-`"),
            Self::ReadKeys(_)
            | Self::WriteKeys { .. }
            | Self::Random(_)
            | Self::ReadPolicy(_)
            | Self::Write { .. }
            | Self::Mistakes(_)
            | Self::Workspace { .. }
            | Self::CreateDirectory { .. }
            | Self::Reload(_)
            | Self::NotDone(_)
            | Self::Trace(_)
            | Self::NoReport
            | Self::WriteLearned { .. }
            | Self::Bridge(_)
            | Self::Notify(_)
            | Self::Repeated { .. }
            | Self::Print(_)
            | Self::Export(_)
            | Self::Process(_) => None,
        }
    }

    /// The error with its causes and its hint.
    pub(crate) fn text(&self) -> String {
        let mut text = chain(self);
        if let Some(hint) = self.hint() {
            text.push_str(&format!("\nhint: {hint}"));
        }
        text
    }

    /// Prints it.
    pub(crate) fn report(&self) {
        let text = format!("mini-mcp: {}\n", self.text());
        // Without standard error, nobody is left to be told.
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

/// The error and its causes in one line, `what: why: why`.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Pairs of a kind of error and its cure.
type Cures = [(io::ErrorKind, &'static str)];

const LISTEN_CURES: &Cures = &[
    (
        io::ErrorKind::NotFound,
        "create its directory first, or name another --socket",
    ),
    (
        io::ErrorKind::PermissionDenied,
        "start it as its service: `systemctl start mini-mcp`",
    ),
];

const ADMIN_CURES: &Cures = &[
    (
        io::ErrorKind::NotFound,
        "start the worker with `systemctl start mini-mcp-worker`, or name its --admin socket with --socket",
    ),
    (
        io::ErrorKind::ConnectionRefused,
        "nothing answers there: start the worker with `systemctl start mini-mcp-worker`",
    ),
    (
        io::ErrorKind::PermissionDenied,
        "root may ask: put `sudo` before the command; for approvals, so may who is in a group \
         that `[approvals]` of the policy names",
    ),
];

const TRAIL_CURES: &Cures = &[
    (
        io::ErrorKind::PermissionDenied,
        "root alone may read it: put `sudo` before the command",
    ),
    (io::ErrorKind::NotFound, "name the trail with --audit"),
];

const CONNECT_CURES: &Cures = &[
    (
        io::ErrorKind::NotFound,
        "start the service with `systemctl start mini-mcp`, name its socket with --socket, \
         or use `mini-mcp stdio`, which needs no service",
    ),
    (
        io::ErrorKind::ConnectionRefused,
        "nothing answers there: start the service with `systemctl start mini-mcp`",
    ),
    (
        io::ErrorKind::PermissionDenied,
        "the socket's directory must let you in: join the group that owns it",
    ),
];

fn cure(cures: &Cures, error: &io::Error) -> Option<&'static str> {
    let (_, cure) = cures.iter().find(|(kind, _)| *kind == error.kind())?;
    Some(cure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_names_each_cause_once() {
        let error = Error::Connect {
            path: "/run/x.sock".into(),
            source: io::Error::other("gone"),
        };
        assert_eq!(chain(&error), "cannot connect to `/run/x.sock`: gone");
    }
}
