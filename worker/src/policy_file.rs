//! Reads the policy: a file that only root (or, for a single user, the user
//! himself) can have written, checked on the descriptor it is read from.

use nix::unistd::{Group, User};
use policy::{Account, Accounts, Diagnostics, POLICY_MAX, Policy, Setting, Untrusted};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
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
    /// For which installation.
    pub setting: Setting,
}

impl Source {
    /// The policy as it is now.
    pub(crate) fn load(&self) -> Result<Policy, PolicyError> {
        load(self.path.as_deref(), &self.setting)
    }
}

fn load(path: Option<&Path>, setting: &Setting) -> Result<Policy, PolicyError> {
    let (name, text) = match path {
        Some(path) => (path.to_path_buf(), read(path, setting)?),
        None => (policy::EMBEDDED_NAME.into(), policy::EMBEDDED.to_owned()),
    };
    Policy::parse(&name.to_string_lossy(), &text, setting, &HostAccounts)
        .map_err(|diagnostics| PolicyError::Refused(name, diagnostics))
}

fn read(path: &Path, setting: &Setting) -> Result<String, PolicyError> {
    let failed = |error| PolicyError::Read(path.to_path_buf(), error);
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    policy::trusted(setting, metadata.uid(), metadata.mode())
        .map_err(|untrusted| PolicyError::Untrusted(path.to_path_buf(), untrusted))?;
    let mut text = String::new();
    file.take(POLICY_MAX + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > POLICY_MAX {
        return Err(PolicyError::TooLarge(path.to_path_buf()));
    }
    Ok(text)
}
