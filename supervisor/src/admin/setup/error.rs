//! Why a client is not set up.

use super::client::Client;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// What keeps a client's configuration as it is.
#[derive(Debug, Error)]
pub(crate) enum SetupError {
    #[error("cannot tell where clients have their files: HOME is not set")]
    NoHome,
    #[error("cannot tell where this program is")]
    Program(#[source] io::Error),
    #[error("cannot write the path `{}` into a configuration: it is no text", .0.display())]
    NoText(PathBuf),
    #[error("cannot set up {0} for a project: it has one configuration, that of its user")]
    NoProject(Client),
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// The words say what stands in the way.
    #[error("cannot change `{}` without loss: {why}", path.display())]
    Loss { path: PathBuf, why: String },
    #[error("cannot write `{}`", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot change `{}`: it has been changed meanwhile", .0.display())]
    Changed(PathBuf),
    #[error("cannot change `{}` as root: it is another user's", .0.display())]
    NotOurs(PathBuf),
}

impl SetupError {
    /// What may cure it.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoProject(_) => Some("leave --scope away"),
            Self::Loss { .. } => Some("paste what is printed into it by hand"),
            Self::Changed(_) => Some("close the client and try again"),
            Self::NotOurs(_) => Some("sudo -u USER mini-mcp setup"),
            Self::NoHome
            | Self::Program(_)
            | Self::NoText(_)
            | Self::Read { .. }
            | Self::Write { .. } => None,
        }
    }
}
