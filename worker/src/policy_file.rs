//! Reads the policy: files that only root (or, for a single user, the user
//! himself) can have written, checked on the descriptor it is read from.

use nix::unistd::{Group, User};
use policy::{
    Account, Accounts, Diagnostics, POLICY_MAX, Policy, PolicyFile, Setting, Shelf, Untrusted,
};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// A policy that is not used.
#[derive(Debug, Error)]
pub(crate) enum PolicyError {
    /// The file cannot be opened or read.
    #[error("cannot read policy `{0}`")]
    Read(PathBuf, #[source] io::Error),
    /// Somebody else could have written it.
    #[error("cannot trust policy `{0}`")]
    Untrusted(PathBuf, #[source] Untrusted),
    /// It is absurdly large.
    #[error("cannot read policy `{0}`: it is larger than {POLICY_MAX} bytes")]
    TooLarge(PathBuf),
    /// Its text has errors.
    #[error("cannot use policy `{0}`\n{1}")]
    Refused(PathBuf, Diagnostics),
}

/// Names from the host's account database, getpwnam(3) and getgrnam(3).
struct HostAccounts;

impl Accounts for HostAccounts {
    fn user(&self, name: &str) -> Option<Account> {
        let user = User::from_name(name).ok()??;
        Some(Account {
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            home: user.dir,
        })
    }

    fn group(&self, name: &str) -> Option<u32> {
        Group::from_name(name).ok()?.map(|group| group.gid.as_raw())
    }
}

/// Where a policy is loaded from, once and again.
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
    /// The policy as it is now.
    pub(crate) fn load(&self) -> Result<Policy, PolicyError> {
        let (name, files) = match &self.path {
            Some(path) => (
                path.clone(),
                policy::gather(self, std::slice::from_ref(path), &self.packs)?,
            ),
            None => {
                let embedded = PolicyFile::single(policy::EMBEDDED_NAME, policy::EMBEDDED);
                (policy::EMBEDDED_NAME.into(), vec![embedded])
            }
        };
        let sources: Vec<policy::Source<'_>> = files.iter().map(PolicyFile::source).collect();
        Policy::parse_files(&sources, &self.setting, &HostAccounts)
            .map_err(|diagnostics| PolicyError::Refused(name, diagnostics))
    }
}

impl Shelf for Source {
    type Error = PolicyError;

    fn list(&self, path: &Path) -> Result<Vec<PathBuf>, PolicyError> {
        let failed = |error| PolicyError::Read(path.to_path_buf(), error);
        match open(path, libc::O_DIRECTORY) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            directory => trust(&directory.map_err(failed)?, path, &self.setting)?,
        }
        let entries = fs::read_dir(path).map_err(failed)?;
        let paths = entries.map(|entry| Ok(entry.map_err(failed)?.path()));
        paths.collect()
    }

    fn read(&self, path: &Path) -> Result<String, PolicyError> {
        read(path, &self.setting)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }
}

/// Only the administrator can have written `file`, which is open.
fn trust(file: &File, path: &Path, setting: &Setting) -> Result<(), PolicyError> {
    let metadata = file
        .metadata()
        .map_err(|error| PolicyError::Read(path.to_path_buf(), error))?;
    policy::trusted(setting, metadata.uid(), metadata.mode())
        .map_err(|untrusted| PolicyError::Untrusted(path.to_path_buf(), untrusted))
}

/// `O_NONBLOCK`, so that a FIFO in the place of `path` cannot hold the worker up.
fn open(path: &Path, flags: i32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_NONBLOCK | flags);
    options.open(path)
}

fn read(path: &Path, setting: &Setting) -> Result<String, PolicyError> {
    let failed = |error| PolicyError::Read(path.to_path_buf(), error);
    let file = open(path, 0).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(failed(io::Error::other("it is not a regular file")));
    }
    trust(&file, path, setting)?;
    let mut text = String::new();
    file.take(POLICY_MAX + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > POLICY_MAX {
        return Err(PolicyError::TooLarge(path.to_path_buf()));
    }
    Ok(text)
}
