//! Where the policy is loaded from, once and again.

use policy::{Diagnostics, Policy, Setting};
use policy_files::{PolicyFiles, ReadError};
use std::path::PathBuf;
use thiserror::Error;

/// A policy that is not used.
#[derive(Debug, Error)]
pub(crate) enum PolicyError {
    /// Some file of it is not read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Its text has errors, which name their files; they are no cause of it, or they
    /// would be told twice.
    #[error("cannot use the policy\n{0}")]
    Refused(Diagnostics),
}

/// Not as a source: the error shows them already.
impl From<Diagnostics> for PolicyError {
    fn from(mistakes: Diagnostics) -> Self {
        Self::Refused(mistakes)
    }
}

/// The files of a policy, and for whom it is.
#[derive(Debug)]
pub(crate) struct Source {
    /// The file, or the embedded policy.
    pub path: Option<PathBuf>,
    /// The directory of packs.
    pub packs: PathBuf,
    /// For which installation.
    pub setting: Setting,
}

impl Source {
    /// What messages call it.
    pub(crate) fn name(&self) -> String {
        match &self.path {
            Some(path) => path.display().to_string(),
            None => policy::EMBEDDED_NAME.to_owned(),
        }
    }

    /// The policy as it is now.
    pub(crate) fn load(&self) -> Result<Policy, PolicyError> {
        let main = self.path.as_deref();
        let files = PolicyFiles::read_or_embedded(main, &self.packs, &self.setting)?;
        files.parse(&self.setting).map_err(PolicyError::Refused)
    }
}
