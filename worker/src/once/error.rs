//! What keeps a command from running, and the exit status that says so.

use crate::bounds::BoundsError;
use crate::denials::ObserverError;
use crate::launcher::Refused;
use crate::options::UsageError;
use crate::sandbox::containment::ContainmentError;
use crate::sandbox::launch::LaunchError;
use crate::sandbox::stage::Stage;
use crate::source::PolicyError;
use nix::errno::Errno;
use policy::{Denial, Unsayable};
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// An exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Status(pub u8);

impl Status {
    /// The command was ended at its deadline, as timeout(1) says it.
    pub(super) const TIMED_OUT: Self = Self(124);
    /// The command did not run, as env(1) says it.
    pub(super) const REFUSED: Self = Self(125);
    /// The command cannot be executed.
    const NOT_EXECUTABLE: Self = Self(126);
    /// There is no such command.
    const NOT_FOUND: Self = Self(127);

    /// Ended by a signal, as shells say it.
    pub(super) fn signaled(number: i32) -> Self {
        Self(u8::try_from(128 + number).unwrap_or(u8::MAX))
    }
}

/// Why the command does not run, or was lost.
#[derive(Debug, Error)]
pub(crate) enum OnceError {
    #[error(transparent)]
    Usage(#[from] UsageError),
    #[error("cannot find the command `{0}`{1}")]
    NotFound(String, &'static str),
    #[error("cannot execute `{0}`: no file that may be executed")]
    NotExecutable(PathBuf),
    #[error("cannot find the profile `{0}`\nhint: there are {1}")]
    NoProfile(String, String),
    #[error("cannot find the user `{0}` in the account database")]
    NoUser(String),
    #[error("cannot run as `{0}`: only root may say who a command is for")]
    NotRoot(String),
    #[error("cannot use the directory this was started in")]
    Here(#[source] io::Error),
    #[error(
        "cannot pass descriptor {0} on: it is a directory, a way out of what the profile grants"
    )]
    Stream(i32),
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error(transparent)]
    Unsayable(#[from] Unsayable),
    #[error("denied, `{}`: {}{}", .0.code, .0.reason, hint(.0))]
    Denied(Denial),
    #[error(transparent)]
    Containment(#[from] ContainmentError),
    #[error(transparent)]
    Observer(#[from] ObserverError),
    #[error(transparent)]
    Bounds(#[from] BoundsError),
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("cannot tell how the command ended: its launcher was lost")]
    Lost,
    #[error("cannot set up the process")]
    Process(#[from] Errno),
}

fn hint(denial: &Denial) -> &'static str {
    match denial.code {
        "root_not_granted" => {
            "\nhint: say for whom with `--as USER`; `--as root` runs it as root, without capabilities"
        }
        _ => "",
    }
}

impl OnceError {
    /// What the shell is told.
    pub(super) fn status(&self) -> Status {
        if let Self::Refused(Refused::Launch(LaunchError::Stage { stage, source })) = self
            && *stage == Stage::Execute
        {
            let missing = *source == Errno::ENOENT;
            return if missing {
                Status::NOT_FOUND
            } else {
                Status::NOT_EXECUTABLE
            };
        }
        if let Self::NotFound(..) = self {
            return Status::NOT_FOUND;
        }
        if let Self::NotExecutable(_) = self {
            return Status::NOT_EXECUTABLE;
        }
        Status::REFUSED
    }
}
