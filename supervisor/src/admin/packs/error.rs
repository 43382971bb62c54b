//! Why a pack is not enabled or disabled.

use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// What keeps the policy as it is, beside its own mistakes.
#[derive(Debug, Error)]
pub(crate) enum PackError {
    #[error("cannot find the pack `{name}` in `{}`", packs.display())]
    NoPack { name: String, packs: PathBuf },
    #[error("cannot enable the pack `{name}`: `{}` is there and is no link to it", path.display())]
    Taken { name: String, path: PathBuf },
    #[error("cannot disable the pack `{name}`: `{by}` includes it")]
    Included { name: String, by: String },
    #[error("cannot list `{}`", path.display())]
    List { path: PathBuf, source: io::Error },
    #[error("cannot change `{}`", path.display())]
    Change { path: PathBuf, source: io::Error },
}

impl PackError {
    /// What may cure it.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoPack { .. } => Some("`mini-mcp enable --list` shows all"),
            Self::Taken { .. } => Some("give that file another name"),
            Self::Included { .. } => Some("take it out of `include` there"),
            Self::Change { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some("the policy is root's: put `sudo` before the command")
            }
            Self::List { .. } | Self::Change { .. } => None,
        }
    }
}
