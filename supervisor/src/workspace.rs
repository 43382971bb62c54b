//! The setting of a single user: who he is and where he works.

use crate::error::Error;
use nix::unistd::Uid;
use policy::Setting;
use std::path::Path;

/// The current user's setting with `directory`, or the current directory, as
/// the workspace; symlinks in its path are resolved once, here.
///
/// # Errors
/// A workspace that does not exist.
pub(crate) fn setting(directory: Option<&Path>) -> Result<Setting, Error> {
    let directory = directory.unwrap_or(Path::new("."));
    let workspace = directory
        .canonicalize()
        .map_err(|source| Error::Workspace {
            path: directory.to_owned(),
            source,
        })?;
    Ok(Setting::SingleUser {
        uid: Uid::effective().as_raw(),
        workspace,
    })
}
