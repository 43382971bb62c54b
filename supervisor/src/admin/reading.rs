//! Which files are read as which policy.

use super::options::{Files, Reader, View};
use crate::error::Error;
use crate::workspace;
use policy::{EMBEDDED_NAME, Policy, Setting};
use policy_files::PolicyFiles;
use std::path::{Path, PathBuf};

/// The policy of this machine's service.
const SYSTEM: &str = "/etc/mini-mcp/policy.toml";

impl Reader {
    /// The setting that policies are read for.
    pub(super) fn setting(&self) -> Result<Setting, Error> {
        if self.single_user {
            workspace::setting(self.workspace.as_deref())
        } else {
            Ok(Setting::System)
        }
    }
}

impl Files {
    /// The policies: each the paths of its files.
    pub(super) fn policies(&self) -> Vec<Vec<PathBuf>> {
        match self.files.as_slice() {
            files if files.is_empty() || self.together => vec![files.to_vec()],
            files => files.iter().map(|file| vec![file.clone()]).collect(),
        }
    }
}

/// The policy that is viewed.
pub(super) fn policy(view: &View) -> Result<Policy, Error> {
    let setting = view.reader.setting()?;
    Ok(texts(&view.files, &view.reader.packs, &setting)?.parse(&setting)?)
}

/// The texts of the policy in the files `paths`; without any, of the one that
/// is in force by default.
pub(super) fn texts(
    paths: &[PathBuf],
    packs: &Path,
    setting: &Setting,
) -> Result<PolicyFiles, Error> {
    match (paths, setting) {
        ([], Setting::System) => Ok(PolicyFiles::read(&[PathBuf::from(SYSTEM)], packs, setting)?),
        ([], Setting::SingleUser { .. }) => Ok(PolicyFiles::embedded()),
        (paths, _) => Ok(PolicyFiles::read(paths, packs, setting)?),
    }
}

/// What messages call the policy in the files `paths`.
pub(super) fn name(paths: &[PathBuf], setting: &Setting) -> String {
    match (paths, setting) {
        ([], Setting::System) => SYSTEM.to_owned(),
        ([], Setting::SingleUser { .. }) => EMBEDDED_NAME.to_owned(),
        (paths, _) => {
            let names: Vec<String> = paths
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            names.join(" + ")
        }
    }
}
