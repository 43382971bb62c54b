//! The door through which a policy enters a process: which files make it, who may
//! have written them, and the host's accounts that their names stand for.
//!
//! Supervisor and worker read by this, so that they cannot differ. What the texts
//! mean is the business of [`policy`], which touches nothing outside.

#![forbid(unsafe_code)]

mod accounts;
mod keys;
mod trust;
mod trusted;
mod walk;

pub use accounts::HostAccounts;
pub use keys::{KEY_BYTES, KEY_PREFIX, KEYS, KeyEntry, Keys, KeysError};
pub use trust::Untrusted;
pub use walk::Change;

use policy::{
    Diagnostics, EMBEDDED, EMBEDDED_NAME, Policy, SHIPPED, SHIPPED_NAME, Setting, Source,
};
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Where packs are, unless somebody says otherwise.
pub const PACKS: &str = "/usr/share/mini-mcp/policy.d";

/// Largest policy that is read, in bytes of all its files.
pub const POLICY_MAX: u64 = 8 * 1024 * 1024;

/// Why a file of a policy is not read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// It cannot be opened or read, or is no text.
    #[error("cannot read the policy `{}`", path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody else than the administrator could have written it.
    #[error("cannot trust the policy `{}`", path.display())]
    Untrusted {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: Untrusted,
    },
}

impl ReadError {
    fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Read {
            path: path.to_owned(),
            source,
        }
    }
}

/// The files of one policy, read and not yet parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFiles(Vec<PolicyFile>);

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PolicyFile {
    name: String,
    text: String,
    pack: Option<String>,
}

impl PolicyFile {
    fn source(&self) -> Source<'_> {
        Source {
            name: &self.name,
            text: &self.text,
            pack: self.pack.as_deref(),
        }
    }
}

impl PolicyFiles {
    /// Reads the policy in `mains`: each of these files, then the drop-ins beside it,
    /// `*.toml` in the directory that is named like it with `.d`, sorted by name; then
    /// the packs in the directory `packs` that any of these includes, or that packs
    /// include; a drop-in that is a link to a pack includes it. Each is read once. A pack
    /// that is not there is a mistake for the parser to tell.
    ///
    /// # Errors
    /// A file or a directory that cannot be read, or that somebody else than the
    /// administrator of `setting` could have written; more than [`POLICY_MAX`] bytes.
    pub fn read(mains: &[PathBuf], packs: &Path, setting: &Setting) -> Result<Self, ReadError> {
        walk::walk(mains, packs, setting, None).map(Self)
    }

    /// The same as it would be after a `change` that is not made.
    ///
    /// # Errors
    /// See [`PolicyFiles::read`].
    pub fn read_after(
        change: Change<'_>,
        main: &Path,
        packs: &Path,
        setting: &Setting,
    ) -> Result<Self, ReadError> {
        walk::walk(&[main.to_owned()], packs, setting, Some(change)).map(Self)
    }

    /// Whether the pack `name` is among them.
    #[must_use]
    pub fn have_pack(&self, name: &str) -> bool {
        self.0.iter().any(|file| file.pack.as_deref() == Some(name))
    }

    /// The first of them that includes the pack `name`.
    #[must_use]
    pub fn including(&self, name: &str) -> Option<&str> {
        let includes = |file: &&PolicyFile| {
            let packs = policy::included_packs(&file.text);
            packs.iter().any(|pack| pack == name)
        };
        self.0.iter().find(includes).map(|file| file.name.as_str())
    }

    /// Reads the policy in `main`; without one, takes that which `mini-mcp stdio` uses
    /// when none is named.
    ///
    /// # Errors
    /// See [`PolicyFiles::read`].
    pub fn read_or_embedded(
        main: Option<&Path>,
        packs: &Path,
        setting: &Setting,
    ) -> Result<Self, ReadError> {
        match main {
            Some(main) => Self::read(&[main.to_owned()], packs, setting),
            None => Ok(Self::embedded()),
        }
    }

    /// The policy that comes with the program.
    #[must_use]
    pub fn embedded() -> Self {
        Self(Vec::new()).and(EMBEDDED_NAME, EMBEDDED.to_owned())
    }

    /// The profiles that come with the program, without anything that uses them.
    #[must_use]
    pub fn shipped() -> Self {
        Self(Vec::new()).and(SHIPPED_NAME, SHIPPED.to_owned())
    }

    /// These files and a text of the program's own, which diagnostics call `name`.
    #[must_use]
    pub fn and(mut self, name: &str, text: String) -> Self {
        self.0.push(PolicyFile {
            name: name.to_owned(),
            text,
            pack: None,
        });
        self
    }

    /// These files and `others`, as one policy.
    #[must_use]
    pub fn with(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// Whether `word` stands anywhere in them.
    #[must_use]
    pub fn mention(&self, word: &str) -> bool {
        self.0.iter().any(|file| file.text.contains(word))
    }

    /// The files as the policy language takes them.
    #[must_use]
    pub fn sources(&self) -> Vec<Source<'_>> {
        self.0.iter().map(PolicyFile::source).collect()
    }

    /// The policy that they make, with the accounts of this host.
    ///
    /// # Errors
    /// All mistakes in them.
    pub fn parse(&self, setting: &Setting) -> Result<Policy, Diagnostics> {
        Policy::parse_files(&self.sources(), setting, &HostAccounts)
    }
}
