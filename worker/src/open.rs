//! Opens the files that path arguments name: beneath the declared directory,
//! whatever symbolic links say, openat2(2).

use crate::sys::open_within;
use nix::errno::Errno;
use nix::fcntl::{OFlag, ResolveFlag, open};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use policy::{Access, Existence, FileKind, PathGrant};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use thiserror::Error;

/// A path argument that cannot be used.
#[derive(Debug, Error)]
pub(crate) enum OpenError {
    /// The declared directory itself.
    #[error("cannot open directory `{0}`, which the policy declares")]
    Root(PathBuf, #[source] Errno),
    /// It does not exist, or cannot be reached without leaving the directory.
    #[error("cannot open `{path}`{}", escape(*.source))]
    Path {
        /// As the command would see it.
        path: PathBuf,
        /// What the kernel said.
        source: Errno,
    },
    /// It is there, and must not be.
    #[error("cannot create `{0}`: it exists already")]
    Exists(PathBuf),
    /// The user may not make it there.
    #[error("cannot create `{path}` as the user it is for{}", escape(*.source))]
    Create {
        /// As the command would see it.
        path: PathBuf,
        /// What the kernel said.
        source: Errno,
    },
    /// It is something else than was declared.
    #[error("cannot use `{path}`: it is not {expected}")]
    Kind {
        /// As the command would see it.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
    },
}

fn escape(errno: Errno) -> &'static str {
    let leaves = matches!(errno, Errno::EXDEV | Errno::ELOOP);
    if leaves {
        " without leaving its directory by a symbolic link"
    } else {
        ""
    }
}

/// An opened path argument.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Opened with `O_PATH`: names the file and gives no access to its content.
    pub descriptor: OwnedFd,
    /// What it may be used for.
    pub access: Access,
    /// Whether it is a directory.
    pub directory: bool,
}

/// Opens what `grant` names; `None` when it does not exist and need not.
pub(crate) fn open_path(grant: &PathGrant) -> Result<Option<Opened>, OpenError> {
    let root = open_root(grant).map_err(|errno| OpenError::Root(grant.root.clone(), errno))?;
    let failed = |source| OpenError::Path {
        path: grant.path(),
        source,
    };
    let how = (OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty());
    let descriptor = match open_within(&root, &grant.beneath, how, beneath()) {
        Err(Errno::ENOENT) if grant.exists == Existence::May => return Ok(None),
        result => result.map_err(failed)?,
    };
    let directory = check_kind(grant, fstat(&descriptor).map_err(failed)?)?;
    Ok(Some(Opened {
        descriptor,
        access: grant.access,
        directory,
    }))
}

/// Opens the file that `known` is once more, for use: by this process's own rights,
/// the way to it included.
pub(crate) fn open_again(
    grant: &PathGrant,
    known: &Opened,
    flags: OFlag,
) -> Result<OwnedFd, Errno> {
    let how = (flags | OFlag::O_CLOEXEC, Mode::empty());
    let descriptor = open_within(open_root(grant)?, &grant.beneath, how, beneath())?;
    let (now, then) = (fstat(&descriptor)?, fstat(&known.descriptor)?);
    if (now.st_dev, now.st_ino) == (then.st_dev, then.st_ino) {
        Ok(descriptor)
    } else {
        Err(Errno::ESTALE)
    }
}

/// The directory that `grant` declares.
pub(crate) fn open_root(grant: &PathGrant) -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    open(&grant.root, flags, Mode::empty())
}

/// Whatever symbolic links say.
pub(crate) fn beneath() -> ResolveFlag {
    ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS
}

/// Only files and directories: opening a device or a pipe has effects of its own.
fn check_kind(grant: &PathGrant, stat: FileStat) -> Result<bool, OpenError> {
    let kind = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT;
    let (file, directory) = (kind == SFlag::S_IFREG, kind == SFlag::S_IFDIR);
    let (fits, expected) = match grant.kind {
        FileKind::File => (file, "a regular file"),
        FileKind::Directory => (directory, "a directory"),
        FileKind::Any => (file || directory, "a regular file or a directory"),
    };
    if fits {
        Ok(directory)
    } else {
        Err(OpenError::Kind {
            path: grant.path(),
            expected,
        })
    }
}
